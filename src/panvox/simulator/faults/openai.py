"""Faults in how the OpenAI dialect is spelled: what compatible servers were seen to send.

The first half gives no answer; the second half is odd, and an answer all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from panvox.errors import Category
from panvox.simulator.exchange import Page, Speech, Utterance, page_of
from panvox.simulator.faults.acts import THOUGHTS, Deviate, Fault
from panvox.simulator.spellings.openai import (
    DONE,
    OPENING,
    Chunk,
    Delta,
    Finish,
    Item,
    Raw,
    contents,
    render,
    spell,
    usual_finish,
)


def _said(items: Callable[[Speech], Sequence[Item]]) -> Deviate:
    """Other items in place of the usual ones."""
    return Deviate(lambda speech: spell(speech, items(speech)))


def _usual(speech: Speech, *before: Item) -> list[Item]:
    """What OpenAI would send, with something before the text."""
    return [OPENING, *before, *contents(speech), Finish(usual_finish(speech))]


def _after(*items: Item) -> Deviate:
    """The usual text after something else."""
    return _said(lambda speech: _usual(speech, *items))


def _thoughts(place: str) -> list[Item]:
    """Thinking in one of the fields that servers use for it."""
    return [Delta({"content": None, place: thought}) for thought in THOUGHTS]


def _half(speech: Speech) -> list[Delta]:
    said = contents(speech)
    return said[: max(1, len(said) // 2)]


def _interrupted(item: Item) -> Deviate:
    """`item` in place of the second half; nothing comes after it."""

    def render_half(speech: Speech) -> Utterance:
        return spell(speech, [OPENING, *_half(speech), item], done=b"")

    return Deviate(render_half)


def _rewritten(rewrite: Callable[[bytes], bytes]) -> Deviate:
    """The usual answer, each of its pieces rewritten."""

    def render_rewritten(speech: Speech) -> Utterance:
        usual = render(speech)
        return Utterance(content_type=usual.content_type, pieces=tuple(map(rewrite, usual.pieces)))

    return Deviate(render_rewritten)


def _stripped(piece: bytes) -> bytes:
    """Only what carries the answer; a whole reply stays as it is."""
    return re.sub(rb'data: \{"id".*?"choices"', b'data: {"choices"', piece).replace(b'"index":0,', b"")


def _upstream_error(status: int, kind: str, said: str) -> Page:
    """What OpenRouter answers when the provider behind it has declined the call, with that one's words."""
    metadata = {"error_type": kind, "provider_name": "Acme", "raw": json.dumps({"error": {"message": said}})}
    error = {"code": status, "message": "Provider returned error", "metadata": metadata}
    return page_of({"error": error}, status=status)


def _relay_error(code: int, message: str, kind: str) -> Chunk:
    """What a relay sends when its upstream fails after the head has gone out with status 200."""
    return Chunk(
        {
            "error": {"code": code, "message": message, "metadata": {"error_type": kind}},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        }
    )


_NO_ANSWER = (
    Fault(
        "bare-error",
        Category.INVALID_REQUEST,
        "400 with the error not wrapped and its code a number (vLLM)",
        page_of(
            {
                "object": "error",
                "message": "This model does not support the requested parameter.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
            status=400,
        ),
    ),
    Fault(
        "upstream-rate-limited",
        Category.RATE_LIMITED,
        "429 of the provider behind a relay (OpenRouter)",
        _upstream_error(429, "rate_limit_exceeded", "acme/m is temporarily rate-limited upstream"),
    ),
    Fault(
        "upstream-unavailable",
        Category.OVERLOADED,
        "503 of the provider behind a relay",
        _upstream_error(503, "provider_unavailable", "no instance is running"),
    ),
    Fault(
        "upstream-unpaid",
        Category.OVERLOADED,
        "402 of the provider behind a relay: the relay's account is empty, not ours",
        _upstream_error(402, "payment_required", "the spend limit is reached"),
    ),
    Fault(
        "error-in-200",
        Category.OVERLOADED,
        "an error object in place of an answer, with status 200",
        page_of({"error": {"code": 502, "message": "Provider returned error", "metadata": {}}}),
    ),
    Fault(
        "error-mid-stream",
        Category.OVERLOADED,
        "an error event after half of the answer",
        _interrupted(_relay_error(502, "Provider disconnected", "provider_unavailable")),
    ),
    Fault(
        "rate-limit-mid-stream",
        Category.RATE_LIMITED,
        "a 429 as an event after half of the answer",
        _interrupted(_relay_error(429, "Rate limit exceeded: 20 requests per minute", "rate_limit_exceeded")),
    ),
    Fault(
        "empty-choices",
        Category.EMPTY,
        "events whose list of choices is empty",
        _said(lambda speech: [Chunk({"choices": []})] * 3),
    ),
    Fault(
        "null-content",
        Category.EMPTY,
        "content that is null throughout",
        _said(lambda speech: [Delta({"role": "assistant", "content": None}), Finish("stop")]),
    ),
    Fault(
        "only-reasoning",
        Category.EMPTY,
        "thinks, stops and says nothing",
        _said(lambda speech: [OPENING, *_thoughts("reasoning_content"), Finish("stop")]),
    ),
    Fault(
        "empty-text",
        Category.EMPTY,
        "an empty text and a proper end",
        _said(lambda speech: [OPENING, Finish("stop")]),
    ),
    Fault(
        "length-without-text",
        Category.EMPTY,
        "thinks until its tokens are spent",
        _said(lambda speech: [OPENING, *_thoughts("reasoning"), Finish("length")]),
    ),
    Fault(
        "broken-json",
        Category.MALFORMED,
        "an event whose JSON breaks off",
        _interrupted(
            Raw(b'data: {"id":"chatcmpl-broken","choices":[{"index":0,"delta":{"content":"and th\n\n')
        ),
    ),
    Fault(
        "content-filter",
        Category.REFUSED,
        "a content filter ends the answer before it begins",
        _said(lambda speech: [OPENING, Finish("content_filter")]),
    ),
    Fault(
        "refusal",
        Category.REFUSED,
        "declines, in the field for refusals",
        _said(
            lambda speech: [OPENING, Delta({"refusal": "I'm sorry, I can't help with that."}), Finish("stop")]
        ),
    ),
)


def _details(speech: Speech) -> list[Item]:
    details = ([{"type": "reasoning.text", "text": text, "index": 0}] for text in THOUGHTS)
    return _usual(speech, *(Delta({"reasoning_details": detail}) for detail in details))


def _arrays(speech: Speech) -> list[Item]:
    thinking = [
        Delta({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]})
        for text in THOUGHTS
    ]
    said = [Delta({"content": [{"type": "text", "text": piece}]}) for piece in speech.pieces]
    return [Delta({"role": "assistant"}), *thinking, *said, Finish(usual_finish(speech))]


_AZURE = Chunk(
    {"id": "", "object": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
)
_TAGS = [Delta({"content": text}) for text in ("<think>", *THOUGHTS, "</think>\n\n")]
_FIRST_TEXT = b'"role":"assistant","content":"'
_COMMENT = b": PROCESSING\n\n"


def _commented(piece: bytes) -> bytes:
    return _COMMENT + piece if piece.startswith(b"data:") else piece


def _not_done(piece: bytes) -> bytes:
    return piece.removesuffix(DONE)


def _finished(reason: str) -> Deviate:
    return _said(lambda speech: [OPENING, *contents(speech), Finish(reason)])


_ANSWERED = (
    Fault("without-done", None, "closes after its finish reason, without [DONE]", _rewritten(_not_done)),
    Fault("think-tags", None, "thinks within the text, between <think> tags", _after(*_TAGS)),
    Fault(
        "reasoning-content",
        None,
        "thinks in reasoning_content (DeepSeek)",
        _after(*_thoughts("reasoning_content")),
    ),
    Fault("reasoning-field", None, "thinks in reasoning (Groq, OpenRouter)", _after(*_thoughts("reasoning"))),
    Fault("reasoning-details", None, "thinks in reasoning_details (OpenRouter)", _said(_details)),
    Fault("content-arrays", None, "content is a list of thinking and text parts (Mistral)", _said(_arrays)),
    Fault("finish-eos", None, "finish reason `eos` (Together)", _finished("eos")),
    Fault("finish-capitals", None, "finish reason `STOP` (relays)", _finished("STOP")),
    Fault("finish-end-turn", None, "finish reason `end_turn` (relays)", _finished("end_turn")),
    Fault(
        "bare-chunks",
        None,
        "events without id, object, created, model and index",
        _rewritten(_stripped),
    ),
    Fault(
        "filter-first",
        None,
        "a first event with filter results and no choices (Azure)",
        _said(lambda speech: [_AZURE, *_usual(speech)]),
    ),
    Fault("comments", None, "comment lines between the events (OpenRouter)", _rewritten(_commented)),
    Fault(
        "no-space",
        None,
        "no space after `data:`",
        _rewritten(lambda piece: piece.replace(b"data: ", b"data:")),
    ),
    Fault(
        "carriage-returns",
        None,
        "lines that end in CR LF",
        _rewritten(lambda piece: piece.replace(b"\n", b"\r\n")),
    ),
    Fault(
        "invalid-utf8",
        None,
        "a byte that is no UTF-8 before the text",
        _rewritten(lambda piece: piece.replace(_FIRST_TEXT, _FIRST_TEXT + b"\xff")),
    ),
    Fault(
        "cost-event",
        None,
        "a last event with a cost and no choices",
        _said(lambda speech: [*_usual(speech), Chunk({"cost": "0", "choices": []})]),
    ),
)

DEVIATIONS = tuple(replace(fault, dialect="openai") for fault in (*_NO_ANSWER, *_ANSWERED))
