"""Bodies of requests: many members send the same long prompt at once, and none of them copies it."""

from __future__ import annotations

import aiohttp
from aiohttp.abc import AbstractStreamWriter

_SLICE = 1 << 16  # bytes that are handed over at once


def body_of(pieces: tuple[bytes, ...]) -> bytes | aiohttp.Payload | None:
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
