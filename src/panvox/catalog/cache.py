"""What providers listed, kept on the disk: the last list of each, and the one before it.

A list belongs to an address, a dialect and a key; another key may see other models, and finds no list here.
Everything here blocks. A cache that cannot be read is empty, and one that cannot be written stays as it was:
lists can always be asked for again.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from panvox.catalog.discovery import Offer
from panvox.catalog.files import read, write
from panvox.catalog.sources import Source

AT_HOME = 300.0
"""Seconds that a list of a server on this machine is believed at most: people start and stop those."""

FAILED = 60.0
"""Seconds after which a provider that could not be asked is asked again."""

_FORM = 1
"""Counted up when what is kept changes its shape; files of another form are not read."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one source."""

    url: str
    offer: Offer
    before: Offer | None = None
    form: int = _FORM


class Lists:
    """The lists in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, source: Source) -> Kept | None:
        """What is kept of `source`, however old."""
        kept = read(self._path(source), Kept)
        return kept if kept is not None and kept.form == _FORM else None

    def keep(self, source: Source, offer: Offer) -> Kept:
        """Keep `offer`, and the one before it; returns what holds now.

        Where the provider could not be asked, its last list goes on to hold, with the problem beside it.
        """
        last = self.load(source)
        if offer.problem is not None and last is not None and len(last.offer.listings) > len(offer.listings):
            stale = msgspec.structs.replace(last.offer, problem=offer.problem)
            return msgspec.structs.replace(last, offer=stale)
        kept = Kept(url=source.vendor.base_url, offer=offer, before=last.offer if last else None)
        if offer.listings:
            write(self._path(source), kept)
        return kept

    def forget(self, url: str) -> None:
        """Drop all lists of servers whose addresses begin with `url`, and what was put together of them."""
        gone = [self._folder / "index"]
        for path in self._folder.glob("*.list"):
            kept = read(path, Kept)
            if kept is None or kept.url.startswith(url):
                gone.append(path)
        for path in gone:
            with suppress(OSError):
                path.unlink()

    def _path(self, source: Source) -> Path:
        vendor = source.vendor
        told = (vendor.base_url, vendor.list_url, vendor.dialect, source.plain_key or "", *source.models)
        digest = blake2b("\0".join(told).encode(), digest_size=8).hexdigest()
        return self._folder / f"{source.provider}-{digest}.list"


def due(source: Source, kept: Kept | None, *, now: float, max_age: float) -> bool:
    """Whether `source` is to be asked for its list."""
    if kept is None:
        return True
    believed = min(max_age, AT_HOME) if source.vendor.loopback else max_age
    return not 0 <= now - kept.offer.at < believed
