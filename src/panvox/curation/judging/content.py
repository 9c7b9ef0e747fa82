"""What a text is about, as a set: enough to see whether one text can rest on another."""

from __future__ import annotations

import re

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_SMALL = 3
"""Characters up to which a word says little by itself; a figure always does."""


def content(text: str) -> frozenset[str]:
    """What a text is about: its longer words by their beginning, its figures, its signs two by two.

    The first six letters of a word stand for its forms; languages without spaces are read in pairs of signs.
    """
    found: set[str] = set()
    for word in _WORD.findall(text.casefold()):
        if _UNSPACED.match(word):
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif word[0].isdigit():
            found.add(word.replace(",", ""))
        elif len(word) > _SMALL:
            found.add(word[:6])
    return frozenset(found)


def figures(said: frozenset[str]) -> frozenset[str]:
    """The numbers among `content`."""
    return frozenset(word for word in said if word[0].isdigit())
