"""Keys tried at their providers, one by one: does each still work?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import groupby

import msgspec

from panvox.catalog.discovery import Offer, Ways, discover
from panvox.catalog.probes import MAX_TOKENS, QUESTION
from panvox.catalog.sources import Source
from panvox.compose.dialects import dialect_of
from panvox.compose.keys import NamedKey
from panvox.errors import Category, Failure, Fault, TimedOut
from panvox.keys import Key, utc_now
from panvox.messages import End, Prompt, Reasoning, Text
from panvox.protocols import Listing
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from panvox.settings import Settings

DEADLINE = 60.0
"""Seconds that a model may take to begin a word."""

_RENEW = "Get a new one from the provider, and put it where `panvox keys list` says that it is kept."
_SET = "Set it, or take it out of the settings."
_REFUSING = frozenset(
    {Category.UNAUTHORISED, Category.FORBIDDEN, Category.OUT_OF_MONEY, Category.OUT_OF_QUOTA}
)
_ACCEPTING = frozenset({Category.RATE_LIMITED, Category.EMPTY, Category.REFUSED, Category.TRUNCATED})
"""What comes only once a key was accepted."""


class Verdict(StrEnum):
    """What a trial of a key came to."""

    WORKS = "works"
    REFUSED = "refused"
    EXPIRED = "expired"
    MISSING = "missing"
    UNREACHABLE = "unreachable"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a key, what was said, and what to do about it."""

    provider: str
    label: str
    verdict: Verdict
    said: str
    hint: str = ""


async def try_keys(settings: Settings, keys: Sequence[NamedKey], *, heard: Callable[[Trial], None]) -> None:
    """Try each of `keys`, all at the same time, and tell `heard` what came of it.

    Each asks for the list of models. A list that anybody is given proves nothing, nor does one that stands in
    the settings: there a model is asked for a word, which costs what a few words cost.
    """
    async with HttpTransport(way=settings.way_out()) as transport, asyncio.TaskGroup() as tasks:
        ways = Ways(
            transport_to=lambda source: transport.way(settings.way_out(source.provider)),
            dialect_of=lambda source: dialect_of(source.vendor),
        )
        for _, group in groupby(keys, key=lambda named: named.source.provider):
            provider = _Provider(ways, settings.catalogue.deadline)
            tasks.create_task(provider.run(list(group), heard))


class _Provider:
    """The trials of the keys of one provider."""

    def __init__(self, ways: Ways, deadline: float) -> None:
        self._ways = ways
        self._deadline = deadline

    async def run(self, keys: Sequence[NamedKey], heard: Callable[[Trial], None]) -> None:
        """Try all of `keys`, which are of one provider."""
        source = keys[0].source
        async with asyncio.TaskGroup() as tasks:
            anybody = tasks.create_task(self._listed(source, None))
            for named in keys:
                tasks.create_task(self._tell(named, anybody, heard))

    async def _tell(
        self, named: NamedKey, anybody: asyncio.Task[Offer], heard: Callable[[Trial], None]
    ) -> None:
        verdict, said, hint = await self._tried(named, anybody)
        heard(Trial(provider=named.source.provider, label=named.label, verdict=verdict, said=said, hint=hint))

    async def _tried(self, named: NamedKey, anybody: asyncio.Task[Offer]) -> tuple[Verdict, str, str]:
        source, key = named.source, named.key
        if key is None:
            return Verdict.MISSING, named.missing, _SET
        if key.expired(utc_now().date()):
            return Verdict.EXPIRED, f"its last day was {key.expires}", _RENEW
        if source.missing:
            return Verdict.UNREACHABLE, source.missing, _SET
        if source.models:
            return await self._asked(source, key, source.models[0])
        offer = await self._listed(source, key)
        if offer.problem is not None and offer.problem.fault is not None and not offer.listings:
            return _judged(offer.problem.fault)
        if not offer.listings:
            return _listing(0)
        if (await anybody).listings:
            return await self._asked(source, key, _cheapest(offer.listings).id)
        return _listing(len(offer.listings))

    async def _listed(self, source: Source, key: Key | None) -> Offer:
        """What `source` lists for this key alone, or for anybody."""
        vendor = msgspec.structs.replace(source.vendor, key_needed=False)
        secret = key.secret if key else None
        alone = msgspec.structs.replace(source, vendor=vendor, key=secret, keys=(), models=(), guessed=False)
        (offer,) = await discover([alone], ways=self._ways, deadline=self._deadline)
        return offer

    async def _asked(self, source: Source, key: Key, name: str) -> tuple[Verdict, str, str]:
        """Whether `name` begins to answer with this key."""
        model = HttpModel(
            name=f"{source.provider}/{name}",
            model=name,
            dialect=self._ways.dialect_of(source),
            transport=self._ways.transport_to(source),
            base_url=source.vendor.base_url,
            key=key.secret.get_secret_value(),
        )
        try:
            async with asyncio.timeout(DEADLINE), model.stream(_PROMPT) as events:
                async for event in events:
                    if isinstance(event, Text | Reasoning | End):
                        break
        except TimeoutError:
            return _judged(TimedOut(f"{model.name} said nothing within {DEADLINE:g} s").fault)
        except Failure as failure:
            return _judged(failure.fault)
        return Verdict.WORKS, f"{model.name} answers", ""


_PROMPT = Prompt.of(QUESTION, max_tokens=MAX_TOKENS)


def _listing(count: int) -> tuple[Verdict, str, str]:
    return Verdict.WORKS, f"lists {count:,} model{'' if count == 1 else 's'}", ""


def _judged(fault: Fault) -> tuple[Verdict, str, str]:
    """What a failure says of the key that met it."""
    said = f"{fault.category.value.replace('_', ' ')}: {fault.message}"
    if fault.category in _ACCEPTING:
        return Verdict.WORKS, said, ""
    if fault.category in _REFUSING:
        return Verdict.REFUSED, said, _RENEW if fault.category is Category.UNAUTHORISED else fault.hint
    said = fault.message if fault.category is Category.UNREACHABLE else said
    return Verdict.UNREACHABLE, said, fault.hint


def _cheapest(listings: Sequence[Listing]) -> Listing:
    """One that costs nothing, or little, or has a short name, as small models do."""

    def cost(listing: Listing) -> tuple[bool, float, int]:
        price = listing.prices.output
        return not listing.free, float("inf") if price is None or price < 0 else price, len(listing.id)

    return min(listings, key=cost)
