"""Pieces of many streams, each written at its time, with one timer for all.

A sleeping task for each piece would cost the simulator more than its sockets do: with a thousand streams
of forty events the clock would ring forty thousand times.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from itertools import count

_GRAIN = 0.002  # seconds between two ticks at least; what falls due in between goes out together


class _Load:
    """What is left of one stream."""

    __slots__ = ("at", "done", "due", "interval", "pieces", "write")

    def __init__(
        self,
        pieces: Sequence[bytes],
        due: float,
        interval: float,
        write: Callable[[bytes], None],
        done: asyncio.Future[None],
    ) -> None:
        self.pieces = pieces
        self.at = 0
        self.due = due
        self.interval = interval
        self.write = write
        self.done = done

    def advance(self, now: float) -> None:
        """Write what is due; a late tick writes several pieces at once and the rate stays the same."""
        ready = 1 + int((now - self.due) / self.interval)
        self.write(b"".join(self.pieces[self.at : self.at + ready]))
        self.at += ready
        self.due += ready * self.interval
        if self.at >= len(self.pieces):
            self.done.set_result(None)


class Conveyor:
    """Carries streams within the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, _Load]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    async def carry(
        self, pieces: Sequence[bytes], *, interval: float, write: Callable[[bytes], None]
    ) -> None:
        """Hand the pieces to `write`, the first of them after `interval` seconds; return after the last.

        Cancelled, it writes no more.
        """
        if not pieces:
            return
        if interval <= 0:
            write(b"".join(pieces))
            return
        done = self._loop.create_future()
        load = _Load(pieces, self._loop.time() + interval, interval, write, done)
        heapq.heappush(self._waiting, (load.due, next(self._order), load))
        self._wind()
        await done

    def _wind(self) -> None:
        """Set the timer to the next piece that is due."""
        if not self._waiting:
            return
        due = max(self._waiting[0][0], self._loop.time() + _GRAIN)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        now, waiting = self._loop.time(), self._waiting
        self._timer = None
        while waiting and waiting[0][0] <= now:
            _, order, load = waiting[0]
            if not load.done.done():
                load.advance(now)
            if load.done.done():
                heapq.heappop(waiting)
            else:
                heapq.heapreplace(waiting, (load.due, order, load))
        self._wind()
