"""Who is compared with whom, by which judge, in which order; and what the rulings amount to.

A knock-out over representatives, the ones with most votes seeded apart. With `n` of them each judge makes at
most `2 (n - 1)` comparisons, and all of them together `most`: the final is shown in both orders, earlier
pairs as well where the number allows it, else in an order that chance decides. Where a vote is to be
defended, its representative waits in the final, so that whoever wins has been compared with it.

Judges prefer what they are shown first, and what they wrote themselves (Zheng et al. 2023, arXiv 2306.05685;
Panickssery et al. 2024, arXiv 2404.13076). Both are measured and taken out:

- position: a win counts by the inverse of how often the judge lets that place win, so that one that always
  prefers the first place decides nothing;
- self-preference: no judge is shown an answer of its own lineage while another can be; where none can, a win
  that it gives itself counts nothing.

A tie goes to whoever had more votes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # a ruling is what `judge` reads, which builds on this
    from panvox.curation.judging.judge import Ruling

ENOUGH = 4
"""Rulings from which a bias is worth telling."""

_PRIOR = 2.0
"""Rulings that each place is credited with before there are any: bias is believed as it is seen."""


class Entrant(msgspec.Struct, frozen=True):
    """Who stands for an answer: a member, the weights behind it, and the votes of its group."""

    member: str
    lineage: str
    votes: float = 0.0


class Judge(msgspec.Struct, frozen=True):
    """Who compares: a name, and the weights behind it."""

    name: str
    lineage: str


class Pairing(msgspec.Struct, frozen=True):
    """One question to one judge: two members, in the order in which they are shown; asked once at most."""

    judge: str
    first: str
    second: str

    def other(self, member: str) -> str:
        """Who is compared with `member`."""
        return self.second if member == self.first else self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a tournament came to. `decisive` are the rulings of its final.

    `final` names who was in it, the one with more votes first. `both_orders`: the champion won it whichever
    way round it was shown. The biases are as `Judgement` has them.
    """

    judges: tuple[str, ...]
    champion: str | None = None
    final: tuple[str, ...] = ()
    both_orders: bool = False
    comparisons: int = 0
    decisive: tuple[tuple[Pairing, Ruling], ...] = ()
    position_bias: float | None = None
    self_preference: float | None = None
    problem: str = ""


@dataclass(slots=True)
class _Match:
    """Two that are compared; `better` has more votes."""

    better: Entrant
    other: Entrant
    pairings: list[Pairing] = field(default_factory=list)


class Tournament:
    """Ask what is `due`, `take` what came of it, until nothing is due.

    `entrants` come best seed first; of more than half as many as there are comparisons the last are left out,
    so that one judge can be shown every pair in both orders. With `defended` the first waits in the final.
    """

    def __init__(
        self,
        entrants: Sequence[Entrant],
        judges: Sequence[Judge],
        *,
        most: int,
        random: Random,
        defended: bool = False,
    ) -> None:
        """Raises `ValueError` without a judge, or for fewer than two entrants or comparisons."""
        if not judges or len(entrants) < 2 or most < 2:
            raise ValueError("a tournament takes a judge, two entrants and two comparisons at least")
        self.entrants = tuple(entrants[: max(2, most // 2)])
        self._judges = {judge.name: judge for judge in judges}
        self._random = random
        self._defender = self.entrants[0] if defended else None
        self._alive = list(self.entrants[1:] if defended else self.entrants)
        self._matches: list[_Match] = []
        self._final: _Match | None = None
        self._rulings: dict[Pairing, Ruling] = {}
        self._turn = random.randrange(len(judges))
        early = len(self.entrants) - 2
        in_final = min(len(judges), max(1, (most - early) // 2))
        spare = most - 2 * in_final
        self._final_judges = in_final
        self._early_orders = 2 if 2 * len(judges) * early <= spare else 1
        self._early_judges = min(len(judges), max(1, spare // max(1, early)))
        self._begin_round()

    # --- the rounds ---

    @property
    def due(self) -> tuple[Pairing, ...]:
        """What has to be asked next; nothing when the tournament is over."""
        return tuple(pairing for match in self._matches for pairing in match.pairings)

    def take(self, rulings: Mapping[Pairing, Ruling]) -> None:
        """What came of what was due; a pairing without a ruling was asked in vain."""
        self._rulings.update({pairing: rulings[pairing] for pairing in self.due if pairing in rulings})
        if self._final is not None:
            self._matches = []
            return
        winners = {self._winner(match).member for match in self._matches}
        beaten = {entrant.member for match in self._matches for entrant in (match.better, match.other)}
        self._alive = [e for e in self._alive if e.member in winners or e.member not in beaten]
        self._begin_round()

    def _begin_round(self) -> None:
        if self._defender is not None and len(self._alive) == 1:
            self._alive.insert(0, self._defender)
            self._defender = None
        half = len(self._alive) // 2
        # The best meets the worst; where they are odd, the best has no need to.
        first = len(self._alive) % 2
        pairs = [(self._alive[first + at], self._alive[-1 - at]) for at in range(half)]
        self._matches = [_Match(better, other) for better, other in pairs]
        if len(self._alive) == 2 and self._defender is None:
            self._final = self._matches[0]
        for match in self._matches:
            match.pairings = list(self._pairings(match))

    def _pairings(self, match: _Match) -> Iterator[Pairing]:
        final = match is self._final
        for judge in self._panel(match, self._final_judges if final else self._early_judges):
            ways = [(match.better.member, match.other.member), (match.other.member, match.better.member)]
            if not final and self._early_orders == 1:
                ways = [self._random.choice(ways)]
            for first, second in ways:
                yield Pairing(judge=judge.name, first=first, second=second)

    def _panel(self, match: _Match, size: int) -> list[Judge]:
        """Judges who wrote neither; all, where each wrote one. They take turns."""
        own = {match.better.lineage, match.other.lineage}
        able = [judge for judge in self._judges.values() if judge.lineage not in own]
        able = able or list(self._judges.values())
        start = self._turn % len(able)
        self._turn += size
        return [*able[start:], *able[:start]][:size]

    # --- the counts ---

    def _winner(self, match: _Match) -> Entrant:
        return match.other if self._margin(match) < -1e-9 else match.better

    def _margin(self, match: _Match, *, first: str | None = None) -> float:
        """By how much the better seed leads in a match; only where `first` was shown first, if given."""
        margin = 0.0
        for pairing in match.pairings:
            found = self._rulings.get(pairing)
            if found is None or found.winner is None or first not in (None, pairing.first):
                continue
            winner = match.better if found.winner == match.better.member else match.other
            if self._judges[pairing.judge].lineage == winner.lineage:
                continue
            share = self._first_share(pairing.judge)
            weight = 1 - share if found.winner == pairing.first else share
            margin += weight if winner is match.better else -weight
        return margin

    def _first_share(self, judge: str) -> float:
        """The share of a judge's wins that went to the place shown first; one half before it has ruled."""
        wins, decided = _PRIOR, 2 * _PRIOR
        for pairing, found in self._rulings.items():
            if pairing.judge == judge and found.winner is not None:
                decided += 1
                wins += found.winner == pairing.first
        return wins / decided

    # --- the end ---

    def finding(self) -> Finding:
        """What it came to; where the final was not judged nobody has won."""
        final = self._final
        decisive = tuple(
            (pairing, self._rulings[pairing])
            for pairing in (final.pairings if final else ())
            if pairing in self._rulings
        )
        position, own = self._position_bias(), self._self_preference()
        if final is None or not decisive:
            return Finding(
                judges=tuple(self._judges),
                comparisons=len(self._rulings),
                position_bias=position,
                self_preference=own,
                problem="no judge gave a readable ruling on the last two answers",
            )
        champion = self._winner(final)
        sign = 1 if champion is final.better else -1
        pair = final.better.member, final.other.member
        return Finding(
            judges=tuple(self._judges),
            champion=champion.member,
            final=pair,
            both_orders=all(sign * self._margin(final, first=shown) > 1e-9 for shown in pair),
            comparisons=len(self._rulings),
            decisive=decisive,
            position_bias=position,
            self_preference=own,
        )

    def _position_bias(self) -> float | None:
        """The share of wins of the place shown first, above one half; which is first is never merit."""
        decided = [(pairing, found) for pairing, found in self._rulings.items() if found.winner is not None]
        if len(decided) < ENOUGH:
            return None
        return sum(found.winner == pairing.first for pairing, found in decided) / len(decided) - 0.5

    def _self_preference(self) -> float | None:
        """How much more often judges let their own lineage win than other judges do, else than votes say."""
        lineages = {entrant.member: entrant.lineage for entrant in self.entrants}
        votes = {entrant.member: entrant.votes for entrant in self.entrants}
        by_pair: defaultdict[frozenset[str], list[tuple[Judge, str]]] = defaultdict(list)
        for pairing, found in self._rulings.items():
            if found.winner is not None:
                judge = self._judges[pairing.judge]
                by_pair[frozenset((pairing.first, pairing.second))].append((judge, found.winner))
        excess: list[float] = []
        for pair, said in by_pair.items():
            own_of = {lineages[member] for member in pair}
            others = Counter(winner for judge, winner in said if judge.lineage not in own_of)
            for judge, winner in said:
                own = [member for member in pair if lineages[member] == judge.lineage]
                if len(own) != 1:
                    continue
                total = sum(votes[member] for member in pair)
                usual = others[own[0]] / others.total() if others else votes[own[0]] / total if total else 0.5
                excess.append((winner == own[0]) - usual)
        return sum(excess) / len(excess) if len(excess) >= ENOUGH else None
