"""Lines of JSON out of bytes, as Ollama streams them; each line is one piece.

Any split of the bytes gives the same pieces. Blank lines are stepped over, and carriage returns too.
"""

from __future__ import annotations

from collections.abc import Iterator

from panvox.dialects.sse import LARGEST_EVENT, ServerEvent
from panvox.errors import Malformed


class Splitter:
    """Bytes in, lines out; implements `panvox.dialects.replies.Splitter`."""

    __slots__ = ("_limit", "_pending")

    def __init__(self, *, limit: int = LARGEST_EVENT) -> None:
        self._limit = limit
        self._pending = bytearray()  # of the line that has no end yet

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The lines completed by `data`; raises `Malformed` when one is larger than the limit."""
        first, *others = data.split(b"\n")
        self._pending += first
        for begun in others:
            line, self._pending = bytes(self._pending), bytearray(begun)
            self._measure(len(line))
            if line := line.strip():
                yield ServerEvent(line)
        self._measure(len(self._pending))

    def close(self) -> ServerEvent | None:
        """The last line, which may end without a line feed."""
        line, self._pending = bytes(self._pending).strip(), bytearray()
        return ServerEvent(line) if line else None

    @property
    def cut_off(self) -> bool:
        """Never: a stream of lines may end after any of them."""
        return False

    def _measure(self, size: int) -> None:
        if size > self._limit:
            raise Malformed(
                f"The stream has a line of more than {self._limit} bytes.",
                hint="The provider sends no line ends between its pieces, or far too much at once.",
            )
