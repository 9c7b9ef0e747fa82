"""Until when an answer is of use: set by whoever asks, read by whoever decides whether waiting is worth it.

A deadline belongs to the caller, and is enforced there. What waits on purpose, for a limit or before another
attempt, only needs to know it, however many models lie between; so it is a property of the task.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

_until: ContextVar[float] = ContextVar("panvox deadline", default=float("inf"))


def narrow(seconds: float | None) -> None:
    """From now on, in this task and those that it starts, nothing is of use after so many seconds."""
    if seconds is not None:
        _until.set(min(_until.get(), asyncio.get_running_loop().time() + seconds))


def remaining() -> float:
    """Seconds until an answer is of no use any more; infinite without a deadline."""
    until = _until.get()
    return until - asyncio.get_running_loop().time() if until != float("inf") else until
