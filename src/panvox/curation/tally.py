"""Votes, counted as answers land."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from panvox.curation.weights import TaskWeights
from panvox.verdicts import Outlook

_LEVEL = 1e-9  # thirds that are added and taken away leave less than this


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer counts now: `weight` votes; see `panvox.verdicts.Vote`."""

    weight: float
    strength: float | None = None
    part: float = 1.0


class Tally:
    """The votes of one prompt. Answers are added one by one; nothing is counted anew.

    `asked` are the voters (the words for their weights) from whom answers may come.
    """

    def __init__(self, asked: Iterable[str], weights: TaskWeights | None = None) -> None:
        self._weights = weights.weights if weights else {}
        self._asked = frozenset(asked)
        self._answers_of: dict[str, list[int]] = {}
        self._votes: dict[int, float] = {}

    def add(self, voter: str, group: int, *, factor: float = 1.0) -> None:
        """An answer of `voter` is in `group`; `factor` is what the method makes of it.

        The voter's one vote is divided anew among all its answers.
        """
        answers = self._answers_of.setdefault(voter, [])
        weight = self._weights.get(voter, 1.0)
        for earlier in answers:
            self._votes[earlier] -= weight / len(answers)
        answers.append(group)
        for each in answers:
            self._votes[each] = self._votes.get(each, 0.0) + weight / len(answers)

    def votes(self, group: int) -> float:
        """What the answers in `group` count together."""
        return self._votes.get(group, 0.0)

    def counted(self, voter: str) -> Counted:
        """What each answer of `voter` counts."""
        part = 1 / len(self._answers_of[voter])
        return Counted(weight=self._weights.get(voter, 1.0) * part, part=part)

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
        weights = [self._weights.get(voter, 1.0) for voter in self._answers_of]
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
            weight, given = self._weights.get(voter, 1.0), self._answers_of.get(voter, [])
            gain = weight * more / (len(given) + more)
            votes += gain
            swing += gain * (1 + given.count(lead) / len(given)) if given else gain
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
