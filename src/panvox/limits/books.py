"""The books of one scope: what has been taken of its limits, and when there is room again; pure.

All times are seconds of one clock that never goes back. Windows slide: at no moment do the last `seconds`
seconds hold more than `amount`, the strictest reading of a rate limit, which still lets a full window out
at once. Providers book a call somewhere between our permit and the head of their reply, so an entry has no
time of its own before that head is here: it counts as if it was made now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from math import inf
from typing import Literal, NamedTuple

from panvox.limits.windows import UNITS, Granule, Log, slack
from panvox.protocols import Demand, Limits, Scope, Unit, Window

LATEST = 10.0
"""Seconds after a permit in which a provider books the call at the latest, if no head of a reply tells."""

GRACE = 0.1
"""Seconds until a provider notices that a call was broken off."""

TICK = 0.001
"""Seconds by which a loop's clock may be late: that of uvloop counts whole milliseconds."""

PASSES = 32
"""Later calls of a model in use that may go before one that needs another model loaded."""

PATIENCE = 60.0
"""Seconds that calls of a model in use may go before one that needs another model loaded."""

_REMEMBERED = 2048  # calls that are looked back on when a limit is learnt or set anew
_PACE = 0.2  # weight of the newest call in the mean of how long calls take

What = Literal["requests", "tokens", "slots", "spacing", "pause", "loading", "shared"]


class Call:
    """One call, in the books of all its scopes: what it takes of them, and where that is entered.

    It is pending until it is settled: by the head of its reply, by its end, or by `LATEST`; void once all
    that it took was given back. `held` is what was used of each window when it had gone out.
    """

    __slots__ = (
        "_answered",
        "_sent",
        "amounts",
        "at",
        "books",
        "held",
        "model",
        "places",
        "refused",
        "settled",
        "void",
    )

    def __init__(self, demand: Demand, books: Sequence[Book]) -> None:
        prompt, answer = demand.input_tokens, demand.output_tokens
        self.model = demand.model
        self.amounts = (1, prompt + answer, prompt, answer)
        self.books = books
        self.at = -inf
        self.settled: float | None = None
        self.void = False
        self.refused = False
        self.places: dict[Log, Granule] = {}
        self.held: dict[Log, int] = {}
        self._answered = False
        self._sent: float | None = None

    def take(self, now: float) -> None:
        """It goes out."""
        self.at = now
        for book in self.books:
            book.take(self, now)

    def delay(self, now: float) -> None:
        """It goes out a little later than was thought."""
        if self.settled is None:
            self.at = now

    def answered(self, now: float, *, sent: float | None = None) -> None:
        """The head of its reply is here; the request had been written at `sent`, if anybody knows."""
        self._answered = True
        if sent is not None and self.at <= sent <= now:
            self._sent = sent + TICK
        self._settle(now + TICK)

    def broken_off(self, now: float) -> None:
        """No head has come, and none will; the provider may have booked it until now."""
        if self.settled is None:
            self._settle(min(now + GRACE, self.at + LATEST))

    def lapse(self) -> None:
        """No head has come for so long that the provider must have booked it."""
        self._settle(self.at + LATEST)

    def _settle(self, time: float) -> None:
        pending, self.settled = self.settled is None, time
        answered, places, amounts = self._answered, self.places, self.amounts
        for book in self.books:
            for log in book.logs:
                latest = self.latest(log)
                booked = latest if answered and latest < time else time
                if pending:
                    places[log] = log.place(booked, amounts[log.index])
                elif log in places:
                    places[log] = log.move(places[log], booked, amounts[log.index])

    @property
    def may_be_uncounted(self) -> bool:
        """Whether it may still turn out that the provider has not counted it."""
        return bool(self.books) and not self._answered

    def booked(self, log: Log) -> float:
        """When the provider booked it, for a window; -inf while that is not known."""
        if self.settled is None:
            return -inf
        return min(self.settled, self.latest(log)) if self._answered else self.settled

    def latest(self, log: Log) -> float:
        """When it was booked at the latest, if it was answered."""
        return self.at + log.slack if self._sent is None else self._sent + log.margin

    def change(self, amounts: tuple[int, int, int, int]) -> None:
        """What it takes turns out to be something else."""
        before, self.amounts = self.amounts, amounts
        for book in self.books:
            for log in book.logs:
                place = self.places.get(log)
                if place is not None or self.settled is None:
                    log.change(place, amounts[log.index] - before[log.index])

    def give_back(self) -> None:
        """The provider has not counted it."""
        kept, self.void = self.amounts, True
        self.change((0, 0, 0, 0))
        self.amounts, self.settled, self.places = kept, self.at, {}
        for book in self.books:
            book.undo(self)

    def leave(self, now: float, *, aborted: bool = False) -> None:
        """It is over; its slots are free, after `GRACE` where the provider may still be at it."""
        for book in self.books:
            book.leave(self, now, aborted=aborted)
        self.books, self.places = (), {}


def _at(call: Call) -> float:
    return call.at


class Wait(NamedTuple):
    """Why there is no room, and for about how many seconds; see `Hold`."""

    what: What
    seconds: float | None
    certain: bool = False


class Book:
    """All that is taken of one scope; `inside` calls have its slots."""

    def __init__(self, scope: Scope, limits: Limits) -> None:
        self.scope = scope
        self.limits = Limits()
        self.logs: list[Log] = []
        self.inside = 0
        self.paused = -inf
        self.resident: dict[str, None] = {}
        self._slots: float = inf
        self._opens = -inf
        self._started = -inf
        self._started_before = -inf
        self._shut = -inf
        self._shut_for: What = "shared"
        self._pace: float | None = None
        self._pending: deque[Call] = deque()
        self._lapsed: dict[Call, None] = {}
        self._history: deque[Call] = deque(maxlen=_REMEMBERED)
        self._leaving: deque[tuple[float, str]] = deque()
        self._in_use: dict[str, int] = {}
        self._passes = 0
        self._passed_since = inf
        self.configure(limits, -inf)

    # --- limits ---

    def configure(self, limits: Limits, now: float) -> None:
        """Other limits from now on; what was taken stays taken, in new windows as far as it is remembered."""
        if limits == self.limits:
            return
        self._let_lapse(now)
        known = {(log.unit, log.seconds): log for log in self.logs}
        amounts: dict[tuple[Unit, float], int] = {}
        for window in limits.windows:
            kind = (window.unit, window.seconds)
            amounts[kind] = min(window.amount, amounts.get(kind, window.amount))
        self.logs = [known.get(kind) or self._seeded(*kind) for kind in amounts]
        for log in self.logs:
            log.amount = amounts[log.unit, log.seconds]
        if limits.loaded is not None and self.limits.loaded is None:
            self._in_use = Counter(call.model for call in self._history if call.books)
        self.limits = limits
        self._slots = inf if limits.slots is None else limits.slots
        self._reopen()

    def _seeded(self, unit: Unit, seconds: float) -> Log:
        log = Log(unit, seconds)
        for call in self._history:
            if call.void:
                continue
            log.used += call.amounts[log.index]
            if call.settled is not None:
                call.places[log] = log.place(call.booked(log), call.amounts[log.index])
        return log

    def pause(self, until: float) -> None:
        """Nothing goes out before `until`."""
        self.paused = max(self.paused, until)
        self._reopen()

    def shut(self, until: float, what: What) -> None:
        """Nothing goes out before `until`, since a pool that others share has none left of `what`."""
        self._shut, self._shut_for = until, what
        self._reopen()

    def freed(self) -> None:
        """A slot of the pool has come free: who waits for one may go out."""
        if self._shut_for in {"slots", "loading"}:
            self._shut = -inf
            self._reopen()

    def _reopen(self) -> None:
        self._opens = max(self._spaced, self.paused, self._shut)

    @property
    def _spaced(self) -> float:
        spacing = self.limits.spacing
        return self._started + spacing + slack(spacing) if spacing else -inf

    # --- taking and giving back ---

    def room(self, call: Call, now: float) -> bool:
        """Whether `call` may go out."""
        for log in self.logs:
            if log.used + call.amounts[log.index] > log.amount:
                self._let_lapse(now)
                log.expire(now)
                if log.used + call.amounts[log.index] > log.amount:
                    return False
        if self._leaving:
            self._let_leave(now)
        return self.inside < self._slots and self._opens <= now and self._may_load(call.model)

    def _may_load(self, model: str) -> bool:
        most = self.limits.loaded
        return most is None or model in self._in_use or len(self._in_use) < most

    def take(self, call: Call, now: float) -> None:
        """`call` goes out."""
        for log in self.logs:
            log.used += call.amounts[log.index]
            call.held[log] = log.used
        self.inside += 1
        pending = self._pending
        while pending and pending[0].settled is not None:
            pending.popleft()
        pending.append(call)
        self._history.append(call)
        if self.limits.spacing:
            self._started_before, self._started = self._started, now
            self._reopen()
        if self.limits.loaded is not None:
            self._load(call.model, self.limits.loaded)

    def _load(self, model: str, most: int) -> None:
        self._in_use[model] = self._in_use.get(model, 0) + 1
        if model not in self.resident:
            self._passes, self._passed_since = 0, inf
        self.resident.pop(model, None)
        self.resident[model] = None
        idle = [other for other in self.resident if other not in self._in_use]
        for other in idle[: max(0, len(self.resident) - most)]:
            del self.resident[other]

    def undo(self, call: Call) -> None:
        """`call` was no start, so that nothing needs to keep its distance."""
        if self._started == call.at:
            self._started = self._started_before
            self._reopen()

    def leave(self, call: Call, now: float, *, aborted: bool) -> None:
        """`call` is over."""
        self._lapsed.pop(call, None)
        if aborted:
            self._leaving.append((now + GRACE, call.model))
            return
        if not call.void:
            took = now - call.at
            self._pace = took if self._pace is None else self._pace + _PACE * (took - self._pace)
        self._free(call.model)

    def _free(self, model: str) -> None:
        self.inside -= 1
        if model in self._in_use:
            self._in_use[model] -= 1
            if not self._in_use[model]:
                del self._in_use[model]

    def _let_leave(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            self._free(self._leaving.popleft()[1])

    def _let_lapse(self, now: float) -> None:
        pending = self._pending
        while pending and (pending[0].settled is not None or pending[0].at + LATEST <= now):
            call = pending.popleft()
            if call.settled is None:
                call.lapse()
            if call.may_be_uncounted:
                self._lapsed[call] = None

    def bring_up(self, now: float) -> None:
        """Let out of the books what time has let out."""
        self._let_lapse(now)
        self._let_leave(now)
        for log in self.logs:
            log.expire(now)

    # --- whose turn it is ---

    def turn(self, model: str, arrival: int, now: float) -> tuple[bool, int]:
        """What those who wait are ordered by.

        Calls of a model in use go first, so that models are loaded rarely, but not for ever.
        """
        overdue = self._passes >= PASSES or now - self._passed_since >= PATIENCE
        return (overdue or model not in self.resident, arrival)

    def passed_over(self, now: float) -> None:
        """A later call went before one that needs another model loaded."""
        self._passes += 1
        self._passed_since = min(self._passed_since, now)

    # --- why there is no room, and until when ---

    def never(self, call: Call) -> What | None:
        """What `call` needs more of than these limits can ever give."""
        for unit, _ in self.beyond(call):
            return "tokens" if UNITS[unit] else "requests"
        return "slots" if self._slots < 1 else None

    def beyond(self, call: Call) -> list[tuple[Unit, int]]:
        """The units of which `call` needs more than a window ever holds, and how much it needs."""
        amounts = call.amounts
        return [(log.unit, amounts[log.index]) for log in self.logs if amounts[log.index] > log.amount]

    def wait(self, call: Call, now: float, ahead: int = 0) -> Wait | None:
        """What `call` waits longest for, if `ahead` others like it go first; None if it may go out."""
        self.bring_up(now)
        return max(self._waits(call, now, ahead), key=lambda wait: wait.seconds or 0.0, default=None)

    def _waits(self, call: Call, now: float, ahead: int) -> Iterator[Wait]:
        for log in self.logs:
            if log.used + call.amounts[log.index] * (ahead + 1) > log.amount:
                yield self._wait_of_window(log, call.amounts[log.index], now, ahead)
        if now < self.paused:
            yield Wait("pause", self.paused - now, certain=True)
        if now < self._shut:
            yield Wait(self._shut_for, self._shut - now)
        if now < self._spaced:
            yield Wait("spacing", self._spaced - now + ahead * self.limits.spacing, certain=not ahead)
        if self.inside + ahead >= self._slots:
            pace = self._pace
            yield Wait("slots", None if pace is None else pace * (ahead + 1) / max(1.0, self._slots))
        if not self._may_load(call.model):
            yield Wait("loading", None)

    def _wait_of_window(self, log: Log, amount: int, now: float, ahead: int) -> Wait:
        what: What = "tokens" if log.index else "requests"
        if ahead:
            return Wait(what, log.about(amount * (ahead + 1), now))
        fits = log.fits_at(amount)
        if fits == inf and self._pending:
            fits = self._pending[0].at + log.slack + log.seconds
        self._lapsed = {call: None for call in self._lapsed if call.may_be_uncounted}
        may_shrink = self.inside if log.index else self._pending or self._lapsed
        return Wait(what, max(0.0, fits - now), certain=not may_shrink)

    def _fits_at(self, log: Log, amount: int) -> float:
        fits = log.fits_at(amount)
        if fits == inf and self._pending:
            return self._pending[0].at + LATEST + log.seconds
        return fits

    def opens(self, call: Call, now: float) -> float | None:
        """When time alone may make room for `call`; None if it waits for others to leave."""
        self.bring_up(now)
        times = [self._opens, *(self._fits_at(log, call.amounts[log.index]) for log in self.logs)]
        if self.full or not self._may_load(call.model):
            if not self._leaving:
                return None
            times.append(self._leaving[0][0])
        return max(times)

    # --- looking in ---

    def used(self, unit: Unit, seconds: float, now: float) -> int:
        """What counts in one window; where there is no such window, what would, as far as is remembered.

        Without a window that is what was taken on, and at least the largest single call, refused ones too.
        """
        for log in self.logs:
            if (log.unit, log.seconds) == (unit, seconds):
                return log.used
        index, taken, largest = UNITS[unit], 0, 0
        for call in reversed(self._history):
            if call.at <= now - seconds:
                break
            largest = max(largest, call.amounts[index])
            taken += 0 if call.void or call.refused else call.amounts[index]
        return max(taken, largest)

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return self.inside >= self._slots

    def midst(self) -> float:
        """The time before which more than half of the calls on their way went out, or a later one."""
        return self._history[-min(len(self._history), self.inside // 2 + 1)].at if self._history else -inf

    def held(self, call: Call, unit: Unit, seconds: float) -> int:
        """The most that a window may have held for its provider when `call` came there."""
        logs = (log for log in self.logs if (log.unit, log.seconds) == (unit, seconds))
        return max((max(log.used, self._held(call, log)) for log in logs), default=0)

    def _held(self, call: Call, log: Log) -> int:
        """What a window held when `call` had gone out, and all that may have overtaken it on the way."""
        latest, overtook = call.latest(log), 0
        for index in range(bisect_left(self._history, call.at, key=_at), len(self._history)):
            other = self._history[index]
            if other.at > latest:
                break
            overtook += other.amounts[log.index] if other is not call else 0
        return call.held.get(log, 0) + overtook

    def sent(self) -> list[tuple[float, int]]:
        """Times of the calls that went out, those that were refused too, oldest first, each with a 1."""
        return [(call.at, 1) for call in self._history if call.refused or not call.void]

    def enter(self, window: Window, time: float, amount: int) -> None:
        """An entry that none of our calls made; dropped if there is no such window."""
        for log in self.logs:
            if (log.unit, log.seconds) == (window.unit, window.seconds):
                log.used += amount
                log.place(time, amount)

    def pending(self, log: Log) -> int:
        """What of a window has no time yet."""
        return sum(call.amounts[log.index] for call in self._pending if call.settled is None)
