"""One chunk of a stream, or one whole reply, as a value.

A chunk is first read strictly into Structs, which is fast and fits what nearly every server sends. What
does not fit is read again, forgivingly: any field may be missing, null or of another type, and is then as
if it had not been sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import msgspec

from panvox.dialects.foreign import parse


class Function(msgspec.Struct, gc=False):
    """Name and arguments of a tool call, or the next piece of them."""

    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, gc=False):
    """A tool call, or the next piece of it."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct, gc=False):
    """The next piece of a message, or a whole one.

    `content` is text or a list of parts; `reasoning_content` (DeepSeek and many), `reasoning` (Groq,
    OpenRouter), `reasoning_details` (OpenRouter) and thinking parts in `content` (Mistral) are four places
    for the same thing.
    """

    content: str | list[object] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[object] | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers; panvox asks for one. A stream fills `delta`, a whole reply `message`."""

    index: int | None = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    error: object = None


class Chunk(msgspec.Struct, gc=False):
    """What one event of a stream holds; `x_groq` is where Groq puts usage and errors.

    `choices` is None where there are none at all, which a chunk of an answer always has.
    """

    model: str | None = None
    choices: list[Choice] | None = None
    usage: object = None
    cost: object = None
    x_groq: object = None
    error: object = None


_read_strictly = msgspec.json.Decoder(Chunk).decode


def read(data: bytes) -> Chunk:
    """The chunk that `data` spells; raises ValueError for what is not a JSON object."""
    try:
        return _read_strictly(data)
    except (ValueError, RecursionError):
        pass
    try:
        return _chunk(_object(parse(data)))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def stray(data: bytes) -> dict[str, object]:
    """All fields of a chunk without choices, for whoever wants to know what it is instead."""
    return _object(parse(data))


def _object(value: object) -> dict[str, object]:
    if isinstance(value, list) and value:
        value = value[0]  # Gemini wraps the error of a stream in a list
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a fault of the text, as all others of it
    return value


def _chunk(fields: Mapping[str, object]) -> Chunk:
    choices = fields.get("choices")
    return Chunk(
        model=_text(fields.get("model")),
        choices=None if choices is None else [_choice(choice) for choice in _objects(choices)],
        usage=fields.get("usage"),
        cost=fields.get("cost"),
        x_groq=fields.get("x_groq"),
        error=fields.get("error"),
    )


def _choice(fields: Mapping[str, object]) -> Choice:
    return Choice(
        index=_integer(fields.get("index")),
        delta=_delta(fields.get("delta")),
        message=_delta(fields.get("message")),
        finish_reason=_text(fields.get("finish_reason")),
        error=fields.get("error"),
    )


def _delta(value: object) -> Delta | None:
    if not isinstance(value, dict):
        return None
    content, details = value.get("content"), value.get("reasoning_details")
    return Delta(
        content=content if isinstance(content, str | list) else list(_objects(content)) or None,
        reasoning_content=_text(value.get("reasoning_content")),
        reasoning=_text(value.get("reasoning")),
        reasoning_details=list(_objects(details)) or None,
        refusal=_text(value.get("refusal")),
        tool_calls=[_call(call) for call in _objects(value.get("tool_calls"))] or None,
        function_call=_function(value.get("function_call")),
    )


def _call(fields: Mapping[str, object]) -> Call:
    function = _function(fields.get("function"))
    return Call(index=_integer(fields.get("index")), id=_text(fields.get("id")), function=function)


def _function(value: object) -> Function | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments")
    if isinstance(arguments, dict):  # the arguments themselves instead of their JSON text
        arguments = json.dumps(arguments, ensure_ascii=False)
    return Function(name=_text(value.get("name")), arguments=_text(arguments))


def _objects(value: object) -> Iterator[dict[str, object]]:
    """The objects in a list, or a lone one."""
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            yield item


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- parts of a message ----------------------------------------------------------------------------


def reasoning_of(delta: Delta) -> str:
    """The thinking in `delta`: from the first place that has any, since providers fill two at once."""
    if told := delta.reasoning_content or delta.reasoning:
        return told
    if delta.reasoning_details:
        details = _objects(delta.reasoning_details)
        if told := "".join(_text(detail.get("text") or detail.get("summary")) or "" for detail in details):
            return told
    if isinstance(delta.content, list):
        return "".join(_thinking(part.get("thinking")) for part in _objects(delta.content))
    return ""


def text_of(content: str | list[object] | None) -> str:
    """The text in `content`, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else _part_text(part) for part in content)
    return content or ""


def _part_text(part: object) -> str:
    if not isinstance(part, dict) or part.get("type") not in ("text", "output_text", None):
        return ""
    return _text(part.get("text")) or ""


def _thinking(value: object) -> str:
    return value if isinstance(value, str) else text_of(list(_objects(value)))
