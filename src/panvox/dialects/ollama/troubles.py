"""What Ollama's errors mean: `{"error": "…"}`, with another status or as a line in the middle of a stream.

It has no code words, so its sentences decide; they are those of its server and of the program that runs the
models under it. What is not among them is read as every provider's errors are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from panvox.dialects import refusals
from panvox.dialects.foreign import excerpt, parse, text_at
from panvox.dialects.refusals import Sentence
from panvox.errors import (
    Failure,
    InvalidRequest,
    LocalUnavailable,
    Overloaded,
    TooLarge,
    Unauthorised,
    UnknownModel,
)

_SIGN_IN = (
    "This model runs at ollama.com: sign in there with `ollama signin` on the machine of this server, "
    "or leave it out."
)


def _sentence(pattern: str, kind: type[Failure], hint: str) -> Sentence:
    return Sentence(pattern=re.compile(pattern, re.IGNORECASE), kind=kind, hint=hint)


_SENTENCES = (
    _sentence(
        r"requires more (system )?memory|out of memory|not enough (system )?memory|unable to allocate",
        LocalUnavailable,
        "The model does not fit into the memory of the machine that runs Ollama: free some with "
        "`ollama stop` of another model, or take a smaller model, quantisation or context.",
    ),
    _sentence(
        r"server busy|maximum pending requests",
        Overloaded,
        "The queue of this Ollama is full: ask fewer of its models at once, or raise its OLLAMA_MAX_QUEUE.",
    ),
    _sentence(
        r"longer than the context|exceeds? the (available )?context|exceeds maximum context",
        TooLarge,
        "Shorten the prompt, or let the server give its models more context (its OLLAMA_CONTEXT_LENGTH).",
    ),
    _sentence(
        r"does not support (chat|generat|completion)",
        InvalidRequest,
        "This is no model to talk to; leave it out.",
    ),
    _sentence(
        r"does not support \w+|(missing|no) (data required for )?(image|vision|audio) (input|support)",
        InvalidRequest,
        "The model cannot do what the prompt asks for; leave that out of the prompt, or leave the model out.",
    ),
    _sentence(
        r"model .{0,200}not found",
        UnknownModel,
        "`panvox models` lists what this server has; `ollama pull` fetches others.",
    ),
)


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What a reply with a status other than 200 means."""
    return _sign_in(_object(body), status) or refusals.failure(status, headers, body, sentences=_SENTENCES)


def breakdown(line: Mapping[str, object]) -> Failure:
    """What a line of a stream means that has an error instead of a piece of an answer."""
    return _sign_in(line, None) or refusals.stream_failure(line, sentences=_SENTENCES)


def _sign_in(fields: Mapping[str, object], status: int | None) -> Failure | None:
    """The failure of a model that is hosted, at a server without an account; the address is not shown."""
    if not text_at(fields, "signin_url"):
        return None
    said = excerpt(text_at(fields, "error")) or "unauthorized"
    return Unauthorised(f"Ollama says: {said}", hint=_SIGN_IN, status=status)


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = parse(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
