"""File names for models and folders: safe on every file system, one for each model. Pure.

What a name keeps of an id are letters and digits of all scripts and the signs `.`, `-`, `+`, `=`, `@`, `_`;
everything else becomes `_`. So no name has a separator, a control character or a sign that is not seen, and
none begins with a dot or a dash.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import groupby

SUFFIX = ".md"
LONGEST = 200
"""Bytes of a name; file systems allow 255, and some of them are left for what others put around it."""

_TOPIC = 60
_KEPT = frozenset(".-+=@_")
_DEVICES = frozenset(("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$")) | {
    f"{port}{number}" for port in ("COM", "LPT") for number in range(10)
}
"""What Windows takes for a device, whatever follows the first dot."""


def page_names(models: Iterable[str], taken: Mapping[str, str] | None = None) -> dict[str, str]:
    """The name of the page of each model, such as `openai_gpt-5.md`.

    All are different, also where neither case nor the form of letters counts. The name of a model does not
    depend on the others unless two would be the same: each of these then ends in a hash of its id. `taken`
    has names that models have already; those stay.
    """
    names = dict(taken or {})
    used = {folded(name) for name in names.values()}
    wanted = {model: _stem(model) for model in dict.fromkeys(models) if model not in names}
    ordered = sorted(wanted, key=lambda model: folded(wanted[model]))
    clashing: list[str] = []
    for key, group in groupby(ordered, key=lambda model: folded(wanted[model])):
        alike = list(group)
        if len(alike) == 1 and folded(key + SUFFIX) not in used:
            names[alike[0]] = wanted[alike[0]] + SUFFIX
            used.add(folded(names[alike[0]]))
        else:
            clashing += alike
    for model in sorted(clashing):
        names[model] = next(name for name in _told_apart(model, wanted[model]) if folded(name) not in used)
        used.add(folded(names[model]))
    return names


def folder_name(started: str, topic: str) -> str:
    """`20261127-145000-src` of a time as ISO 8601 and a topic in any words."""
    digits = "".join(sign for sign in started if sign.isdecimal() or sign == "T")
    day, _, time = digits.partition("T")
    return f"{day[:8]}-{time[:6]}-{_cut(_safe(topic) or 'review', _TOPIC)}"


def folded(name: str) -> str:
    """The same for all names that some file system takes for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).upper().casefold())


def _stem(model: str) -> str:
    stem = _safe(model) or "unnamed"
    if len(stem.encode()) + len(SUFFIX) > LONGEST:
        return _with_hash(model, stem, 8)
    return stem


def _safe(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text)
    kept = "".join(sign if sign.isalnum() or sign in _KEPT else "_" for sign in plain)
    stem = kept.lstrip(".-").rstrip(".")
    if stem.partition(".")[0].upper() in _DEVICES:
        return f"_{stem}"
    return stem


def _told_apart(model: str, stem: str) -> Iterable[str]:
    for digits in range(8, 65):
        yield _with_hash(model, stem, digits) + SUFFIX


def _with_hash(model: str, stem: str, digits: int) -> str:
    mark = hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{_cut(stem, LONGEST - len(SUFFIX) - digits - 1)}-{mark}"


def _cut(stem: str, most: int) -> str:
    """As many whole characters as take `most` bytes."""
    return stem.encode()[:most].decode(errors="ignore").rstrip(".")


def is_page(name: str) -> bool:
    """Whether a name, as it stands in some file, is one that pages have; others could lead elsewhere."""
    return name.endswith(SUFFIX) and name[0] not in ".-" and not _ELSEWHERE.intersection(name)


_ELSEWHERE = frozenset("/\\:\0")
