"""What a process has booked at a server that shares permits, as values that can be told to it again.

The server may lose its memory, or be out of reach for a while; then every process tells what of its own still
counts. So each keeps the calls of its longest window, and this is the price: some hundred bytes a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from panvox.messages import Usage
from panvox.protocols import Demand, Limits, Scope, Unit

UNANSWERED = 10.0
"""Seconds that a call without a reply counts beyond its window, as in `permits.lua`."""

_Item = TypeVar("_Item")

_MICROSECONDS = 1_000_000
_NOT_YET = 1 << 50  # microseconds; later than any time that the server uses for a reply
_TOGETHER = 500  # members or calls in one message, so that no message keeps the server busy for long

Wire = list[object]
"""Arguments of an operation of `permits.lua`."""


class Counted(NamedTuple):
    """A window in which a call is counted; `length` in microseconds."""

    key: str
    unit: Unit
    length: int
    limit: int


@dataclass(slots=True, kw_only=True)
class Booking:
    """One call, as the server knows it. `begun`, `sent` and `replied` are times of the loop.

    `member` stands for the call in sets of slots, and ends with its model; `held` are the scopes in which it
    takes a slot; `until` is when no window counts it any more.
    """

    call: str
    member: str
    windows: tuple[Counted, ...]
    held: tuple[str, ...]
    amounts: dict[Unit, int]
    begun: float
    sent: float | None = None
    replied: float | None = None
    open: bool = True

    @property
    def until(self) -> float:
        """When no window counts it any more."""
        longest = max((window.length for window in self.windows), default=0)
        return self.begun + longest / _MICROSECONDS + UNANSWERED

    def reckoned(self) -> Wire:
        """Its windows and what it takes of each."""
        return [
            [window.key, window.length, window.unit != "requests", self.amounts[window.unit], window.limit]
            for window in self.windows
        ]


@dataclass(slots=True)
class Bookings:
    """The calls of one process, which the server knows as `process`."""

    process: str
    _kept: dict[str, Booking] = field(default_factory=dict)
    _number: int = 0

    def __len__(self) -> int:
        return len(self._kept)

    def begin(self, call: str, demand: Demand, limits: Mapping[Scope, Limits], now: float) -> Booking:
        """Book a call; the server knows each attempt to take it by another name."""
        self._number += 1
        name = f"{self.process}:{self._number}"
        booking = Booking(
            call=name,
            member=f"{name}:{demand.model}",
            windows=tuple(_counted(demand.scopes, limits)),
            held=tuple(str(scope) for scope in demand.scopes if _takes_slot(limits.get(scope))),
            amounts=_amounts(demand.input_tokens, demand.output_tokens),
            begun=now,
        )
        self._kept[call] = booking
        return booking

    def replied(self, call: str, now: float, sent: float | None) -> Booking | None:
        """The head of its reply is here, and `sent` is when it went out; None if that changes nothing."""
        booking = self._kept.get(call)
        if booking is None or booking.replied is not None:
            return None
        booking.replied, booking.sent = now, sent
        return booking

    def used(self, call: str, usage: Usage) -> Booking | None:
        """What the provider counted."""
        booking = self._kept.get(call)
        if booking is not None:
            booking.amounts = _amounts(usage.prompt_tokens, usage.completion_tokens)
        return booking

    def close(self, call: str, now: float, *, sent: bool) -> Booking | None:
        """It is over, or never was; None if that is known already."""
        booking = self._kept.get(call)
        if booking is None or not booking.open:
            return None
        booking.open = False
        if booking.replied is None:
            booking.replied = booking.sent = now  # it may have been counted at any time until now
        if not sent:
            del self._kept[call]
        return booking

    def drop(self, call: str, booking: Booking) -> None:
        """It was not taken after all."""
        if self._kept.get(call) is booking:
            del self._kept[call]

    def forget(self, now: float) -> None:
        """Drop what is over and counts no more."""
        self._kept = {
            call: booking for call, booking in self._kept.items() if booking.open or booking.until > now
        }

    def open_calls(self) -> list[str]:
        """The calls that are not over."""
        return [call for call, booking in self._kept.items() if booking.open]

    def slots(self) -> Wire:
        """Scope by scope, the members that hold its slots."""
        members: dict[str, list[str]] = {}
        for booking in self._kept.values():
            for scope in booking.held if booking.open else ():
                members.setdefault(scope, []).append(booking.member)
        return [[scope, part] for scope, several in members.items() for part in _parts(several)]

    def retold(self, now: float) -> Iterator[list[Wire]]:
        """All that still counts, in messages of bounded size."""
        return _parts([retold(booking, now) for booking in self._kept.values()])


def retold(booking: Booking, now: float) -> Wire:
    """A call as `restore` wants it: what was booked, and how long ago."""
    age = int((now - booking.begun) * _MICROSECONDS)
    replied, sent = _NOT_YET, -1
    if booking.replied is not None:
        replied = int((booking.replied - booking.begun) * _MICROSECONDS)
    if booking.sent is not None:
        sent = max(0, int((booking.sent - booking.begun) * _MICROSECONDS))
    return [
        booking.call,
        booking.member,
        age,
        booking.replied is None,
        replied,
        sent,
        booking.reckoned(),
        list(booking.held),
        booking.open,
    ]


def asked(booking: Booking, demand: Demand, limits: Mapping[Scope, Limits]) -> Wire:
    """The scopes of a call as `take` wants them, each with its limits; -1 stands for none."""
    windows = iter(booking.reckoned())
    scopes: Wire = []
    for scope in demand.scopes:
        allowed = limits.get(scope, Limits())
        scopes.append(
            [
                str(scope),
                -1 if allowed.slots is None else allowed.slots,
                int(allowed.spacing * _MICROSECONDS),
                -1 if allowed.loaded is None else allowed.loaded,
                [next(windows) for _ in allowed.windows],
            ]
        )
    return scopes


def looked_at(limits: Mapping[Scope, Limits]) -> Wire:
    """Scopes and their windows as `standing` wants them."""
    return [
        [
            str(scope),
            [[key, length, unit != "requests"] for key, unit, length, _ in _counted((scope,), limits)],
        ]
        for scope in limits
    ]


def _counted(scopes: Iterable[Scope], limits: Mapping[Scope, Limits]) -> Iterator[Counted]:
    for scope in scopes:
        for window in limits.get(scope, Limits()).windows:
            length = round(window.seconds * _MICROSECONDS)
            yield Counted(f"{scope}:{window.unit}:{length}", window.unit, length, window.amount)


def _takes_slot(limits: Limits | None) -> bool:
    return limits is not None and (limits.slots is not None or limits.loaded is not None)


def _amounts(prompt: int, answer: int) -> dict[Unit, int]:
    return {"requests": 1, "tokens": prompt + answer, "input_tokens": prompt, "output_tokens": answer}


def _parts(items: list[_Item]) -> Iterator[list[_Item]]:
    return (items[first : first + _TOGETHER] for first in range(0, len(items), _TOGETHER))
