"""Faults in how Gemini's generateContent is spelled: what may come in place of an answer, or around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from panvox.errors import Category
from panvox.simulator.exchange import Speech, Utterance, page_of
from panvox.simulator.faults.acts import THOUGHTS, Deviate, Fault
from panvox.simulator.limits import DAY, Excess, Kind
from panvox.simulator.spellings.gemini import (
    Item,
    Other,
    Piece,
    error,
    exhausted,
    render,
    spell,
    texts,
)

_RATINGS = [{"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}]
_THOUGHTS = tuple(Piece(({"text": thought, "thought": True},)) for thought in THOUGHTS)
_SPENT = 40  # tokens of thinking


def _instead(*items: Item, thoughts: int = 0) -> Deviate:
    """These items in place of the usual ones."""
    return Deviate(lambda speech: spell(speech, items, thoughts=thoughts))


def _around(before: Sequence[Item] = (), after: Sequence[Item] = (), thoughts: int = 0) -> Deviate:
    """The usual text, with something before and after it."""
    return Deviate(lambda speech: spell(speech, [*before, *texts(speech), *after], thoughts=thoughts))


def _interrupted(item: Item) -> Deviate:
    """`item` in place of the second half; nothing comes after it."""

    def items(speech: Speech) -> list[Item]:
        return [*(Piece(({"text": piece},)) for piece in speech.first_half), item]

    return Deviate(lambda speech: spell(speech, items(speech)))


def _unfinished(speech: Speech) -> list[Piece]:
    """The usual text, whose end is not told."""
    return [replace(piece, finish=None) for piece in texts(speech)]


def _as_array(speech: Speech) -> Utterance:
    return render(replace(speech, array=True))


def _text_and_end(speech: Speech) -> Utterance:
    """The end in an event of its own, which has no text."""
    *before, last = texts(speech)
    return spell(speech, [*before, replace(last, finish=None), Piece(({"text": ""},), last.finish)])


def _error(code: int, status: str, message: str) -> Other:
    return Other(error(code, status, message), alone=True)


def _daily() -> dict[str, Any]:
    excess = Excess(kind=Kind.QUOTA, unit="requests", limit=50, used=50, requested=1, seconds=DAY)
    return exhausted(excess, "simulated", wait=37.0)


_ROWS = (
    Fault(
        "gemini-blocked-prompt",
        Category.REFUSED,
        "200 with a `blockReason` for the prompt and no candidates",
        _instead(Other({"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": _RATINGS}})),
    ),
    Fault(
        "gemini-safety",
        Category.REFUSED,
        "finish reason `SAFETY` and no content",
        _instead(Piece(None, "SAFETY")),
    ),
    Fault(
        "gemini-prohibited",
        Category.REFUSED,
        "finish reason `PROHIBITED_CONTENT` and no content",
        _instead(Piece(None, "PROHIBITED_CONTENT")),
    ),
    Fault(
        "gemini-recitation",
        Category.REFUSED,
        "finish reason `RECITATION` and no content",
        _instead(Piece(None, "RECITATION")),
    ),
    Fault(
        "gemini-empty-content",
        Category.EMPTY,
        "an empty `content` and a proper end",
        _instead(Piece(None, "STOP")),
    ),
    Fault(
        "gemini-only-thoughts",
        Category.EMPTY,
        "thinks, stops and says nothing",
        _instead(*_THOUGHTS, Piece(None, "STOP"), thoughts=_SPENT),
    ),
    Fault(
        "gemini-thoughts-spent",
        Category.EMPTY,
        "finish reason `MAX_TOKENS` after nothing but unseen thinking",
        _instead(Piece(None, "MAX_TOKENS"), thoughts=_SPENT),
    ),
    Fault(
        "gemini-error-mid-stream",
        Category.OVERLOADED,
        "an error event after half of the answer",
        _interrupted(_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
    ),
    Fault(
        "gemini-error-array",
        Category.OVERLOADED,
        "503 with the error in an array of one item",
        page_of([error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")], status=503),
    ),
    Fault(
        "gemini-daily-quota",
        Category.OUT_OF_QUOTA,
        "429 for a quota a day, which asks to come back in 37 seconds",
        page_of(_daily(), status=429),
    ),
    Fault(
        "gemini-region",
        Category.FORBIDDEN,
        "400 `FAILED_PRECONDITION`: not in this region",
        page_of(
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), status=400
        ),
    ),
    Fault(
        "gemini-no-finish",
        Category.TRUNCATED,
        "all of the text and no finish reason",
        Deviate(lambda speech: spell(speech, _unfinished(speech))),
    ),
    Fault(
        "gemini-thoughts",
        None,
        "parts that are thoughts before the text",
        _around(_THOUGHTS, thoughts=_SPENT),
    ),
    Fault("gemini-array", None, "the stream as one JSON array, whatever was asked for", Deviate(_as_array)),
    Fault("gemini-end-apart", None, "the finish reason in an event without text", Deviate(_text_and_end)),
    Fault(
        "gemini-safety-late",
        None,
        "finish reason `SAFETY` after the text",
        Deviate(lambda speech: spell(speech, [*_unfinished(speech), Piece(None, "SAFETY")])),
    ),
    Fault(
        "gemini-usage-apart",
        None,
        "events without candidates before and after the text",
        _around([Other({})], [Other({})]),
    ),
    Fault(
        "gemini-other-parts",
        None,
        "a part of an unknown kind before the text",
        _around([Piece(({"sparkle": {"bright": True}},))]),
    ),
)

DEVIATIONS = tuple(replace(fault, dialect="gemini") for fault in _ROWS)
