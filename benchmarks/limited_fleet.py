"""Providers with limits, in a process of their own, and the time that a job takes at least.

    python -m benchmarks.limited_fleet     a plan on standard input, an address on standard output; serves
                                           until its standard input is closed

All times of a plan are those of a usual clock; it runs `clock` times faster.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import uvloop

from benchmarks import contest
from benchmarks.peers.job import Allowed, Call, Job
from panvox.simulator import (
    Fleet,
    Latency,
    Limits,
    Stats,
    Tells,
    VirtualModel,
    VirtualProvider,
    Window,
    simulate,
    with_outages,
)

MINUTE = 60.0
FREE = Allowed(None, MINUTE, None)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is asked so many times, and answers after so many seconds."""

    name: str
    calls: int
    latency: float = 1.0
    allowed: Allowed = FREE


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A provider and what it allows."""

    name: str
    allowed: Allowed
    models: tuple[Planned, ...]
    dialect: str = "openai"

    @property
    def calls(self) -> int:
        return sum(model.calls for model in self.models)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A fleet and what is asked of it; `outages` as `panvox simulate --outage` has them, in true seconds."""

    hosts: tuple[Host, ...]
    clock: float = 10.0
    tells: Tells = Tells.ALL
    refused_count: bool = False
    outages: tuple[str, ...] = ()


# --- the time that it takes at least ---------------------------------------------------------------


def starts(calls: int, allowed: Allowed, *, latency: float) -> list[float]:
    """When each of so many calls can start at the earliest.

    Call i starts when call i - n, for n requests a window, is a window old, and when call i - s, for s slots,
    has ended. No schedule does better: all calls are alike, so one that comes later cannot start sooner.
    """
    times: list[float] = []
    for index in range(calls):
        earliest = times[-1] if times else 0.0
        if allowed.requests and index >= allowed.requests:
            earliest = max(earliest, times[index - allowed.requests] + allowed.seconds)
        if allowed.slots and index >= allowed.slots:
            earliest = max(earliest, times[index - allowed.slots] + latency)
        times.append(earliest)
    return times


def minimum(plan: Plan) -> float:
    """Seconds that all calls of the plan take at least, by its own clock: what its slowest scope takes.

    Each scope is looked at as if it were alone, with the shortest of its latencies.
    """
    least = 0.0
    for host in plan.hosts:
        scopes = [(host.calls, host.allowed, min(model.latency for model in host.models))]
        scopes += [(model.calls, model.allowed, model.latency) for model in host.models]
        least = max(least, *(starts(n, a, latency=s)[-1] + s for n, a, s in scopes if n))
    return least / plan.clock


# --- a plan as a job and as a fleet ----------------------------------------------------------------


def scaled(allowed: Allowed, clock: float) -> Allowed:
    return replace(allowed, seconds=allowed.seconds / clock)


def job_of(plan: Plan, url: str, *, patience: float, first: int = 0) -> Job:
    """The calls of a plan, its models taking turns; their questions are numbered from `first`."""
    calls: list[Call] = []
    fleet = fleet_of(plan)
    for host in plan.hosts:
        address = url + fleet.provider(host.name).path
        left = {model.name: model.calls for model in host.models}
        while any(left.values()):
            for name in [name for name, count in left.items() if count]:
                left[name] -= 1
                question = f"What is {first + len(calls)} * 7?"
                calls.append(Call(host.name, address, name, question, _spoken(fleet, host)))
    models = {
        f"{host.name}/{model.name}": scaled(model.allowed, plan.clock)
        for host in plan.hosts
        for model in host.models
        if model.allowed != FREE
    }
    providers = {host.name: scaled(host.allowed, plan.clock) for host in plan.hosts}
    return Job(tuple(calls), providers, models, patience=patience, clock=plan.clock)


def _spoken(fleet: Fleet, host: Host) -> str:
    """The word of the settings for what a provider speaks."""
    return fleet.provider(host.name).spelling.dialect


def shares(job: Job, processes: int) -> tuple[Job, ...]:
    """The job for several processes: every so many calls for each."""
    return tuple(replace(job, calls=job.calls[place::processes]) for place in range(processes))


def limits_of(allowed: Allowed, plan: Plan) -> Limits:
    window = (Window(allowed.requests, allowed.seconds / plan.clock),) if allowed.requests else ()
    return Limits(requests=window, concurrency=allowed.slots, refused_count=plan.refused_count)


def fleet_of(plan: Plan) -> Fleet:
    providers = tuple(
        VirtualProvider(
            host.name,
            dialect=host.dialect,
            limits=limits_of(host.allowed, plan),
            tells=plan.tells,
            models=tuple(
                VirtualModel(
                    model.name,
                    latency=Latency(first_token=model.latency, spread=0, slow_share=0, rate=1e6),
                    limits=limits_of(model.allowed, plan),
                )
                for model in host.models
            ),
        )
        for host in plan.hosts
    )
    return with_outages(Fleet(providers), plan.outages)


# --- the fleet in a process of its own -------------------------------------------------------------


@dataclass(frozen=True)
class Served:
    """A fleet that is being served."""

    url: str

    def stats(self) -> Stats:
        return msgspec.json.decode(self._get("/stats"), type=Stats)

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path) as reply:
            body: bytes = reply.read()
        return body


@contextmanager
def served(plan: Plan) -> Iterator[Served]:
    """Serve the plan while inside."""
    command = contest.ours("benchmarks.limited_fleet", home=Path("/nowhere"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            process.stdin.write(f"{msgspec.json.encode(plan).decode()}\n")
            process.stdin.flush()
            yield Served(process.stdout.readline().strip())
        finally:
            process.stdin.close()


async def serve() -> None:
    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    async with simulate(fleet_of(plan), speed=plan.clock) as simulator:
        print(simulator.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
