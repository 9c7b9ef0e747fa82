"""What the pieces of one answer mean, in Cherry Studio's own shape or in OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping

from panvox.dialects.answering import Answering
from panvox.dialects.chunk_reading import ChunkReading
from panvox.dialects.foreign import count, fields_at, parse, text_at
from panvox.dialects.refusals import stream_failure
from panvox.dialects.replies import unreadable
from panvox.dialects.sse import ServerEvent
from panvox.messages import Event, Usage


class CherryReading:
    """Takes the pieces of one answer in order; implements `panvox.dialects.replies.Reading`.

    The first piece decides which of the two shapes the whole reply has.
    """

    __slots__ = ("_answering", "_as_openai")

    def __init__(self) -> None:
        self._answering = Answering()
        self._as_openai: ChunkReading | None = None

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one event of a stream; true for `[DONE]`."""
        if self._as_openai is None and not self._answering.begun and not _ours(event.data):
            self._as_openai = ChunkReading()
        if self._as_openai is not None:
            return self._as_openai.event(event, events)
        if event.data.strip().lower() == b"[done]":
            self._answering.end(events, complete=True)
            return True
        fields = _object(event.data)
        if event.name == "error":
            raise stream_failure(fields)
        self._take(fields, events)
        return False

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply of one piece."""
        if _ours(data):
            self._take(_object(data), events)
        else:
            self._as_openai = ChunkReading()
            self._as_openai.whole(data, events)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows."""
        (self._as_openai or self._answering).end(events, complete=complete)

    def _take(self, fields: Mapping[str, object], events: list[Event]) -> None:
        answering = self._answering
        if fields.get("error"):
            raise stream_failure(fields["error"])
        answering.model = answering.model or text_at(fields, "model")
        if text := text_at(fields, "text") or text_at(fields, "content"):
            answering.text(text, events)
        if (usage := _usage(fields_at(fields, "usage"))) is not None:
            answering.count(usage, events)
        if word := text_at(fields, "finish_reason"):
            answering.finish_with(word)


def _ours(data: bytes) -> bool:
    """Whether a piece is in Cherry Studio's shape: it has text at its top, and no choices."""
    try:
        value = parse(data)
    except ValueError:
        return False
    return isinstance(value, dict) and "choices" not in value and bool(value.keys() & {"text", "content"})


def _object(data: bytes) -> Mapping[str, object]:
    try:
        value = parse(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise unreadable("not a JSON object", data)
    return value


def _usage(fields: Mapping[str, object]) -> Usage | None:
    """Tokens; where only their sum is told, all count as the answer's, which are the dearer ones."""
    prompt, completion = count(fields.get("prompt_tokens")), count(fields.get("completion_tokens"))
    total = count(fields.get("total_tokens"))
    if prompt is None and completion is None:
        return None if total is None else Usage(completion_tokens=total)
    return Usage(prompt_tokens=prompt or 0, completion_tokens=completion or 0)
