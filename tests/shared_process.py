"""A process of its own that takes permits from a shared server, for tests that need a real peer.

python -m tests.shared_process URL race AMOUNT SECONDS CALLS
python -m tests.shared_process URL hold LEASE
"""

from __future__ import annotations

import asyncio
import sys
import time

from panvox.limits.valkey import ValkeyPool
from panvox.protocols import Demand, Limits, Scope, Window

PROVIDER = Scope("provider", "openai")
DEMAND = Demand(scopes=(PROVIDER,), model="gpt-5")


async def race(pool: ValkeyPool, name: str, calls: int, limits: Limits) -> list[tuple[float, float]]:
    """Make so many calls as early as they are let out: when each was asked for, and when it was granted."""
    spans: list[tuple[float, float]] = []
    for number in range(calls):
        call = f"{name}{number}"
        while True:
            asked = time.monotonic()
            hold = await pool.take(call, DEMAND, {PROVIDER: limits})
            if hold is None:
                break
            await asyncio.sleep(hold.seconds or 0.005)
        spans.append((asked, time.monotonic()))
        pool.replied(call)
        pool.close(call, aborted=False, sent=True)
    return spans


def most_within(seconds: float, spans: list[tuple[float, float]]) -> int:
    """How many were surely let out within `seconds`, whenever within its span each one was."""
    latest_first = sorted(spans, key=lambda span: span[1])
    most = 0
    for asked, _ in spans:
        inside = [span for span in latest_first if span[0] >= asked and span[1] < asked + seconds]
        most = max(most, len(inside))
    return most


async def main(url: str, what: str, *arguments: str) -> None:
    """Write what the parent reads."""
    if what == "race":
        amount, seconds, calls = int(arguments[0]), float(arguments[1]), int(arguments[2])
        async with ValkeyPool(url) as pool:
            say("here")
            limits = Limits(windows=(Window("requests", amount, seconds),))
            for asked, granted in await race(pool, "peer", calls, limits):
                say(f"{asked!r} {granted!r}")
    else:
        async with ValkeyPool(url, lease=float(arguments[0])) as pool:
            await pool.take("held", DEMAND, {PROVIDER: Limits(slots=1)})
            say("held")
            await asyncio.Event().wait()


def say(line: str) -> None:
    """Tell the parent."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
