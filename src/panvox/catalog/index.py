"""The catalogue as it was last put together, kept on the disk whole: what a command can show at once.

It holds while nothing has changed that it follows from: settings and variables (their fingerprint), the age
of the lists, the packages that are installed, and which servers on this machine take connections. Everything
here blocks, for some milliseconds with thousands of models.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from panvox.catalog.entries import Catalogue, Entry, Problem, Record
from panvox.catalog.files import read, write

_FORM = 2
"""Counted up when an index changes its shape."""

_MOST = 8  # indexes that are kept, one for each set of settings and variables
_KNOCK = 0.2  # seconds; on this machine a connection is there or refused at once


Stamps = tuple[tuple[str, int], ...]
"""Files and when each was last changed, in nanoseconds since 1970; 0 for one that is not there."""


class Door(msgspec.Struct, frozen=True, array_like=True):
    """A server on this machine, and whether it took connections."""

    host: str
    port: int
    open: bool

    @classmethod
    def at(cls, url: str) -> Door:
        """What is found at an address now."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        return cls(host, port, knock(host, port))


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue and what it rests on.

    `until` is when the first of its lists is too old; `ages` tells when each provider was asked; `panels` and
    `probe_age` (seconds) are those of the settings. All times are seconds since 1970.
    """

    fingerprint: str
    made: float
    until: float
    packages: float
    files: Stamps
    doors: tuple[Door, ...]
    ages: Mapping[str, float]
    marks: Mapping[str, str]
    panels: Mapping[str, tuple[str, ...]]
    probe_age: float
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    form: int = _FORM

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue itself."""
        return Catalogue(entries=self.entries, problems=self.problems, ages=self.ages, marks=self.marks)

    def holds(self, fingerprint: str, *, now: float) -> bool:
        """Whether nothing that it follows from has changed."""
        return (
            self.form == _FORM
            and self.fingerprint == fingerprint
            and self.made <= now < self.until
            and self.packages == packages()
            and self.files == stamps(Path(name) for name, _ in self.files)
            and all(knock(door.host, door.port) == door.open for door in self.doors)
        )


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """The records behind the index that was made at the same time: kept apart, since few ask for them."""

    made: float
    records: tuple[Record, ...]


def load_index(folder: Path, fingerprint: str, *, now: float) -> Index | None:
    """The catalogue as it was last put together, if nothing that it rests on has changed since."""
    index = read(folder / f"index-{fingerprint}", Index) if fingerprint else None
    return index if index is not None and index.holds(fingerprint, now=now) else None


def load_records(folder: Path, index: Index) -> tuple[Record, ...] | None:
    """The records behind an index, if they are still there."""
    records = read(folder / f"records-{index.fingerprint}", Records)
    return records.records if records is not None and records.made == index.made else None


def save(folder: Path, index: Index, records: tuple[Record, ...]) -> bool:
    """Keep an index and its records, and no more than the latest few; whether that was possible."""
    kept = write(folder / f"records-{index.fingerprint}", Records(made=index.made, records=records))
    kept = kept and write(folder / f"index-{index.fingerprint}", index)
    for kind in ("index", "records"):
        with suppress(OSError):
            for old in sorted(folder.glob(f"{kind}-*"), key=_changed, reverse=True)[_MOST:]:
                old.unlink(missing_ok=True)
    return kept


def doors(urls: Iterable[str]) -> tuple[Door, ...]:
    """What is found at addresses on this machine, each door once."""
    found = {(parts.hostname, parts.port): url for url in urls for parts in (urlsplit(url),)}
    return tuple(Door.at(url) for url in found.values())


def stamps(paths: Iterable[Path]) -> Stamps:
    """When files were last changed."""
    return tuple((str(path), _changed(path)) for path in paths)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def knock(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=_KNOCK):
        return True
    return False


def packages() -> float:
    """When packages were last installed or removed beside this one."""
    folders = [Path(folder) for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]
    with suppress(OSError):
        return max((folder.stat().st_mtime for folder in folders), default=0.0)
    return 0.0
