"""What a verdict costs: for each answer as it lands, and when the last one has come.

python -m benchmarks.curation                         the whole, a minute or two
python -m benchmarks.curation --quick                 each kind of answer once
python -m benchmarks.curation --write BENCHMARKS.md   and write the section there
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import pages
from benchmarks.curation_prompts import KINDS, LENGTH, Kind
from panvox.curation import Curator, Expect, Rules
from panvox.curation.weights import Calibration, TaskWeights, Weights
from panvox.embedding.shipped import default_embedder
from panvox.messages import Answer, Finish, Identity, Outcome, State
from panvox.verdicts import Verdict

NAME = "curation"
ANSWERS = 300
SHARED = 2
"""Members of one lineage: half as many weights as answers."""

LABELLED = 50
"""Voters in what is learnt."""

_COPIES = (5, 7)
"""Voters that are near copies of each other: so many in two circles."""

HEAD = (
    "| answers | an answer, median | 99th percentile | a provisional verdict, median | 99th percentile "
    "| a look ahead, slowest | the final verdict (slowest) |"
)


@dataclass(frozen=True)
class Case:
    """A kind of answer, whether weights were learnt, and how many members share weights."""

    kind: Kind
    learnt: bool = False
    shared: int = SHARED

    @property
    def name(self) -> str:
        return f"{self.kind.name}, {LABELLED} labelled voters" if self.learnt else self.kind.name


CASES = (
    *(Case(kind) for kind in KINDS),
    *(Case(kind, learnt=True, shared=ANSWERS // LABELLED) for kind in KINDS[:3]),
)

STARTS = {
    "`import panvox.curation`": "import panvox.curation",
    "`from panvox.curation import Curator`": "from panvox.curation import Curator",
    "`panvox --help`": "from panvox.cli.app import main; main(['--help'])",
    "`panvox weights`": "from panvox.cli.app import main; main(['weights'])",
    "the first vector": "from panvox.embedding import shipped; shipped.default_embedder().embed(['a'])",
}
"""What is started in a process of its own."""


def answers(kind: Kind, count: int, *, shared: int = SHARED, seed: int = 1) -> list[Outcome]:
    """Made-up answers, in the order of their arrival, which has nothing to do with who shares weights."""
    chance = random.Random(seed)
    landed = [
        Outcome(
            member=Identity(name=f"p/m{number}", lineage=f"w{number // shared}"),
            state=State.ANSWERED,
            answer=Answer(text=kind.text(chance), finish=Finish.STOP),
            started=0.0,
            duration=chance.expovariate(0.1),
        )
        for number in range(count)
    ]
    return sorted(landed, key=lambda outcome: outcome.duration)


def learnt(task: Expect, *, seed: int = 1) -> Weights:
    """What might have been learnt of `LABELLED` voters: weights, circles of copies, a calibration."""
    chance = random.Random(seed)
    names = [f"w{number}" for number in range(LABELLED)]
    few, more = _COPIES
    known = TaskWeights(
        task=task,
        weights={name: chance.random() for name in names},
        strengths={name: chance.random() for name in names},
        copies=(tuple(names[:few]), tuple(names[few : few + more])),
        correlation=0.05,
        calibration=Calibration(scale=2.0),
    )
    return Weights(tasks={task: known})


@dataclass(frozen=True)
class Costs:
    """Milliseconds of CPU: of each answer, each provisional verdict after it, each look ahead, the end."""

    adding: list[float]
    provisional: list[float]
    looking: list[float]
    final: float


def begun(case: Case, outcomes: Sequence[Outcome]) -> Curator:
    """A curator that has heard nothing."""
    members = [outcome.member for outcome in outcomes]
    kind = Curator(case.kind.question, members).kind
    weights = learnt(kind) if case.learnt else Weights()
    return Curator(case.kind.question, members, Rules(embedder=default_embedder(), weights=weights))


def verdict_on(case: Case, outcomes: Sequence[Outcome]) -> Verdict:
    """The verdict on answers that have all landed."""
    curator = begun(case, outcomes)
    for outcome in outcomes:
        curator.add(outcome)
    return curator.verdict()


def measured(case: Case, count: int) -> Costs:
    """One prompt, whose answers land one after the other."""
    outcomes = answers(case.kind, count, shared=case.shared)
    curator = begun(case, outcomes)
    gc.collect()
    costs = Costs([], [], [], 0.0)
    for outcome in outcomes:
        costs.adding.append(_milliseconds(lambda landed=outcome: curator.add(landed)))  # type: ignore[misc]
        costs.provisional.append(_milliseconds(lambda: curator.verdict(provisional=True)))
        costs.looking.append(_milliseconds(curator.outlook))
    return Costs(costs.adding, costs.provisional, costs.looking, _milliseconds(curator.verdict))


def kept(case: Case, count: int) -> float:
    """MiB that a curator keeps of its answers beside the answers themselves, after its verdict."""
    outcomes = answers(case.kind, count, shared=case.shared)
    begun(case, outcomes).add(outcomes[0])
    gc.collect()
    tracemalloc.start()
    curator = begun(case, outcomes)
    for outcome in outcomes:
        curator.add(outcome)
    assert curator.verdict().answered == count
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 2**20


def started(program: str, *, times: int) -> float:
    """Milliseconds of CPU that a process takes for `program`, the interpreter's start included; the least."""
    found = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found) * 1e3


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1e6


def row(name: str, rounds: Sequence[Costs]) -> str:
    """A line of the table; the final verdict is the median of the rounds, the slowest in brackets."""
    adding = [each for costs in rounds for each in costs.adding]
    provisional = [each for costs in rounds for each in costs.provisional]
    looking = [max(costs.looking) for costs in rounds]
    finals = [costs.final for costs in rounds]
    return (
        f"| {name} | **{statistics.median(adding):.2f}** | {_late(adding):.2f} "
        f"| **{statistics.median(provisional):.2f}** | {_late(provisional):.2f} "
        f"| {statistics.median(looking):.2f} "
        f"| **{statistics.median(finals):.1f}** ({max(finals):.1f}) |"
    )


def _late(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[int(0.99 * (len(times) - 1))]


def caveats(times: int, count: int) -> str:
    """What to know before the figures are believed."""
    return pages.filled(
        f"Caveats first. The answers are made up: {count} of {LENGTH:,} characters (or one sentence), whose "
        "words are random, so that they mark more places by chance than real ones do, and free texts have "
        f"less in common. They come from {count // SHARED} different weights, or from {LABELLED} with "
        f"learnt weights, {_COPIES[0]} and {_COPIES[1]} of which are near copies. They land one after the "
        "other in random order and nothing else happens. The quick embedder makes vectors; judges and the "
        f"better embedder take no part. Milliseconds of CPU on one of {len(os.sched_getaffinity(0))} cores, "
        f"medians of {times} rounds after one that does not count. The load of the "
        f"machine was {os.getloadavg()[0]:.0f} at the end, which takes time from caches and cores."
    )


def around(*, times: int, count: int) -> list[str]:
    """Lines on memory and on what it takes to start."""
    starts = ", ".join(f"{what} {started(program, times=times):.0f} ms" for what, program in STARTS.items())
    numbers, poem = (kept(Case(kind), count) for kind in (KINDS[0], KINDS[-2]))
    memory = f"**{numbers:.1f} MiB** where they are numbers, **{poem:.1f} MiB** of free text"
    return [
        f"What is kept of {count} answers beside themselves: {memory}.",
        f"CPU of a new process, the interpreter included: {starts}.",
    ]


def report(*, times: int = 5, count: int = ANSWERS) -> str:
    """The section."""
    python, packages = platform.python_version(), f"msgspec {version('msgspec')}, numpy {version('numpy')}"
    rounds = {case.name: [measured(case, count) for _ in range(times + 1)][1:] for case in CASES}
    return "\n".join(
        [
            caveats(times, count),
            "",
            f"Python {python}, {packages}, {platform.system()} {platform.machine()}.",
            "",
            HEAD,
            "|---|---|---|---|---|---|---|",
            *(row(name, costs) for name, costs in rounds.items()),
            "",
            *(pages.point(line) for line in around(times=times, count=count)),
        ]
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    text = report(times=1 if options.quick else 5)
    print(text)
    if options.write:
        pages.write(options.write, NAME, text)


if __name__ == "__main__":
    main()
