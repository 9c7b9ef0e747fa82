"""What the chunks of one answer mean: chunks in, events out."""

from __future__ import annotations

from panvox.dialects import chunks
from panvox.dialects.answering import Answering
from panvox.dialects.chunk_calls import Calls
from panvox.dialects.chunk_usage import merge, usage_of
from panvox.dialects.chunks import Call, Choice, Chunk, Delta, reasoning_of, stray, text_of
from panvox.dialects.foreign import excerpt
from panvox.dialects.refusals import stream_failure
from panvox.dialects.replies import unreadable
from panvox.dialects.sse import ServerEvent
from panvox.messages import Event


class ChunkReading:
    """Takes the chunks of one answer in order; implements `panvox.dialects.replies.Reading`."""

    __slots__ = ("_answering", "_calls")

    def __init__(self) -> None:
        self._answering = Answering()
        self._calls = Calls()

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one event; true for `[DONE]`."""
        data = event.data
        if not data.startswith(b"{") and data.strip().lower() == b"[done]":
            self._answering.end(events, complete=True)
            return True
        if event.name == "error":
            raise stream_failure(_error(data))
        self._take(_chunk(data), data, events)
        return False

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply of one piece."""
        chunk = _chunk(data)
        self._take(chunk, data, events)
        if chunk.choices is None:
            raise unreadable("not an answer", data)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows."""
        self._answering.end(events, complete=complete)

    def _take(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        """Add the events of `chunk`, which was read from `data`; raises the `Failure` that it tells of."""
        answering = self._answering
        if chunk.model and not answering.model:
            answering.model = chunk.model
        ended: Choice | None = None
        for choice in chunk.choices or ():
            if choice.index:
                continue  # panvox asks for one answer
            delta = choice.delta or self._whole_message(choice)
            if delta is not None:
                self._take_delta(delta, events)
            if choice.finish_reason or choice.error:
                ended = choice
        if chunk.usage is not None or chunk.x_groq is not None or chunk.cost is not None:
            self._take_usage(chunk, events)
        if chunk.error or chunk.x_groq is not None or chunk.choices is None:
            _raise_error(chunk, data)
        if ended is not None:
            self._take_end(ended)

    def _whole_message(self, choice: Choice) -> Delta | None:
        """The message of a whole reply; None at the end of a stream, where it repeats the deltas."""
        return None if self._answering.begun else choice.message

    def _take_end(self, choice: Choice) -> None:
        if choice.error:
            raise stream_failure(choice.error)
        self._answering.finish_with(choice.finish_reason or "")

    def _take_delta(self, delta: Delta, events: list[Event]) -> None:
        answering = self._answering
        if reasoning := reasoning_of(delta):
            answering.reasoning(reasoning, events)
        content = delta.content
        if text := content if isinstance(content, str) else text_of(content):
            answering.text(text, events)
        if delta.refusal:
            answering.refuse(delta.refusal)
        if delta.tool_calls:
            for call in delta.tool_calls:
                answering.call(self._calls.piece(call), events)
        if delta.function_call is not None:
            answering.call(self._calls.piece(Call(index=0, function=delta.function_call)), events)

    def _take_usage(self, chunk: Chunk, events: list[Event]) -> None:
        found = usage_of(chunk)
        if found is not None:
            self._answering.count(merge(self._answering.usage, found), events)


def _raise_error(chunk: Chunk, data: bytes) -> None:
    """Raise the `Failure` that a chunk tells of, if it does."""
    if chunk.error:
        raise stream_failure(chunk.error)
    if isinstance(chunk.x_groq, dict) and chunk.x_groq.get("error"):
        raise stream_failure(chunk.x_groq["error"])
    if chunk.choices is None and chunk.usage is None:
        fields = _stray(data)  # perhaps an error without its wrapper, as vLLM's
        named = fields.get("message") and (fields.get("code") or fields.get("type"))
        if named or fields.get("object") == "error":
            raise stream_failure(fields)


def _chunk(data: bytes) -> Chunk:
    try:
        return chunks.read(data)
    except ValueError:
        raise unreadable("not a JSON object", data) from None


def _stray(data: bytes) -> dict[str, object]:
    """All fields of a chunk; one that was skipped over may be nested too deeply to be read."""
    try:
        return stray(data)
    except ValueError:
        raise unreadable("not a JSON object", data) from None


def _error(data: bytes) -> object:
    try:
        return stray(data)
    except ValueError:
        return excerpt(data)
