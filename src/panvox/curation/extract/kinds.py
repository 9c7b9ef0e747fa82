"""How an answer of each kind is found: marks first, then where answers of that kind stand unmarked."""

from __future__ import annotations

import re
from collections.abc import Callable

from panvox.curation.code import code_key, code_of
from panvox.curation.expect import Asked, Expect
from panvox.curation.extract import choice, dates, literals, numbers, words
from panvox.curation.extract.endings import conclusions, emphasised
from panvox.curation.extract.json_values import canonical_json, json_in
from panvox.curation.extract.marks import Mark, marks, prescribed
from panvox.curation.extract.markup import bare
from panvox.curation.extract.readings import LONGEST, SHORT, Extract, Reading, first_read
from panvox.curation.extract.short import short_answer


def _shown(span: str) -> str:
    return (bare(span) or span.strip())[:LONGEST]


def _option(text: str, asked: Asked) -> Reading | None:
    if not asked.options:
        return _letter(text, asked)

    def canon(span: str) -> Extract | None:
        label = choice.chosen(span, asked)
        return Extract(label, label) if label else None

    found = first_read(marks(text, asked), canon)
    if found is None and (said := choice.mentioned(text, asked)):
        found = Reading(Extract(said[0], said[0]), said[1])
    return found or first_read(emphasised(text), canon)


_ANY_LETTER = re.compile(
    r"[\s(（\[*_$\"']*(?:[Oo]ption\s+)?[(（\[]?([A-Z])(?:[)）\].,:：、*_\s$\"']|$)(?!\s*[a-z])"
)


def _letter(text: str, asked: Asked) -> Reading | None:
    """A letter, where options are expected that the prompt does not list."""

    def canon(span: str) -> Extract | None:
        letter = _ANY_LETTER.match(span)
        return Extract(letter[1], letter[1]) if letter else None

    return first_read(marks(text, asked), canon) or first_read(iter([Mark("first line", text)]), canon)


def _number(text: str, asked: Asked) -> Reading | None:
    def canon(span: str) -> Extract | None:
        if not numbers.is_symbolic(span) and (key := numbers.number_within(span, asked.question)) is not None:
            return Extract(key, _shown(span))
        if numbers.is_symbolic(span) and len(span) <= LONGEST and (key := numbers.symbolic(span)):
            return Extract(key, _shown(span))
        return None

    def strictly(span: str) -> Extract | None:
        key = numbers.number(span)
        return Extract(key, _shown(span)) if key is not None else None

    def in_words(span: str) -> Extract | None:
        key = numbers.symbolic(span) if asked.fields and len(span) <= LONGEST else None
        return Extract(key, _shown(span)) if key else None

    found = (
        first_read(prescribed(text, asked), lambda span: canon(span) or in_words(span))
        if asked.fields
        else None
    )
    found = found or first_read(marks(text, asked), canon)
    if found is not None:
        return found
    if asked.fields and _cut_in_json(text):
        return None
    return first_read(emphasised(text), strictly) or first_read(conclusions(text), canon)


def _cut_in_json(text: str) -> bool:
    """Whether a text begins an object of JSON that it does not end."""
    brace = text.find("{")
    return (
        0 <= brace < 200 and text[brace + 1 : brace + 40].lstrip().startswith('"') and "}" not in text[-12:]
    )


def _yes_no(text: str, asked: Asked) -> Reading | None:
    def canon(span: str) -> Extract | None:
        side = words.polarity(span)
        return (
            None
            if side is None
            else Extract(asked.poles[not side], _shown(span) if len(span) < SHORT else asked.poles[not side])
        )

    return (
        first_read(marks(text, asked), canon)
        or first_read(emphasised(text), canon)
        or first_read(iter([Mark("first line", text)]), canon)
        or first_read(conclusions(text), canon)
    )


def _date(text: str, asked: Asked) -> Reading | None:
    def canon(span: str) -> Extract | None:
        key = dates.iso_date(span, day_first=asked.day_first) or dates.iso_time(span)
        return Extract(key, _shown(span)) if key else None

    return (
        first_read(marks(text, asked), canon)
        or first_read(emphasised(text), canon)
        or first_read(conclusions(text), canon)
        or short_answer(text, asked)
    )


def _literal(text: str, asked: Asked) -> Reading | None:
    def strictly(span: str) -> Extract | None:
        span = words.without_preamble(literals.without_copula(span.strip()))
        key = literals.literal(span.strip("`*$ \t\n").rstrip(".;")) or literals.literal(span)
        return Extract(key, key[:LONGEST]) if key is not None else None

    def loosely(span: str) -> Extract | None:
        key = literals.literal_or_text(span)
        return Extract(key, key[:LONGEST]) if key is not None else None

    for mark in marks(text, asked):
        if mark.rule in {"frame", "field", "box", "tag", "sign"}:
            found = loosely(mark.span)
        else:
            found = strictly(mark.span) or next(filter(None, map(strictly, literals.quoted(mark.span))), None)
        if found:
            return Reading(found, mark.rule)
    if asked.fields and _cut_in_json(text):
        return None
    lines = [line for line in text[-4_000:].split("\n") if line.strip(" `")]
    last = lines[-1] if lines else ""
    return (
        first_read((Mark("last code", span) for span in literals.quoted(text[-4_000:])), strictly)
        or first_read(iter([Mark("whole text", text), Mark("last line", last)]), strictly)
        or (
            first_read(iter([Mark("whole text", text)]), loosely)
            if len(text) <= SHORT and "\n" not in text
            else None
        )
    )


def _code(text: str, asked: Asked) -> Reading | None:
    source = code_of(text)
    if source is None:
        return None
    found = code_key(source.text, source.language)
    return Reading(Extract(found.key, found.shown), "code block" if source.fenced else "whole text")


def _json(text: str, asked: Asked) -> Reading | None:
    for rule, value in json_in(text):
        key = canonical_json(value)
        if key is not None:
            return Reading(Extract(key, key[:LONGEST]), rule)
    return None


KINDS: dict[Expect, Callable[[str, Asked], Reading | None]] = {
    Expect.NUMBER: _number,
    Expect.CHOICE: _option,
    Expect.YES_NO: _yes_no,
    Expect.DATE: _date,
    Expect.LITERAL: _literal,
    Expect.CODE: _code,
    Expect.JSON: _json,
    Expect.SHORT: short_answer,
}
