"""Files that are written whole or not at all, by one process at a time. Everything here blocks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def write(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put `data` in the place of the file, for nobody else to read. Raises `OSError`.

    `durable`: it is on the disk when this returns, and outlasts a machine that stops.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(name).replace(path)
        if durable:
            sync_folder(path.parent)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Put on the disk which files there are in a folder. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
