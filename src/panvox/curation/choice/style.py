"""How a text is laid out, as numbers that preferences are learnt on."""

from __future__ import annotations

import math
import re

import msgspec

_LISTED = re.compile(r"\n[ \t]{0,8}(?:[-*•]|\d{1,3}[.)])[ \t]")
_HEADED = re.compile(r"\n(?:#{1,6} |\*\*[^*\n]{1,120}\*\*:?[ \t]*(?=\n))")
_EXCERPT = 8_000


class Layout(msgspec.Struct, frozen=True):
    """Characters of a text, items of lists, headings, and blocks of code; whether it ends as sentences do."""

    chars: int = 0
    items: int = 0
    headings: int = 0
    blocks: int = 0
    ended: bool = True

    @property
    def size(self) -> float:
        """The natural logarithm of the length, in which twice as long is as far as half as long."""
        return math.log1p(self.chars)


def layout(text: str) -> Layout:
    """The layout of a text, of its first 8,000 characters but for the length."""
    excerpt = f"\n{text[:_EXCERPT]}"
    return Layout(
        chars=len(text),
        items=len(_LISTED.findall(excerpt)),
        headings=len(_HEADED.findall(excerpt)) if "\n#" in excerpt or "\n**" in excerpt else 0,
        blocks=excerpt.count("```") // 2,
        ended=not (last := text.rstrip()[-1:]).isalnum() and last != ",",
    )
