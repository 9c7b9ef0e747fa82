"""Values in files: read whole or not at all, written whole or not at all. Everything here blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from panvox import whole_files

_Form = TypeVar("_Form", bound=msgspec.Struct)


def read(path: Path, kind: type[_Form]) -> _Form | None:
    """What a file holds; None for one that is not there or holds anything else."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


def write(path: Path, value: msgspec.Struct) -> bool:
    """Put `value` in the place of the file, whole or not at all; whether that was possible."""
    data = msgspec.msgpack.encode(value)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(path, data)
    except OSError:
        return False
    return True
