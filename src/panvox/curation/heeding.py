"""What weights become by what users tell of answers.

A voter's strength, the estimated probability that it is right, is a mean of `PRIOR` answers at the strength
that was known before and of the answers that users told of; what they told counts half as much after
`HALF_LIFE`. Its weight is the square of twice its strength, so that a voter of whom nothing is known
(strength one half) keeps its one vote.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from panvox.curation.ballots import Heard
from panvox.curation.expect import Expect
from panvox.curation.weights import TaskWeights, Weights

PRIOR = 4.0
"""Answers that what was known before is worth."""

HALF_LIFE = 90 * 86_400.0
"""Seconds after which what a user told counts half."""

UNKNOWN = 0.5
"""The strength that is taken for a voter of whom nothing is known."""

_LEAST, _MOST = 0.01, 0.99


def heed(weights: Weights, heard: Sequence[Heard], now: float) -> Weights:
    """`weights` moved by what was `heard`; `now` in seconds since 1970."""
    by_task: defaultdict[Expect, list[Heard]] = defaultdict(list)
    for each in heard:
        by_task[each.task].append(each)
    moved = {
        task: _moved(weights.of(task) or TaskWeights(task=task), said, now) for task, said in by_task.items()
    }
    return replace(weights, tasks={**weights.tasks, **moved})


def strength(known: TaskWeights | None, voter: str) -> float | None:
    """The estimated probability that `voter` is right at tasks of this kind; None where nobody knows."""
    weight = known.weights.get(voter) if known else None
    return None if weight is None else min(_MOST, max(_LEAST, math.sqrt(weight) / 2))


def _moved(known: TaskWeights, heard: Sequence[Heard], now: float) -> TaskWeights:
    right: defaultdict[str, float] = defaultdict(float)
    told: defaultdict[str, float] = defaultdict(float)
    for each in heard:
        counts = 0.5 ** (max(0.0, now - each.at) / HALF_LIFE)
        told[each.voter] += counts
        right[each.voter] += counts * each.right
    moved = {}
    for voter, count in told.items():
        before = strength(known, voter) or UNKNOWN
        moved[voter] = (2 * (PRIOR * before + right[voter]) / (PRIOR + count)) ** 2
    return replace(known, weights={**known.weights, **moved})
