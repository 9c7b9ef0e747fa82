"""Strength without labels: who is right agrees with others who are.

Each voter's agreement with the others, weighted by how much those agree themselves, four rounds over. Two
guards against a bias that many share:

- only agreement beyond chance counts (as in Cohen's kappa): who always says A agrees with nobody by merit;
- near copies are one voice and do not confirm each other.

Models of voters' errors (Dawid and Skene 1979 and kin) do well where errors are independent and collapse onto
a shared bias; this does not estimate who is right at all, and cannot lock in on a wrong crowd as quickly.
"""

from __future__ import annotations

import numpy as np

from panvox.curation.learning.copies import Agreement
from panvox.curation.learning.table import Floats, Ints, Table

ROUNDS = 4
SHARPNESS = 4.0
"""Power of agreement with which the others are weighed in the next round."""

EXPONENT = 12.0
"""Power of agreement that a vote counts. Agreement spreads less than strength does: those who are nearly
always right meet many who are not."""

PSEUDO = 200.0
"""Comparisons that the mean agreement of all is worth: what few say of each other is mostly noise."""

KNOWN = 4.0
"""Prompts that the mean of all is worth in an estimate of strength, as where truth is known."""

_COMMON = 5
_LEAST = 1e-6


def reliabilities(table: Table, agreed: Agreement, circle: Ints) -> Floats:
    """How far each voter agrees with the reliable ones beyond chance, times how often it answers; 0 to 1.

    Shrunk towards the mean of all, which is worth `PSEUDO` comparisons.
    """
    apart = (circle[:, None] != circle[None]) & (agreed.common >= _COMMON)
    beyond = np.where(apart, agreed.same - agreed.chance, 0.0)
    given = table.asked.sum(axis=0)
    rate = table.answered.sum(axis=0) / np.maximum(given, 1)
    worth = PSEUDO / max(len(np.unique(circle)) - 1, 1)
    voice = 1.0 / np.bincount(circle, minlength=len(circle))[circle]
    trust = np.ones(len(table.voters))
    found = trust
    for _ in range(ROUNDS):
        heard = apart * (trust * voice)[None]
        found = (beyond * heard).sum(axis=1) / np.maximum(heard.sum(axis=1), 1e-12)
        found = np.maximum(found, _LEAST) * rate
        found = (found * given + found.mean() * worth) / (given + worth)
        trust = (found / max(found.max(), _LEAST)) ** SHARPNESS
    return np.asarray(found)


def agreeing(table: Table, weights: Floats, circle: Ints) -> Floats:
    """How often each voter gives the answer that wins without its own circle: an estimate of its strength.

    No answer counts as wrong. Shrunk towards the mean of all as if by `KNOWN` prompts, so that nobody is
    always right for having agreed twice. It is too high where many err alike.
    """
    total = table.scores(weights)
    found = np.zeros(len(table.voters))
    for number in np.unique(circle):
        members = np.flatnonzero(circle == number)
        own = np.zeros(len(weights))
        own[members] = weights[members]
        rest = total - table.scores(own)
        won = table.by_voter(table.leaders(rest) * (table.highest(rest) > 1e-12))
        found[members] = won[members]
    given = table.asked.sum(axis=0)
    mean = float(found.sum() / max(given.sum(), 1))
    return np.asarray((found + KNOWN * mean) / (given + KNOWN))
