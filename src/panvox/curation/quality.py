"""Whether a text is an answer at all, and how good it looks."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from panvox.messages import Finish


class Check(StrEnum):
    """What can be wrong with an answer that arrived whole."""

    EMPTY = "empty"
    CUT = "cut"
    REFUSAL = "refusal"
    ECHO = "echo"
    LANGUAGE = "language"
    REPETITION = "repetition"
    FORMAT = "format"
    CONSTANT = "constant"
    OFF_TOPIC = "off-topic"


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: the check that the text fails, if any, and why; factors and score from 0 to 1."""

    failed: Check | None = None
    reason: str = ""
    factors: dict[str, float] = {}
    score: float = 1.0


def inspect(text: str, *, read: bool, finish: Finish | None) -> Quality:
    """What is wrong with `text`, if anything; `read` tells whether a final answer was found in it."""
    if not text.strip():
        return Quality(failed=Check.EMPTY, reason="the answer has no words", score=0.0)
    if finish is Finish.LENGTH and not read:
        return Quality(failed=Check.CUT, reason="the answer was cut off before its end", score=0.0)
    return Quality()
