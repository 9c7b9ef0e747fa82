"""What an answer is worth that its text does not mark: read from the last number or the first option named.

Such a reading is often not what the text means, above all in texts that were cut before they ended. How much
less it counts is learnt, as it depends on the prompts; and it counts relative to what the voter usually does:
who never marks its answers is as strong as its unmarked answers are.

    factor of a ballot = 1 + discount · (how often the voter's answers are unmarked - [this one is])
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from panvox.curation.learning.table import Floats, Table

STEPS = np.linspace(0.0, 1.0, 21)
"""Discounts that are tried."""

DEVIATION = 0.5
"""Standard deviation of the discount before anything was seen, around none."""

PSEUDO = 4.0
"""Ballots that the mean rate of unmarked answers is worth for each voter."""

_LEAST = 0.02
"""Part of a vote that an unmarked answer always keeps: it decides where there is no other."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """What marked and unmarked answers count, by voter.

    `gain`, at least 1, is how much more a marked answer counts than the mean of all that the voter gives;
    `part` is which part of that an unmarked one does.
    """

    gain: Floats
    part: Floats

    def told(self, table: Table) -> Table:
        """The table in which unmarked ballots are so small a part of a vote."""
        return replace(table, part=table.part * np.where(table.guessed, self.part[table.voter], 1.0))


def learn_guesses(table: Table, weights: Floats) -> Guesses:
    """The discount under which the right candidates are most likely.

    `weights` (polls, voters) are log-odds learnt without the poll itself. The score of a candidate is linear
    in the discount, and a normal prior pulls it towards none.
    """
    rate = _rates(table)
    poll = table.poll[table.candidate]
    worth = table.part * weights[poll, table.voter]
    size = len(table.poll)
    plain = np.bincount(table.candidate, worth, minlength=size)
    moved = np.bincount(table.candidate, worth * (rate[table.voter] - table.guessed), minlength=size)
    polls = table.labelled & table.solvable()
    best, likeliest = 0.0, -np.inf
    for step in STEPS:
        right = table.sums(table.posterior(plain + step * moved) * table.right)[polls]
        likely = float(np.log(np.maximum(right, 1e-6)).sum()) - step**2 / (2 * DEVIATION**2)
        if likely > likeliest + 1e-9:
            best, likeliest = float(step), likely
    gain = 1 + best * rate
    return Guesses(gain=gain, part=np.maximum(1 - best / gain, _LEAST))


def _rates(table: Table) -> Floats:
    """How often each voter's ballots are unmarked, shrunk towards the mean of all."""
    given = np.bincount(table.voter, minlength=len(table.voters))
    unmarked = np.bincount(table.voter, table.guessed.astype(float), minlength=len(table.voters))
    mean = float(table.guessed.mean()) if len(table.guessed) else 0.0
    return np.asarray((unmarked + PSEUDO * mean) / (given + PSEUDO))
