"""From a selection to a panel: members with their models, and who stands in for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from panvox.catalog.entries import LOCAL, Entry
from panvox.compose.stack import Cost, Stack, identity_of
from panvox.engine import Member
from panvox.errors import SelectionError
from panvox.policies.chains import Candidate, Chain, ChainMember, chain_for
from panvox.protocols import Model, Purse
from panvox.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """How the members of a panel are asked.

    `fallback`: whether others may stand in; `chain` is the name of a chain to ask in place of a panel, and
    `preferred` the model that others of the selection stand in for. `fresh` asks anew what is in the cache.
    """

    fallback: bool = True
    chain: str | None = None
    preferred: bool = False
    fresh: bool = False


class Panels:
    """Makes panels of the `entries` of a catalogue."""

    def __init__(self, settings: Settings, stack: Stack, entries: tuple[Entry, ...], *, cost: Cost) -> None:
        self.entries = entries
        self._settings = settings
        self._stack = stack
        self._cost = cost
        self._entries = {entry.name: entry for entry in entries}
        self._candidates = {name: candidate(entry) for name, entry in self._entries.items()}
        self._alike: defaultdict[str, list[Candidate]] = defaultdict(list)
        for each in self._candidates.values():
            self._alike[each.lineage].append(each)
        self._found: tuple[tuple[Candidate, ...], list[Chain]] = (), []

    def members(
        self, selected: Sequence[Entry], calls: Calls, *, heard: Callable[[str], None], purse: Purse
    ) -> list[Member]:
        """One member for each model that was selected; one alone for a chain, or a preferred model.

        Raises `SelectionError` for a chain that is not there, or of which no model is.
        """
        if calls.chain is not None:
            return [self._of_chain(self._named(calls.chain), calls, heard=heard, purse=purse)]
        if calls.preferred:
            return [self._of_chain(self._preferring(selected, calls), calls, heard=heard, purse=purse)]
        if not (calls.fallback and self._settings.fallback.enabled):
            return [self._alone(entry, calls) for entry in selected]
        panel = tuple(self._candidates.get(entry.name) or candidate(entry) for entry in selected)
        return [self._of_chain(chain, calls, heard=heard, purse=purse) for chain in self._chains(panel)]

    def _chains(self, panel: tuple[Candidate, ...]) -> list[Chain]:
        """Who stands in for each of `panel`; looked for once where one panel is asked again and again."""
        if self._found[0] != panel:
            self._found = panel, [self._chain(asked, panel) for asked in panel]
        return self._found[1]

    def _named(self, name: str) -> Chain:
        return chain_for(
            None, tuple(self._candidates.values()), chains=self._settings.fallback.chains, name=name
        )

    def _preferring(self, selected: Sequence[Entry], calls: Calls) -> Chain:
        """The first of the selection, for which the rest of it stands in, or models like it."""
        if not selected:
            raise SelectionError("no model is preferred")
        first, *others = (candidate(entry) for entry in selected)
        if not calls.fallback:
            return Chain(members=(ChainMember(candidate=first),), explicit=True)
        if others:
            return Chain(
                members=tuple(ChainMember(candidate=each) for each in (first, *others)), explicit=True
            )
        return chain_for(
            first,
            tuple(self._candidates.values()),
            chains=self._settings.fallback.chains,
            panel=(first,),
            lineages=True,
        )

    def _chain(self, asked: Candidate, panel: Sequence[Candidate]) -> Chain:
        """Who stands in for a member of a panel; the search is short where only like weights may."""
        section = self._settings.fallback
        narrow = not section.lineages and not section.chains
        candidates = self._alike[asked.lineage] if narrow else list(self._candidates.values())
        return chain_for(
            asked,
            candidates,
            chains=section.chains,
            panel=[each for each in panel if each.lineage == asked.lineage] if narrow else panel,
            lineages=section.lineages,
        )

    def _of_chain(self, chain: Chain, calls: Calls, *, heard: Callable[[str], None], purse: Purse) -> Member:
        for note in chain.notes:
            heard(note)
        members = [(self._entry(each.candidate.name), each) for each in chain.members]
        entry = members[0][0]
        if len(members) == 1 and not chain.explicit:
            return self._alone(entry, calls)
        model = self._stack.chained(
            members, explicit=chain.explicit, heard=heard, purse=purse, fresh=calls.fresh
        )
        return self._member(entry, model)

    def _alone(self, entry: Entry, calls: Calls) -> Member:
        return self._member(entry, self._stack.asked(entry, fresh=calls.fresh))

    def _member(self, entry: Entry, model: Model) -> Member:
        return Member(identity_of(entry), model, cost=None if entry.free else partial(self._cost, entry))

    def _entry(self, name: str) -> Entry:
        return self._entries[name]


def candidate(entry: Entry) -> Candidate:
    """An entry as chains see it; its price is that of a typical call, three tokens in for one out."""
    prices = entry.prices
    known = prices.input is not None and prices.output is not None
    return Candidate(
        name=entry.name,
        lineage=entry.lineage,
        provider=entry.provider,
        local=entry.provider == LOCAL,
        free=entry.free,
        price=((prices.input or 0.0) * 3 + (prices.output or 0.0)) / 4 if known else None,
        strength=entry.strengths.get("general"),
    )
