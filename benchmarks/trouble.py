"""What is lost when providers refuse, are dead, or are out for a while; asked by the door for everybody.

python -m benchmarks.trouble     prints its points of the section
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

import panvox
from benchmarks import contest, pages
from benchmarks.limited_fleet import FREE, Host, Plan, Planned, job_of, served
from benchmarks.peers.job import Allowed, Call, Job
from benchmarks.peers.ours import opened, settings
from panvox.messages import Outcome
from panvox.simulator import Tells

WEIGHTS = "llama-3.3-70b-instruct"
ALONE = "\n[fallback]\nenabled = false\n"
HOUR = 3_600.0
TRAFFIC = 60.0  # seconds
OUT = (15.0, 40.0)  # seconds
PACE = 0.2  # seconds between two questions to a provider


def told(job: Job) -> str:
    """The settings of a job whose limits nobody tells."""
    return settings(replace(job, learn=True))


async def asked(session: panvox.Session, name: str, question: str, deadline: float = 60.0) -> Outcome:
    result = await session.ask(question, models=[name], deadline=deadline)
    return result.outcomes[0]


# --- another host of the same weights --------------------------------------------------------------


async def after_refusal() -> tuple[float, bool]:
    """Seconds until another host has answered, after a refusal for an hour; whether one did."""
    hosts = tuple(
        Host(name=name, allowed=allowed, models=(Planned(name=WEIGHTS, calls=1, latency=0.0),))
        for name, allowed in (("strict", Allowed(1, HOUR, None)), ("open", FREE))
    )
    with served(Plan(hosts=hosts, clock=1, tells=Tells.WAITS)) as fleet:
        async with opened(told(job_of(Plan(hosts=hosts, clock=1), fleet.url, patience=60))) as session:
            await asked(session, f"strict/{WEIGHTS}", "What is 1 * 7?")
            began = time.perf_counter()
            outcome = await asked(session, f"strict/{WEIGHTS}", "What is 2 * 7?")
            return time.perf_counter() - began, outcome.answered


async def all_dead(providers: int = 5) -> tuple[float, int]:
    """Seconds until a chain is given up at whose addresses nobody listens; the calls that were tried."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    calls = tuple(Call(f"dead-{n}", address, WEIGHTS, "What is 1 * 7?") for n in range(providers))
    async with opened(settings(Job(calls, {}, {}, patience=60))) as session:
        began = time.perf_counter()
        outcome = await asked(session, f"dead-0/{WEIGHTS}", "What is 1 * 7?")
        return time.perf_counter() - began, len(outcome.attempts)


# --- an outage -------------------------------------------------------------------------------------


@dataclass
class Traffic:
    """What came of the questions to one provider."""

    calls: int = 0
    states: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)


async def outage() -> tuple[dict[str, Traffic], dict[str, int]]:
    """A minute of questions to two providers, of which one is out for a while; the requests that each got."""
    hosts = tuple(
        Host(name=name, allowed=FREE, models=(Planned(name="m", calls=1, latency=0.2),))
        for name in ("shaky", "steady")
    )
    plan = Plan(hosts=hosts, clock=1, outages=(f"shaky:{OUT[0]:g}-{OUT[1]:g}",))
    traffic = {host.name: Traffic() for host in hosts}
    with served(plan) as fleet:
        async with (
            opened(told(job_of(plan, fleet.url, patience=60)) + ALONE) as session,
            asyncio.TaskGroup() as tasks,
        ):
            began = time.perf_counter()

            async def one(name: str, number: int) -> None:
                mine, start = traffic[name], time.perf_counter()
                mine.calls += 1
                outcome = await asked(session, f"{name}/m", f"What is {number} * 7?", deadline=20)
                mine.states[outcome.state] += 1
                if outcome.answered:
                    mine.seconds.append(time.perf_counter() - start)
                    mine.answered_at.append(time.perf_counter() - began)

            for number in range(round(TRAFFIC / PACE)):
                for name in traffic:
                    tasks.create_task(one(name, number))
                await asyncio.sleep(PACE)
        stats = fleet.stats()
    return traffic, {name: tally.requests for name, tally in stats.providers.items()}


# --- when to come back -----------------------------------------------------------------------------


async def precision(providers: int = 5) -> list[float]:
    """Seconds from the time that each provider named to the next attempt; below 0 is too soon."""
    hosts = tuple(
        Host(name=f"p{n}", allowed=Allowed(1, 2.0, None), models=(Planned(name="m", calls=1, latency=0.0),))
        for n in range(providers)
    )
    late = []
    with served(Plan(hosts=hosts, clock=1, tells=Tells.WAITS)) as fleet:
        job = job_of(Plan(hosts=hosts, clock=1), fleet.url, patience=60)
        async with opened(told(job) + ALONE) as session:
            for host in hosts:
                await asked(session, f"{host.name}/m", "What is 1 * 7?")
                first, *others = (await asked(session, f"{host.name}/m", "What is 2 * 7?")).attempts
                if others and first.wait is not None:
                    late.append(others[0].started - first.started - first.duration - first.wait)
    return late


# --- the report ------------------------------------------------------------------------------------


def of_outage(traffic: dict[str, Traffic], requests: dict[str, int]) -> str:
    """A point of the section."""
    shaky, steady = traffic["shaky"], traffic["steady"]
    recovery = min((at for at in shaky.answered_at if at > OUT[1]), default=float("inf")) - OUT[1]
    slowest = max(steady.seconds, default=float("inf")) / statistics.median(steady.seconds or [1.0])
    return pages.point(
        f"One of two providers out for {OUT[1] - OUT[0]:.0f} s of {TRAFFIC:.0f}, {1 / PACE:.0f} questions a "
        f"second to each: **{requests['shaky'] / shaky.calls:.2f}** requests a question to it; the other "
        f"answered {steady.states['answered']} of {steady.calls}, the slowest in {slowest:.1f} times its "
        f"median; the first answer after the outage came {recovery:.1f} s behind its end."
    )


async def _report() -> str:
    refusal, stood_in = await after_refusal()
    dead, tried = await all_dead()
    late = await precision()
    traffic, requests = await outage()
    spread = f"{min(late) * 1000:.0f} to {max(late) * 1000:.0f} ms" if late else "no second attempt"
    end = "answered" if stood_in else "did not answer"
    return "\n".join(
        (
            pages.point(
                f"After a refusal that says to come back in an hour, another host {end}: **{refusal:.2f} s**."
            ),
            pages.point(
                f"Five dead hosts of the same weights are given up in **{dead:.2f} s**, {tried} tried."
            ),
            pages.point(f"The next attempt came **{spread}** after the time that the provider had named."),
            of_outage(traffic, requests),
        )
    )


def report() -> str:
    """The points of the section, from a process that finds nobody's settings, keys or learnt limits."""
    with tempfile.TemporaryDirectory() as home:
        command = contest.ours("benchmarks.trouble", home=Path(home))
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(uvloop.run(_report()))
