"""Votes, counted as answers land.

Whoever shares weights with others has one vote with them. A *voter* is one set of weights (a lineage): its
vote is divided among its answers. A *seat* is a voter, or a circle of voters that were measured to be near
copies: it has one vote too, the mean of its voters' that have answered.

    votes of a group = Σ over seats of the mean over its voters of weight · mean over its answers of factor ·
    [in the group]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median

import msgspec

from panvox.curation.confidence import confidence_of, share_confidence
from panvox.curation.stopping import Begun, Opens, certain, chance_of_change
from panvox.curation.weights import PUBLISHED_EXPONENT, TaskWeights, nobody_knows
from panvox.verdicts import Outlook

_EPSILON = 1e-9


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer counts now: `weight` votes; see `panvox.verdicts.Vote`."""

    weight: float
    strength: float | None = None
    part: float = 1.0


class Decisive(msgspec.Struct, frozen=True, kw_only=True):
    """Who could still change which group leads.

    `votes` is what the open `voters` could bring together at most, `group` the one that could come
    to the front, None where that is an answer nobody has given yet.
    """

    voters: tuple[str, ...]
    votes: float
    group: int | None


class _Seat:
    """Voters that share one vote; `sums` is what each group has of it, before division by `answers`."""

    __slots__ = ("answers", "sums", "weight")

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, float]]] = {}
        self.sums: dict[int, float] = {}
        self.weight = 0.0

    def put(self, voter: str, group: int, factor: float, weight: float) -> None:
        given = self.answers.setdefault(voter, [])
        if given:
            self._move(given, -weight / len(given))
        else:
            self.weight += weight
        given.append((group, factor))
        self._move(given, weight / len(given))

    def _move(self, given: list[tuple[int, float]], each: float) -> None:
        for group, factor in given:
            self.sums[group] = self.sums.get(group, 0.0) + each * factor

    def rename(self, old: int, new: int) -> None:
        self.sums[new] = self.sums.get(new, 0.0) + self.sums.pop(old)
        for given in self.answers.values():
            given[:] = [(new if group == old else group, factor) for group, factor in given]


class Tally:
    """The votes of one prompt. Answers are added one by one; nothing is counted anew.

    `asked` are the voters (the words for their weights) from whom answers may come. Where nothing was learnt
    (`weights`), published `strength` (0 to 1) decides, the unknown taken for the median of the known; where
    nothing was published either, each voter has one vote. Weights that come of feedback alone, without any
    prompt to learn from, multiply these votes.
    """

    def __init__(
        self,
        asked: Iterable[str],
        weights: TaskWeights | None = None,
        *,
        strength: Callable[[str], float | None] = nobody_knows,
    ) -> None:
        self._learnt = weights
        self._published = {} if weights and weights.polls else _published(asked, strength)
        self._usual = median(self._published.values()) if self._published else None
        self._seat_of = {
            voter: circle[0] for circle in (weights.copies if weights else ()) for voter in circle
        }
        self._seats: dict[str, _Seat] = {}
        self._seats_of: dict[int, set[str]] = {}
        self._votes: dict[int, float] = {}
        self._merged: dict[int, int] = {}
        self._weights: dict[str, float] = {}
        self._voters = 0
        self._sum = self._squares = 0.0

    def guess(self, voter: str) -> float:
        """The part of its vote that an answer of `voter` counts that its text does not mark."""
        return self._learnt.guess(voter) if self._learnt else 1.0

    def add(self, voter: str, group: int, *, factor: float = 1.0) -> None:
        """An answer of `voter` is in `group`; `factor` (0 to 1) is what is made of it.

        The seat's one vote is divided anew among all its answers.
        """
        name, group = self._seat_of.get(voter, voter), self._one(group)
        seat = self._seats.setdefault(name, _Seat())
        self._lift(seat)
        self._voters += voter not in seat.answers
        seat.put(voter, group, factor, self.weight(voter))
        self._seats_of.setdefault(group, set()).add(name)
        self._votes.setdefault(group, 0.0)
        self._count(seat, 1)

    def merge(self, into: int, other: int) -> None:
        """Two groups turn out to be the same: what is in `other` is in `into` from now on."""
        into, other = self._one(into), self._one(other)
        if into == other:
            return
        self._merged[other] = into
        names = self._seats_of.pop(other, set())
        for name in names:
            self._seats[name].rename(other, into)
        self._seats_of.setdefault(into, set()).update(names)
        if names:
            self._votes[into] = self._votes.get(into, 0.0) + self._votes.pop(other)

    def _one(self, group: int) -> int:
        """The group that `group` was merged into, or itself."""
        while group in self._merged:
            group = self._merged[group]
        return group

    def _lift(self, seat: _Seat) -> None:
        """Take the seat's vote off the table."""
        if seat.answers:
            self._count(seat, -1)

    def _count(self, seat: _Seat, sign: int) -> None:
        heard = len(seat.answers)
        for group, votes in seat.sums.items():
            self._votes[group] += sign * votes / heard
        self._sum += sign * seat.weight / heard
        self._squares += sign * (seat.weight / heard) ** 2

    def weight(self, voter: str) -> float:
        """The vote that `voter` has, or would have if it shared with nobody."""
        found = self._weights.get(voter)
        if found is None:
            found = self._weights[voter] = self._weight(voter)
        return found

    def _weight(self, voter: str) -> float:
        told = self._learnt.weight(voter) if self._learnt else 1.0
        if self._usual is None:
            return told
        return float(told * self._published.get(voter, self._usual) ** PUBLISHED_EXPONENT)

    def votes(self, group: int) -> float:
        """What the answers in `group` count together."""
        return self._votes.get(self._one(group), 0.0)

    def counted(self, voter: str) -> Counted:
        """What each answer of `voter` counts, before what the method makes of it."""
        seat = self._seats[self._seat_of.get(voter, voter)]
        part = 1 / len(seat.answers[voter]) / len(seat.answers)
        strength = self._learnt.strength(voter) if self._learnt else None
        strength = self._published.get(voter) if strength is None else strength
        return Counted(weight=self.weight(voter) * part, strength=strength, part=part)

    @property
    def total(self) -> float:
        """All votes given."""
        return sum(self._votes.values())

    @property
    def voters(self) -> int:
        """How many voters have answered."""
        return self._voters

    @property
    def basis(self) -> str:
        """A sentence on what the weights rest on."""
        published = "one vote a lineage" if self._usual is None else "published strengths"
        if not self._learnt:
            return published
        return self._learnt.basis if self._usual is None else f"{published} and {self._learnt.basis}"

    @property
    def leader(self) -> int | None:
        """The group with the most votes, the first of several."""
        return max(self._votes, key=self._votes.__getitem__) if self._votes else None

    @property
    def calibrated(self) -> bool:
        """Whether confidence was learnt from answers with known truth."""
        return bool(self._learnt and self._learnt.calibration)

    def confidence(self, group: int) -> float | None:
        """The probability that `group` is right, None where nobody has voted.

        Where it was learnt from labels, the calibrated posterior; see `panvox.curation.confidence` for both
        forms.
        """
        leader, group, total = self.leader, self._one(group), self.total
        if leader is None or total <= _EPSILON:
            return None
        calibration = self._learnt.calibration if self._learnt else None
        if calibration is None:
            return share_confidence(self.votes(group) / total, self._kish())
        if (alone := self._alone()) is not None:
            return alone * self.votes(group) / total
        return confidence_of(calibration, self._votes, leader, group)

    def _alone(self) -> float | None:
        """How strong the only voter is; None where several confirm or contradict each other."""
        if self.voters != 1:
            return None
        [seat] = self._seats.values()
        return self.counted(next(iter(seat.answers))).strength

    @property
    def effective(self) -> float | None:
        """How many independent votes of equal weight those given are worth, None before the first.

        Kish's (Σw)² / Σw² over seats, divided by his design effect 1 + (n - 1) r, with r the correlation of
        being right that was measured between voters (Survey Sampling, 1965).
        """
        if self._squares <= _EPSILON**2:
            return None
        number = self._sum**2 / self._squares
        correlation = self._learnt.correlation if self._learnt else 0.0
        return max(1.0, number / (1 + (number - 1) * correlation))

    def outlook(
        self, still: Iterable[str], *, risk: float = 0.05, name: Callable[[int], str] | None = None
    ) -> Outlook:
        """What the voters that are `still` on their way could change; "likely" where at most by `risk`.

        `still` names a voter as often as answers of it are open. `name` tells what people read for a group.
        """
        coming = Counter(still)
        votes = sum(self.weight(voter) for voter in coming)
        leader = self.leader
        if leader is None:
            return Outlook(state="certain" if not coming else "open", risk=float(bool(coming)), votes=votes)
        opens = self._open(coming)
        if certain(self._votes, leader, opens):
            return Outlook(state="certain", risk=0.0, votes=votes)
        change = self._sentence(coming, votes, name)
        chance = chance_of_change(self._votes, leader, opens, heard=self._kish())
        return Outlook(
            state="likely" if chance <= risk else "open", risk=round(chance, 4), votes=votes, change=change
        )

    def decisive(self, still: Iterable[str]) -> Decisive | None:
        """The fewest open voters, strongest first, that could change who leads; None if none could."""
        coming = Counter(still)
        leader = self.leader
        if leader is None or certain(self._votes, leader, self._open(coming)):
            return None
        ranked = sorted(coming, key=self.weight, reverse=True)
        low, high = 1, len(ranked)
        while low < high:
            middle = (low + high) // 2
            if certain(self._votes, leader, self._open(Counter(ranked[:middle]))):
                low = middle + 1
            else:
                high = middle
        return Decisive(
            voters=tuple(ranked[:low]),
            votes=sum(self.weight(voter) for voter in ranked[:low]),
            group=self._second(leader),
        )

    def _sentence(self, coming: Counter[str], votes: float, name: Callable[[int], str] | None) -> str:
        rival = self._second(self.leader)
        makes = f"make it {name(rival)}" if name and rival is not None else "change it"
        models = "1 open model" if len(coming) == 1 else f"{len(coming)} open models"
        count = "1 vote" if round(votes, 1) == 1 else f"{round(votes, 1):,g} votes"
        return f"{models} with {count} could {makes}"

    def _second(self, leader: int | None) -> int | None:
        """The group with the most votes but for the leader."""
        rivals = (group for group in self._votes if group != leader)
        return max(rivals, key=self._votes.__getitem__, default=None)

    def _kish(self) -> float:
        return self._sum**2 / self._squares if self._squares > _EPSILON**2 else 0.0

    def _open(self, coming: Counter[str]) -> Opens:
        """The seats that still have answers to come."""
        by_seat: dict[str, dict[str, int]] = {}
        untouched: dict[str, float] = {}
        for voter, number in coming.items():
            name = self._seat_of.get(voter, voter)
            if name in self._seats:
                by_seat.setdefault(name, {})[voter] = number
            else:
                untouched[name] = max(untouched.get(name, 0.0), self.weight(voter))
        return Opens(
            untouched.values(), [self._begun(self._seats[name], voters) for name, voters in by_seat.items()]
        )

    def _begun(self, seat: _Seat, coming: dict[str, int]) -> Begun:
        fresh = [self.weight(voter) for voter in coming if voter not in seat.answers]
        again = {voter: number for voter, number in coming.items() if voter in seat.answers}
        return Begun(
            fresh=tuple(sorted(fresh, reverse=True)),
            heard=len(seat.answers),
            now=seat.sums,
            later=self._later(seat, again),
            more=sum(self.weight(v) * n / (len(seat.answers[v]) + n) for v, n in again.items()),
        )

    def _later(self, seat: _Seat, again: dict[str, int]) -> dict[int, float]:
        """The seat's sums once those that have answered before have answered again, elsewhere."""
        if not again:
            return seat.sums
        later: dict[int, float] = {}
        for voter, given in seat.answers.items():
            each = self.weight(voter) / (len(given) + again.get(voter, 0))
            for group, factor in given:
                later[group] = later.get(group, 0.0) + each * factor
        return later


def _published(asked: Iterable[str], strength: Callable[[str], float | None]) -> dict[str, float]:
    told = ((voter, strength(voter)) for voter in asked)
    return {voter: max(value, 0.01) for voter, value in told if value is not None and math.isfinite(value)}
