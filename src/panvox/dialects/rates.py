"""How rate limits stand, read from headers: one reader for all spellings, since only the names differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from panvox.dialects.foreign import number
from panvox.dialects.waits import seconds
from panvox.messages import Rate

Unit = Literal["requests", "tokens", "input_tokens", "output_tokens"]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The headers that tell of one limit, in lower case; `window` in seconds, where the names mean one.

    `said` is for names that say their window, such as `…-requests-day`: no vendor then means another.
    """

    unit: Unit
    limit: str
    remaining: str
    reset: str
    window: float | None = None
    said: bool = False


def read_rates(
    headers: Mapping[str, str],
    names: Iterable[Names],
    *,
    now: float,
    windows: Iterable[tuple[str, float]] = (),
) -> tuple[Rate, ...]:
    """The limits that `headers` tell of, whatever the case of their names.

    `windows` are those that the vendor means by a unit, where no header says so. A limit of 0 or below means
    that nobody knows (Azure), and a limit of which nothing can be read is left out.
    """
    told = {name.lower(): value for name, value in headers.items()}
    meant = dict(windows)
    found = (
        _rate(told, each, now=now, window=each.window if each.said else meant.get(each.unit, each.window))
        for each in names
    )
    return tuple(rate for rate in found if rate is not None)


def _rate(told: Mapping[str, str], names: Names, *, now: float, window: float | None) -> Rate | None:
    limit = number(told.get(names.limit))
    remaining = number(told.get(names.remaining))
    if limit is not None and limit <= 0:
        return None
    if limit is None and (remaining is None or remaining < 0):
        return None
    return Rate(
        unit=names.unit,
        window=window,
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None or remaining < 0 else int(remaining),
        reset=seconds(told.get(names.reset), now=now),
    )
