"""A prompt as the body of a request.

The body comes in two pieces: a short head with what differs between models, and a tail with the whole
conversation, which is encoded once and then shared by all members of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile
from typing import assert_never

from panvox.dialects.calls import head, schema, tail
from panvox.dialects.kept import kept
from panvox.dialects.openai_families import takes_sampling
from panvox.dialects.strictness import is_strict
from panvox.messages import ImagePart, Message, Part, Prompt, TextPart, Tool, ToolCall, ToolResult
from panvox.protocols import Quirks


def encode(prompt: Prompt, model: str, quirks: Quirks) -> tuple[bytes, bytes]:
    """Head and tail of the JSON body that asks `model`; raises `PromptError` for what cannot be written.

    A seed and the texts at which to stop are left out, which the dialect does not know.
    """
    fields: dict[str, object] = {"model": model}
    limit = quirks.max_tokens if prompt.max_tokens is None else prompt.max_tokens
    if limit is not None:
        fields[quirks.max_tokens_name or "max_output_tokens"] = limit
    if takes_sampling(model):
        options = {"temperature": prompt.temperature, "top_p": prompt.top_p}
        fields.update((name, value) for name, value in options.items() if value is not None)
    return head(fields, quirks), _tail(prompt)


@kept
def _tail(prompt: Prompt) -> bytes:
    first = list(takewhile(_instructs, prompt.messages))
    rest = prompt.messages[len(first) :]
    return tail(
        {
            "instructions": "\n\n".join(message.text for message in first) or None,
            "input": [item for message in rest for item in _items(message)],
            "tools": [_tool(tool) for tool in prompt.tools] or None,
            "text": _format(prompt.schema),
            "store": False,
            "stream": True,
        }
    )


def _instructs(message: Message) -> bool:
    return message.role == "system" and all(isinstance(part, TextPart) for part in message.parts)


def _items(message: Message) -> Iterator[dict[str, object]]:
    """The items that a message is made of, in their order."""
    for is_shown, parts in groupby(message.parts, lambda part: isinstance(part, TextPart | ImagePart)):
        if is_shown:
            role = "user" if message.role == "tool" else message.role
            yield {"role": role, "content": _content(list(parts))}
        else:
            yield from map(_item, parts)


def _content(parts: Sequence[Part]) -> str | list[dict[str, object]]:
    """Plain text where there is nothing else."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    return "".join(texts) if len(texts) == len(parts) else [_item(part) for part in parts]


def _item(part: Part) -> dict[str, object]:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            return {"type": "input_image", "image_url": part.url, "detail": "auto"}
        case ToolCall():
            return {
                "type": "function_call",
                "call_id": part.id,
                "name": part.name,
                "arguments": part.arguments,
            }
        case ToolResult():
            return {"type": "function_call_output", "call_id": part.call_id, "output": part.text}
        case _:
            assert_never(part)


def _tool(tool: Tool) -> dict[str, object]:
    """Not strict: that would refuse schemas with optional arguments."""
    parameters = schema(tool.schema, f"of the tool {tool.name!r}")
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": False,
    }


def _format(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    told = schema(text, "of the answer")
    return {
        "format": {"type": "json_schema", "name": "answer", "schema": told, "strict": is_strict(told)},
    }
