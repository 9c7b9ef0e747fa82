"""What others wrote: JSON that bends the rules, fields of any type, and excerpts that are safe to show."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping

import msgspec

_LONGEST_PAGE = 64 * 1024  # characters searched for a title, and put in order for an excerpt
_LARGEST_COUNT = 2**53
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f]")
# Alternatives are tried in order, so that pairs and escaped backslashes are stepped over.
_LONE_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)


def parse(data: bytes) -> object:
    """The value of JSON text.

    Forgives what servers get wrong: invalid UTF-8 and halves of surrogate pairs (replaced by U+FFFD), bare
    control characters, `NaN` and `Infinity`. Raises ValueError for what is not JSON at all, or nested deeper
    than can be followed.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        value: object = json.loads(_mended(data), strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def cut_off(data: bytes) -> bool:
    """Whether JSON text stops too early; False if it is whole, or wrong before its end."""
    text = _CONTROL.sub(" ", _mended(data)).encode()
    return any(_stops_early(text + digit) for digit in (b"", b"0"))  # half a number may want a digit


def _stops_early(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return "truncated" in str(error)
    return False


def _mended(data: bytes) -> str:
    text = data.decode("utf-8-sig", errors="replace")
    return _LONE_SURROGATE.sub(lambda found: "\\ufffd" if found[1] else found[0], text)


def text_at(fields: Mapping[str, object], name: str) -> str:
    """The text of a field; empty if it is missing or anything else."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def fields_at(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The object of a field; empty if it is missing or anything else."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def items_at(fields: Mapping[str, object], name: str) -> list[object]:
    """The list of a field; empty if it is missing or anything else."""
    value = fields.get(name)
    return value if isinstance(value, list) else []


def number(value: object) -> float | None:
    """A finite number, or the one that a text spells."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """How many, from zero to what JSON can hold exactly."""
    found = number(value)
    return int(found) if found is not None and 0 <= found <= _LARGEST_COUNT else None


def excerpt(text: str | bytes, *, limit: int = 500) -> str:
    """At most `limit` characters of `text` on one line, without anything that a terminal would obey."""
    if isinstance(text, bytes):
        text = text[: 4 * _LONGEST_PAGE].decode("utf-8", errors="replace")
    text = text[:_LONGEST_PAGE]
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def is_page(data: bytes) -> bool:
    """Whether this is HTML or XML, going by its first character."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def page_title(data: bytes) -> str:
    """The title of an HTML page; empty if it has none."""
    found = _TITLE.search(data[:_LONGEST_PAGE].decode("utf-8", errors="replace"))
    return excerpt(html.unescape(found[1]), limit=120) if found else ""
