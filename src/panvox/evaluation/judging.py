"""A judge for recorded answers, which cannot be shown to a model: one that is right in a share of pairs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec

from panvox.verdicts import Verdict

ACCURACY = 0.75
"""How often the judge prefers the better of two answers; of two that are equally good it prefers either."""


def judged(verdict: Verdict, worth: Mapping[str, float], *, seed: str, accuracy: float = ACCURACY) -> Verdict:
    """The verdict with the one of the best texts in front that the judge prefers.

    `worth` tells by member how good its text is in truth; who is not in it has none. Every two candidates are
    compared once, and who wins most is chosen, of equals the one that stood first. Where an answer could be
    read the vote stands: a judge without evidence does not override it.
    """
    candidates = verdict.top
    if len(candidates) < 2 or (verdict.leading is not None and verdict.leading.extracted):
        return verdict
    return msgspec.structs.replace(verdict, best=tournament(candidates, worth, seed=seed, accuracy=accuracy))


def tournament(
    candidates: Sequence[str], worth: Mapping[str, float], *, seed: str, accuracy: float = ACCURACY
) -> str:
    """Who wins most of all pairs. Raises `ValueError` without candidates."""
    drawn = random.Random(seed)  # noqa: S311 - a draw, not a secret
    wins = dict.fromkeys(candidates, 0)
    for first, second in combinations(candidates, 2):
        lead = worth.get(first, 0.0) - worth.get(second, 0.0)
        right = drawn.random() < (accuracy if lead else 0.5)
        wins[first if (lead >= 0) == right else second] += 1
    return max(candidates, key=lambda each: wins[each])
