"""From paths, standard input and git to the texts that are reviewed. Everything here blocks.

Files stand in the order of the paths that were given; inside a folder its files come by name, then its
subfolders by name. Where diffs are asked for, paths limit the diffs and are not read themselves.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from panvox.errors import UsageError
from panvox.review import git
from panvox.review.ignoring import Ignores, generated, ignores_above
from panvox.review.material import InputFile, LeftOut, Material
from panvox.review.paths import called, escaped, located, topic_of
from panvox.review.patterns import Patterns, glob, is_glob
from panvox.review.reading import Loaded, NotRead, TooLargeFile, crowded, decoded, load, sized
from panvox.review.walking import Choice, Found, ignored_below, walk

__all__ = ["Bounds", "Wanted", "gather", "left_out_summary", "topic_of"]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is read: bytes of one file and of all together, and how many files."""

    file_bytes: int = 1 << 20
    bytes: int = 8 << 20
    files: int = 10_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be reviewed.

    `paths` are files, folders and globs; `stdin` is what came on standard input, None where it is not read;
    `diffs` are what `git diff` understands: "" for what is not committed, `main..HEAD`, `HEAD~3`. `include`
    and `exclude` are patterns as in a `.gitignore`; `ignored` reads what `.gitignore` leaves out, too.
    """

    paths: tuple[str, ...] = ()
    stdin: bytes | None = None
    diffs: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ignored: bool = False


def gather(wanted: Wanted, *, where: Path, bounds: Bounds) -> Material:
    """The texts that are meant, seen from the folder `where`.

    Raises `UsageError` for a path that is not there, cannot be read or is too large, for more than `bounds`
    allow, for what git complains of, and where no text is left.
    """
    gathering = _Gathering(wanted, os.path.realpath(where), bounds)
    paths = [path for path in wanted.paths if path != "-"]
    if wanted.diffs:
        for revision in dict.fromkeys(wanted.diffs):
            gathering.diff(revision, paths)
    else:
        for path in paths:
            gathering.path(path)
    if wanted.stdin is not None:
        gathering.stdin(wanted.stdin)
    return gathering.material()


def left_out_summary(left_out: Sequence[LeftOut]) -> str:
    """How many were left out for which reason, the most frequent first: `312 binary, 1 generated`."""
    counts = Counter(left.reason.partition(":")[0] for left in left_out)
    return ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())


class _Gathering:
    """What was read so far, held against the bounds with each file."""

    def __init__(self, wanted: Wanted, where: str, bounds: Bounds) -> None:
        self._wanted = wanted
        self._where = where
        self._bounds = bounds
        self._include = Patterns(_lines(wanted.include)) if wanted.include else None
        self._exclude = Patterns(_lines(wanted.exclude))
        self._files: list[InputFile] = []
        self._left_out: dict[str, LeftOut] = {}
        self._bytes = 0
        self._met = 0
        self._seen: dict[tuple[int, int], str] = {}

    def material(self) -> Material:
        """All that was gathered. Raises `UsageError` where that is nothing."""
        read = {file.path for file in self._files}
        left_out = tuple(left for left in self._left_out.values() if left.path not in read)
        if self._files:
            return Material(files=tuple(self._files), left_out=left_out)
        told = left_out_summary(left_out)
        reason = f" {len(left_out):,} left out ({told})." if told else ""
        meant = " that --include means" if self._include else ""
        raise UsageError(
            f"there is no text to review{meant}.{reason} Name files, folders or a diff with text in it"
        )

    def stdin(self, data: bytes) -> None:
        """What came on standard input."""
        try:
            self._add("<stdin>", data, decoded(data), "stdin")
        except NotRead as error:
            self._leave("<stdin>", str(error))

    # --- paths ---

    def path(self, given: str) -> None:
        """A file, a folder or a glob."""
        if not given or "\0" in given:
            raise UsageError(f"{escaped(given)!r} is no path: name files, folders or globs")
        absolute = located(given, self._where)
        if not os.path.lexists(absolute):
            if not is_glob(given):
                raise UsageError(
                    f"{self._shown(absolute, given)}: there is no such file or folder; check the path"
                )
            self._glob(given)
        elif os.path.isdir(absolute):  # noqa: PTH112
            self._folder(absolute, given, self._choice(absolute))
        else:
            self._named(absolute, given)

    def _named(self, path: str, given: str) -> None:
        """A file that was named: read unless it was excluded, also where patterns ignore it."""
        shown = self._shown(path, given)
        choice, (whole, name) = self._choice(path), _as_bytes(path)
        if choice.excluded(whole, name, folder=False):
            self._leave(shown, "excluded")
            return
        if not choice.included(whole, name, folder=False):
            self._leave(shown, "not included")
            return
        try:
            loaded = load(path, self._bounds.file_bytes)
        except TooLargeFile as error:
            raise UsageError(
                f"{shown} has {sized(error.bytes)}, more than the {sized(error.limit)} that are read of one "
                f"file: leave it out, or raise review.max_file_bytes"
            ) from None
        except NotRead as error:
            raise UsageError(f"{shown} is {error}: name files, folders, or - for standard input") from None
        except OSError as error:
            raise UsageError(f"{shown} cannot be read: {error.strerror}") from None
        self._take(loaded, shown, named=True)

    def _glob(self, given: str) -> None:
        parts = given.split("/")
        first = next(number for number, part in enumerate(parts) if is_glob(part))
        rest = [part for part in parts[first:] if part not in {"", "."}]
        if ".." in rest:
            raise UsageError(f"{escaped(given)}: a glob cannot go up; put `..` before its first sign")
        start = "/".join(parts[:first]) or ("/" if given.startswith("/") else ".")
        base = located(start, self._where)
        before = self._met
        if os.path.isdir(base):  # noqa: PTH112
            depth = None if any("**" in part for part in rest) else len(rest)
            choice = self._choice(base)
            choice = Choice(
                start=choice.start,
                include=choice.include,
                exclude=choice.exclude,
                glob=glob(os.fsencode("/".join(rest))),
                glob_start=_behind(base),
                depth=depth,
            )
            self._folder(base, start, choice)
        if self._met == before:
            raise UsageError(f"{escaped(given)}: no file matches; check the path, and quote it as one word")

    def _folder(self, root: str, given: str, choice: Choice) -> None:
        ignores = ignores_above(root, self._where, reads_git=not self._wanted.ignored)
        try:
            for each in walk(root, ignores, choice):
                self._met += 1
                shown = self._shown(each.name, given)
                if isinstance(each, Found):
                    self._found(each.path, shown)
                else:
                    self._leave(shown, each.reason)
        except OSError as error:
            raise UsageError(f"{self._shown(root, given)} cannot be read: {error.strerror}") from None

    def _found(self, path: str, shown: str) -> None:
        """A file that was come across: what cannot be read is left out."""
        try:
            self._take(load(path, self._bounds.file_bytes, follow=False), shown, named=False)
        except NotRead as error:
            self._leave(shown, str(error))
        except OSError as error:
            self._leave(shown, f"cannot be read: {error.strerror}")

    def _take(self, loaded: Loaded, shown: str, *, named: bool) -> None:
        first = self._seen.get(loaded.identity)
        if first is not None:
            return None if first == shown else self._leave(shown, f"the same file as another: {first}")
        self._seen[loaded.identity] = shown
        try:
            text = decoded(loaded.data)
        except NotRead as error:
            return self._leave(shown, str(error))
        if not named and crowded(text):
            return self._leave(shown, "generated")
        return self._add(shown, loaded.data, text, "file")

    # --- diffs ---

    def diff(self, revision: str, paths: Sequence[str]) -> None:
        """What `git diff` says of `revision`, in the files that `paths` name, or in all."""
        where = Path(self._where)
        name = f"<diff {escaped(revision)}>" if revision else "<diff>"
        limits = [_pathspec(path, self._where) for path in paths]
        top = os.path.realpath(git.top(where))
        changed = git.changed(revision, limits, where=where)
        ignores, without = Ignores(reads_git=False), list[str]()
        for path in changed:
            reason = self._unwanted(top, path, ignores)
            if reason:
                without.append(path)
                if reason != "not included":
                    self._leave(self._shown(f"{top}/{path}", "."), reason)
        if not revision:
            for path in git.untracked(limits, where=where):
                self._leave(
                    self._shown(f"{self._where}/{path.rstrip('/')}", "."),
                    "not tracked by git, so not in the diff",
                )
        if len(without) == len(changed):
            return self._leave(name, "empty")
        limit = self._bounds.bytes - self._bytes
        data = git.difference(revision, limits, without=without, where=where, limit=limit)
        return self._add(name, data, data.decode("utf-8", "replace"), "diff")

    def _unwanted(self, top: str, path: str, ignores: Ignores) -> str:
        absolute = f"{top}/{path}"
        choice, (whole, name) = self._choice(absolute), _as_bytes(absolute)
        levels = list(_levels(whole, _behind(top)))
        if any(choice.excluded(step, last, folder=folder) for step, last, folder in levels):
            return "excluded"
        if not any(choice.included(step, last, folder=folder) for step, last, folder in levels):
            return "not included"
        return ignored_below(top, path, ignores) or ("generated" if generated(whole, name) else "")

    # --- what all have in common ---

    def _add(self, shown: str, data: bytes, text: str, kind: Literal["file", "stdin", "diff"]) -> None:
        self._bytes += len(data)
        if self._bytes > self._bounds.bytes:
            raise UsageError(
                f"the files together have more than {sized(self._bounds.bytes)}{self._largest()}: name "
                f"fewer, --exclude some, or raise review.max_bytes"
            )
        if len(self._files) >= self._bounds.files:
            raise UsageError(
                f"there are more than {self._bounds.files:,} files: name fewer, --exclude some, or raise "
                f"review.max_files"
            )
        digest = hashlib.sha256(data).hexdigest()
        self._files.append(InputFile(path=shown, text=text, sha256=digest, bytes=len(data), kind=kind))

    def _largest(self) -> str:
        largest = sorted(self._files, key=lambda file: -file.bytes)[:3]
        told = ", ".join(f"{file.path} {sized(file.bytes)}" for file in largest)
        return f" (the largest so far: {told})" if told else ""

    def _leave(self, shown: str, reason: str) -> None:
        self._left_out.setdefault(shown, LeftOut(shown, reason))

    def _shown(self, absolute: str, given: str) -> str:
        return called(absolute, self._where, given=given)

    def _choice(self, path: str) -> Choice:
        below = path == self._where or path.startswith(self._where.rstrip("/") + "/")
        start = _behind(self._where if below else os.path.dirname(path))  # noqa: PTH120
        return Choice(start=start, include=self._include, exclude=self._exclude)


def _levels(path: bytes, start: int) -> Iterator[tuple[bytes, bytes, bool]]:
    """The folders on the way to a file from `start` on, then the file: path, name, is it a folder."""
    at = path.find(b"/", start)
    while at >= 0:
        yield path[:at], path[start:at], True
        start = at + 1
        at = path.find(b"/", start)
    yield path, path[start:], False


def _lines(patterns: Sequence[str]) -> bytes:
    return b"\n".join(map(os.fsencode, patterns))


def _behind(folder: str) -> int:
    """Where the paths inside of a folder go on, in bytes."""
    return len(os.fsencode(folder.rstrip("/"))) + 1


def _as_bytes(path: str) -> tuple[bytes, bytes]:
    whole = os.fsencode(path)
    return whole, whole.rpartition(b"/")[2]


def _pathspec(path: str, where: str) -> str:
    """A path for git: a glob where it is none that is there, and never one of git's own signs."""
    magic = "glob" if is_glob(path) and not os.path.lexists(located(path, where)) else "literal"
    return f":({magic}){path}"
