"""Many calls from several processes, of which some are cancelled, to providers that go away now and then.

    python -m benchmarks.soak                 20,000 calls, five minutes at most
    python -m benchmarks.soak --calls 2000    fewer

Ends with 1 unless nothing was refused and every call has one end: what the processes booked is what they were
asked for, and what the providers let in is what was answered, broken off or cancelled on its way.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contest import Contestant, raced, valkey
from benchmarks.limited_fleet import Host, Plan, Planned, job_of, served, shares
from benchmarks.peers.job import Allowed
from panvox.simulator import Stats

CALLS = 20_000
SECONDS = 300.0
PROCESSES = 3
RESTARTS = tuple(
    f"{name}:{start}-{start + 1}:gone" for name, start in (("oak", 20), ("elm", 45), ("oak", 90))
)
SOAKING = Contestant("panvox", "soaking", ours=True)


def plan(calls: int) -> Plan:
    """Half of the calls for a wide provider, the rest for two narrow ones; it would take half of the time."""
    rate = calls / SECONDS * 2
    return Plan(
        hosts=tuple(
            Host(
                name=name,
                allowed=Allowed(max(1, round(rate * share * 6)), 6.0, slots),
                models=tuple(
                    Planned(name=f"m{n}", calls=round(calls * share / 4), latency=0.05) for n in range(4)
                ),
            )
            for name, share, slots in (("oak", 0.5, 40), ("elm", 0.3, 20), ("ash", 0.2, 10))
        ),
        clock=1.0,
        outages=RESTARTS,
    )


@dataclass(frozen=True)
class Soaked:
    """What became of all calls, and what the providers counted."""

    asked: int
    answered: int
    ended: Counter[str]
    stats: Stats
    seconds: float

    def complaints(self) -> list[str]:
        """What should not be; empty if all is well."""
        total = self.stats.total
        found = []
        if self.stats.violations:
            found.append(f"{self.stats.violations:,} violations: {total.violations}")
        if self.answered + self.ended.total() != self.asked:
            found.append(f"{self.asked:,} calls, but {self.answered + self.ended.total():,} ends")
        if total.in_flight:
            found.append(f"{total.in_flight:,} calls are still in flight")
        if total.answered < self.answered:
            found.append(f"{self.answered:,} answers were booked, but {total.answered:,} given")
        return found

    def __str__(self) -> str:
        told = ", ".join(f"{count:,} {state}" for state, count in sorted(self.ended.items()))
        return (
            f"{self.asked:,} calls in {self.seconds:.0f} s from {PROCESSES} processes: {self.answered:,} "
            f"answered, {told or 'none otherwise'}; {self.stats.total.requests:,} requests, "
            f"{self.stats.violations:,} refused."
        )


def soak(calls: int) -> Soaked:
    """All calls, once."""
    with tempfile.TemporaryDirectory() as home, served(plan(calls)) as fleet, valkey() as shared:
        job = replace(job_of(plan(calls), fleet.url, patience=SECONDS), shared=shared)
        told = raced(SOAKING, shares(job, PROCESSES), home=Path(home))
        return Soaked(len(job.calls), told.answered, told.failed, fleet.stats(), told.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=CALLS)
    soaked = soak(parser.parse_args().calls)
    print(soaked)
    complaints = soaked.complaints()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
