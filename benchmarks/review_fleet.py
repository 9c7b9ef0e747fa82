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
from dataclasses import dataclass

import msgspec
import uvloop

from panvox.simulator import Fleet, Latency, Limits, Stats, VirtualModel, VirtualProvider, faulty, simulate

DIALECTS = ("openai", "anthropic", "gemini", "ollama", "responses")
SWIFT = Latency(first_token=0.01, spread=0, slow_share=0, rate=100_000)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """So many models, at providers that speak the `dialects` in turn, with `context` tokens each.

    `faults` are as `panvox simulate --fault` has them. `one_slot` gives the last provider a single slot.
    """

    providers: int = 10
    models: int = 30
    dialects: tuple[str, ...] = DIALECTS
    context: int = 4_000_000
    faults: tuple[str, ...] = ()
    one_slot: bool = False


def fleet_of(plan: Plan) -> Fleet:
    """The fleet that a plan describes; some of its models are better than others."""
    providers = tuple(
        VirtualProvider(
            f"host-{number}",
            dialect=(dialect := plan.dialects[number % len(plan.dialects)]),
            limits=Limits(concurrency=1) if plan.one_slot and number == plan.providers - 1 else Limits(),
            models=tuple(
                VirtualModel(
                    _name(dialect, f"m{number}-{model}"),
                    accuracy=0.4 + 0.5 * model / plan.models,
                    latency=SWIFT,
                    context=plan.context,
                )
                for model in range(plan.models)
            ),
        )
        for number in range(plan.providers)
    )
    return faulty(Fleet(providers), plan.faults)


def _name(dialect: str, name: str) -> str:
    return f"{name}:latest" if dialect == "ollama" else name


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
