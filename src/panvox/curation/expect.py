"""Which kind of answer a prompt asks for."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Expect(StrEnum):
    """The kinds of answers; tasks of one kind share what is known of the models' strength."""

    NUMBER = "number"
    CHOICE = "choice"  # the letter of one of the options that the prompt lists
    YES_NO = "yes-no"
    DATE = "date"
    LITERAL = "literal"  # a value as programs write it: a list, a string, a mapping
    CODE = "code"
    JSON = "json"
    SHORT = "short"  # a name, a word, a short sentence
    TEXT = "text"  # free text, of which no two are equal


class Asked(NamedTuple):
    """What a question asks for: the kind of answer, and the letters of the options it lists, if any."""

    kind: Expect
    options: frozenset[str] = frozenset()


_OPTIONS = re.compile(r"(?:^|[\s;；?？。])[(（]?([A-J])[)）.:：、]\s*\S", re.MULTILINE)
_ASKS_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|fast)\b|"
    r"\bwhat (?:percent|fraction|number)\b|"
    r"\bwhat is the (?:sum|total|value|product|average|probability|area|volume|distance|perimeter)\b|"
    r"\d\s*[-+*/x×÷^=]\s*\d|\bcalculate\b|多少",
    re.IGNORECASE,
)
_ASKS_FACT = re.compile(
    r"\s*(?:in |on |at |of |to |by )?(?:who|whom|whose|what|which|where|when)\b[^\n]{1,160}[?？]?\s*",
    re.IGNORECASE,
)


@lru_cache(maxsize=64)
def asked(question: str) -> Asked:
    """What `question` asks for, as far as its words tell."""
    letters = frozenset(_OPTIONS.findall(question))
    if {"A", "B"} <= letters:
        return Asked(Expect.CHOICE, letters)
    if _ASKS_NUMBER.search(question):
        return Asked(Expect.NUMBER)
    return Asked(Expect.SHORT if _ASKS_FACT.fullmatch(question) else Expect.TEXT)


def infer(question: str) -> Expect:
    """The kind of answer that `question` asks for."""
    return asked(question).kind
