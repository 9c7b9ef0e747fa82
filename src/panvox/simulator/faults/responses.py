"""Faults in how OpenAI's Responses API is spelled: its ways to end, and what may come before an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from panvox.errors import Category
from panvox.simulator.exchange import Speech, Utterance
from panvox.simulator.faults.acts import THOUGHTS, Deviate, Fault
from panvox.simulator.spellings.responses import (
    Close,
    Item,
    Message,
    Note,
    Refusal,
    Thought,
    failed,
    incomplete,
    spell,
    usual_close,
)

_COMPLETED = Close("completed")


def _instead(*items: Item, close: Close | None = _COMPLETED) -> Deviate:
    """These items in place of the usual ones."""
    return Deviate(lambda speech: spell(speech, items, close))


def _before(*items: Item) -> Deviate:
    """The usual text after something else."""
    return Deviate(lambda speech: spell(speech, [*items, Message(speech.pieces)], usual_close(speech)))


def _half(close: Close | None, *items: Item) -> Deviate:
    """Half of the text, then `items` and another end."""
    return Deviate(lambda speech: spell(speech, [Message(speech.first_half), *items], close))


def _whole(close: Close | None) -> Deviate:
    """All of the text and another end."""
    return Deviate(lambda speech: spell(speech, [Message(speech.pieces)], close))


def _broken_off(error: Mapping[str, Any]) -> Deviate:
    """Half of the text and then an error event: the output is not ended."""

    def render_half(speech: Speech) -> Utterance:
        said = spell(speech, [Message(speech.first_half), Note({"type": "error", **error})], None)
        if not speech.stream:
            return said
        kept = [piece for piece in said.pieces if b".done\n" not in piece.partition(b"data: ")[0]]
        return replace(said, pieces=tuple(kept))

    return Deviate(render_half)


_TROUBLE = {
    "code": "server_error",
    "message": "The server had an error while processing your request.",
    "param": None,
}

_ROWS = (
    Fault(
        "responses-failed",
        Category.OVERLOADED,
        "ends with `response.failed` and a `server_error`",
        _half(failed("server_error", "An error occurred while processing your request.")),
    ),
    Fault(
        "responses-rate-limit",
        Category.RATE_LIMITED,
        "ends with `response.failed` and `rate_limit_exceeded`",
        _instead(close=failed("rate_limit_exceeded", "Rate limit reached. Please try again in 20s.")),
    ),
    Fault(
        "responses-error-event",
        Category.OVERLOADED,
        "an `error` event after half of the answer",
        _broken_off(_TROUBLE),
    ),
    Fault(
        "responses-error-within",
        Category.OVERLOADED,
        "an `error` event that holds an error object, after half of the answer",
        _broken_off({"error": {"type": "server_error", **_TROUBLE}}),
    ),
    Fault(
        "responses-filtered",
        Category.REFUSED,
        "`response.incomplete` because of a content filter, and no text",
        _instead(close=incomplete("content_filter")),
    ),
    Fault(
        "responses-refusal",
        Category.REFUSED,
        "declines, in a part for refusals",
        _instead(Refusal(("I'm sorry, ", "I can't help with that."))),
    ),
    Fault(
        "responses-only-reasoning",
        Category.EMPTY,
        "thinks, stops and says nothing",
        _instead(Thought(THOUGHTS, summary=True)),
    ),
    Fault(
        "responses-reasoning-spent",
        Category.EMPTY,
        "thinks until its tokens are spent: `response.incomplete`",
        _instead(Thought(THOUGHTS), close=incomplete("max_output_tokens")),
    ),
    Fault("responses-empty", Category.EMPTY, "no output and a proper end", _instead()),
    Fault(
        "responses-no-end",
        Category.TRUNCATED,
        "all of the text, and no event that ends the response",
        _whole(None),
    ),
    Fault(
        "responses-incomplete",
        None,
        "`response.incomplete` after the text: its tokens are spent",
        _whole(incomplete("max_output_tokens")),
    ),
    Fault(
        "responses-filtered-late",
        None,
        "`response.incomplete` because of a content filter, after the text",
        _whole(incomplete("content_filter")),
    ),
    Fault("responses-reasoning", None, "reasoning in full before the text", _before(Thought(THOUGHTS))),
    Fault(
        "responses-reasoning-summary",
        None,
        "a summary of the reasoning before the text",
        _before(Thought(THOUGHTS, summary=True)),
    ),
    Fault(
        "responses-unknown-event",
        None,
        "events of unknown kinds before the text",
        _before(Note({"type": "response.sparkle.delta", "delta": "?"}), Note({"type": "keepalive"})),
    ),
)

DEVIATIONS = tuple(replace(fault, dialect="responses") for fault in _ROWS)
