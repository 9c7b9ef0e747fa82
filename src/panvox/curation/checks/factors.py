"""What makes an answer look good, how much each of it counts, and how that is learnt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

LENGTH, COHERENCE, RELEVANCE, STRENGTH, CONFIDENCE = NAMES = (
    "length",
    "coherence",
    "relevance",
    "strength",
    "confidence",
)
"""The factors, each from 0 to 1: a length like that of the others; whole sentences without loops; words
of the question; what is known of the model; how sure the answer says it is."""


class Factors(msgspec.Struct, frozen=True, kw_only=True):
    """How much each factor counts, and below which score an answer is no candidate for the best one."""

    length: float = 0.2
    coherence: float = 0.3
    relevance: float = 0.3
    strength: float = 0.1
    confidence: float = 0.1
    threshold: float = 0.6
    basis: str = "defaults"

    def score(self, factors: Mapping[str, float]) -> float:
        """The weighted mean of the factors that are known; 1 where none is."""
        known = [(getattr(self, name), value) for name, value in factors.items() if name in NAMES]
        total = sum(weight for weight, _ in known)
        return sum(weight * value for weight, value in known) / total if total else 1.0


DEFAULTS = Factors()

_STEPS = 400
_PRIOR = 0.02
_LOST = 0.005


def learn_factors(
    rows: Sequence[Mapping[str, float]], labels: Sequence[float], *, start: Factors = DEFAULTS
) -> Factors:
    """Weights and threshold learnt from answers with labels (0 bad to 1 good).

    A logistic regression with weights that cannot become negative, drawn towards `start` as if that had been
    seen in 2 % of the evidence, by projected gradient descent. The threshold is the highest, up to that of
    `start`, that throws out at most one in two hundred of the answers with a label of a half or more. `start`
    comes back where there is nothing to learn from.

    Raises `ValueError` where rows and labels are not of equal number.
    """
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} rows of factors, but {len(labels)} labels")
    if len(set(labels)) < 2:
        return start
    import numpy as np  # noqa: PLC0415 - start-up does without it

    table = np.array([[row.get(name, np.nan) for name in NAMES] for row in rows], dtype=float)
    usual = np.array(
        [column[~np.isnan(column)].mean() if (~np.isnan(column)).any() else 0.0 for column in table.T]
    )
    table = np.where(np.isnan(table), usual, table) - usual
    truth = np.asarray(labels, dtype=float)
    first = np.array([getattr(start, name) for name in NAMES])
    scale = 8.0  # of a score from 0 to 1 on the logits: a tenth more doubles the odds, roughly
    weights, bias = first.copy(), float(np.log((truth.mean() + 1e-6) / (1 - truth.mean() + 1e-6)))
    for _ in range(_STEPS):
        wrong = 1 / (1 + np.exp(-(scale * table @ weights + bias))) - truth
        weights -= 0.5 * (scale * table.T @ wrong / len(truth) + _PRIOR * scale * (weights - first))
        weights = weights.clip(min=0.0)
        bias -= 2.0 * float(wrong.mean())
    if not weights.sum():
        return start
    learnt = msgspec.structs.replace(
        start,
        **{name: round(float(w), 4) for name, w in zip(NAMES, weights / weights.sum(), strict=True)},
        basis=f"{len(labels)} labelled answers",
    )
    good = [learnt.score(row) for row, label in zip(rows, labels, strict=True) if label >= 0.5]
    keeps = float(np.quantile(good, _LOST, method="lower")) if good else start.threshold
    return msgspec.structs.replace(learnt, threshold=math.floor(min(start.threshold, keeps) * 1e4) / 1e4)
