"""When a provider wants us back: every spelling read by one parser.

Headers: `retry-after-ms`, `x-ms-retry-after-ms` (Azure), `retry-after` (RFC 9110: seconds or a date), and
the reset headers of rate limits. Values: numbers, durations such as `1m30s` and `120ms`, RFC 3339 times,
HTTP dates, and sentences such as "Please try again in 1m30s" or "You will regain access on 2026-04-01 at
00:00 UTC".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from panvox.dialects.foreign import number

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_UNITS = {
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": _MINUTE,
    "hour": _HOUR,
    "day": _DAY,
    "sec": 1.0,
    "min": _MINUTE,
    "hr": _HOUR,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "s": 1.0,
    "m": _MINUTE,
    "h": _HOUR,
    "d": _DAY,
}  # longest first, since a pattern is made of it
_PIECE = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})s?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(rf"(?:{_PIECE.pattern}[\s,]*(?:and\s+)?)+", re.ASCII | re.IGNORECASE)
_SENTENCE = re.compile(
    rf"\b(?:again|retry|wait|resets?)\b[^.;\d]{{0,30}}?(?P<duration>{_DURATION.pattern})(?!\w)",
    re.ASCII | re.IGNORECASE,
)
_RESET = re.compile(r"x-(ratelimit|tokenlimit)-reset|anthropic-ratelimit-.+-reset$")
_DATE = re.compile(r"\bon (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))? UTC\b")  # Anthropic's way
_UNIX_SECONDS = 1e9  # smaller numbers are seconds from now
_UNIX_MILLISECONDS = 1e10


def wait(
    headers: Mapping[str, str], *, now: float, told: Iterable[object] = (), message: str = ""
) -> float | None:
    """Seconds until the provider wants us back; None if it did not tell.

    `headers` have lower-case names; `told` are values from the body that mean the same; `now` is in seconds
    since 1970. The first that can be read counts, in this order: waiting headers, `told`, reset headers of
    spent limits, `message`.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = number(headers.get(name))
        if milliseconds is not None and milliseconds >= 0:
            return milliseconds / 1000
    for value in (headers.get("retry-after"), *told):
        if (found := seconds(value, now=now)) is not None:
            return found
    if resets := list(_resets(headers, now=now)):
        return max(resets)
    if sentence := _SENTENCE.search(message[:2000]):
        return _duration(sentence["duration"])
    date = _DATE.search(message[:2000])
    return seconds(f"{date[1]}T{date[2] or '00:00'}Z", now=now) if date else None


def seconds(value: object, *, now: float) -> float | None:
    """One value as seconds from `now`; None for what is negative or cannot be read."""
    told = number(value)
    if told is not None:
        if told >= _UNIX_MILLISECONDS:
            return max(0.0, told / 1000 - now)
        if told >= _UNIX_SECONDS:
            return max(0.0, told - now)
        return told if told >= 0 else None
    if not isinstance(value, str):
        return None
    text = value.strip()[:100]
    if _DURATION.fullmatch(text):
        return _duration(text)
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - now)


def _duration(text: str) -> float:
    return sum(float(count) * _UNITS[unit.lower()] for count, unit in _PIECE.findall(text))


def _moment(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time or an HTTP date."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, IndexError, TypeError):
            continue
    return None


def _resets(headers: Mapping[str, str], *, now: float) -> Iterator[float]:
    """When the limits come back that have nothing left, or do not tell how much."""
    for name, value in headers.items():
        if not _RESET.match(name):
            continue
        remaining = number(headers.get(name.replace("-reset", "-remaining", 1)))
        found = seconds(value, now=now)
        if found is not None and (remaining is None or remaining <= 0):
            yield found
