"""What a message means, whole or as a stream of events: pieces in, events out.

message_start ─► (content_block_start ─► content_block_delta* ─► content_block_stop)* ─► message_delta
─► message_stop; `ping` and `error` at any time. Events, blocks and deltas of other names are read over: more
are added at any time, says the provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from panvox.dialects.answering import Answering
from panvox.dialects.foreign import count, fields_at, items_at, text_at
from panvox.dialects.refusals import stream_failure
from panvox.dialects.replies import read_object, told_error, unreadable
from panvox.dialects.sse import ServerEvent
from panvox.messages import Event, ToolCallDelta, Usage

_FRESH = ("input_tokens", "cache_creation_input_tokens")  # which were not read from a cache
_COUNTS = (*_FRESH, "cache_read_input_tokens", "output_tokens")


class MessageReading:
    """Takes the events of one message in order; implements `panvox.dialects.replies.Reading`."""

    __slots__ = ("_answering", "_calls", "_tokens")

    def __init__(self) -> None:
        self._answering = Answering()
        self._calls = _Calls()
        self._tokens: dict[str, int] = {}

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one event; true for the last."""
        if event.name == "error":
            raise stream_failure(told_error(event.data))
        fields = read_object(event.data)
        kind = text_at(fields, "type") or event.name
        match kind:
            case "content_block_delta":
                self._take_delta(count(fields.get("index")), fields_at(fields, "delta"), events)
            case "content_block_start":
                self._begin_block(count(fields.get("index")), fields_at(fields, "content_block"), events)
            case "content_block_stop":
                self._calls.close(count(fields.get("index")), self._answering, events)
            case "message_start":
                self._take_start(fields_at(fields, "message"), events)
            case "message_delta":
                self._take_usage(fields, events)
                self._take_stop(fields_at(fields, "delta"))
            case "message_stop":
                self.end(events, complete=True)
            case "message":
                self._take_message(fields, events)
            case _:
                if kind == "error" or fields.get("error"):
                    raise stream_failure(fields)
        return kind == "message_stop"

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply of one piece."""
        fields = read_object(data)
        if fields.get("error"):
            raise stream_failure(fields)
        if not isinstance(fields.get("content"), list | str):
            raise unreadable("not an answer", data)
        self._take_message(fields, events)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows."""
        self._calls.close_all(self._answering, events)
        self._answering.end(events, complete=complete)

    def _take_message(self, fields: Mapping[str, object], events: list[Event]) -> None:
        if text := text_at(fields, "content"):
            self._answering.text(text, events)
        for index, block in enumerate(items_at(fields, "content")):
            if isinstance(block, dict):
                self._begin_block(index, block, events)
                self._calls.close(index, self._answering, events)
        self._take_start(fields, events)
        self._take_stop(fields)

    def _take_start(self, message: Mapping[str, object], events: list[Event]) -> None:
        self._answering.model = self._answering.model or text_at(message, "model")
        self._take_usage(message, events)

    def _begin_block(self, index: int | None, block: Mapping[str, object], events: list[Event]) -> None:
        """A block begins: empty in a stream, with all there is in a whole reply."""
        match text_at(block, "type"):
            case "text":
                self._take_text(text_at(block, "text"), events)
            case "thinking" | "redacted_thinking":  # the latter, and often the former, without any words
                self._answering.reasoning(text_at(block, "thinking"), events)
            case "tool_use":
                self._answering.call(self._calls.begin(index, block), events)
            case _:
                pass

    def _take_delta(self, index: int | None, delta: Mapping[str, object], events: list[Event]) -> None:
        match text_at(delta, "type"):
            case "text_delta":
                self._take_text(text_at(delta, "text"), events)
            case "thinking_delta":
                self._answering.reasoning(text_at(delta, "thinking"), events)
            case "input_json_delta":
                piece = self._calls.piece(index, text_at(delta, "partial_json"))
                if piece is not None:
                    self._answering.call(piece, events)
            case _:
                pass

    def _take_text(self, text: str, events: list[Event]) -> None:
        if text:
            self._answering.text(text, events)

    def _take_stop(self, fields: Mapping[str, object]) -> None:
        """Why the model stops. What it had said before it declined is no answer, says the provider."""
        reason = text_at(fields, "stop_reason")
        if reason == "refusal":
            details = fields_at(fields, "stop_details")
            category = text_at(details, "category")
            why = text_at(details, "explanation") or f"It declined to answer{category and f' ({category})'}."
            self._answering.refuse(why)
        if reason:
            self._answering.finish_with(reason)

    def _take_usage(self, fields: Mapping[str, object], events: list[Event]) -> None:
        """Running totals; a report may tell only some of them."""
        told = fields_at(fields, "usage")
        for name in _COUNTS:
            if tokens := count(told.get(name)):
                self._tokens[name] = tokens
        if thinking := count(fields_at(told, "output_tokens_details").get("thinking_tokens")):
            self._tokens["thinking_tokens"] = thinking
        if self._tokens:
            self._answering.count(_usage(self._tokens), events)


def _usage(tokens: Mapping[str, int]) -> Usage:
    """Tokens as panvox counts them: the provider's `input_tokens` leave out what came from a cache."""
    cached = tokens.get("cache_read_input_tokens", 0)
    return Usage(
        prompt_tokens=sum(tokens.get(name, 0) for name in _FRESH) + cached,
        completion_tokens=tokens.get("output_tokens", 0),
        reasoning_tokens=tokens.get("thinking_tokens", 0),
        cached_tokens=cached,
    )


class _Calls:
    """The blocks that are calls of the caller's tools; those of the provider's own are none of ours."""

    __slots__ = ("_begun", "_places", "_waiting")

    def __init__(self) -> None:
        self._begun = 0
        self._places: dict[int | None, int] = {}  # the index of a block → the number of the call
        self._waiting: dict[int | None, str] = {}  # arguments told at the beginning, if no pieces come

    def begin(self, index: int | None, block: Mapping[str, object]) -> ToolCallDelta:
        """A block with a call begins."""
        place = self._places[index] = self._begun
        self._begun += 1
        self._waiting[index] = _arguments(block.get("input"))
        return ToolCallDelta(place, text_at(block, "id"), text_at(block, "name"))

    def piece(self, index: int | None, text: str) -> ToolCallDelta | None:
        """The next piece of the arguments of a call; None for what is not a call, or no piece."""
        place = self._places.get(index)
        if place is None or not text:
            return None
        self._waiting.pop(index, None)
        return ToolCallDelta(place, arguments=text)

    def close(self, index: int | None, answering: Answering, events: list[Event]) -> None:
        """A block ends: some servers told the arguments when it began."""
        text = self._waiting.pop(index, None)
        if text is not None:
            answering.call(ToolCallDelta(self._places[index], arguments=text), events)

    def close_all(self, answering: Answering, events: list[Event]) -> None:
        """There are no more blocks."""
        for index in list(self._waiting):
            self.close(index, answering, events)


def _arguments(value: object) -> str:
    """JSON text of arguments, which are an object, and text at some servers."""
    if isinstance(value, str):
        return value or "{}"
    try:
        return json.dumps(value if isinstance(value, dict) else {}, ensure_ascii=False)
    except RecursionError:
        raise unreadable("nested too deeply", b"") from None
