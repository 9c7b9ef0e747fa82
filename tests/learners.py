"""A provider whose limits nobody knows, and a caller that learns them: in virtual time, without a loop."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from panvox.errors import Category, Fault, Owner, Retry
from panvox.limits.learning import Learning
from panvox.limits.lessons import Lessons
from panvox.protocols import Limits, Scope, Unit

ACCOUNT = Scope("account", "acme/main")
EPOCH = 1_800_000_000.0
"""Seconds since 1970 at which virtual time begins."""


def refusal(code: str = "requests", wait: float | None = None, *, message: str = "") -> Fault:
    """A 429 of this kind."""
    return fault(Category.RATE_LIMITED, code=code, wait=wait, message=message)


def fault(category: Category, *, code: str = "", wait: float | None = None, message: str = "") -> Fault:
    """A failure of this category."""
    return Fault(
        category=category,
        owner=Owner.KEY,
        retry=Retry.LATER,
        message=message or "Too many requests.",
        hint="",
        status=429,
        wait=wait,
        code=code,
    )


@dataclass(kw_only=True)
class Provider:
    """Takes `amount` calls in any `seconds` (or in those of the clock, if `aligned`) and `slots` at once."""

    amount: int = 10**9
    seconds: float = 60.0
    aligned: bool = False
    slots: int = 10**9
    tells: bool = True
    whole: bool = False
    inside: int = 0
    log: list[float] = field(default_factory=list)
    refused: list[tuple[float, str]] = field(default_factory=list)

    def take(self, now: float) -> Fault | None:
        """Book a call that arrives now; the refusal if it is too much."""
        begin = now // self.seconds * self.seconds if self.aligned else now - self.seconds
        oldest = self.log[-self.amount] if len(self.log) >= self.amount else float("-inf")
        if oldest > begin or (self.aligned and oldest == begin):
            wait = (begin if self.aligned else oldest) + self.seconds - now
            return self._refuse(now, "requests", max(wait, 0.001))
        if self.inside >= self.slots:
            return self._refuse(now, "concurrency", None)
        self.log.append(now)
        self.inside += 1
        return None

    def _refuse(self, now: float, kind: str, wait: float | None) -> Fault:
        self.refused.append((now, kind))
        told = wait if self.tells else None
        return refusal(kind, None if told is None else float(int(told) + 1) if self.whole else told)


@dataclass(kw_only=True)
class Caller:
    """Always has another call to make, and makes it as early as what is learnt allows."""

    provider: Provider
    seed: int
    lessons: Lessons | None = None
    configured: Limits = field(default_factory=Limits)
    duration: tuple[float, float] = (0.5, 3.0)
    thinks: tuple[float, float] = (0.05, 0.4)
    now: float = 1_000.3
    learning: Learning = field(init=False)
    in_flight: int = 0
    paused_until: float = 0.0
    sent: list[tuple[float, int]] = field(default_factory=list)
    booked: list[float] = field(default_factory=list)
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    number: int = 0
    timer: float = 0.0
    awaits_growth: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - nothing here is secret
        self.learning = Learning(self.lessons, clock=lambda: EPOCH + self.now)
        self.limits = self.learning.effective(ACCOUNT, self.configured)

    def run(self, seconds: float) -> None:
        """Call for so long."""
        end = self.now + seconds
        self._pump()
        while self.events and self.events[0][0] <= end:
            self.now, _, act = heapq.heappop(self.events)
            act()
            if self.learning.changed(ACCOUNT):
                self.limits = self.learning.effective(ACCOUNT, self.configured)
            self._pump()
        self.now = end

    def _at(self, time: float, act: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.events, (time, self.number, act))

    def _opens(self) -> float:
        """When the next call may go out; as the books do it, a call counts up to a moment later."""
        opens = [self.paused_until]
        for window in self.limits.windows:
            if len(self.booked) >= window.amount:
                slack = min(0.25, window.seconds / 100)
                opens.append(self.booked[-window.amount] + slack + window.seconds + 1e-6)
        if self.booked and self.limits.spacing:
            opens.append(self.booked[-1] + self.limits.spacing)
        return max(opens)

    def _pump(self) -> None:
        while self.limits.slots is None or self.in_flight < self.limits.slots:
            if (opens := self._opens()) > self.now:
                if not self.now < self.timer <= opens:
                    self.timer = opens
                    self._at(opens, lambda: None)
                return
            self._send()
        self._await_growth()

    def _await_growth(self) -> None:
        """As the limiter does it while calls wait for slots."""
        if self.awaits_growth or self.in_flight == 0:
            return
        since = self.booked[-min(len(self.booked), self.in_flight // 2 + 1)]
        wait = self.learning.unrefused(ACCOUNT, now=self.now, since=since)
        if wait is not None:
            self.awaits_growth = True
            self._at(self.now + max(wait, 0.001), self._grow)

    def _grow(self) -> None:
        self.awaits_growth = False

    def _send(self) -> None:
        self.in_flight += 1
        self.sent.append((self.now, 1))
        self.booked.append(self.now)
        sent = self.now
        self._at(self.now + self.chance.uniform(0.001, 0.08), lambda: self._arrive(sent))

    def _arrive(self, sent: float) -> None:
        refused = self.provider.take(self.now)
        if refused is not None:
            self._at(self.now + self.chance.uniform(0.01, 0.05), lambda: self._fail(refused))
            return
        head, whole = self.chance.uniform(*self.thinks), self.chance.uniform(*self.duration)
        self._at(self.now + head, lambda: self._head(sent))
        self._at(self.now + head + whole, self._leave)

    def _head(self, sent: float) -> None:
        self.learning.replied(
            ACCOUNT,
            (),
            accepted=True,
            now=self.now,
            in_flight=self.in_flight,
            used=self._used,
            took=self.now - sent,
        )

    def _leave(self) -> None:
        self.provider.inside -= 1
        self._at(self.now + 0.02, self._answer)

    def _answer(self) -> None:
        self.learning.answered(ACCOUNT, now=self.now, in_flight=self.in_flight)
        self.in_flight -= 1

    def _fail(self, refused: Fault) -> None:
        pause = self.learning.failed(ACCOUNT, refused, now=self.now, in_flight=self.in_flight, sent=self.sent)
        self.paused_until = max(self.paused_until, self.now + pause)
        self.in_flight -= 1

    def _used(self, unit: Unit, seconds: float) -> int:
        return sum(time > self.now - seconds for time in self.booked) if unit == "requests" else 0
