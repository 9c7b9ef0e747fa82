"""Faults in how Anthropic's messages API is spelled: what it may send beside an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from panvox.errors import Category
from panvox.simulator.exchange import Speech, Utterance, page_of
from panvox.simulator.faults.acts import THOUGHTS, Deviate, Fault
from panvox.simulator.spellings.anthropic import (
    Block,
    Item,
    Note,
    Stop,
    error,
    render,
    spell,
    text_block,
    thinking_block,
    usual_stop,
)

_END = Stop("end_turn")
_PING = Note({"type": "ping"})


def _instead(*items: Item, stop: Stop = _END) -> Deviate:
    """These items in place of the usual ones."""
    return Deviate(lambda speech: spell(speech, items, stop))


def _before(*items: Item) -> Deviate:
    """The usual text after something else."""
    return Deviate(lambda speech: spell(speech, [*items, text_block(speech.pieces)], usual_stop(speech)))


def _stopped(stop: Stop) -> Deviate:
    """The usual text with another reason to end."""
    return Deviate(lambda speech: spell(speech, [text_block(speech.pieces)], stop))


def _interrupted(kind: str, message: str) -> Deviate:
    """An error event in place of the second half; nothing comes after it."""

    def render_half(speech: Speech) -> Utterance:
        items: list[Item] = [text_block(speech.first_half), Note(error(kind, message))]
        said = spell(speech, items, None)
        if not speech.stream:
            return said
        *before, _, trouble = said.pieces  # the block breaks off: it is not ended
        return replace(said, pieces=(*before, trouble))

    return Deviate(render_half)


def _without(kept: Callable[[bytes], bool]) -> Deviate:
    """The usual answer without some of its events; a whole reply stays as it is."""

    def render_kept(speech: Speech) -> Utterance:
        said = render(speech)
        return replace(said, pieces=tuple(filter(kept, said.pieces))) if speech.stream else said

    return Deviate(render_kept)


def _among(deltas: Sequence[Mapping[str, Any]]) -> Deviate:
    """Deltas of an unknown kind among those of the text."""

    def render_mixed(speech: Speech) -> Utterance:
        text = text_block(speech.pieces)
        mixed = Block(text.start, (*deltas, *text.deltas, *deltas), text.whole)
        return spell(speech, [mixed], usual_stop(speech))

    return Deviate(render_mixed)


_REDACTED: Mapping[str, Any] = {"type": "redacted_thinking", "data": "c2ltdWxhdGVk"}
_REFUSED = {"type": "refusal", "category": None, "explanation": "This request may cause harm."}

_ROWS = (
    Fault(
        "anthropic-overloaded-mid-stream",
        Category.OVERLOADED,
        "an error event `overloaded_error` after half of the answer",
        _interrupted("overloaded_error", "Overloaded"),
    ),
    Fault(
        "anthropic-error-mid-stream",
        Category.OVERLOADED,
        "an error event `api_error` after half of the answer",
        _interrupted("api_error", "Internal server error"),
    ),
    Fault(
        "anthropic-rate-limit-mid-stream",
        Category.RATE_LIMITED,
        "an error event `rate_limit_error` after half of the answer",
        _interrupted("rate_limit_error", "Number of request tokens has exceeded your rate limit."),
    ),
    Fault(
        "anthropic-timeout",
        Category.OVERLOADED,
        "504 `timeout_error`",
        page_of(error("timeout_error", "Request timed out"), status=504),
    ),
    Fault(
        "anthropic-no-access",
        Category.FORBIDDEN,
        "429 for a limit of 0: the key has no access to the model",
        page_of(
            error(
                "rate_limit_error",
                "This request would exceed the rate limit for your organization (org-simulated) of 0 input "
                "tokens per minute.",
            ),
            status=429,
        ),
    ),
    Fault(
        "anthropic-refusal",
        Category.REFUSED,
        "stop reason `refusal`, with its details and no text",
        _instead(stop=Stop("refusal", {"stop_details": _REFUSED})),
    ),
    Fault(
        "anthropic-refusal-mid-stream",
        Category.REFUSED,
        "stop reason `refusal` after half of the answer",
        Deviate(
            lambda speech: spell(
                speech, [text_block(speech.first_half)], Stop("refusal", {"stop_details": _REFUSED})
            )
        ),
    ),
    Fault(
        "anthropic-only-thinking",
        Category.EMPTY,
        "thinks, stops and says nothing",
        _instead(thinking_block(THOUGHTS)),
    ),
    Fault(
        "anthropic-thinking-spent",
        Category.EMPTY,
        "thinks until its tokens are spent",
        _instead(thinking_block(THOUGHTS), stop=Stop("max_tokens")),
    ),
    Fault("anthropic-no-content", Category.EMPTY, "no content and a proper end", _instead()),
    Fault(
        "anthropic-no-stop",
        Category.TRUNCATED,
        "all of the text, and neither a stop reason nor an end",
        Deviate(lambda speech: spell(speech, [text_block(speech.pieces)], None)),
    ),
    Fault("anthropic-pings", None, "ping events before and among the text", _before(_PING, _PING)),
    Fault("anthropic-thinking", None, "a thinking block before the text", _before(thinking_block(THOUGHTS))),
    Fault(
        "anthropic-redacted-thinking",
        None,
        "a block of thinking that cannot be read before the text",
        _before(Block(_REDACTED, (), _REDACTED)),
    ),
    Fault(
        "anthropic-unknown-delta",
        None,
        "deltas of an unknown kind among those of the text",
        _among([{"type": "sparkle_delta", "sparkle": "?"}]),
    ),
    Fault(
        "anthropic-unknown-event",
        None,
        "an event of an unknown kind before the text",
        _before(Note({"type": "message_sparkle", "sparkle": "?"})),
    ),
    Fault(
        "anthropic-unknown-block",
        None,
        "a block of an unknown kind before the text",
        _before(Block({"type": "sparkle"}, (), {"type": "sparkle"})),
    ),
    Fault(
        "anthropic-stop-sequence",
        None,
        "stop reason `stop_sequence`",
        _stopped(Stop("stop_sequence", {"stop_sequence": "\n\nEND"})),
    ),
    Fault(
        "anthropic-window-exceeded",
        None,
        "stop reason `model_context_window_exceeded`, after the text",
        _stopped(Stop("model_context_window_exceeded")),
    ),
    Fault(
        "anthropic-no-block-ends",
        None,
        "no event that ends a block",
        _without(lambda piece: not piece.startswith(b"event: content_block_stop")),
    ),
)

DEVIATIONS = tuple(replace(fault, dialect="anthropic") for fault in _ROWS)
