"""Recorded answers on the disk: a folder with three files of JSON lines, plain or packed with zstandard.

prompts.jsonl[.zst]      what was asked           `prompt_id`, `prompt`
models.jsonl[.zst]       who was asked            `model`
responses.jsonl[.zst]    who said what            `prompt_id`, `model`, `text`
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import zstandard

from panvox.errors import UsageError

FILES = ("prompts", "models", "responses")
"""What a set consists of."""

ENDINGS = (".jsonl.zst", ".jsonl")
"""How its files end; the first that is there is read."""

_Row = TypeVar("_Row")


def file_of(folder: Path, name: str) -> Path | None:
    """The file of a set that holds `name`, one of `FILES`; None where there is none."""
    return next((path for end in ENDINGS if (path := folder / f"{name}{end}").is_file()), None)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked as they are read. Raises `UsageError` where that cannot be."""
    try:
        with path.open("rb") as file:
            if path.suffix != ".zst":
                yield from file
                return
            with zstandard.ZstdDecompressor().stream_reader(file) as reader:
                yield from io.BufferedReader(reader, buffer_size=2**20)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except zstandard.ZstdError as error:
        raise UsageError(f"{path} cannot be read: not packed with zstandard, or damaged: {error}") from error


def rows(path: Path, kind: type[_Row]) -> Iterator[tuple[int, _Row]]:
    """The rows of a file and the number of each one's line, from 1; empty lines are passed over.

    Raises `UsageError`, which names file and line, for a line that is no `kind`.
    """
    decode = msgspec.json.Decoder(kind).decode
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        try:
            row = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}, line {number} cannot be read: {error}") from None
        yield number, row
