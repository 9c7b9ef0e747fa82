"""What was read in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from panvox.curation.extract.marks import Mark

SHORT = 60
"""Characters up to which a one-line text is taken as an answer as it stands."""

LONGEST = 200
"""Characters of a span that are kept for people to read."""

CLEAR = frozenset(
    {"frame", "field", "box", "tag", "sign", "announced", "whole text", "code block", "first line"}
)
"""The rules that find what a text marks as its answer."""


class Extract(NamedTuple):
    """A final answer: `key` is equal where the answers are equal; `shown` is what people read."""

    key: str
    shown: str


class Reading(NamedTuple):
    """What was read in a text: the answer and the `rule` that found it, or the `reason` why there is none.

    `clear` tells whether the text marks its answer; what was read otherwise is a guess.
    """

    answer: Extract | None
    rule: str = ""
    reason: str = ""
    clear: bool = False


def first_read(candidates: Iterator[Mark], canon: Callable[[str], Extract | None]) -> Reading | None:
    """The first candidate that can be brought to canonical form."""
    for mark in candidates:
        found = canon(mark.span)
        if found is not None:
            return Reading(found, mark.rule)
    return None
