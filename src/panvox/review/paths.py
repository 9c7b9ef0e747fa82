"""How files are called: safe to show, and different for different files.

Pure, but for links in paths with `..`, which lead where the system says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from panvox.review.patterns import is_glob

_LONGEST = 40
_UNSAFE = re.compile(r"[^a-z0-9._]+")


def located(path: str, where: str) -> str:
    """The absolute path that is meant, without `.` and `..`; what stands before `..` may be a link."""
    whole = os.path.join(where, path)  # noqa: PTH118 - keeps bytes that are no text as they are
    if ".." not in path.split("/"):
        return os.path.normpath(whole)
    folder, name = os.path.split(whole.rstrip("/"))
    if name in {"..", "."}:
        return os.path.realpath(whole)
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118


def called(absolute: str, where: str, *, given: str = "") -> str:
    """What a file at `absolute` is called by people who are at `where` and wrote `given`.

    Relative to `where` below it, and where it was given so; else with `~` for the home folder.
    """
    if absolute == where:
        return "."
    if absolute.startswith(where.rstrip("/") + "/"):
        return escaped(absolute[len(where.rstrip("/")) + 1 :])
    if given and not given.startswith("/"):
        return escaped(os.path.relpath(absolute, where))
    home = _home()
    if home and absolute.startswith(home + "/"):
        return "~" + escaped(absolute[len(home) :])
    return escaped(absolute)


def _home() -> str:
    try:
        home = str(Path.home())
    except RuntimeError:
        return ""
    return home if home.startswith("/") and home != "/" else ""


def escaped(path: str) -> str:
    r"""`path` on one line, without anything that a terminal would obey or nobody sees: `\x1b`, `\u{202e}`.

    Two different paths never become the same: a backslash is doubled, and what starts with a sign that has
    a meaning (`<stdin>`, `~`) gets a `./`.
    """
    if path.startswith(("<", "~")):
        path = "./" + path
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(map(_escaped, path))


def _escaped(sign: str) -> str:
    if sign == "\\":
        return "\\\\"
    if sign.isprintable():
        return sign
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no text, as Python keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{{{code:x}}}" if code >= 0x80 else f"\\x{code:02x}"


def topic_of(wanted: Sequence[str], where: Path | None = None) -> str:
    """A short name for what is reviewed, for the name of a folder: `src`, `diff-main-head`, `stdin`.

    `wanted` are paths, `-` for standard input, and diffs as `diff main..HEAD` or `<diff main..HEAD>`. The
    folder `where` lends its name to `.`. At most 40 of the characters `a` to `z`, `0` to `9`, `.`, `_`, `-`.
    """
    if not wanted:
        return "review"
    first = wanted[0].strip("<>")
    if first == "-":
        first = "stdin"
    elif first.strip() == "diff":
        first = "diff-uncommitted"
    elif not first.startswith("diff "):
        first = _last_part(first, where)
    topic = _UNSAFE.sub("-", re.sub(r"\.{2,}", "-", first.lower())).strip("-._")[:_LONGEST].rstrip("-._")
    more = f"-and-{len(wanted) - 1}-more" if len(wanted) > 1 else ""
    return (topic[: _LONGEST - len(more)].rstrip("-._") or "review") + more


def _last_part(path: str, where: Path | None) -> str:
    """The last part that is a name, before the first that is a glob, if there is one."""
    parts = os.path.normpath(os.path.join(where or "", path)).split("/")  # noqa: PTH118
    named = [part for part in parts if part not in {"", ".", ".."}]
    first = next((at for at, part in enumerate(named) if is_glob(part)), len(named))
    plain = path.startswith("*") or not first
    return named[-1] if plain and named else "".join(named[first - 1 : first])
