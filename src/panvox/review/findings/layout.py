"""A review's Markdown as headings, items, table rows, paragraphs and code, line by line. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

LONGEST = 1_000_000
"""Characters of a review that are read."""
LINE = 4_000
"""Characters of a line that are looked at."""

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"([ \t]*)(?:[-*+•‣▪]|(\d{1,4})[.)、]|\((\d{1,4})\))\s+(?=\S)")
_FENCE = re.compile(r"\s{0,12}(?:[-*+]\s+)?(`{3,}|~{3,})")
_BOLD = re.compile(r"\s{0,3}(\*\*|__)([^*_\n][^*\n]{0,200})\1\s*[:：]?\s*$")
_RULE = re.compile(r"\s{0,3}(?:[-*_=]\s*){3,200}$")
_SEPARATOR = re.compile(r"\s{0,3}\|?\s*:?-{1,200}:?\s*(?:\|\s*:?-{1,200}:?\s*){0,50}\|?\s*$")
_CELL_END = re.compile(r"(?<!\\)\|")
BOLD_LEVEL = 7


class Kind(Enum):
    """What a line is."""

    HEADING = "heading"
    ITEM = "item"
    ROW = "row"
    CODE = "code"
    TEXT = "text"
    BLANK = "blank"


class Line(NamedTuple):
    """`depth` is the level of a heading, or the indent of anything else; `numbered` is for items."""

    kind: Kind
    text: str
    depth: int = 0
    numbered: bool = False


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a review. A fence that is never closed ends with the text."""
    fence = ""
    for line in text[:LONGEST].split("\n"):
        opening = _FENCE.match(line[:200])
        if fence:
            closes = opening is not None and opening[1].startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if closes else fence
            yield Line(Kind.CODE, line, _indent(line))
        elif opening is not None and not (opening[1][0] == "`" and "`" in line[opening.end() :]):
            fence = opening[1]
            yield Line(Kind.CODE, line, _indent(line))
        else:
            yield _line(line)


def cells(row: str) -> Sequence[str]:
    """The cells of a row of a table."""
    inner = row.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.replace("\\|", "|").strip() for cell in _CELL_END.split(inner)]


def is_separator(row: str) -> bool:
    """Whether it is the line below the head of a table."""
    return "-" in row and _SEPARATOR.match(row[:LINE]) is not None


def _line(line: str) -> Line:
    line = line.removeprefix("> ") if line.startswith("> ") else line
    looked = line[:LINE]
    if not looked.strip() or _RULE.match(looked[:400]):
        return Line(Kind.BLANK, "")
    if heading := _HEADING.match(looked):
        return Line(Kind.HEADING, heading[2], len(heading[1]))
    if bold := _BOLD.match(looked[:300]):
        return Line(Kind.HEADING, bold[2], BOLD_LEVEL)
    if item := _ITEM.match(looked):
        numbered = bool(item[2] or item[3])
        return Line(Kind.ITEM, line[item.end() :].rstrip(), len(item[1].expandtabs(4)), numbered)
    if looked.lstrip().startswith("|") and looked.count("|") >= 2:
        return Line(Kind.ROW, looked, _indent(line))
    return Line(Kind.TEXT, line.strip(), _indent(line))


def _indent(line: str) -> int:
    head = line[:80].expandtabs(4)
    return len(head) - len(head.lstrip(" "))
