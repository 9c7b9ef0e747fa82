"""Through a folder, in an order that is always the same: its files by name, then its subfolders by name.

Nothing is opened here but folders and files of patterns. Links are not followed to folders, so that there
are no loops; a link to a file is given at the end, if it stays inside of the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from panvox.review.ignoring import Ignores, generated, made_by_machine, never_read
from panvox.review.patterns import Patterns


class Found(NamedTuple):
    """A file that may be read at `path`, an absolute one; `name` is where it was found."""

    path: str
    name: str


class Skipped(NamedTuple):
    """A file or a folder that is left out, at an absolute path."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which files of a folder are meant: those that `glob` and `include` mean, without those of `exclude`.

    `start` is where paths go on behind the folder that `include` and `exclude` are seen from, `glob_start`
    behind the one `glob` is seen from; `depth` is how many parts `glob` can span, None for any number.
    """

    start: int
    include: Patterns | None = None
    exclude: Patterns
    glob: re.Pattern[bytes] | None = None
    glob_start: int = 0
    depth: int | None = None

    def excluded(self, path: bytes, name: bytes, *, folder: bool) -> bool:
        """Whether it is left out by choice."""
        return bool(self.exclude.verdict(path[self.start :], name, folder=folder))

    def included(self, path: bytes, name: bytes, *, folder: bool) -> bool:
        """Whether `include` means it."""
        return self.include is None or bool(self.include.verdict(path[self.start :], name, folder=folder))

    def globbed(self, path: bytes) -> bool:
        """Whether `glob` means it."""
        return self.glob is None or self.glob.fullmatch(path[self.glob_start :]) is not None

    def reaches_below(self, path: bytes) -> bool:
        """Whether `glob` can mean something inside of the folder at `path`."""
        return self.depth is None or path.count(b"/", self.glob_start) + 1 < self.depth


class _Open(NamedTuple):
    """A folder still to be walked, and which of the conditions it has already met as a whole."""

    path: str
    ignores: Ignores
    included: bool
    globbed: bool


def walk(root: str, ignores: Ignores, choice: Choice) -> Iterator[Found | Skipped]:
    """The files below `root` that are meant, and what is left out of them, with the reason.

    Raises `OSError` where `root` itself cannot be read.
    """
    links: list[str] = []
    waiting = [_Open(root, ignores, choice.include is None, choice.glob is None)]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here.path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if here.path == root:
                raise
            yield Skipped(here.path, f"cannot be read: {error.strerror}")
            continue
        names = {entry.name for entry in listed}
        if here.path != root and (reason := made_by_machine(here.path, names)):
            yield Skipped(here.path, reason)
            continue
        inner = here._replace(ignores=here.ignores.below(here.path, names))
        folders: list[_Open] = []
        for entry in listed:
            yield from _entry(entry, inner, choice, folders, links)
        waiting.extend(reversed(folders))
    yield from _linked(root, ignores, links)


def _entry(
    entry: os.DirEntry[str], here: _Open, choice: Choice, folders: list[_Open], links: list[str]
) -> Iterator[Found | Skipped]:
    """One entry: a file is given, a folder noted for later, a link too."""
    name, path = os.fsencode(entry.name), os.fsencode(entry.path)
    folder = entry.is_dir(follow_symlinks=False)
    included = here.included or choice.included(path, name, folder=folder)
    globbed = here.globbed or choice.globbed(path)
    if not globbed and not (folder and choice.reaches_below(path)):
        return
    if not folder and not included:
        return
    reason = never_read(entry.name) if folder or entry.name == ".git" else ""
    if not reason and choice.excluded(path, name, folder=folder):
        reason = "excluded"
    reason = reason or here.ignores.reason(path, name, folder=folder)
    if reason:
        yield Skipped(entry.path, reason)
    elif folder:
        folders.append(_Open(entry.path, here.ignores, included, globbed))
    elif entry.is_symlink():
        links.append(entry.path)
    elif not entry.is_file(follow_symlinks=False):
        yield Skipped(entry.path, "not a file but a pipe, a socket or a device")
    elif generated(path, name):
        yield Skipped(entry.path, "generated")
    else:
        yield Found(entry.path, entry.path)


def _linked(root: str, ignores: Ignores, links: list[str]) -> Iterator[Found | Skipped]:
    real_root = os.path.realpath(root)
    for link in links:
        try:
            target = os.path.realpath(link, strict=True)
        except OSError:
            yield Skipped(link, "a link that leads nowhere")
            continue
        if not target.startswith(real_root.rstrip("/") + "/"):
            yield Skipped(link, "a link that leads out of the folder")
        elif os.path.isdir(target):  # noqa: PTH112
            yield Skipped(link, "a link to a folder that is read in its own place")
        elif reason := ignored_below(root, target[len(real_root.rstrip("/")) + 1 :], ignores):
            yield Skipped(link, f"a link to what is left out: {reason}")
        else:
            yield Found(target, link)


def ignored_below(root: str, path: str, ignores: Ignores) -> str:
    """Why the file at `path`, relative to `root`, is not found by walking there; empty where it is."""
    folder, parts = root.rstrip("/"), path.split("/")
    for number, part in enumerate(parts, 1):
        is_folder = number < len(parts)
        ignores = ignores.below(folder, {".gitignore", ".panvoxignore"})
        folder = f"{folder}/{part}"
        reason = never_read(part) if is_folder else ""
        reason = reason or ignores.reason(os.fsencode(folder), os.fsencode(part), folder=is_folder)
        if reason:
            return reason
    return ""
