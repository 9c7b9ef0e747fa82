"""Whether two prompts ask the same: stricter than for answers, since nobody looks at what is given again."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from panvox.curation.meaning import vocabulary
from panvox.curation.meaning.claims import EXCERPT, claim_of, plain
from panvox.curation.meaning.contradiction import Pairs, alike_in_spelling, contrary_words
from panvox.curation.meaning.stems import kin, stem

_TOKEN = re.compile(r"(?P<number>\d[\d.,]*)|(?P<word>[^\W\d_]+)|(?P<mark>[^\w\s.,!?;:'\"’…¿¡«»“”])")
_QUOTED = re.compile(r"[\"“«„`]([^\"“”«»„`\n]{1,200})[\"”»“`]")
_ARTICLES = frozenset(("a", "an", "the"))
_BEGINS = re.compile(rf"^(?:\W*(?:{vocabulary.COURTESIES})\b)+\W*", re.IGNORECASE)
_ENDS = re.compile(rf"(?:\b(?:{vocabulary.COURTESIES})\W{{0,9}}){{1,3}}$", re.IGNORECASE)
_EXPANDED = (
    (re.compile(r"(?i)\bcan't\b"), "can not"),
    (re.compile(r"(?i)\bwon't\b"), "will not"),
    (re.compile(r"(?i)n't\b"), " not"),
    (re.compile(r"(?i)\bcannot\b"), "can not"),
    (re.compile(r"(?i)\b(what|who|where|when|how|that|it)'s\b"), r"\1 is"),
)


def ask_the_same(one: str, other: str, pairs: Pairs = alike_in_spelling) -> bool:
    """Whether two prompts differ in nothing but courtesies, articles, punctuation and synonyms.

    All else must be equal and in one order: numbers, names, negation, prepositions, question words, marks
    such as `+` and what stands in quotes. Prompts longer than `EXCERPT` are never the same.
    """
    if max(len(one), len(other)) > EXCERPT or _quoted(one) != _quoted(other):
        return False
    mine, theirs = list(_tokens(one)), list(_tokens(other))
    if len(mine) != len(theirs) or not mine:
        return False
    differing = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
    if not all(a.isalpha() and b.isalpha() and not _fixed(a) and not _fixed(b) for a, b in differing):
        return False
    names = claim_of(one).names | claim_of(other).names
    return all(not names & {stem(a), stem(b)} for a, b in differing) and _synonyms(differing, pairs)


def _synonyms(differing: Sequence[tuple[str, str]], pairs: Pairs) -> bool:
    if not differing:
        return True
    near = set(pairs([a for a, _ in differing], [b for _, b in differing]))
    return all(
        not contrary_words(stem(a), stem(b)) and ((a, b) in near or kin(stem(a), stem(b)))
        for a, b in differing
    )


def _fixed(word: str) -> bool:
    """Whether another word in its place asks something else, however near it is."""
    root = stem(word)
    return (
        word in vocabulary.FUNCTION
        or word in vocabulary.NEGATORS
        or word in vocabulary.NUMBERS
        or word in vocabulary.CHOICES
        or root in vocabulary.QUALIFIERS
        or root in vocabulary.MONTHS
        or ord(word[0]) > 0x2E7F  # scripts without spaces: a run of characters is a sentence
    )


def _quoted(text: str) -> list[str]:
    return _QUOTED.findall(text)


def _tokens(text: str) -> Iterator[str]:
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    for pattern, plainly in _EXPANDED:
        text = pattern.sub(plainly, text)
    text = _BEGINS.sub("", _ENDS.sub("", text))
    for found in _TOKEN.finditer(text[:1].lower() + text[1:]):
        token = found[0].casefold()
        if found.lastgroup == "number":
            yield plain(token)
        elif found[0] not in _ARTICLES:  # "A" in capitals is the name of something
            yield token
