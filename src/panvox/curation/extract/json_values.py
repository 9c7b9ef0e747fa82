"""Answers that are JSON, equal where their values are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from panvox.curation.extract.numbers import plain_decimal

_FENCE = re.compile(r"```[ \t]*(\w*)[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
TRIES = 20
"""Places at which an object or a list may begin are tried this often."""


def canonical_json(source: str) -> str | None:
    """A JSON text with sorted keys and plain numbers, without spaces; None where it is none."""
    try:
        value = json.loads(source, parse_float=Decimal, parse_int=Decimal, strict=False)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    try:
        return _written(value)
    except RecursionError:
        return None


def json_in(text: str) -> Iterator[tuple[str, str]]:
    """What may be the JSON answer of a text, with the rule that found it, the likeliest first."""
    yield "whole text", text
    for _, block in reversed(_FENCE.findall(text)):
        yield "code block", block.strip()
    decoder = json.JSONDecoder(strict=False)
    end = 0
    found: list[str] = []
    for tries, opening in enumerate(_OPENING.finditer(text)):
        if tries >= TRIES:
            break
        if opening.start() < end:
            continue
        try:
            _, end = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        found.append(text[opening.start() : end])
    for value in sorted(found, key=len, reverse=True):
        yield "object", value


def _written(value: object) -> str:
    match value:
        case dict():
            pairs = (f"{json.dumps(key, ensure_ascii=False)}:{_written(value[key])}" for key in sorted(value))
            return "{" + ",".join(pairs) + "}"
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case Decimal() if value.is_finite() and abs(value.adjusted()) < 400:
            return plain_decimal(Fraction(value))
        case Decimal() | float():
            return json.dumps(str(value))
        case _:
            return json.dumps(value, ensure_ascii=False)
