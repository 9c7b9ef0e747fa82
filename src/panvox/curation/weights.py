"""What is known of models at tasks of each kind: data that people can read, export and reset."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from statistics import fmean

import msgspec

from panvox.curation.choice.preferences import Preferences
from panvox.curation.expect import Expect


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often a voter was right among the prompts it was asked; feedback counts less as it ages."""

    right: float
    asked: float


class Power(msgspec.Struct, frozen=True, omit_defaults=True):
    """One term of the curve that makes weights of strengths: `factor` · strength^`exponent`."""

    exponent: float
    factor: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How votes become the probability that the leading answer is right.

    The posterior p of the leading answer is its part of the sum of exp(`scale` · votes) over all groups, s
    its share of all votes and v its votes. The log-odds that it is right are `slope` · logit p + `share` ·
    logit s + `lead` · ln v + `shift`: Platt scaling (1999) with two more features, which tell a small panel
    that agrees from a large one that is split. `none` is how often nobody was right where the leading answer
    was wrong; `polls` is the number of prompts that it was learnt from.
    """

    scale: float
    slope: float = 1.0
    share: float = 0.0
    lead: float = 0.0
    shift: float = 0.0
    none: float = 0.0
    polls: int = 0


class TaskWeights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learnt for one kind of task. The strongest voter has about one vote.

    - `basis` is a sentence on what it rests on, `method` one word for how weights were made.
    - `weights` are votes, `strengths` estimated probabilities of being right, `records` what was counted.
    - `unseen` is the weight of a voter that is not named, `unseen_strength` its strength.
    - `curve` makes weights of strengths (see `weight_of`); `beyond` is what agreement and a conditional logit
      added to it, or took away.
    - `guesses` is, by voter, what part of its vote an answer counts that its text does not mark (1 where it
      is not named), `unseen_guess` the same for a voter that is not named in `weights`.
    - `copies` are groups of voters whose answers coincide far beyond what strength explains: each group
      shares one vote. `correlation` is the mean correlation of being right between voters.
    - `labels` counts prompts with known truth, `polls` all prompts.
    - `heard` is the time of the last feedback, in seconds since 1970.
    """

    task: Expect
    basis: str = ""
    method: str = ""
    weights: dict[str, float] = {}
    strengths: dict[str, float] = {}
    records: dict[str, Record] = {}
    unseen: float = 1.0
    unseen_strength: float | None = None
    curve: tuple[Power, ...] = ()
    beyond: dict[str, float] = {}
    guesses: dict[str, float] = {}
    unseen_guess: float = 1.0
    copies: tuple[tuple[str, ...], ...] = ()
    correlation: float = 0.0
    calibration: Calibration | None = None
    labels: int = 0
    polls: int = 0
    heard: float | None = None

    def weight(self, voter: str) -> float:
        """The votes of `voter`, whether it is named or not."""
        return self.weights.get(voter, self.unseen)

    def strength(self, voter: str) -> float | None:
        """The estimated probability that `voter` is right, None where nothing is known."""
        return self.strengths.get(voter, self.unseen_strength)

    def guess(self, voter: str) -> float:
        """The part of its vote, above 0 and at most 1, that an unmarked answer of `voter` counts."""
        return self.guesses.get(voter, 1.0 if voter in self.weights else self.unseen_guess)

    def weight_of(self, strength: float) -> float | None:
        """What the curve makes of a strength; None where there is no curve. At least `LEAST`."""
        if not self.curve:
            return None
        return max(LEAST, math.fsum(term.factor * strength**term.exponent for term in self.curve))


PUBLISHED_EXPONENT = 4.0
"""Power of published strength that a vote counts where nothing was learnt. Strengths are shares of a bell
curve over all measured models: one of 0.9 has sixteen votes of one of 0.45."""

LEAST = 1e-6
"""The smallest weight: a voter that was never right still decides where nobody else has an answer."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt, by kind of task; `preferences` is what tells a good free text."""

    tasks: Mapping[Expect, TaskWeights] = {}
    preferences: Preferences | None = None

    def of(self, task: Expect) -> TaskWeights | None:
        """What is known at tasks of this kind, if anything."""
        return self.tasks.get(task)

    def among(
        self, task: Expect, voters: Collection[str], published: Callable[[str], float | None]
    ) -> TaskWeights | None:
        """What counts when `voters` answer; None where their published strengths say more, or nothing does.

        What was learnt of this kind counts where it names half of them, or a quarter of them and more than
        have a published strength. Where nothing was learnt of it, what other kinds tell (see `pooled`) counts
        under the second condition: who leads at one kind may follow at another, and published results are of
        many. What users told moves either.
        """
        known = self.of(task)
        if known is not None and known.polls:
            half = 2 * sum(voter in known.weights for voter in voters) >= len(voters)
            return known if half or _names(known, voters, published) else None
        other = self.pooled(task)
        if other is None or not _names(other, voters, published):
            return known
        return _together(other, known) if known else other

    def pooled(self, task: Expect) -> TaskWeights | None:
        """What other kinds of task with right answers tell of this one; None where nothing was learnt of any.

        Weights and strengths are the means over the kinds that name a voter; free texts, of which judges
        prefer some, tell nothing of who is right. Copies are those of the kind with most prompts.
        """
        kinds = [each for kind, each in self.tasks.items() if kind not in {task, Expect.TEXT} and each.polls]
        if not kinds:
            return None
        voters = dict.fromkeys(voter for each in kinds for voter in each.weights)
        most = max(kinds, key=lambda each: each.polls)
        told = [each.unseen_strength for each in kinds if each.unseen_strength is not None]
        return TaskWeights(
            task=task,
            basis=f"what was learnt for {', '.join(sorted(each.task.value for each in kinds))}",
            method="pooled",
            weights={
                voter: fmean(each.weights[voter] for each in kinds if voter in each.weights)
                for voter in voters
            },
            strengths={
                voter: fmean(found)
                for voter in voters
                if (found := [each.strengths[voter] for each in kinds if voter in each.strengths])
            },
            unseen=fmean(each.unseen for each in kinds),
            unseen_strength=fmean(told) if told else None,
            copies=most.copies,
            correlation=most.correlation,
            polls=sum(each.polls for each in kinds),
        )


def _names(known: TaskWeights, voters: Collection[str], published: Callable[[str], float | None]) -> bool:
    """Whether a quarter of the voters are named, and more of them than have a published strength."""
    named = sum(voter in known.weights for voter in voters)
    return 4 * named >= len(voters) and named > sum(published(voter) is not None for voter in voters)


def _together(other: TaskWeights, told: TaskWeights) -> TaskWeights:
    """What other kinds tell, moved by what users told of this one."""
    voters = {**other.weights, **told.weights}
    return msgspec.structs.replace(
        other,
        basis=f"{other.basis} and {told.basis}",
        weights={voter: other.weight(voter) * told.weight(voter) for voter in voters},
        strengths={**other.strengths, **told.strengths},
        heard=told.heard,
    )


def nobody_knows(voter: str) -> float | None:
    """The published strength of nobody."""
    return None
