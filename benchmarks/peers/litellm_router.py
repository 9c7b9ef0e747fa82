"""LiteLLM's Router, told the limits of each model as it knows them, behind semaphores for the providers.

Its windows last a minute and cannot be shorter: it is told the requests a minute that come to the same rate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litellm import Router

from benchmarks.peers.job import Ask, Call, Job, Lines, take_part

RETRIES = 8


def deployment(job: Job, call: Call) -> dict[str, object]:
    scope = job.models.get(call.name) or job.providers.get(call.provider)
    told: dict[str, object] = {"model": f"openai/{call.model}", "api_base": call.base_url, "api_key": "key"}
    if scope is not None and scope.requests:
        told["rpm"] = round(scope.requests * 60 / scope.seconds)
    if scope is not None and scope.slots:
        told["max_parallel_requests"] = scope.slots
    return {"model_name": call.name, "litellm_params": told}


@asynccontextmanager
async def asking(job: Job) -> AsyncIterator[Ask]:
    lines = Lines(job)
    deployments = {call.name: deployment(job, call) for call in job.calls}
    router = Router(model_list=list(deployments.values()), num_retries=RETRIES, disable_cooldowns=True)

    async def ask(call: Call) -> None:
        async with lines.place(call):
            answer = await router.acompletion(
                model=call.name, messages=[{"role": "user", "content": call.question}]
            )
        if not answer.choices[0].message.content:
            raise ValueError("an empty answer")

    yield ask


if __name__ == "__main__":
    take_part(asking)
