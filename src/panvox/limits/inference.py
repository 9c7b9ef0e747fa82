"""From a refusal to the limit behind it: the log of what was sent, and the wait that was told.

A provider that counts `n` calls in a sliding window of `T` seconds lets the next one in when the oldest
leaves: `wait = oldest + T - now`. As long as nothing is older than the window, the oldest is the first call
ever sent, which gives `T`; the calls since then that were not refused are `n`. Latency makes `T` look longer,
which errs on the safe side.

A window that is aligned to the clock tells a shorter wait than that; `T` then looks shorter, and odd. The
next refusal corrects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

STANDARD = (1.0, 10.0, 60.0, 3_600.0, 86_400.0)
"""Windows that providers have, in seconds."""

MINUTE = 60.0
_NEAR = 0.03  # of a standard window
_EXACT = 0.05  # seconds by which a wait that is told in fractions may be off
_JITTER = 0.25  # seconds by which calls may arrive closer together than they went out

Log = Sequence[tuple[float, int]]
"""Times and how many calls went out then, oldest first; refused calls are in it, too."""


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """A window of so many seconds, and since when its calls count; `sure` if providers have such windows."""

    seconds: float
    start: float
    sure: bool = True


def guess(sent: Log, *, now: float, wait: float, refused: Sequence[float]) -> Guess | None:
    """The window that explains why `wait` seconds were told; None without any call.

    `refused` are the times at which calls of the log were refused.
    """
    if not sent:
        return None
    first, rounding = sent[0][0], _rounding(wait)
    apparent = now + wait - first
    for seconds in STANDARD:
        if -_NEAR * seconds <= apparent - seconds <= max(_NEAR * seconds, rounding):
            return Guess(seconds=seconds, start=first)
    for seconds in STANDARD:
        start = _oldest(sent, now + wait - seconds, rounding) if seconds >= wait * (1 - _NEAR) else None
        if start is not None:
            found = Guess(seconds=seconds, start=start, sure=False)
            if amount(found, sent, refused) > _most_before(sent, seconds, start):
                return found
    return Guess(seconds=apparent, start=first, sure=False)


def longer(held: float, *, end: float, last_end: float, wait: float) -> Guess:
    """The window that is told of where one of `held` seconds is too short.

    `end` is when the wait is over, and `last_end` when that of the refusal before it was: windows that are
    aligned to the clock lie between two such ends.
    """
    standard = next((each for each in STANDARD if each > max(held, wait) * (1 - _NEAR)), STANDARD[-1])
    seconds = standard
    if max(held, wait) < (apart := end - last_end) < standard * (1 - _NEAR):
        seconds = apart
    return Guess(seconds=seconds, start=end - seconds - _rounding(wait))


def is_late(wait: float, seconds: float) -> bool:
    """Whether so short a wait says that a call came a moment early or a few were too many, and no more."""
    return wait <= max(_JITTER, _NEAR * seconds, _rounding(wait))


def between(shortest: float, longest: float) -> float | None:
    """The window that providers have and that is longer than `shortest`, and not longer than `longest`."""
    return next((seconds for seconds in STANDARD if shortest < seconds <= longest), None)


def at_least(wait: float) -> float:
    """The shortest window from a minute on that can make anybody wait so long."""
    return next((seconds for seconds in STANDARD[2:] if seconds >= wait * (1 - _NEAR)), STANDARD[-1])


def amount(found: Guess, sent: Log, refused: Iterable[float]) -> int:
    """How many calls the window held, without those that were refused at these times; at least one."""
    went_out = sum(count for time, count in sent if time >= found.start)
    return max(1, went_out - sum(time >= found.start for time in refused))


def _oldest(sent: Log, leaves: float, rounding: float) -> float | None:
    """The time of the call that leaves the window when the wait is over."""
    return next((time for time, _ in sent if -_EXACT <= leaves - time <= rounding + _EXACT), None)


def _rounding(wait: float) -> float:
    """Seconds by which a wait may be told too long: whole ones are rounded up."""
    return 1.0 if wait == int(wait) else 0.0


def _most_before(sent: Log, seconds: float, start: float) -> int:
    """The most calls that any such window held before `start`: a limit of less would have shown before."""
    held = most = oldest = 0
    for time, count in sent:
        if time >= start:
            break
        held += count
        while sent[oldest][0] <= time - seconds:
            held -= sent[oldest][1]
            oldest += 1
        most = max(most, held)
    return most
