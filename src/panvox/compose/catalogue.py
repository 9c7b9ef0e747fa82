"""The catalogue put together: lists from the disk or from providers, offline facts, strengths and settings.

Shelf.catalogue ── lists that are too old are asked for ── merged with all that is known ── kept as an index
index_of        ── the same from the disk alone, if nothing has changed: no list, no settings, no network
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from panvox.catalog.assembly import Assembled, assemble
from panvox.catalog.cache import AT_HOME, FAILED, Kept, Lists, due
from panvox.catalog.discovery import Offer, Ways, discover
from panvox.catalog.entries import LOCAL, Claim, Entry, Problem, Record
from panvox.catalog.index import Index, Stamps, doors, packages, save, stamps
from panvox.catalog.lineage import lineage
from panvox.catalog.measurements import read_measurements
from panvox.catalog.merge import Facts, Merging
from panvox.catalog.overrides import Overrides
from panvox.catalog.references import NoReferences, References
from panvox.catalog.sources import Source, sources
from panvox.catalog.strength import Strengths
from panvox.protocols import Capability
from panvox.providers.weights import find_weights
from panvox.settings import Settings
from panvox.settings.places import catalogue_folder

_UNWRITABLE = "neither lists nor probes can be kept: {} cannot be written"
_QUANTISATION = re.compile(r"\.(i?q\d|b?f\d\d)[^.]*$")


class Shelf:
    """The catalogue of one set of settings; of those that a program made lists are kept, but no index."""

    def __init__(self, settings: Settings) -> None:
        self.sources = sources(settings)
        self._settings = settings
        self._lists = Lists(catalogue_folder())

    async def catalogue(self, ways: Ways, *, refresh: bool = False) -> Assembled:
        """Everything that can be asked; lists that are too old are asked for, all of them with `refresh`."""
        kept = await asyncio.to_thread(self._kept)
        now, max_age = time.time(), self._settings.catalogue.max_age
        asked = [
            source
            for source in self.sources
            if refresh or due(source, kept.get(source.provider), now=now, max_age=max_age)
        ]
        offers = await discover(asked, ways=ways, deadline=self._settings.catalogue.deadline)
        return await asyncio.to_thread(self._put_together, kept, dict(zip(asked, offers, strict=True)))

    def before(self) -> Assembled:
        """The catalogue as it was by the lists before the last ones. Blocks."""
        kept = self._kept()
        offers = [
            (source, known.before or Offer(provider=source.provider))
            for source in self.sources
            if (known := kept.get(source.provider)) is not None
        ]
        return assemble(offers, self._merging())

    def _kept(self) -> dict[str, Kept]:
        found = {source.provider: self._lists.load(source) for source in self.sources if _is_asked(source)}
        return {provider: kept for provider, kept in found.items() if kept is not None}

    def _put_together(self, kept: Mapping[str, Kept], fresh: Mapping[Source, Offer]) -> Assembled:
        held = dict(kept)
        for source, offer in fresh.items():
            if _is_asked(source):
                held[source.provider] = self._lists.keep(source, offer)
        offers = [
            (source, held[source.provider].standing if source.provider in held else fresh[source])
            for source in self.sources
        ]
        found = assemble(offers, self._merging())
        local = tuple(local_records(self._settings))
        whole = Assembled(
            records=(*found.records, *local),
            problems=(*found.problems, *self._unplaced()),
            ages=_ages(offers),
            marks={source.provider: source.mark for source in self.sources},
        )
        if self._settings.fingerprint and not self._keep_index(whole, offers):
            problem = Problem(provider="cache", message=f"cache: {_UNWRITABLE.format(catalogue_folder())}")
            whole = msgspec.structs.replace(whole, problems=(*whole.problems, problem))
        return whole

    def _keep_index(self, whole: Assembled, offers: Sequence[tuple[Source, Offer]]) -> bool:
        now = time.time()
        index = Index(
            fingerprint=self._settings.fingerprint,
            made=now,
            until=min((self._until(source, offer, now) for source, offer in offers), default=now + AT_HOME),
            packages=packages(),
            files=self._stamps(),
            doors=doors(source.vendor.base_url for source in self.sources if source.vendor.loopback),
            ages=whole.ages,
            marks=whole.marks,
            panels={name: tuple(patterns) for name, patterns in self._settings.panels.items()},
            probe_age=self._settings.catalogue.probe_age,
            entries=whole.catalogue.entries,
            problems=whole.problems,
        )
        return save(catalogue_folder(), index, whole.records)

    def _until(self, source: Source, offer: Offer, now: float) -> float:
        max_age = self._settings.catalogue.max_age
        if not _is_asked(source):
            return now + max_age
        if offer.problem is not None:
            return now + FAILED
        asked = offer.at if offer.whole else now  # a guess that nobody answered is told by its door
        return asked + (min(max_age, AT_HOME) if source.vendor.loopback else max_age)

    def _unplaced(self) -> Iterator[Problem]:
        """Measurements of the user's own that could not be used."""
        own = self._settings.catalogue.strengths
        if own is not None and (unplaced := _strengths(own, self._stamps()).unplaced):
            message = (
                f"{own.name}: {', '.join(unplaced)} cannot be used: too few of the models in it were measured"
                " elsewhere, too. Add results of models that are in the published table."
            )
            yield Problem(provider="strengths", message=message)

    def _stamps(self) -> Stamps:
        own = self._settings.catalogue.strengths
        return stamps([own] if own is not None else [])

    def _merging(self) -> Merging:
        facts: Facts = References() if self._settings.catalogue.offline else NoReferences()
        return Merging(
            facts=facts,
            strengths=_strengths(self._settings.catalogue.strengths, self._stamps()),
            overrides=Overrides(self._settings.models),
        )


@lru_cache(1)
def _strengths(own: Path | None, stamps: Stamps) -> Strengths:
    """What was published, and what the user has measured. Raises `SettingsError` for wrong lines."""
    del stamps  # another stamp, another table
    return Strengths(own=read_measurements(own) if own is not None else ())


def _is_asked(source: Source) -> bool:
    """Whether it is asked for a list: not where its models are named, or it cannot be asked."""
    return not source.models and not source.missing


def _ages(offers: Sequence[tuple[Source, Offer]]) -> dict[str, float]:
    """When each provider was asked; those that name their models were not."""
    return {source.provider: offer.at for source, offer in offers if offer.listings and not source.models}


def local_records(settings: Settings) -> Iterator[Record]:
    """The samples of the model on this machine, if its weights are there; they share one lineage."""
    weights = (settings.local.weights or find_weights()) if settings.local.enabled else None
    if weights is None:
        return
    name = _QUANTISATION.sub("", weights.stem.lower()).replace(" ", "-")
    able = (Capability.TEXT, Capability.FREE, Capability.LOCAL)
    here = Claim(True, "address", None, "computed on this machine")
    for number in range(1, settings.local.samples + 1):
        entry = Entry(
            name=f"{LOCAL}/{name}#{number}",
            provider=LOCAL,
            model=name,
            lineage=lineage(name),
            free=True,
            context=settings.local.context,
            max_output=settings.local.max_tokens,
            capabilities=able,
        )
        claims = {
            "context": (Claim(settings.local.context, "settings", None, "local.context"),),
            "max_output": (Claim(settings.local.max_tokens, "settings", None, "local.max_tokens"),),
            "lineage": (Claim(entry.lineage, "name", None, f"is called {name}"),),
            **{f"capabilities.{word}": (here,) for word in able},
        }
        yield Record(entry=entry, claims=claims)
