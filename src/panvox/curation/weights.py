"""What is known of models at tasks of each kind: data that people can read, export and reset."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from panvox.curation.expect import Expect
from panvox.curation.preferences import Preferences


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
