"""What is not meant when a folder is named: `.gitignore`, `.panvoxignore` and folders nobody wrote by hand.

As in git: the file nearest to an entry decides, in it the last line that speaks of the entry; what lies in a
folder that is ignored cannot be brought back. A word of `.panvoxignore` stands above all of git's.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from panvox.errors import UsageError
from panvox.review import git
from panvox.review.paths import escaped
from panvox.review.patterns import Patterns
from panvox.review.reading import NotRead, TooLargeFile, load, sized

_LARGEST = 1 << 18
_NEVER = {
    ".git": "git's own data",
    ".hg": "Mercurial's own data",
    ".svn": "Subversion's own data",
    "node_modules": "installed packages",
    "__pycache__": "compiled code",
}
_GENERATED = Patterns(
    b"*.lock\npackage-lock.json\nnpm-shrinkwrap.json\npnpm-lock.yaml\nbun.lockb\ngo.sum\n"
    b"*.min.js\n*.min.css\n*.min.mjs\n*.js.map\n*.css.map\n"
)


@dataclass(frozen=True, slots=True)
class _Level:
    """The patterns of one file. `start` is where paths go on behind its folder, `reason` what they do."""

    start: int
    patterns: Patterns
    reason: str


@dataclass(frozen=True, slots=True)
class Ignores:
    """The patterns in force in one folder, the nearest first; `reads_git` tells whether git's are obeyed."""

    own: tuple[_Level, ...] = ()
    git: tuple[_Level, ...] = ()
    reads_git: bool = True

    def reason(self, path: bytes, name: bytes, *, folder: bool) -> str:
        """Why the entry at the absolute `path` is ignored; empty where it is not."""
        for levels in (self.own, self.git):
            for level in levels:
                verdict = level.patterns.verdict(path[level.start :], name, folder=folder)
                if verdict is not None:
                    return level.reason if verdict else ""
        return ""

    def below(self, folder: str, names: Container[str]) -> Ignores:
        """With the patterns that `folder` itself holds, if their files are among its `names`."""
        deeper = self
        if ".panvoxignore" in names and (level := _level(folder, ".panvoxignore")):
            deeper = replace(deeper, own=(level, *deeper.own))
        if self.reads_git and ".gitignore" in names and (level := _level(folder, ".gitignore")):
            deeper = replace(deeper, git=(level, *deeper.git))
        return deeper


def ignores_above(root: str, where: str, *, reads_git: bool) -> Ignores:
    """What holds for `root` from above: up to the top of its repository, else to `where` if that is above."""
    top = repository_top(root)
    found = Ignores(reads_git=reads_git)
    if top and reads_git:
        files = [
            (_exclude_file(top), ".git/info/exclude"),
            (git.excludes_file(Path(top)), "core.excludesFile"),
        ]
        levels = [_level(top, file, told=f"ignored by {told}") for file, told in files if file is not None]
        found = replace(found, git=tuple(level for level in levels if level))
    start = top or (where if _is_below(root, where) else root)
    folder = start
    for part in root[len(start) :].split("/"):
        folder = os.path.join(folder, part) if part else folder  # noqa: PTH118 - text is quicker
        if folder != root:
            found = found.below(folder, {".gitignore", ".panvoxignore"})
    return found


def repository_top(folder: str) -> str:
    """The nearest folder above, or `folder` itself, that is a git repository; empty where there is none."""
    while not os.path.lexists(os.path.join(folder, ".git")):  # noqa: PTH118
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return ""
        folder = above
    return folder


def never_read(name: str) -> str:
    """Why a folder of this name is never walked into; empty where it may be."""
    return _NEVER.get(name, "")


def made_by_machine(folder: str, names: Container[str]) -> str:
    """Why a folder with these `names` in it is never walked into; empty where it may be."""
    if "pyvenv.cfg" in names:
        return "a virtual environment"
    if "run.json" in names and "prompt.md" in names and _is_ours(f"{folder}/run.json"):
        return "an earlier review"
    return ""


def generated(path: bytes, name: bytes) -> bool:
    """Whether a file of this name was written by a tool: a lock file, minified code."""
    return bool(_GENERATED.verdict(path, name, folder=False))


def _is_ours(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return b'"panvox"' in file.read(4096)
    except OSError:
        return False


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _level(folder: str, file: str | Path, *, told: str = "") -> _Level | None:
    """The patterns in `file`, seen from `folder`; None where there are none. A link is not followed."""
    path = Path(folder) / file
    try:
        patterns = Patterns(load(path, _LARGEST, follow=bool(told)).data)
    except TooLargeFile as error:
        raise UsageError(
            f"{escaped(str(path))} has {sized(error.bytes)} of patterns, more than the {sized(_LARGEST)} "
            f"that are read: shorten it"
        ) from None
    except (FileNotFoundError, NotADirectoryError, NotRead):
        return None
    except OSError as error:
        raise UsageError(
            f"{escaped(str(path))} cannot be read ({error.strerror}), so what it leaves out is unknown: make "
            f"it readable"
        ) from None
    if not patterns:
        return None
    return _Level(len(os.fsencode(folder.rstrip("/"))) + 1, patterns, told or f"ignored by {file}")


def _exclude_file(top: str) -> Path | None:
    """`info/exclude` of a repository, also of one whose `.git` is a file that tells where it is."""
    place = Path(top, ".git")
    try:
        if place.is_file():
            told = load(place, _LARGEST).data.decode("utf-8", "surrogateescape")
            place = place.parent / told.removeprefix("gitdir:").strip()
            common = place / "commondir"
            if common.is_file():
                place /= load(common, _LARGEST).data.decode("utf-8", "surrogateescape").strip()
    except (NotRead, OSError, ValueError):
        return None
    return place / "info" / "exclude"
