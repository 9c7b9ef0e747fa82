"""Weights that are powers of strength.

The weight accuracy^k is a safe way from strength to votes: k = 1 is nearly a majority, a large k nearly "the
best, and the next best where it has no answer". No single k fits all panels, so a curve, a sum of powers with
factors of at least 0, is fitted to the likelihood of the right answers. Each poll is predicted with strengths
that were counted without it, so that few labels do not make the best of many models by luck seem better than
it is.
"""

from __future__ import annotations

import numpy as np

from panvox.curation.learning.table import Floats, Table
from panvox.curation.weights import Power

EXPONENTS = (1.0, 3.0, 6.0, 12.0, 24.0)
"""Powers of the curve: from a majority to the best with the others as its stand-ins, each about twice the
last."""

PSEUDO = 4.0
"""Prompts that the prior of a strength counts for: two right and two wrong in the middle, as Agresti and
Coull add."""

_RIDGE = 0.3
_ROUNDS = 200


def strengths(table: Table, prior: Floats, *, pseudo: float = PSEUDO) -> tuple[Floats, Floats]:
    """How often each voter is right, shrunk towards `prior` (a beta prior worth `pseudo` prompts).

    The second value, polls by voters, holds the same counted without the poll itself. No answer counts as
    wrong; see `Table.counted`.
    """
    counted = table.counted
    right = np.where(counted, table.correct, 0.0)
    sum_right, sum_asked = right.sum(0), counted.sum(0)
    without = (sum_right - right + pseudo * prior) / (sum_asked - counted + pseudo)
    return (sum_right + pseudo * prior) / (sum_asked + pseudo), without


def fit_curve(table: Table, each: Floats, hints: Floats) -> tuple[Floats, Floats]:
    """The factor of each of `EXPONENTS` for strengths, and of each of `hints`: weights that others propose.

    `each` are strengths by poll and voter, taken relative to the highest; `hints` are one row each. The
    factors are in units of the log-odds of answers.
    """
    relative = each / each.max(axis=1, keepdims=True)
    features = [table.scores(relative**exponent) for exponent in EXPONENTS]
    features += [table.scores(hint) for hint in hints]
    factors = fit_factors(table, np.stack(features, axis=1))
    return factors[: len(EXPONENTS)], factors[len(EXPONENTS) :]


def fit_factors(table: Table, features: Floats) -> Floats:
    """Factors of at least 0 that make the right candidates likely.

    By accelerated projected gradient (FISTA, Beck and Teboulle 2009).
    """
    spread = np.sqrt((features**2).mean(axis=0)) + 1e-9
    scaled = features / spread
    solvable = table.solvable()[table.poll].astype(float)
    right = table.right.astype(float)
    curvature = 0.5 * np.linalg.eigvalsh((scaled * solvable[:, None]).T @ scaled)[-1] + _RIDGE
    factors = np.zeros(features.shape[1])
    ahead, momentum = factors, 1.0
    for _ in range(_ROUNDS):
        error = (table.posterior(scaled @ ahead) - right) * solvable
        moved = np.maximum(0.0, ahead - (scaled.T @ error + _RIDGE * ahead) / curvature)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * (moved - factors)
        factors, momentum = moved, following
    return np.asarray(factors / spread)


def along(factors: Floats, strength: Floats) -> Floats:
    """The value of the curve at each strength."""
    relative = strength / strength.max()
    terms = [factor * relative**exponent for factor, exponent in zip(factors, EXPONENTS, strict=True)]
    return np.asarray(sum(terms))


def powers(factors: Floats, highest: float, unit: float) -> tuple[Power, ...]:
    """The curve as data: terms for plain strengths, in units of `unit`."""
    return tuple(
        Power(exponent, float(factor / unit / highest**exponent))
        for factor, exponent in zip(factors, EXPONENTS, strict=True)
        if factor > 0
    )
