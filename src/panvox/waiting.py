"""How long to wait for answers: pure policies that look at the progress of a turn and decide.

all               every member has ended
first, first:3    one answer, or three, are in
deadline:20       20 seconds have passed
quorum, quorum:.7 one group holds more than half (70 %) of the votes of all asked: the rest cannot overtake it
fast, fast:10     12 (10) seconds have passed and there is an answer; the rest may go on

And when to stop because the answer is decided, whatever the wait policy says:

never             not before the wait policy is met
likely, likely:.1 the rest would change who leads with a probability of at most 5 % (10 %)
certain           the rest cannot change who leads, whatever they say
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeVar, assert_never

import msgspec

from panvox.errors import UsageError
from panvox.verdicts import Outlook

N = TypeVar("N", int, float)
Kind = Literal["all", "first", "deadline", "quorum", "fast"]

FAST_SECONDS = 12.0
"""Between 10 and 15 seconds most chat models have answered and a person has not yet turned away."""

RISK = 0.05
"""The probability of another leader that "likely" takes into the bargain: one prompt in twenty, the level at
which people are used to call something settled."""

_STOPS = "never, certain, likely or likely:RISK with a risk above 0 and below 0.5"
_FORMS = "all, first, first:COUNT, deadline:SECONDS, quorum, quorum:SHARE, fast or fast:SECONDS"


class Progress(Protocol):
    """What a policy may look at; only what it asks for is worked out."""

    @property
    def elapsed(self) -> float:
        """Seconds since the turn began."""
        ...

    @property
    def open(self) -> int:
        """Members that have not ended."""
        ...

    @property
    def answered(self) -> int:
        """Members that have answered."""
        ...

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        ...

    @property
    def votes(self) -> float:
        """Votes of all who were asked."""
        ...


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """A wait policy; `seconds`, `count` and `share` matter to the kinds that name them."""

    kind: Kind = "all"
    count: int = 1
    share: float = 0.5
    seconds: float = FAST_SECONDS

    def met(self, progress: Progress) -> bool:
        """Whether there is no need to wait any longer."""
        if progress.open == 0:
            return True
        match self.kind:
            case "all":
                return False
            case "first":
                return progress.answered >= self.count
            case "deadline":
                return progress.elapsed >= self.seconds
            case "quorum":
                return progress.leading_votes > self.share * progress.votes
            case "fast":
                return progress.elapsed >= self.seconds and progress.answered > 0
            case _:
                assert_never(self.kind)

    @property
    def alarm(self) -> float | None:
        """Seconds after the start at which to look again, for policies that time can meet."""
        return self.seconds if self.kind in ("deadline", "fast") else None

    @property
    def lingers(self) -> bool:
        """Whether open members go on after the policy is met."""
        return self.kind == "fast"


def parse_wait(text: str) -> Wait:
    """The policy that `text` names. Raises `UsageError` with the forms that are allowed."""
    kind, _, value = text.strip().lower().partition(":")
    try:
        return _parse(kind, value)
    except ValueError:
        raise UsageError(f"the wait policy {text!r} is not one of {_FORMS}") from None


def _parse(kind: str, value: str) -> Wait:
    match kind, value:
        case (("all" | "first" | "quorum" | "fast"), ""):
            return Wait(kind=kind)
        case "first", _:
            return Wait(kind=kind, count=_within(int(value), 1, 1_000_000))
        case "quorum", _:
            return Wait(kind=kind, share=_within(float(value), 0.0, 0.999_999))
        case (("deadline" | "fast"), _):
            return Wait(kind=kind, seconds=_within(float(value), 0.001, 1e9))
        case _:
            raise ValueError(kind)


def _within(number: N, low: float, high: float) -> N:
    if not low <= number <= high:
        raise ValueError(number)
    return number


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """When the rest is not waited for any more since the answer is decided; `risk` matters to "likely"."""

    kind: Literal["never", "likely", "certain"] = "never"
    risk: float = RISK

    def met(self, outlook: Outlook) -> bool:
        """Whether what could still change is little enough; `outlook` is for the same risk."""
        match self.kind:
            case "never":
                return False
            case "certain":
                return outlook.state == "certain"
            case "likely":
                return outlook.state == "certain" or (outlook.state == "likely" and outlook.risk <= self.risk)
            case _:
                assert_never(self.kind)


def parse_stop(text: str) -> Stop:
    """The rule that `text` names. Raises `UsageError` with the forms that are allowed."""
    kind, _, value = text.strip().lower().partition(":")
    try:
        return _parse_stop(kind, value)
    except ValueError:
        raise UsageError(f"the rule {text!r} for stopping is not one of {_STOPS}") from None


def _parse_stop(kind: str, value: str) -> Stop:
    match kind, value:
        case (("never" | "certain" | "likely"), ""):
            return Stop(kind=kind)
        case "likely", _:
            return Stop(kind=kind, risk=_within(float(value), 1e-9, 0.499_999))
        case _:
            raise ValueError(kind)
