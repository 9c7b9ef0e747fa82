"""Whether a schema of an answer may be asked for strictly, which OpenAI answers with 400 for most schemas.

Source: OpenAI's guide to structured outputs: the answer is an object, every object names all its properties
as required and allows no others, and some words of JSON Schema are not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from panvox.dialects.foreign import fields_at, items_at

_UNKNOWN = frozenset(
    {
        *("allOf", "oneOf", "not", "if", "then", "else"),
        *("dependentRequired", "dependentSchemas", "patternProperties"),
    }
)
_BY_NAME = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "prefixItems")
_ONES = ("items", "additionalProperties")


def is_strict(schema: object) -> bool:
    """Whether `schema` and all that it is made of are as strict answers demand."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    left: list[Mapping[str, object]] = [schema]
    while left:
        part = left.pop()
        if not (_UNKNOWN.isdisjoint(part) and _is_closed(part)):
            return False
        left.extend(each for each in _parts(part) if isinstance(each, dict))
    return True


def _is_closed(part: Mapping[str, object]) -> bool:
    """Whether it is no object, or one of which all properties are known and required."""
    kind, properties = part.get("type"), fields_at(part, "properties")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind) and not properties:
        return True
    required = {name for name in items_at(part, "required") if isinstance(name, str)}
    return part.get("additionalProperties") is False and properties.keys() == required


def _parts(part: Mapping[str, object]) -> Iterator[object]:
    for name in _BY_NAME:
        yield from fields_at(part, name).values()
    for name in _LISTS:
        yield from items_at(part, name)
    for name in _ONES:
        yield part.get(name)
