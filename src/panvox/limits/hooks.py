"""What a limiter may be given: someone who learns of limits, and a pool that several processes share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from panvox.errors import Category, Fault
from panvox.messages import Rate, Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Unit


class Foreign(Protocol):
    """What others use of a window, as the headers of a reply reveal; it counts until `until`."""

    @property
    def unit(self) -> Unit:
        """What is counted."""
        ...

    @property
    def seconds(self) -> float:
        """The length of the window."""
        ...

    @property
    def amount(self) -> int:
        """How much is used beyond what we know of."""
        ...

    @property
    def until(self) -> float:
        """When it counts no more, on the limiter's clock."""
        ...


class Learner(Protocol):
    """Learns limits from what providers reply. Pure; times are those of the limiter's clock.

    `in_flight` is how many calls are on their way in the scope, the one that is told of included.
    """

    def effective(self, scope: Scope, configured: Limits) -> Limits:
        """What holds for a scope."""
        ...

    def changed(self, scope: Scope) -> bool:
        """Whether `effective` must be asked again; asking this resets it."""
        ...

    def scope_of(self, fault: Fault, scopes: Sequence[Scope]) -> Scope:
        """Which scope of a call a failure tells of."""
        ...

    def replied(
        self,
        scope: Scope,
        rates: tuple[Rate, ...],
        *,
        accepted: bool,
        now: float,
        in_flight: int,
        used: Callable[[Unit, float], int],
        took: float,
        ours: Callable[[Unit, float], int] | None = None,
    ) -> Foreign | None:
        """The head of a reply is here after `took` seconds; `used` tells what counts in a window now.

        `ours` tells what our calls may have used of such a window when the provider wrote that head, in
        whichever of the call's scopes it was the most; as `used` if it is not given.
        """
        ...

    def unrefused(self, scope: Scope, *, now: float, since: float) -> float | None:
        """Others wait for slots, and more than half of the calls on their way went out before `since`.

        Returns the seconds after which to tell this again, if they still do; None for never.
        """
        ...

    def needed(self, scope: Scope, unit: Unit, amount: int) -> None:
        """One call needs more of a unit than what holds can ever give."""
        ...

    def failed(
        self, scope: Scope, fault: Fault, *, now: float, in_flight: int, sent: Sequence[tuple[float, int]]
    ) -> float:
        """A call failed: the seconds for which its scope pauses.

        `sent` holds the times of calls that went out, each with their number, oldest first; refused ones too.
        """
        ...

    def answered(self, scope: Scope, *, now: float, in_flight: int) -> None:
        """A call went well."""
        ...


class Unlearning:
    """Learns nothing: limits are as configured, and a scope pauses as long as a refusal says.

    It is the account that pauses, since providers limit accounts before all else; without one, the narrowest.
    """

    def effective(self, scope: Scope, configured: Limits) -> Limits:
        """See `Learner`."""
        return configured

    def changed(self, scope: Scope) -> bool:
        """See `Learner`."""
        return False

    def scope_of(self, fault: Fault, scopes: Sequence[Scope]) -> Scope:
        """See `Learner`."""
        return next((scope for scope in scopes if scope.kind == "account"), scopes[0])

    def replied(
        self,
        scope: Scope,
        rates: tuple[Rate, ...],
        *,
        accepted: bool,
        now: float,
        in_flight: int,
        used: Callable[[Unit, float], int],
        took: float,
        ours: Callable[[Unit, float], int] | None = None,
    ) -> Foreign | None:
        """See `Learner`."""
        return None

    def unrefused(self, scope: Scope, *, now: float, since: float) -> float | None:
        """See `Learner`."""
        return None

    def needed(self, scope: Scope, unit: Unit, amount: int) -> None:
        """See `Learner`."""

    def failed(
        self, scope: Scope, fault: Fault, *, now: float, in_flight: int, sent: Sequence[tuple[float, int]]
    ) -> float:
        """See `Learner`."""
        limited = fault.category is Category.RATE_LIMITED and fault.code != "upstream"
        return max(0.0, fault.wait or 0.0) if limited else 0.0

    def answered(self, scope: Scope, *, now: float, in_flight: int) -> None:
        """See `Learner`."""


class Pool(Protocol):
    """Books that several processes share. Calls of these do not wait, but `take`."""

    async def take(self, call: str, demand: Demand, limits: Mapping[Scope, Limits]) -> Hold | None:
        """Take all of `demand` at once, for the call of this id; None once that is done."""
        ...

    def heed(self, freed: Callable[[str], None]) -> None:
        """Call `freed` with a scope, as text, when a slot that was wanted there comes free."""
        ...

    def replied(self, call: str, *, sent: float | None = None) -> None:
        """The head of the reply is here; the request had been written at `sent`, if anybody knows."""
        ...

    def used(self, call: str, usage: Usage) -> None:
        """What the provider counted."""
        ...

    def close(self, call: str, *, aborted: bool, sent: bool) -> None:
        """The call is over; its entries are given back unless it was `sent`."""
        ...

    def pause(self, scope: Scope, seconds: float) -> None:
        """Nobody may send anything in this scope for so long."""
        ...
