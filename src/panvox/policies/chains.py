"""Who stands in for a model, in which order: chains by name, from settings, or derived. Pure.

chain_for(asked, candidates, ...) ─┬─ a chain that was named: the user's, else one of `SHIPPED`
                                   ├─ a chain of the settings whose first link means the model asked
                                   └─ derived: the same weights elsewhere, then other weights if allowed
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from panvox.errors import SelectionError
from panvox.policies.pauses import Rule, means
from panvox.settings.schema import ChainLink

MOST = 4
"""Models of a derived chain that stand in, at most: each one that fails takes its time."""

_REFLEXION = (
    ChainLink(model="*kimi-k2*", retries=2, base=5.0),
    ChainLink(model="*glm-4[.p-]7*", retries=2, base=2.0),
    ChainLink(model="*llama*3*70b*", retries=1, base=1.0),
)

SHIPPED: Mapping[str, tuple[ChainLink, ...]] = {
    "default": (
        ChainLink(model="*kimi-k2*", retries=2, base=5.0),
        ChainLink(model="*glm-4[.p-]7*", retries=3, base=2.0),
        ChainLink(model="*llama*3*70b*", retries=3, base=1.0),
        ChainLink(model="*dolphi*[n_-]3*", retries=3),
    ),
    "reflexion": _REFLEXION,
}
"""Chains that need no settings; one of the same name in the settings wins. The globs fit the names that
providers use, such as `moonshotai/kimi-k2-0905`, `glm-4p7` and `meta.llama3-3-70b-instruct-v1:0`."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model that could be asked, as far as chains care.

    `price` is in USD for any one amount of work, the same for all; `strength` from 0 to 1; None where nobody
    knows. Models of one `lineage` share weights.
    """

    name: str
    lineage: str = ""
    provider: str = ""
    local: bool = False
    free: bool = False
    price: float | None = None
    strength: float | None = None


class ChainMember(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate in its place, with what its link says of retries; None leaves that to the model's rule."""

    candidate: Candidate
    retries: int | None = None
    base: float | None = None

    def rule(self, own: Rule) -> Rule:
        """How it is asked again in this chain; `own` is the rule that it has by itself."""
        attempts = own.attempts if self.retries is None else self.retries + 1
        base = own.base if self.base is None else self.base
        return msgspec.structs.replace(own, attempts=attempts, base=base)


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The model asked and those that stand in for it, in order.

    `explicit`: the user put them there. `notes` are sentences on links that were left out.
    """

    members: tuple[ChainMember, ...]
    explicit: bool = False
    notes: tuple[str, ...] = ()


def chain_for(
    asked: Candidate | None,
    candidates: Sequence[Candidate],
    *,
    chains: Mapping[str, tuple[ChainLink, ...]],
    name: str | None = None,
    panel: Collection[Candidate] = (),
    lineages: bool = False,
) -> Chain:
    """The chain of `asked`, out of `candidates`; with None, the chain called `name` by itself.

    `chains` are those of the settings; `panel` holds all who vote, and `lineages` lets other weights than
    theirs stand in without being named. Raises `SelectionError` for an unknown name, or if nobody is left.
    """
    if name is not None:
        return _named(name, asked, candidates, {**SHIPPED, **chains})
    if asked is None:
        raise SelectionError("Name a model or a chain to be asked.")
    for own, links in chains.items():
        if means(links[0].model, asked.name):
            return _named(own, asked, candidates, chains)
    stand_ins = derived(asked, candidates, panel=panel, lineages=lineages)
    return Chain(members=tuple(ChainMember(candidate=each) for each in (asked, *stand_ins)))


def derived(
    asked: Candidate, candidates: Sequence[Candidate], *, panel: Collection[Candidate], lineages: bool
) -> tuple[Candidate, ...]:
    """Who stands in without being named: at most `MOST`, local ones last, none that is a member of `panel`.

    The same weights at other providers come first, the cheapest first. With `lineages`, weights that do not
    vote come next, one model of each, the nearest in strength first. Paid ones never for a free one.
    """
    members = {asked.name, *(each.name for each in panel)}

    def may(other: Candidate) -> bool:
        return other.name not in members and (other.free or other.local or not asked.free)

    alike = [each for each in candidates if asked.lineage and each.lineage == asked.lineage and may(each)]
    elsewhere = sorted((each for each in alike if each.provider != asked.provider), key=_price)
    voting = {"", asked.lineage, *(each.lineage for each in panel)}
    strangers = [each for each in candidates if lineages and each.lineage not in voting and may(each)]
    nearest = _one_of_each(sorted(strangers, key=lambda each: (_distance(asked, each), *_price(each))))
    chosen = [*elsewhere, *nearest]
    return tuple(sorted(chosen, key=lambda each: each.local))[:MOST]


def _named(
    name: str,
    asked: Candidate | None,
    candidates: Sequence[Candidate],
    chains: Mapping[str, tuple[ChainLink, ...]],
) -> Chain:
    if name not in chains:
        raise SelectionError(_unknown(name, chains))
    members: list[ChainMember] = [] if asked is None else [ChainMember(candidate=asked)]
    notes: list[str] = []
    for link in chains[name]:
        if asked is not None and means(link.model, asked.name):
            members[0] = ChainMember(candidate=asked, retries=link.retries, base=link.base)
        elif (found := _meant(link, candidates, members)) is not None:
            members.append(ChainMember(candidate=found, retries=link.retries, base=link.base))
        else:
            notes.append(
                f"no model on offer is meant by {link.model}, so the chain {name} goes on without it"
            )
    if not members:
        raise SelectionError(
            f"No model on offer is meant by any link of the chain {name}: "
            f"{', '.join(link.model for link in chains[name])}. `panvox models` lists what there is."
        )
    return Chain(members=tuple(members), explicit=True, notes=tuple(notes))


def _unknown(name: str, chains: Mapping[str, tuple[ChainLink, ...]]) -> str:
    near = get_close_matches(name, chains, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    known = ", ".join(sorted(chains))
    return f"No chain is called {name!r}{meant} There are: {known}; the table [fallback.chains] adds more."


def _meant(
    link: ChainLink, candidates: Sequence[Candidate], members: Sequence[ChainMember]
) -> Candidate | None:
    """The strongest model that a link means: a lighter one of a similar name must not take its place."""
    taken = {member.candidate.name for member in members}
    fitting = [each for each in candidates if each.name not in taken and means(link.model, each.name)]
    return min(fitting, key=lambda each: (-(each.strength or 0.0), *_price(each)), default=None)


def _price(candidate: Candidate) -> tuple[float, str]:
    """What to sort by, the cheapest first and unknown prices last; the name makes it certain."""
    if candidate.free or candidate.local:
        return 0.0, candidate.name
    return (float("inf") if candidate.price is None else candidate.price), candidate.name


def _distance(asked: Candidate, other: Candidate) -> float:
    if asked.strength is None or other.strength is None:
        return 1.0
    return abs(asked.strength - other.strength)


def _one_of_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.lineage, candidate)
    return list(first.values())
