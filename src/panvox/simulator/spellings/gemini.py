"""How Gemini's generateContent spells calls, answers, refusals and model lists.

Sources: the public API reference and error texts of Google, and the types of its own client. A 429 tells in
its details which quota it was, by name, and when to come back; there are no rate headers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, assert_never

import msgspec
import orjson

from panvox.simulator.exchange import (
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
from panvox.simulator.limits import Excess, Kind
from panvox.simulator.spelling import Standing, Voice
from panvox.simulator.wording import sentence

_EVENTS = "text/event-stream"
_ARRAY = "application/json; charset=UTF-8"
_TYPE = "type.googleapis.com/google.rpc."

# --- calls -----------------------------------------------------------------------------------------


class _Part(msgspec.Struct):
    text: str = ""


class _Content(msgspec.Struct):
    parts: list[_Part] = []
    role: str = "user"

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


class _Config(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None


class _Body(msgspec.Struct, rename="camel"):
    contents: list[_Content]
    system_instruction: _Content | None = None
    generation_config: _Config | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_call(data: bytes, *, model: str, stream: bool, array: bool) -> Call:
    """The call of `model` that a request body spells. Raises `Declined` (400)."""
    body = read_body(_decode_body, data)
    if not body.contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified")
    ceiling = body.generation_config.max_output_tokens if body.generation_config else None
    if ceiling is not None and ceiling < 1:
        raise invalid("max_output_tokens must be positive.")
    said = [body.system_instruction or _Content(), *body.contents]
    return Call(
        model=model,
        question=next((part.text for part in reversed(body.contents) if part.role != "model"), ""),
        tokens=sum(count_tokens(content.text) for content in said),
        stream=stream,
        array=array,
        usage=True,
        max_tokens=ceiling,
    )


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a stream: these parts, or no parts at all, and perhaps the end."""

    parts: tuple[Mapping[str, Any], ...] | None = ()
    finish: str | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """An event of another kind: these fields beside usage and version, or alone."""

    fields: Mapping[str, Any]
    alone: bool = False


Item = Piece | Other


def texts(speech: Speech) -> list[Piece]:
    """The pieces of text, each in its own event; the last of them ends the answer."""
    pieces = [Piece(({"text": piece},)) for piece in speech.pieces] or [Piece()]
    return [*pieces[:-1], Piece(pieces[-1].parts, usual_finish(speech))]


def usual_finish(speech: Speech) -> str:
    """Why a speech ends, where nothing odd is wanted."""
    return "MAX_TOKENS" if speech.cut else "STOP"


def render(speech: Speech) -> Utterance:
    """A speech as Google itself puts it."""
    return spell(speech, texts(speech))


def spell(speech: Speech, items: Sequence[Item], *, thoughts: int = 0) -> Utterance:
    """The items as events, as an array or as one whole reply, whatever was asked for.

    `thoughts`: tokens that were spent on thinking.
    """
    if not speech.stream:
        whole = orjson.dumps(_whole(speech, items, thoughts))
        return Utterance(content_type=_ARRAY, pieces=(whole,))
    events = [
        orjson.dumps(_event(speech, item, index, len(items), thoughts)) for index, item in enumerate(items)
    ]
    return array_of(events) if speech.array else events_of(events)


def events_of(events: Sequence[bytes]) -> Utterance:
    """As server-sent events."""
    return Utterance(content_type=_EVENTS, pieces=tuple(b"data: %b\r\n\r\n" % event for event in events))


def array_of(events: Sequence[bytes]) -> Utterance:
    """As one JSON array, whose parts arrive one by one."""
    pieces = [(b",\r\n" if index else b"[") + event for index, event in enumerate(events)]
    return Utterance(content_type=_ARRAY, pieces=(*pieces[:-1], pieces[-1] + b"]"))


def _event(speech: Speech, item: Item, index: int, count: int, thoughts: int) -> Mapping[str, Any]:
    """One event; usage is what has been used up to it."""
    match item:
        case Other(alone=True):
            return item.fields
        case Other():
            fields = item.fields
        case Piece(parts, finish):
            end = {} if finish is None else {"finishReason": finish}
            fields = {"candidates": [{"content": _content(parts), **end, "index": 0}]}
        case _:
            assert_never(item)
    said = speech.completion_tokens * (index + 1) // count
    return {**fields, "usageMetadata": _usage(speech, said, thoughts), **_identity(speech)}


def _content(parts: tuple[Mapping[str, Any], ...] | None) -> dict[str, Any]:
    return {} if parts is None else {"parts": list(parts), "role": "model"}


def _whole(speech: Speech, items: Sequence[Item], thoughts: int) -> Mapping[str, Any]:
    """One reply with all that the items say; an error among them takes its place."""
    parts: list[Mapping[str, Any]] = []
    reply: dict[str, Any] = {}
    for item in items:
        match item:
            case Piece(said, finish):
                _join(parts, said or ())
                content = {"parts": parts, "role": "model"} if parts else {}
                reply["candidates"] = [{"content": content, "finishReason": finish, "index": 0}]
            case Other(fields, True):
                return fields
            case Other(fields):
                reply = {**fields, **reply}
    return {
        **reply,
        "usageMetadata": _usage(speech, speech.completion_tokens, thoughts),
        **_identity(speech),
    }


def _join(parts: list[Mapping[str, Any]], more: Sequence[Mapping[str, Any]]) -> None:
    """Texts that follow one another become one part."""
    for part in more:
        if parts and "text" in part and {**part, "text": ""} == {**parts[-1], "text": ""}:
            parts[-1] = {**part, "text": parts[-1]["text"] + part["text"]}
        else:
            parts.append(part)


def _usage(speech: Speech, said: int, thoughts: int) -> dict[str, int]:
    used = {"promptTokenCount": speech.prompt_tokens, "candidatesTokenCount": said}
    if thoughts:
        used["thoughtsTokenCount"] = thoughts
    return {**used, "totalTokenCount": sum(used.values())}


def _identity(speech: Speech) -> dict[str, str]:
    return {"modelVersion": speech.model, "responseId": speech.id}


# --- refusals --------------------------------------------------------------------------------------


class _Spelling(NamedTuple):
    """Status, its name and the usual sentence of an error; and the reason among its details."""

    code: int
    status: str
    message: str
    reason: str = ""


_INVALID = "INVALID_ARGUMENT"
_SPELLINGS: Mapping[Reason, _Spelling] = {
    Reason.INVALID: _Spelling(400, _INVALID, "Request contains an invalid argument."),
    Reason.CONTEXT: _Spelling(
        400,
        _INVALID,
        "The input token count ({tokens}) exceeds the maximum number of tokens allowed ({context}).",
    ),
    Reason.UNAUTHORISED: _Spelling(
        400, _INVALID, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID"
    ),
    Reason.NO_KEY: _Spelling(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API "
        "Key or other form of API consumer identity to call this API.",
    ),
    Reason.PAYMENT: _Spelling(
        400, "FAILED_PRECONDITION", "Please enable billing on your project in Google AI Studio."
    ),
    Reason.FORBIDDEN: _Spelling(403, "PERMISSION_DENIED", "The caller does not have permission"),
    Reason.UNKNOWN_MODEL: _Spelling(
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call "
        "ListModels to see the list of available models and their supported methods.",
    ),
    Reason.UNKNOWN_PATH: _Spelling(404, "NOT_FOUND", "The requested URL was not found on this server."),
    Reason.TOO_LARGE: _Spelling(400, _INVALID, "Request payload size exceeds the limit: 20971520 bytes."),
    Reason.UNPROCESSABLE: _Spelling(400, _INVALID, "Unable to process input."),
    Reason.SERVER_ERROR: _Spelling(500, "INTERNAL", "An internal error has occurred. Please retry."),
    Reason.BAD_GATEWAY: _Spelling(502, "UNAVAILABLE", "Bad Gateway"),
    Reason.UNAVAILABLE: _Spelling(503, "UNAVAILABLE", "The service is currently unavailable."),
    Reason.OVERLOADED: _Spelling(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}


def error(code: int, status: str, message: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    """An error, as a reply or an event."""
    more = {"details": list(details)} if details else {}
    return {"error": {"code": code, "message": message, "status": status, **more}}


def detail(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """One of the details of an error."""
    return {"@type": _TYPE + kind, **fields}


def complain(complaint: Complaint) -> Page:
    """A refusal as a reply."""
    if isinstance(complaint.reason, Excess):
        return page_of(exhausted(complaint.reason, complaint.model), status=429)
    spelling = _SPELLINGS[complaint.reason]
    usual = spelling.message.format(model=complaint.model, tokens=complaint.tokens, context=complaint.context)
    details = []
    if spelling.reason:
        service = {"service": "generativelanguage.googleapis.com"}
        details.append(detail("ErrorInfo", reason=spelling.reason, domain="googleapis.com", metadata=service))
    body = error(spelling.code, spelling.status, complaint.message or usual, *details)
    return page_of(body, status=spelling.code)


_QUOTAS = {  # the metric and the name of a quota, by what is counted and in how many seconds
    ("requests", 60.0): ("free_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
    ("requests", 86_400.0): ("free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    ("tokens", 60.0): (
        "free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    ),
    ("tokens", 86_400.0): (
        "free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerDay-FreeTier",
    ),
}
_CREDITS = (
    "Your prepayment credits are depleted. Please go to AI Studio at https://ai.studio/projects to manage "
    "your project and billing."
)


def exhausted(excess: Excess, model: str, *, wait: float | None = None) -> dict[str, Any]:
    """A limit was exceeded; `wait` is told in place of the seconds that it takes."""
    if excess.kind is Kind.MONEY:
        return error(429, "RESOURCE_EXHAUSTED", _CREDITS)
    told = excess.wait if wait is None else wait
    details = [_violation(excess, model)] if (excess.unit, excess.seconds) in _QUOTAS else []
    if told is not None:
        details.append(detail("RetryInfo", retryDelay=f"{math.ceil(told)}s"))
    message = sentence(excess, where=f"for {model or 'this model'}")
    if excess.kind in {Kind.REQUESTS, Kind.TOKENS, Kind.QUOTA}:
        retry = "" if told is None else f"\nPlease retry in {told:g}s."
        message = (
            "You exceeded your current quota, please check your plan and billing details. For more "
            "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.\n* Quota "
            f"exceeded, limit: {excess.limit}, model: {model}{retry}"
        )
    return error(429, "RESOURCE_EXHAUSTED", message, *details)


def _violation(excess: Excess, model: str) -> dict[str, Any]:
    metric, name = _QUOTAS[excess.unit, excess.seconds]
    violation = {
        "quotaMetric": f"generativelanguage.googleapis.com/generate_content_{metric}",
        "quotaId": name,
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": str(excess.limit),
    }
    return detail("QuotaFailure", violations=[violation])


def headers(_: Standing) -> dict[str, str]:
    """Nothing about limits."""
    return {}


VOICE = Voice(name="gemini", stream_type=_EVENTS, render=render, complain=complain, headers=headers)
"""generateContent, as Google speaks it."""
