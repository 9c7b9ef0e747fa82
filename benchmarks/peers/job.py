"""What a contestant is given, and what it tells: lines of JSON, so that any Python can take part.

in   the job, in one line
out  ready
in   go
out  the result, in one line
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Allowed:
    """So many requests within any `seconds` seconds, and so many at once; None is as many as one likes."""

    requests: int | None
    seconds: float
    slots: int | None


@dataclass(frozen=True)
class Call:
    """One question to a model, whose provider is at `base_url`."""

    provider: str
    base_url: str
    model: str
    question: str
    dialect: str = "openai"

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True)
class Job:
    """All calls, the limits of providers and of models (`provider/model`), and the seconds that all may take.

    `clock` is how much faster than usual time runs, for pauses that a contestant chooses itself; `shared` the
    address of a Valkey server for those who share limits with others; `learn` says that no limit is told.
    """

    calls: tuple[Call, ...]
    providers: dict[str, Allowed]
    models: dict[str, Allowed]
    patience: float
    clock: float = 1.0
    shared: str = ""
    learn: bool = False

    def encoded(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def decoded(cls, text: str) -> Job:
        told = json.loads(text)
        told["calls"] = tuple(Call(**call) for call in told["calls"])
        for scope in ("providers", "models"):
            told[scope] = {name: Allowed(**allowed) for name, allowed in told[scope].items()}
        return cls(**told)


@dataclass(frozen=True)
class Result:
    """How many calls were answered, and how many were not, by the name of what was raised."""

    answered: int
    failed: dict[str, int]


Ask = Callable[[Call], Awaitable[None]]
"""Make one call; whatever is raised means that there was no answer."""
Asking = Callable[[Job], AbstractAsyncContextManager[Ask]]
"""A contestant: everything that can be done before the clock starts is done on entering."""
Doing = Callable[[Job], AbstractAsyncContextManager[Callable[[], Awaitable[Result]]]]
"""One that does the job as a whole."""


def take_part(asking: Asking) -> None:
    """Make all the calls of the job on standard input, each as soon as the contestant lets it out."""

    @asynccontextmanager
    async def doing(job: Job) -> AsyncIterator[Callable[[], Awaitable[Result]]]:
        async with asking(job) as ask:
            yield lambda: done(job, ask)

    work(doing)


def work(doing: Doing) -> None:
    """Do the job on standard input."""
    asyncio.run(_work(doing))


async def _work(doing: Doing) -> None:
    loop = asyncio.get_running_loop()
    async with doing(Job.decoded(sys.stdin.readline())) as do:
        # On a clock that runs faster, a full collection of what was imported would weigh so much more.
        gc.collect()
        gc.freeze()
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        print(json.dumps(asdict(await do())), flush=True)


async def done(job: Job, ask: Ask) -> Result:
    """All calls of the job at once, as far as the contestant lets them out."""
    failed = Counter[str]()
    until = asyncio.get_running_loop().time() + job.patience

    async def one(call: Call) -> None:
        try:
            async with asyncio.timeout_at(until):
                await ask(call)
        except Exception as error:  # noqa: BLE001 - what a contestant raises is its answer
            failed[type(error).__name__] += 1

    async with asyncio.TaskGroup() as tasks:
        for call in job.calls:
            tasks.create_task(one(call))
    return Result(len(job.calls) - failed.total(), dict(failed))


class Lines:
    """How many calls of a provider and of a model may be on their way: what people write with semaphores."""

    def __init__(self, job: Job) -> None:
        self._providers = _semaphores(job.providers)
        self._models = _semaphores(job.models)

    @asynccontextmanager
    async def place(self, call: Call) -> AsyncIterator[None]:
        """A place in both; that of the model first, since it is the narrower one."""
        async with AsyncExitStack() as stack:
            for lines, name in ((self._models, call.name), (self._providers, call.provider)):
                if name in lines:
                    await stack.enter_async_context(lines[name])
            yield


def _semaphores(scopes: dict[str, Allowed]) -> dict[str, asyncio.Semaphore]:
    return {name: asyncio.Semaphore(scope.slots) for name, scope in scopes.items() if scope.slots}
