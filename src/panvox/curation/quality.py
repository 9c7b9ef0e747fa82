"""Whether a text is an answer at all, and how good it looks."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from panvox.curation.expect import Expect
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


def inspect(text: str, *, question: str, expect: Expect, read: bool, finish: Finish | None) -> Quality:
    """What is wrong with `text`, if anything; `read` tells whether a final answer was found in it."""
    words = text.strip()
    if not words:
        return Quality(failed=Check.EMPTY, reason="the answer has no words", score=0.0)
    if words == question.strip():
        return Quality(failed=Check.ECHO, reason="the answer is the prompt itself", score=0.0)
    if finish is Finish.LENGTH and not read and expect is not Expect.TEXT:
        return Quality(failed=Check.CUT, reason="the text was cut off before an answer", score=0.0)
    return Quality()
