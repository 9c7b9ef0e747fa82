"""A loop as people write it by hand: semaphores, aiohttp, and another attempt after a pause that doubles."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.peers.job import Ask, Call, Job, Lines, take_part

ATTEMPTS = 8
PASSING = {429, 500, 502, 503, 529}


async def answered(session: aiohttp.ClientSession, call: Call, *, clock: float) -> None:
    """Ask until there is an answer; `Retry-After` is heeded where it is told."""
    body = {"model": call.model, "messages": [{"role": "user", "content": call.question}]}
    for attempt in range(ATTEMPTS):
        async with session.post(f"{call.base_url}/chat/completions", json=body) as reply:
            if reply.status not in PASSING:
                reply.raise_for_status()
                told = await reply.json()
                if not told["choices"][0]["message"]["content"]:
                    raise ValueError("an empty answer")
                return
            usual = 2**attempt * (1 + random.random()) / clock
            pause = max(usual, float(reply.headers.get("retry-after-ms", 0)) / 1000)
        await asyncio.sleep(pause)
    raise RuntimeError(f"{ATTEMPTS} attempts failed")


@asynccontextmanager
async def asking(job: Job) -> AsyncIterator[Ask]:
    lines = Lines(job)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(call: Call) -> None:
            async with lines.place(call):
                await answered(session, call, clock=job.clock)

        yield ask


if __name__ == "__main__":
    take_part(asking)
