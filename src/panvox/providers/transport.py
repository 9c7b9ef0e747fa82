"""Requests over HTTP/1.1: one pool of connections for all models of a process.

send ──► a connection is free ──► aiohttp ──► head of the reply ──► pieces of its body
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError

from panvox.errors import Failure
from panvox.protocols import Reply, Request
from panvox.providers.breakdowns import before_head, in_body, readable, redirected, too_long
from panvox.providers.sessions import Caps, Response, Sessions, read_proxy, read_trust

if sys.platform != "win32":
    import resource

__all__ = ["Caps", "HttpTransport"]

_CLOSING = 1.0  # seconds that closing may take
_LAST_BYTES = 0.05  # seconds that a reply may take to end once nobody wants more of it
_PIECE = 1 << 14  # bytes of a reply that are handed over at once
_SLICE = 1 << 16  # bytes of a request that are handed over at once
_RESERVED_FILES = 128  # for the store, the terminal, children and whatever else is open
_UNLIMITED = 1 << 16  # what a system without a limit is taken to allow


class HttpTransport:
    """A `Transport` on aiohttp.

    It opens as many connections as there are requests on their way. Only where that would pass the
    open-file limit of the process, which is raised as far as the system allows, does a request wait for
    another to end, first come first served.

    `proxy` is an address with the scheme http, https, socks4, socks5 or socks5h; this machine is reached
    without it. `ca_file` is a PEM file of certificates to trust besides those of the system; it is read
    here. Raises `SettingsError` for either.
    """

    def __init__(
        self, *, caps: Caps | None = None, proxy: str | None = None, ca_file: Path | None = None
    ) -> None:
        self._caps = caps or Caps()
        self._sessions = Sessions(
            caps=self._caps,
            proxy=read_proxy(proxy) if proxy else None,
            trust=read_trust(ca_file) if ca_file else None,
        )
        self._lines = _Lines(max(2, _raise_open_files() - _RESERVED_FILES))

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
        when none can or it breaks before the head is here, `Malformed` for a head that is no HTTP, that
        passes the caps or that redirects.
        """
        return _Exchange(request, connect_timeout, self._sessions, self._lines, self._caps.body)


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
        "_sessions",
        "_url",
    )

    def __init__(
        self, request: Request, connect_timeout: float, sessions: Sessions, lines: _Lines, most: int
    ) -> None:
        self._request = request
        self._url = readable(request.url)
        self._connect_timeout = connect_timeout
        self._sessions = sessions
        self._lines = lines
        self._most = most
        self._came = 0
        self._failure: Failure | None = None

    async def __aenter__(self) -> Self:
        request = self._request
        await self._lines.free.acquire()
        try:
            response = await self._sessions.of(self._url).request(
                request.method,
                self._url,
                headers=request.headers,
                data=_body(request.body),
                allow_redirects=False,
                timeout=_only_connecting(self._connect_timeout),
            )
        except self._sessions.errors as error:
            self._lines.free.release()
            raise before_head(error, self._url, connect_timeout=self._connect_timeout) from error
        except BaseException:
            self._lines.free.release()
            raise
        self._take(response)
        if 300 <= self.status < 400:
            await self._leave()
            raise redirected(self._url, self.status, self.headers.get("Location", ""))
        return self

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


def _body(pieces: tuple[bytes, ...]) -> bytes | aiohttp.Payload | None:
    """A short body as one, which is cheaper to send than its pieces; a long one without a copy of it."""
    size = sum(map(len, pieces))
    return _LongBody(pieces, size) if size > _SLICE else b"".join(pieces) or None


class _LongBody(aiohttp.Payload):
    """The pieces of a request, written as they are: members share them."""

    _autoclose = True  # it holds nothing that needs closing

    def __init__(self, pieces: tuple[bytes, ...], size: int) -> None:
        super().__init__(pieces)
        self._size = size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The request as text."""
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send all pieces, no faster than the server takes them."""
        for piece in self._value:
            view = memoryview(piece)
            for start in range(0, len(piece), _SLICE):
                await writer.write(view[start : start + _SLICE])


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
