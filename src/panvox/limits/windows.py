"""One window of one scope: what counts in it now, and from when on a call counts; pure.

A window slides: at no moment do its last `seconds` hold more than `amount`.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf

from panvox.protocols import Unit

UNITS: dict[Unit, int] = {"requests": 0, "tokens": 1, "input_tokens": 2, "output_tokens": 3}
"""What windows count, each with its place among a call's amounts."""

_GRANULES = 1000  # pieces of a window; entries within one are kept together, at the latest of their times


def slack(seconds: float) -> float:
    """Seconds after a permit that an answered call is booked at the latest, for a window of `seconds`.

    For calls of which nobody knows when they were sent.
    """
    return min(0.25, seconds / 100)


def margin(seconds: float) -> float:
    """Seconds after a request was sent that an answered call is booked at the latest, as far as `Lags` knows.

    What it does not know is let be a small part of a window of `seconds`.
    """
    return min(0.25, seconds / 500)


class Lags:
    """How much longer than others of its kind a call may have been on its way to the provider; in seconds.

    What the head of a reply took beyond the quickest one was spent on the way there, at the worst. Ways that
    take equally long for all do not matter, since a window counts from one call to the other.
    """

    __slots__ = ("_heard", "_quickest")

    MOST = 0.05
    PER_TOKEN = 2e-6  # so long a server that is busy may take longer to read a long prompt
    ENOUGH = 10  # replies after which the quickest is believed to be quick

    def __init__(self) -> None:
        self._heard = 0
        self._quickest = inf

    @classmethod
    def most(cls, tokens: int) -> float:
        """The lag of a prompt of so many tokens at the worst."""
        return cls.MOST + tokens * cls.PER_TOKEN

    def of(self, took: float, tokens: int = 0) -> float:
        """The lag of a call whose head came `took` seconds after its prompt of so many tokens was sent."""
        most = self.most(tokens)
        lag = took - self._quickest if self._heard >= self.ENOUGH else most
        self._heard += 1
        self._quickest = min(self._quickest, took)
        return min(most, max(0.0, lag))


class Granule:
    """Entries that are so close to each other that they are kept as one; `time` is -inf once they are out."""

    __slots__ = ("amount", "number", "time")

    def __init__(self, number: float, time: float, amount: int) -> None:
        self.number = number
        self.time = time
        self.amount = amount


class Log:
    """What counts in one window: entries with a time, and pending ones, which are in `used` alone."""

    __slots__ = ("_granules", "_width", "amount", "index", "margin", "seconds", "slack", "unit", "used")

    def __init__(self, unit: Unit, seconds: float) -> None:
        self.unit = unit
        self.index = UNITS[unit]
        self.seconds = seconds
        self.amount = 0
        self.slack = slack(seconds)
        self.margin = margin(seconds)
        self.used = 0
        self._width = seconds / _GRANULES
        self._granules: list[Granule] = []

    def place(self, time: float, amount: int) -> Granule:
        """Give an amount that is in `used` its time."""
        number = time // self._width
        granules = self._granules
        if granules and (last := granules[-1]).number >= number:
            granule = last if last.number == number else self._between(number, time)
            granule.amount += amount
            granule.time = max(granule.time, time)
            return granule
        self.expire(time)
        granule = Granule(number, time, amount)
        granules.append(granule)
        return granule

    def _between(self, number: float, time: float) -> Granule:
        index = bisect_left(self._granules, number, key=_number)
        if self._granules[index].number != number:
            self._granules.insert(index, Granule(number, time, 0))
        return self._granules[index]

    def move(self, granule: Granule, time: float, amount: int) -> Granule:
        """An entry turns out to have been made at another time; what is out already stays out."""
        if granule.time == -inf:
            return granule
        granule.amount -= amount
        return self.place(time, amount)

    def change(self, granule: Granule | None, by: int) -> None:
        """An entry, pending if there is no granule, turns out to be larger or smaller."""
        if granule is None:
            self.used += by
        elif granule.time != -inf:
            granule.amount += by
            self.used += by

    def expire(self, now: float) -> None:
        """Let out what the window has left behind."""
        granules, out = self._granules, 0
        while out < len(granules) and granules[out].time + self.seconds <= now:
            self.used -= granules[out].amount
            granules[out].time = -inf
            out += 1
        del granules[:out]

    def fits_at(self, amount: int) -> float:
        """When `amount` fits as far as entries with a time are in the way; inf where pending ones are."""
        surplus = self.used + amount - self.amount
        if surplus <= 0:
            return -inf
        for granule in self._granules:
            surplus -= granule.amount
            if surplus <= 0:
                return granule.time + self.seconds
        return inf

    def about(self, amount: int, now: float) -> float:
        """Seconds until `amount`, which may be more than a window, has fitted, roughly."""
        soon = now + self.slack
        first = self._granules[0].time if self._granules else soon
        last = self._granules[-1].time if self._granules else soon
        surplus = self.used + amount - self.amount
        rounds, rest = divmod(max(0, surplus - 1), max(1, self.amount))
        part = rest / max(1, self.amount)
        return max(0.0, first + (last - first) * part + (rounds + 1) * self.seconds - now)

    def entries(self) -> list[tuple[float, int]]:
        """Times and amounts, oldest first, without pending ones."""
        return [(granule.time, granule.amount) for granule in self._granules if granule.amount > 0]


def _number(granule: Granule) -> float:
    return granule.number
