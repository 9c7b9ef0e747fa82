"""What a permit costs: alone, and with many before it in the line."""

from __future__ import annotations

import asyncio
import statistics
import time

import uvloop

from benchmarks import pages
from panvox.limits.limiter import MemoryLimiter
from panvox.messages import ReplyBegan
from panvox.protocols import Demand, Limiter, Limits, Scope, Window

SCOPES = (Scope("model", "host/model"), Scope("account", "host/main"), Scope("provider", "host"))
ROOMY = Limits(windows=(Window("requests", 10**9, 60.0), Window("tokens", 10**9, 60.0)), slots=10**6)
NARROW = Limits(slots=10)
DEMAND = Demand(scopes=SCOPES, model="host/model", input_tokens=100, output_tokens=100)


async def alone(limiter: Limiter, permits: int) -> float:
    """Microseconds of CPU of a permit that nobody else waits for: taken, replied to, closed."""
    reply = ReplyBegan()
    began = time.process_time()
    for _ in range(permits):
        permit = limiter.permit(DEMAND)
        await permit.wait()
        permit.replied(reply)
        permit.close()
    return (time.process_time() - began) / permits * 1e6


async def in_line(limiter: Limiter, waiters: int) -> float:
    """Microseconds of CPU of a permit when so many ask at once and hold it for one turn of the loop."""

    async def one() -> None:
        permit = limiter.permit(DEMAND)
        try:
            while await permit.wait() is not None:
                pass
            await asyncio.sleep(0)
        finally:
            permit.close()

    began = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(waiters):
            tasks.create_task(one())
    return (time.process_time() - began) / waiters * 1e6


async def _turns(times: int) -> tuple[float, dict[int, float]]:
    """The medians of so many turns."""
    single = [await alone(MemoryLimiter(lambda _: ROOMY), 20_000) for _ in range(times)]
    lines = {
        waiters: statistics.median(
            [await in_line(MemoryLimiter(lambda _: NARROW), waiters) for _ in range(times)]
        )
        for waiters in (1_000, 10_000)
    }
    return statistics.median(single), lines


def report(times: int = 5) -> str:
    """Two points of the section."""
    single, lines = uvloop.run(_turns(times))
    ratio = lines[10_000] / lines[1_000]
    return "\n".join(
        (
            pages.point(
                f"A permit that nobody waits for, three scopes, two windows each: **{single:.1f} µs** of CPU."
            ),
            pages.point(
                f"A permit with 1,000 in line {lines[1_000]:.0f} µs of CPU, task and all; with 10,000 "
                f"{lines[10_000]:.0f} µs: **{ratio:.2f}** times as much for each."
            ),
        )
    )


if __name__ == "__main__":
    print(report())
