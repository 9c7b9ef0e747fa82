"""A provider that costs as little as can be: streams of events from a raw protocol, in a process of its own.

    python -m benchmarks.server HOSTS     prints its port, then serves until its standard input is closed

It listens on 127.0.0.1 to 127.0.0.HOSTS. A request to `/N/…` is answered with a first event at once and
39 more, N milliseconds apart; all streams of one pace share a timer.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import defaultdict
from typing import cast

import uvloop

EVENTS = 40

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(number: int) -> bytes:
    finish = b'"stop"' if number == EVENTS - 1 else b"null"
    return (
        b'data: {"id":"chatcmpl-8f14e45fceea167a","object":"chat.completion.chunk","created":1763700000,'
        b'"model":"model","choices":[{"index":0,"delta":{"role":"assistant","content":" word %d"},'
        b'"finish_reason":%b}]}\n\n' % (number, finish)
    )


PIECES = [chunk(event(number)) for number in range(EVENTS)]
PIECES[0] = HEAD + PIECES[0]
PIECES[-1] += chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Paces:
    """The streams that are open, by the milliseconds between their events."""

    def __init__(self) -> None:
        self._streams: defaultdict[int, dict[asyncio.Transport, int]] = defaultdict(dict)

    def start(self, transport: asyncio.Transport, pace: int) -> None:
        transport.write(PIECES[0])
        streams = self._streams[pace]
        if not streams:
            asyncio.get_running_loop().call_later(pace / 1000, self._beat, pace)
        streams[transport] = 1

    def stop(self, transport: asyncio.Transport) -> None:
        for streams in self._streams.values():
            streams.pop(transport, None)

    def _beat(self, pace: int) -> None:
        streams = self._streams[pace]
        for transport, number in list(streams.items()):
            transport.write(PIECES[number])
            streams[transport] = number + 1
            if number + 1 == EVENTS:
                del streams[transport]
        if streams:
            asyncio.get_running_loop().call_later(pace / 1000, self._beat, pace)


class Connection(asyncio.Protocol):
    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._came = body[length:]
            self._paces.start(self._transport, int(head.split(b"/", 2)[1]))

    def connection_lost(self, error: Exception | None) -> None:
        self._paces.stop(self._transport)


async def serve(hosts: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paces = Paces()
    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: Connection(paces), [f"127.0.0.{n + 1}" for n in range(hosts)], port, backlog=8192
    )
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
