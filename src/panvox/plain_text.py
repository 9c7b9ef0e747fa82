"""Text of models and providers, made safe to show on a terminal or a page: every such text passes here first.

What a terminal would obey goes: escape sequences, control characters, and the marks that turn the direction
of the text around. So does what nobody sees and a text could hide in: signs without width, tags, and more
than one variation selector in a row; joiners stay where scripts and emoji need them. What people wrote stays,
letter for letter; nothing is rendered and nothing is loaded, so that images and HTML in an answer are only
text.
"""

from __future__ import annotations

import re

ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # CSI: colours, cursor, clearing
    r"|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*+[0-~]"  # all the others
)
"""Escape sequences as ECMA-48 spells them, in seven and in eight bits. Possessive, so never slow."""

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the direction of a text around."""
UNSEEN = (
    *(0x00AD, 0x180E, 0x200B, 0xFEFF),  # soft hyphen, spaces without width
    *range(0x2060, 0x2066),  # word joiner, invisible operators
    *range(0x206A, 0x2070),  # deprecated marks of shaping
    *range(0xFFF9, 0xFFFC),  # annotations between the lines
    *range(0x13430, 0x13440),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE0080),  # tags
)
"""What nobody sees."""
_DROPPED = dict.fromkeys((*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0), *DIRECTIONS, *UNSEEN))
_SHOWABLE = {**_DROPPED, **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}
_SELECTOR = "[\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_PILED_UP = re.compile(
    f"(?<={_SELECTOR}){_SELECTOR}++"  # one selector says all there is to say
    r"|(?<![\u0300-\u1fff\u2190-\u2bff\u3000-\ud7ff\uf900-\ufeff\U00010000-\U000dffff])[\u200c\u200d]++"
    f"|(?<=[\u200c\u200d])(?:{_SELECTOR}|[\u200c\u200d])++"
)
"""Selectors and joiners that have no letter, emoji or other sign in front of them which they could change."""


def clean(text: str) -> str:
    """`text` without anything that a terminal would obey but line ends and tabs."""
    if text.isprintable() and text.isascii():
        return text
    if "\x1b" in text or not text.isascii():
        text = ESCAPE_SEQUENCE.sub("", text)
    text = _LINE_ENDS.sub("\n", text).translate(_SHOWABLE)
    return text if text.isascii() else _PILED_UP.sub("", text)


def one_line(text: str) -> str:
    """`text` cleaned, on one line, with single spaces."""
    return " ".join(clean(text).split())
