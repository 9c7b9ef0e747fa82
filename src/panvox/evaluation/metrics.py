"""Figures about decisions, with their uncertainty. Pure; all shares run from 0 to 1."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from statistics import NormalDist, fmean

import msgspec
import numpy as np

BINS = 10
"""Bins of the calibration error, each with the same number of prompts."""

RESAMPLES = 2_000
"""Of a bootstrap."""


class Figure(msgspec.Struct, frozen=True):
    """A value with its 95 % interval, and of how many `prompts` it is."""

    value: float
    low: float
    high: float
    prompts: int


def share(right: int, of: int) -> Figure:
    """How often something was so, with the interval of Wilson (1927); nothing is known of none: 0 to 1."""
    if of == 0:
        return Figure(math.nan, 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.975)
    p = right / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    spread = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return Figure(p, max(0.0, min(p, middle - spread)), min(1.0, max(p, middle + spread)), of)


def mean(values: Sequence[float], *, seed: int = 0) -> Figure:
    """A mean with the percentile bootstrap over prompts (Efron 1979), which `seed` makes repeatable."""
    if not values:
        return Figure(math.nan, math.nan, math.nan, 0)
    low, high = _bootstrap(np.asarray(values, dtype=float), seed)
    return Figure(fmean(values), low, high, len(values))


def difference(ours: Sequence[float], theirs: Sequence[float], *, seed: int = 0) -> Figure:
    """By how much the mean of `ours` exceeds that of `theirs` on the same prompts: a paired bootstrap.

    Raises `ValueError` where they are not of the same length.
    """
    return mean([a - b for a, b in zip(ours, theirs, strict=True)], seed=seed)


def _bootstrap(values: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int) -> tuple[float, float]:
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def calibration_error(confidences: Sequence[float], right: Sequence[bool], *, bins: int = BINS) -> float:
    """The expected calibration error, in bins of equal mass (Nguyen and O'Connor 2015), `bins` at most.

    The mean distance between confidence and accuracy of the bins, weighted by their size; not a number where
    there is nothing. Raises `ValueError` where the two are not of the same length.
    """
    pairs = sorted(zip(confidences, right, strict=True))
    if not pairs:
        return math.nan
    total = 0.0
    for part in np.array_split(np.arange(len(pairs)), min(bins, len(pairs))):
        said = fmean(pairs[index][0] for index in part)
        was = fmean(pairs[index][1] for index in part)
        total += len(part) * abs(said - was)
    return total / len(pairs)


def adjusted_rand(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> float:
    """How far two groupings of the same things agree: 1 if they are equal, 0 as by chance.

    The adjusted Rand index (Hubert and Arabie 1985). Two groupings that both leave no choice (all in one
    group, or each alone) are equal. Raises `ValueError` where they are not of the same length.
    """
    cells = Counter(zip(ours, theirs, strict=True))
    pairs = sum(math.comb(count, 2) for count in cells.values())
    mine = sum(math.comb(count, 2) for count in Counter(ours).values())
    other = sum(math.comb(count, 2) for count in Counter(theirs).values())
    every = math.comb(len(ours), 2)
    chance = mine * other / every if every else 0.0
    most = (mine + other) / 2
    return 1.0 if most == chance else (pairs - chance) / (most - chance)


def length_controlled(labels: Sequence[float], ours: Sequence[int], theirs: Sequence[int]) -> float:
    """The win rate that texts would have if they were as long as those that they are compared with.

    `labels` are probabilities to win, `ours` and `theirs` lengths. As in length-controlled AlpacaEval (Dubois
    and others 2024, arXiv 2404.04475) a logistic regression explains the label by a constant and by
    tanh((ours - theirs) / standard deviation of the difference), and the win rate is what it says at no
    difference. Simplified: without the difficulty of prompts, and for one method at a time. The slope is
    held by a ridge of one prompt's worth.
    """
    if not labels:
        return math.nan
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    spread = float(difference.std()) or 1.0
    inputs = np.column_stack([np.ones(len(difference)), np.tanh(difference / spread)])
    return float(_sigmoid(_logistic(inputs, np.asarray(labels, dtype=float))[0]))


_Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
_Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def _logistic(inputs: _Matrix, labels: _Vector, *, ridge: float = 1.0, steps: int = 50) -> _Vector:
    """Coefficients by damped Newton steps; the first one, a constant, is hardly held back."""
    held = np.full(inputs.shape[1], ridge)
    held[0] = 1e-3
    found = np.zeros(inputs.shape[1])
    for _ in range(steps):
        said = _sigmoid(inputs @ found)
        slope = inputs.T @ (said - labels) + held * found
        curve = (inputs.T * (said * (1 - said))) @ inputs + np.diag(held)
        step = np.linalg.solve(curve, slope)
        found = found - step / max(1.0, float(np.abs(step).max()) / 4)
        if float(np.abs(step).max()) < 1e-9:
            break
    return np.asarray(found, dtype=float)


def _sigmoid(values: _Vector) -> _Vector:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -40, 40))), dtype=float)
