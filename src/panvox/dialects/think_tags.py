"""Thinking that hides in the text, between `<think>` and `</think>`.

Local servers that do not know the template of a model leave the tags in. They count at the start of an
answer only: further on they are what the answer is about. Where the opening tag stood in the prompt's
template and only `</think>` arrives, nothing can be told before it is too late, and the text stays text.
"""

from __future__ import annotations

from enum import Enum, auto

from panvox.messages import Reasoning, Text

_OPENING = "<think>"
_CLOSING = "</think>"
_LONGEST_BLANK = 64  # characters of blank text waited through for a tag


class _Stage(Enum):
    START = auto()  # only blanks, or the beginning of a tag, so far
    INSIDE = auto()
    GAP = auto()  # after the closing tag, before the answer's first character
    ANSWER = auto()


class ThinkTags:
    """Pieces of text in, text and reasoning out, for any split of the tags."""

    __slots__ = ("_held", "_stage")

    def __init__(self) -> None:
        self._held = ""
        self._stage = _Stage.START

    @property
    def passed(self) -> bool:
        """Whether whatever comes now is the answer."""
        return self._stage is _Stage.ANSWER

    def feed(self, text: str) -> list[Text | Reasoning]:
        """What `text` adds."""
        events: list[Text | Reasoning] = []
        if self._stage is _Stage.START:
            text = self._start(text)
        if self._stage is _Stage.INSIDE:
            thinking, text = self._inside(text)
            if thinking:
                events.append(Reasoning(thinking))
        if self._stage is _Stage.GAP and (text := text.lstrip()):
            self._stage = _Stage.ANSWER
        if self._stage is _Stage.ANSWER and text:
            events.append(Text(text))
        return events

    def close(self) -> list[Text | Reasoning]:
        """What was held back because a tag could have come of it."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [Reasoning(held) if self._stage is _Stage.INSIDE else Text(held)]

    def _start(self, text: str) -> str:
        """What follows the opening tag, or all text if there can be none any more."""
        text = self._held + text
        first = text.lstrip()
        if first.startswith(_OPENING):
            self._held, self._stage = "", _Stage.INSIDE
            return first[len(_OPENING) :]
        if _OPENING.startswith(first) and len(text) <= _LONGEST_BLANK:
            self._held = text
            return ""
        self._held, self._stage = "", _Stage.ANSWER
        return text

    def _inside(self, text: str) -> tuple[str, str]:
        """The thinking in `text`, and what follows the closing tag."""
        text = self._held + text
        thinking, tag, rest = text.partition(_CLOSING)
        if tag:
            self._held, self._stage = "", _Stage.GAP
            return thinking, rest
        kept = next((n for n in range(len(_CLOSING) - 1, 0, -1) if text.endswith(_CLOSING[:n])), 0)
        cut = len(text) - kept
        self._held = text[cut:]
        return text[:cut], ""
