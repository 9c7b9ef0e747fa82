"""What the events of one answer mean: events of the wire in, events out.

Each has the shape of a whole reply; its text is only the next piece, its counts are totals so far. There is
no mark of the end: the last event has a reason to stop. Older servers put `STOP` into every event and
another reason, if there is one, into the last, so the last one counts.

The price: server-sent events of such a server that are cut between two of them look like a whole answer, and
are taken for one. An array shows by its missing bracket that it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from panvox.dialects.answering import Answering
from panvox.dialects.foreign import count, excerpt, fields_at, items_at, parse, text_at
from panvox.dialects.gemini import endings
from panvox.dialects.refusals import stream_failure
from panvox.dialects.replies import unreadable
from panvox.dialects.sse import ServerEvent
from panvox.errors import Overloaded
from panvox.messages import Event, ToolCallDelta, Usage

_Fields = Mapping[str, object]
_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "cachedContentTokenCount",
)
_PARTS_OF_A_REPLY = ("candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId")


class EventReading:
    """Takes the events of one answer in order; implements `panvox.dialects.replies.Reading`."""

    __slots__ = ("_answering", "_calls", "_counts", "_latest", "_reason", "_sentence")

    def __init__(self) -> None:
        self._answering = Answering()
        self._calls = 0
        self._counts: dict[str, int] = {}
        self._latest = ""  # the last piece of text
        self._reason = ""  # the last reason to stop
        self._sentence = ""  # and what was said with it

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one event; never true, since nothing says that it was the last."""
        self._take(_fields(event.data), event.data, events)
        return False

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply of one piece."""
        self._take(_fields(data), data, events)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows."""
        if failure := endings.failure_of(self._reason, self._sentence):
            raise failure
        if self._reason:
            calls = self._calls and self._reason == "STOP"  # there is no word for this end
            self._answering.finish_with("tool_calls" if calls else self._reason, self._sentence)
        self._answering.end(events, complete=complete)

    def _take(self, fields: _Fields, data: bytes, events: list[Event]) -> None:
        if fields.get("error"):
            raise stream_failure(fields)
        if not any(name in fields for name in _PARTS_OF_A_REPLY):
            raise unreadable("not an answer", data)
        if not self._answering.model:
            self._answering.model = text_at(fields, "modelVersion")
        candidates = [each for each in items_at(fields, "candidates") if isinstance(each, dict)]
        first = next((each for each in candidates if not each.get("index")), None)  # panvox asks for one
        if first is not None:
            self._take_candidate(first, events)
        self._take_usage(fields_at(fields, "usageMetadata"), events)
        self._raise_blocked(fields_at(fields, "promptFeedback"))

    def _take_candidate(self, candidate: _Fields, events: list[Event]) -> None:
        reason = text_at(candidate, "finishReason")
        if not endings.is_word(reason):
            raise Overloaded(f"The answer was broken off: {excerpt(reason, limit=300)}")
        if reason not in endings.UNSPECIFIED:
            self._reason, self._sentence = reason, text_at(candidate, "finishMessage")
        content = fields_at(candidate, "content")
        parts = [part for part in items_at(content, "parts") if isinstance(part, dict)]
        if reason in endings.UNCLEAR:
            self._raise_hidden_fault(parts)
        for part in parts:
            self._take_part(part, events)

    def _take_part(self, part: _Fields, events: list[Event]) -> None:
        text = text_at(part, "text")
        if part.get("thought") is True:
            if text:
                self._answering.reasoning(text, events)
        elif text:
            self._latest = text
            self._answering.text(text, events)
        call = fields_at(part, "functionCall")
        if name := text_at(call, "name"):
            # Where Google gives no id, one is made up, since the result must name its call.
            identity = text_at(call, "id") or f"call_{self._calls}"
            arguments = msgspec.json.encode(fields_at(call, "args")).decode()
            self._answering.call(ToolCallDelta(self._calls, identity, name, arguments), events)
            self._calls += 1

    def _take_usage(self, told: _Fields, events: list[Event]) -> None:
        """Count; what an event leaves out stays as it was. Google counts the thinking apart."""
        found = dict(_told(told))
        if not found:
            return
        self._counts |= found
        prompt, tools, candidates, thoughts, cached = (self._counts.get(name, 0) for name in _COUNTS)
        self._answering.count(
            Usage(
                prompt_tokens=prompt + tools,
                completion_tokens=candidates + thoughts,
                reasoning_tokens=thoughts,
                cached_tokens=cached,
            ),
            events,
        )

    def _raise_blocked(self, feedback: _Fields) -> None:
        """Raise the failure of a prompt that was blocked, if it was."""
        blocked = text_at(feedback, "blockReason")
        if blocked not in endings.UNSPECIFIED and not self._answering.begun:
            raise endings.blocked(blocked, text_at(feedback, "blockReasonMessage"))

    def _raise_hidden_fault(self, parts: list[dict[str, object]]) -> None:
        """Raise what a proxy says in place of an answer, or after a part of one."""
        said = excerpt("".join(text_at(part, "text") for part in parts) or self._latest, limit=300)
        begun = self._answering.begun
        if said and (not begun or endings.is_fault_of_proxy(said)):
            when = "" if begun else " before it began"
            raise Overloaded(f"The answer was broken off{when}: {said}", code=self._reason)


def _told(usage: _Fields) -> Iterator[tuple[str, int]]:
    for name in _COUNTS:
        tokens = count(usage.get(name))
        if tokens is not None:
            yield name, tokens


def _fields(data: bytes) -> dict[str, object]:
    """The object that `data` spells; an error may stand in a list of one."""
    try:
        value = parse(data)
    except ValueError:
        raise unreadable("not a JSON object", data) from None
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        raise unreadable("not a JSON object", data)
    return value
