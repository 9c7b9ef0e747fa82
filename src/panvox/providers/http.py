"""The one model that speaks HTTP, in any dialect.

prompt ── dialect.request ── transport.send ── status 200 ── dialect.decoder ── events
                                           └── any other ── dialect.failure
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType

from panvox.errors import Failure, InvalidRequest, Owner, PromptError, Truncated
from panvox.messages import End, Event, Prompt, ReplyBegan
from panvox.protocols import Decoder, Dialect, Reply, Transport
from panvox.providers.deadlines import Deadlines, Watchdog
from panvox.redaction import without_secret

__all__ = ["Deadlines", "HttpModel"]

_OK = 200
_UNWRITTEN = "Change the prompt as the message says, or leave this model out."
_REFUSAL = 1 << 16  # bytes of a refusal that are read
_REFUSAL_TIME = 5.0  # seconds that reading it may take


class HttpModel:
    """A `Model` behind an HTTP address.

    `name` is what people call it, `model` what its provider calls it; `base_url` is the provider's address
    as the dialect expects it. The key goes into requests and nowhere else.
    """

    def __init__(
        self,
        *,
        name: str,
        model: str,
        dialect: Dialect,
        transport: Transport,
        base_url: str,
        key: str | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.name = name
        self._model = model
        self._dialect = dialect
        self._transport = transport
        self._base_url = base_url
        self._key = key
        self._deadlines = deadlines or Deadlines()

    def __repr__(self) -> str:
        return f"HttpModel(name={self.name!r}, model={self._model!r}, dialect={self._dialect.name!r})"

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Ask; see `Model`. Raises `TimedOut` and whatever the dialect and the transport raise.

        A prompt that the dialect cannot write is an `InvalidRequest`: another model may take it.
        """
        try:
            request = self._dialect.request(prompt, self._model, base_url=self._base_url, key=self._key)
        except PromptError as error:
            raise InvalidRequest(str(error), hint=_UNWRITTEN, owner=Owner.PROMPT) from None
        sending = self._transport.send(request, connect_timeout=self._deadlines.connect)
        return _Call(sending, self._dialect, Watchdog(self._deadlines, self.name), self._key)


class _Call:
    """One call on its way: entered, it waits for the reply; iterated, it gives the events of the answer."""

    __slots__ = (
        "_chunks",
        "_decoder",
        "_dialect",
        "_ended",
        "_events",
        "_key",
        "_reply",
        "_sending",
        "_watchdog",
    )

    def __init__(
        self,
        sending: AbstractAsyncContextManager[Reply],
        dialect: Dialect,
        watchdog: Watchdog,
        key: str | None,
    ) -> None:
        self._key = key
        self._sending = sending
        self._dialect = dialect
        self._watchdog = watchdog
        self._events: Iterator[Event] = iter(())
        self._ended = False
        self._chunks: AsyncIterator[bytes] | None = None

    async def __aenter__(self) -> AsyncIterator[Event]:
        try:
            with self._watchdog:
                reply = await self._sending.__aenter__()
        except BaseException:
            self._watchdog.close()
            raise
        self._reply = reply
        self._events = self._opening(reply)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._watchdog.close()
        return await self._sending.__aexit__(kind, error, traceback)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while True:
            try:
                for event in self._events:
                    self._watchdog.answering = type(event) is not ReplyBegan
                    if type(event) is End:
                        self._ended, self._events = True, iter(())
                    return event
            except Failure as failure:
                raise without_secret(failure, self._key) from failure.__cause__
            if self._ended:
                raise StopAsyncIteration
            await self._read_on()

    def _opening(self, reply: Reply) -> Iterator[Event]:
        """What the head alone tells."""
        rates = self._dialect.rates(reply.headers, now=time.time())
        yield ReplyBegan(rates, accepted=reply.status == _OK, sent=reply.sent)

    async def _read_on(self) -> None:
        if self._chunks is None:
            self._decoder = await self._decoder_of(self._reply)
            self._chunks = self._reply.chunks()
        try:
            with self._watchdog:
                data = await anext(self._chunks)
        except StopAsyncIteration:
            self._ended, self._events = True, self._decoder.close()
        except Truncated as broken:
            self._ended, self._events = True, _close(self._decoder, broken)
        else:
            self._events = self._decoder.feed(data)

    async def _decoder_of(self, reply: Reply) -> Decoder:
        if reply.status != _OK:
            raise without_secret(await self._refusal(reply), self._key)
        return self._dialect.decoder(reply.headers.get("Content-Type", ""))

    async def _refusal(self, reply: Reply) -> Failure:
        """What a reply other than 200 says, as far as it can be had soon and in reasonable length."""
        body = bytearray()
        with suppress(TimeoutError, Failure):
            async with asyncio.timeout(_REFUSAL_TIME):
                async for data in reply.chunks():
                    body += data
                    if len(body) >= _REFUSAL:
                        break
        return self._dialect.failure(reply.status, reply.headers, bytes(body[:_REFUSAL]))


def _close(decoder: Decoder, broken: Truncated) -> Iterator[Event]:
    """Some servers never end a reply properly; if the decoder has all it needs, that does not matter."""
    try:
        yield from decoder.close()
    except Failure:
        raise broken from None
