"""How OpenAI's Responses API spells calls and answers; its refusals, headers and lists are OpenAI's usual.

Source: the types of OpenAI's own client, and its API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, assert_never

import msgspec
import orjson

from panvox.simulator.exchange import JSON, Asked, Call, Speech, Utterance, count_tokens, invalid, read_body
from panvox.simulator.spelling import Chat, Door, Voice
from panvox.simulator.spellings import openai
from panvox.simulator.spellings.compatible import Compatible

# --- calls -----------------------------------------------------------------------------------------


class _Part(msgspec.Struct):
    type: str = ""
    text: str = ""


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        content = self.content or ""
        return content if isinstance(content, str) else "".join(part.text for part in content)


class _Body(msgspec.Struct):
    model: str
    input: str | list[_Item]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_call(data: bytes) -> Call:
    """The call that a request body spells. Raises `Declined` (400)."""
    body = read_body(_decode_body, data)
    items = [_Item(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    if not items:
        raise invalid("Invalid 'input': empty array. Expected an array with minimum length 1.")
    ceiling = body.max_output_tokens
    if ceiling is not None and ceiling < 1:
        raise invalid(f"Invalid 'max_output_tokens': expected a value >= 1, but got {ceiling} instead.")
    return Call(
        model=body.model,
        question=next((item.text for item in reversed(items) if item.role == "user"), ""),
        tokens=count_tokens(body.instructions or "") + sum(count_tokens(item.text) for item in items),
        stream=bool(body.stream),
        usage=True,
        max_tokens=ceiling,
    )


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """An answer in words."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that declines, in words."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thought:
    """Thinking, in full or as a `summary`."""

    pieces: tuple[str, ...]
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """An event between the others."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """How it ends: `completed`, `incomplete` or `failed`, and what the response tells of it."""

    status: str
    more: Mapping[str, Any] = field(default_factory=dict)


Item = Message | Refusal | Thought | Note


def usual_close(speech: Speech) -> Close:
    """How a speech ends, where nothing odd is wanted."""
    return incomplete("max_output_tokens") if speech.cut else Close("completed")


def incomplete(reason: str) -> Close:
    """An end before the end."""
    return Close("incomplete", {"incomplete_details": {"reason": reason}})


def failed(code: str, message: str) -> Close:
    """An end with an error."""
    return Close("failed", {"error": {"code": code, "message": message}})


def render(speech: Speech) -> Utterance:
    """A speech as OpenAI itself puts it."""
    return spell(speech, [Message(speech.pieces)], usual_close(speech))


def spell(speech: Speech, items: Sequence[Item], close: Close | None) -> Utterance:
    """The items as a stream, or as one whole reply if that was asked for; without `close` it has no end."""
    if not speech.stream:
        return Utterance(content_type=JSON, pieces=(_whole(speech, items, close),))
    numbers = count()
    begun = _response(speech, "in_progress", [])
    events = [
        _event({"type": f"response.{word}", "response": begun}, numbers)
        for word in ("created", "in_progress")
    ]
    outputs: list[Mapping[str, Any]] = []
    for item in items:
        if isinstance(item, Note):
            events.append(_event(item.fields, numbers))
            continue
        output = _output(speech, item, len(outputs))
        events += [_event(fields, numbers) for fields in _told(item, output, len(outputs))]
        outputs.append(output)
    if close is not None:
        told = {**_response(speech, close.status, outputs), **close.more}
        events.append(_event({"type": f"response.{close.status}", "response": told}, numbers))
    return Utterance(content_type=openai.EVENTS, pieces=tuple(events))


def _event(fields: Mapping[str, Any], numbers: Iterator[int]) -> bytes:
    numbered = {**fields, "sequence_number": next(numbers)}
    return b"event: %b\ndata: %b\n\n" % (str(fields["type"]).encode(), orjson.dumps(numbered))


def _told(
    item: Message | Refusal | Thought, output: Mapping[str, Any], index: int
) -> Iterator[dict[str, Any]]:
    """The events of one output, from its beginning to its end."""
    place = {"item_id": output["id"], "output_index": index}
    begun = {**output, "status": "in_progress"}
    begun |= {name: [] for name in ("content", "summary") if name in output}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    match item:
        case Thought(summary=True):
            yield from _part(item.pieces, "reasoning_summary_text", {**place, "summary_index": 0})
        case Thought():
            yield from _part(item.pieces, "reasoning_text", {**place, "content_index": 0})
        case Refusal():
            yield from _part(item.pieces, "refusal", {**place, "content_index": 0})
        case Message():
            yield from _part(item.pieces, "output_text", {**place, "content_index": 0})
        case _:
            assert_never(item)
    yield {"type": "response.output_item.done", "output_index": index, "item": output}


def _part(pieces: tuple[str, ...], kind: str, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One part of an output: its beginning, its pieces and its end."""
    summary = kind == "reasoning_summary_text"
    part = "reasoning_summary_part" if summary else "content_part"
    yield {"type": f"response.{part}.added", **place, "part": _content(kind, "")}
    more: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
    for piece in pieces:
        yield {"type": f"response.{kind}.delta", **place, "delta": piece, **more}
    whole = "".join(pieces)
    field_name = "refusal" if kind == "refusal" else "text"
    yield {"type": f"response.{kind}.done", **place, field_name: whole, **more}
    yield {"type": f"response.{part}.done", **place, "part": _content(kind, whole)}


def _content(kind: str, text: str) -> dict[str, Any]:
    """A part of an output, as it stands there."""
    match kind:
        case "output_text":
            return {"type": kind, "annotations": [], "logprobs": [], "text": text}
        case "refusal":
            return {"type": kind, "refusal": text}
        case "reasoning_summary_text":
            return {"type": "summary_text", "text": text}
        case _:
            return {"type": kind, "text": text}


def _output(speech: Speech, item: Message | Refusal | Thought, index: int) -> dict[str, Any]:
    """One output, whole."""
    text = "".join(item.pieces)
    match item:
        case Thought(summary=True):
            summary = [_content("reasoning_summary_text", text)]
            return {"id": f"rs_{speech.id}{index}", "type": "reasoning", "summary": summary}
        case Thought():
            content = [_content("reasoning_text", text)]
            return {"id": f"rs_{speech.id}{index}", "type": "reasoning", "summary": [], "content": content}
        case Refusal():
            content = [_content("refusal", text)]
        case Message():
            content = [_content("output_text", text)]
        case _:
            assert_never(item)
    said = {"type": "message", "status": "completed", "role": "assistant", "content": content}
    return {"id": f"msg_{speech.id}{index}", **said}


def _whole(speech: Speech, items: Sequence[Item], close: Close | None) -> bytes:
    """One reply; an error event among the items takes its place."""
    outputs: list[dict[str, Any]] = []
    for item in items:
        if not isinstance(item, Note):
            outputs.append(_output(speech, item, len(outputs)))
        elif item.fields["type"] == "error":
            told = {name: value for name, value in item.fields.items() if name != "type"}
            return orjson.dumps({"error": {"type": "server_error", **told.get("error", told)}})
    if close is None:
        return orjson.dumps(_response(speech, "in_progress", outputs))
    return orjson.dumps({**_response(speech, close.status, outputs), **close.more})


def _response(speech: Speech, status: str, outputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"resp_{speech.id}",
        "object": "response",
        "created_at": speech.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "model": speech.model,
        "output": list(outputs),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if status == "in_progress" else _usage(speech),
        "metadata": {},
    }


def _usage(speech: Speech) -> dict[str, Any]:
    return {
        "input_tokens": speech.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": speech.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": speech.prompt_tokens + speech.completion_tokens,
    }


VOICE = Voice(
    name="responses",
    stream_type=openai.EVENTS,
    render=render,
    complain=openai.complain,
    headers=openai.headers,
)
"""Responses, as OpenAI speaks them."""

# --- addresses -------------------------------------------------------------------------------------


_CHAT = Compatible(name="openai")


class Responses:
    """OpenAI's API, of which panvox uses Responses; chat completions are there as well."""

    name = dialect = "responses"
    root = "/v1"
    lists = "/models"
    voice = VOICE

    def key(self, asked: Asked) -> str:
        """A bearer key."""
        return asked.bearer

    def named(self, name: str) -> str:
        """`name`."""
        return name

    def door(self, asked: Asked) -> Door:
        """Responses, and what is at OpenAI's other addresses."""
        match asked.method, *asked.steps:
            case "POST", "v1", "responses":
                return Chat(VOICE, read_call)
            case _:
                return _CHAT.door(asked)
