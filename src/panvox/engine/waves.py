"""What may be spent on a turn, and whether what costs money has to be asked at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from panvox.curation.curate import lineage_of
from panvox.messages import Identity, Outcome
from panvox.protocols import Purse, Refusal, Want
from panvox.verdicts import Verdict

AGREED = "budget: the free models agree"
"""Why members that cost money were not asked."""


class NullPurse:
    """A `Purse` without limits that counts nothing, for panels whose money is somebody else's matter."""

    problem: str | None = None

    def begin(self, *, run: str, turn: int, tag: str = "") -> None:
        """Remembers nothing."""

    async def reserve(self, wants: Sequence[Want]) -> Mapping[str, Refusal]:
        """Refuses nobody."""
        return {}

    async def top_up(self, member: Identity, amount: Decimal, stand_in: Identity) -> Refusal | None:
        """Refuses nothing."""

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Counts nothing."""

    async def close(self) -> None:
        """Holds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Whose money pays for a run, under which tag it is counted, and whether free members come first.

    With `free_first`, members that cost money are asked only when the free ones do not agree; without, they
    are asked as soon as their money is set aside.
    """

    purse: Purse
    tag: str = ""
    free_first: bool = False


def agree(verdict: Verdict, asked: Sequence[Identity]) -> bool:
    """Whether those who were `asked` agree: a consensus that at least half of their lineages hold.

    Whoever failed counts as not agreeing.
    """
    leading = verdict.leading
    if leading is None or verdict.consensus is None:
        return False
    return 2 * leading.votes >= len({lineage_of(member) for member in asked})
