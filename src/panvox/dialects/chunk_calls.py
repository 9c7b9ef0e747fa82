"""Which pieces of tool calls belong together, where a provider leaves that to guessing."""

from __future__ import annotations

from panvox.dialects.chunks import Call, Function
from panvox.messages import ToolCallDelta


class Calls:
    """Takes the pieces of all calls of one answer in order; each costs the same, however many came before."""

    __slots__ = ("_ids", "_indices", "_places")

    def __init__(self) -> None:
        self._ids: list[str] = []  # of each call so far
        self._places: dict[str, int] = {}  # the id of a call → its place
        self._indices: dict[int, int] = {}  # the provider's index → the place

    def piece(self, call: Call) -> ToolCallDelta:
        """The event for the next piece."""
        function = call.function or Function()
        place = self._place(call.index, call.id or "", bool(function.name))
        return ToolCallDelta(place, call.id or "", function.name or "", function.arguments or "")

    def _place(self, index: int | None, identity: str, named: bool) -> int:
        """The call that the piece belongs to.

        An index decides, unless it comes with another id and another name: some give every call index 0.
        Without an index (Mistral, Together) a new id or a name begins a call.
        """
        place = self._indices.get(index) if index is not None else self._latest(identity, named)
        if place is not None:
            known = self._ids[place]
            if not (named and identity and known and identity != known):
                self._ids[place] = known or identity
                self._places.setdefault(identity, place)
                return place
        self._ids.append(identity)
        place = len(self._ids) - 1
        self._places.setdefault(identity, place)
        if index is not None:
            self._indices[index] = place
        return place

    def _latest(self, identity: str, named: bool) -> int | None:
        if identity and identity in self._places:
            return self._places[identity]
        return None if identity or named or not self._ids else len(self._ids) - 1
