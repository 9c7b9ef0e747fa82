"""How Ollama's own API spells calls, answers, refusals and what it knows of its models.

Sources: the API reference of Ollama, the types of its own client, the texts of its server. Streams are JSON
lines; an error is a text; there is no header about limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    page_of,
    read_body,
)
from panvox.simulator.limits import Excess, Kind
from panvox.simulator.spelling import Standing, Voice
from panvox.simulator.wording import moment, sentence

_LINES = "application/x-ndjson"
_JSON = "application/json; charset=utf-8"
_NANOSECONDS = 10_000_000  # of a pretended machine, for each token

# --- calls -----------------------------------------------------------------------------------------


class _Message(msgspec.Struct):
    role: str
    content: str = ""


class _Options(msgspec.Struct):
    num_predict: int | None = None


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message] = []
    stream: bool | None = None
    options: _Options | None = None
    truncate: bool | None = None


_decode_body = msgspec.json.Decoder(_Body).decode


def read_call(data: bytes) -> Call:
    """The call that a request body spells: a stream, if nothing else is said. Raises `Declined` (400)."""
    body = read_body(_decode_body, data)
    ceiling = body.options.num_predict if body.options else None
    return Call(
        model=body.model,
        question=next((said.content for said in reversed(body.messages) if said.role == "user"), ""),
        tokens=sum(count_tokens(said.content) for said in body.messages),
        stream=body.stream is not False,
        usage=True,
        max_tokens=ceiling if ceiling is not None and ceiling > 0 else None,  # -1 is endless
        shortened=body.truncate is not False,
    )


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """The next piece of the message; a whole reply joins them."""

    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """The end, with what it took; `without` these fields."""

    reason: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of its own, in bytes."""

    data: bytes


Item = Said | Done | Line


def texts(speech: Speech) -> list[Said]:
    """The pieces of text, each in its own line."""
    return [Said({"content": piece}) for piece in speech.pieces]


def usual_done(speech: Speech) -> Done:
    """The end of a speech, where nothing odd is wanted."""
    return Done("length" if speech.cut else "stop")


def render(speech: Speech) -> Utterance:
    """A speech as Ollama itself puts it."""
    return spell(speech, [*texts(speech), usual_done(speech)])


def spell(speech: Speech, items: Sequence[Item]) -> Utterance:
    """The items as lines, or as one whole reply if that was asked for."""
    if not speech.stream:
        return Utterance(content_type=_JSON, pieces=(_whole(speech, items),))
    return Utterance(content_type=_LINES, pieces=tuple(_line(speech, item) for item in items))


def _line(speech: Speech, item: Item) -> bytes:
    match item:
        case Said(fields):
            message = {"role": "assistant", "content": "", **fields}
            return orjson.dumps({**_frame(speech), "message": message, "done": False}) + b"\n"
        case Done():
            message = {"role": "assistant", "content": ""}
            return orjson.dumps({**_frame(speech), "message": message, **_done(speech, item)}) + b"\n"
        case Line(data):
            return data


def _whole(speech: Speech, items: Sequence[Item]) -> bytes:
    """One reply with all that the items say; a line of its own takes its place."""
    message = {"role": "assistant", "content": ""}
    end: dict[str, Any] = {"done": False}
    for item in items:
        match item:
            case Said(fields):
                message |= {name: message.get(name, "") + text for name, text in fields.items()}
            case Done():
                end = _done(speech, item)
            case Line(data) if data.strip():
                return data.strip()
            case Line():
                pass
    return orjson.dumps({**_frame(speech), "message": message, **end})


def _frame(speech: Speech) -> dict[str, Any]:
    return {"model": speech.model, "created_at": moment(speech.created)}


def _done(speech: Speech, done: Done) -> dict[str, Any]:
    spent = {
        "total_duration": (speech.prompt_tokens + speech.completion_tokens) * _NANOSECONDS,
        "load_duration": _NANOSECONDS,
        "prompt_eval_count": speech.prompt_tokens,
        "prompt_eval_duration": speech.prompt_tokens * _NANOSECONDS,
        "eval_count": speech.completion_tokens,
        "eval_duration": speech.completion_tokens * _NANOSECONDS,
    }
    told = {name: number for name, number in spent.items() if name not in done.without}
    return {"done_reason": done.reason, "done": True, **told}


# --- refusals --------------------------------------------------------------------------------------


class _Spelling(NamedTuple):
    """Status and usual text of an error."""

    status: int
    message: str


_BUSY = "server busy, please try again.  maximum pending requests exceeded"
_SPELLINGS: Mapping[Reason, _Spelling] = {
    Reason.INVALID: _Spelling(400, "invalid request"),
    Reason.CONTEXT: _Spelling(400, "prompt too long; exceeded max context length by {surplus} tokens"),
    Reason.UNAUTHORISED: _Spelling(401, "unauthorized"),
    Reason.NO_KEY: _Spelling(401, "unauthorized"),
    Reason.PAYMENT: _Spelling(
        402, "this model requires a subscription, upgrade for access: https://ollama.com/upgrade"
    ),
    Reason.FORBIDDEN: _Spelling(403, "forbidden"),
    Reason.UNKNOWN_MODEL: _Spelling(404, "model '{model}' not found"),
    Reason.UNKNOWN_PATH: _Spelling(404, "404 page not found"),
    Reason.TOO_LARGE: _Spelling(413, "request body too large"),
    Reason.UNPROCESSABLE: _Spelling(422, "messages cannot be processed"),
    Reason.SERVER_ERROR: _Spelling(500, "llama runner process has terminated: exit status 2"),
    Reason.BAD_GATEWAY: _Spelling(502, "remote model is unreachable"),
    Reason.UNAVAILABLE: _Spelling(503, _BUSY),
    Reason.OVERLOADED: _Spelling(503, _BUSY),
}


def complain(complaint: Complaint) -> Page:
    """A refusal as a reply."""
    reason = complaint.reason
    if isinstance(reason, Excess):
        if reason.kind is Kind.MONEY:
            spent = "your balance is spent, add credits: https://ollama.com/settings/billing"
            return page_of({"error": spent}, status=402)
        return page_of(
            {"error": sentence(reason, where=f"for {complaint.model or 'this model'}")}, status=429
        )
    spelling = _SPELLINGS[reason]
    if reason is Reason.UNKNOWN_PATH:
        return Page(status=404, content_type="text/plain", body=spelling.message.encode())
    surplus = max(1, complaint.tokens - complaint.context)
    usual = spelling.message.format(model=complaint.model, surplus=surplus)
    return page_of({"error": complaint.message or usual}, status=spelling.status)


def headers(_: Standing) -> dict[str, str]:
    """Nothing about limits."""
    return {}


VOICE = Voice(name="ollama", stream_type=_LINES, render=render, complain=complain, headers=headers)
"""Ollama's own way."""
