"""Votes, counted as answers land."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from panvox.curation.weights import TaskWeights
from panvox.verdicts import Outlook


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

    def outlook(self, still: Iterable[str], *, risk: float = 0.05) -> Outlook:
        """What the voters that are `still` on their way could change; "likely" where at most by `risk`."""
        votes = sum(self._weights.get(voter, 1.0) for voter in set(still))
        first, second = (*sorted(self._votes.values(), reverse=True), 0.0, 0.0)[:2]
        if first - second > votes:
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
