"""Server-sent events out of bytes, as the HTML standard defines them (section 9.2.6).

Any split of the bytes gives the same events. `id` and `retry` are read over: panvox never reconnects to a
stream, since a model would start its answer anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from panvox.errors import Malformed

LARGEST_EVENT = 8 * 1024 * 1024
"""Bytes that one event may have; a whole answer with an image in it stays below."""

_FEED, _RETURN = b"\n\r"  # as numbers, which are found several times faster
_BOM = b"\xef\xbb\xbf"


class ServerEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: its `data` lines joined by line feeds, and its name, which most servers leave out."""

    data: bytes
    name: str = ""


class Splitter:
    """Bytes in, events out; holds the bytes of the event that is not whole yet."""

    __slots__ = ("_after_return", "_bom", "_clean", "_limit", "_pending")

    def __init__(self, *, limit: int = LARGEST_EVENT) -> None:
        self._limit = limit
        self._pending = bytearray()
        self._bom: bytes | None = b""  # what may become a byte order mark; None once that is settled
        self._after_return = False
        self._clean = False  # whether nothing of what came before matters any more

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The events completed by `data`; raises `Malformed` when one is larger than the limit."""
        if self._clean and data.endswith(b"\n\n") and _RETURN not in data:
            whole = data[:-2]  # whole events and nothing besides: what nearly always comes
            blocks = whole.split(b"\n\n") if _FEED in whole else [whole]
        else:
            blocks = self._blocks(self._lines(data))
            self._clean = self._bom is None and not self._pending and not self._after_return
        for block in blocks:
            if len(block) > self._limit:
                raise self._too_large()
            if block.startswith(b"data: ") and _FEED not in block:  # the same
                yield ServerEvent(block[6:])
            elif (event := _parse(block)) is not None:
                yield event
        if len(self._pending) > self._limit + 1:  # one more for the line feed that may end it
            raise self._too_large()

    def close(self) -> ServerEvent | None:
        """The event that still waited for its blank line.

        The standard drops it. Servers that forget the last blank line are common, and whoever reads the
        data sees whether it is whole.
        """
        block, self._pending = bytes(self._pending), bytearray()
        return _parse(block)

    @property
    def cut_off(self) -> bool:
        """Never: a stream of events may end after any of them."""
        return False

    def _lines(self, data: bytes) -> bytes:
        """`data` without byte order mark and with line feeds for all line ends, in any split."""
        if self._bom is not None:
            data = self._bom + data
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._bom = data
                return b""
            self._bom = None
            data = data.removeprefix(_BOM)
        if self._after_return and data:
            data = data.removeprefix(b"\n")
            self._after_return = False
        if _RETURN in data:
            self._after_return = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _blocks(self, data: bytes) -> list[bytes]:
        """What lies between blank lines, as far as it is whole."""
        pending = self._pending
        start = max(0, len(pending) - 1)
        pending += data
        end = pending.rfind(b"\n\n", start)
        if end < 0:
            return []
        whole = bytes(pending[:end])
        del pending[: end + 2]
        return whole.split(b"\n\n")

    def _too_large(self) -> Malformed:
        return Malformed(
            f"The stream has an event of more than {self._limit} bytes.",
            hint="The provider sends no blank line between events, or far too much at once.",
        )


def _parse(block: bytes) -> ServerEvent | None:
    """The event that these lines describe; None for comments and other lines without data.

    JSON without a field name is no event by the standard. Google breaks a stream off with an error that is
    written so (its own client, `google.genai`, gathers such lines), and to drop it would hide the reason.
    """
    block = block.lstrip(b"\n")  # a third line end in a row may stand here, or with the event before
    if block.startswith((b"{", b"[")):
        return ServerEvent(block)
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return ServerEvent(b"\n".join(data), name.decode("utf-8", errors="replace")) if data else None
