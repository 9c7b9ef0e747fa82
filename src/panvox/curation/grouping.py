"""Which answers are the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from panvox.curation.extract import Extract
from panvox.messages import ToolCall


class Merge(NamedTuple):
    """All of the group `gone` belongs to the group `into` from now on."""

    into: int
    gone: int


class Grouping:
    """Puts answers into groups as they land: by what was extracted, else by the text itself."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}

    def place(self, text: str, found: Extract | None, *, calls: Sequence[ToolCall] = ()) -> int:
        """The number of the group that the answer belongs to; numbers count up from 0.

        `calls` are the tools that it calls instead of answering.
        """
        words = text if not calls else " ".join(f"{call.name}({call.arguments})" for call in calls)
        key = f"={found.key}" if found else f"~{' '.join(words.split())}"
        return self._groups.setdefault(key, len(self._groups))

    def settle(self) -> Sequence[Merge]:
        """The groups that turn out to be the same now that all are known: none, where equals are grouped."""
        return ()
