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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_EPSILON = 1e-9

CAUTION = 0.5
"""Part of the stated risk that one look may use: who looks after each answer looks often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A seat with answers to come.

    `fresh` are the weights of its voters that have not answered, the highest first; `heard` how many have.
    `now` is what each group has of the seat, before division by `heard`; `later` the same once those who have
    answered in part have answered in full, and `more` what the rest of their answers then bring to one group.
    """

    fresh: tuple[float, ...]
    heard: int = 0
    now: Mapping[int, float] = field(default_factory=dict)
    later: Mapping[int, float] = field(default_factory=dict)
    more: float = 0.0

    def gain(self, leader: int, rival: int | None) -> float:
        """By how much at most the seat can bring `rival` closer to `leader`; None is a new answer."""
        if not self.heard:
            return self.fresh[0] if self.fresh else 0.0
        before = (_of(self.now, rival) - _of(self.now, leader)) / self.heard
        lead = _of(self.later, rival) - _of(self.later, leader) + self.more
        most = max(before, lead / self.heard)
        for number, weight in enumerate(self.fresh, start=self.heard + 1):
            lead += weight
            most = max(most, lead / number)
        return most - before

    @property
    def most(self) -> float:
        """A bound of `gain` for all rivals."""
        if not self.heard:
            return self.fresh[0] if self.fresh else 0.0
        return 2 * max((self.more + sum(self.now.values())) / self.heard, *self.fresh, 0.0)


def _of(sums: Mapping[int, float], group: int | None) -> float:
    return 0.0 if group is None else sums.get(group, 0.0)


def certain(votes: Mapping[int, float], leader: int, opens: Sequence[Open]) -> bool:
    """Whether `leader` leads alone whatever the open seats say."""
    untouched = sum(seat.most for seat in opens if not seat.heard)
    begun = [seat for seat in opens if seat.heard]
    bound = untouched + sum(seat.most for seat in begun)
    for rival, held in _rivals(votes, leader):
        lead = votes[leader] - held
        if lead > bound + _EPSILON:
            continue
        if lead <= untouched + sum(seat.gain(leader, rival) for seat in begun) + _EPSILON:
            return False
    return True


def chance_of_change(
    votes: Mapping[int, float], leader: int, opens: Sequence[Open], *, heard: float
) -> float:
    """The probability that another group will lead, times `1 / CAUTION`, at most 1.

    `heard` is the effective number of seats that have voted.
    """
    fresh = [seat.fresh[0] for seat in opens if not seat.heard and seat.fresh]
    begun = [seat for seat in opens if seat.heard]
    total, squares = sum(fresh), sum(weight * weight for weight in fresh)
    strongest = max(fresh, default=0.0)
    given = sum(votes.values())
    usual = given / max(heard, 1.0)
    chance = 0.0
    for rival, held in _rivals(votes, leader):
        lead = votes[leader] - held - sum(seat.gain(leader, rival) for seat in begun)
        if lead <= strongest:
            return 1.0
        for_leader = votes[leader] / (given + usual)
        for_rival = (held + usual / 2) / (given + usual)
        drift = for_leader - for_rival
        spread = max(for_leader + for_rival - drift * drift, 0.0)
        variance = squares * spread + total * total * spread / (heard + 1)
        if variance > 0:
            chance += 0.5 * math.erfc((lead + total * drift) / math.sqrt(2 * variance))
    return min(1.0, chance / CAUTION)


def _rivals(votes: Mapping[int, float], leader: int) -> list[tuple[int | None, float]]:
    """All other groups, and one that nobody has given yet, with their votes."""
    return [*((group, held) for group, held in votes.items() if group != leader), (None, 0.0)]
