"""Confidence that means what it says: of the answers that it calls 80 % sure, 80 % are right."""

from __future__ import annotations

import numpy as np

from panvox.curation.confidence import EDGE
from panvox.curation.table import Floats, Table
from panvox.curation.weights import Calibration

_PULL = 3.0
_ROUNDS = 30
_PLAIN = np.array([1.0, 1.0, 0.0])


def learn_calibration(table: Table, scores: Floats, *, scale: float) -> Calibration:
    """Beta calibration of the leading answer's posterior.

    `scores` are log-odds predicted without the poll itself.

    A ridge pulls it towards taking the posterior as it is, which decides where there are few labels. `scale`
    is what one vote is worth in log-odds.
    """
    polls = np.flatnonzero(table.labelled)
    sure = np.maximum.reduceat(table.posterior(scores), table.start)[polls]
    right = table.hits(scores)[polls]
    low, high, shift = fit_beta(sure, right)
    wrong = 1 - right
    none = (wrong * ~table.solvable()[polls]).sum() / max(float(wrong.sum()), 1.0)
    return Calibration(
        scale=scale, low=low, high=high, shift=shift, none=round(float(none), 4), polls=len(polls)
    )


def fit_beta(sure: Floats, right: Floats) -> tuple[float, float, float]:
    """The parameters of a beta calibration that make `right` (0 to 1) likely where `sure` was claimed.

    By Newton's method; both slopes are kept from going below 0, so that surer is never less likely.
    """
    sure = np.clip(sure, EDGE, 1 - EDGE)
    features = np.stack([np.log(sure), -np.log1p(-sure), np.ones(len(sure))], axis=1)
    pull = _PULL * np.array([1.0, 1.0, 0.1])
    found = _PLAIN.copy()
    for _ in range(_ROUNDS):
        likely = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (likely - right) + pull * (found - _PLAIN)
        bend = (features * (likely * (1 - likely))[:, None]).T @ features + np.diag(pull)
        found = found - np.clip(np.linalg.solve(bend, slope), -1.0, 1.0)
        found[:2] = np.maximum(found[:2], 0.0)
    return float(found[0]), float(found[1]), float(found[2])
