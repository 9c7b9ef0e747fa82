"""From paths, standard input and git to the texts that are reviewed. Everything here blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from panvox.errors import UsageError
from panvox.review.material import InputFile, Material


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

    Raises `UsageError` for a path that is not there, cannot be read or is too large, and where no text is
    left.
    """
    files = [_read(where / path, path) for path in wanted.paths]
    if not files:
        raise UsageError("there is nothing to review")
    return Material(files=tuple(files))


def _read(path: Path, shown: str) -> InputFile:
    data = path.read_bytes()
    return InputFile(path=shown, text=data.decode(), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def topic_of(wanted: Sequence[str]) -> str:
    """A short name for what is reviewed, for the name of a folder."""
    return Path(wanted[0]).name if wanted else "review"
