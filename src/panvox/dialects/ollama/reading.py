"""What the lines of one answer mean: lines in, events out.

{"model", "message": {"content", "thinking", "tool_calls"}, "done": false}     the next piece
{"model", "message": {"content": ""}, "done": true, "done_reason", counts}     the last line
{"error"}                                                                      in place of any of them
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.dialects.answering import Answering
from panvox.dialects.foreign import count, fields_at, items_at, text_at
from panvox.dialects.ollama import troubles
from panvox.dialects.replies import read_object, unreadable
from panvox.dialects.sse import ServerEvent
from panvox.errors import Empty, Owner, Retry
from panvox.messages import Event, ToolCallDelta, Usage

_Fields = Mapping[str, object]
_ONLY_MOVED = {
    "load": "The server only loaded the model into memory: it saw no message in the prompt.",
    "unload": "The server only took the model out of memory: it saw no message in the prompt.",
}
"""Reasons to be done that are no end of an answer."""


class LineReading:
    """Takes the lines of one answer in order; implements `panvox.dialects.replies.Reading`."""

    __slots__ = ("_answering", "_calls")

    def __init__(self) -> None:
        self._answering = Answering()
        self._calls = 0

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one line; true for the one that says that all is done."""
        fields = read_object(event.data)
        if fields.get("error"):
            raise troubles.breakdown(fields)
        if "message" not in fields and "done" not in fields:
            raise unreadable("not an answer", event.data)
        if not self._answering.model:
            self._answering.model = text_at(fields, "model")
        self._take_message(fields_at(fields, "message"), events)
        if fields.get("done") is not True:
            return False
        self._take_counts(fields, events)
        self._take_end(text_at(fields, "done_reason"))
        self._answering.end(events, complete=True)
        return True

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply that is a list of what should be lines."""
        raise unreadable("not a stream of lines", data)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows, and no line said that all is done."""
        self._answering.end(events, complete=complete)

    def _take_message(self, message: _Fields, events: list[Event]) -> None:
        if thinking := text_at(message, "thinking"):
            self._answering.reasoning(thinking, events)
        if text := text_at(message, "content"):
            self._answering.text(text, events)
        for call in items_at(message, "tool_calls"):
            if isinstance(call, dict):
                self._take_call(call, events)

    def _take_call(self, call: _Fields, events: list[Event]) -> None:
        """Calls come whole. Where they have no id, one is made up, since a result must name its call."""
        function = fields_at(call, "function")
        arguments = function.get("arguments")
        told = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
        identity = text_at(call, "id") or f"call_{self._calls}"
        piece = ToolCallDelta(self._calls, identity, text_at(function, "name"), told)
        if piece.name:
            self._answering.call(piece, events)
            self._calls += 1

    def _take_counts(self, fields: _Fields, events: list[Event]) -> None:
        """Count; the tokens of a prompt that was in the cache may not be told."""
        prompt, answer = count(fields.get("prompt_eval_count")), count(fields.get("eval_count"))
        if prompt is not None or answer is not None:
            cached = count(fields.get("prompt_eval_cached_count")) or 0
            usage = Usage(prompt_tokens=prompt or 0, completion_tokens=answer or 0, cached_tokens=cached)
            self._answering.count(usage, events)

    def _take_end(self, reason: str) -> None:
        if reason in _ONLY_MOVED and not self._answering.begun:
            hint = "Ollama answers nothing to a prompt without messages; write one."
            raise Empty(_ONLY_MOVED[reason], hint=hint, owner=Owner.PROMPT, retry=Retry.NEVER, code=reason)
        if reason:
            calls = self._calls and reason == "stop"  # there is no word for this end
            self._answering.finish_with("tool_calls" if calls else reason)
