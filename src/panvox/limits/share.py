"""The share of limits that one of several processes keeps to, while nobody decides for all of them."""

from __future__ import annotations

import msgspec

from panvox.protocols import Limits, Window


def divided(limits: Limits, by: int) -> Limits:
    """What one of so many processes may do; at least one of everything, and never too often."""
    if by == 1:
        return limits
    return msgspec.structs.replace(
        limits,
        windows=tuple(Window(each.unit, max(1, each.amount // by), each.seconds) for each in limits.windows),
        slots=None if limits.slots is None else max(1, limits.slots // by),
        spacing=limits.spacing * by,
        loaded=None if limits.loaded is None else max(1, limits.loaded // by),
    )
