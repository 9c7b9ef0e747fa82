"""What git is asked: differences, what is not tracked, and where its patterns are. Everything here blocks.

A repository may be a stranger's, and its settings can name programs. None of them is run: no external diff
or text conversion, no monitor of files, no hooks, no transport, no filters that only this repository's own
settings name, and nothing inside of submodules.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from panvox.errors import UsageError
from panvox.review.paths import escaped
from panvox.review.reading import sized
from panvox.settings.places import environment

_QUIET = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never", "core.quotePath=true")
_PLAIN = (
    *("--no-ext-diff", "--no-textconv", "--no-color", "--no-relative"),
    *("--submodule=short", "--ignore-submodules=dirty", "--src-prefix=a/", "--dst-prefix=b/"),
)
_MOST_NAMES = 16 << 20
_MOST_WORDS = 4096


def changed(revision: str, limits: Sequence[str], *, where: Path) -> list[str]:
    """The files that differ, relative to the top of the repository. Raises `UsageError` in git's words."""
    names = _git(_diff(revision, where, "--name-only", "-z", limits=limits), where, limit=_MOST_NAMES)
    return _split(names)


def difference(
    revision: str, limits: Sequence[str], *, without: Sequence[str], where: Path, limit: int
) -> bytes:
    """What `git diff` says, but for the files `without`, which are relative to the top of the repository.

    Raises `UsageError` in git's words, and where there are more than `limit` bytes.
    """
    left = [f":(top,exclude,literal){path}" for path in without]
    return _git(_diff(revision, where, limits=[*limits, *left]), where, limit=limit)


def untracked(limits: Sequence[str], *, where: Path) -> list[str]:
    """Files and folders that git neither tracks nor ignores, relative to `where`."""
    words = ("ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory")
    return _split(_git((*words, "--", *limits), where, limit=_MOST_NAMES))


def top(where: Path) -> str:
    """The uppermost folder of the working tree. Raises `UsageError` where there is none."""
    return _text(_git(("rev-parse", "--show-toplevel"), where, limit=_MOST_WORDS)).removesuffix("\n")


def excludes_file(where: Path) -> Path | None:
    """The user's own file of patterns for all repositories, if the home folder is known."""
    try:
        told = _text(
            _git(("config", "--type=path", "--get", "core.excludesFile"), where, limit=_MOST_WORDS)
        ).removesuffix("\n")
    except UsageError:  # git is not there, or has no such setting
        told = ""
    if told:
        return where / told
    settings = environment().get("XDG_CONFIG_HOME", "")
    try:
        return (Path(settings) if settings else Path.home() / ".config") / "git" / "ignore"
    except RuntimeError:
        return None


def _diff(revision: str, where: Path, *options: str, limits: Sequence[str]) -> tuple[str, ...]:
    if revision.startswith("-") or "\0" in revision:
        raise UsageError(f"{escaped(revision)} is no revision: name a commit or a range, such as main..HEAD")
    return ("diff", *_PLAIN, *options, revision or _head(where), "--", *limits)


def _head(where: Path) -> str:
    """The last commit, or the empty tree before the first one."""
    try:
        _git(("rev-parse", "--verify", "--quiet", "HEAD^{commit}"), where, limit=_MOST_WORDS)
    except UsageError:
        return _text(_git(("hash-object", "-t", "tree", "/dev/null"), where, limit=_MOST_WORDS)).strip()
    return "HEAD"


def _filters_off(where: Path) -> tuple[str, ...]:
    """Settings that switch off the filters of the repository's own settings, which could be any program."""
    words = ("config", "--show-scope", "--name-only", "-z", "--get-regexp", r"^filter\..*\.(clean|process)$")
    try:
        fields = _split(_git(words, where, limit=_MOST_NAMES, filters=()))
    except UsageError:  # there are none
        return ()
    named = [
        name for scope, name in zip(fields[::2], fields[1::2], strict=False) if scope in {"local", "worktree"}
    ]
    if any("=" in name for name in named):
        raise UsageError(
            "the settings of this repository name a filter that cannot be switched off: look at .git/config"
        )
    required = {name.rpartition(".")[0] + ".required=false" for name in named}
    return (*(f"{name}=" for name in named), *sorted(required))


def _git(words: Sequence[str], where: Path, *, limit: int, filters: tuple[str, ...] | None = None) -> bytes:
    if filters is None:
        filters = _filters_off(where) if words[0] == "diff" else ()
    settings = [word for setting in (*_QUIET, *filters) for word in ("-c", setting)]
    command = ["git", "--no-pager", "--no-optional-locks", *settings, *words]
    with tempfile.TemporaryFile() as complaints:
        try:
            output = _output(command, where, _environment(), complaints, limit)
        except FileNotFoundError:
            raise UsageError("git is not installed, or not on the PATH; a diff needs it") from None
        except OSError as error:
            raise UsageError(f"git cannot be started: {error.strerror}") from None
        except subprocess.CalledProcessError:
            complaints.seek(0)
            said = _text(complaints.read(_MOST_WORDS)).strip() or f"it failed at `git {words[0]}`"
            raise UsageError(escaped("git says: " + " ".join(said.split()))) from None
    return output


def _output(
    command: list[str], where: Path, environ: Mapping[str, str], complaints: IO[bytes], limit: int
) -> bytes:
    """Standard output, of which no more than `limit` is ever held. Raises `CalledProcessError`."""
    with subprocess.Popen(  # noqa: S603 - a list of words, and git is the user's own
        command,
        cwd=where,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
    ) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe to git")
        output = process.stdout.read(limit + 1)
        if len(output) > limit:
            process.kill()
            raise UsageError(
                f"the diff is larger than {sized(limit)}: name paths or fewer "
                f"commits, or raise review.max_bytes"
            )
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


def _environment() -> Mapping[str, str]:
    return {**environment(), "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}


def _split(names: bytes) -> list[str]:
    return [_text(name) for name in names.split(b"\0") if name]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
