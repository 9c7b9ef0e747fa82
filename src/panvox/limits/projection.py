"""How long calls take under limits: they are scheduled in virtual time as a limiter would let them out; pure.

    project     all calls under all limits, and what each limit would make of them by itself
    Schedule    lines before scopes, with the same rules as the limiter: in order, and as early as possible

Each call is taken to last as long as was guessed, and to be booked when it goes out. A provider that refuses,
or other processes that use the same limits later on, make it longer.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from math import inf

import msgspec

from panvox.limits.standings import Entries
from panvox.limits.windows import UNITS
from panvox.protocols import Limits, Scope, Window

Log = Mapping[tuple[str, float], Sequence[tuple[float, int]]]
"""What was taken before, by unit and seconds of the window: times before now as negative numbers, amounts."""

_NEARLY = 1e-9  # of a second; sums of floats differ by as much


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is planned; it takes what it takes of all its `scopes`, and lasts `seconds`.

    Calls of one `chain` go one after the other; those without one are independent.
    """

    scopes: tuple[Scope, ...]
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    chain: str = ""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What one limit alone makes of the calls that it is on: `calls` of them are over after `seconds`."""

    scope: Scope
    limit: Limits
    calls: int
    seconds: float


class Projection(msgspec.Struct, frozen=True, kw_only=True):
    """When calls would go out and be over, in seconds from now.

    `starts` and `ends` have an item for each call, infinite for one that no limit can ever let pass, and for
    those that go after it. `seconds` is when the last of the others is over, `unlimited` when it would be
    without any limit. `bounds` has the limits that make it longer than that, the narrowest first.
    """

    starts: tuple[float, ...]
    ends: tuple[float, ...]
    seconds: float
    unlimited: float
    bounds: tuple[Bound, ...] = ()


def project(
    calls: Sequence[Call],
    limits: Callable[[Scope], Limits],
    *,
    used: Sequence[Entries] = (),
    clock: float = 0.0,
    paused: Mapping[Scope, float] | None = None,
) -> Projection:
    """When `calls` would be over if they all came now, in this order.

    `used` is what windows hold already, with times as `clock` tells them; `paused` are seconds for which
    nothing of a scope goes out. Takes about n log n for n calls, once more for each limit.
    """
    logs = _logs(used, clock)
    scopes = dict.fromkeys(scope for call in calls for scope in call.scopes)
    known = {scope: limits(scope) for scope in scopes}
    starts, ends = Schedule(known, logs, paused or {}).run(calls)
    _, free = Schedule({}, {}, {}).run(calls)
    unlimited = max(free, default=0.0)
    bounds = _bounds(calls, known, logs, paused or {}, unlimited)
    return Projection(
        starts=tuple(starts),
        ends=tuple(ends),
        seconds=max((end for end in ends if end < inf), default=0.0),
        unlimited=unlimited,
        bounds=tuple(sorted(bounds, key=lambda bound: -bound.seconds)),
    )


def _logs(used: Sequence[Entries], clock: float) -> dict[Scope, Log]:
    found: defaultdict[Scope, dict[tuple[str, float], list[tuple[float, int]]]] = defaultdict(dict)
    for entries in used:
        log = found[entries.scope].setdefault((entries.unit, entries.seconds), [])
        log += [(min(0.0, time - clock), amount) for time, amount in entries.log]
        log.sort()
    return dict(found)


def _bounds(
    calls: Sequence[Call],
    limits: Mapping[Scope, Limits],
    logs: Mapping[Scope, Log],
    paused: Mapping[Scope, float],
    unlimited: float,
) -> Iterator[Bound]:
    concerned: defaultdict[Scope, list[Call]] = defaultdict(list)
    for call in calls:
        for scope in call.scopes:
            concerned[scope].append(call)
    for scope, own in concerned.items():
        rest = {scope: paused[scope]} if scope in paused else {}
        for limit in _pieces(limits[scope]):
            _, ends = Schedule({scope: limit}, logs, {}).run(own)
            seconds = max((end for end in ends if end < inf), default=0.0)
            if seconds > unlimited + _NEARLY:
                yield Bound(scope=scope, limit=limit, calls=len(own), seconds=seconds)
        if rest:
            _, ends = Schedule({}, {}, rest).run(own)
            yield Bound(scope=scope, limit=Limits(), calls=len(own), seconds=max(ends))


def _pieces(limits: Limits) -> Iterator[Limits]:
    """Each limit of a scope by itself."""
    yield from (Limits(windows=(window,)) for window in limits.windows)
    if limits.slots is not None:
        yield Limits(slots=limits.slots)
    if limits.spacing:
        yield Limits(spacing=limits.spacing)
    if limits.loaded is not None:
        yield Limits(loaded=limits.loaded)


class _Use:
    """What a window holds at times that never go back: running sums, so that looking back is a bisection."""

    def __init__(self, window: Window, log: Sequence[tuple[float, int]]) -> None:
        self.amount, self.seconds = window.amount, window.seconds
        self.index = UNITS[window.unit]
        self._times: list[float] = []
        self._sums: list[int] = [0]
        for time, amount in log:
            self.take(time, amount)

    def take(self, time: float, amount: int) -> None:
        """Something was taken at `time`, not before what was taken last."""
        self._times.append(time)
        self._sums.append(self._sums[-1] + amount)

    def opens(self, amount: int, now: float) -> float:
        """When `amount` fits, if nothing else is taken; -inf where that is so already, inf for never."""
        if amount > self.amount:
            return inf
        # The entries up to this one must have left: the sum of those behind it leaves room.
        gone = bisect_right(self._times, now - self.seconds + _NEARLY)
        before = self._sums[-1] + amount - self.amount
        if self._sums[gone] >= before:
            return -inf
        leaves = bisect_left(self._sums, before)
        return self._times[leaves - 1] + self.seconds


class _Line:
    """One scope: what is taken of it, and who waits before it, by arrival."""

    def __init__(self, limits: Limits, log: Log, paused: float) -> None:
        self.uses = [_Use(each, log.get((each.unit, each.seconds), ())) for each in limits.windows]
        self.slots = inf if limits.slots is None else limits.slots
        self.loaded = inf if limits.loaded is None else limits.loaded
        self.spacing = limits.spacing
        self.inside = 0
        self.models: Counter[str] = Counter()
        self.parked: list[tuple[int, int]] = []
        self.rings = inf
        self._free_from = paused

    def opens(self, call: Call, amounts: tuple[int, ...], now: float) -> float | None:
        """When there is room for a call: `now`, later, or None for when another one is over."""
        at = max((now, self._free_from, *(use.opens(amounts[use.index], now) for use in self.uses)))
        if at > now:
            return at
        full = self.inside >= self.slots
        if full or (call.model not in self.models and len(self.models) >= self.loaded):
            return None
        return now

    def never(self, amounts: tuple[int, ...]) -> bool:
        """Whether no waiting helps."""
        return self.slots < 1 or self.loaded < 1 or any(amounts[use.index] > use.amount for use in self.uses)

    def take(self, call: Call, amounts: tuple[int, ...], now: float) -> None:
        """`call` goes out."""
        for use in self.uses:
            use.take(now, amounts[use.index])
        self.inside += 1
        self.models[call.model] += 1
        self._free_from = max(self._free_from, now + self.spacing)

    def leave(self, call: Call) -> None:
        """`call` is over."""
        self.inside -= 1
        self.models[call.model] -= 1
        if not self.models[call.model]:
            del self.models[call.model]


class Schedule:
    """Calls in virtual time, for one `run`. A scope of which nothing is said allows everything."""

    def __init__(
        self, limits: Mapping[Scope, Limits], logs: Mapping[Scope, Log], paused: Mapping[Scope, float]
    ) -> None:
        scopes = {scope for scope, limit in limits.items() if limit != Limits()} | set(paused)
        self._lines = {
            scope: _Line(limits.get(scope, Limits()), logs.get(scope, {}), paused.get(scope, 0.0))
            for scope in scopes
        }
        self._events: list[tuple[float, int, int, Scope | None]] = []
        self._order = 0

    def run(self, calls: Sequence[Call]) -> tuple[list[float], list[float]]:
        """When each call goes out, and when it is over."""
        self._calls = calls
        self._amounts = [_amounts(call) for call in calls]
        self._starts, self._ends = [inf] * len(calls), [inf] * len(calls)
        first, self._next = _chained(calls)
        for index in first:
            self._arrive(index, 0.0)
        while self._events:
            now, _, index, scope = heappop(self._events)
            if scope is None:
                self._end(index, now)
            elif self._lines[scope].rings == now:
                self._lines[scope].rings = inf
                self._serve(self._lines[scope], scope, now)
        return self._starts, self._ends

    def _push(self, time: float, index: int, scope: Scope | None) -> None:
        self._order += 1
        heappush(self._events, (time, self._order, index, scope))

    def _scopes(self, index: int) -> Iterator[tuple[Scope, _Line]]:
        for scope in self._calls[index].scopes:
            if (line := self._lines.get(scope)) is not None:
                yield scope, line

    def _arrive(self, index: int, now: float) -> None:
        if any(line.never(self._amounts[index]) for _, line in self._scopes(index)):
            return
        self._order += 1
        self._try((self._order, index), now)

    def _try(self, place: tuple[int, int], now: float) -> None:
        """Let a call out, or park it before the narrowest scope that has no room for it."""
        index = place[1]
        call, amounts = self._calls[index], self._amounts[index]
        for scope, line in self._scopes(index):
            first = not line.parked or place < line.parked[0]
            at = line.opens(call, amounts, now)
            if not first or at != now:
                heappush(line.parked, place)
                if first and at is not None:
                    self._ring(line, scope, at)
                return
        for _, line in self._scopes(index):
            line.take(call, amounts, now)
        self._starts[index], self._ends[index] = now, now + call.seconds
        self._push(now + call.seconds, index, None)

    def _ring(self, line: _Line, scope: Scope, at: float) -> None:
        if at != line.rings:
            line.rings = at
            self._push(at, -1, scope)

    def _serve(self, line: _Line, scope: Scope, now: float) -> None:
        """Let out of a line whom there is room for, in order; stop at the first whom it blocks itself."""
        while line.parked:
            place = line.parked[0]
            at = line.opens(self._calls[place[1]], self._amounts[place[1]], now)
            if at != now:
                if at is not None:
                    self._ring(line, scope, at)
                return
            heappop(line.parked)
            self._try(place, now)

    def _end(self, index: int, now: float) -> None:
        for _, line in self._scopes(index):
            line.leave(self._calls[index])
        for scope, line in self._scopes(index):
            self._serve(line, scope, now)
        if (after := self._next.get(index)) is not None:
            self._arrive(after, now)


def _amounts(call: Call) -> tuple[int, ...]:
    """What it takes, in the order of `UNITS`."""
    return (1, call.input_tokens + call.output_tokens, call.input_tokens, call.output_tokens)


def _chained(calls: Sequence[Call]) -> tuple[list[int], dict[int, int]]:
    """The calls that can go at once, and for others which goes after which."""
    last: dict[str, int] = {}
    first: list[int] = []
    after: dict[int, int] = {}
    for index, call in enumerate(calls):
        if call.chain and call.chain in last:
            after[last[call.chain]] = index
        else:
            first.append(index)
        if call.chain:
            last[call.chain] = index
    return first, after
