"""Asks every source for its models at the same time; one that fails or hangs costs nobody else anything."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

import msgspec

from panvox.catalog.entries import Catalogue, Entry, Problem
from panvox.catalog.lineage import lineage
from panvox.catalog.sources import Source
from panvox.errors import Failure, Internal, TimedOut, Unauthorised
from panvox.protocols import Dialect, Listing, Transport
from panvox.redaction import masked

_LONGEST_NAME = 200


async def discover(
    sources: Sequence[Source],
    *,
    transport: Transport,
    dialects: Mapping[str, Dialect],
    deadline: float = 10.0,
    guess_deadline: float = 0.4,
) -> Catalogue:
    """The models of all `sources`, in their order, after at most `deadline` seconds.

    Every source ends in entries, or in one problem. Guessed ones are given `guess_deadline` seconds, since a
    server on this machine answers at once or is not there, and are no problem when they fail. A source that
    names its models is taken at its word.
    """
    found = [Catalogue()] * len(sources)

    async def look(index: int, source: Source) -> None:
        within = guess_deadline if source.guessed else deadline
        found[index] = await _models_of(source, transport, dialects[source.vendor.dialect], within)

    async with asyncio.TaskGroup() as tasks:
        for index, source in enumerate(sources):
            tasks.create_task(look(index, source))
    return Catalogue(
        entries=tuple(entry for part in found for entry in part.entries),
        problems=tuple(problem for part in found for problem in part.problems),
    )


async def _models_of(source: Source, transport: Transport, dialect: Dialect, within: float) -> Catalogue:
    if source.vendor.key_needed and source.key is None:
        variables = " or ".join(source.vendor.key_env)
        hint = "Set it, or take the provider out of the settings."
        return _failed(source, Unauthorised(f"the environment variable {variables} is not set", hint=hint))
    if source.models:
        return _catalogue(source, [Listing(id=model) for model in source.models])
    try:
        async with asyncio.timeout(within):
            listings = await _list(source, transport, dialect, within)
    except TimeoutError:
        hint = "Try again later, or name its models in the settings, so that no list is needed."
        return _failed(source, TimedOut(f"the model list did not come within {within:g} s", hint=hint))
    except Failure as failure:
        return _failed(source, failure)
    except Exception as error:  # noqa: BLE001 - a defect met at one source must not cost the others theirs
        return _failed(source, Internal(f"{type(error).__name__}: {error}"))
    return _catalogue(source, listings)


async def _list(source: Source, transport: Transport, dialect: Dialect, within: float) -> list[Listing]:
    vendor, key = source.vendor, source.plain_key
    bearer = None if vendor.list_headers else key
    request = dialect.listing_request(base_url=vendor.list_url or vendor.base_url, key=bearer)
    headers = {name: value.format(key=key) for name, value in vendor.list_headers.items()}
    request = msgspec.structs.replace(request, headers={**request.headers, **headers})
    async with transport.send(request, connect_timeout=within) as reply:
        body = b"".join([piece async for piece in reply.chunks()])
        if reply.status != 200:
            raise dialect.failure(reply.status, reply.headers, body)
    return dialect.listings(body)


def _failed(source: Source, failure: Failure) -> Catalogue:
    if source.guessed:
        return Catalogue()
    reason = _safe(str(failure), source.plain_key)
    fault = msgspec.structs.replace(failure.fault, message=reason)
    message = f"{source.provider}: no models, since {reason.rstrip('.')}. {fault.hint}"
    return Catalogue(problems=(Problem(provider=source.provider, message=message, fault=fault),))


def _catalogue(source: Source, listings: Sequence[Listing]) -> Catalogue:
    chat = [listing for listing in listings if listing.kind == "chat"]
    usable = [listing for listing in chat if _usable(listing.id)]
    entries: dict[str, Entry] = {}
    for listing in usable:
        entry = _entry(source, listing)
        entries.setdefault(entry.name, entry)
    problem = ""
    if dropped := len(chat) - len(usable):
        problem = f"{dropped} models left out: their names are too long or hold what a terminal would obey"
    elif not entries and not source.guessed:
        problem = f"the list at {source.vendor.base_url} names no chat model"
    problems = (
        (Problem(provider=source.provider, message=f"{source.provider}: {problem}"),) if problem else ()
    )
    return Catalogue(entries=tuple(entries.values()), problems=problems)


def _usable(model: str) -> bool:
    """Whether a name may be shown and sent: names come from outside, and a terminal obeys escapes in them."""
    return bool(model.strip()) and len(model) <= _LONGEST_NAME and model.isprintable()


def _entry(source: Source, listing: Listing) -> Entry:
    relay = source.vendor.relay
    upstream = listing.id.partition(relay)[2] if relay and relay in listing.id else listing.id
    return Entry(
        # Spaces and commas would end a pattern.
        name=f"{source.provider}/{re.sub(r'[ ,]+', '-', listing.id.strip())}",
        provider=source.provider,
        model=listing.id,
        lineage=lineage(upstream),
        free=_free(source, listing),
        listing=None if source.models else listing,
    )


def _free(source: Source, listing: Listing) -> bool:
    if source.free is not None:
        return source.free
    if source.vendor.loopback or listing.id.endswith(":free"):
        return True
    return source.vendor.zero_is_free and listing.prompt_price == 0 and listing.completion_price == 0


def _safe(text: str, key: str | None) -> str:
    """What a provider said, on one line that may be shown: some repeat the key that they refuse."""
    shown = masked(text, key)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in shown).split())[:300]
