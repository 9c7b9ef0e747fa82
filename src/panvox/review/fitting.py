"""Whether the material fits a model, and what is done where it does not. Pure.

| `--oversize` | a model whose context is too small |
|---|---|
| skip | is not asked; the ledger tells why |
| split | is asked about one part after the other; its review is all of them together |
| summarise | sums up the parts, then reviews what it noted |
| truncate | is asked about as much as fits, from the beginning; the review tells what was left out |
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from panvox.errors import UsageError
from panvox.messages import Prompt


class Oversize(StrEnum):
    """What is done with what does not fit."""

    SKIP = "skip"
    SPLIT = "split"
    SUMMARISE = "summarise"
    TRUNCATE = "truncate"


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What one model is asked.

    `tokens` is what the whole prompt takes by its own estimate, `room` what it has for it, None where nobody
    knows its context. `how` is "whole" where it fits. `prompts` are asked one after the other, none where it
    is skipped. `note` tells in a sentence what was done, empty where the whole is asked.
    """

    tokens: int
    room: int | None
    how: str
    prompts: tuple[Prompt, ...]
    note: str = ""


Count = Callable[[Prompt], int]
"""Tokens that a model will count, by its own estimate."""


def parse_oversize(word: str) -> Oversize:
    """Raises `UsageError` for another word."""
    try:
        return Oversize(word.strip().lower())
    except ValueError:
        raise UsageError(
            f"--oversize {word[:80]!r} is not one of {', '.join(each.value for each in Oversize)}"
        ) from None
