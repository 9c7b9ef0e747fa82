"""Asks every source for its models at the same time; one that fails or hangs costs nobody else anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from panvox.catalog.entries import Problem
from panvox.catalog.sources import Source
from panvox.errors import Failure, Internal, Malformed, Retry, TimedOut, Unauthorised
from panvox.protocols import Dialect, Listing, ListPage, Request, Transport
from panvox.redaction import masked, masked_body

_MOST_PAGES = 100  # of a list; a provider that pages in circles must not keep us
_DETAILS_AT_ONCE = 4  # calls to one provider
_GRACE = 1.5  # seconds that a silent provider is waited for at least after a list that came


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider offered `at` a time (seconds since 1970), and what kept it from offering more.

    `whole` tells that its list was read to the end; a guess that nobody answers is neither whole nor wrong.
    """

    provider: str
    listings: tuple[Listing, ...] = ()
    at: float = 0.0
    whole: bool = False
    problem: Problem | None = None


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How a source is reached and what it speaks."""

    transport_to: Callable[[Source], Transport]
    dialect_of: Callable[[Source], Dialect]


async def discover(
    sources: Sequence[Source], *, ways: Ways, deadline: float = 10.0, guess_deadline: float = 0.4
) -> tuple[Offer, ...]:
    """What all `sources` offer, in their order, after at most `deadline` seconds.

    Every source ends in an offer, whose problem says why it is not whole. Guessed ones are given
    `guess_deadline` seconds for their first word, since a server on this machine answers at once or is not
    there, and are no problem when they fail. A source that names its models is taken at its word.

    Nobody waits long for the dead: after each list that comes, those that are silent are given as long again
    as it took, and a second and a half at least. What this machine says at once hurries no hosted provider.
    """
    looks = [_Looking(source, ways, deadline, guess_deadline) for source in sources]

    async def run(look: _Looking) -> None:
        await look.run()
        if look.offer.listings:
            for other in looks:
                other.hurry(look)

    async with asyncio.TaskGroup() as tasks:
        for look in looks:
            tasks.create_task(run(look))
    return tuple(look.offer for look in looks)


class _Looking:
    """The look at one source; what has come before something goes wrong is kept."""

    def __init__(self, source: Source, ways: Ways, deadline: float, guess_deadline: float) -> None:
        self.offer = Offer(provider=source.provider)
        self._source = source
        self._key = source.plain_key
        self._deadline = deadline
        self._first = guess_deadline if source.guessed else deadline
        self._silence: asyncio.Timeout | None = None  # until its first word
        self._ways = ways
        self._listings: list[Listing] = []
        self._at = time.time()
        self._read_whole = False
        self._began = 0.0
        self.took = 0.0  # seconds from its start to its end

    async def run(self) -> None:
        """Look, and have the offer."""
        self._began = asyncio.get_running_loop().time()
        self.offer = await self._looked()
        self._silence = None
        self.took = asyncio.get_running_loop().time() - self._began

    def hurry(self, done: _Looking) -> None:
        """`done` has what it looked for: be done soon, too, unless there was a first word."""
        if self._silence is None or (done.at_hand and not self.at_hand):
            return
        until = self._began + done.took + max(_GRACE, done.took)
        self._silence.reschedule(min(self._began + self._first, until))

    @property
    def at_hand(self) -> bool:
        """Whether it is on this machine."""
        return self._source.vendor.loopback

    async def _looked(self) -> Offer:
        source = self._source
        if source.missing:
            hint = _RENEW_OR_LEAVE_OUT if source.keys else _SET_OR_LEAVE_OUT
            return self._failed(Unauthorised(source.missing, hint=hint))
        if source.models:
            return self._whole([Listing(id=model) for model in source.models])
        try:
            async with asyncio.timeout(self._deadline):
                await self._read_with_a_key()
        except TimeoutError:
            if self._read_whole:  # only details are missing, and what was listed is what there is
                return self._whole(self._listings)
            waited = asyncio.get_running_loop().time() - self._began
            return self._failed(
                TimedOut(f"the model list did not come within {waited:.1f} s", hint=_LATER_OR_NAME)
            )
        except Failure as failure:
            return self._failed(failure)
        except Exception as error:  # noqa: BLE001 - a defect met at one source must not cost the others theirs
            return self._failed(Internal(f"{type(error).__name__}: {error}"))
        return self._whole(self._listings)

    def _whole(self, listings: Sequence[Listing]) -> Offer:
        return Offer(provider=self._source.provider, listings=tuple(listings), at=self._at, whole=True)

    async def _read_with_a_key(self) -> None:
        """A key that is refused must not cost the list where there is another."""
        *others, last = self._source.plain_keys
        for key in others:
            self._key = key
            try:
                return await self._read()
            except Failure as failure:
                if self._listings or failure.fault.retry is not Retry.OTHER_KEY:
                    raise
        self._key = last
        return await self._read()

    async def _read(self) -> None:
        dialect = self._ways.dialect_of(self._source)
        transport = self._ways.transport_to(self._source)
        async with asyncio.timeout(self._first) as first:
            self._silence = first
            async for page in self._pages(dialect, transport):
                self._silence = None
                first.reschedule(None)
                self._listings += page.listings
        self._read_whole = True
        await self._add_details(dialect, transport)

    async def _pages(self, dialect: Dialect, transport: Transport) -> AsyncIterator[ListPage]:
        """The pages of the list; one that points to itself, or to one that was there, was the last."""
        asked = [""]
        while len(asked) <= _MOST_PAGES:
            request = self._list_request(dialect, asked[-1])
            page = dialect.listings(await self._fetch(request, dialect, transport), page=asked[-1])
            yield page
            if not page.more or page.more in asked:
                return
            asked.append(page.more)
        raise Malformed(
            f"its list has more than {_MOST_PAGES} pages", hint="Name its models in the settings instead."
        )

    def _list_request(self, dialect: Dialect, more: str) -> Request:
        vendor, key = self._source.vendor, self._key
        return dialect.listing_request(base_url=vendor.list_url or vendor.base_url, key=key, page=more)

    async def _fetch(self, request: Request, dialect: Dialect, transport: Transport) -> bytes:
        async with transport.send(request, connect_timeout=self._deadline) as reply:
            body = b"".join([piece async for piece in reply.chunks()])
            body = masked_body(body, self._key)
            if reply.status != 200:
                raise dialect.failure(reply.status, reply.headers, body)
        return body

    async def _add_details(self, dialect: Dialect, transport: Transport) -> None:
        """What lists leave out, asked for each model; one that does not tell stays as it was listed."""
        free = asyncio.Semaphore(_DETAILS_AT_ONCE)
        vendor, key = self._source.vendor, self._key

        async def ask(index: int, request: Request) -> None:
            async with free:
                try:
                    body = await self._fetch(request, dialect, transport)
                except Failure:
                    return
            self._listings[index] = dialect.detailed(self._listings[index], body)

        async with asyncio.TaskGroup() as tasks:
            for index, listing in enumerate(self._listings):
                request = dialect.detail_request(listing.id, base_url=vendor.base_url, key=key)
                if request is not None:
                    tasks.create_task(ask(index, request))

    def _failed(self, failure: Failure) -> Offer:
        """What there is, with the reason why there is no more of it."""
        source = self._source
        if source.guessed and not self._listings:
            return Offer(provider=source.provider, at=self._at)
        reason = _safe(str(failure), self._key)
        fault = msgspec.structs.replace(failure.fault, message=reason)
        what = f"only the first {len(self._listings)} models" if self._listings else "no models"
        message = f"{source.provider}: {what}, since {reason.rstrip('.')}. {fault.hint}"
        problem = Problem(provider=source.provider, message=message, fault=fault)
        return Offer(provider=source.provider, listings=tuple(self._listings), at=self._at, problem=problem)


_SET_OR_LEAVE_OUT = "Set it, or take the provider out of the settings."
_RENEW_OR_LEAVE_OUT = "Get a new one and change its date, or take the provider out of the settings."
_LATER_OR_NAME = "Try again later, or name its models in the settings, so that no list is needed."


def _safe(text: str, key: str | None) -> str:
    """What a provider said, on one line that may be shown: some repeat the key that they refuse."""
    shown = masked(text, key)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in shown).split())[:300]
