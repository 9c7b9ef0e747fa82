"""Which voters are near copies: their answers coincide far beyond what their strength explains.

Two strong models agree because both are right, two copies agree when they are wrong as well. Two voters are
taken for copies where both hold:

- they disagree a small part as often as either does with most others (the upper quartile of its
  disagreements, which a crowd of copies moves only when it is three quarters of all);
- where one of them departs from what everybody outside of its own circle says most, the other nearly always
  gives the same answer. With known truth, "departs" is "is wrong".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from panvox.curation.learning.table import Bools, Floats, Ints, Table

CLOSE = 0.15
"""Disagreement of copies as a part of disagreement with most others."""

TOGETHER = 0.6
"""How often the other gives the same answer where one departs; 0.6 is the mean of any two models that both
err (Correlated errors in large language models, 2506.07962), who depart together less often still."""

FEWEST = 8
"""Prompts on which one of the two departs: fewer say nothing."""

_COMMON = 10
"""Prompts that both must have answered."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two voters agree; all of shape (voters, voters).

    `same` is how often they gave the same answer where both answered, `chance` how often they would if each
    gave its own mixture of answers blindly, `common` on how many prompts both answered.
    """

    same: Floats
    chance: Floats
    common: Floats


def agreement(table: Table) -> Agreement:
    """How often each two voters agree. Blind agreement is what letters and other recurring answers have."""
    size = len(table.voters)
    same, answered = np.zeros((size, size)), table.answered.astype(float)
    for _, dense in table.blocks():
        shared = dense[(dense > 0).sum(axis=1) > 1]
        same += shared.T @ shared
    common = answered.T @ answered
    often = np.flatnonzero(np.bincount(table.key) > 1) if len(table.key) else np.zeros(0, dtype=np.int64)
    place = np.full(int(table.key.max(initial=0)) + 1, -1)
    place[often] = np.arange(len(often))
    rows = place[table.key[table.candidate]]
    mixture = np.zeros((len(often), size))
    np.add.at(mixture, (rows[rows >= 0], table.voter[rows >= 0]), table.part[rows >= 0])
    mixture /= np.maximum(answered.sum(axis=0), 1.0)
    return Agreement(same=same / np.maximum(common, 1.0), chance=mixture.T @ mixture, common=common)


def near_copies(table: Table, agreed: Agreement) -> Ints:
    """For each voter the number of its circle of copies; a voter without copies has a circle of its own."""
    circle = np.arange(len(table.voters))
    near = _near(agreed)
    crowded = np.flatnonzero(near.sum(axis=1) > 1)
    if not len(crowded):
        return circle
    same, either = _departures(table, near, crowded)
    copies = near[crowded] & (either >= FEWEST) & (same >= TOGETHER * either)
    for row, voter in enumerate(crowded):
        for other in np.flatnonzero(copies[row]):
            circle[circle == circle[voter]] = circle[other]
    return circle


def _near(agreed: Agreement) -> Bools:
    apart = np.where(agreed.common >= _COMMON, 1 - agreed.same, 1.0)
    others = apart.copy()
    np.fill_diagonal(others, np.nan)
    if len(others) < 2:
        return np.eye(len(others), dtype=bool)
    usual = np.nanquantile(others, 0.75, axis=0)
    near = apart <= CLOSE * np.minimum(usual[:, None], usual[None])
    np.fill_diagonal(near, val=True)
    return np.asarray(near)


def _departures(table: Table, near: Bools, crowded: Ints) -> tuple[Floats, Floats]:
    """For each crowded voter and every other: how often both depart alike, and how often either does."""
    size = len(table.voters)
    same, either = np.zeros((len(crowded), size)), np.zeros((len(crowded), size))
    outside = (~near[crowded]).T.astype(float)
    for rows, dense in table.blocks():
        polls, begin = np.unique(table.poll[rows], return_index=True)
        local = table.poll[rows] - polls[0]
        support = dense @ outside
        most = np.maximum.reduceat(support, begin, axis=0)[local]
        truth = table.labelled[polls][local][:, None]
        departs = np.where(truth, ~table.right[rows][:, None], support < most).astype(float)
        answered = table.answered[polls].astype(float)
        for number, voter in enumerate(crowded):
            circle = np.flatnonzero(near[voter])
            theirs = dense[:, circle] * departs[:, number][:, None]
            mine = dense[:, voter] * departs[:, number]
            i_depart = (np.add.reduceat(mine, begin) * answered[:, voter])[:, None] * answered[:, circle]
            they_depart = np.add.reduceat(theirs, begin, axis=0) * answered[:, voter][:, None]
            same[number, circle] += mine @ theirs
            either[number, circle] += (i_depart + they_depart - i_depart * they_depart).sum(axis=0)
    return same, either
