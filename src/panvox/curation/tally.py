"""Votes, counted as answers land."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from statistics import median

import msgspec

from panvox.curation.weights import TaskWeights
from panvox.verdicts import Outlook

_LEVEL = 1e-9  # thirds that are added and taken away leave less than this


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer counts now: `weight` votes; see `panvox.verdicts.Vote`."""

    weight: float
    strength: float | None = None
    part: float = 1.0


def nobody_knows(voter: str) -> float | None:
    """The published strength of nobody."""
    return None


class Tally:
    """The votes of one prompt. Answers are added one by one; nothing is counted anew.

    `asked` are the voters (the words for their weights) from whom answers may come. Where nothing was learnt
    published `strength` (0 to 1) decides, the unknown taken for the median of the known.
    """

    def __init__(
        self,
        asked: Iterable[str],
        weights: TaskWeights | None = None,
        *,
        strength: Callable[[str], float | None] = nobody_knows,
    ) -> None:
        self._learnt = weights
        told = {} if weights else {voter: strength(voter) for voter in asked}
        self._published = {voter: value for voter, value in told.items() if value is not None}
        self._usual = median(self._published.values()) if self._published else None
        self._answers_of: dict[str, list[tuple[int, float]]] = {}
        self._votes: dict[int, float] = {}

    def add(self, voter: str, group: int, *, factor: float = 1.0) -> None:
        """An answer of `voter` is in `group`; `factor` (0 to 1) is what the method makes of it.

        The voter's one vote is divided anew among all its answers.
        """
        answers = self._answers_of.setdefault(voter, [])
        weight = self.weight(voter)
        for earlier, made in answers:
            self._votes[earlier] -= weight * made / len(answers)
        answers.append((group, factor))
        for each, made in answers:
            self._votes[each] = self._votes.get(each, 0.0) + weight * made / len(answers)

    def merge(self, into: int, other: int) -> None:
        """Two groups turn out to be the same: what is in `other` is in `into` from now on."""
        self._votes[into] = self._votes.get(into, 0.0) + self._votes.pop(other, 0.0)
        for answers in self._answers_of.values():
            answers[:] = [(into if group == other else group, factor) for group, factor in answers]

    def weight(self, voter: str) -> float:
        """The vote that `voter` has, or would have."""
        if self._learnt is not None:
            return self._learnt.weights.get(voter, 1.0)
        return 1.0 if self._usual is None else self._published.get(voter, self._usual)

    def votes(self, group: int) -> float:
        """What the answers in `group` count together."""
        return self._votes.get(group, 0.0)

    def counted(self, voter: str) -> Counted:
        """What each answer of `voter` counts, before what the method makes of it."""
        part = 1 / len(self._answers_of[voter])
        return Counted(weight=self.weight(voter) * part, strength=self._published.get(voter), part=part)

    @property
    def basis(self) -> str:
        """A sentence on what the weights rest on."""
        if self._learnt is not None:
            return self._learnt.basis
        return "one vote a lineage" if self._usual is None else "published strengths"

    def confidence(self, group: int) -> float | None:
        """An estimate of the probability that `group` is right, not calibrated; None without any vote.

        The Krichevsky-Trofimov estimate of its share of all votes, where one more answer may be unseen: it
        rises with agreement and with the number of votes.
        """
        if not self.total:
            return None
        return (self.votes(group) + 0.5) / (self.total + 0.5 * (len(self._votes) + 1))

    @property
    def calibrated(self) -> bool:
        """Whether `confidence` was learnt from answers with known truth."""
        return False

    @property
    def effective(self) -> float | None:
        """The independent votes of one size that those given are worth (Kish 1965): (Σw)²/Σw²."""
        weights = [self.weight(voter) for voter in self._answers_of]
        squares = sum(weight * weight for weight in weights)
        return sum(weights) ** 2 / squares if squares else None

    def outlook(self, still: Iterable[str], *, risk: float = 0.05) -> Outlook:
        """What those `still` on their way could change; "likely" where at most by `risk`.

        `still` names the voter of each answer that may come. Further answers of a voter that has been heard
        divide its one vote anew.
        """
        lead = max(self._votes, key=self._votes.__getitem__, default=-1)
        votes = swing = 0.0
        for voter, more in Counter(still).items():
            weight, given = self.weight(voter), self._answers_of.get(voter, [])
            gain = weight * more / (len(given) + more)
            votes += gain
            leading = sum(group == lead for group, _ in given)
            swing += gain * (1 + leading / len(given)) if given else gain
        first, second = (*sorted(self._votes.values(), reverse=True), 0.0, 0.0)[:2]
        if first - second > swing + _LEVEL:
            return Outlook(state="certain", risk=0.0, votes=votes)
        return Outlook(state="open", risk=1.0, votes=votes)

    @property
    def total(self) -> float:
        """All votes given."""
        return sum(self._votes.values())

    @property
    def voters(self) -> int:
        """How many voters have answered."""
        return len(self._answers_of)
