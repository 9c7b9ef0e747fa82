"""Faults in how Cherry Studio's cloud form is spelled: its replies are few, and loosely described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from panvox.errors import Category
from panvox.simulator.exchange import Speech
from panvox.simulator.faults.acts import Deviate, Fault
from panvox.simulator.spellings.cherry import spell, usage


def _reply(fields: Callable[[Speech], Mapping[str, Any]]) -> Deviate:
    return Deviate(lambda speech: spell(fields(speech)))


_ROWS = (
    Fault(
        "cherry-error-in-200",
        Category.OVERLOADED,
        "an error object in place of an answer, with status 200",
        _reply(lambda _: {"error": {"message": "Provider returned error", "code": 502}}),
    ),
    Fault(
        "cherry-empty",
        Category.EMPTY,
        "an empty text",
        _reply(lambda speech: {"text": "", "usage": usage(speech)}),
    ),
    Fault(
        "cherry-content",
        None,
        "the text in `content`",
        _reply(lambda speech: {"content": speech.text, "usage": usage(speech)}),
    ),
    Fault("cherry-no-usage", None, "no word of tokens", _reply(lambda speech: {"text": speech.text})),
    Fault(
        "cherry-null-text",
        None,
        "`text` is null and the text in `content`",
        _reply(lambda speech: {"text": None, "content": speech.text, "usage": None}),
    ),
)

DEVIATIONS = tuple(replace(fault, dialect="cherry") for fault in _ROWS)
