"""One file from the disk to text, never more of it than was agreed to. Everything here blocks."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import NamedTuple

_SNIFFED = 8192
_MARKS = (  # that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class NotRead(Exception):
    """Why a file was not read, as words such as "binary"."""


class TooLargeFile(NotRead):
    """The file has more bytes than are read of one; `bytes` is how many, or as many as were seen."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"larger than {sized(limit)}")
        self.bytes = size
        self.limit = limit


class Loaded(NamedTuple):
    """The bytes of a file, and what tells it from all others on this machine."""

    data: bytes
    identity: tuple[int, int]


def load(path: str | Path, limit: int, *, follow: bool = True) -> Loaded:
    """The bytes of a regular file; what is none is never opened, so that nothing hangs.

    With `follow` off, a link is not followed. Raises `NotRead`, and `OSError` in the system's words.
    """
    _regular(os.stat(path, follow_symlinks=follow), limit)  # noqa: PTH116 - Path.stat takes three times as long
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        _regular(found, limit)
        data = _read(descriptor, found.st_size, limit)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise TooLargeFile(len(data), limit)
    return Loaded(data, (found.st_dev, found.st_ino))


def _read(descriptor: int, expected: int, limit: int) -> bytes:
    """All there is, to the end, but one byte over the limit at most: files grow while they are read."""
    data = os.read(descriptor, min(expected, limit) + 1)
    if len(data) == expected:
        return data
    parts, total = [data], len(data)
    while total <= limit and (more := os.read(descriptor, limit + 1 - total)):
        parts.append(more)
        total += len(more)
    return b"".join(parts)


def _regular(found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NotRead(_KINDS.get(stat.S_IFMT(found.st_mode), "no file") + ", not a file")
    if found.st_size > limit:
        raise TooLargeFile(found.st_size, limit)


def decoded(data: bytes) -> str:
    """The text in `data`: UTF-8, or what a mark at its beginning says. Raises `NotRead`."""
    if not data:
        raise NotRead("empty")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    if not encoding and b"\0" in data[:_SNIFFED]:
        raise NotRead("binary")
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        raise NotRead("neither UTF-8 nor marked as another encoding") from None
    if encoding and "\0" in text[:_SNIFFED]:
        raise NotRead("binary")
    if not text.strip():
        raise NotRead("empty")
    return text


def crowded(text: str) -> bool:
    """Whether a long text has hardly any line ends, as minified code and packed data have."""
    return len(text) > 20_000 and text.count("\n") * 2_000 < len(text)


def sized(count: int) -> str:
    """Bytes for people: `12 bytes`, `4 KiB`, `9.5 MiB`, `1 GiB`."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} byte{'s' * (count != 1)}"
