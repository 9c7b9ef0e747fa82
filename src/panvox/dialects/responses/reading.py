"""What a response means, whole or as a stream of events: pieces in, events out.

response.created ─► (response.output_item.added ─► response.….delta* ─► response.….done)* ─►
response.completed, .incomplete or .failed; `error` at any time. Events and items of other names are read
over: they belong to tools that the provider runs itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from panvox.dialects.answering import Answering
from panvox.dialects.foreign import count, fields_at, items_at, text_at
from panvox.dialects.refusals import stream_failure
from panvox.dialects.replies import read_object, told_error, unreadable
from panvox.dialects.sse import ServerEvent
from panvox.messages import Event, ToolCallDelta, Usage

_SPOKEN = {
    "output_text": "text",
    "refusal": "refusal",
    "reasoning_text": "text",
    "reasoning_summary_text": "text",
    "function_call_arguments": "arguments",
}
"""What comes in pieces, and the field of its last event that repeats the whole of it."""
_ENDS = frozenset({"completed", "incomplete", "failed", "cancelled"})


class ResponseReading:
    """Takes the events of one response in order; implements `panvox.dialects.replies.Reading`."""

    __slots__ = ("_answering", "_calls", "_heard", "_thoughts")

    def __init__(self) -> None:
        self._answering = Answering()
        self._calls: dict[int | str, int] = {}  # the place of an item → the number of the call
        self._heard: set[tuple[object, ...]] = set()  # what has come in pieces
        self._thoughts = ""  # which of two forms the thinking comes in; some servers send both

    def event(self, event: ServerEvent, events: list[Event]) -> bool:
        """Read one event; true for the last."""
        data = event.data
        if not data.startswith(b"{") and data.strip().lower() == b"[done]":  # not the provider's own way
            self.end(events, complete=True)
            return True
        if event.name == "error":
            raise stream_failure(_without_type(told_error(data)))
        fields = read_object(data)
        kind = text_at(fields, "type") or event.name
        if kind == "error" or (fields.get("error") and not kind.startswith("response.")):
            raise stream_failure(_without_type(fields))
        what, _, step = kind.removeprefix("response.").rpartition(".")
        if what in _SPOKEN:
            self._take_spoken(what, step, fields, events)
        elif what == "output_item":
            self._take_item(step, fields, events)
        elif kind == "response.reasoning_summary_part.added" and count(fields.get("summary_index")):
            self._think("reasoning_summary_text", "\n\n", events)
        elif kind.startswith("response.") and not what:
            return self._take_response(step, fields_at(fields, "response"), events)
        return False

    def whole(self, data: bytes, events: list[Event]) -> None:
        """Read a reply of one piece."""
        fields = read_object(data)
        if fields.get("error"):
            raise stream_failure(fields)
        if not isinstance(fields.get("output"), list):
            raise unreadable("not an answer", data)
        self._take_end(fields, text_at(fields, "status"), events)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows."""
        self._answering.end(events, complete=complete)

    def _take_spoken(self, what: str, step: str, fields: Mapping[str, object], events: list[Event]) -> None:
        """The next piece of something; or the whole of it, which counts if no pieces came."""
        place = (what, _place(fields), count(fields.get("content_index")), count(fields.get("summary_index")))
        text = text_at(fields, "delta" if step == "delta" else _SPOKEN[what])
        if not text or step not in ("delta", "done") or (step == "done" and place in self._heard):
            return
        if what == "function_call_arguments" and place[1] not in self._calls:
            return  # of a call that has not begun; its end repeats them
        self._heard.add(place)
        self._say(what, text, _place(fields), events)

    def _say(self, what: str, text: str, place: int | str, events: list[Event]) -> None:
        match what:
            case "output_text":
                self._answering.text(text, events)
            case "refusal":
                self._answering.refuse(text)
            case "function_call_arguments":
                self._answering.call(ToolCallDelta(self._calls[place], arguments=text), events)
            case _:
                self._think(what, text, events)

    def _think(self, form: str, text: str, events: list[Event]) -> None:
        self._thoughts = self._thoughts or form
        if form == self._thoughts:
            self._answering.reasoning(text, events)

    def _take_item(self, step: str, fields: Mapping[str, object], events: list[Event]) -> None:
        """An item begins or ends; of interest is where a call stands, and that there was thinking."""
        item, place = fields_at(fields, "item"), _place(fields)
        match text_at(item, "type"):
            case "function_call":
                self._take_call(item, place, events, done=step == "done")
            case "reasoning":
                self._answering.reasoning("", events)
            case _:
                pass

    def _take_call(
        self, item: Mapping[str, object], place: int | str, events: list[Event], *, done: bool
    ) -> None:
        if place not in self._calls:
            call = self._calls[place] = len(self._calls)
            self._answering.call(ToolCallDelta(call, text_at(item, "call_id"), text_at(item, "name")), events)
        spoken = ("function_call_arguments", place, None, None)
        arguments = text_at(item, "arguments")
        if arguments and done and spoken not in self._heard:
            self._heard.add(spoken)
            self._answering.call(ToolCallDelta(self._calls[place], arguments=arguments), events)

    def _take_response(self, step: str, response: Mapping[str, object], events: list[Event]) -> bool:
        """The response as it stands; true where that is how it ends."""
        if step not in _ENDS:
            self._take_model(response)
            return False
        status = text_at(response, "status")  # some servers call every end completed
        self._take_end(response, status if status in _ENDS else step, events)
        self.end(events, complete=True)
        return True

    def _take_model(self, response: Mapping[str, object]) -> None:
        self._answering.model = self._answering.model or text_at(response, "model")

    def _take_end(self, response: Mapping[str, object], status: str, events: list[Event]) -> None:
        """The response as it is when it has ended; its output counts where nothing of it came before."""
        self._take_model(response)
        if not self._heard and not self._calls:
            for place, item in enumerate(items_at(response, "output")):
                if isinstance(item, dict):
                    self._take_output(place, item, events)
        self._take_usage(fields_at(response, "usage"), events)
        if response.get("error"):
            raise stream_failure(response)
        if status == "incomplete":
            status = text_at(fields_at(response, "incomplete_details"), "reason") or status
        elif status == "completed" and self._calls:
            status = "tool_calls"
        if status:
            self._answering.finish_with(status)

    def _take_output(self, place: int, item: Mapping[str, object], events: list[Event]) -> None:
        match text_at(item, "type"):
            case "message":
                self._take_parts(place, item, "content", events)
            case "reasoning":
                self._answering.reasoning("", events)
                self._take_parts(place, item, "content", events)
                self._take_parts(place, item, "summary", events)
            case "function_call":
                self._take_call(item, place, events, done=True)
            case _:
                pass

    def _take_parts(self, place: int, item: Mapping[str, object], name: str, events: list[Event]) -> None:
        """The parts of a whole item, as if each were the last event of its pieces."""
        for index, part in enumerate(items_at(item, name)):
            if isinstance(part, dict):
                kind = text_at(part, "type")
                what = "reasoning_summary_text" if kind == "summary_text" else kind
                if what in _SPOKEN:
                    where = "summary_index" if name == "summary" else "content_index"
                    self._take_spoken(what, "done", {**part, "output_index": place, where: index}, events)

    def _take_usage(self, told: Mapping[str, object], events: list[Event]) -> None:
        if not told:
            return
        usage = Usage(
            prompt_tokens=count(told.get("input_tokens")) or 0,
            completion_tokens=count(told.get("output_tokens")) or 0,
            reasoning_tokens=count(fields_at(told, "output_tokens_details").get("reasoning_tokens")) or 0,
            cached_tokens=count(fields_at(told, "input_tokens_details").get("cached_tokens")) or 0,
        )
        self._answering.count(usage, events)


def _place(fields: Mapping[str, object]) -> int | str:
    """Where an item stands in the output; its name, where a server does not tell."""
    index = count(fields.get("output_index"))
    return text_at(fields, "item_id") if index is None else index


def _without_type(error: object) -> object:
    """An error event is of the type "error", which is no reason."""
    if isinstance(error, dict) and error.get("type") == "error":
        return {name: value for name, value in error.items() if name != "type"}
    return error
