"""A prompt as the body of a request.

The body comes in two pieces: a short head with what differs between models, and a tail with the whole
conversation, which is encoded once and then shared by all members of a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import assert_never

import msgspec

from panvox.dialects.calls import embedded, head, schema, tail
from panvox.dialects.kept import kept
from panvox.errors import PromptError
from panvox.messages import ImagePart, Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult
from panvox.protocols import Quirks

MAX_TOKENS = 4096
"""The limit of an answer where neither prompt nor vendor has one: the dialect wants one, and every model
takes this one, while the larger limits of newer models are refused by older ones."""

# Models since Claude Opus 4.7 refuse `temperature` and `top_p` of any other than their default value.
_NO_SAMPLING = re.compile(
    r"claude-(?:fable|mythos|opus-(?:4[-.][7-9](?!\d)|[5-9]|\d\d)|(?:haiku|sonnet)-(?:[5-9]|\d\d))"
)


def encode(prompt: Prompt, model: str, quirks: Quirks) -> tuple[bytes, bytes]:
    """Head and tail of the JSON body that asks `model`; raises `PromptError` for what cannot be written.

    A seed is left out, which the dialect does not know.
    """
    limit = prompt.max_tokens or quirks.max_tokens or MAX_TOKENS
    fields = {"model": model, quirks.max_tokens_name or "max_tokens": limit, **_sampling(prompt, model)}
    return head(fields, quirks), _tail(prompt)


def _sampling(prompt: Prompt, model: str) -> dict[str, float]:
    """At most one of the two, since models from Claude Opus 4.1 on refuse both at once."""
    if _NO_SAMPLING.search(model):
        return {}
    if prompt.temperature is not None:
        return {"temperature": min(max(prompt.temperature, 0.0), 1.0)}
    return {"top_p": prompt.top_p} if prompt.top_p is not None else {}


@kept
def _tail(prompt: Prompt) -> bytes:
    return tail(
        {
            "system": _system(prompt.messages),
            "messages": _turns(prompt.messages),
            "stop_sequences": list(prompt.stop) or None,
            "tools": [_tool(tool) for tool in prompt.tools] or None,
            "output_config": _output(prompt.schema),
            "stream": True,
        }
    )


def _system(messages: Iterable[Message]) -> str | None:
    """What stands in system messages anywhere, in the one place for it."""
    found = [message for message in messages if message.role == "system"]
    if any(not isinstance(part, TextPart) for message in found for part in message.parts):
        raise PromptError("A system message can hold nothing but text in the anthropic dialect.")
    return "\n\n".join(message.text for message in found) or None


def _turns(messages: Iterable[Message]) -> list[dict[str, object]]:
    """User and assistant by turns; results of tools are the user's, and come first in their turn."""
    said = [
        ("assistant" if message.role == "assistant" else "user", blocks)
        for message in messages
        if message.role != "system" and (blocks := list(_blocks(message)))
    ]
    return [
        {"role": role, "content": _content([block for _, blocks in together for block in blocks])}
        for role, together in groupby(said, itemgetter(0))
    ]


def _content(blocks: list[dict[str, object]]) -> object:
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _blocks(message: Message) -> Iterator[dict[str, object]]:
    """One block for a run of texts, since blank ones are refused, and one for every other part."""
    for is_text, parts in groupby(message.parts, lambda part: isinstance(part, TextPart)):
        if not is_text:
            yield from map(_block, parts)
        elif (text := "".join(part.text for part in parts if isinstance(part, TextPart))).strip():
            yield {"type": "text", "text": text}


def _block(part: Part) -> dict[str, object]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image", "source": _source(part.url)}
        case ToolCall():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
        case ToolResult():
            return {"type": "tool_result", "tool_use_id": part.call_id, "content": part.text}
        case _:
            assert_never(part)


def _source(url: str) -> dict[str, str]:
    image = embedded(url)
    if image is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": image.media_type, "data": image.data}


def _input(call: ToolCall) -> object:
    """The arguments as an object; a model that wrote none meant an empty one."""
    try:
        value = msgspec.json.decode(call.arguments or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PromptError(f"The arguments of a call of the tool {call.name!r} are not a JSON object.")
    return value


def _tool(tool: Tool) -> dict[str, object]:
    parameters = schema(tool.schema, f"of the tool {tool.name!r}")
    return {"name": tool.name, "description": tool.description, "input_schema": parameters}


def _output(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    return {"format": {"type": "json_schema", "schema": schema(text, "of the answer")}}
