"""The same loop with a token bucket of aiolimiter for each limit of requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiolimiter import AsyncLimiter

from benchmarks.peers.by_hand import answered
from benchmarks.peers.job import Allowed, Ask, Call, Job, Lines, take_part


def buckets(scopes: dict[str, Allowed]) -> dict[str, AsyncLimiter]:
    return {
        name: AsyncLimiter(scope.requests, scope.seconds) for name, scope in scopes.items() if scope.requests
    }


@asynccontextmanager
async def asking(job: Job) -> AsyncIterator[Ask]:
    lines, providers, models = Lines(job), buckets(job.providers), buckets(job.models)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(call: Call) -> None:
            async with lines.place(call):
                if call.name in models:
                    await models[call.name].acquire()
                if call.provider in providers:
                    await providers[call.provider].acquire()
                await answered(session, call, clock=job.clock)

        yield ask


if __name__ == "__main__":
    take_part(asking)
