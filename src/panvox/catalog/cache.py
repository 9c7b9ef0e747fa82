"""What providers listed, kept on the disk: the last list of each, and the one before it.

A list belongs to an address, a dialect and a key; another key may see other models, and finds no list here.
Everything here blocks. A cache that cannot be read is empty, and one that cannot be written stays as it was:
lists can always be asked for again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from panvox.catalog.discovery import Offer
from panvox.catalog.entries import Problem
from panvox.catalog.files import read, write
from panvox.catalog.sources import Source

AT_HOME = 300.0
"""Seconds that a list of a server on this machine is believed at most: people start and stop those."""

FAILED = 60.0
"""Seconds after which a provider that could not be asked is asked again."""

_FORM = 2
"""Counted up when what is kept changes its shape; files of another form are not read."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """That a provider could not be asked, or not to the end, `at` a time (seconds since 1970), and why."""

    at: float
    problem: Problem


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one source: the list that holds, the one before it, and the last failure since."""

    url: str
    offer: Offer
    before: Offer | None = None
    failed: Failed | None = None
    form: int = _FORM

    @property
    def standing(self) -> Offer:
        """The list that holds, with what has gone wrong since."""
        problem = self.failed.problem if self.failed else None
        return msgspec.structs.replace(self.offer, problem=problem)


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

        Where the provider could not be asked to the end, its last list goes on to hold if it is longer, and
        when that was is kept, so that it is not asked again at once.
        """
        url, last = source.vendor.base_url, self.load(source)
        if offer.problem is None:
            kept = Kept(url=url, offer=offer, before=last.offer if last else None)
        else:
            failed = Failed(at=offer.at, problem=offer.problem)
            held = last or Kept(url=url, offer=Offer(provider=offer.provider))
            longer = offer if len(offer.listings) > len(held.offer.listings) else held.offer
            holds = msgspec.structs.replace(longer, problem=None)
            kept = msgspec.structs.replace(held, offer=holds, failed=failed)
        if offer.whole or offer.problem is not None:
            write(self._path(source), kept)
        return kept

    def forget(self, url: str) -> None:
        """Drop all lists of servers whose addresses begin with `url`, and what was put together of them."""
        with suppress(OSError):
            gone = [*self._folder.glob("index-*")]
            for path in self._folder.glob("*.list"):
                kept = read(path, Kept)
                if kept is None or f"{kept.url}/".startswith(f"{url}/"):
                    gone.append(path)
            for path in gone:
                path.unlink(missing_ok=True)

    def _path(self, source: Source) -> Path:
        return self._folder / f"{source.provider}-{source.mark}.list"


def due(source: Source, kept: Kept | None, *, now: float, max_age: float) -> bool:
    """Whether `source` is to be asked for its list."""
    if kept is None:
        return True
    if kept.failed is not None:
        return not 0 <= now - kept.failed.at < FAILED
    believed = min(max_age, AT_HOME) if source.vendor.loopback else max_age
    return not 0 <= now - kept.offer.at < believed
