"""Sentences about limits, and times, as OpenAI words them and many others too."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import assert_never

from panvox.simulator.limits import DAY, Excess, Kind


def sentence(excess: Excess, *, where: str) -> str:
    """What was exceeded, by how much, and when to come back; `where` says at which model."""
    again = "" if excess.wait is None else f" Please try again in {duration(excess.wait)}."
    per = _per(excess)
    match excess.kind:
        case Kind.REQUESTS | Kind.TOKENS | Kind.QUOTA:
            return (
                f"Rate limit reached {where} on {per}: Limit {excess.limit}, Used {excess.used}, "
                f"Requested {excess.requested}.{again}"
            )
        case Kind.TOO_LARGE:
            return (
                f"Request too large {where} on {per}: Limit {excess.limit}, Requested {excess.requested}. "
                "The input or output tokens must be reduced in order to run successfully."
            )
        case Kind.CONCURRENCY:
            return f"Too many concurrent requests {where}: at most {excess.limit} at the same time."
        case Kind.BURST:
            return (
                "Request rate increased too quickly. To ensure system stability, please adjust your client "
                f"logic to scale requests more smoothly over time.{again}"
            )
        case Kind.MONEY:
            return "You exceeded your current quota, please check your plan and billing details."
        case _:
            assert_never(excess.kind)


def _per(excess: Excess) -> str:
    """`requests per min (RPM)`."""
    word = {1.0: "sec", 60.0: "min", 3_600.0: "hour", DAY: "day"}.get(excess.seconds)
    if word is None:
        return f"{excess.unit} per {excess.seconds:g} s"
    return f"{excess.unit} per {word} ({excess.unit[0].upper()}P{word[0].upper()})"


def window(excess: Excess) -> str:
    """`minute`, as the words for a window go."""
    word = {1.0: "second", 60.0: "minute", 3_600.0: "hour", DAY: "day"}.get(excess.seconds)
    return word or f"{excess.seconds:g} seconds"


def duration(seconds: float) -> str:
    """`120ms`, `7.5s`, `6m0s` or `2h3m4s`, rounded up to a millisecond."""
    milliseconds = max(0, math.ceil(round(seconds * 1000, 6)))
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text


def moment(unix: float) -> str:
    """A time in unix seconds, as RFC 3339 writes it."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
