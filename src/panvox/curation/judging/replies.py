"""JSON in what a model replied: read as far as it can be, and believed as far as code can check it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping

LONGEST = 60_000
"""Characters of a reply that are looked at, the last ones: what a model concludes with stands there."""

_TRIES = 200
_WIDE = ("W", "F")
_DECODE = json.JSONDecoder(strict=False).raw_decode


def objects(reply: str) -> Iterator[tuple[Mapping[str, object], str]]:
    """The JSON objects in a reply that stand in no other one, each with the text that it was read from."""
    text = reply[-LONGEST:]
    at, tries = text.find("{"), 0
    while at >= 0 and tries < _TRIES:
        tries += 1
        try:
            value, end = _DECODE(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield value, text[at:end]
        at = text.find("{", end)


def words_of(value: object, *, most: int = 400) -> str:
    """A text field on one line, at most so long; empty for anything else."""
    return " ".join(value.split())[:most] if isinstance(value, str) else ""


def share_of(value: object) -> float | None:
    """A field that is a number from 0 to 1, or a percentage; None for anything else."""
    if isinstance(value, str):
        value = _number(value.strip().rstrip("%"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = value / 100 if 1 < value <= 100 else value
    return float(number) if 0 <= number <= 1 else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def plain(text: str) -> str:
    """`text` as quotations are compared: one case, one kind of space, quotes and marks left out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_MARKS.sub(" ", folded).split())


_MARKS = re.compile(r"[\"'“”‘’«»`*_\\$]+")


def says_something(quote: str, *, least: int = 8) -> bool:
    """Whether a quotation is long enough to point at something; signs of Chinese and its kin count twice."""
    return sum(1 + (unicodedata.east_asian_width(sign) in _WIDE) for sign in quote if sign.isalnum()) >= least


def quoted(quote: str, text: str, other: str = "") -> bool:
    """Whether `quote` says something, occurs in `text`, and does not occur in `other` as well."""
    wanted = plain(quote).strip(" .…")
    return says_something(wanted) and wanted in plain(text) and not (other and wanted in plain(other))
