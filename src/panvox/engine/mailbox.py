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

DELTA_INTERVAL = 0.05
"""Seconds that later pieces of text may rest to be merged, twenty times a second being smooth to the eye; a
member's first piece does not rest."""

VERDICT_INTERVAL = 0.25
"""Seconds between two provisional verdicts: nobody reads faster, and one costs a pass over all groups."""


class Lane:
    """One member's way into the mailbox; holds the text that the reader has not taken."""

    __slots__ = ("_heard", "_mailbox", "_member", "_reasoning", "_text", "_waits")

    def __init__(self, mailbox: Mailbox, member: str) -> None:
        self._mailbox = mailbox
        self._member = member
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._heard = False
        self._waits = False

    def put_text(self, text: str) -> None:
        """More of the member's answer."""
        self._text.append(text)
        if not self._waits:
            self._queue()

    def put_reasoning(self, text: str) -> None:
        """More of the member's thinking."""
        self._reasoning.append(text)
        if not self._waits:
            self._queue()

    def _queue(self) -> None:
        self._waits = True
        self._mailbox.queue(self, urgent=not self._heard)
        self._heard = True

    def take(self) -> MemberDelta:
        """Everything that waits, as one event."""
        event = MemberDelta(self._member, "".join(self._text), "".join(self._reasoning))
        self._text, self._reasoning, self._waits = [], [], False
        return event


class Mailbox:
    """Events in without waiting, events out one by one; used by one event loop and one reader."""

    def __init__(self, verdict: Callable[[], Verdict]) -> None:
        self._loop = asyncio.get_running_loop()
        self._verdict = verdict
        self._verdict_due = False
        self._verdict_at = -VERDICT_INTERVAL
        self._items: deque[RunEvent | Lane] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def put(self, event: RunEvent) -> None:
        """Add an event; the reader wakes."""
        self._items.append(event)
        self._wake()

    def lane(self, member: str) -> Lane:
        """A way in for the pieces of one member's answer."""
        return Lane(self, member)

    def queue(self, lane: Lane, *, urgent: bool) -> None:
        """`lane` has something to take; unless it is `urgent` the reader may sleep on for a moment."""
        self._items.append(lane)
        if urgent:
            self._wake()
        elif self._timer is None and self._reader is not None:
            self._timer = self._loop.call_later(DELTA_INTERVAL, self._wake)

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
                item = self._items.popleft()
                return item.take() if isinstance(item, Lane) else item
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

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
