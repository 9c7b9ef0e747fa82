"""Where a secret stands in a text. Spans tell places and kinds, never values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """The characters from `start` up to `stop`; of two that overlap the lower `rank` tells the kind."""

    start: int
    stop: int
    kind: str
    rank: int = 0


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap made one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start < found[-1].stop:
            last = found.pop()
            kind, rank = min((last.kind, last.rank), (span.kind, span.rank), key=lambda each: each[1])
            found.append(Span(last.start, max(last.stop, span.stop), kind, rank))
        else:
            found.append(span)
    return found
