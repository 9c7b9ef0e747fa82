"""Permits shared between processes, through a server that speaks Valkey's protocol.

All that is decided together is decided there, by `permits.lua`, at the server's own time.

When the server is gone, each process keeps to its share of the limits, which its own books enforce. When it
is back, every process first tells what it has used, and goes on with its share until all have had the time to
do so; thus no limit is exceeded because the server has forgotten, or has not heard yet.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from enum import Enum
from types import TracebackType
from typing import Literal, Self, cast

import msgspec

from panvox.errors import SettingsError
from panvox.limits.bookings import Booking, Bookings, asked, looked_at, retold
from panvox.limits.valkey_line import LOST, PATIENCE, UNKNOWN, Line, Reply, ignore, words_of
from panvox.messages import Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Window

_LEASE = 10.0  # seconds after which the slots of a silent process are free
_BEATS = 0.3  # of a lease; so two heartbeats may be lost
_RETRY = 1.0  # seconds between attempts to return
_LATE = 0.5  # seconds beyond a heartbeat, or an attempt, in which every process has returned
_HUSH = 0.05  # seconds before all share again in which nobody decides alone
_NOTICED = 0.1  # seconds until a provider has noticed that a call was aborted
_MARK_AGE = 0.5  # seconds for which a mark that was read is believed
_PARTING = 1.0  # seconds that leaving may take
_MICROSECONDS = 1_000_000

_What = Literal["requests", "tokens", "slots", "spacing", "pause", "loading", "shared"]


class SharedStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a scope stands for all processes together.

    `used` follows the `windows` of its limits, `slots` are in use, `paused` is in seconds.
    """

    scope: Scope
    windows: tuple[Window, ...]
    used: tuple[int, ...]
    slots: int
    paused: float


class _State(Enum):
    SHARED = "shared"  # the server decides
    SETTLING = "settling"  # the server hears of each call, but may not know of all yet
    AWAY = "away"


class ValkeyPool:
    """Permits that are taken at a server; an async context manager, which stands for one process there.

    - `url`: `valkey://` or `redis://`, with TLS `valkeys://` or `rediss://`, or `unix://`; never shown whole.
    - `on_change`: called with a sentence for people whenever `share()` has changed.
    - `lease`: seconds after which the slots of a process that died, or hangs, are free.

    Raises `SettingsError` for what is no address, and on entering when the server cannot be used; later
    nothing is raised because of the server.
    """

    def __init__(
        self, url: str, *, on_change: Callable[[str], None] | None = None, lease: float = _LEASE
    ) -> None:
        self._line = Line(url)
        self._on_change = on_change or ignore
        self._freed: Callable[[str], None] = ignore
        self._lease = lease
        self._bookings = Bookings(secrets.token_hex(6))
        self._state = _State.AWAY
        self._processes = 1
        self._problem: str | None = None
        self._in_doubt: list[Booking] = []
        self._marks: dict[str, tuple[float, float]] = {}
        self._settled: asyncio.TimerHandle | None = None
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"<ValkeyPool {self._line.address} {self._state.value}, {len(self._bookings)} calls>"

    @property
    def problem(self) -> str | None:
        """Why limits are not shared at the moment, as a sentence; None when they are."""
        return self._problem

    def share(self) -> int:
        """By what each process divides the limits for its own books: 1 while the server decides."""
        return 1 if self._state is _State.SHARED else self._processes

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._line.aclose)
            await self._begin()
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for work in (self._serve(), self._beat(), self._listen()):
                stack.callback(tasks.create_task(work).cancel)
            stack.callback(self._stop_settling)
            stack.push_async_callback(self._say_goodbye)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The group never sees the caller's error, which would come out wrapped.
        await self._stack.aclose()

    # --- permits ---------------------------------------------------------------------------------------

    async def take(self, call: str, demand: Demand, limits: Mapping[Scope, Limits]) -> Hold | None:
        """Take all that a call needs, or nothing; None once it is taken.

        While the server is away the answer is None at once: the books of this process decide alone.
        """
        booking = self._bookings.begin(call, demand, limits, self._now())
        if self._state is _State.SHARED:
            hold = await self._ask(call, booking, demand, limits)
        elif self._state is _State.SETTLING:
            hold = self._take_alone(booking, demand)
        else:
            hold = None
        if hold is not None:
            self._bookings.drop(call, booking)
        return hold

    def heed(self, freed: Callable[[str], None]) -> None:
        """Call `freed` with the name of a scope when a slot that was wanted there comes free."""
        self._freed = freed

    def replied(self, call: str, *, sent: float | None = None) -> None:
        """The head of the reply is here; the request had been written at `sent`, if anybody knows."""
        now = self._now()
        if booking := self._bookings.replied(call, now, sent):
            ago = -1 if sent is None else max(0, int((now - sent) * _MICROSECONDS))
            self._tell("replied", booking.call, booking.reckoned(), ago)

    def used(self, call: str, usage: Usage) -> None:
        """What the provider counted, in place of the estimate."""
        if booking := self._bookings.used(call, usage):
            self._tell("used", booking.call, booking.reckoned())

    def close(self, call: str, *, aborted: bool, sent: bool) -> None:
        """The call is over; what was not sent is given back. May be repeated."""
        if booking := self._bookings.close(call, self._now(), sent=sent):
            self._tell_end(booking, sent=sent, grace=_NOTICED if aborted else 0.0)

    def pause(self, scope: Scope, seconds: float) -> None:
        """Let no process call within `scope` for so long; never shortens a pause."""
        self._tell("pause", str(scope), int(seconds * _MICROSECONDS))

    async def standing(self, limits: Mapping[Scope, Limits]) -> tuple[SharedStanding, ...]:
        """How the scopes that `limits` names stand; empty while the server is away."""
        reply = await self._request("standing", looked_at(limits))
        return () if reply is LOST else standings(limits, reply)

    async def _ask(
        self, call: str, booking: Booking, demand: Demand, limits: Mapping[Scope, Limits]
    ) -> Hold | None:
        scopes = asked(booking, demand, limits)
        try:
            reply = await self._line.ask(
                "take",
                self._bookings.process,
                self._lease_time,
                booking.call,
                booking.member,
                demand.model,
                scopes,
            )
        except asyncio.CancelledError:
            self.close(call, aborted=False, sent=False)
            raise
        booking.begun = self._now()  # later than at the server, so that it is never counted for too short
        if reply is LOST:
            self._in_doubt.append(booking)
        if reply is LOST or reply == UNKNOWN:
            return _soon(demand)
        if isinstance(reply, int):
            self._processes = reply
            return None
        return _hold(reply, demand)

    def _take_alone(self, booking: Booking, demand: Demand) -> Hold | None:
        # A newcomer has no share yet: it does not know how many others are still to come back.
        newcomer = self._problem is None
        if newcomer or self._settled is None or self._settled.when() - self._now() < _HUSH:
            return _soon(demand)
        self._tell("restore", self._lease_time, [retold(booking, self._now())])
        return None

    def _tell_end(self, booking: Booking, *, sent: bool, grace: float) -> None:
        late = int(grace * _MICROSECONDS)
        self._tell("close", booking.call, booking.member, sent, late, booking.reckoned(), list(booking.held))

    def _tell(self, name: str, *arguments: object) -> None:
        # While the server is away nothing is kept for it: on the return it is told how things stand then.
        if self._state is not _State.AWAY:
            self._line.say(name, *arguments)

    async def _request(self, name: str, *arguments: object) -> Reply:
        return LOST if self._state is _State.AWAY else await self._line.ask(name, *arguments)

    # --- marks -----------------------------------------------------------------------------------------

    async def mark(self, name: str, seconds: float) -> None:
        """Mark `name` for all processes, for so many seconds; 0 takes it back."""
        now = self._now()
        self._marks[name] = (now + seconds, now)
        self._tell("mark", name, int(seconds * _MICROSECONDS))

    async def marked(self, name: str) -> float:
        """For how many seconds `name` is still marked, or 0; what is known is believed for half a second."""
        until, read = self._marks.get(name, (0.0, float("-inf")))
        if self._now() - read > _MARK_AGE:
            reply = await self._request("marked", name)
            now = self._now()
            until = until if reply is LOST else now + reply / 1000
            self._marks[name] = (until, now)
        return max(0.0, until - self._now())

    # --- coming, going, and outages --------------------------------------------------------------------

    async def _begin(self) -> None:
        try:
            await self._join(returning=False)
        except self._line.trouble as error:
            raise SettingsError(
                f"limits.url: the Valkey server at {self._line.address} cannot be used: {words_of(error)}. "
                "Start it, correct the address, or leave limits.url unset, and limits hold for each process "
                "by itself"
            ) from None

    async def _serve(self) -> None:
        while True:
            self._withdraw(await self._line.converse())
            await self._return()

    async def _return(self) -> None:
        while True:
            try:
                return await self._join(returning=True)
            except self._line.trouble:
                self._stop_talking()
            await asyncio.sleep(_RETRY)

    async def _join(self, *, returning: bool) -> None:
        await self._line.greet()
        settling = max(self._lease * _BEATS, _RETRY + PATIENCE) + _LATE if returning else 0.0
        processes, left = await self._line.call(
            "join", self._bookings.process, self._lease_time, int(settling * 1000)
        )
        self._processes = max(self._processes, processes)
        # From here on what happens is queued; what happened before is told first.
        self._state = _State.SETTLING if returning or left else _State.SHARED
        doubtful, self._in_doubt = self._in_doubt, []
        for booking in doubtful:
            self._tell_end(booking, sent=False, grace=0.0)
        for calls in list(self._bookings.retold(self._now())):
            await self._line.call("restore", self._lease_time, calls)
        if self._state is _State.SETTLING:
            self._settled = asyncio.get_running_loop().call_later(left / 1000, self._settle)

    def _settle(self) -> None:
        self._settled = None
        self._state = _State.SHARED
        self._problem = None
        self._on_change(f"The Valkey server at {self._line.address} is back: limits are shared again.")

    def _withdraw(self, reason: str) -> None:
        heard = self._problem is not None
        alone = self._processes == 1
        share = (
            "to the limits by itself" if alone else f"to its share of the limits, one of {self._processes}"
        )
        self._problem = (
            f"The Valkey server at {self._line.address} cannot be used: {reason}. "
            f"Until it is back this process keeps {share}."
        )
        # First what others read, then those who wait for a reply: they will ask again, and find it changed.
        self._state = _State.AWAY
        if not heard:
            self._on_change(self._problem)
        self._stop_talking()

    def _stop_talking(self) -> None:
        self._state = _State.AWAY
        self._stop_settling()
        self._line.drop()

    def _stop_settling(self) -> None:
        if self._settled is not None:
            self._settled.cancel()
            self._settled = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease * _BEATS)
            self._bookings.forget(self._now())
            reply = await self._request(
                "renew", self._bookings.process, self._lease_time, self._bookings.slots()
            )
            if self._state is _State.SHARED and isinstance(reply, int):
                self._processes = reply

    async def _listen(self) -> None:
        """Hear of slots that come free; without it, who waits for one asks again and again all the same."""
        while True:
            try:
                await self._line.hear("freed", self._on_freed)
            except self._line.trouble:
                await asyncio.sleep(_RETRY)

    def _on_freed(self, scope: str) -> None:
        self._freed(scope)

    async def _say_goodbye(self) -> None:
        for call in self._bookings.open_calls():
            self.close(call, aborted=True, sent=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PARTING):
                await self._request("leave", self._bookings.process)

    @property
    def _lease_time(self) -> int:
        return int(self._lease * _MICROSECONDS)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def standings(limits: Mapping[Scope, Limits], reply: Reply) -> tuple[SharedStanding, ...]:
    """What the server replied of the scopes of `limits`."""
    return tuple(
        SharedStanding(scope=scope, windows=each.windows, slots=slots, paused=paused / 1000, used=tuple(used))
        for (scope, each), (slots, paused, *used) in zip(limits.items(), reply, strict=True)
    )


def _hold(reply: Reply, demand: Demand) -> Hold:
    place, what, wait, certain = reply
    seconds = {-1: None, -2: float("inf")}.get(wait, wait / _MICROSECONDS)
    return Hold(
        scope=demand.scopes[place - 1],
        what=cast("_What", what.decode()),
        seconds=seconds,
        certain=bool(certain),
    )


def _soon(demand: Demand) -> Hold:
    """Ask again when it is clear who decides."""
    return Hold(scope=demand.scopes[0], what="shared", seconds=_HUSH)
