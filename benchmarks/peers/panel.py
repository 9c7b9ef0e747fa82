"""panvox as it is meant to be asked: one prompt to all models of the job at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.peers.job import Job, Result, work
from benchmarks.peers.ours import opened, settings


@asynccontextmanager
async def doing(job: Job) -> AsyncIterator[Callable[[], Awaitable[Result]]]:
    async with opened(settings(job)) as session:

        async def do() -> Result:
            names = [call.name for call in job.calls]
            result = await session.ask(job.calls[0].question, models=names, deadline=job.patience)
            states = Counter(result.states)
            return Result(states.pop("answered", 0), dict(states))

        yield do


if __name__ == "__main__":
    work(doing)
