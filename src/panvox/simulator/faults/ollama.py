"""Faults in how Ollama's own API is spelled: what its lines may hold beside an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import orjson

from panvox.errors import Category
from panvox.simulator.exchange import Speech, Utterance, page_of
from panvox.simulator.faults.acts import THOUGHTS, Deviate, Fault
from panvox.simulator.spellings.ollama import Done, Item, Line, Said, render, spell, texts, usual_done

_THOUGHTS = tuple(Said({"thinking": thought}) for thought in THOUGHTS)


def _said(items: Callable[[Speech], Sequence[Item]]) -> Deviate:
    """Other items in place of the usual ones."""
    return Deviate(lambda speech: spell(speech, items(speech)))


def _instead(*items: Item) -> Deviate:
    return _said(lambda _: items)


def _interrupted(*items: Item) -> Deviate:
    """`items` in place of the second half; nothing comes after them."""
    return _said(lambda speech: [*(Said({"content": piece}) for piece in speech.first_half), *items])


def _error(text: str) -> Line:
    return Line(orjson.dumps({"error": text}) + b"\n")


def _at_once(speech: Speech) -> Utterance:
    return render(replace(speech, stream=False))


_ROWS = (
    Fault(
        "ollama-error-line",
        Category.OVERLOADED,
        "status 200 and a line that holds an error",
        _instead(_error("llama runner process has terminated: signal: killed")),
    ),
    Fault(
        "ollama-error-mid-stream",
        Category.OVERLOADED,
        "a line that holds an error after half of the answer",
        _interrupted(_error("an error was encountered while running the model: unexpected EOF")),
    ),
    Fault(
        "ollama-broken-line",
        Category.MALFORMED,
        "a line whose JSON breaks off",
        _interrupted(Line(b'{"model":"simulated","message":{"role":"assistant","content":"and th\n')),
    ),
    Fault(
        "ollama-signin",
        Category.UNAUTHORISED,
        "401 with the address of a page to sign in at",
        page_of({"error": "unauthorized", "signin_url": "http://signin.invalid/connect"}, status=401),
    ),
    Fault(
        "ollama-no-done",
        Category.TRUNCATED,
        "all of the text, and no line that says `done`",
        _said(texts),
    ),
    Fault("ollama-empty", Category.EMPTY, "an empty text and a proper end", _instead(Done("stop"))),
    Fault(
        "ollama-load", Category.EMPTY, "only loads the model: `done_reason` is `load`", _instead(Done("load"))
    ),
    Fault(
        "ollama-only-thinking",
        Category.EMPTY,
        "thinks, stops and says nothing",
        _instead(*_THOUGHTS, Done("stop")),
    ),
    Fault(
        "ollama-length-without-text",
        Category.EMPTY,
        "thinks until its tokens are spent",
        _instead(*_THOUGHTS, Done("length")),
    ),
    Fault(
        "ollama-thinking",
        None,
        "thinks in `thinking` before the text",
        _said(lambda speech: [*_THOUGHTS, *texts(speech), usual_done(speech)]),
    ),
    Fault(
        "ollama-no-prompt-count",
        None,
        "no `prompt_eval_count`, since the prompt was cached",
        _said(lambda speech: [*texts(speech), replace(usual_done(speech), without=("prompt_eval_count",))]),
    ),
    Fault(
        "ollama-blank-lines",
        None,
        "empty lines between the others",
        _said(lambda speech: [Line(b"\n"), *texts(speech), Line(b"\n"), usual_done(speech)]),
    ),
    Fault("ollama-at-once", None, "one whole reply where a stream was asked for", Deviate(_at_once)),
)

DEVIATIONS = tuple(replace(fault, dialect="ollama") for fault in _ROWS)
