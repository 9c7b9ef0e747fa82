"""aiohttp as panvox sets it up: certificates verified, no cookies, no limit of its own, heads capped."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from panvox.errors import SettingsError
from panvox.settings import WayOut

# Sent with every request that does not say otherwise. A relay that compresses holds events back until a
# block is full, so no compression is asked for; a server that compresses all the same is understood.
_HEADERS = {
    "User-Agent": f"panvox/{version('panvox')}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}

_PROXIES = ("http", "https", "socks4", "socks5", "socks5h")

_KEEP_ALIVE = 15.0  # seconds that a connection waits for the next request
_NAMES_LAST = 300  # seconds that a resolved name is trusted
_READ_AHEAD = 1 << 16  # bytes of a reply that are held before its server has to wait; twice that at most


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """What a server may send: bytes of a line of the head, headers, bytes of the unpacked body.

    A stream spends some 250 bytes on a token, so the longest answers of today fill half of `body`.
    """

    line: int = 1 << 15
    headers: int = 256
    body: int = 1 << 26


class Response(aiohttp.ClientResponse):
    """A reply that knows its connection to the end, and breaks it when it is left early.

    `sent` is when the last of its request was written, by the clock of the loop; None until then.
    """

    _line: ResponseHandler | None = None
    sent: float | None = None

    def start(self, connection: Connection) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        """Wait for the head."""
        self._line = connection.protocol
        if (writing := self._writer) is None:
            self._written()
        else:
            writing.add_done_callback(self._written)
        return super().start(connection)

    def _written(self, _: object = None) -> None:
        self.sent = self._loop.time()

    @property
    def lost(self) -> asyncio.Future[None] | None:
        """Done when the connection is lost; None if it was when this was first asked for."""
        return self._line.closed if self._line is not None else None

    @property
    def why_lost(self) -> BaseException | None:
        """What aiohttp found wrong with the connection."""
        return self._line.exception() if self._line is not None else None

    def break_connection(self) -> None:
        """End the connection at once.

        Closing it would first send what is left of the request, to a server that may never read it.
        """
        if self._line is not None:
            self._line.abort()

    def close(self) -> None:
        """Leave; the connection is broken unless the reply was received to its end."""
        if self.connection is not None:
            self.break_connection()
        super().close()


class Sessions:
    """Sessions of the running loop, made when needed: one for each pair of a proxy and what is trusted."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._trusts: dict[Path, ssl.SSLContext] = {}
        self._sessions: dict[tuple[URL | None, ssl.SSLContext | None], aiohttp.ClientSession] = {}

    def of(self, proxy: URL | None, trust: ssl.SSLContext | None) -> aiohttp.ClientSession:
        """The session that goes through `proxy`, or straight; `trust` of None is that of the system."""
        session = self._sessions.get((proxy, trust))
        if session is None:
            session = self._sessions[proxy, trust] = self._new(proxy, trust)
        return session

    def trust(self, way: WayOut) -> ssl.SSLContext | None:
        """What `way` trusts; its file is read once. Raises `SettingsError`."""
        if way.ca_file is None:
            return None
        if way.ca_file not in self._trusts:
            self._trusts[way.ca_file] = _read_trust(way.ca_file, way.ca_setting)
        return self._trusts[way.ca_file]

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _new(self, proxy: URL | None, trust: ssl.SSLContext | None) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_connector(trust, proxy),
            proxy=proxy if proxy is not None and not speaks_socks(proxy) else None,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=Response,
            timeout=aiohttp.ClientTimeout(),
            read_bufsize=_READ_AHEAD,
            max_line_size=self._caps.line,
            max_field_size=self._caps.line,
            max_headers=self._caps.headers,
        )


def _connector(trust: ssl.SSLContext | None, proxy: URL | None) -> aiohttp.TCPConnector:
    pooling: dict[str, Any] = {
        "ssl": trust or True,  # aiohttp's own context verifies too, and is there already
        "limit": 0,
        "limit_per_host": 0,
        "keepalive_timeout": _KEEP_ALIVE,
        "ttl_dns_cache": _NAMES_LAST,
    }
    if proxy is None or not speaks_socks(proxy):
        return aiohttp.TCPConnector(**pooling)
    from aiohttp_socks import ProxyConnector  # noqa: PLC0415 - few need it, and it takes a while to import

    # Names are left to the proxy, also by SOCKS 4 (in its form 4a): it may know some that we do not.
    connector: aiohttp.TCPConnector = ProxyConnector.from_url(
        str(proxy.with_scheme("socks5") if proxy.scheme == "socks5h" else proxy), rdns=True, **pooling
    )
    return connector


def errors_through(proxy: URL | None) -> tuple[type[Exception], ...]:
    """What a session raises when a request gets no reply through `proxy`; see `breakdowns.before_head`."""
    known = (aiohttp.ClientError, OSError, ValueError)
    if proxy is None or not speaks_socks(proxy):
        return known
    from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError  # noqa: PLC0415 - as above

    return (*known, ProxyConnectionError, ProxyError, ProxyTimeoutError, EOFError)


def speaks_socks(proxy: URL) -> bool:
    """Whether aiohttp needs help to speak to it."""
    return proxy.scheme.startswith("socks")


def read_proxy(way: WayOut) -> URL | None:
    """The address of the proxy of `way`. Raises `SettingsError`; what it says leaves a password out."""
    if way.proxy is None:
        return None
    try:
        url = URL(way.proxy.get_secret_value())
    except ValueError:
        raise SettingsError(f"{way.proxy_setting} is not an address.") from None
    if url.scheme not in _PROXIES or not url.host or not url.port:
        raise SettingsError(
            f"{way.proxy_setting} names {url.scheme or 'no scheme'}://{url.host or ''}: it must be one of"
            f" {', '.join(_PROXIES)}, with a host and a port, such as http://proxy.example:3128."
        )
    return url


def _read_trust(ca_file: Path, setting: str) -> ssl.SSLContext:
    """The certificates of the system and those in a PEM file. Raises `SettingsError`."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"{setting} = {str(ca_file)!r} cannot be read as PEM: {reason}.") from error
    return context
