"""What is reviewed: texts with their names, and what was left out of them, with the reason."""

from __future__ import annotations

from typing import Literal

import msgspec


class InputFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text that models are given.

    `path` is what they and people read, with `/` between its parts: relative to the folder that panvox was
    called in where that is possible; `<stdin>` for standard input, `<diff main..HEAD>` for a diff. `sha256`
    is that of the bytes as they were read, `bytes` how many they were. `masked` counts the secrets that were
    replaced in `text`.
    """

    path: str
    text: str
    sha256: str
    bytes: int
    kind: Literal["file", "stdin", "diff"] = "file"
    masked: int = 0


class LeftOut(msgspec.Struct, frozen=True):
    """What was found and is not given to models; `reason` is a sentence such as "binary"."""

    path: str
    reason: str


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """All that is reviewed, in the order in which models read it."""

    files: tuple[InputFile, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.bytes for file in self.files)
