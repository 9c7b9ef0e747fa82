"""The limiter of one process: permits that are granted as early as all limits allow, and in order.

    MemoryLimiter   the lines before all scopes; grants, parks, and looks again when there is room
      MemoryPermit  one call's place in the line, and then its right to go out

Nothing polls. A line is looked at when something of its scope is given back, when its limits change, and at
the moment when the first that is parked there fits: one timer a scope at most. A second one rings while calls
wait for slots of which nobody knows how many there are, at the moments when more of them may be tried.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from itertools import count
from math import ceil, inf

from panvox.errors import Category, Fault
from panvox.limits.books import TICK, Book, Call
from panvox.limits.hooks import Learner, Pool, Unlearning
from panvox.limits.line import Lane, Line, Place, State
from panvox.limits.standings import Entries, Standing, WindowUse, learnt
from panvox.messages import ReplyBegan, Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Unit, Window

__all__ = ["MemoryLimiter", "MemoryPermit"]

_LONG = 3600.0  # seconds; what counts in windows as long as that is worth keeping from process to process
_ASK_SOON, _ASK_BY_ITSELF, _ASK_AT_LAST = 0.005, 0.025, 1.0  # seconds: least, if it does not say, most
_MAYBE_COUNTED = {
    Category.TIMED_OUT,
    Category.TRUNCATED,
    Category.MALFORMED,
    Category.OVERLOADED,
    Category.INTERNAL,
}  # failures without a reply that do not say whether the call had reached the provider


class MemoryPermit(Place):
    """See `Permit`. The place in the line is taken by the first `wait`; for one task at a time."""

    __slots__ = ("_limiter", "accepted", "fault", "name", "usage")

    def __init__(self, limiter: MemoryLimiter, demand: Demand, lane: Lane) -> None:
        super().__init__(demand, lane)
        self.name = ""
        self.accepted: bool | None = None
        self.fault: Fault | None = None
        self.usage: Usage | None = None
        self._limiter = limiter

    def __repr__(self) -> str:
        return f"MemoryPermit({self.state.name.lower()}, {self.demand})"

    async def wait(self) -> Hold | None:
        """See `Permit`. Raises `RuntimeError` on a permit that is closed."""
        if self.state is State.NEW:
            self._limiter.enter(self)
        while self.state is not State.GRANTED:
            if self.state is State.CLOSED:
                raise RuntimeError("a closed permit was waited for")
            if self.news is not None:
                news, self.news = self.news, None
                return news
            if self.state is State.ASKING:
                await self._limiter.ask(self)
            else:
                self._limiter.doubt_later(self)
                await self.wait_woken()
        return None

    def replied(self, reply: ReplyBegan) -> None:
        """See `Permit`."""
        if self.state is State.GRANTED and self.accepted is None:
            self.accepted = reply.accepted
            self._limiter.replied(self, reply)

    def failed(self, fault: Fault) -> None:
        """See `Permit`."""
        if self.state is State.GRANTED and self.fault is None:
            self.fault = fault
            self._limiter.failed(self, fault)

    def used(self, usage: Usage) -> None:
        """See `Permit`. More than the estimate counts at once; less only when the call is over."""
        if self.state is State.GRANTED and usage.prompt_tokens + usage.completion_tokens > 0:
            self.usage = usage
            before, now = self.call.amounts, _amounts(usage)
            most = (1, max(before[1], now[1]), max(before[2], now[2]), max(before[3], now[3]))
            if most != before:
                self.call.change(most)

    def close(self, *, aborted: bool = False) -> None:
        """See `Permit`."""
        state, self.state = self.state, State.CLOSED
        if state is State.GRANTED:
            self._limiter.finish(self, aborted=aborted)
        elif state is not State.CLOSED:
            self._limiter.withdraw(self, asking=state is State.ASKING)
            self.wake()


class MemoryLimiter:
    """See `Limiter`. For one event loop.

    `limits_of` tells what is configured for a scope; `learner` what holds beyond that. With a `pool`, what
    the books here grant is taken of the pool as well before it goes out. `refused_count` says that providers
    count the calls that they refuse with 429; `clock` tells the seconds since 1970.
    """

    def __init__(
        self,
        limits_of: Callable[[Scope], Limits],
        *,
        clock: Callable[[], float] | None = None,
        pool: Pool | None = None,
        learner: Learner | None = None,
        refused_count: bool = True,
    ) -> None:
        self._limits_of = limits_of
        self._clock = clock or time.time
        self._pool = pool
        self._learner = learner or Unlearning()
        self._learns = learner is not None
        self._refused_count = refused_count
        self._lines: dict[Scope, Line] = {}
        self._lanes: dict[tuple[tuple[Scope, ...], str], Lane] = {}
        self._excluded: dict[Place, None] = {}
        self._doubted: dict[int, list[Place]] = {}
        self._arrivals = count(1)
        self._names = (f"{secrets.token_hex(6)}-{number}" for number in count(1))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._now: Callable[[], float] = time.monotonic
        if pool is not None:
            pool.heed(self._freed)

    def __repr__(self) -> str:
        waiting = sum(len(lane.places) for lane in self._lanes.values())
        return f"MemoryLimiter(scopes={len(self._lines)}, waiting={waiting})"

    @property
    def learns(self) -> bool:
        """Whether somebody learns of limits, and says what holds."""
        return self._learns

    def permit(self, demand: Demand) -> MemoryPermit:
        """See `Limiter`."""
        key = (demand.scopes, demand.model)
        lane = self._lanes.get(key)
        if lane is None:
            # The widest first, since what is set there has a bearing on what is learnt of the narrower ones.
            lines = [self._line(scope) for scope in reversed(dict.fromkeys(demand.scopes))]
            lane = self._lanes[key] = Lane(tuple(reversed(lines)))
            self._review(lines)
        return MemoryPermit(self, demand, lane)

    def _line(self, scope: Scope) -> Line:
        line = self._lines.get(scope)
        if line is None:
            configured = self._limits_of(scope)
            line = Line(scope, configured, self._learner.effective(scope, configured))
            self._lines[scope] = line
        return line

    def _review(self, lines: Iterable[Line]) -> None:
        """Ask again what holds, the widest first: some may be here from earlier, without the wider ones."""
        now = self._now()
        for line in lines:
            line.book.configure(self._learner.effective(line.book.scope, line.configured), now)

    def _bind(self) -> None:
        """Follow the clock of the loop that runs, if one does."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._now = self._loop.time

    # --- the line ---

    def enter(self, permit: MemoryPermit) -> None:
        """Let a permit out at once, or give it its place."""
        if self._loop is None:
            self._bind()
        lane, now = permit.lane, self._now()
        permit.arrival = next(self._arrivals)
        if not lane.places and self._pool is None and self._blocker(permit, now) is None:
            self._take(permit, now)
            permit.state = State.GRANTED
            return
        permit.state = State.WAITING
        lane.join(permit)
        if self._never(permit, now):
            self._exclude(permit, now)
        elif lane.first is permit:
            self._advance(lane, now)
        elif lane.parked_at is not None:
            permit.tell(lane.parked_at.wait(permit, now), now)
        else:
            lane.untold[permit.arrival] = permit

    def _blocker(self, place: Place, now: float) -> Line | None:
        """The narrowest scope that has no room for a call, or in whose line others go first."""
        for line in place.lane.lines:
            if (line.parked and not line.goes_first(place, now)) or not line.book.room(place.call, now):
                return line
        return None

    def _take(self, place: Place, now: float) -> None:
        place.call.take(now)
        for line in place.lane.lines:
            line.let_pass(place, now)

    def _advance(self, lane: Lane, now: float) -> None:
        """Let those of a lane out that may go, and park the next."""
        while (place := lane.first) is not None and place.state is State.WAITING:
            blocker = self._blocker(place, now)
            if blocker is None:
                self._let_out(place, now)
            elif blocker.book.never(place.call) and self._never(place, now):
                self._exclude(place, now)
            else:
                self._park(place, blocker, now)
                return

    def _let_out(self, place: Place, now: float) -> None:
        self._take(place, now)
        place.news = None
        if self._pool is None:
            place.lane.leave(place)
            place.state = State.GRANTED
        else:
            place.state = State.ASKING
        place.wake()

    def _park(self, place: Place, line: Line, now: float) -> None:
        line.park(place)
        for waiting in (place, *place.lane.take_untold()):
            waiting.tell(line.wait(waiting, now), now)
        if line.first(now) is place:
            self._set_timer(line, now)

    def _never(self, place: Place, now: float) -> bool:
        """Whether no waiting helps, even where what was learnt gives way."""
        lane = place.lane
        if not any(line.book.never(place.call) for line in lane.lines):
            return False
        for line in lane.lines:
            for unit, amount in line.book.beyond(place.call):
                self._learner.needed(line.book.scope, unit, amount)
        self._heed(lane)
        return any(line.book.never(place.call) for line in lane.lines)

    def _exclude(self, place: Place, now: float) -> None:
        """No waiting helps: it is told so, and is in nobody's way."""
        place.lane.leave(place)
        place.state = State.EXCLUDED
        self._excluded[place] = None
        for line in place.lane.lines:
            if what := line.book.never(place.call):
                place.tell(Hold(scope=line.book.scope, what=what, seconds=inf, certain=True), now)
                return

    def _serve(self, line: Line, now: float) -> None:
        """Let out of a line whom there is room for, in order; stop at the first whom it blocks itself."""
        while (place := line.first(now)) is not None:
            if self._blocker(place, now) is line and not line.book.never(place.call):
                place.tell(line.wait(place, now), now)
                break
            line.unpark(place)
            self._advance(place.lane, now)
        self._set_timer(line, now)

    def _look(self, lane: Lane, now: float) -> None:
        """There may be room in the scopes of this lane."""
        for line in lane.lines:
            if line.parked:
                self._serve(line, now)

    def _set_timer(self, line: Line, now: float) -> None:
        first = line.first(now)
        opens = None if first is None else line.book.opens(first.call, now)
        timer, line.timer = line.timer, None
        if timer is not None:
            timer.cancel()
        if opens is not None and opens < inf and self._loop is not None:
            line.timer = self._loop.call_at(max(opens, now + TICK), self._ring, line)
        if first is not None and line.growth is None and self._learns:
            self._await_growth(line, first, now)

    def _ring(self, line: Line) -> None:
        line.timer = None
        self._serve(line, self._now())

    def _await_growth(self, line: Line, first: Place, now: float) -> None:
        """Where calls wait for slots: look again when there may be more of them."""
        book = line.book
        if not book.full and not first.waits_for(book.scope, "slots"):
            return
        wait = self._learner.unrefused(book.scope, now=now, since=book.midst())
        if wait is not None and self._loop is not None:
            line.growth = self._loop.call_at(now + max(wait, TICK), self._look_for_growth, line)

    def _look_for_growth(self, line: Line) -> None:
        line.growth, now = None, self._now()
        if (first := line.first(now)) is not None:
            self._await_growth(line, first, now)
            self._heed(first.lane)
            self._serve(line, now)

    def doubt_later(self, place: Place) -> None:
        """Look again at what a place was told when it has turned out not to be true.

        Those who stand behind others hear nothing when these begin to wait for something else, and times are
        estimates. All places of one second have one timer.
        """
        now = self._now()
        second = ceil(now + place.doubt_in(now))
        if place.state is not State.WAITING or self._loop is None or place.doubted_at == second:
            return
        place.doubted_at = second
        if second not in self._doubted:
            self._doubted[second] = []
            self._loop.call_at(second, self._doubt, second)
        self._doubted[second].append(place)

    def _doubt(self, second: int) -> None:
        now = self._now()
        for place in self._doubted.pop(second):
            line = place.lane.parked_at
            if place.state is State.WAITING and place.doubted_at == second:
                if line is not None and place.news is None:
                    place.tell_again(line.wait_now(place, now), now)
                self.doubt_later(place)

    def withdraw(self, place: Place, *, asking: bool) -> None:
        """A call that has not gone out goes no more."""
        lane, now = place.lane, self._now()
        if asking:
            self._put_back(place, now)
        if place in self._excluded:
            del self._excluded[place]
        elif lane.first is place:
            line = lane.parked_at
            if line is not None:
                line.unpark(place)
            lane.leave(place)
            self._advance(lane, now)
            if line is not None:
                self._serve(line, now)
        elif place.arrival in lane.places:
            lane.leave(place)
        if asking:
            self._look(lane, now)

    # --- the pool ---

    async def ask(self, permit: MemoryPermit) -> None:
        """Take of the pool what the books here have granted; what it has not got is waited for here."""
        if self._pool is None:
            return
        name = permit.name = next(self._names)
        limits = {line.book.scope: line.book.limits for line in permit.lane.lines}
        try:
            hold = await self._pool.take(name, permit.demand, limits)
        except BaseException:
            self._pool.close(name, aborted=False, sent=False)
            if permit.state is State.ASKING:
                self._put_back(permit, self._now())
                self._advance(permit.lane, self._now())
                self._look(permit.lane, self._now())
            raise
        if permit.state is not State.ASKING:
            self._pool.close(name, aborted=False, sent=False)
        elif hold is None:
            self._got(permit, self._now())
        else:
            self._refused(permit, hold, self._now())

    def _got(self, permit: MemoryPermit, now: float) -> None:
        permit.call.delay(now)
        permit.lane.leave(permit)
        permit.state = State.GRANTED
        self._advance(permit.lane, now)

    def _put_back(self, place: Place, now: float) -> None:
        """The first of a lane waits again; what it had taken is there for others."""
        place.call.give_back()
        place.call.leave(now)
        place.call = Call(place.demand, place.lane.books)
        if place.state is State.ASKING:
            place.state = State.WAITING

    def _refused(self, place: Place, hold: Hold, now: float) -> None:
        self._put_back(place, now)
        lane = place.lane
        if hold.seconds == inf:
            lane.leave(place)
            place.state = State.EXCLUDED
            self._excluded[place] = None
            self._advance(lane, now)
        else:
            line = next((line for line in lane.lines if line.book.scope == hold.scope), lane.lines[-1])
            seconds = _ASK_BY_ITSELF if hold.seconds is None else hold.seconds
            line.book.shut(now + min(max(seconds, _ASK_SOON), _ASK_AT_LAST), hold.what)
            line.park(place)
            for waiting in lane.take_untold():
                waiting.tell(hold, now)
            self._set_timer(line, now)
        place.tell(hold, now)
        self._look(lane, now)

    def _freed(self, scope: str) -> None:
        """A slot that was wanted has come free in the pool."""
        kind, _, name = scope.partition(" ")
        line = self._lines.get(Scope(kind, name))  # type: ignore[arg-type]  # as `str` has written it
        if line is not None:
            line.book.freed()
            self._serve(line, self._now())

    # --- calls that are on their way ---

    def replied(self, permit: MemoryPermit, reply: ReplyBegan) -> None:
        """The head of a reply is here."""
        now = self._now()
        permit.call.refused = not reply.accepted
        sent = _arrived(permit, reply, now)
        permit.call.answered(now, sent=sent)
        if self._pool is not None:
            self._pool.replied(permit.name, sent=sent)
        if self._learns:
            self._learn_from(permit, reply, now)
        self._look(permit.lane, now)

    def _used(self, book: Book, unit: Unit, seconds: float) -> int:
        return book.used(unit, seconds, self._now())

    def _learn_from(self, permit: MemoryPermit, reply: ReplyBegan, now: float) -> None:
        call, lane = permit.call, permit.lane

        def ours(unit: Unit, seconds: float) -> int:
            # The head tells how things stood when the call arrived, maybe long ago, and does not say of whom.
            return max(book.held(call, unit, seconds) for book in lane.books)

        for book in lane.learning:
            foreign = self._learner.replied(
                book.scope,
                reply.rates,
                accepted=reply.accepted,
                now=now,
                in_flight=book.inside,
                used=partial(self._used, book),
                took=now - call.at,
                ours=ours,
            )
            if foreign is not None and self._pool is None:  # else the others are those of the pool
                window = Window(foreign.unit, foreign.amount, foreign.seconds)
                book.enter(window, foreign.until - foreign.seconds, foreign.amount)
        self._heed(permit.lane)

    def failed(self, permit: MemoryPermit, fault: Fault) -> None:
        """A call failed."""
        now, call = self._now(), permit.call
        call.refused = call.refused or fault.status == HTTPStatus.TOO_MANY_REQUESTS
        if self._uncounted(permit, fault):
            call.give_back()
        scopes = tuple(line.book.scope for line in permit.lane.lines)
        if scopes:
            scope = self._learner.scope_of(fault, scopes)
            book = self._lines[scope].book
            sent = book.sent()
            pause = self._learner.failed(scope, fault, now=now, in_flight=book.inside, sent=sent)
            if pause > 0:
                self.pause(scope, pause)
        self._heed(permit.lane)
        self._look(permit.lane, now)

    def _uncounted(self, permit: MemoryPermit, fault: Fault) -> bool:
        """Whether the provider has not counted a call that failed: it refused it, or has never seen it."""
        if permit.accepted is None and fault.status is None:
            return fault.category not in _MAYBE_COUNTED
        return fault.status == HTTPStatus.TOO_MANY_REQUESTS and not self._refused_count

    def _heed(self, lane: Lane) -> None:
        """Keep to what was learnt."""
        for line in lane.lines:
            book = line.book
            if self._learner.changed(book.scope):
                book.configure(self._learner.effective(book.scope, line.configured), self._now())

    def finish(self, permit: MemoryPermit, *, aborted: bool) -> None:
        """A call that was let out is over, or never was."""
        now, call = self._now(), permit.call
        went = permit.accepted is not None or permit.fault is not None or aborted
        if not went and not call.void:
            call.give_back()
        if not call.void:
            if permit.usage is not None and not aborted:
                call.change(_amounts(permit.usage))
            call.broken_off(now)
        self._close_in_pool(permit, aborted=aborted)
        if self._learns and permit.accepted and permit.fault is None and not aborted:
            for book in permit.lane.learning:
                self._learner.answered(book.scope, now=now, in_flight=book.inside)
            self._heed(permit.lane)
        call.leave(now, aborted=aborted and not call.void)
        self._look(permit.lane, now)

    def _close_in_pool(self, permit: MemoryPermit, *, aborted: bool) -> None:
        if self._pool is not None:
            if permit.usage is not None and not aborted:
                self._pool.used(permit.name, permit.usage)
            self._pool.close(permit.name, aborted=aborted, sent=not permit.call.void)

    # --- limits that change, and how they stand ---

    def configure(self, limits_of: Callable[[Scope], Limits]) -> None:
        """Other limits from now on; what is taken stays taken, and who waits keeps their place."""
        self._bind()
        self._limits_of = limits_of
        now = self._now()
        for scope, line in self._lines.items():
            line.configured = limits_of(scope)
        self._review(sorted(self._lines.values(), key=lambda line: line.book.scope.kind != "provider"))
        again = list(self._excluded)
        self._excluded.clear()
        for place in again:
            place.state, place.arrival = State.WAITING, next(self._arrivals)
            place.lane.join(place)
            if place.lane.first is place:
                self._advance(place.lane, now)
        for line in self._lines.values():
            self._serve(line, now)

    def pause(self, scope: Scope, seconds: float) -> None:
        """Let nothing of a scope out for so long; never shortens a pause."""
        self._bind()
        self._line(scope).book.pause(self._now() + seconds)
        if self._pool is not None:
            self._pool.pause(scope, seconds)

    def standing(self) -> tuple[Standing, ...]:
        """How every scope that has been used stands."""
        self._bind()
        now = self._now()
        return tuple(_standing(line, now) for _, line in sorted(self._lines.items()))

    def entries(self, *, shortest: float = _LONG) -> tuple[Entries, ...]:
        """What counts in windows of `shortest` seconds and more, to be restored by a later process."""
        self._bind()
        now, clock = self._now(), self._clock()
        found = []
        for line in self._lines.values():
            line.book.bring_up(now)
            for log in line.book.logs:
                counted = [(clock - (now - time), amount) for time, amount in log.entries()]
                if pending := line.book.pending(log):
                    counted.append((clock, pending))
                if counted and log.seconds >= shortest:
                    found.append(
                        Entries(scope=line.book.scope, unit=log.unit, seconds=log.seconds, log=tuple(counted))
                    )
        return tuple(found)

    def restore(self, entries: Iterable[Entries]) -> None:
        """Count what earlier processes took, in the windows that there are; call it once, before all else.

        What the clock says is still to come counts as if it was now: the clock was put back.
        """
        self._bind()
        now, clock = self._now(), self._clock()
        for kept in entries:
            for time_then, amount in kept.log:
                age = max(0.0, clock - time_then)
                if age < kept.seconds:
                    window = Window(kept.unit, amount, kept.seconds)
                    self._line(kept.scope).book.enter(window, now - age, amount)


def _amounts(usage: Usage) -> tuple[int, int, int, int]:
    """What a call took by the provider's count, in the order of `Call.amounts`."""
    prompt, answer = usage.prompt_tokens, usage.completion_tokens
    return (1, prompt + answer, prompt, answer)


def _arrived(permit: MemoryPermit, reply: ReplyBegan, now: float) -> float | None:
    """When a call had arrived at the latest, but for the way that all take; None where nobody knows."""
    if reply.sent is None:
        return None
    took, tokens = max(0.0, now - reply.sent), permit.demand.input_tokens
    lags = permit.lane.lags
    return reply.sent + min(took, lags.of(took, tokens) if reply.accepted else lags.most(tokens))


def _standing(line: Line, now: float) -> Standing:
    book = line.book
    book.bring_up(now)
    return Standing(
        scope=book.scope,
        configured=line.configured,
        effective=book.limits,
        windows=tuple(WindowUse(Window(log.unit, log.amount, log.seconds), log.used) for log in book.logs),
        slots=book.inside,
        waiting=line.waiting,
        paused=max(0.0, book.paused - now),
        loaded=tuple(book.resident),
        learnt=learnt(line.configured, book.limits),
    )
