"""OpenAI's own client, which tries again by itself, behind semaphores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import openai

from benchmarks.peers.job import Ask, Call, Job, Lines, take_part

RETRIES = 8


@asynccontextmanager
async def asking(job: Job) -> AsyncIterator[Ask]:
    lines = Lines(job)
    async with AsyncExitStack() as stack:
        clients = {
            address: await stack.enter_async_context(
                openai.AsyncOpenAI(base_url=address, api_key="key", max_retries=RETRIES)
            )
            for address in {call.base_url for call in job.calls}
        }

        async def ask(call: Call) -> None:
            async with lines.place(call):
                answer = await clients[call.base_url].chat.completions.create(
                    model=call.model, messages=[{"role": "user", "content": call.question}]
                )
            if not answer.choices[0].message.content:
                raise ValueError("an empty answer")

        yield ask


if __name__ == "__main__":
    take_part(asking)
