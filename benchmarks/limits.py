"""How near callers come to the limits of providers, and how often they pass them: panvox and others.

    python -m benchmarks.limits                         the whole, some half an hour
    python -m benchmarks.limits --quick                 each contestant once
    python -m benchmarks.limits --fifteen --runs 20     fifteen models and a prompt of 338 lines, twenty times
    python -m benchmarks.limits --write BENCHMARKS.md   and write the section there

A contestant is a process with a job: three hundred calls to three providers, and what they allow. The
providers are a process of their own; they enforce their limits and count what they refuse.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from benchmarks import fifteen, pages, permits, trouble
from benchmarks.contest import OTHERS, OURS, PEERS, Contestant, NotInstalled, raced, valkey
from benchmarks.limited_fleet import MINUTE, Host, Plan, Planned, job_of, minimum, served, shares
from benchmarks.peers.job import Allowed
from panvox.simulator import Stats, Tells

NAME = "limits"
PATIENCE = 8  # times the minimum, after which a call counts as failed

PLAN = Plan(
    hosts=(
        Host(name="wide", allowed=Allowed(500, 60.0, 10), models=(Planned(name="oak", calls=100),)),
        Host(
            name="middle",
            allowed=Allowed(60, 60.0, 5),
            models=(Planned(name="elm", calls=75), Planned(name="ash", calls=75)),
        ),
        Host(
            name="narrow",
            allowed=Allowed(20, 60.0, 3),
            models=(
                Planned(name="fir", calls=40),
                Planned(name="single", calls=10, allowed=Allowed(4, 60.0, 1)),
            ),
        ),
    )
)
"""Three hundred calls. Each answer takes a second of the usual clock; no model stands in for another."""


@dataclass(frozen=True)
class Row:
    """One race: the time as a share of the minimum, what was answered, what the providers counted."""

    ratio: float
    answered: int
    calls: int
    stats: Stats

    @property
    def violations(self) -> int:
        return self.stats.violations

    @property
    def requests(self) -> int:
        return self.stats.total.requests

    def refused_by(self) -> str:
        """Refusals of each provider that refused any."""
        told = {name: sum(tally.violations.values()) for name, tally in self.stats.providers.items()}
        return ", ".join(f"{name} {count}" for name, count in told.items() if count) or "none"


def race(
    contestant: Contestant,
    plan: Plan,
    *,
    peers: Path = PEERS,
    home: Path | None = None,
    processes: int = 1,
    learn: bool = False,
    patience: float | None = None,
) -> Row:
    """One race over a fleet that starts anew; several processes share a Valkey. Raises `NotInstalled`."""
    least = minimum(plan)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(plan) as fleet,
        valkey() if processes > 1 else nullcontext("") as shared,
    ):
        job = replace(
            job_of(plan, fleet.url, patience=patience or PATIENCE * least), learn=learn, shared=shared
        )
        told = raced(contestant, shares(job, processes), home=home or Path(folder), peers=peers)
        return Row(told.seconds / least, told.answered, len(job.calls), fleet.stats())


# --- the tables ------------------------------------------------------------------------------------


def line(title: str, rows: Sequence[Row]) -> str:
    """A line of the table: the median of the races, and the worst of what may not happen."""
    ratio = statistics.median(row.ratio for row in rows)
    answered = min(row.answered / row.calls for row in rows)
    violations = max(row.violations for row in rows)
    requests = statistics.median(row.requests / row.calls for row in rows)
    strong = "**" if title.startswith("panvox") else ""
    return (
        f"| {title} | {strong}{ratio:.2f}{strong} | {answered:.1%} | {strong}{violations:,}{strong} "
        f"| {requests:.2f} |"
    )


def lines(plan: Plan, *, times: int, peers: Path) -> list[str]:
    """All contestants, one after the other, so that none takes the machine from another."""
    found = []
    for contestant in (OURS, *OTHERS):
        try:
            rows = [race(contestant, plan, peers=peers) for _ in range(times)]
        except NotInstalled:
            found.append(f"| {contestant.title} | not installed | | | |")
            continue
        found.append(line(contestant.title, rows))
        print(f"  {found[-1]}", file=sys.stderr)
    rows = [race(OURS, plan, processes=2) for _ in range(times)]
    found.insert(1, line("panvox, two processes on one Valkey", rows))
    print(f"  {found[1]}", file=sys.stderr)
    return found


HEAD = (
    "| contestant | time, of the minimum | answered | violations | requests a call |",
    "|---|---|---|---|---|",
)


def learnt(*, headers: bool) -> list[str]:
    """The same fleet with limits that panvox is not told; a second run knows what the first has learnt.

    `headers`: also with providers that tell all in headers, which takes five minutes.
    """
    found = []
    for tells in (*((Tells.ALL,) if headers else ()), Tells.WAITS, Tells.NOTHING):
        with tempfile.TemporaryDirectory() as folder:
            # Headers tell how many, and a minute is what they mean.
            clock = 1.0 if tells is Tells.ALL else PLAN.clock
            plan = msgspec.structs.replace(PLAN, tells=tells, clock=clock)
            runs = [race(OURS, plan, home=Path(folder), learn=True)]
            time.sleep(MINUTE / plan.clock)  # noqa: TID251 - else the second waits for what the first used
            runs.append(race(OURS, plan, home=Path(folder), learn=True))
        first, second = (
            f"refused {run.refused_by()}, {run.answered / run.calls:.1%} answered, {run.ratio:.2f} of the "
            "minimum"
            for run in runs
        )
        found.append(
            pages.point(f"Limits unknown, providers that tell {tells}: at first {first}; then {second}.")
        )
    return found


# --- the report ------------------------------------------------------------------------------------


CAVEATS = """
Caveats first. Providers are simulated, on the same {cores} cores as the callers. Their clock runs ten times
faster: a minute's window lasts six seconds, an answer takes a tenth of a second; CPU time and the pauses that
others have built in take no part in that, and weigh ten times as much. (It is the usual clock where headers
tell limits that nobody was told before: their window is a minute.) Windows slide, which is the strictest
reading of a limit; real providers forgive some of what counts as a violation here. All contestants know the
same limits, as far as they have a place for them: LiteLLM's windows last a minute and cannot be shorter, so
it is told the rate. Much of the others' time goes to the model that takes one call at a time: behind
semaphores its calls queue anew with each turn. Refusals tell when to come back, to the millisecond; calls
that are not answered within {patience} times the minimum have failed.
"""

FORMULA = """
Three providers allow 500, 60 and 20 requests a minute and 10, 5 and 3 at once; one model of the last takes
one call at a time and four a minute. They get 100, 150 and 50 calls, of which ten to that model. In each
scope with n requests a window of T seconds, s slots and answers that take L, call i can start
at `max(t(i-n) + T, t(i-s) + L)` at the earliest; the minimum is the largest `t(last) + L` of all scopes:
{usual:.0f} s, here {here:.1f} s.
"""


def caveats() -> str:
    parts = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "msgspec"))
    machine = f"Python {platform.python_version()}, {parts}, {platform.system()} {platform.machine()}"
    cores = len(os.sched_getaffinity(0))
    return f"{pages.filled(CAVEATS.format(cores=cores, patience=PATIENCE))}\n\n{machine}."


def formula() -> str:
    least = minimum(PLAN)
    return pages.filled(FORMULA.format(usual=least * PLAN.clock, here=least))


def report(*, times: int, runs: int, headers: bool, peers: Path) -> str:
    """The whole section of BENCHMARKS.md."""
    strict = msgspec.structs.replace(PLAN, refused_count=True)
    return "\n".join(
        [
            caveats(),
            "",
            formula(),
            "",
            "Providers whose windows hold what they let in:",
            "",
            *HEAD,
            *lines(PLAN, times=times, peers=peers),
            "",
            "Providers that count refused calls as well:",
            "",
            *HEAD,
            *lines(strict, times=times, peers=peers),
            "",
            *learnt(headers=headers),
            fifteen.report(runs),
            trouble.report(),
            permits.report(),
        ]
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round, and none at the usual clock")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--peers", type=Path, default=PEERS, help="the Python that has the others installed")
    parser.add_argument("--fifteen", action="store_true", help="only the fifteen models")
    parser.add_argument("--runs", type=int, default=20, metavar="COUNT", help="runs of the fifteen models")
    options = parser.parse_args()
    if options.fifteen:
        print(fifteen.report(options.runs))
        return
    section = report(
        times=1 if options.quick else 3, runs=options.runs, headers=not options.quick, peers=options.peers
    )
    print(section)
    if options.write:
        pages.write(options.write, NAME, section)


if __name__ == "__main__":
    main()
