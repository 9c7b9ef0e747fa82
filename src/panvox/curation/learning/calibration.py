"""Confidence that means what it says: of the answers that it calls 80 % sure, 80 % are right.

Whoever asks seldom asks the panel that was measured, and seldom hears all of it before the answer is settled.
So the same prompts teach many times: with all answers, with some of them drawn at random, and without those
of the strongest. What is learnt of whole panels alone is far too sure, or not sure enough, for small ones.
"""

from __future__ import annotations

import numpy as np

from panvox.curation.confidence import EDGE, LEAST_LEAD, SHARE_EDGE
from panvox.curation.learning.table import Bools, Floats, Table
from panvox.curation.weights import Calibration

DRAWS = 8
"""Smaller panels drawn of each prompt. Together they count as much as the whole one."""

FEWEST_HEARD = 0.1
"""Each voter is heard with a probability from here to 1, which is drawn for each prompt and panel."""

MOST_LEFT_OUT = 0.5
"""Up to this part of the voters, the strongest, is left out of every other small panel."""

_PULL = np.array([3.0, 3.0, 3.0, 0.3])
_ROUNDS = 40
_PLAIN = np.array([1.0, 0.0, 0.0, 0.0])


def learn_calibration(table: Table, weights: Floats, strength: Floats, *, scale: float) -> Calibration:
    """How sure the leading answers of whole and of smaller panels may be.

    `weights` (polls, voters) are log-odds learnt without the poll itself, `strength` is each voter's. `scale`
    is what one vote is worth in log-odds. A ridge pulls the calibration towards taking the posterior as it
    is, which decides where there are few labels.
    """
    features, right, heeded = [], [], []
    for part, heard in _panels(table, strength):
        seen, hits = _panel(table, weights, heard, scale)
        features.append(seen)
        right.append(hits)
        heeded.append(np.full(len(hits), part))
    slope, share, lead, shift = fit(np.concatenate(features), np.concatenate(right), np.concatenate(heeded))
    wrong = (1 - table.hits(table.scores(weights)))[table.labelled]
    none = (wrong * ~table.solvable()[table.labelled]).sum() / max(float(wrong.sum()), 1.0)
    return Calibration(
        scale=scale,
        slope=slope,
        share=share,
        lead=lead,
        shift=shift,
        none=round(float(none), 4),
        polls=int(table.labelled.sum()),
    )


def _panels(table: Table, strength: Floats) -> list[tuple[float, Bools]]:
    """Who is heard at each poll, and what the panel counts: the whole one, and some that are drawn."""
    rng = np.random.default_rng(0)
    everybody = np.ones(table.asked.shape, dtype=bool)
    weak = np.argsort(np.argsort(-strength)) / len(strength)
    panels = [(0.5, everybody)]
    for number in range(DRAWS):
        heard = rng.random(everybody.shape) < rng.uniform(FEWEST_HEARD, 1.0, (table.polls, 1))
        if number % 2:
            heard &= weak >= rng.uniform(0.0, MOST_LEFT_OUT, (table.polls, 1))
        panels.append((0.5 / DRAWS, heard))
    return panels


def _panel(table: Table, weights: Floats, heard: Bools, scale: float) -> tuple[Floats, Floats]:
    """Features and being right (0 to 1) of the leading answer at each labelled poll of which any is heard."""
    there = heard[table.poll[table.candidate], table.voter].astype(float)
    given = np.bincount(table.candidate, there, minlength=len(table.poll)) > 0
    scores = np.where(given, table.scores(weights * heard), -np.inf)
    polls = np.flatnonzero(table.labelled & (table.sums(given.astype(float)) > 0))
    scores[~np.isin(table.poll, polls)] = 0.0
    most = np.maximum.reduceat(scores, table.start)[polls]
    total = table.sums(np.where(given, scores, 0.0))[polls]
    sure = np.maximum.reduceat(table.posterior(scores), table.start)[polls]
    share = most / np.maximum(total, 1e-12)
    lead = np.log(np.maximum(most / scale, LEAST_LEAD))
    features = np.stack([_logit(sure, EDGE), _logit(share, SHARE_EDGE), lead, np.ones(len(polls))], axis=1)
    return features, table.hits(scores)[polls]


def _logit(values: Floats, edge: float) -> Floats:
    kept = np.clip(values, edge, 1 - edge)
    return np.asarray(np.log(kept / (1 - kept)))


def fit(features: Floats, right: Floats, heeded: Floats) -> tuple[float, float, float, float]:
    """Slope, share, lead and shift that make `right` (0 to 1) likely; each row counts as `heeded`.

    By Newton's method; the first three are kept from going below 0, so that surer is never less likely.
    """
    found = _PLAIN.copy()
    for _ in range(_ROUNDS):
        likely = 1 / (1 + np.exp(-features @ found))
        gradient = features.T @ (heeded * (likely - right)) + _PULL * (found - _PLAIN)
        bend = (features * (heeded * likely * (1 - likely))[:, None]).T @ features + np.diag(_PULL)
        found = found - np.clip(np.linalg.solve(bend, gradient), -1.0, 1.0)
        found[:3] = np.maximum(found[:3], 0.0)
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])
