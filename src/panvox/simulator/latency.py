"""How long a virtual model takes: values and arithmetic, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The times of one answer in seconds: until the first piece, and between two pieces."""

    first: float
    interval: float

    def at_once(self, pieces: int) -> Pace:
        """The time of an answer whose pieces are held back until the last is there."""
        return Pace(first=self.first + pieces * self.interval, interval=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How fast a model is, and how reliably.

    - `first_token`: median seconds to the first token; `spread` is the sigma of its log-normal.
    - `slow_share` of the calls belong to the tail and take `slow_factor` times as long to begin.
    - `rate`: tokens per second from then on; `tokens_per_event` of them come in one event.
    """

    first_token: float = 0.4
    spread: float = 0.35
    slow_share: float = 0.05
    slow_factor: float = 8.0
    rate: float = 80.0
    tokens_per_event: int = 4

    def pace(self, random: Random, *, speed: float = 1.0) -> Pace:
        """The times of one call, drawn from `random`; `speed` 10 is ten times as fast, 0 never waits."""
        if speed == 0:
            return Pace(first=0.0, interval=0.0)
        slow = self.slow_factor if random.random() < self.slow_share else 1.0
        first = self.first_token * math.exp(random.gauss(0.0, self.spread)) * slow
        rate = self.rate * math.exp(random.gauss(0.0, 0.1))  # no two calls run at quite the same rate
        return Pace(first=first / speed, interval=self.tokens_per_event / rate / speed)
