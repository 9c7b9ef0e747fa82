"""What is not spent because the rest is not waited for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from panvox.budget.prices import spent_on
from panvox.engine.waves import AGREED, SURE
from panvox.messages import Outcome
from panvox.verdicts import Saved

DECIDED = "decided: the rest could not change the answer"
"""Why members were not waited for, or not asked, under the rule `certain`."""

LIKELY = "decided: the rest would hardly have changed the answer"
"""Why, under the rule `likely`."""

UNNEEDED = frozenset({AGREED, SURE, DECIDED, LIKELY})
"""Why members are skipped on purpose: nobody needed their answer."""

FREE_TEXT = (
    "the prompt asks for free text, where nothing can be decided before all have answered: --stop waits for "
    "all; where it asks for more, say what with --expect"
)
"""What people are told who want to stop early at a prompt where that cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """A member that was not waited for, or not asked: how it ended, and what it was expected to take.

    `reserved` is what asking it was expected to cost, in USD; `seconds` how long its answer takes, None where
    nobody can tell.
    """

    outcome: Outcome
    reserved: Decimal = Decimal(0)
    seconds: float | None = None


def saved(spared: Iterable[Spared]) -> Saved:
    """What sparing them saved.

    Money is what was expected less what counts as spent: a call that was cut off while the provider was at
    work may have cost all of it, so that nothing is saved there as far as anybody knows. Seconds are those
    of the slowest, from when it was cut off; None where nothing is known of any.
    """
    members = list(spared)
    left = [
        max(0.0, member.seconds - member.outcome.duration) for member in members if member.seconds is not None
    ]
    return Saved(
        calls=len(members),
        money=sum((_not_spent(member) for member in members), Decimal(0)),
        seconds=max(left, default=None),
    )


def _not_spent(member: Spared) -> Decimal:
    spent = spent_on(member.outcome)
    return Decimal(0) if spent is None else max(Decimal(0), member.reserved - spent)
