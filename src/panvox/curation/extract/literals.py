"""Values as programs write them: Python or JSON literals, equal where their values are."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator

from panvox.curation.code import nesting

LONGEST = 4_000
"""Characters of a literal at most; a longer one is compared as it is written."""

_DEEPEST = 60
_NAMES = {"true": True, "false": False, "null": None, "none": None, "undefined": None}
_JSON_NAME = re.compile(r"(?<![\w'\"])(true|false|null)(?![\w'\"])")
_PYTHON = {"true": "True", "false": "False", "null": "None"}
_COPULA = re.compile(r"(?:입니다|이에요|です|である)[.。]?$")
_FENCE = re.compile(r"\A```\w*\s*|(?<!\s)\s*```\Z")
_NO_VALUE = object()


def literal(span: str) -> str | None:
    """The canonical spelling of a literal: `[1, 2]` for `[1,2]`, `'a'` for `"a"`; None where it is none.

    Sets and mappings are sorted. A tuple is no list, and `1.0` is not `1`: programs tell them apart.
    """
    value = _evaluated(_FENCE.sub("", span.strip()).strip())
    return None if value is _NO_VALUE else _spelled(value)


def without_copula(span: str) -> str:
    """A span without the verb that Korean and Japanese put behind it."""
    return _COPULA.sub("", span)


def literal_or_text(span: str) -> str | None:
    """As `literal`; what is none is taken for a text whose quotes were left out."""
    text = _FENCE.sub("", without_copula(span.strip())).strip().strip("`")
    found = literal(text)
    if found is not None or not text:
        return found
    if text[-1] in ".;," and (shorter := literal(text[:-1])) is not None:
        return shorter
    return repr(text[:LONGEST])


_QUOTED = re.compile(
    r"```\w*\n?(.*?)```|`([^`\n]+)`|(?:==|>>>|→|=>|->|output:|returns?)\s*([^\n]+)", re.DOTALL | re.IGNORECASE
)
_VALUE = re.compile(
    r"[\[({]|(?<!\w)'[^'\n]*'|\"[^\"\n]*\"|(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)|"
    r"\b(?:True|False|None)\b"
)


def quoted(text: str) -> Iterator[str]:
    """Spans of a text that may be values, the last first: set as code, after an arrow, in brackets."""
    for groups in reversed(_QUOTED.findall(text)):
        yield next(filter(None, groups), "").strip().rstrip(".")
    tail = text[-LONGEST:].split("\n")
    yield from (span for line in reversed(tail) for span in reversed(list(_values(line))))


def _values(line: str) -> Iterator[str]:
    """What may be a value in a line, in its order: from an opening bracket to the last closing one, or small.

    Linear in the length of the line, which a pattern that looks for the bracket from each opening is not.
    """
    last = max(map(line.rfind, ")]}"))
    at = 0
    while found := _VALUE.search(line, at):
        at = found.end()
        if found[0] not in ("(", "[", "{"):
            yield found[0]
        elif found.start() < last:
            at = last + 1
            yield line[found.start() : at]


def _evaluated(text: str) -> object:
    """The value, or `_NO_VALUE`."""
    if not text or len(text) > LONGEST or nesting(text) + text.count("-" * 8) * 8 > _DEEPEST:
        return _NO_VALUE
    if text.casefold() in _NAMES:
        return _NAMES[text.casefold()]
    if text in {"set()", "frozenset()"}:
        return set()
    for attempt in (text, _JSON_NAME.sub(lambda name: _PYTHON[name[1]], text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.literal_eval(attempt)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return _from_json(text)


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NO_VALUE


def _spelled(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(sorted(f"{_spelled(k)}: {_spelled(v)}" for k, v in value.items())) + "}"
        case set() | frozenset():
            return "{" + ", ".join(sorted(map(_spelled, value))) + "}" if value else "set()"
        case list():
            return "[" + ", ".join(map(_spelled, value)) + "]"
        case tuple():
            inner = ", ".join(map(_spelled, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case _:
            return repr(value)
