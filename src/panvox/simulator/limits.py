"""True limits: what an account, a model or a key may do, and the decision whether a call exceeds it.

Everything counts in *sliding windows*: at no moment may the last `seconds` seconds hold more than `amount`.
This is the strictest reading of a rate limit. A caller that keeps to a token bucket of the same rate may
send a full bucket on top of a full window and is refused here; one that is never refused here keeps to
every other reading too. A day is the last 24 hours. A refused call uses up nothing, unless the limits say
that it counts as a request.

Tokens are those of the prompt and of the whole answer, together or each by themselves, booked when the call
is let in: the simulator knows beforehand how long its answer will be. All decisions are functions of `now`
(seconds of any clock).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, get_args

from panvox.errors import UsageError

DAY = 86_400.0
_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": DAY}

Unit = Literal["requests", "tokens", "input_tokens", "output_tokens"]
"""What windows count."""
UNITS: tuple[Unit, ...] = get_args(Unit)


class Kind(StrEnum):
    """The seven ways in which a call can be more than a provider allows."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"
    BURST = "burst"
    QUOTA = "quota"
    MONEY = "money"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `amount` within any `seconds` seconds."""

    amount: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed; by default, everything.

    - `spacing`: the least number of seconds between two calls.
    - `credit`: the tokens that are paid for, ever.
    - `refused_count`: whether a call that is refused is a request too, so that whoever insists stays out.
    """

    requests: tuple[Window, ...] = ()
    tokens: tuple[Window, ...] = ()
    input_tokens: tuple[Window, ...] = ()
    output_tokens: tuple[Window, ...] = ()
    concurrency: int | None = None
    spacing: float = 0.0
    credit: int | None = None
    refused_count: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Why a call is not let in: what is allowed, what is used, what was asked for, when to come back.

    `unit` is what is counted; `seconds` the length of the window, 0 where there is none; `wait` is None
    where waiting does not help or nobody can tell how long.
    """

    kind: Kind
    unit: str
    limit: int
    used: int
    requested: int
    seconds: float = 0.0
    wait: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """How a limit stands, as rate headers tell it: `reset` is seconds until nothing is used any more.

    `unit` is what is counted, `seconds` the length of the window.
    """

    unit: Unit
    seconds: float
    limit: int
    remaining: int
    reset: float


class _Log:
    """What happened within one window."""

    __slots__ = ("_entries", "_used", "unit", "window")

    def __init__(self, unit: Unit, window: Window) -> None:
        self.unit = unit
        self.window = window
        self._entries: deque[tuple[float, int]] = deque()
        self._used = 0

    def add(self, now: float, amount: int) -> None:
        self._entries.append((now, amount))
        self._used += amount

    def used(self, now: float) -> int:
        entries = self._entries
        while entries and entries[0][0] + self.window.seconds <= now:
            self._used -= entries.popleft()[1]
        return self._used

    def wait(self, now: float, amount: int) -> float:
        """Seconds until `amount` more fit; it must fit into the empty window."""
        surplus = self.used(now) + amount - self.window.amount
        for time, entry in self._entries:
            if surplus <= 0:
                break
            surplus -= entry
            if surplus <= 0:
                return time + self.window.seconds - now
        return 0.0

    def meter(self, now: float) -> Meter:
        remaining = max(0, self.window.amount - self.used(now))
        last = self._entries[-1][0] if self._entries else None
        reset = 0.0 if last is None else last + self.window.seconds - now
        return Meter(
            unit=self.unit,
            seconds=self.window.seconds,
            limit=self.window.amount,
            remaining=remaining,
            reset=reset,
        )


class Gate:
    """The books of one set of limits: ask `excess`, then `enter`, and `leave` when the call has ended."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._logs = [
            _Log(unit, window) for unit in UNITS for window in _longest_first(getattr(limits, unit))
        ]
        self._inside = 0
        self._last = float("-inf")
        self._spent = 0

    def excess(self, now: float, *, tokens: int, ceiling: int, answer: int = 0) -> Excess | None:
        """Why a call of `tokens` tokens, which asks for up to `ceiling`, may not enter now.

        `answer` of them are the answer's.
        """
        return next(
            self._excesses(now, _amounts(tokens, answer), _amounts(ceiling, ceiling - tokens + answer)), None
        )

    def enter(self, now: float, *, tokens: int, answer: int = 0) -> None:
        """Book a call."""
        self._inside += 1
        self._last = now
        self._spent += tokens
        amounts = _amounts(tokens, answer)
        for log in self._logs:
            log.add(now, amounts[log.unit])

    def refuse(self, now: float) -> None:
        """Book a call that was not let in, where those count."""
        if self._limits.refused_count:
            for log in self._logs:
                if log.unit == "requests":
                    log.add(now, 1)

    def leave(self) -> None:
        """A call that entered has ended."""
        self._inside -= 1

    def meters(self, now: float) -> Iterator[Meter]:
        """How each window stands."""
        return (log.meter(now) for log in self._logs)

    def _excesses(
        self, now: float, amounts: Mapping[Unit, int], ceilings: Mapping[Unit, int]
    ) -> Iterator[Excess]:
        """What never passes comes first, then what passes last."""
        limits, tokens = self._limits, amounts["tokens"]
        for log in self._logs:
            if log.unit != "requests" and (most := ceilings[log.unit]) > log.window.amount:
                yield _of_window(log, Kind.TOO_LARGE, used=0, requested=most, wait=None)
        if limits.credit is not None and self._spent + tokens > limits.credit:
            yield Excess(
                kind=Kind.MONEY, unit="tokens", limit=limits.credit, used=self._spent, requested=tokens
            )
        for log in self._logs:
            amount = amounts[log.unit]
            if (used := log.used(now)) + amount > log.window.amount:
                kind = Kind.REQUESTS if log.unit == "requests" else Kind.TOKENS
                kind = Kind.QUOTA if log.window.seconds >= DAY else kind
                yield _of_window(log, kind, used=used, requested=amount, wait=log.wait(now, amount))
        if limits.concurrency is not None and self._inside >= limits.concurrency:
            yield Excess(
                kind=Kind.CONCURRENCY,
                unit="requests",
                limit=limits.concurrency,
                used=self._inside,
                requested=1,
            )
        if (wait := self._last + limits.spacing - now) > 0:
            yield Excess(kind=Kind.BURST, unit="requests", limit=1, used=1, requested=1, wait=wait)


def _amounts(tokens: int, answer: int) -> Mapping[Unit, int]:
    """What a call is, as each kind of window counts it."""
    return {"requests": 1, "tokens": tokens, "input_tokens": tokens - answer, "output_tokens": answer}


def tightest(meters: Iterable[Meter], unit: Unit, seconds: float | None = None) -> Meter | None:
    """The meter with the least part left, of a unit and, if it is given, of windows of this length."""
    meant = [meter for meter in meters if meter.unit == unit and seconds in {None, meter.seconds}]
    return min(meant, key=lambda meter: meter.remaining / meter.limit, default=None)


def _longest_first(windows: tuple[Window, ...]) -> list[Window]:
    return sorted(windows, key=lambda window: window.seconds, reverse=True)


def _of_window(log: _Log, kind: Kind, *, used: int, requested: int, wait: float | None) -> Excess:
    return Excess(
        kind=kind,
        unit=log.unit.replace("_", " "),
        limit=log.window.amount,
        used=used,
        requested=requested,
        seconds=log.window.seconds,
        wait=wait,
    )


# --- limits as people write them -------------------------------------------------------------------

_SPELLING = re.compile(r"(\w+)=([0-9]+(?:\.[0-9]+)?)(?:/(\w+|[0-9]+\.[0-9]+s))?", re.ASCII)
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)s", re.ASCII)
_SPELLINGS = (
    "requests=COUNT/UNIT, tokens=COUNT/UNIT, input_tokens=COUNT/UNIT, output_tokens=COUNT/UNIT "
    "(UNIT: second, minute, hour, day, or seconds as in 6s), concurrency=COUNT, spacing=SECONDS "
    "or credit=TOKENS"
)


def parse_limits(texts: Iterable[str]) -> Limits:
    """`requests=60/minute`, `tokens=9000/6s`, `concurrency=4`, `spacing=0.2`, `credit=1000000`.

    Raises `UsageError` for anything else, and for a limit that lets nothing in.
    """
    limits = Limits()
    for text in texts:
        limits = _with_limit(limits, text)
    return limits


def _with_limit(limits: Limits, text: str) -> Limits:
    found = _SPELLING.fullmatch(text.strip())
    name, number, unit = found.groups() if found else ("", "1", None)
    amount = int(float(number))
    if name != "spacing" and (amount < 1 or "." in number):
        raise UsageError(f"{text!r}: a limit is a whole number above 0")
    length = _seconds(unit or "")
    window = Window(amount, length) if length else None
    match name, unit, window:
        case "requests", _, Window():
            return replace(limits, requests=(*limits.requests, window))
        case "tokens", _, Window():
            return replace(limits, tokens=(*limits.tokens, window))
        case "input_tokens", _, Window():
            return replace(limits, input_tokens=(*limits.input_tokens, window))
        case "output_tokens", _, Window():
            return replace(limits, output_tokens=(*limits.output_tokens, window))
        case "concurrency", None, _:
            return replace(limits, concurrency=amount)
        case "credit", None, _:
            return replace(limits, credit=amount)
        case "spacing", None, _:
            return replace(limits, spacing=float(number))
        case _:
            raise UsageError(f"{text!r} is no limit; write {_SPELLINGS}")


def _seconds(unit: str) -> float:
    """The length of a window as people write it; 0 for what is none."""
    told = _LENGTH.fullmatch(unit)
    return float(told[1]) if told else _SECONDS.get(unit, 0.0)
