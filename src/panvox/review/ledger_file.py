"""`ledger.jsonl`: one outcome a line, only ever added to. Everything here blocks.

A line is on the disk when `append` returns, and nothing of it is there when that fails. What a process that
was killed left half-written at the end is taken away when the file is read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from panvox.messages import Outcome
from panvox.review.names import is_page


class Line(Outcome, frozen=True, kw_only=True, omit_defaults=True):
    """An outcome as it stands in the ledger; it can be read as an `Outcome`, too.

    `page` is its page in `models/`, `page_sha256` the hash of that, `note` how its prompt was made to fit.
    """

    note: str = ""
    page: str = ""
    page_sha256: str = ""

    @classmethod
    def of(cls, outcome: Outcome, *, note: str = "", page: str = "", page_sha256: str = "") -> Line:
        """The line of an outcome."""
        fields = {name: getattr(outcome, name) for name in Outcome.__struct_fields__}
        return cls(**fields, note=note, page=page, page_sha256=page_sha256)

    @property
    def outcome(self) -> Outcome:
        """What it tells."""
        return Outcome(**{name: getattr(self, name) for name in Outcome.__struct_fields__})


def encode(line: Line) -> bytes:
    """The line with its end. Text that cannot be written as UTF-8 loses what is wrong with it."""
    try:
        return msgspec.json.encode(line) + b"\n"
    except UnicodeEncodeError:
        answer, fault = line.answer, line.fault
        if answer is not None:
            answer = replace(answer, text=_writable(answer.text), reasoning=_writable(answer.reasoning))
        if fault is not None:
            fault = replace(fault, message=_writable(fault.message))
        return msgspec.json.encode(replace(line, answer=answer, fault=fault)) + b"\n"


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def read(path: Path) -> tuple[list[Line], list[str]]:
    """All lines, and sentences on those that cannot be read; an end that is no line is cut off.

    Names of pages that could lead elsewhere are left out. Raises `OSError`.
    """
    lines: list[Line] = []
    problems: list[str] = []
    decoder = msgspec.json.Decoder(Line)
    whole = 0
    with path.open("r+b") as file:
        for number, data in enumerate(file, 1):
            try:
                line = decoder.decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                if not data.endswith(b"\n"):
                    break
                problems.append(f"line {number} of {path} cannot be read and is passed over: {error}")
            else:
                lines.append(line if is_page(line.page) else replace(line, page="", page_sha256=""))
                if not data.endswith(b"\n"):
                    file.seek(0, os.SEEK_END)
                    file.write(b"\n")
                    return lines, problems
            whole += len(data)
        file.truncate(whole)
    return lines, problems


class LedgerFile:
    """The ledger, open to add to."""

    def __init__(self, path: Path, *, write: Callable[[int, memoryview], int] = os.write) -> None:
        """Made where there is none, for nobody else to read. Raises `OSError`."""
        self._path = path
        self._write = write
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._file).st_size
        self._torn = False

    def append(self, data: bytes) -> None:
        """Add whole lines. Raises `OSError`, and then nothing of them is there."""
        self._check()
        if self._torn:
            self._cut()
        try:
            left = memoryview(data)
            while left:
                left = left[self._write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            self._torn = True
            with suppress(OSError):
                self._cut()
            raise
        self._size += len(data)

    def close(self) -> None:
        """What is there is on the disk already."""
        os.close(self._file)

    def _check(self) -> None:
        """That what is written can be found again: a deleted file takes everything and keeps nothing."""
        here, there = os.fstat(self._file), self._path.stat()
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            raise FileNotFoundError(errno.ENOENT, "another file was put in its place", str(self._path))

    def _cut(self) -> None:
        os.ftruncate(self._file, self._size)
        self._torn = False
