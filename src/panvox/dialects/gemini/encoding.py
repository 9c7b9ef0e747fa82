"""A prompt as the body of a request.

The model stands in the address, so the whole body is encoded once and shared by all members of a run, except
that models since Gemini 3 want a signature with calls of tools that a prompt repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from panvox.dialects.calls import embedded, schema, tail
from panvox.dialects.fields import Fields, arguments_of, given, limit_of, merged
from panvox.dialects.kept import kept
from panvox.errors import PromptError
from panvox.messages import ImagePart, Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult
from panvox.protocols import Quirks

_MOST_STOPS = 5
_WANTS_SIGNATURES = re.compile(r"gemini-(?:[3-9]|\d\d)(?!\d)|-latest$")
_ANY_SIGNATURE = "skip_thought_signature_validator"
"""What Google documents for calls whose signature was not kept, or that another vendor's model made.

A model since Gemini 3 refuses a call that it is shown again without one. A prompt goes to many models, so a
signature of one of them could not be shown to the others anyway.
"""
_KINDS = {
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}


def encode(prompt: Prompt, model: str, quirks: Quirks) -> tuple[bytes]:
    """The JSON body that asks `model`; raises `PromptError` for what cannot be written."""
    repeats_calls = any(isinstance(part, ToolCall) for message in prompt.messages for part in message.parts)
    return (_body(prompt, quirks, repeats_calls and bool(_WANTS_SIGNATURES.search(model))),)


@kept
def _body(prompt: Prompt, quirks: Quirks, signed: bool) -> bytes:
    if len(prompt.stop) > _MOST_STOPS:
        raise PromptError(
            f"Gemini takes {_MOST_STOPS} stop sequences at most, and here are {len(prompt.stop)}."
        )
    system = [part for message in prompt.messages if message.role == "system" for part in message.parts]
    asked: Fields = {
        "systemInstruction": {"parts": list(_parts(system, {}))} if system else None,
        "contents": _contents(prompt.messages, signed=signed),
        "tools": [{"functionDeclarations": [_tool(tool) for tool in prompt.tools]}] if prompt.tools else None,
        "generationConfig": _config(prompt, quirks) or None,
    }
    return b"{" + tail(merged({}, quirks, asked))


def _config(prompt: Prompt, quirks: Quirks) -> Fields:
    """`responseJsonSchema` takes JSON Schema, which a prompt has; `responseSchema` a part of OpenAPI's."""
    wanted = None if prompt.schema is None else schema(prompt.schema, "of the answer")
    return given(
        {
            **limit_of(prompt.max_tokens, quirks, "maxOutputTokens"),
            "temperature": prompt.temperature,
            "topP": prompt.top_p,
            "seed": prompt.seed,
            "stopSequences": list(prompt.stop) or None,
            "responseMimeType": None if wanted is None else "application/json",
            "responseJsonSchema": wanted,
        }
    )


def _contents(messages: Sequence[Message], *, signed: bool) -> list[Fields]:
    """The turns: messages of one role in a row become one, as Google wants all results of a turn together."""
    names: dict[str, str] = {}
    turns: list[Fields] = []
    said = (message for message in messages if message.role != "system")
    for role, together in groupby(said, key=lambda m: "model" if m.role == "assistant" else "user"):
        parts = [part for message in together for part in _parts(message.parts, names)]
        if signed:
            _sign(parts)
        if parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _sign(parts: list[Fields]) -> None:
    """Only the first of the calls of one step has a signature."""
    if call := next((part for part in parts if "functionCall" in part), None):
        call["thoughtSignature"] = _ANY_SIGNATURE


def _parts(parts: Sequence[Part], names: dict[str, str]) -> Iterator[Fields]:
    """`names` are those of the tools that were called so far, by the id of the call."""
    for part in parts:
        match part:
            case TextPart():
                if part.text:
                    yield {"text": part.text}
            case ImagePart():
                yield _image(part.url)
            case ToolCall():
                names[part.id] = part.name
                yield {"functionCall": {**_identity(part.id), "name": part.name, "args": arguments_of(part)}}
            case ToolResult():
                response = {"name": _called(part, names), "response": {"output": part.text}}
                yield {"functionResponse": {**_identity(part.call_id), **response}}


def _identity(call: str) -> Fields:
    return {"id": call} if call else {}


def _called(result: ToolResult, names: dict[str, str]) -> str:
    try:
        return names[result.call_id]
    except KeyError:
        raise PromptError(
            f"The prompt holds a result of the tool call {result.call_id!r}, but no such call before it; "
            "Gemini must be told which tool it was."
        ) from None


def _image(url: str) -> Fields:
    if picture := embedded(url):
        return {"inlineData": {"mimeType": picture.media_type, "data": picture.data}}
    ending = re.sub(r"[?#].*", "", url).rpartition(".")[2].lower()
    kind = {"mimeType": _KINDS[ending]} if ending in _KINDS else {}
    return {"fileData": {**kind, "fileUri": url}}


def _tool(tool: Tool) -> Fields:
    parameters = schema(tool.schema, f"of the tool {tool.name!r}")
    return {"name": tool.name, "description": tool.description, "parametersJsonSchema": parameters}
