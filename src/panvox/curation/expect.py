"""Which kind of answer a prompt asks for."""

from __future__ import annotations

from enum import StrEnum


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
