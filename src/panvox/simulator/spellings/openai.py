"""How OpenAI's API spells calls to chat completions, answers, refusals and rate limits.

Source of the shapes and sentences: the public API reference and error texts of OpenAI; where OpenAI has no
word for something (402, 413, 529), those of relays that speak its dialect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, assert_never

import msgspec
import orjson

from panvox.simulator.exchange import (
    JSON,
    Call,
    Complaint,
    Page,
    Reason,
    Speech,
    Utterance,
    count_tokens,
    invalid,
    page_of,
    read_body,
)
from panvox.simulator.limits import Excess, Kind, Unit
from panvox.simulator.spelling import Standing, Voice
from panvox.simulator.wording import duration, sentence

EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"

# --- calls -----------------------------------------------------------------------------------------


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None

    @property
    def text(self) -> str:
        content = self.content or ""
        return content if isinstance(content, str) else "".join(part.text for part in content)


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_call(data: bytes) -> Call:
    """The call that a request body spells. Raises `Declined` (400)."""
    body = read_body(_decode_body, data)
    if not body.messages:
        raise invalid("Invalid 'messages': empty array. Expected an array with minimum length 1.")
    ceiling = body.max_completion_tokens or body.max_tokens
    if ceiling is not None and ceiling < 1:
        raise invalid(f"Invalid 'max_tokens': integer below minimum value, expected >= 1, got {ceiling}.")
    return Call(
        model=body.model,
        question=next((message.text for message in reversed(body.messages) if message.role == "user"), ""),
        tokens=sum(count_tokens(message.text) for message in body.messages),
        stream=bool(body.stream),
        usage=body.stream_options is not None and body.stream_options.include_usage,
        max_tokens=ceiling,
    )


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the message; a whole reply joins them."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the message."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """An event of another kind: these fields beside those that every event has, or in place of them."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that are no event as OpenAI spells it."""

    data: bytes


Item = Delta | Finish | Chunk | Raw


def render(speech: Speech) -> Utterance:
    """A speech as OpenAI itself puts it."""
    return spell(speech, [OPENING, *contents(speech), Finish(usual_finish(speech))])


OPENING = Delta({"role": "assistant", "content": "", "refusal": None})


def contents(speech: Speech) -> list[Delta]:
    """The pieces of text, each in its own event."""
    return [Delta({"content": piece}) for piece in speech.pieces]


def usual_finish(speech: Speech) -> str:
    """Why a speech ends, where nothing odd is wanted."""
    return "length" if speech.cut else "stop"


def spell(speech: Speech, items: Sequence[Item], *, done: bytes = DONE) -> Utterance:
    """The items as a stream, or as one whole reply if that was asked for.

    Usage and `done` come together with the last event.
    """
    if not speech.stream:
        return Utterance(content_type=JSON, pieces=(_whole(speech, items),))
    frame = _frame(speech, "chat.completion.chunk")
    head = b"data: " + orjson.dumps(frame)[:-1]
    ending = done
    if speech.usage:
        ending = b'%b,"choices":[],"usage":%b}\n\n%b' % (head, orjson.dumps(usage(speech)), done)
    events = [_event(frame, head, item) for item in items]
    return Utterance(content_type=EVENTS, pieces=(*events[:-1], b"".join(events[-1:]) + ending))


def usage(speech: Speech) -> dict[str, Any]:
    """The tokens of a speech."""
    return {
        "prompt_tokens": speech.prompt_tokens,
        "completion_tokens": speech.completion_tokens,
        "total_tokens": speech.prompt_tokens + speech.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _frame(speech: Speech, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{speech.id}",
        "object": kind,
        "created": speech.created,
        "model": speech.model,
        "system_fingerprint": "fp_simulated",
    }


def _event(frame: dict[str, Any], head: bytes, item: Item) -> bytes:
    """One event. `head` is how all begin: the fields of `frame`, spelled once for the whole stream."""
    match item:
        case Delta(fields):
            choice = b'{"index":0,"delta":%b,"finish_reason":null}' % orjson.dumps(fields)
        case Finish(reason):
            choice = b'{"index":0,"delta":{},"finish_reason":%b}' % orjson.dumps(reason)
        case Chunk(fields):
            return b"data: %b\n\n" % orjson.dumps({**frame, **fields})
        case Raw(data):
            return data
        case _:
            assert_never(item)
    return b'%b,"choices":[%b]}\n\n' % (head, choice)


def _whole(speech: Speech, items: Sequence[Item]) -> bytes:
    """One reply with all that the items say; bytes and errors among them take its place."""
    message: dict[str, Any] = {}
    reply = _frame(speech, "chat.completion")
    for item in items:
        match item:
            case Delta(fields):
                _join(message, fields)
            case Finish(reason):
                reply["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]
            case Chunk(fields):
                reply = {**fields, **reply}
            case Raw(data):
                return data.removeprefix(b"data: ").strip()
            case _:
                assert_never(item)
    if "error" in reply:
        return orjson.dumps({"error": reply["error"]})
    return orjson.dumps({**reply, "usage": usage(speech)})


def _join(message: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Add what the next delta says to what the earlier ones said."""
    for name, value in fields.items():
        before = message.get(name)
        message[name] = before + value if before and value else before or value


# --- refusals --------------------------------------------------------------------------------------


class _Spelling(NamedTuple):
    """Status, type, code and usual sentence of an error."""

    status: int
    type: str
    code: str | int | None
    message: str


_INVALID = "invalid_request_error"
_SPELLINGS: Mapping[Reason, _Spelling] = {
    Reason.INVALID: _Spelling(400, _INVALID, None, "Invalid request."),
    Reason.CONTEXT: _Spelling(
        400,
        _INVALID,
        "context_length_exceeded",
        "This model's maximum context length is {context} tokens. However, your messages resulted in "
        "{tokens} tokens. Please reduce the length of the messages.",
    ),
    Reason.UNAUTHORISED: _Spelling(401, _INVALID, "invalid_api_key", "Incorrect API key provided."),
    Reason.NO_KEY: _Spelling(401, _INVALID, None, "You didn't provide an API key."),
    Reason.PAYMENT: _Spelling(
        402, "payment_required", 402, "Insufficient credits. Add more using the provider's page of credits."
    ),
    Reason.FORBIDDEN: _Spelling(
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    Reason.UNKNOWN_MODEL: _Spelling(
        404,
        _INVALID,
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    Reason.UNKNOWN_PATH: _Spelling(404, _INVALID, "unknown_url", "Unknown request URL."),
    Reason.TOO_LARGE: _Spelling(413, _INVALID, "request_too_large", "Request body is too large."),
    Reason.UNPROCESSABLE: _Spelling(
        422, _INVALID, "unprocessable", "Input should be a valid list of messages."
    ),
    Reason.SERVER_ERROR: _Spelling(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    Reason.BAD_GATEWAY: _Spelling(502, "server_error", 502, "Provider returned error"),
    Reason.UNAVAILABLE: _Spelling(
        503, "server_error", None, "The engine is currently overloaded, please try again later"
    ),
    Reason.OVERLOADED: _Spelling(529, "overloaded_error", None, "Overloaded"),
}


def complain(complaint: Complaint) -> Page:
    """A refusal as a reply."""
    if isinstance(complaint.reason, Excess):
        return _complain_of_excess(complaint.reason, complaint.model)
    spelling = _SPELLINGS[complaint.reason]
    usual = spelling.message.format(model=complaint.model, context=complaint.context, tokens=complaint.tokens)
    return _error(spelling._replace(message=complaint.message or usual))


def _error(spelling: _Spelling, headers: Mapping[str, str] | None = None) -> Page:
    body = {"message": spelling.message, "type": spelling.type, "param": None, "code": spelling.code}
    return page_of({"error": body}, status=spelling.status, headers=headers)


def _complain_of_excess(excess: Excess, model: str) -> Page:
    message = sentence(excess, where=f"for {model or 'this model'} in organization org-simulated")
    if excess.kind is Kind.MONEY:
        return _error(_Spelling(429, "insufficient_quota", "insufficient_quota", message))
    headers = {} if excess.wait is None else retry_headers(excess.wait)
    return _error(_Spelling(429, excess.unit, "rate_limit_exceeded", message), headers)


def retry_headers(wait: float) -> dict[str, str]:
    """When to come back, in seconds and in milliseconds."""
    return {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}


# --- rate headers ----------------------------------------------------------------------------------


_UNITS: tuple[Unit, ...] = ("requests", "tokens")


def headers(standing: Standing) -> dict[str, str]:
    """The id of the request, and how the limits stand."""
    told = {"x-request-id": standing.request}
    for unit in _UNITS:
        if (meter := standing.tightest(unit)) is not None:
            told[f"x-ratelimit-limit-{unit}"] = str(meter.limit)
            told[f"x-ratelimit-remaining-{unit}"] = str(meter.remaining)
            told[f"x-ratelimit-reset-{unit}"] = duration(meter.reset)
    return told


VOICE = Voice(name="openai", stream_type=EVENTS, render=render, complain=complain, headers=headers)
"""Chat completions, as OpenAI speaks them."""
