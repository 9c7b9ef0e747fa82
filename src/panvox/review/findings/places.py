"""Where a finding is: files and lines as models write them, held against the files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from panvox.review.material import InputFile

_PATH = re.compile(r"[\w@+~./\\-]{1,300}+")
_WORD = (
    r"(?:\b(?:lines?|ln\.?|zeilen?|z\.|lignes?|líneas?|linhas?|righe|riga|строк[аи]?)\s{0,3}:?\s{0,3}"
    r"|第\s{0,3}|行\s{0,3}|\bL)"
)
_RANGE = (
    r"`?(?P<{0}>\d{{1,7}})"
    r"(?:\s{{0,3}}(?:-|–|—|~|to|bis|through|至|到|à|a)\s{{0,3}}L?(?P<{0}_end>\d{{1,7}}))?(?![A-Za-z0-9_]|\.\d)"
)
_AFTER = re.compile(
    r"[`*\]\"']{0,4}\s{0,3}(?:"
    r"(?:::?|#L?|\(|\[)\s{0,2}"
    + _RANGE.format("direct")
    + r"(?::\d{1,5})?|(?:[,;:@(\[–—-]|at|on|in|an|in|à)?\s{0,3}[`*(\[]{0,3}"
    + _WORD
    + _RANGE.format("spoken")
    + r")[`*)\]\s]{0,4}行?",
    re.IGNORECASE,
)
_ALONE = re.compile(_WORD + _RANGE.format("spoken"), re.IGNORECASE)
_FIRST = re.compile(r"[`*\[(]{0,4}" + _RANGE.format("direct") + r"[`*\])]{0,4}\s{0,2}[:：]")
_QUOTES = re.compile(r"`([^`\n]{12,300})`")
_FEWEST = 12
"""Characters that a quoted line needs: shorter ones stand in many places by chance."""
_MOST_ODD = 200
_LOOKED_AT = 600
"""Characters of a line in which a place is looked for."""


class Place(NamedTuple):
    """A file and lines of it, counted from 1; `start` and `end` are where the text tells it."""

    path: str
    line: int | None
    end_line: int | None
    start: int = 0
    end: int = 0


class Places:
    """The files of a review, to hold what models write against. Made once for all reviews."""

    def __init__(self, lengths: dict[str, int], lines: dict[str, dict[str, int]]) -> None:
        self._lengths = lengths
        self._lines = lines
        self._endings: dict[str, str | None] = {}
        for path in lengths:
            for ending in _endings(path.lower()):
                self._endings[ending] = None if ending in self._endings else path
        self._endings.update((path.lower(), path) for path in lengths)
        odd = [path for path in lengths if _PATH.fullmatch(path) is None][:_MOST_ODD]
        longest_first = sorted(odd, key=lambda path: (-len(path), path))
        self._odd = re.compile("|".join(map(re.escape, longest_first))) if odd else None

    @classmethod
    def of(cls, files: Iterable[InputFile]) -> Self:
        """Linear in the length of all files."""
        lengths, lines = {}, {}
        for file in files:
            told = file.text.splitlines()
            lengths[file.path] = len(told)
            lines[file.path] = _once(told)
        return cls(lengths, lines)

    def named(self, word: str) -> str | None:
        """The file that a word names: its path, the end of it, or a base name that only one file has."""
        if word in self._lengths:
            return word
        path = word.strip("`*\"'()[],;: ").replace("\\", "/").lower().removeprefix("./").rstrip(".")
        return self._endings.get(path) or self._by_longer(path)

    def find(self, text: str) -> Place | None:
        """The first known file that `text` names near its beginning, with its lines."""
        head = text[:_LOOKED_AT]
        for start, end, path in self._mentions(head):
            after = _AFTER.match(head, end)
            first, last = _numbers(after)
            opening = start - 1 if start and head[start - 1] in "`[(" else start
            return self._clipped(Place(path, first, last, opening, after.end() if after else end))
        return None

    def within(self, path: str, text: str) -> Place:
        """Lines of a file that is known already: `line 12`, `L12-L20`, or a number that begins the text."""
        head = text[:_LOOKED_AT]
        found = _FIRST.match(head) or _ALONE.search(head)
        first, last = _numbers(found)
        leads = found is not None and not head[: found.start()].strip("*_`[( ")
        start, end = (found.start(), found.end()) if found and leads else (0, 0)
        return self._clipped(Place(path, first, last, start, end))

    def corrected(self, place: Place, text: str) -> Place:
        """`place` at the line that `text` quotes, where that stands in the file exactly once."""
        lines = self._lines.get(place.path)
        if not lines:
            return place
        quoted = [lines[quote] for quote in _quoted(text) if quote in lines]
        if not quoted or (place.line and any(_inside(at, place) for at in quoted)):
            return place
        longer = (place.end_line or 0) - (place.line or 0) if place.end_line and place.line else 0
        moved = place._replace(line=quoted[0], end_line=quoted[0] + longer if longer else None)
        return self._clipped(moved)

    def _mentions(self, head: str) -> Iterator[tuple[int, int, str]]:
        spans = [(each.start(), each.end()) for each in _PATH.finditer(head)]
        if self._odd is not None:
            spans = sorted([*spans, *(each.span() for each in self._odd.finditer(head))])
        for start, end in spans:
            word = head[start:end]
            if ("." in word or "/" in word or word in self._lengths) and (path := self.named(word)):
                yield start, start + len(word.rstrip(".")), path

    def _by_longer(self, path: str) -> str | None:
        """A path that says more than ours, such as `/repo/src/a.py` for `src/a.py`."""
        known = (self._endings.get(ending) for ending in _endings(path) if "/" in path)
        return next((found for found in known if found and path.endswith("/" + found.lower())), None)

    def _clipped(self, place: Place) -> Place:
        if not place.line:
            return place._replace(line=None, end_line=None)
        length = max(1, self._lengths.get(place.path, place.line))
        first = min(place.line, length)
        last = min(place.end_line or first, length)
        return place._replace(line=first, end_line=last if last > first else None)


def _inside(line: int, place: Place) -> bool:
    return place.line is not None and place.line <= line <= (place.end_line or place.line)


def _endings(path: str) -> Iterator[str]:
    """`a/b/c.py`, `b/c.py`, `c.py`; at most twenty."""
    parts = path.split("/")
    for at in range(max(0, len(parts) - 20), len(parts)):
        if parts[at]:
            yield "/".join(parts[at:])


def _once(lines: Sequence[str]) -> dict[str, int]:
    """The lines that stand in a file exactly once, by their text, with their number."""
    found: dict[str, int] = {}
    twice = set()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if _FEWEST <= len(text) <= 300:
            if text in found:
                twice.add(text)
            found[text] = number
    return {text: number for text, number in found.items() if text not in twice}


def _quoted(text: str) -> Iterator[str]:
    """Code that a finding quotes: in backticks, and the lines of its first block."""
    for each in _QUOTES.finditer(text[:4_000]):
        yield each[1].strip()
    _, fence, after = text[:4_000].partition("```")
    if fence:
        for line in after.partition("```")[0].splitlines()[1:6]:
            yield line.strip()


def _numbers(found: re.Match[str] | None) -> tuple[int | None, int | None]:
    if found is None:
        return None, None
    told = found.groupdict()
    first = told.get("direct") or told.get("spoken")
    last = told.get("direct_end") or told.get("spoken_end")
    return int(first or 0) or None, int(last) if last else None
