"""A prompt as the body of a request.

The body comes in two pieces: a short head with what differs between models and vendors, and a tail with the
whole conversation, which is encoded once and then shared by all members of a run, whatever their vendors.
"""

from __future__ import annotations

from collections.abc import Iterator

from panvox.dialects import openai_families as families
from panvox.dialects.calls import head, schema, tail
from panvox.dialects.kept import kept
from panvox.dialects.strictness import is_strict
from panvox.messages import ImagePart, Message, Prompt, TextPart, Tool, ToolCall, ToolResult
from panvox.protocols import Quirks


def encode(prompt: Prompt, model: str, quirks: Quirks) -> tuple[bytes, bytes]:
    """Head and tail of the JSON body that asks `model`; raises `PromptError` for what cannot be written.

    What the model would refuse is left out: a temperature, and texts at which to stop.
    """
    conversation = _tail(prompt)
    fields: dict[str, object] = {"model": model}
    limit = quirks.max_tokens if prompt.max_tokens is None else prompt.max_tokens
    if limit is not None:
        fields[quirks.max_tokens_name or _limit_name(model)] = limit
    if families.takes_sampling(model):
        fields |= {"temperature": prompt.temperature, "top_p": prompt.top_p}
    if families.takes_stop(model):
        fields["stop"] = list(prompt.stop) or None
    fields[quirks.seed_name or "seed"] = prompt.seed
    fields = {name: value for name, value in fields.items() if value is not None}
    if quirks.usage:
        fields["stream_options"] = {"include_usage": True}
    return head(fields, quirks), conversation


def _limit_name(model: str) -> str:
    return "max_completion_tokens" if families.counts_thinking(model) else "max_tokens"


@kept
def _tail(prompt: Prompt) -> bytes:
    tail({"stop": prompt.stop})  # which stands in the head, and is the prompt's fault where it is no text
    return tail(
        {
            "messages": [spelled for message in prompt.messages for spelled in _messages(message)],
            "tools": [_tool(tool) for tool in prompt.tools] or None,
            "response_format": _response_format(prompt.schema),
            "stream": True,
        }
    )


def _messages(message: Message) -> Iterator[dict[str, object]]:
    """One message; results of tools become messages of their own, which come first."""
    shown: list[TextPart | ImagePart] = []
    calls: list[dict[str, object]] = []
    for part in message.parts:
        match part:
            case ToolResult():
                yield {"role": "tool", "tool_call_id": part.call_id, "content": part.text}
            case ToolCall():
                function = {"name": part.name, "arguments": part.arguments}
                calls.append({"id": part.id, "type": "function", "function": function})
            case TextPart() | ImagePart():
                shown.append(part)
    if shown or calls:
        yield {
            "role": message.role,
            "content": _content(shown),
            **({"tool_calls": calls} if calls else {}),
        }


def _content(parts: list[TextPart | ImagePart]) -> str | list[dict[str, object]] | None:
    """Plain text where there is nothing else: many servers read no lists."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) == len(parts):
        return "".join(texts) if texts else None
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {"type": "image_url", "image_url": {"url": part.url}}
        for part in parts
    ]


def _tool(tool: Tool) -> dict[str, object]:
    parameters = schema(tool.schema, f"of the tool {tool.name!r}")
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _response_format(wanted: str | None) -> dict[str, object] | None:
    if wanted is None:
        return None
    told = schema(wanted, "of the answer")
    form = {"name": "answer", "schema": told, "strict": is_strict(told)}
    return {"type": "json_schema", "json_schema": form}
