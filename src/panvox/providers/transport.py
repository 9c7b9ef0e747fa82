"""Requests over HTTP/1.1: one pool of connections for all models of a process.

send ──► a connection is free ──► aiohttp ──► head of the reply ──► pieces of its body
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from panvox.errors import Failure
from panvox.protocols import Reply, Request, Transport
from panvox.providers.bodies import body_of
from panvox.providers.breakdowns import (
    Taken,
    before_head,
    in_body,
    in_the_clear,
    readable,
    redirected,
    too_long,
    unauthorised_by_proxy,
)
from panvox.providers.sessions import Caps, Response, Sessions, errors_through, read_proxy
from panvox.settings import STRAIGHT, WayOut
from panvox.settings.hosts import goes_straight, is_this_machine

if sys.platform != "win32":
    import resource

__all__ = ["Caps", "HttpTransport"]

_CLOSING = 1.0  # seconds that closing may take
_LAST_BYTES = 0.05  # seconds that a reply may take to end once nobody wants more of it
_PIECE = 1 << 14  # bytes of a reply that are handed over at once
_RESERVED_FILES = 128  # for the store, the terminal, children and whatever else is open
_UNLIMITED = 1 << 16  # what a system without a limit is taken to allow


class HttpTransport:
    """A `Transport` on aiohttp.

    It opens as many connections as there are requests on their way. Only where that would pass the
    open-file limit of the process, which is raised as far as the system allows, does a request wait for
    another to end, first come first served.

    It sends by `way`, and by other ways for whoever asks for one. Raises `SettingsError` for a proxy that is
    misspelt, and for a file of certificates that is none; it is read here.
    """

    def __init__(self, *, caps: Caps | None = None, way: WayOut = STRAIGHT) -> None:
        self._caps = caps or Caps()
        self._sessions = Sessions(self._caps)
        self._lines = _Lines(max(2, _raise_open_files() - _RESERVED_FILES))
        self._usual = self.way(way)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING):
                await self._sessions.close()

    def send(self, request: Request, *, connect_timeout: float) -> AbstractAsyncContextManager[Reply]:
        """The reply, once its head is here; see `Transport`.

        Raises `TimedOut` when no connection comes about within `connect_timeout` seconds, `Unreachable`
        when none can or it breaks before the head is here, or when the way out does not allow to send to
        such an address, `Malformed` for a head that is no HTTP, that passes the caps or that redirects.
        """
        return self._usual.send(request, connect_timeout=connect_timeout)

    def way(self, way: WayOut) -> Transport:
        """The same transport, but for the way out: connections are shared as far as ways are alike.

        It is open as long as this one is. Raises `SettingsError` as the constructor does.
        """
        return _Way(way, self._sessions, self._lines, self._caps.body)


class _Way:
    """A `Transport` that sends by one way out."""

    def __init__(self, way: WayOut, sessions: Sessions, lines: _Lines, most: int) -> None:
        self.out = way
        self.lines = lines
        self.most = most
        self._proxy = read_proxy(way)
        self._trust = sessions.trust(way)
        self._sessions = sessions
        self._proxies: dict[tuple[str, str | None, int | None], URL | None] = {}
        self.errors = errors_through(self._proxy)

    def send(self, request: Request, *, connect_timeout: float) -> AbstractAsyncContextManager[Reply]:
        """See `HttpTransport.send`."""
        return _Exchange(request, connect_timeout, self)

    def session(self, proxy: URL | None) -> aiohttp.ClientSession:
        """The session for requests through `proxy`."""
        return self._sessions.of(proxy, self._trust)

    def proxy(self, url: URL) -> URL | None:
        """The proxy through which `url` is reached. Raises `Unreachable` if it must not be."""
        origin = url.scheme, url.raw_host, url.port
        if origin not in self._proxies:  # an address is asked again and again
            self._proxies[origin] = self._proxy_for(url)
        return self._proxies[origin]

    def _proxy_for(self, url: URL) -> URL | None:
        host = url.raw_host or ""
        if url.scheme == "http" and not self.out.allow_plain_http and not is_this_machine(host):
            raise in_the_clear(url, self.out)
        return None if goes_straight(host, url.port, self.out.no_proxy) else self._proxy


class _Lines:
    """The open connections: how many requests may have one, who reads each, how many wait for a request.

    A connection is known by the future that is done when it is lost. A quarter of the files that may be
    open is left to those that wait.
    """

    def __init__(self, files: int) -> None:
        self._most_idle = files // 4
        self._idle = 0
        self._readers: dict[asyncio.Future[None], _Exchange | None] = {}
        self.free = asyncio.Semaphore(files - self._most_idle)

    def take(self, line: asyncio.Future[None], reader: _Exchange) -> None:
        """A reply comes in over a connection, be it a new one."""
        if line not in self._readers:
            line.add_done_callback(self._lost)
        elif self._readers[line] is None:
            self._idle -= 1
        self._readers[line] = reader

    def put_by(self, line: asyncio.Future[None]) -> bool:
        """Whether a connection that has served may wait for the next request."""
        if self._idle == self._most_idle:
            return False
        self._idle += 1
        self._readers[line] = None
        return True

    def _lost(self, line: asyncio.Future[None]) -> None:
        if not line.cancelled():
            line.exception()  # asyncio complains of errors that nobody has asked for
        reader = self._readers.pop(line)
        if reader is None:
            self._idle -= 1
        else:
            reader.connection_lost()


class _Exchange:
    """One request: entered, it is the `Reply`; iterated, it gives the pieces of the body, unpacked."""

    __slots__ = (
        "_came",
        "_connect_timeout",
        "_content",
        "_failure",
        "_line",
        "_lines",
        "_most",
        "_request",
        "_response",
        "_url",
        "_way",
    )

    def __init__(self, request: Request, connect_timeout: float, way: _Way) -> None:
        self._request = request
        self._url = readable(request.url)
        self._connect_timeout = connect_timeout
        self._way = way
        self._lines = way.lines
        self._most = way.most
        self._came = 0
        self._failure: Failure | None = None

    async def __aenter__(self) -> Self:
        request, way = self._request, self._way
        proxy = way.proxy(self._url)
        await self._lines.free.acquire()
        try:
            response = await way.session(proxy).request(
                request.method,
                self._url,
                headers=request.headers,
                data=body_of(request.body),
                allow_redirects=False,
                timeout=_only_connecting(self._connect_timeout),
            )
        except way.errors as error:
            self._lines.free.release()
            taken = Taken(way.out, proxy)
            raise before_head(error, self._url, taken, connect_timeout=self._connect_timeout) from error
        except BaseException:
            self._lines.free.release()
            raise
        self._take(response)
        if refusal := self._refusal(proxy):
            await self._leave()
            raise refusal
        return self

    def _refusal(self, proxy: URL | None) -> Failure | None:
        """What a head says that is no answer of the model."""
        if 300 <= self.status < 400:
            return redirected(self._url, self.status, self.headers.get("Location", ""))
        if self.status == 407 and proxy is not None:
            return unauthorised_by_proxy(self._url, Taken(self._way.out, proxy))
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self._content.is_eof():
                await self._run_out()
        finally:
            await self._leave()

    def _take(self, response: aiohttp.ClientResponse) -> None:
        assert isinstance(response, Response)  # noqa: S101 - the sessions make no other
        self._response = response
        self._content = response.content
        self._line = response.lost
        if self._line is not None:
            self._lines.take(self._line, self)
            self._content.on_eof(self._ended)

    async def _leave(self) -> None:
        """Leave the connection alone if the reply was received to its end, else break it."""
        self._response.close()
        try:
            await self._response.wait_for_close()
        finally:
            self._lines.free.release()

    # --- the reply ---

    @property
    def status(self) -> int:
        """See `Reply`."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `Reply`."""
        return self._response.headers

    @property
    def sent(self) -> float | None:
        """See `Reply`."""
        return self._response.sent

    def chunks(self) -> AsyncIterator[bytes]:
        """See `Reply`."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if 0 < self._came < self._content.total_bytes:
            await asyncio.sleep(0)  # a server that sends faster than it is read must not keep the loop busy
        try:
            data = await self._content.read(_PIECE)
        except (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError) as error:
            data = self._break(error)
        if not data:
            raise StopAsyncIteration
        self._came += len(data)
        if self._came > self._most:
            raise too_long(self._url, self._most)
        return data

    async def _run_out(self) -> None:
        """Read the last bytes, if they come soon."""
        with suppress(TimeoutError, Failure):
            async with asyncio.timeout(_LAST_BYTES):
                async for _ in self:
                    pass

    def _break(self, error: Exception) -> bytes:
        """What had arrived before `error` and was not read yet; the failure comes after it."""
        if isinstance(error, RuntimeError) and self._line is not None and not self._line.done():
            raise error  # two readers at once, which is nothing that a server does
        self._failure = in_body(self._response.why_lost or error, self._url)
        self._failure.__cause__ = error
        content = self._content
        held = b"".join(content._buffer)[content._buffer_offset :]  # noqa: SLF001 - aiohttp would drop it
        if not held:
            raise self._failure
        return held

    # --- what happens to the connection ---

    def _ended(self) -> None:
        """The reply was received to its end, and aiohttp has just put the connection by."""
        if self._line is not None and not self._lines.put_by(self._line):
            self._response.break_connection()

    def connection_lost(self) -> None:
        """End the wait of a reader.

        aiohttp does so itself but for one case, a body that stops being HTTP half-way: it closes the
        connection and leaves the reader to wait for ever.
        """
        if self._content.exception() is None and not self._content.is_eof():
            self._content.set_exception(aiohttp.ClientConnectionError())


@lru_cache
def _only_connecting(seconds: float) -> aiohttp.ClientTimeout:
    """The other deadlines are not the transport's: it cannot tell a sign of life from an answer."""
    return aiohttp.ClientTimeout(connect=seconds)


def _raise_open_files() -> int:
    """Raise this process's limit of open files as far as the system allows; the limit then in force."""
    if sys.platform == "win32":
        return _UNLIMITED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say "unlimited" and mean less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if soft != resource.RLIM_INFINITY else _UNLIMITED
