"""The options that a prompt lists, in whatever layout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Option(NamedTuple):
    """One option: its label (an upper-case letter, digits, or its text in lower case) and its text."""

    label: str
    text: str


MOST = 26
"""Options that a list has at most; a longer one is no question with options."""

_LETTERED = re.compile(
    r"(?:^[ \t*_-]*|[\s;；,，?？。:：!！*]|(?<=[^\x00-\x7f])|\)(?=[A-Z][:：]))"
    r"(?:[(（\[]([A-Za-z])[)）\]]|([A-Z])(?:\)(?=\s|[^\x00-\x7f])|[.:：、\uff0e](?!\w\.))|"
    r"(?<=\n)([a-z])[).](?=\s))[*_]*[ \t]*(?=\S)",
    re.MULTILINE,
)
_NUMBERED = re.compile(r"^[ \t]*[(（\[]?(\d{1,2})[)）\].:：、\uff0e][*_]*[ \t]*(?=\S)", re.MULTILINE)
_HEADING = re.compile(
    r"^[^\w\n]*(?:options|choices|answer choices|possible answers|alternatives|optionen|"
    r"opciones|options possibles|选项|選択肢|보기|варианты)"
    r"[^\w\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"[ \t]*[-*•\u2013][ \t]+(\S[^\n]*)")
_CHOOSES = re.compile(
    r"\bwhich (?:one )?of the (?:following|options|choices)\b|\b(?:choose|select|pick)\b|选择|"
    r"选出|下列|哪一|選[びん]|고르|"
    r"\bw[äa]hle\b|\bchoisi|\belige\b|\bescolha\b|выбер",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\bselect all\b|\bchoose all\b|\ball that apply\b|\bone or more (?:options|answers|choices)\b|"
    r"\bmultiple (?:answers|options) (?:may|can)\b|多选|不定项|多项选择|一个或多个|すべて選|모두 고르",
    re.IGNORECASE,
)


def listed(question: str) -> tuple[Option, ...]:
    """The options that a prompt lists, in order.

    Labels are upper-case letters; digits where the prompt numbers its options and asks to choose; the texts
    themselves where they have no labels. Empty where no options are listed. Linear in the prompt's length.
    """
    found = _lettered(question) or _bulleted(question) or _numbered(question)
    return tuple(Option(label, text) for label, text in found.items())


def several(question: str) -> bool:
    """Whether more than one option may be right."""
    return _MANY.search(question) is not None


def _lettered(question: str) -> Mapping[str, str]:
    """The last list that counts A, B, C, ... without a gap."""
    found: dict[str, tuple[int, int]] = {}
    best: dict[str, tuple[int, int]] = {}
    small: bool = False
    for mark in _LETTERED.finditer(question):
        letter = mark[1] or mark[2] or mark[3]
        if letter in "Aa":
            best = found if len(found) > 1 else best
            found, small = {"A": mark.span()}, letter == "a"
        elif found and letter.islower() == small and ord(letter.upper()) == ord(max(found)) + 1:
            found[letter.upper()] = mark.span()
    best = found if len(found) > 1 else best
    return _texts(question, best)


def _numbered(question: str) -> Mapping[str, str]:
    if not _CHOOSES.search(question):
        return {}
    found: dict[str, tuple[int, int]] = {}
    for mark in _NUMBERED.finditer(question):
        if int(mark[1]) in {0, 1}:
            found = {mark[1]: mark.span()}
        elif found and int(mark[1]) == int(next(reversed(found))) + 1:
            found[mark[1]] = mark.span()
    return _texts(question, found) if 1 < len(found) <= MOST else {}


def _bulleted(question: str) -> Mapping[str, str]:
    """Options without labels: bullets below a heading such as `Options:`."""
    heading = _HEADING.search(question)
    if not heading:
        return {}
    lines = question[heading.end() :].strip("\n").split("\n", MOST)
    texts = []
    for line in lines:
        bullet = _BULLET.match(line)
        if not bullet:
            break
        texts.append(bullet[1].strip())
    return {text.casefold(): text for text in texts} if len(texts) > 1 else {}


def _texts(question: str, marks: Mapping[str, tuple[int, int]]) -> Mapping[str, str]:
    if not marks:
        return {}
    spans = list(marks.items())
    ends = [begin for _, (begin, _) in spans[1:]]
    texts = {}
    for (label, (_, begin)), end in zip(spans, [*ends, None], strict=True):
        stop = end if end is not None else _end_of(question, begin)
        texts[label] = question[begin:stop].strip(" \t\n;；,，*_-(（[")
    return texts


def _end_of(question: str, begin: int) -> int:
    end = question.find("\n", begin)
    return end if end >= 0 else len(question)
