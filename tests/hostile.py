"""Servers on loopback that do what no server should, for tests of whoever speaks HTTP.

async with HostileServer(script) as server:   # a script is an async function of one Exchange
    ... server.url, server.connections, server.requests, await server.left() ...
async with ForwardProxy(to=server.port) as proxy: ...
async with SocksProxy(to=server.port) as proxy: ...
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Self

WIRE = Path(__file__).parent / "wire"
AUTHORITY = WIRE / "authority.pem"  # a certificate authority for these tests alone

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/lines\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def reply(body: bytes, *, status: str = "200 OK", kind: str = "text/lines", headers: str = "") -> bytes:
    """A whole reply of known length; `headers` are further lines, each with its end."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
        + body
    )


@cache
def bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed by gzip to a thousandth of it."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


class Exchange:
    """One request that has come in, and the means to mistreat whoever sent it."""

    def __init__(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.body = body
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send the pieces, as fast as the other side takes them."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def drip(self, data: bytes, *, every: float) -> None:
        """Send byte after byte, so many seconds apart."""
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(every)

    async def hang(self) -> None:
        """Say nothing until the other side has gone."""
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection in order."""
        self._writer.close()


Script = Callable[[Exchange], Awaitable[None]]


class Listener:
    """A server that counts its connections and ends with its context."""

    address = "127.0.0.1"

    def __init__(self, *, tls: bool = False) -> None:
        self.connections = 0
        self.port = 0
        self._tls = tls
        self._left = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self.address, 0, ssl=_server_context() if self._tls else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def left(self) -> None:
        """Wait until a client has gone away."""
        await self._left.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk on one connection."""
        raise NotImplementedError

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # that is what these servers are for
        except RuntimeError:
            if not writer.is_closing():  # uvloop's way to say that the client has gone
                raise
        finally:
            self._left.set()
            self._tasks.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()


class HostileServer(Listener):
    """Runs a script for every request; a script that does not close leaves the connection open for more."""

    def __init__(self, script: Script, *, tls: bool = False) -> None:
        super().__init__(tls=tls)
        self.requests: list[Exchange] = []
        self._script = script

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            exchange = Exchange(head, b"", reader, writer)
            exchange.body = await reader.readexactly(int(exchange.headers.get("content-length", "0")))
            self.requests.append(exchange)
            await self._script(exchange)


class _Relay(Listener):
    """Sends everything on to one port of this machine, whatever host was asked for."""

    def __init__(self, *, to: int) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._to = to

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        far_writer.write(first)
        async with asyncio.TaskGroup() as ways:
            ways.create_task(_pour(reader, far_writer))
            ways.create_task(_pour(far_reader, writer))


class ForwardProxy(_Relay):
    """An HTTP proxy; `refuse` is a status line with which it turns every request down."""

    def __init__(self, *, to: int, refuse: str = "") -> None:
        super().__init__(to=to)
        self.credentials = ""
        self._refuse = refuse

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        request = Exchange(head, b"", reader, writer)
        self.asked.append(request.target)
        self.credentials = request.headers.get("proxy-authorization", "")
        if self._refuse:
            await request.send(f"HTTP/1.1 {self._refuse}\r\nContent-Length: 0\r\n\r\n".encode())
        elif request.method == "CONNECT":
            await request.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._join(reader, writer, b"")
        else:
            await self._join(reader, writer, head)


class SocksProxy(_Relay):
    """A SOCKS 5 proxy that asks for no password; RFC 1928. `refuse` is a reply code other than 0."""

    def __init__(self, *, to: int, refuse: int = 0) -> None:
        super().__init__(to=to)
        self._refuse = refuse

    @property
    def url(self) -> str:
        return f"socks5h://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        *_, length = await reader.readexactly(5)  # version, connect, 0, "a name follows", its length
        self.asked.append((await reader.readexactly(length)).decode())
        await reader.readexactly(2)
        writer.write(bytes([5, self._refuse, 0, 1, 0, 0, 0, 0, 0, 0]))
        if not self._refuse:
            await self._join(reader, writer, b"")


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE / "server.pem")
    return context
