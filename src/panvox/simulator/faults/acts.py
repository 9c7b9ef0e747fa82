"""What a fault does, as values; the server carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from panvox.errors import Category
from panvox.simulator.exchange import Complaint, Page, Render

THOUGHTS = ("The question ", "is clear. ", "I weigh ", "what I know ", "and then answer.")
"""What a model thinks before an odd answer, piece by piece."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing more until the client leaves: after half of the answer, or before the head of the reply."""

    before_head: bool


@dataclass(frozen=True, slots=True)
class Drip:
    """Send the answer byte by byte, `seconds` apart. `--speed` does not hasten it."""

    seconds: float


class Way(StrEnum):
    """How an answer breaks off in its middle, or a connection before there is a reply."""

    UNHEARD = "unheard"  # closed without a reply
    RESET = "reset"  # the connection is reset
    CLOSED = "closed"  # the connection is closed within the body
    ENDED = "ended"  # the body ends as a body should, half of the answer is missing


@dataclass(frozen=True, slots=True)
class Break:
    """Break off."""

    way: Way


@dataclass(frozen=True, slots=True)
class Refuse:
    """Decline the call, as the provider's dialect spells it."""

    complaint: Complaint


@dataclass(frozen=True, slots=True)
class Deviate:
    """Put the answer into bytes in another way than the dialect says."""

    render: Render


@dataclass(frozen=True, slots=True)
class Nothing:
    """The head of a stream, and an end without a body."""


@dataclass(frozen=True, slots=True)
class Bomb:
    """An answer of `size` bytes, packed a thousandfold, that has no end: nobody should get there."""

    size: int


Act = Hang | Drip | Break | Page | Refuse | Deviate | Nothing | Bomb


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong. `expects` is what panvox reports for it; None where it gets its answer.

    `dialect` names the only one in which it can happen; where that is not spoken, there is the usual answer.
    """

    name: str
    expects: Category | None
    summary: str
    act: Act
    dialect: str | None = None

    def fits(self, dialect: str) -> bool:
        """Whether it can happen in `dialect`."""
        return self.dialect in (None, dialect)
