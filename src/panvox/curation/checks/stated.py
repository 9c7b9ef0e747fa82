"""How sure an answer says that it is."""

from __future__ import annotations

import re
from collections import deque

_WINDOW = 2_000
"""Characters of the end and the beginning in which confidence is stated."""

_WORDS = {"very high": 0.95, "high": 0.85, "medium": 0.6, "moderate": 0.6, "low": 0.3, "very low": 0.1}
_NAMED = r"\b(?:confidence|certainty)(?:[ _](?:level|score))?\b"
_BETWEEN = r"[\"'*_]{0,4}\s{0,3}(?:[:=]|is|of)?\s{0,3}[\"'*_~≈]{0,4}"
_VALUE = (
    r"(?:(?P<percent>\d{1,3}(?:\.\d{1,4})?)\s?%|(?P<of>\d{1,3})\s?/\s?(?P<most>\d{1,3})\b"
    r"|(?P<share>[01]?\.\d{1,6}|[01])\b(?![.\d])"
    r"|(?P<word>very (?:high|low)|high|medium|moderate|low)\b)"
)
_SURE = r"\b(?P<sure>\d{1,3}(?:\.\d{1,4})?)\s?%\s(?:sure|certain|confident|confidence|certainty)\b"
_ANCHORS = ("confiden", "certain", "sure")
"""One of these is in every statement."""

_STATED = re.compile(f"{_NAMED}{_BETWEEN}{_VALUE}|{_SURE}", re.IGNORECASE)


def stated_confidence(text: str) -> float | None:
    """The confidence, from 0 to 1, that a text states of itself, the last one; None where it states none.

    Read are percentages, shares, marks out of a number, and the words from very low to very high.
    """
    ends = text if len(text) <= 2 * _WINDOW else f"{text[:_WINDOW]}\n{text[-_WINDOW:]}"
    lowered = ends.lower()
    if not any(map(lowered.__contains__, _ANCHORS)):
        return None
    stated = deque(_STATED.finditer(ends), maxlen=1)
    if not stated:
        return None
    found = stated[0]
    if word := found["word"]:
        return _WORDS[word.lower()]
    if found["of"]:
        value = float(found["of"]) / max(1.0, float(found["most"]))
    else:
        value = float(found["share"]) if found["share"] else float(found["percent"] or found["sure"]) / 100
    return value if value <= 1 else None
