"""Models that review, in a process of their own.

python -m benchmarks.review_fleet      a plan on standard input, an address on standard output; serves
                                       until its standard input is closed
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
import uvloop

from panvox.simulator import (
    Fleet,
    Latency,
    Limits,
    Stats,
    VirtualModel,
    VirtualProvider,
    Window,
    find_fault,
    simulate,
)

DIALECTS = ("openai", "anthropic", "gemini", "ollama", "responses")
SWIFT = Latency(first_token=0.01, spread=0, slow_share=0, rate=100_000)
CALM = Latency(first_token=0.2, spread=0.5, slow_share=0.05, rate=2_000)
SLOW = Latency(first_token=3.0, spread=0, slow_share=0, rate=400)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """So many models, at providers that speak the dialects in turn, with `context` tokens each.

    With `trouble` some have the faults of `PASSING` or `LASTING`, and providers the limits of `LIMITED`.
    """

    providers: int = 10
    models: int = 30
    context: int = 4_000_000
    trouble: bool = False


PASSING = {
    "host-6": (("unavailable", 2), ("too-sudden", 1), ("reset-mid-stream", 1)),
    "host-7": (("end-without-finish", 1), ("hang-mid-stream", 1), ("close-mid-stream", 1)),
    "host-8": (("no-reply", 1), ("overloaded", 1), ("html-502", 1)),
}
"""Faults of the first models of these providers, and in how many calls they show: too few in a row for a
provider to be left alone for a while."""

LASTING = ("unauthorised", "unknown-model")
"""Faults of the first models of `LASTING_AT`, which can never answer."""

LASTING_AT = "host-4"

LIMITED = {
    "host-0": Limits(requests=(Window(10, 2.0),)),
    "host-2": Limits(concurrency=4),
    "host-3": Limits(concurrency=1),
    "host-5": Limits(tokens=(Window(6_000_000, 2.0),)),
}

TOLD = {
    "host-0": 'requests = "10/2s"',
    "host-2": "slots = 4",
    "host-3": "slots = 1",
    "host-5": 'tokens = "6000000/2s"',
}
"""The same, as settings have it."""


def fleet_of(plan: Plan) -> Fleet:
    """The fleet that a plan describes; some of its models are better than others."""
    return Fleet(tuple(_provider(plan, number) for number in range(plan.providers)))


def _provider(plan: Plan, number: int) -> VirtualProvider:
    name, dialect = f"host-{number}", DIALECTS[number % len(DIALECTS)]
    models = [
        VirtualModel(
            f"m{number}-{model}:latest" if dialect == "ollama" else f"m{number}-{model}",
            accuracy=0.4 + 0.5 * model / plan.models,
            latency=CALM if plan.trouble else SWIFT,
            context=plan.context,
        )
        for model in range(plan.models)
    ]
    limits = LIMITED.get(name, Limits()) if plan.trouble else Limits()
    if plan.trouble:
        troubled = _troubled(name, models)
        models[: len(troubled)] = troubled
    return VirtualProvider(name, dialect=dialect, models=tuple(models), limits=limits)


def _troubled(provider: str, models: list[VirtualModel]) -> list[VirtualModel]:
    """The first of these models with what goes wrong at this provider."""
    if provider == LASTING_AT:
        return [
            replace(model, fault=find_fault(fault)) for model, fault in zip(models, LASTING, strict=False)
        ]
    if provider not in PASSING:
        return [replace(models[0], latency=SLOW)]
    return [
        replace(model, fault=find_fault(fault), faulty=times)
        for model, (fault, times) in zip(models, PASSING[provider], strict=False)
    ]


@dataclass(frozen=True)
class Served:
    """A fleet that is being served by the process `pid`."""

    url: str
    pid: int

    def pause(self) -> None:
        """Let it read nothing, until it is resumed: what is sent stays with the sender."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stats(self) -> Stats:
        """What it has counted."""
        with urllib.request.urlopen(f"{self.url}/stats") as reply:
            return msgspec.json.decode(reply.read(), type=Stats)


@contextmanager
def served(plan: Plan) -> Iterator[Served]:
    """Serve the plan, in another process, while inside."""
    command = [sys.executable, "-m", "benchmarks.review_fleet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            process.stdin.write(f"{msgspec.json.encode(plan).decode()}\n")
            process.stdin.flush()
            yield Served(process.stdout.readline().strip(), process.pid)
        finally:
            process.send_signal(signal.SIGCONT)
            process.stdin.close()


async def serve() -> None:
    """Serve the plan on standard input until that is closed."""
    plan = msgspec.json.decode(await asyncio.to_thread(sys.stdin.readline), type=Plan)
    async with simulate(fleet_of(plan)) as simulator:
        print(simulator.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
