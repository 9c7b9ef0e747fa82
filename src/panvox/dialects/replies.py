"""Bytes of one reply as events, whatever the reply turns out to be.

    ReplyDecoder ──► pieces of a stream (server-sent events, lines, …) ──► Reading ──► events
                 ├─► one whole JSON reply ───────────────────────────────► Reading ──► events
                 └─► a page, a picture, …: `Malformed`, with an excerpt

The first byte decides, since content types are often wrong or missing; only a type that can never be read
(HTML, images, …) decides by itself. What the pieces mean is the business of a `Reading`, one a dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from panvox.dialects import sse
from panvox.dialects.foreign import cut_off, excerpt, is_page, page_title, parse
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
_LINES = ("application/jsonl", "application/ndjson", "application/x-ndjson")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_EXCERPT = 2048  # bytes kept of a reply that cannot be read
_KEEP_ALIVE = frozenset({b"", b"ping", b"[ping]", b"keep-alive", b"keepalive", b"heartbeat", b"null"})
_KEEP_ALIVE_NAMES = frozenset({"ping", "keep-alive", "keepalive", "heartbeat"})
_FIELDS = (b":", b"data", b"event", b"id", b"retry")


class Reading(Protocol):
    """What the pieces of one answer mean in a dialect; holds its state.

    All of these put events into `events`, and may raise a `Failure` after them.
    """

    def event(self, event: sse.ServerEvent, events: list[Event]) -> bool:
        """The next piece of a stream; true for the one that says that all is said."""
        ...

    def whole(self, data: bytes, events: list[Event]) -> None:
        """One JSON reply, though a stream was asked for; raises `Malformed` for what is no JSON."""
        ...

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows; `complete` where the reply said so itself, and did not just stop."""
        ...


class Splitter(Protocol):
    """Bytes of a stream in, its pieces out; any split of the bytes gives the same pieces."""

    def feed(self, data: bytes) -> Iterator[sse.ServerEvent]:
        """The pieces completed by `data`; raises `Malformed` when one is too large."""
        ...

    def close(self) -> sse.ServerEvent | None:
        """The piece that was not complete, if anything is left."""
        ...

    @property
    def cut_off(self) -> bool:
        """Whether the bytes so far show by themselves that more must come."""
        ...


Splitters = Mapping[bytes, Callable[[], Splitter]]
"""How streams that are no server-sent events are split, by their first byte."""


class _Body(Protocol):
    """One way of taking a reply apart: puts events into `events`, and may raise a `Failure` after them."""

    def feed(self, data: bytes, events: list[Event]) -> bool:
        """Take more; true when the reply has ended by its own word."""
        ...

    def close(self, events: list[Event]) -> None:
        """There is no more."""
        ...


class ReplyDecoder:
    """Bytes of one reply in, events out; implements `panvox.protocols.Decoder`."""

    __slots__ = ("_body", "_over", "_reading", "_splitters")

    def __init__(self, content_type: str, reading: Reading, *, splitters: Splitters | None = None) -> None:
        kind = content_type.partition(";")[0].strip().lower()
        readable = kind in _READABLE or kind.endswith("+json") or (splitters and kind in _LINES)
        self._reading = reading
        self._splitters = splitters or {}
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
                body = self._body = self._recognised(data)
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

    def _recognised(self, data: bytes) -> _Body:
        """How to take apart a reply that begins with `data`."""
        if splitter := self._splitters.get(data[:1]):
            return _Stream(self._reading, splitter(), recognised=True)
        if data.startswith((b"{", b"[")):
            return _Whole(self._reading)
        return _Foreign("") if data.startswith(b"<") else _Stream(self._reading, sse.Splitter())


def _then(events: list[Event], failure: Failure) -> Iterator[Event]:
    yield from events
    raise failure


class _Stream:
    """Pieces, one after the other."""

    __slots__ = ("_head", "_reading", "_splitter")

    def __init__(self, reading: Reading, splitter: Splitter, *, recognised: bool = False) -> None:
        self._reading = reading
        self._splitter = splitter
        # The first bytes, as long as they may turn out to be no stream.
        self._head: bytes | None = None if recognised else b""

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
            try:
                if self._take(last, events):
                    return
            except Malformed:
                if last.data.startswith(b"{") and not cut_off(last.data):
                    raise  # else it was cut off in the middle, which the missing end tells
        if self._head and not any(self._head.startswith(f) or f.startswith(self._head) for f in _FIELDS):
            raise unreadable("not a stream of events", self._head)
        if self._splitter.cut_off:
            raise Truncated("The stream closed without saying that the answer is complete: it has no end.")
        self._reading.end(events, complete=False)

    def _take(self, event: sse.ServerEvent, events: list[Event]) -> bool:
        if not event.data.startswith(b"{") and is_keep_alive(event):
            return False
        return self._reading.event(event, events)


class _Whole:
    """One JSON reply."""

    __slots__ = ("_data", "_reading")

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._data = bytearray()

    def feed(self, data: bytes, events: list[Event]) -> bool:
        self._data += data
        if len(self._data) > sse.LARGEST_EVENT:
            raise Malformed(f"The reply has more than {sse.LARGEST_EVENT} bytes.")
        return False

    def close(self, events: list[Event]) -> None:
        data = bytes(self._data)
        try:
            self._reading.whole(data, events)
        except Malformed:
            if cut_off(data):
                raise Truncated("The connection closed in the middle of the answer.") from None
            raise
        self._reading.end(events, complete=True)


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
        raise unreadable(self._kind or "not an answer", self._head[:_EXCERPT])


def is_keep_alive(event: sse.ServerEvent) -> bool:
    """Whether an event that is no object only says that somebody is still there."""
    return event.name in _KEEP_ALIVE_NAMES or event.data.strip().lower() in _KEEP_ALIVE


def read_object(data: bytes) -> dict[str, object]:
    """The fields of a piece; raises `Malformed` for what is not a JSON object."""
    try:
        value = parse(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise unreadable("not a JSON object", data)
    return value


def told_error(data: bytes) -> object:
    """What an event that is an error by its name tells, JSON or not."""
    try:
        return parse(data)
    except ValueError:
        return excerpt(data)


def unreadable(kind: str, data: bytes) -> Malformed:
    """The failure of a reply that is `kind` instead of an answer."""
    title = page_title(data) if is_page(data) else ""
    said = f"a page titled {title!r}" if title else excerpt(data, limit=120) or "empty"
    return Malformed(f"The reply is {kind}: {said}")
