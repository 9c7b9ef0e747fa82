"""Text of models and providers, made safe to show: every such text passes here before it reaches a terminal.

What a terminal would obey goes: escape sequences, control characters, and the marks that turn the direction
of the text around. What people wrote stays, letter for letter; nothing is rendered and nothing is loaded, so
that images and HTML in an answer are only text.
"""

from __future__ import annotations

import re

import msgspec

ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor, clearing
    r"|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*+[0-~]"  # all the others
)
"""Escape sequences as ECMA-48 spells them, in seven and in eight bits. Possessive, so never slow."""

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_DROPPED = dict.fromkeys((*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0), *_DIRECTIONS))
_SHOWABLE = {**_DROPPED, **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_DIRECTIONS)}


def clean(text: str) -> str:
    """`text` without anything that a terminal would obey but line ends and tabs."""
    if text.isprintable() and text.isascii():
        return text
    if "\x1b" in text or not text.isascii():
        text = ESCAPE_SEQUENCE.sub("", text)
    return _LINE_ENDS.sub("\n", text).translate(_SHOWABLE)


def one_line(text: str) -> str:
    """`text` cleaned, on one line, with single spaces."""
    return " ".join(clean(text).split())


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
