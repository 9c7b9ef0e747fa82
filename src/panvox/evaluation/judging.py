"""A simulated judge: recorded answers cannot be shown to a model, but their labels tell which is better.

It stands in for the models that `panvox ask --judge` would ask, in the same tournament, and is right in a
share of pairs. What it adds is what a judge of that accuracy would add whose mistakes have nothing to do with
each other; those of real judges do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from panvox.curation.judging.judge import Ruling
from panvox.curation.judging.tournament import Entrant, Judge, Pairing, Tournament
from panvox.verdicts import Verdict

ACCURACY = 0.75
"""How often the judge prefers the better of two answers; of two that are equally good it prefers either."""

COMPARISONS = 16
"""Comparisons that it makes at most: as many as judges make by default (`judge.max_comparisons`)."""

_JUDGE = "simulated"


def judged(verdict: Verdict, worth: Mapping[str, float], *, seed: str, accuracy: float = ACCURACY) -> Verdict:
    """The verdict with the one of the best texts in front that wins the judge's tournament.

    `worth` tells by member how good its text is in truth; who is not in it has none. Where an answer could be
    read the vote stands: a judge without evidence does not override it.
    """
    if len(verdict.top) < 2 or (verdict.leading is not None and verdict.leading.extracted):
        return verdict
    best = tournament(verdict.top, worth, seed=seed, accuracy=accuracy)
    top = tuple(dict.fromkeys((best, *verdict.top)))
    return msgspec.structs.replace(verdict, best=best, top=top)


def tournament(
    candidates: Sequence[str],
    worth: Mapping[str, float],
    *,
    seed: str,
    accuracy: float = ACCURACY,
    comparisons: int = COMPARISONS,
) -> str:
    """Who wins the knock-out among `candidates`, the best seed first.

    Of two texts the judge prefers the same one in whichever order they are shown. Raises `ValueError` without
    candidates.
    """
    if len(candidates) < 2:
        return max(candidates, key=candidates.index)
    drawn = random.Random(seed)  # noqa: S311 - a draw, not a secret
    match = Tournament(
        [Entrant(member=name, lineage=name) for name in candidates],
        [Judge(name=_JUDGE, lineage="")],
        most=comparisons,
        random=drawn,
    )
    opinions: dict[frozenset[str], str] = {}
    while due := match.due:
        match.take({pairing: _ruling(pairing, worth, opinions, drawn, accuracy) for pairing in due})
    return match.finding().champion or candidates[0]


def _ruling(
    pairing: Pairing,
    worth: Mapping[str, float],
    opinions: dict[frozenset[str], str],
    drawn: random.Random,
    accuracy: float,
) -> Ruling:
    pair = frozenset((pairing.first, pairing.second))
    if pair not in opinions:
        worse, better = sorted(pair, key=lambda name: (worth.get(name, 0.0), name))
        differ = worth.get(worse, 0.0) < worth.get(better, 0.0)
        opinions[pair] = better if drawn.random() < (accuracy if differ else 0.5) else worse
    return Ruling(winner=opinions[pair])
