"""Who waits for what: lanes of calls that need the same, and a line before each scope.

Calls that need the same scopes for the same model stand in one lane; only its first competes with others, so
that the cost of a grant does not grow with those behind it. That first call is parked in the line of one
scope, the narrowest that has no room for it or where others go first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

import msgspec

from panvox.limits.books import Book, Call, Wait, What
from panvox.limits.windows import Lags
from panvox.protocols import Demand, Hold, Limits, Scope

_TICKETS = count(1)  # one for each time that somebody is parked; an entry with an old ticket has gone
_REVISED = 1.0  # seconds by which a wait must grow to be told of again
_LATE, _LATEST = 1.0, 60.0  # seconds after the time that was told; in which it is looked at again at last
_FEW = 16  # entries of those who have gone that a line does not mind


class State(Enum):
    """Where a call stands."""

    NEW = auto()
    WAITING = auto()
    EXCLUDED = auto()  # no limit will ever let it out as it is
    ASKING = auto()  # it may go as far as this process knows, and the pool is asked
    GRANTED = auto()
    CLOSED = auto()


class Place:
    """One call's place in its lane; `arrival` numbers all calls in the order in which they came.

    `doubted_at` is when what it was told is looked at again, and `doubts` counts how often it was.
    """

    __slots__ = (
        "_future",
        "_told",
        "_told_certain",
        "_told_until",
        "arrival",
        "call",
        "demand",
        "doubted_at",
        "doubts",
        "lane",
        "news",
        "state",
        "ticket",
    )

    def __init__(self, demand: Demand, lane: Lane) -> None:
        self.demand = demand
        self.lane = lane
        self.call = Call(demand, lane.books)
        self.state = State.NEW
        self.arrival = 0
        self.ticket = 0
        self.news: Hold | None = None
        self._told: tuple[Scope, What] | None = None
        self._told_certain = False
        self._told_until = -inf
        self.doubts = 0
        self.doubted_at = inf
        self._future: asyncio.Future[None] | None = None

    def waits_for(self, scope: Scope, what: What) -> bool:
        """Whether that is why it waits, as it was told."""
        return self._told == (scope, what)

    def tell(self, hold: Hold, now: float) -> None:
        """Say why it waits: where that is another reason than before, or a time that is now certain."""
        reason = (hold.scope, hold.what)
        until = -inf if hold.seconds is None else now + hold.seconds
        surer = hold.certain and (not self._told_certain or until > self._told_until + _REVISED)
        if reason != self._told or surer:
            self._told, self._told_until, self.news = reason, until, hold
            self._told_certain = hold.certain
            self.wake()

    def tell_again(self, hold: Hold, now: float) -> None:
        """Say why it waits still, after the time that was told: what for now, and for how long.

        An estimate that has been wrong twice, or that would be wrong at once, is one that nobody can make.
        """
        if now < self._told_until:
            return
        self.doubts += 1
        if self._told == (hold.scope, hold.what) and not hold.certain:
            if self.doubts > 1 or (hold.seconds or 0.0) < _REVISED:
                hold = msgspec.structs.replace(hold, seconds=None)
            if hold.seconds is None and self._told_until == -inf:
                return
        self._told = None
        self.tell(hold, now)

    def doubt_in(self, now: float) -> float:
        """Seconds after which it is time to doubt what it was told; each time later."""
        return min(max(0.0, self._told_until - now) + _LATE * 2.0 ** min(self.doubts, 6), _LATEST)

    def wake(self) -> None:
        """There is something to look at."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait_woken(self) -> None:
        """Return once there is something to look at."""
        self._future = asyncio.get_running_loop().create_future()
        try:
            await self._future
        finally:
            self._future = None


_Entry = tuple[int, int, "Place"]


class Line:
    """The line before one scope: the first calls of lanes that are `parked` here, a heap by their arrival.

    `waiting` counts them and all who stand behind them in their lanes. `timer` rings when the first may fit,
    `growth` when there may be more slots because no call was refused.
    """

    __slots__ = ("_gone", "book", "configured", "growth", "parked", "timer", "waiting")

    def __init__(self, scope: Scope, configured: Limits, effective: Limits) -> None:
        self.book = Book(scope, effective)
        self.configured = configured
        self.waiting = 0
        self.timer: asyncio.TimerHandle | None = None
        self.growth: asyncio.TimerHandle | None = None
        self.parked: list[_Entry] = []
        self._gone = 0

    def park(self, place: Place) -> None:
        """The first of a lane waits here."""
        place.lane.parked_at = self
        self.waiting += len(place.lane.places)
        place.ticket = next(_TICKETS)
        heappush(self.parked, (place.arrival, place.ticket, place))

    def unpark(self, place: Place) -> None:
        """The first of a lane waits here no more; call it before the place leaves its lane."""
        place.lane.parked_at = None
        self.waiting -= len(place.lane.places)
        place.ticket = 0
        self._gone += 1
        while self.parked and not _is_here(self.parked[0]):
            heappop(self.parked)
            self._gone -= 1
        if self._gone > _FEW and self._gone * 2 > len(self.parked):
            self.parked = [entry for entry in self.parked if _is_here(entry)]
            heapify(self.parked)
            self._gone = 0

    def first(self, now: float) -> Place | None:
        """Whose turn it is."""
        if not self.parked:
            return None
        if self.book.limits.loaded is None:
            return self.parked[0][2]
        here = (entry[2] for entry in self.parked if _is_here(entry))
        return min(here, key=lambda place: self.book.turn(place.call.model, place.arrival, now))

    def goes_first(self, place: Place, now: float) -> bool:
        """Whether `place` needs to let nobody here go before it."""
        first = self.first(now)
        if first is None or first is place:
            return True
        if self.book.limits.loaded is None:
            return place.arrival < first.arrival
        turn = self.book.turn
        return turn(place.call.model, place.arrival, now) < turn(first.call.model, first.arrival, now)

    def let_pass(self, place: Place, now: float) -> None:
        """Somebody goes out; note it where one who came before needs another model loaded."""
        if self.parked and self.book.limits.loaded is not None:
            oldest = self.parked[0][2]
            if oldest.arrival < place.arrival and oldest.call.model != place.call.model:
                self.book.passed_over(now)

    def wait(self, place: Place, now: float) -> Hold:
        """Why `place`, which is parked here or stands behind one that is, waits."""
        first = self.first(now)
        if first is None or first is place:
            wait = self.book.wait(place.call, now)
        else:
            lane = place.lane
            ahead = self.waiting - (len(lane.places) if lane.first is place else 1)
            wait = self.book.wait(place.call, now, max(1, ahead)) or self.book.wait(first.call, now)
        return self._hold(wait)

    def wait_now(self, place: Place, now: float) -> Hold:
        """The same, but what the first waits for, if nobody knows how long that takes."""
        first = self.first(now)
        wait = None if first is None else self.book.wait(first.call, now)
        return self.wait(place, now) if wait is None or wait.seconds is not None else self._hold(wait)

    def _hold(self, wait: Wait | None) -> Hold:
        what, seconds, certain = wait or ("slots", None, False)
        return Hold(scope=self.book.scope, what=what, seconds=seconds, certain=certain)


def _is_here(entry: _Entry) -> bool:
    return entry[2].ticket == entry[1]


class Lane:
    """Calls that need the same, in the order in which they came; the first is parked, or asks a pool.

    `untold` have not been told why they wait. `lags` knows how late calls arrive. `learning` are the books
    that replies teach: a model that has several accounts is learnt of for each by itself.
    """

    __slots__ = ("books", "lags", "learning", "lines", "parked_at", "places", "untold")

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.lines = lines
        self.books = tuple(line.book for line in lines)
        several = any(book.scope.kind == "account model" for book in self.books)
        self.learning = tuple(book for book in self.books if not several or book.scope.kind != "model")
        self.lags = Lags()
        self.places: OrderedDict[int, Place] = OrderedDict()
        self.parked_at: Line | None = None
        self.untold: dict[int, Place] = {}

    @property
    def first(self) -> Place | None:
        """The one that competes."""
        return next(iter(self.places.values()), None)

    def join(self, place: Place) -> None:
        """One more stands behind the others."""
        self.places[place.arrival] = place
        if self.parked_at is not None:
            self.parked_at.waiting += 1

    def leave(self, place: Place) -> None:
        """One goes; the first must not be parked any more."""
        del self.places[place.arrival]
        self.untold.pop(place.arrival, None)
        if self.parked_at is not None:
            self.parked_at.waiting -= 1

    def take_untold(self) -> list[Place]:
        """Those who wait and have not been told why; from now on they have."""
        untold, self.untold = self.untold, {}
        return [place for place in untold.values() if place.state is State.WAITING]
