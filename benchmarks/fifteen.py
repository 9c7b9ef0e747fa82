"""Fifteen models of three providers, a file of 338 lines as the prompt, and one model that takes a minute.

python -m benchmarks.limits --fifteen --runs 20
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import pages
from benchmarks.contest import Contestant, raced
from benchmarks.limited_fleet import Host, Plan, Planned, job_of, minimum, served
from benchmarks.peers.job import Allowed

LINES = 338
SLOWEST = 61.0  # seconds, alone
CEILING = 120.0  # seconds
PANEL = Contestant("panvox", "panel", ours=True)

FIFTEEN = Plan(
    hosts=(
        Host(
            name="openai",
            allowed=Allowed(500, 60.0, 10),
            models=tuple(Planned(name=f"wide-{n}", calls=1, latency=2.0 + n) for n in range(5)),
        ),
        Host(
            name="gemini",
            dialect="gemini",
            allowed=Allowed(60, 60.0, 5),
            models=tuple(Planned(name=f"middle-{n}", calls=1, latency=3.0 + n) for n in range(5)),
        ),
        Host(
            name="openrouter",
            dialect="openrouter",
            allowed=Allowed(20, 60.0, 3),
            models=(
                Planned(name="narrow-0", calls=1, latency=4.0),
                Planned(name="narrow-1", calls=1, latency=5.0),
                Planned(name="alone", calls=1, latency=SLOWEST, allowed=Allowed(4, 60.0, 1)),
                Planned(name="narrow-2", calls=1, latency=6.0),
                Planned(name="narrow-3", calls=1, latency=7.0),
            ),
        ),
    )
)
"""What OpenAI, Gemini and OpenRouter allow unless it is set, and a model that takes one call at a time."""


def prompt() -> str:
    """A file of 338 lines and a question about it; the same in every run."""
    lines = [
        f"def step_{n}(value: int) -> int: return (value * {n * 37 % 101} + {n}) % 9973" for n in range(LINES)
    ]
    return "\n".join(("What does this file do?", "", *lines))


@dataclass(frozen=True)
class Tried:
    """One run: what was answered of fifteen, what the providers refused, seconds by the usual clock."""

    answered: int
    violations: int
    seconds: float

    @property
    def good(self) -> bool:
        return self.answered == 15 and self.violations == 0 and self.seconds < CEILING


def runs(times: int, plan: Plan = FIFTEEN) -> Iterator[Tried]:
    """One run after the other, each in a process of its own, against providers that go on."""
    with tempfile.TemporaryDirectory() as home, served(plan) as fleet:
        job = job_of(plan, fleet.url, patience=CEILING / plan.clock)
        job = replace(job, calls=tuple(replace(call, question=prompt()) for call in job.calls))
        before = 0
        for _ in range(times):
            told = raced(PANEL, (job,), home=Path(home))
            violations = fleet.stats().violations
            yield Tried(told.answered, violations - before, told.seconds * plan.clock)
            before = violations


def report(times: int) -> str:
    """A line of the section."""
    tried = list(runs(times))
    least = minimum(FIFTEEN) * FIFTEEN.clock
    slowest = max(run.seconds for run in tried)
    good = sum(run.good for run in tried)
    return pages.point(
        f"Fifteen models, a prompt of {LINES} lines, one model that takes {SLOWEST:.0f} s and one call at a "
        f"time: all answered and nothing refused in **{good} of {times}** runs. The slowest took "
        f"{slowest:.1f} s, which is {slowest / least:.3f} of the {least:.0f} s that this model needs."
    )
