"""How long a provider may take, and what ends a wait for one that takes longer."""

from __future__ import annotations

import asyncio
from types import TracebackType

import msgspec

from panvox.errors import TimedOut


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long a provider may take, in seconds.

    `connect` is for a connection; `first_token` runs from the start of the call to the first event; `idle`
    from one piece of the answer, be it a mere sign of life, to the next; `total` bounds the whole call.
    """

    connect: float = 10.0
    first_token: float = 120.0
    idle: float = 60.0
    total: float = 600.0


class Watchdog:
    """Entered around each wait for a provider, it ends one that lasts too long with `TimedOut`.

    Only the wait counts, not what the reader of the answer does in between, and only the wait is cancelled:
    as `asyncio.timeout` does it, so that a cancellation from outside in the same moment is not lost.
    A stream has one timer. Nothing that arrives moves it; when it goes off it looks what is due by now, and
    mostly sleeps again.

    Set `answering` when an event has come: from then on silence counts, not the time since the start.
    """

    __slots__ = (
        "_cancelling",
        "_deadlines",
        "_loop",
        "_name",
        "_overdue",
        "_since",
        "_start",
        "_timer",
        "_waiting",
        "answering",
    )

    def __init__(self, deadlines: Deadlines, name: str) -> None:
        self.answering = False
        self._deadlines = deadlines
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._start = self._since = self._loop.time()
        self._waiting: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._overdue = False
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        self._since = self._loop.time()
        self._waiting = task = asyncio.current_task()
        self._cancelling = task.cancelling() if task is not None else 0
        if self._timer is None:
            self._set_timer()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._waiting = self._waiting, None
        if not self._overdue or task is None:
            return
        self._overdue = False
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._failure() from error

    def _due(self) -> float:
        """When the present wait has lasted too long."""
        limits = self._deadlines
        next_piece = self._since + limits.idle if self.answering else self._start + limits.first_token
        return min(next_piece, self._start + limits.total)

    def _set_timer(self) -> None:
        # An event may come at any time and bring the end of the next silence forward, up to here.
        at = min(self._due(), self._loop.time() + self._deadlines.idle)
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return  # nobody waits for the provider; who waits next sets the timer again
        if self._loop.time() < self._due():
            self._set_timer()
        else:
            self._overdue = True
            self._waiting.cancel()

    def _failure(self) -> TimedOut:
        limits = self._deadlines
        if self._loop.time() >= self._start + limits.total:
            return _too_slow(f"{self._name} was not done after {limits.total:g} s.", "total")
        if self.answering:
            return _too_slow(f"{self._name} fell silent for {limits.idle:g} s in its answer.", "idle")
        return _too_slow(f"{self._name} had sent no token after {limits.first_token:g} s.", "first_token")


def _too_slow(message: str, deadline: str) -> TimedOut:
    return TimedOut(message, hint=f"The model was too slow; raise network.{deadline}_timeout to wait longer.")
