"""What a verdict costs: for each answer as it lands, and when the last one has come.

python -m benchmarks.curation                         the whole, some seconds
python -m benchmarks.curation --quick                 each kind of answer once
python -m benchmarks.curation --write BENCHMARKS.md   and write the section there
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import pages
from panvox.curation import Curator
from panvox.messages import Answer, Finish, Identity, Outcome, State

NAME = "curation"
ANSWERS = 300
LENGTH = 1_400
SHARED = 2
"""Members of one lineage: half as many weights as answers."""

_PROSE = (
    "the a of to and in that so because then we have must first second since which gives each number value "
    "answer option step therefore result means total remains consider compute compare"
)
_COMMON = _PROSE.split()
_RARE = [f"{head}{tail}" for head in ("har", "mel", "tor", "vin", "sal", "gre") for tail in _COMMON]


@dataclass(frozen=True)
class Kind:
    """A kind of prompt, and how an answer to it ends."""

    name: str
    question: str
    end: Callable[[random.Random], str]


KINDS = (
    Kind(
        "numbers",
        "How many eggs has she left?",
        lambda chance: f"The answer is {chance.choice((18, 18, 18, 20, chance.randrange(99)))}.",
    ),
    Kind(
        "choices",
        "Which one is prime?\nA. 4\nB. 7\nC. 9\nD. 15",
        lambda chance: f"The answer is ({chance.choice('BBBACD')}).",
    ),
    Kind("free text", "Write a letter to a friend who has moved to another town.", lambda _: "Yours."),
)


HEAD = (
    "| answers | an answer, median | 99th percentile | a provisional verdict, median | 99th percentile "
    "| the final verdict (slowest) |"
)


def answers(kind: Kind, count: int, *, seed: int = 1) -> list[Outcome]:
    """Made-up answers of `LENGTH` characters: prose of common and rare words, and an end of its kind."""
    chance = random.Random(seed)

    def text() -> str:
        end = kind.end(chance)
        words = []
        left = LENGTH - len(end)
        while left > 0:
            words.append(chance.choice(_COMMON if chance.random() < 0.6 else _RARE))
            left -= len(words[-1]) + 1
        return f"{' '.join(words)} {end}"

    return [
        Outcome(
            member=Identity(name=f"p/m{number}", lineage=f"w{number // SHARED}"),
            state=State.ANSWERED,
            answer=Answer(text=text(), finish=Finish.STOP),
            started=0.0,
            duration=chance.expovariate(0.1),
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Costs:
    """Milliseconds of CPU: of each answer, of each provisional verdict after it, of the final verdict."""

    adding: list[float]
    provisional: list[float]
    final: float


def measured(kind: Kind, count: int) -> Costs:
    """One prompt, whose answers land one after the other."""
    outcomes = answers(kind, count)
    curator = Curator(kind.question, [outcome.member for outcome in outcomes])
    gc.collect()
    adding, provisional = [], []
    for outcome in outcomes:
        adding.append(_milliseconds(lambda landed=outcome: curator.add(landed)))  # type: ignore[misc]
        provisional.append(_milliseconds(lambda: curator.verdict(provisional=True)))
    return Costs(adding, provisional, _milliseconds(curator.verdict))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1e6


def row(kind: Kind, rounds: Sequence[Costs]) -> str:
    """A line of the table; the final verdict is the median of the rounds, the slowest in brackets."""
    adding = [each for costs in rounds for each in costs.adding]
    provisional = [each for costs in rounds for each in costs.provisional]
    finals = [costs.final for costs in rounds]
    return (
        f"| {kind.name} | **{statistics.median(adding):.2f}** | {_late(adding):.2f} "
        f"| {statistics.median(provisional):.2f} | {_late(provisional):.2f} "
        f"| **{statistics.median(finals):.1f}** ({max(finals):.1f}) |"
    )


def _late(times: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(times)[int(0.99 * (len(times) - 1))]


def caveats(times: int, count: int) -> str:
    """What to know before the figures are believed."""
    return pages.filled(
        f"Caveats first. The answers are made up: {count} of {LENGTH:,} characters, by {count // SHARED} "
        "different weights, whose words are random. They land one after the other and nothing else happens; "
        f"medians of {times} rounds after one that does not count. Milliseconds of CPU on one of "
        f"{len(os.sched_getaffinity(0))} cores. What is learnt of models, embeddings and judges take no part."
    )


def report(*, times: int = 7, count: int = ANSWERS) -> str:
    """The section."""
    python, packages = platform.python_version(), f"msgspec {version('msgspec')}"
    rounds = {kind.name: [measured(kind, count) for _ in range(times + 1)][1:] for kind in KINDS}
    return "\n".join(
        [
            caveats(times, count),
            "",
            f"Python {python}, {packages}, {platform.system()} {platform.machine()}.",
            "",
            HEAD,
            "|---|---|---|---|---|---|",
            *(row(kind, rounds[kind.name]) for kind in KINDS),
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
    text = report(times=1 if options.quick else 7)
    print(text)
    if options.write:
        pages.write(options.write, NAME, text)


if __name__ == "__main__":
    main()
