"""Between many members and one reader: a queue that merges what the reader has not taken yet.

Its length is bounded by the number of members, not by the number of events: text of a member that waits
to be read grows by the next piece instead of adding an item. Nothing is lost, the order of each member's
events is kept, and nobody ever waits to put.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from panvox.messages import MemberDelta, RunEvent, VerdictChanged
from panvox.verdicts import Verdict

BEAT = 0.05
"""Seconds that later pieces of text rest to be merged, twenty times a second being smooth to the eye; a
member's first piece does not rest."""

DELTAS = 10_000
"""Pieces a second that a reader is given at most: more members make the beat longer."""

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
            self._wait()

    def put_reasoning(self, text: str) -> None:
        """More of the member's thinking."""
        self._reasoning.append(text)
        if not self._waits:
            self._wait()

    def _wait(self) -> None:
        self._waits = True
        if self._heard:
            self._mailbox.rest(self)
        else:
            self._heard = True
            self._mailbox.put(self)

    def close(self) -> None:
        """There is no more: what rests may be taken at once."""
        if self._waits:
            self._mailbox.put(self)

    def drop(self) -> None:
        """What was not taken counts for nothing; there is no more."""
        self._text.clear()
        self._reasoning.clear()
        self._waits = False

    def take(self) -> MemberDelta | None:
        """Everything that waits, as one event; None where it was taken before."""
        if not self._waits:
            return None
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        self._text.clear()
        self._reasoning.clear()
        self._waits = False
        return MemberDelta(self._member, text, reasoning)


class Mailbox:
    """Events in without waiting, events out one by one; for one event loop and one reader."""

    def __init__(self, *, members: int, verdict: Callable[[], Verdict]) -> None:
        self._loop = asyncio.get_running_loop()
        self._beat = max(BEAT, members / DELTAS)
        self._verdict = verdict
        self._verdict_at = -VERDICT_INTERVAL
        self._items: deque[RunEvent | Lane | Callable[[], Verdict]] = deque()
        self._resting: list[Lane] = []
        self._reader: asyncio.Future[None] | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._judging: asyncio.TimerHandle | None = None
        self._closed = False

    def lane(self, member: str) -> Lane:
        """A way in for the pieces of one member's answer."""
        return Lane(self, member)

    def put(self, item: RunEvent | Lane | Callable[[], Verdict]) -> None:
        """Something that may be taken at once: an event, a lane, or a verdict yet to be worked out."""
        self._items.append(item)
        self._wake()

    def rest(self, lane: Lane) -> None:
        """Something that may be taken at the next beat."""
        self._resting.append(lane)
        if self._beating is None:
            self._beating = self._loop.call_later(self._beat, self._let_go)

    def _let_go(self) -> None:
        self._beating = None
        self._items.extend(self._resting)
        self._resting.clear()
        self._wake()

    def verdict_changed(self) -> None:
        """There is a new provisional verdict; it is worked out when the reader takes it."""
        if self._judging is None:
            wait = self._verdict_at + VERDICT_INTERVAL - self._loop.time()
            self._judging = self._loop.call_later(max(0.0, wait), self._offer_verdict)

    def _offer_verdict(self) -> None:
        self._judging = None
        self._verdict_at = self._loop.time()
        self.put(self._verdict)

    def close(self) -> None:
        """Nothing follows."""
        self._closed = True
        for timer in (self._beating, self._judging):
            if timer is not None:
                timer.cancel()
        self._wake()

    def take_nowait(self) -> RunEvent | None:
        """The next event, if there is one."""
        while self._items:
            item = self._items.popleft()
            if isinstance(item, Lane):
                if (event := item.take()) is not None:
                    return event
            elif callable(item):
                return VerdictChanged(item())
            else:
                return item
        return None

    async def take(self) -> RunEvent | None:
        """The next event; None when the mailbox is closed and empty."""
        while (event := self.take_nowait()) is None and not self._closed:
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return event

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
