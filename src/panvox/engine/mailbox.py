"""Between many members and one reader: a queue that merges what the reader has not taken yet.

Its length is bounded by the number of members, not by the number of events: text of a member that waits
to be read grows by the next piece instead of adding an item. Nothing is lost, the order of each member's
events is kept, and nobody ever waits to put.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from panvox.messages import MemberDelta, RunEvent, Verdict, VerdictChanged

DELTA_INTERVAL = 0.03
"""Seconds that later pieces of text may rest to be merged; a member's first piece does not rest."""

VERDICT_INTERVAL = 0.25
"""Seconds between two provisional verdicts: nobody reads faster, and one costs a pass over all groups."""


class _Pending:
    """A member's text and reasoning that the reader has not taken."""

    __slots__ = ("member", "reasoning", "text")

    def __init__(self, member: str) -> None:
        self.member = member
        self.text: list[str] = []
        self.reasoning: list[str] = []

    def event(self) -> MemberDelta:
        return MemberDelta(self.member, "".join(self.text), "".join(self.reasoning))


class Mailbox:
    """Events in without waiting, events out one by one; used by one event loop and one reader."""

    def __init__(self, verdict: Callable[[], Verdict]) -> None:
        self._loop = asyncio.get_running_loop()
        self._verdict = verdict
        self._verdict_due = False
        self._verdict_at = -VERDICT_INTERVAL
        self._items: deque[RunEvent | _Pending] = deque()
        self._pending: dict[str, _Pending] = {}
        self._heard: set[str] = set()
        self._reader: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def put(self, event: RunEvent) -> None:
        """Add an event; the reader wakes."""
        self._items.append(event)
        self._wake()

    def put_delta(self, member: str, text: str, reasoning: str) -> None:
        """Add a piece of a member's answer to what is waiting to be read."""
        pending = self._pending.get(member)
        if pending is None:
            pending = self._pending[member] = _Pending(member)
            self._items.append(pending)
            if member not in self._heard:
                self._heard.add(member)
                self._wake()
            elif self._timer is None and self._reader is not None:
                self._timer = self._loop.call_later(DELTA_INTERVAL, self._wake)
        if text:
            pending.text.append(text)
        if reasoning:
            pending.reasoning.append(reasoning)

    def verdict_changed(self) -> None:
        """A new provisional verdict is to be had; it is computed when the reader takes it."""
        self._verdict_due = True

    def close(self) -> None:
        """Nothing follows."""
        self._closed = True
        self._wake()

    async def take(self) -> RunEvent | None:
        """The next event; None when the mailbox is closed and empty."""
        while True:
            if self._verdict_due and self._verdict_rest() <= 0:
                return self._next_verdict()
            if self._items:
                return self._next_item(self._items.popleft())
            if self._closed:
                return None
            await self._wait()

    async def _wait(self) -> None:
        self._reader = self._loop.create_future()
        if self._verdict_due:
            self._timer = self._loop.call_later(self._verdict_rest(), self._wake)
        try:
            await self._reader
        finally:
            self._reader = None

    def _verdict_rest(self) -> float:
        return self._verdict_at + VERDICT_INTERVAL - self._loop.time()

    def _next_verdict(self) -> VerdictChanged:
        self._verdict_due = False
        self._verdict_at = self._loop.time()
        return VerdictChanged(self._verdict())

    def _next_item(self, item: RunEvent | _Pending) -> RunEvent:
        if isinstance(item, _Pending):
            del self._pending[item.member]
            return item.event()
        return item

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
