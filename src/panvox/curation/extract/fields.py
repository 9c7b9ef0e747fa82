"""The field of a JSON object that holds the answer: whole, broken, cut, nested or repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from panvox.curation.frames import FIELDS

TRIES = 6
"""Of a field that is written again and again, this many are tried from the end."""

_LONGEST = 4_000
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\n,}]*")
_MACRO = re.compile(r"(?<!\\)\\[A-Za-z]{2,}")
_PLACEHOLDER = re.compile(r"\s*(?:_{2,}|\.{3}|…|<[^<>]*>|\[[A-Za-z _]+\]|string|number|)\s*", re.IGNORECASE)
_INSIDE = ("answer", "final_answer", "value", "letter", "choice", "option", "result", "label", "text")


def fields(text: str, names: tuple[str, ...]) -> Iterator[str]:
    """The values of the fields with these names, then of those with the usual ones, the last of each first.

    They come as a program would write them. Linear in the length of the text.
    """
    if '"' not in text and "'" not in text:
        return
    if (only := _only_value(text)) is not None:
        yield only
    low = text.casefold()
    if len(low) != len(text):
        low = text
    for name in dict.fromkeys([*(n.casefold() for n in names), *FIELDS]):
        if name not in low:
            continue
        for begin in reversed(_places(low, name)):
            value = value_at(text, begin)
            if value is not None and not _PLACEHOLDER.fullmatch(value):
                yield value


def _only_value(text: str) -> str | None:
    """The value of an object that has no other field."""
    if not text.startswith("{") or len(text) > _LONGEST:
        return None
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    inner = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else None
    return str(inner) if isinstance(inner, str | int | float) and not isinstance(inner, bool) else None


def _places(low: str, name: str) -> list[int]:
    """Where the last values of fields with this name begin."""
    places: list[int] = []
    end = len(low)
    while len(places) < TRIES and (at := low.rfind(name, 0, end)) >= 0:
        end = at
        after = at + len(name)
        rest = low[after : after + 12]
        mark = re.match(r"\\?[\"'](?:\s{0,4}[:：=]\s{0,6})", rest)
        if mark and low[at - 1 : at] in {'"', "'"}:
            places.append(after + mark.end())
    return places[::-1]


def value_at(text: str, begin: int) -> str | None:
    """The JSON value that begins there, as a program would write it; broken ones up to their line's end."""
    piece = text[begin : begin + _LONGEST].lstrip()
    if not piece:
        return None
    if piece[0] == '"':
        return _string(piece)
    if piece[0] in "[{":
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(piece)
        except (ValueError, RecursionError):
            return _cut_value(piece)
        return _flattened(value, piece[:end])
    if piece[0] == "'":
        return piece[1:].split("'", 1)[0].split("\n", 1)[0]
    bare = _BARE.match(piece)
    return bare[0].strip().rstrip('"') if bare else None


def _string(piece: str) -> str:
    whole = _STRING.match(piece)
    raw = whole[1] if whole else piece[1:].split("\n", 1)[0].rstrip('"}, ')
    if _MACRO.search(raw):  # LaTeX in a string that was not escaped: JSON would take its \\f for a form feed
        return raw.replace("\\\\", "\\").replace('\\"', '"')
    try:
        return str(json.JSONDecoder(strict=False).decode(f'"{raw}"'))
    except (ValueError, RecursionError):
        return raw


def _cut_value(piece: str) -> str:
    return piece.split("\n\n", 1)[0].rstrip("` \n")


def _flattened(value: object, raw: str) -> str:
    match value:
        case dict():
            for name in _INSIDE:
                if name in value and isinstance(value[name], str | int | float):
                    return str(value[name])
            return raw
        case [str() as single]:
            return single if len(single) > 1 and not single.isdigit() else raw
        case _:
            return raw
