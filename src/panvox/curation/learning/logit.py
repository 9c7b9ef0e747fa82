"""A conditional logit over the answers to each prompt: weights that know who is right together with whom.

The probability of a candidate is the softmax of the sum of its supporters' weights (McFadden 1974). Weights
are kept from going below 0, so that a supporter never counts against its answer, and are pulled towards the
weights that strength alone gives: a voter departs from them as far as the labels insist.
"""

from __future__ import annotations

import numpy as np

from panvox.curation.learning.table import Floats, Table

PULLS = (300.0, 100.0, 30.0, 10.0)
"""Ridges that are tried, the strongest first. Weights are log-odds: 100 is a prior deviation of 0.1."""

_ROUNDS = 60


def fit(table: Table, centre: Floats, pull: float, *, begin: Floats | None = None) -> Floats:
    """Weights in log-odds, by accelerated projected gradient from `begin` (else from `centre`)."""
    solvable = table.solvable()[table.poll].astype(float)
    right = table.right.astype(float)
    curvature = _curvature(table, solvable) + pull
    weights = centre if begin is None else begin
    ahead, momentum = weights, 1.0
    for _ in range(_ROUNDS):
        error = (table.posterior(table.scores(ahead)) - right) * solvable
        gradient = table.by_voter(error) + pull * (ahead - centre)
        moved = np.maximum(0.0, ahead - gradient / curvature)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def path(table: Table, centre: Floats) -> list[Floats]:
    """Weights for each of `PULLS`, each fitted from the last."""
    found: list[Floats] = []
    for pull in PULLS:
        found.append(fit(table, centre, pull, begin=found[-1] if found else None))
    return found


def _curvature(table: Table, solvable: Floats) -> float:
    """A bound of the curvature of the log-likelihood: half the largest eigenvalue of votes' inner products.

    By power iteration, which comes from below; a tenth is added.
    """
    vector = np.ones(len(table.voters))
    value = 0.0
    for _ in range(15):
        product = table.by_voter(table.scores(vector) * solvable)
        value = float(np.linalg.norm(product))
        if value == 0.0:
            return 1.0
        vector = product / value
    return 0.55 * value
