"""Long lines of texts in a terminal, broken between words and not within them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_INDENT = re.compile(r"\s*(?:(?:[-*+•]|\d{1,3}[.)])\s+)?")
_LONGEST = 20_000
"""Characters of a line that is no prose any more, and is left to the terminal."""


def wrapped(text: str, width: int) -> str:
    """`text` with its lines broken to at most `width` cells; longer words, and code between fences, stay.

    What goes on stands below the beginning of the line, behind its bullet.
    """
    return "\n".join(_lines(text, max(width, 20)))


def _lines(text: str, width: int) -> Iterator[str]:
    code = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            code = not code
        if code or len(line) > _LONGEST or cell_len(line) <= width:
            yield line
        else:
            yield from _broken(line, width)


def _broken(line: str, width: int) -> Iterator[str]:
    lead = _INDENT.match(line)
    begin = lead[0] if lead and cell_len(lead[0]) <= width // 2 else ""
    current, cells = begin, cell_len(begin)
    empty = True
    for word in line[len(begin) :].split():
        size = cell_len(word)
        if not empty and cells + 1 + size > width:
            yield current
            current = " " * cell_len(begin)
            cells, empty = len(current), True
        current += word if empty else f" {word}"
        cells += size if empty else size + 1
        empty = False
    yield current
