"""What answers that are still open could change.

*Certain*: whatever they say, whoever of them answers, the leader stays. Worked out exactly, seat by seat, for
votes that are divided: a seat that has answered in part moves less than a vote, and also takes away from what
it gave before.

*Likely*: the open seats are taken to fall on answers as those that have been heard did. Their lead is then
nearly normal, with the variance of the votes themselves and that of shares estimated from few. A seat that is
worth the whole lead alone keeps the question open: the strong and slow are waited for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_EPSILON = 1e-9

CAUTION = 0.5
"""Part of the stated risk that one look may use: who looks after each answer looks often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A seat that has answered and has answers to come.

    `fresh` are the weights of its voters that have not answered, the highest first; `heard` how many have.
    `now` is what each group has of the seat, before division by `heard`; `later` the same (of the same
    groups) once those who have answered in part have answered in full, and `more` what the rest of their
    answers then bring to one group.
    """

    heard: int
    fresh: tuple[float, ...] = ()
    now: Mapping[int, float] = field(default_factory=dict)
    later: Mapping[int, float] = field(default_factory=dict)
    more: float = 0.0

    def gain(self, leader: int, rival: int | None) -> float:
        """By how much at most the seat can bring `rival` closer to `leader`; None is a new answer."""
        before = (_of(self.now, rival) - _of(self.now, leader)) / self.heard
        lead = _of(self.later, rival) - _of(self.later, leader) + self.more
        most = max(before, lead / self.heard)
        for number, weight in enumerate(self.fresh, start=self.heard + 1):
            lead += weight
            most = max(most, lead / number)
        return most - before


def _of(sums: Mapping[int, float], group: int | None) -> float:
    return 0.0 if group is None else sums.get(group, 0.0)


class Opens:
    """All seats with answers to come: those `begun`, and of the others the highest weight of each."""

    def __init__(self, untouched: Iterable[float], begun: Sequence[Begun] = ()) -> None:
        weights = list(untouched)
        self.votes = sum(weights)
        self.squares = sum(weight * weight for weight in weights)
        self.strongest = max(weights, default=0.0)
        self._begun = begun

    def rivals(self, votes: Mapping[int, float], leader: int) -> Iterator[tuple[float, float, int]]:
        """The other groups and a new one: votes held, what begun seats can gain, how many are alike.

        A begun seat gains the same for all groups that have nothing of it: this takes time in proportion to
        groups and answers, not to their product.
        """
        usual = 0.0
        beyond: dict[int | None, float] = {}
        for seat in self._begun:
            gain = seat.gain(leader, None)
            usual += gain
            for rival in seat.now:
                beyond[rival] = beyond.get(rival, 0.0) + seat.gain(leader, rival) - gain
        alike = Counter((held, beyond.get(group, 0.0)) for group, held in votes.items() if group != leader)
        alike[0.0, 0.0] += 1
        for (held, more), count in alike.items():
            yield held, usual + more, count


def certain(votes: Mapping[int, float], leader: int, opens: Opens) -> bool:
    """Whether `leader` leads alone whatever the open seats say."""
    most = votes[leader] - opens.votes - _EPSILON
    if _second(votes, leader) >= most:
        return False
    return all(held + gain < most for held, gain, _ in opens.rivals(votes, leader))


def chance_of_change(votes: Mapping[int, float], leader: int, opens: Opens, *, heard: float) -> float:
    """The probability that another group will lead, times `1 / CAUTION`, at most 1.

    `heard` is the effective number of seats that have voted.
    """
    if votes[leader] - _second(votes, leader) <= opens.strongest:
        return 1.0
    total = opens.votes
    given = sum(votes.values())
    usual = given / max(heard, 1.0)
    chance = 0.0
    for held, gain, count in opens.rivals(votes, leader):
        lead = votes[leader] - held - gain
        if lead <= opens.strongest:
            return 1.0
        for_leader = votes[leader] / (given + usual)
        for_rival = (held + usual / 2) / (given + usual)
        drift = for_leader - for_rival
        spread = max(for_leader + for_rival - drift * drift, 0.0)
        variance = opens.squares * spread + total * total * spread / (heard + 1)
        if variance > 0:
            chance += count * 0.5 * math.erfc((lead + total * drift) / math.sqrt(2 * variance))
    return min(1.0, chance / CAUTION)


def _second(votes: Mapping[int, float], leader: int) -> float:
    """The most votes that another group has."""
    return max((held for group, held in votes.items() if group != leader), default=0.0)
