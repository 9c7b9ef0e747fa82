"""Markdown that others wrote, on a page of ours: nothing in it is loaded, run or obeyed. Pure.

    harmless   a whole text: no HTML, no images; code stays as it was written
    inline     a few words in a sentence or a table of ours
    link       a link to a file beside the page

What stands in code is left alone, so that it can be copied; everything else is escaped wherever it could be
HTML or an image. When in doubt, it is: where what looks like code could be none for some reader of Markdown.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from panvox.plain_text import clean, one_line

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MOST = 1 << 18
"""Characters of a text in which code is looked for; in a longer one, all is escaped."""

Range = tuple[int, int]

_LOADED = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)")
_TICKS = re.compile("`++")
_PIPE = re.compile(r"\||\n")
_BARE_PIPE = re.compile(r"(?<!\\)\||\n")
_LINE = re.compile(r"\n")
_PLAIN_LINK = re.compile(r"""\]\((?![^`"'(<\n)\\]*+\))""")
"""A link whose address is not plain: signs of code in it are none."""

_SIGNS = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")


def harmless(text: str) -> str:
    """`text` without signs that a terminal obeys, HTML and images."""
    text = clean(text)
    if _LOADED.search(text) is None:
        return text
    code = _code(text) if len(text) <= MOST and ("`" in text or "~~~" in text) else []
    starts = [start for start, _ in code]

    def escaped(found: re.Match[str]) -> str:
        at = found.start()
        place = bisect_right(starts, at) - 1
        if place >= 0 and at < code[place][1]:
            return found[0]
        return "&lt;" if found[0] == "<" else "!\\"

    return _LOADED.sub(escaped, text)


def inline(text: str) -> str:
    """`text` on one line, in which no sign means anything to Markdown."""
    plain = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SIGNS.sub(r"\\\g<0>", plain)


def link(label: str, file: str) -> str:
    """A link to a file, by its path from the page."""
    return f"[{inline(label)}]({quote(file)})"


# --- where code is ---


def _code(text: str) -> list[Range]:
    """From where to where `text` is code, in order."""
    ends = [found.end() for found in re.finditer(r"\n|\Z", text)]
    starts = [0, *ends]
    ranges: list[Range] = []
    for token in _parser().parse(text):
        if token.map is None:
            continue
        first, last = token.map
        if token.type == "fence":
            ranges.append((starts[first + 1], starts[min(last, len(ends)) - 1]))
        elif token.type == "inline":
            start = starts[first]
            block = text[start : starts[min(last, len(ends))]]
            ranges += ((start + at, start + end) for at, end in _spans_in(block))
    return sorted(each for each in ranges if each[0] < each[1])


@cache
def _parser() -> MarkdownIt:
    """Blocks by CommonMark, with HTML taken for text, which it is when this module is done with it."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - a tenth of a second, for who writes pages alone

    parser = MarkdownIt("commonmark", {"html": False})
    parser.disable("html_block")
    parser.disable(["inline", "text_join"])
    return parser


def _spans_in(block: str) -> Iterable[Range]:
    """Code within a paragraph: what is code for all who read it, whether or not they know tables."""
    if "`" not in block or _PLAIN_LINK.search(block):
        return ()
    readings = [_spans(block, edges.finditer(block)) for edges in (_LINE, _PIPE, _BARE_PIPE)]
    certain = set(_spans(block, ()))
    return sorted(certain.intersection(*readings))


def _spans(block: str, edges: Iterable[re.Match[str]]) -> list[Range]:
    """Code spans of a block that is cut at `edges`, across which there are none."""
    spans: list[Range] = []
    start = 0
    for end in (*(edge.start() for edge in edges), len(block)):
        spans += _spans_of_piece(block, start, end)
        start = end + 1
    return spans


def _spans_of_piece(block: str, start: int, end: int) -> Iterator[Range]:
    """By CommonMark: as many backticks open as close, and an opening one may be escaped."""
    runs = [found.span() for found in _TICKS.finditer(block, start, end)]
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for number, (at, stop) in enumerate(runs):
        by_length[stop - at].append(number)
    number = 0
    while number < len(runs):
        at, stop = runs[number]
        alike = by_length[stop - at - _escapes(block, at, start)]
        place = bisect_right(alike, number)
        if place == len(alike):
            number += 1
        else:
            yield stop, runs[alike[place]][0]
            number = alike[place] + 1


def _escapes(block: str, at: int, start: int) -> int:
    """1 where the sign at this place is escaped, else 0."""
    first = at
    while first > start and block[first - 1] == "\\":
        first -= 1
    return (at - first) % 2
