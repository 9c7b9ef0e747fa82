"""panvox under users who lose patience: one call in ten is cancelled, sooner or later."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from benchmarks.peers.job import Call, Job, Result, work
from benchmarks.peers.ours import opened, settings

CANCELLED = 0.1  # of all calls
LATEST = 20.0  # seconds
AT_ONCE = 500  # questions that are open in one process


@asynccontextmanager
async def doing(job: Job) -> AsyncIterator[Callable[[], Awaitable[Result]]]:
    chance = Random(job.calls[0].question)
    async with opened(settings(job)) as session:
        ends = Counter[str]()
        open_questions = asyncio.Semaphore(AT_ONCE)

        async def one(call: Call) -> None:
            left = chance.uniform(0, LATEST) if chance.random() < CANCELLED else None
            async with open_questions:
                try:
                    async with asyncio.timeout(left):
                        result = await session.ask(call.question, models=[call.name], deadline=job.patience)
                except TimeoutError:
                    ends["cancelled"] += 1
                else:
                    ends.update(result.states)

        async def do() -> Result:
            async with asyncio.TaskGroup() as tasks:
                for call in job.calls:
                    tasks.create_task(one(call))
            return Result(ends.pop("answered", 0), dict(ends))

        yield do


if __name__ == "__main__":
    work(doing)
