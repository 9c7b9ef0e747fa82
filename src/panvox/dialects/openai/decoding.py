"""Bytes of one reply as events, whatever the reply turns out to be.

    Decoder ──► a stream of server-sent events ──► chunk, chunk, … ──► Answering ──► events
            ├─► one whole JSON reply ───────────► one chunk ────────►
            └─► a page, a picture, …: `Malformed`, with an excerpt

The first byte decides, since content types are often wrong or missing; only a type that can never be read
(HTML, images, …) decides by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from panvox.dialects import sse
from panvox.dialects.foreign import excerpt, is_page, page_title
from panvox.dialects.openai import chunks
from panvox.dialects.openai.answering import Answering
from panvox.dialects.openai.errors import stream_failure
from panvox.errors import Failure, Malformed, Truncated
from panvox.messages import Event

_READABLE = (
    "",
    "text/event-stream",
    "application/json",
    "text/json",
    "text/plain",
    "application/octet-stream",
)
_BLANK = b"\xef\xbb\xbf \t\r\n"
_EXCERPT = 2048  # bytes kept of a reply that cannot be read
_KEEP_ALIVE = frozenset({b"", b"ping", b"[ping]", b"keep-alive", b"keepalive", b"heartbeat", b"null"})
_KEEP_ALIVE_NAMES = frozenset({"ping", "keep-alive", "keepalive", "heartbeat"})
_FIELDS = (b":", b"data", b"event", b"id", b"retry")


class _Body(Protocol):
    """One way of reading a reply: puts events into `events`, and may raise a `Failure` after them."""

    def feed(self, data: bytes, events: list[Event]) -> bool:
        """Take more; true when the reply has ended by its own word."""
        ...

    def close(self, events: list[Event]) -> None:
        """There is no more."""
        ...


class ReplyDecoder:
    """Bytes of one reply in, events out; implements `panvox.protocols.Decoder`."""

    __slots__ = ("_body", "_over")

    def __init__(self, content_type: str) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        readable = kind in _READABLE or kind.endswith("+json")
        self._body: _Body | None = None if readable else _Foreign(kind)
        self._over = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events completed by `data`; then the `Failure` that the reply tells of, if it does."""
        events: list[Event] = []
        if self._over:
            return iter(events)
        try:
            body = self._body
            if body is None:
                data = data.lstrip(_BLANK)
                if not data:
                    return iter(events)
                body = self._body = _recognised(data)
            self._over = body.feed(data, events)
        except Failure as failure:
            return self._broken_off(events, failure)
        return iter(events)

    def close(self) -> Iterator[Event]:
        """The last events; then the `Failure` that a missing end, or a missing answer, means."""
        events: list[Event] = []
        if self._over:
            return iter(events)
        try:
            if self._body is None:
                raise Truncated("The connection closed before anything of the answer had arrived.")
            self._body.close(events)
        except Failure as failure:
            return self._broken_off(events, failure)
        self._over = True
        return iter(events)

    def _broken_off(self, events: list[Event], failure: Failure) -> Iterator[Event]:
        self._over = True
        return _then(events, failure)


def _then(events: list[Event], failure: Failure) -> Iterator[Event]:
    yield from events
    raise failure


def _recognised(data: bytes) -> _Body:
    """How to read a reply that begins with `data`."""
    if data.startswith((b"{", b"[")):
        return _Whole()
    return _Foreign("") if data.startswith(b"<") else _Stream()


class _Stream:
    """Server-sent events, a chunk in each."""

    __slots__ = ("_answering", "_head", "_splitter")

    def __init__(self) -> None:
        self._answering = Answering()
        self._splitter = sse.Splitter()
        self._head: bytes | None = b""  # the first bytes; None once there was an event

    def feed(self, data: bytes, events: list[Event]) -> bool:
        if self._head is not None:
            self._head = (self._head + data)[:_EXCERPT]
        for event in self._splitter.feed(data):
            self._head = None
            if self._take(event, events):
                return True
        return False

    def close(self, events: list[Event]) -> None:
        last = self._splitter.close()
        if last is not None:
            self._head = None
            with suppress(Malformed):  # cut off in the middle, which the missing end tells
                if self._take(last, events):
                    return
        if self._head and not any(self._head.startswith(f) or f.startswith(self._head) for f in _FIELDS):
            raise _unreadable("not a stream of events", self._head)
        self._answering.end(events, complete=False)

    def _take(self, event: sse.ServerEvent, events: list[Event]) -> bool:
        """Read one event; true for the one that says that all is said."""
        data = event.data
        if not data.startswith(b"{"):
            word = data.strip().lower()
            if word == b"[done]":
                self._answering.end(events, complete=True)
                return True
            if word in _KEEP_ALIVE or event.name in _KEEP_ALIVE_NAMES:
                return False
        if event.name == "error":
            raise stream_failure(_error(data))
        self._answering.take(_chunk(data), data, events)
        return False


class _Whole:
    """One JSON reply, though a stream was asked for."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes, events: list[Event]) -> bool:
        self._data += data
        if len(self._data) > sse.LARGEST_EVENT:
            raise Malformed(f"The reply has more than {sse.LARGEST_EVENT} bytes.")
        return False

    def close(self, events: list[Event]) -> None:
        data = bytes(self._data)
        try:
            chunk = _chunk(data)
        except Malformed:
            if data.rstrip().endswith((b"}", b"]")):
                raise
            raise Truncated("The connection closed in the middle of the answer.") from None
        answering = Answering()
        answering.take(chunk, data, events)
        if chunk.choices is None:
            raise _unreadable("not an answer", data)
        answering.end(events, complete=True)


class _Foreign:
    """What no answer can be in; kept only as far as it will be quoted."""

    __slots__ = ("_head", "_kind")

    def __init__(self, kind: str) -> None:
        self._kind = excerpt(kind, limit=80)
        self._head = b""

    def feed(self, data: bytes, events: list[Event]) -> bool:
        self._head += data
        if len(self._head) >= _EXCERPT:
            self.close(events)
        return False

    def close(self, events: list[Event]) -> None:
        raise _unreadable(self._kind or "not an answer", self._head[:_EXCERPT])


def _chunk(data: bytes) -> chunks.Chunk:
    try:
        return chunks.read(data)
    except ValueError:
        raise _unreadable("not a JSON object", data) from None


def _error(data: bytes) -> object:
    try:
        return chunks.stray(data)
    except ValueError:
        return excerpt(data)


def _unreadable(kind: str, data: bytes) -> Malformed:
    title = page_title(data) if is_page(data) else ""
    said = f"a page titled {title!r}" if title else excerpt(data, limit=120) or "empty"
    return Malformed(f"The reply is {kind}: {said}")
