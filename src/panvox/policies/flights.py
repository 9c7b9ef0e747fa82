"""Calls in flight that are shared: one listener asks, the others hear what it hears.

The listener that began a call, its leader, drives it: the call lives in the leader's task and ends with it,
so nothing runs that nobody waits for. The others follow what is written down of it, each at its own pace. The
way not taken is a task that reads for all: it would outlive those who wait for it, or need an owner that
outlives them. The price is that a leader that goes takes the call along; a follower then asks anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from panvox.errors import Fault
from panvox.messages import End, Event

PATIENCE = 1.0
"""Seconds that followers wait for a leader that has an event in hand and does not come back for the next."""


class Flight:
    """One call on its way: what has come of it so far, and how it ended."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.ended = False
        self.open = True
        self._events: list[Event] = []
        self._leader = asyncio.current_task()
        self._clock = asyncio.get_running_loop().time
        self._rests_since: float | None = None
        self._news: asyncio.Event | None = None  # only while somebody waits for it

    def __repr__(self) -> str:
        state = "open" if self.open else "ended" if self.ended else self.fault or "left"
        return f"<Flight {state}, {len(self._events)} events>"

    @property
    def events(self) -> Sequence[Event]:
        """What has come so far."""
        return self._events

    @property
    def mine(self) -> bool:
        """Whether the task that asks is the one that leads: it would wait for itself."""
        return self._leader is asyncio.current_task()

    # --- for the leader ---

    def add(self, event: Event) -> None:
        """The next event is here; the leader rests from now on, until `resume`."""
        self._events.append(event)
        self._rests_since = self._clock()
        if type(event) is End:
            self.ended = True
            self.leave()
        else:
            self._tell()

    def resume(self) -> None:
        """The leader waits for the next event."""
        self._rests_since = None

    def fail(self, fault: Fault) -> None:
        """The call failed, for all."""
        self.fault = fault
        self.leave()

    def leave(self) -> None:
        """Nothing more comes; without an end or a fault before it, the leader went away."""
        self.open = False
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set()

    # --- for the followers ---

    async def wait_beyond(self, heard: int) -> bool:
        """Whether more has come than the first `heard` events; waits until that is known.

        Not so when the call is over, or its leader rests for too long.
        """
        while len(self._events) == heard and self.open:
            since = self._rests_since
            left = None if since is None else since + PATIENCE - self._clock()
            if left is not None and left <= 0:
                break
            news = self._news = self._news or asyncio.Event()
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                continue  # the leader may have come back meanwhile
        return len(self._events) > heard


class Flights:
    """The calls in flight of a process, by what they ask."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def find(self, key: bytes) -> Flight | None:
        """The call that asks this, where another task leads it."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.open and not flight.mine else None

    def begin(self, key: bytes) -> Flight:
        """A call that this task leads; from now on others find it."""
        flight = self._flights[key] = Flight()
        return flight

    def drop(self, key: bytes, flight: Flight) -> None:
        """Nobody is to find this one any more."""
        if self._flights.get(key) is flight:
            del self._flights[key]
