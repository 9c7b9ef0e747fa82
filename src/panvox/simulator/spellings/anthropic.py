"""How Anthropic's messages API spells calls, answers, refusals, model lists and rate limits.

Sources: the public API reference and error texts of Anthropic, and the types of its own client.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from panvox.simulator.limits import UNITS, Excess, Kind
from panvox.simulator.spelling import Standing, Voice
from panvox.simulator.wording import moment, window

_EVENTS = "text/event-stream; charset=utf-8"

# --- calls -----------------------------------------------------------------------------------------


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part]


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    max_tokens: int
    system: str | list[_Part] = ""
    stream: bool = False


_decode_body = msgspec.json.Decoder(_Body).decode


def read_call(data: bytes) -> Call:
    """The call that a request body spells. Raises `Declined` (400)."""
    body = read_body(_decode_body, data)
    if not body.messages:
        raise invalid("messages: at least one message is required")
    if body.max_tokens < 1:
        raise invalid(f"max_tokens: {body.max_tokens} is below the minimum of 1")
    if wrong := next((said.role for said in body.messages if said.role not in {"user", "assistant"}), None):
        raise invalid(f'messages: Unexpected role "{wrong}". The system prompt is a parameter of its own.')
    texts = [_text(said.content) for said in body.messages]
    asked = [text for said, text in zip(body.messages, texts, strict=True) if said.role == "user"]
    return Call(
        model=body.model,
        question=asked[-1] if asked else "",
        tokens=sum(map(count_tokens, (_text(body.system), *texts))),
        stream=body.stream,
        usage=True,
        max_tokens=body.max_tokens,
    )


def _text(content: str | list[_Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the answer: how it starts, what is added piece by piece, and what comes of it."""

    start: Mapping[str, Any]
    deltas: tuple[Mapping[str, Any], ...]
    whole: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Note:
    """An event between the parts."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the answer ends, and what is said about it."""

    reason: str
    more: Mapping[str, Any] = field(default_factory=dict)


Item = Block | Note


def text_block(pieces: Sequence[str]) -> Block:
    """Text."""
    deltas = tuple({"type": "text_delta", "text": piece} for piece in pieces)
    return Block({"type": "text", "text": ""}, deltas, {"type": "text", "text": "".join(pieces)})


def thinking_block(thoughts: Sequence[str]) -> Block:
    """Thinking, and the signature that ends it."""
    signature = "c2ltdWxhdGVk"
    deltas = (
        *({"type": "thinking_delta", "thinking": thought} for thought in thoughts),
        {"type": "signature_delta", "signature": signature},
    )
    whole = {"type": "thinking", "thinking": "".join(thoughts), "signature": signature}
    return Block({"type": "thinking", "thinking": "", "signature": ""}, deltas, whole)


def usual_stop(speech: Speech) -> Stop:
    """Why a speech ends, where nothing odd is wanted."""
    return Stop("max_tokens" if speech.cut else "end_turn")


def render(speech: Speech) -> Utterance:
    """A speech as Anthropic itself puts it."""
    return spell(speech, [text_block(speech.pieces)], usual_stop(speech))


def spell(speech: Speech, items: Sequence[Item], stop: Stop | None) -> Utterance:
    """The items as a stream, or as one whole reply if that was asked for; without `stop` it has no end."""
    if not speech.stream:
        return Utterance(content_type=JSON, pieces=(_whole(speech, items, stop),))
    head = {**_message(speech), "content": [], "stop_reason": None, "stop_sequence": None}
    events = [event({"type": "message_start", "message": {**head, "usage": _usage(speech, said=1)}})]
    number = 0
    for item in items:
        match item:
            case Block():
                events += _block_events(item, number)
                number += 1
            case Note(fields):
                events.append(event(fields))
            case _:
                assert_never(item)
    if stop is not None:
        events.append(_ending(speech, stop))
    return Utterance(content_type=_EVENTS, pieces=tuple(events))


def event(fields: Mapping[str, Any]) -> bytes:
    """One event; its name stands in it and before it."""
    return b"event: %b\ndata: %b\n\n" % (str(fields["type"]).encode(), orjson.dumps(fields))


def _block_events(block: Block, number: int) -> list[bytes]:
    start = event({"type": "content_block_start", "index": number, "content_block": block.start})
    middle = (
        event({"type": "content_block_delta", "index": number, "delta": delta}) for delta in block.deltas
    )
    return [start, *middle, event({"type": "content_block_stop", "index": number})]


def _ending(speech: Speech, stop: Stop) -> bytes:
    delta = {"stop_reason": stop.reason, "stop_sequence": None, **stop.more}
    told = {"type": "message_delta", "delta": delta, "usage": _usage(speech, said=speech.completion_tokens)}
    return event(told) + event({"type": "message_stop"})


def _whole(speech: Speech, items: Sequence[Item], stop: Stop | None) -> bytes:
    """One reply; an error among the items takes its place."""
    for item in items:
        if isinstance(item, Note) and item.fields["type"] == "error":
            return orjson.dumps(item.fields)
    end = {"stop_reason": None if stop is None else stop.reason, "stop_sequence": None}
    end |= {} if stop is None else stop.more
    content = [item.whole for item in items if isinstance(item, Block)]
    used = _usage(speech, said=speech.completion_tokens)
    return orjson.dumps({**_message(speech), "content": content, **end, "usage": used})


def _message(speech: Speech) -> dict[str, Any]:
    return {"id": f"msg_{speech.id}", "type": "message", "role": "assistant", "model": speech.model}


def _usage(speech: Speech, *, said: int) -> dict[str, Any]:
    return {
        "input_tokens": speech.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": said,
        "service_tier": "standard",
    }


# --- refusals --------------------------------------------------------------------------------------


class _Spelling(NamedTuple):
    """Status, type and usual sentence of an error."""

    status: int
    type: str
    message: str


_INVALID = "invalid_request_error"
_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
    "purchase credits."
)
_SPELLINGS: Mapping[Reason, _Spelling] = {
    Reason.INVALID: _Spelling(400, _INVALID, "Invalid request."),
    Reason.CONTEXT: _Spelling(400, _INVALID, "prompt is too long: {tokens} tokens > {context} maximum"),
    Reason.UNAUTHORISED: _Spelling(401, "authentication_error", "invalid x-api-key"),
    Reason.NO_KEY: _Spelling(401, "authentication_error", "x-api-key header is required"),
    Reason.PAYMENT: _Spelling(402, "billing_error", _CREDIT),
    Reason.FORBIDDEN: _Spelling(
        403, "permission_error", "Your API key does not have permission to use the specified resource."
    ),
    Reason.UNKNOWN_MODEL: _Spelling(404, "not_found_error", "model: {model}"),
    Reason.UNKNOWN_PATH: _Spelling(404, "not_found_error", "Not Found"),
    Reason.TOO_LARGE: _Spelling(413, "request_too_large", "Request exceeds the maximum size"),
    Reason.UNPROCESSABLE: _Spelling(422, _INVALID, "messages: Input should be a valid list"),
    Reason.SERVER_ERROR: _Spelling(500, "api_error", "Internal server error"),
    Reason.BAD_GATEWAY: _Spelling(502, "api_error", "Bad Gateway"),
    Reason.UNAVAILABLE: _Spelling(503, "api_error", "Service Unavailable"),
    Reason.OVERLOADED: _Spelling(529, "overloaded_error", "Overloaded"),
}


def error(kind: str, message: str, request: str = "") -> dict[str, Any]:
    """An error, as a reply or an event."""
    named = {"request_id": request} if request else {}
    return {"type": "error", "error": {"type": kind, "message": message}, **named}


def complain(complaint: Complaint) -> Page:
    """A refusal as a reply."""
    if isinstance(complaint.reason, Excess):
        return _complain_of_excess(complaint.reason, complaint)
    spelling = _SPELLINGS[complaint.reason]
    usual = spelling.message.format(model=complaint.model, tokens=complaint.tokens, context=complaint.context)
    body = error(spelling.type, complaint.message or usual, complaint.request)
    return page_of(body, status=spelling.status)


def _complain_of_excess(excess: Excess, complaint: Complaint) -> Page:
    """Money is a 400 here; everything else tells when to come back, if that is known."""
    if excess.kind is Kind.MONEY:
        return page_of(error(_INVALID, _CREDIT, complaint.request), status=400)
    headers = {} if excess.wait is None else {"retry-after": str(math.ceil(excess.wait))}
    body = error("rate_limit_error", _excess_sentence(excess), complaint.request)
    return page_of(body, status=429, headers=headers)


def _excess_sentence(excess: Excess) -> str:
    limit = f"the rate limit for your organization (org-simulated) of {excess.limit:,} {excess.unit} per"
    match excess.kind:
        case Kind.REQUESTS | Kind.TOKENS | Kind.QUOTA:
            return f"This request would exceed {limit} {window(excess)}. Please try again later."
        case Kind.TOO_LARGE:
            return (
                f"Request too large: it would exceed {limit} {window(excess)}. Limit {excess.limit}, "
                f"Requested {excess.requested}. Please reduce the prompt length or the tokens requested."
            )
        case Kind.CONCURRENCY:
            return "Number of concurrent connections has exceeded your rate limit. Please try again later."
        case Kind.BURST:
            return (
                "This request would exceed your organization's (org-simulated) maximum usage increase rate "
                f"for {excess.unit} per minute. Please scale up your usage more gradually to stay within the "
                "acceleration limit."
            )
        case Kind.MONEY:
            return _CREDIT
        case _:
            assert_never(excess.kind)


def headers(standing: Standing) -> dict[str, str]:
    """The id of the request, and how the limits stand; they are full again at a time of the day."""
    told = {"request-id": standing.request}
    for unit in UNITS:
        if (meter := standing.tightest(unit)) is not None:
            start = f"anthropic-ratelimit-{unit.replace('_', '-')}"
            told[f"{start}-limit"] = str(meter.limit)
            told[f"{start}-remaining"] = str(meter.remaining)
            told[f"{start}-reset"] = moment(standing.now + math.ceil(meter.reset))
    return told


VOICE = Voice(name="anthropic", stream_type=_EVENTS, render=render, complain=complain, headers=headers)
"""Messages, as Anthropic speaks them."""
