"""How replies leave: at once, at a model's pace, or as a fault has it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import assert_never

from aiohttp import web

from panvox.simulator.conveyor import Conveyor
from panvox.simulator.exchange import Page, Utterance
from panvox.simulator.faults import Break, Drip, Hang, Way
from panvox.simulator.latency import Pace

_FLUSH = 0.02  # seconds that what was written gets to leave before a connection is reset
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Delivery:
    """The reply to one request, over the shared `conveyor`.

    Whoever gets a reply from here hands it to aiohttp, which ends its body. Raises ConnectionError where the
    client has gone.
    """

    def __init__(self, request: web.Request, conveyor: Conveyor, headers: Mapping[str, str]) -> None:
        self._request = request
        self._conveyor = conveyor
        self._headers = headers

    def page(self, page: Page) -> web.StreamResponse:
        """A reply that comes at once."""
        headers = {**self._headers, "content-type": page.content_type, **page.headers}
        return web.Response(status=page.status, body=page.body, headers=headers)

    async def utterance(self, utterance: Utterance, pace: Pace) -> web.StreamResponse:
        """A reply piece by piece."""
        await asyncio.sleep(pace.first)
        if len(utterance.pieces) == 1:
            return self.page(Page(status=200, content_type=utterance.content_type, body=utterance.pieces[0]))
        reply = await self._begin(utterance.content_type)
        await self._send(reply, utterance.pieces, pace.interval)
        return reply

    async def interrupted(
        self, utterance: Utterance, pace: Pace, act: Hang | Drip | Break
    ) -> web.StreamResponse:
        """A reply as far as the fault lets it come."""
        if act == Hang(before_head=True):
            await self._hang()
        if act == Break(Way.UNHEARD):
            self._break_off(Way.CLOSED)
            return web.Response()
        await asyncio.sleep(pace.first)
        reply = await self._begin(utterance.content_type)
        match act:
            case Drip(seconds):
                body = b"".join(utterance.pieces)
                await self._send(reply, [bytes((byte,)) for byte in body], seconds)
            case Hang():
                await self._send(reply, _half(utterance.pieces), pace.interval)
                await self._hang()
            case Break(way):
                await self._send(reply, _half(utterance.pieces), pace.interval)
                await asyncio.sleep(_FLUSH)
                self._break_off(way)
            case _:
                assert_never(act)
        return reply

    async def _begin(self, content_type: str) -> web.StreamResponse:
        reply = web.StreamResponse(headers={**self._headers, "content-type": content_type})
        reply.enable_chunked_encoding()
        await reply.prepare(self._request)
        return reply

    async def _send(self, reply: web.StreamResponse, pieces: Sequence[bytes], interval: float) -> None:
        """The first piece now, with the head; the others one by one."""
        if interval <= 0:
            await reply.write(b"".join(pieces))
            return
        await reply.write(pieces[0])
        await self._conveyor.carry(pieces[1:], interval=interval, write=self._write)

    def _write(self, data: bytes) -> None:
        """A chunk of the body, past the writer of aiohttp, which can only be awaited."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def _hang(self) -> None:
        """Until the client leaves, which cancels us."""
        await asyncio.get_running_loop().create_future()

    def _break_off(self, way: Way) -> None:
        transport = self._request.transport
        if transport is None:
            return
        match way:
            case Way.RESET:
                connection: socket.socket = transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                transport.abort()
            case Way.CLOSED | Way.UNHEARD:
                transport.close()
            case Way.ENDED:
                pass
            case _:
                assert_never(way)


def _half(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """The first half, of the bytes where there is only one piece."""
    if len(pieces) > 1:
        return pieces[: len(pieces) // 2]
    return [piece[: len(piece) // 2] for piece in pieces]
