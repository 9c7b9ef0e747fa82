"""Which answers are the same answer."""

from __future__ import annotations

from panvox.curation.extract import Extract


class Grouping:
    """Puts answers into groups as they land: by what was extracted, else by the text itself."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}

    def place(self, text: str, found: Extract | None) -> int:
        """The number of the group that the answer belongs to; numbers count up from 0."""
        key = f"={found.key}" if found else f"~{' '.join(text.split())}"
        return self._groups.setdefault(key, len(self._groups))
