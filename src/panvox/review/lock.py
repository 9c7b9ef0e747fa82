"""One process at a time writes to a folder; when it ends, however it does, the kernel lets go of the lock."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from panvox.errors import UsageError

NAME = ".lock"


class Holder(msgspec.Struct, frozen=True):
    """Who writes, and since when, as ISO 8601 in UTC."""

    pid: int
    host: str
    since: str


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else writes to `folder` meanwhile. Raises `UsageError` where somebody does, `OSError`.

    On a file system without locks nobody is kept away.
    """
    file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _told(os.pread(file, 4096, 0))
            raise UsageError(
                f"{folder} is being written to by {holder}: wait for its end, or stop it"
            ) from None
        except OSError:
            pass  # such file systems are those of some networks
        with suppress(OSError):  # on a full disk nobody is named
            os.ftruncate(file, 0)
            os.pwrite(file, msgspec.json.encode(_us()), 0)
        yield
    finally:
        os.close(file)


def _us() -> Holder:
    return Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))


def _told(data: bytes) -> str:
    try:
        holder = msgspec.json.decode(data, type=Holder)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "another process"
    host = "" if holder.host == socket.gethostname() else f" on {holder.host}"
    return f"process {holder.pid}{host} since {holder.since}"
