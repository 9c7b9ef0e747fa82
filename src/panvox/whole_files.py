"""Files that are written whole or not at all, by one process at a time. Everything here blocks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Put `data` in the place of the file, for nobody else to read. Raises `OSError`."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Only one process reads, changes and writes `path` at a time.

    Where a lock cannot be had, the last one wins.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            lock = stack.enter_context(path.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
