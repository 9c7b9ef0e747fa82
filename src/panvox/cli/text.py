"""Text of models and providers on its way to a terminal; `panvox.plain_text` says what goes from it."""

from __future__ import annotations

import msgspec

from panvox.plain_text import DIRECTIONS, ESCAPE_SEQUENCE, UNSEEN, clean, one_line

__all__ = ["ESCAPE_SEQUENCE", "clean", "json_line", "one_line", "shorten"]


def _escaped(code: int) -> str:
    """A character as JSON spells it in ASCII: one or two units of UTF-16."""
    units = chr(code).encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_JSON_ESCAPES = {
    code: _escaped(code)
    for code in (*range(0x7F, 0xA0), *DIRECTIONS, *UNSEEN, 0x200C, 0x200D, *range(0xE0100, 0xE01F0))
}


def shorten(text: str, width: int) -> str:
    """At most `width` characters of `text`; what is left out of the middle shows as an ellipsis.

    Names of models differ at both ends: the provider stands first, the version last.
    """
    if len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    head = width // 2
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def json_line(value: object) -> str:
    """`value` as a line of JSON in which no character is one that a terminal would obey."""
    document = msgspec.json.encode(value).decode()
    return document if document.isascii() and "\x7f" not in document else document.translate(_JSON_ESCAPES)
