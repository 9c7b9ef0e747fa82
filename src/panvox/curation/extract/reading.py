"""The final answer of a text: what two models must share to have said the same.

A text is read in three steps: what is not the answer is put aside (`parts`), the places that mark an answer
are tried by how clearly they do (`marks`), and what is found there is brought to the canonical form of its
kind (`kinds`). Where nothing is marked, the kind decides where to look.
"""

from __future__ import annotations

import re

from panvox.curation.code import code_key
from panvox.curation.expect import Asked, Expect, asked
from panvox.curation.extract import dates, literals, numbers, words
from panvox.curation.extract.json_values import canonical_json
from panvox.curation.extract.kinds import KINDS
from panvox.curation.extract.parts import parts, reason
from panvox.curation.extract.readings import CLEAR, Extract, Reading
from panvox.curation.extract.short import canonical

READ = 60_000
"""Of a longer text this many first and as many last characters are read."""


def extract(text: str, question: str, expect: Expect | None = None) -> Extract | None:
    """The final answer of `text`, or None where none can be read. Linear in the length of `text`."""
    return read(text, asked(question, expect)).answer


def read(text: str, asked: Asked) -> Reading:
    """The final answer of `text` to what was `asked`, the rule that found it, or why there is none."""
    text = text.strip()
    if not text:
        return Reading(None, reason="the answer is empty")
    if asked.kind is Expect.TEXT:
        return Reading(None, reason="free text has no final answer to compare")
    if len(text) > 2 * READ:
        text = f"{text[:READ]}\n{text[-READ:]}"
    guess = None
    for part in parts(text, asked):
        found = KINDS[asked.kind](part, asked)
        if found is not None:
            found = found._replace(clear=found.rule in CLEAR)
            if found.clear:
                return found
            guess = guess or found
    return guess or Reading(None, reason=reason(text, asked))


def truth_key(truth: str, expect: Expect) -> str:
    """A recorded truth in the form of our keys.

    Numbers become plain decimals, symbolic ones `S:` and their text without spaces, options upper-case
    letters, literals their canonical spelling; a truth of another form keeps its words.
    """
    truth = str(truth).strip()
    match expect:
        case Expect.NUMBER:
            if truth.startswith("S:"):
                return numbers.symbolic(truth[2:]) or truth
            return numbers.number(truth) or numbers.symbolic(truth) or truth
        case Expect.CHOICE:
            letters = re.findall(r"[A-Z]", truth)
            short = re.fullmatch(r"[(（\[]?\s*([A-Za-z]|\d{1,2})\s*[)）\].:]?", truth)
            return (
                short[1].upper()
                if short
                else "".join(letters)
                if re.fullmatch(r"[A-Z,\s]+", truth)
                else truth.casefold()
            )
        case Expect.YES_NO:
            return words.phrase(truth)
        case Expect.DATE:
            return dates.iso_date(truth) or dates.iso_time(truth) or words.phrase(truth)
        case Expect.LITERAL:
            return literals.literal_or_text(truth) or truth
        case Expect.CODE:
            return code_key(truth).key
        case Expect.JSON:
            return canonical_json(truth) or truth
        case Expect.SHORT | Expect.TEXT:
            found = canonical(truth)
            return found.key if found else truth
