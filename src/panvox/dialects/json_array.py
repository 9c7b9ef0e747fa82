"""The elements of one JSON array out of bytes, each as soon as it is complete, as Google streams them.

Any split of the bytes gives the same elements, and no byte is looked at twice. Only brackets and strings are
followed: whether an element is JSON is for whoever reads it. What comes before and after the array is
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from panvox.dialects.sse import LARGEST_EVENT, ServerEvent
from panvox.errors import Malformed

_IN_TEXT = re.compile(rb'[\\"]')
_BETWEEN = re.compile(rb'["\[\]{},]')
_BEFORE, _INSIDE = 0, 1  # how many brackets are open: before the array, and between its elements


class Splitter:
    """Bytes in, elements out; implements `panvox.dialects.replies.Splitter`."""

    __slots__ = ("_depth", "_escaped", "_limit", "_over", "_pending", "_quoted")

    def __init__(self, *, limit: int = LARGEST_EVENT) -> None:
        self._limit = limit
        self._pending = bytearray()  # of the element that is not complete yet
        self._depth = _BEFORE
        self._quoted = False  # whether a string is open
        self._escaped = False  # whether the next byte belongs to a backslash
        self._over = False

    def feed(self, data: bytes) -> Iterator[ServerEvent]:
        """The elements completed by `data`; raises `Malformed` when one is larger than the limit."""
        start = at = 0
        if self._depth == _BEFORE:
            start = at = data.find(b"[") + 1
            self._depth = _INSIDE if at else _BEFORE
        while not self._over and self._depth and (mark := self._next_mark(data, at)) is not None:
            at = mark + 1
            ends = self._follow(data[mark])
            if ends is not None:
                yield from self._element(data[start : mark + ends])
                start = at
        if self._depth and not self._over:
            self._keep(data[start:])

    def close(self) -> ServerEvent | None:
        """What there is of an element that was not completed."""
        pending, self._pending = bytes(self._pending).strip(), bytearray()
        return ServerEvent(pending) if pending else None

    @property
    def cut_off(self) -> bool:
        """Whether the bracket at the end of the array has not come."""
        return not self._over

    def _next_mark(self, data: bytes, at: int) -> int | None:
        """Where the next byte stands that changes anything."""
        if self._escaped and at < len(data):
            self._escaped = False
            at += 1
        found = (_IN_TEXT if self._quoted else _BETWEEN).search(data, at)
        return found.start() if found else None

    def _follow(self, mark: int) -> int | None:
        """Go past `mark`; 1 if an element ends with it, 0 if one ends before it, None if it goes on."""
        match chr(mark):
            case "\\":
                self._escaped = True
            case '"':
                self._quoted = not self._quoted
            case "{" | "[":
                self._depth += 1
            case "}" | "]" if self._depth > _INSIDE:
                self._depth -= 1
                return 1 if self._depth == _INSIDE else None
            case "}" | "]":
                self._over = True
                return 0
            case _ if self._depth == _INSIDE:  # a comma
                return 0
        return None

    def _element(self, data: bytes) -> Iterator[ServerEvent]:
        self._keep(data)
        element, self._pending = bytes(self._pending).rstrip(), bytearray()
        if element:
            yield ServerEvent(element)

    def _keep(self, data: bytes) -> None:
        self._pending += data if self._pending else data.lstrip()
        if len(self._pending) > self._limit:
            raise Malformed(
                f"The stream has an element of more than {self._limit} bytes.",
                hint="The provider sends an array that never goes on, or far too much at once.",
            )
