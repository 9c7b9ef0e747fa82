"""When a model is left alone for a while: the state machine of one circuit. Times are given, nothing waits.

    closed ──(failures in a row, or too large a share)──► open ──(its time has come)──► probing
       ▲                                                   ▲                              │
       └──────────────────(it answers)─────────────────────┼──────────────────────────────┤
                                                           └──(it fails: twice the pause)─┘

Calls of users decide while it is closed, probes alone while it is not.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from panvox.errors import Category, Fault, Owner

WINDOW = 60.0
"""Seconds over which the share of failures counts."""

LEAST_CALLS = 10
"""Calls within `WINDOW` from which on their share says something."""

PROBE_LIMIT = 10.0
"""Seconds that a probe may take between two signs of life."""

LONGEST = 50.0
"""Seconds of a pause at most: with the time that a probe may take, a model that is back is used within 60."""

USED_WITHIN = 300.0
"""Seconds after its last use in which a circuit is probed; later nobody waits for it."""


class CircuitRule(msgspec.Struct, frozen=True, kw_only=True):
    """What opens a circuit: `failures` in a row, or a `share` of ten or more calls in the last minute.

    `pause` is in seconds until the first probe; it doubles with each one that fails.
    """

    failures: int = 5
    share: float = 0.5
    pause: float = 5.0

    def pause_after(self, probes: int) -> float:
        """Seconds until the next probe when so many have failed."""
        return min(self.pause * 2.0**probes, max(self.pause, LONGEST))


class CircuitState(msgspec.Struct, frozen=True, kw_only=True):
    """How a circuit stands: `failures` in a row, failed probes included; tried again in `until` seconds."""

    name: str
    state: Literal["closed", "open", "probing"]
    failures: int = 0
    until: float = 0.0


def counts(fault: Fault) -> bool:
    """Whether a failure tells that something is broken: not a limit, and nothing that a caller caused."""
    if fault.category in {Category.RATE_LIMITED, Category.CIRCUIT_OPEN}:
        return False
    return fault.owner in {Owner.PROVIDER, Owner.NETWORK}


class Circuit:
    """The circuit of one model with one key. `now` is in seconds of any clock that does not go back."""

    def __init__(self, name: str, rule: CircuitRule) -> None:
        self.name = name
        self.last = ""
        self._rule = rule
        self._state: Literal["closed", "open", "probing"] = "closed"
        self._row = 0
        self._calls: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._probes = 0
        self._until = 0.0
        self._used = float("-inf")

    def __repr__(self) -> str:
        return f"Circuit({self.name!r}, {self._state}, failures={self._row})"

    def state(self, now: float) -> CircuitState:
        """How it stands."""
        return CircuitState(name=self.name, state=self._state, failures=self._row, until=self._left(now))

    def refused(self, now: float) -> float | None:
        """Somebody wants to ask: None if they may, else the seconds until it is tried again."""
        self._used = now
        return None if self._state == "closed" else self._left(now)

    def answered(self, now: float) -> None:
        """A user's call had an answer. One that began before the circuit opened tells nothing new."""
        if self._state == "closed":
            self._row = 0
            self._note(now, failed=False)

    def failed(self, fault: Fault, now: float) -> bool:
        """A user's call failed; whether that opens the circuit."""
        if self._state != "closed" or not counts(fault):
            return False
        self._row += 1
        self.last = fault.message
        self._note(now, failed=True)
        calls = len(self._calls)
        too_many = calls >= LEAST_CALLS and self._failed >= self._rule.share * calls
        if self._row < self._rule.failures and not too_many:
            return False
        self._probes = 0
        self._open(now)
        return True

    def probe_at(self) -> float | None:
        """When it is to be probed; None while it is not to be, since it is closed, probed or unused."""
        return self._until if self._state == "open" and self._until <= self._used + USED_WITHIN else None

    def probe(self) -> None:
        """A probe goes out."""
        self._state = "probing"

    def probed(self, fault: Fault | None, now: float) -> None:
        """The probe is over. Whatever is not the provider's or the network's fault shows that it is back."""
        if fault is not None and counts(fault):
            self._row += 1
            self._probes += 1
            self.last = fault.message
            self._open(now)
        else:
            self._state, self._row, self._failed = "closed", 0, 0
            self._calls.clear()

    def _open(self, now: float) -> None:
        self._state = "open"
        self._until = now + self._rule.pause_after(self._probes)

    def _left(self, now: float) -> float:
        return 0.0 if self._state == "closed" else max(0.0, self._until - now)

    def _note(self, now: float, *, failed: bool) -> None:
        self._calls.append((now, failed))
        self._failed += failed
        while self._calls[0][0] <= now - WINDOW:
            self._failed -= self._calls.popleft()[1]
