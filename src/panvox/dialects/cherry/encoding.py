"""A prompt as the body of a request, which is encoded once and then shared by all models."""

from __future__ import annotations

from panvox.dialects.calls import head, tail
from panvox.dialects.kept import kept
from panvox.errors import InvalidRequest, Owner
from panvox.messages import Message, Prompt, TextPart
from panvox.protocols import Quirks


def encode(prompt: Prompt, quirks: Quirks) -> tuple[bytes, bytes]:
    """Head and tail of the JSON body; raises `InvalidRequest` for what cannot be said in this form.

    It has no words for tools, pictures and schemas. `top_p`, `seed` and `stop` are left out: an answer
    without them still answers the question.
    """
    limit = quirks.max_tokens if prompt.max_tokens is None else prompt.max_tokens
    limited = {} if limit is None else {quirks.max_tokens_name or "max_tokens": limit}
    return head(limited, quirks), _tail(prompt)


@kept
def _tail(prompt: Prompt) -> bytes:
    if prompt.tools or prompt.schema is not None:
        raise _unspeakable("tools and schemas of answers")
    messages = [_message(message) for message in prompt.messages]
    return tail({"messages": messages, "temperature": prompt.temperature})


def _message(message: Message) -> dict[str, str]:
    if not all(isinstance(part, TextPart) for part in message.parts):
        raise _unspeakable("anything but text")
    return {"role": message.role, "content": message.text}


def _unspeakable(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"The cloud form of Cherry Studio's API has no words for {what}.",
        hint="Ask other models, or ask without.",
        owner=Owner.PROMPT,
    )
