"""Short answers in words: a name, a place, a phrase."""

from __future__ import annotations

import re

from panvox.curation.checks.refusals import is_refusal
from panvox.curation.expect import Asked
from panvox.curation.extract import dates, numbers, words
from panvox.curation.extract.endings import SENTENCE_END, emphasised
from panvox.curation.extract.marks import marks
from panvox.curation.extract.markup import bare
from panvox.curation.extract.readings import LONGEST, SHORT, Extract, Reading, first_read

_WORD = re.compile(r"\w+")
_COPULA = re.compile(r"\s(?:is|are|was|were|ist|sind|est|es|é|è)\s(?:called |named |the )?", re.IGNORECASE)
_LABEL = re.compile(r"\A(?:a|ans)\s{0,3}[:=]\s{0,3}(?=\S)", re.IGNORECASE)
_FENCE = re.compile(r"\A```\w*[ \t]*\n?|\n?```\Z")
_STRONG = re.compile(r"[\s\"'“(]*\*\*([^*\n]{1,80})\*\*")
_ASIDE = re.compile(
    r",? (?:which|who|where|because|since|although|but|as (?:it|he|she|they|this|the))\b|"
    r", (?:and|so|with|a|an|the)\b|，"
)
_POINTS = re.compile(r"[:：=→⇒>|]")


def short_answer(text: str, asked: Asked) -> Reading | None:
    """A marked answer, a short text as it stands, a sentence that repeats the question, or a short line.

    To decline is no answer.
    """
    if text.startswith("```"):
        text = _FENCE.sub("", text).strip()
    text = _LABEL.sub("", text, count=1)
    found = first_read((mark for mark in marks(text, asked) if mark.rule != "result"), canonical_short)
    if found is not None:
        return found
    if len(text) <= SHORT and "\n" not in text:
        pointed = first_read(marks(text, asked), canonical_short) if _POINTS.search(text) else None
        if pointed is not None:
            return pointed
        if is_refusal(text):
            return None
        answer = canonical(_after_echo(text, asked.question) or words.without_preamble(text))
        return Reading(answer, "whole text") if answer else None
    first = SENTENCE_END.split(text, maxsplit=1)[0]
    echoed = _after_echo(first, asked.question)
    if echoed and (answer := canonical(echoed)):
        return Reading(answer, "sentence")
    return (
        _only_emphasised(text)
        or first_read((mark for mark in marks(text, asked) if mark.rule == "result"), canonical_short)
        or _edge_line(text)
    )


def canonical(answer: str) -> Extract | None:
    """The canonical form of a short answer of any kind: a plain decimal, a date, or words without layout."""
    shown = bare(answer)
    if not shown:
        return None
    shown = shown[:LONGEST]
    key = numbers.number(answer) if len(shown) < SHORT else None
    if key is None and len(shown) < 40:
        key = dates.iso_date(shown)
    return Extract(key or words.phrase(answer)[:LONGEST] or shown, shown)


def canonical_short(span: str) -> Extract | None:
    """As `canonical`, for spans that are short enough to be an answer."""
    span = words.without_preamble(span)
    if strong := _STRONG.match(span):
        span = strong[1]
    span = _ASIDE.split(span, maxsplit=1)[0]
    return canonical(span) if len(span) <= 2 * SHORT else None


def _only_emphasised(text: str) -> Reading | None:
    spans = {words.phrase(mark.span): mark for mark in emphasised(text)}
    if len(spans) == 1 and (answer := canonical(next(iter(spans.values())).span)):
        return Reading(answer, "emphasis")
    return None


def _edge_line(text: str) -> Reading | None:
    """The first or the last line, where it is so short beside the others that it must be the answer."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        return None
    for rule, line in (("first line", lines[0]), ("last line", lines[-1])):
        if (
            len(line) <= 40
            and not line.rstrip().endswith((":", "：", "?"))
            and len(line.split()) <= 5
            and (answer := canonical(line))
        ):
            return Reading(answer, rule)
    return None


def _after_echo(sentence: str, question: str) -> str | None:
    """What follows `is` in a sentence whose beginning only repeats words of the question."""
    parts = _COPULA.split(sentence, maxsplit=1)
    if len(parts) < 2 or len(parts[1]) > SHORT:
        return None
    known = set(_WORD.findall(question[:20_000].casefold()))
    said = set(_WORD.findall(parts[0].casefold())) - {"the", "a", "an", "it"}
    shared = {word for word in said & known if len(word) > 3}
    name = len(parts[1].split()) <= 3 and parts[1][:1].isupper()
    return parts[1] if said and (said <= known or (shared and name)) else None
