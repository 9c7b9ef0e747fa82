"""What may be spent on a turn, in which order members are asked, and whether all have to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from panvox.curation.curate import lineage_of
from panvox.messages import Identity, Outcome
from panvox.protocols import Purse, Refusal, Want
from panvox.verdicts import Verdict

AGREED = "budget: the free models agree"
"""Why members that cost money were not asked."""

SURE = "cascade: the models asked before were sure enough"
"""Why members of later waves were not asked."""

BELOW = 0.8
"""The confidence from which a cascade asks nobody else. Where it is calibrated, four such answers of five are
right."""

STEP = 5
"""How many times as much as its cheapest member a wave may cost. More waves cost more time, fewer ask more
dear models for nothing; so many make five waves of prices that spread over three powers of ten."""


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
class Cascade:
    """Members in waves, the cheapest first: the next is asked only while the answer is not sure enough.

    With `tiers` the paid members come in waves by price, else all in one. `below` is the confidence, or the
    agreement where no confidence was learnt, that is not enough; `reason` is booked for those who need not
    be asked.

    An estimate that was not learnt does not count: it grows with the number of votes, so that a small wave
    would be too few whatever it answers, and its members be asked for nothing.
    """

    below: float = BELOW
    tiers: bool = True
    reason: str = SURE

    def is_enough(self, verdict: Verdict, asked: Iterable[Identity]) -> bool:
        """Whether nobody else has to be asked, after those in `asked` have ended."""
        if self.tiers and verdict.calibrated and verdict.confidence is not None:
            return verdict.confidence >= self.below
        return verdict.consensus is not None and agreement(verdict, asked) >= self.below


FREE_FIRST = Cascade(below=0.5, tiers=False, reason=AGREED)
"""Two waves: what costs money is asked when the free members do not agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Whose money pays for a run, under which tag it is counted, and whether members come in waves.

    Without a cascade members that cost money are asked as soon as that is set aside.
    """

    purse: Purse
    tag: str = ""
    cascade: Cascade | None = None


def agreement(verdict: Verdict, asked: Iterable[Identity]) -> float:
    """The part of all votes that the leading answer has, 0 to 1; whoever failed counts as not agreeing."""
    lineages = {lineage_of(member) for member in asked}
    if verdict.leading is None or not lineages:
        return 0.0
    return verdict.leading.share * min(1.0, verdict.lineages / len(lineages))


def tiers(costs: Mapping[str, Decimal]) -> Iterator[tuple[str, ...]]:
    """Members by what they are expected to cost in USD, the cheapest first.

    A tier holds what costs up to `STEP` times as much as its cheapest.
    """
    tier: list[str] = []
    ceiling = Decimal(0)
    for name in sorted(costs, key=costs.__getitem__):
        if tier and costs[name] > ceiling:
            yield tuple(tier)
            tier = []
        if not tier:
            ceiling = costs[name] * STEP
        tier.append(name)
    if tier:
        yield tuple(tier)
