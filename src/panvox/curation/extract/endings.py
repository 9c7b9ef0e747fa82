"""Where to look in a text that marks no answer: what it sets in bold, and the sentences of its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from panvox.curation.extract.marks import Mark

SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|(?<=[。！？])|\n+")
"""What separates sentences."""

_EMPHASIS = re.compile(r"\*\*([^*\n]{1,120})\*\*|__([^_\n]{1,120})__|(?<!\\)\$\$?([^$\n]{1,120})\$")


def emphasised(text: str) -> Iterator[Mark]:
    """Bold spans and formulas of the text's end, the last first."""
    for groups in reversed(_EMPHASIS.findall(text[-2_000:])):
        yield Mark("emphasis", next(filter(None, groups), ""))


def conclusions(text: str) -> Iterator[Mark]:
    """The sentences of the text's end, the last first."""
    for sentence in reversed(SENTENCE_END.split(text[-2_000:])):
        if sentence.strip():
            yield Mark("last sentence", sentence.strip())
