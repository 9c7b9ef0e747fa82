"""A prompt as the body of a request.

The body comes in two pieces: a short head with the model, and a tail with the whole conversation, which is
encoded once and then shared by all members of a run.

A prompt that is larger than the context which the server gives a model (`num_ctx`: 4,096 tokens on many
machines, whatever the model can take) is cut by Ollama without a word: `truncate` drops the oldest messages,
`shift` the middle of the text. panvox turns both off, so that such a prompt is refused instead. `num_ctx`
itself is left to the server: it decides when the model is loaded, and another value would load the model
anew for every caller that wants another one. A vendor's row or the settings can give one, under `options`.

Servers older than `truncate` and `shift` read past them. Whether a model thinks is its own default, since
`think` is refused by those that cannot.
"""

from __future__ import annotations

from collections.abc import Iterator

from panvox.dialects.calls import document, embedded, schema, tail
from panvox.dialects.fields import Fields, arguments_of, given, limit_of, merged
from panvox.dialects.kept import kept
from panvox.errors import PromptError
from panvox.messages import ImagePart, Message, Prompt, TextPart, Tool, ToolCall, ToolResult
from panvox.protocols import Quirks

_ASSUMED = {"stream": True, "truncate": False, "shift": False}


def encode(prompt: Prompt, model: str, quirks: Quirks) -> tuple[bytes, bytes]:
    """Head and tail of the JSON body that asks `model`; raises `PromptError` for what cannot be written."""
    return document({"model": model})[:-1] + b",", _tail(prompt, quirks)


@kept
def _tail(prompt: Prompt, quirks: Quirks) -> bytes:
    names = _called(prompt)
    asked = {
        "messages": [spelled for message in prompt.messages for spelled in _messages(message, names)],
        "tools": [_tool(tool) for tool in prompt.tools] or None,
        "format": None if prompt.schema is None else schema(prompt.schema, "of the answer"),
        "options": _options(prompt, quirks) or None,
    }
    return tail(merged(_ASSUMED, quirks, asked))


def _options(prompt: Prompt, quirks: Quirks) -> Fields:
    return given(
        {
            **limit_of(prompt.max_tokens, quirks, "num_predict"),
            "temperature": prompt.temperature,
            "top_p": prompt.top_p,
            "seed": prompt.seed,
            "stop": list(prompt.stop) or None,
        }
    )


def _called(prompt: Prompt) -> dict[str, str]:
    """The names of the tools that the prompt says were called, by the id of the call."""
    parts = (part for message in prompt.messages for part in message.parts)
    return {part.id: part.name for part in parts if isinstance(part, ToolCall)}


def _messages(message: Message, names: dict[str, str]) -> Iterator[Fields]:
    """One message; results of tools become messages of their own, which come first."""
    texts: list[str] = []
    images: list[str] = []
    calls: list[Fields] = []
    for part in message.parts:
        match part:
            case ToolResult():
                name = names.get(part.call_id)
                yield {"role": "tool", "content": part.text, **({"tool_name": name} if name else {})}
            case ToolCall():
                calls.append({"function": {"name": part.name, "arguments": arguments_of(part)}})
            case TextPart():
                texts.append(part.text)
            case ImagePart():
                images.append(_image(part.url))
    if texts or images or calls:
        text = "".join(texts) if texts else None
        more = given({"content": text, "images": images or None, "tool_calls": calls or None})
        yield {"role": message.role, **more}


def _image(url: str) -> str:
    picture = embedded(url)
    if picture is None:
        raise PromptError(
            f"Ollama fetches no images, so {url[:100]!r} cannot be shown to its models: "
            "give the image itself, as a `data:` address in base64."
        )
    return picture.data


def _tool(tool: Tool) -> Fields:
    parameters = schema(tool.schema, f"of the tool {tool.name!r}")
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
