"""Whether every model that can answer a review does, in trouble, and whether a killed review loses anything.

    python -m benchmarks.review_soak               ten reviews, five of them killed, ten minutes at most
    python -m benchmarks.review_soak --runs 1 --kills 60    fewer

The sources of panvox are reviewed by two hundred simulated models and by the real one on this machine. Some
models fail at first, some always; some providers have limits, one has a single slot. Ends with 1 if a model
that can answer did not, another did not fail as it should, a review that was not killed passed a limit, or
somebody was asked again whose review was on the disk.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import uvloop

from benchmarks import contest
from benchmarks.review import material, opened, settings_text
from benchmarks.review_fleet import LASTING, LASTING_AT, Plan, Served, served
from panvox.compose.conversation import Calling
from panvox.curation import Expect
from panvox.engine import Run
from panvox.messages import Outcome
from panvox.review.fitting import Fitting, Oversize
from panvox.review.instructions import find_instructions
from panvox.review.panel import members_fitted
from panvox.simulator import Stats
from panvox.store import open_journal

PLAN = Plan(providers=10, models=20, trouble=True)
LOCAL = 1  # models on this machine
RUNS = 10
KILLS = (20, 60, 100, 140, 180)
"""Reviews that the simulator has sent when the process that asks is killed."""
SECONDS = 120.0  # for one review
EXPECTED = {"answered": PLAN.providers * PLAN.models + LOCAL - len(LASTING)} | dict.fromkeys(
    (fault.replace("-", "_") for fault in LASTING), 1
)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a review ended: models by state, seconds, and who failed, with the reason."""

    states: dict[str, int]
    seconds: float
    slowest: tuple[float, str]
    failed: dict[str, str] = {}


# --- one review ------------------------------------------------------------------------------------


async def review(folder: Path) -> Ended:
    """Ask all models; those whose review an earlier call left in the store are not asked again."""
    began = time.perf_counter()
    async with (
        opened(folder) as session,
        session.panel(("host-*/*", "local/*"), Calling(fallback=False)) as panel,
    ):
        landed = await kept(folder)
        instructions = find_instructions("review", None)
        fitting = Fitting(instructions, material(), oversize=Oversize.TRUNCATE)
        entries = {entry.name: entry for entry in panel.entries}
        estimates = session.keeping.estimates
        members, _ = members_fitted(
            panel.members, entries, fitting, lambda name, prompt: estimates.of(name, prompt)[0]
        )
        run = Run(
            members,
            journal=session.store,
            purse=panel.purse,
            rules=replace(await session.rules(), expect=Expect.TEXT),
        )
        async with run.turn(fitting.prompt, deadline=SECONDS, landed=landed) as turn:
            ended = await turn.wait_ended()
    return Ended(
        states=dict(ended.states),
        seconds=time.perf_counter() - began,
        slowest=max((o.started + o.duration, o.member.name) for o in turn.outcomes),
        failed={o.member.name: str(o.fault or o.reason) for o in turn.outcomes if not o.answered},
    )


async def kept(folder: Path) -> tuple[Outcome, ...]:
    """The reviews that are in the store."""
    path = folder / "runs.db"
    if not path.exists():
        return ()
    async with open_journal(path) as store:
        runs = await store.runs(1)
        if not runs:
            return ()
        stored = await store.run(runs[0].run)
    return tuple(each for each in stored.turns[-1].outcomes if each.answered)


def started(folder: Path) -> subprocess.Popen[bytes]:
    """A review in a process of its own."""
    command = contest.ours("benchmarks.review_soak", home=folder)
    return subprocess.Popen([*command, "--child", str(folder)], stdout=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> Ended:
    """How it ended. Raises where it ended badly or takes too long."""
    told, _ = process.communicate(timeout=2 * SECONDS)
    if process.returncode:
        raise RuntimeError(f"a review ended with {process.returncode}")
    return msgspec.json.decode(told, type=Ended)


# --- many reviews ----------------------------------------------------------------------------------


def whole() -> list[str]:
    """One review from its beginning to its end; what should not be."""
    with served(PLAN) as fleet, tempfile.TemporaryDirectory() as home:
        folder = prepared(Path(home), fleet)
        with started(folder) as process:
            end = ended(process)
        print(f"{_counted(end.states)} in {end.seconds:.0f} s; {end.slowest[1]} came last", flush=True)
        return complaints(end, fleet.stats())


def killed(sent: int) -> list[str]:
    """One that is killed after so many reviews were sent, and then resumed; what should not be."""
    with served(PLAN) as fleet, tempfile.TemporaryDirectory() as home:
        folder = prepared(Path(home), fleet)
        with started(folder) as process:
            until_sent(sent, fleet, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        there = uvloop.run(kept(folder))
        before = requests(fleet.stats())
        with started(folder) as process:
            end = ended(process)
        stats = fleet.stats()
        again = Counter(requests(stats)) - Counter(before)
        twice = sorted(name for name in again if name in {each.member.name for each in there})
        print(
            f"killed when {sent} were sent: {len(there)} were on the disk, {len(again)} models were asked "
            f"after it, {len(twice)} of them again; then {_counted(end.states)} in {end.seconds:.0f} s",
            flush=True,
        )
        found = complaints(end, stats, limits=False)
        return [*found, f"asked again: {', '.join(twice[:5])}"] if twice else found


def prepared(home: Path, fleet: Served) -> Path:
    """A folder with the settings for a fleet."""
    (home / "panvox.toml").write_text(settings_text(PLAN, fleet.url, local=True))
    return home


def until_sent(count: int, fleet: Served, process: subprocess.Popen[bytes]) -> None:
    """Return once so many reviews were sent. Raises where the process ends before."""
    while fleet.stats().total.answered < count:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise RuntimeError("the review ended before it could be killed")


def requests(stats: Stats) -> dict[str, int]:
    """Calls by model."""
    return {
        f"{provider}/{model}": tally.requests
        for provider, counts in stats.providers.items()
        for model, tally in counts.models.items()
    }


def complaints(end: Ended, stats: Stats, *, limits: bool = True) -> list[str]:
    """What should not be; empty if all is well.

    Who is killed cannot write down what it sent in its last seconds, so `limits` do not matter then.
    """
    found = []
    if {state: count for state, count in end.states.items() if count} != EXPECTED:
        known = {f"{LASTING_AT}/m{LASTING_AT[-1]}-{number}" for number in range(len(LASTING))}
        reasons = [f"{name}: {why}" for name, why in end.failed.items() if name not in known]
        found.append(f"{_counted(end.states)}; expected {_counted(EXPECTED)}; {'; '.join(reasons[:5])}")
    if limits and stats.violations:
        found.append(f"{stats.violations:,} violations: {stats.total.violations}")
    return found


def _counted(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items() if count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--kills", type=int, nargs="*", default=KILLS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(review(options.child))))
        return
    found = [each for _ in range(options.runs) for each in whole()]
    found += [each for sent in options.kills for each in killed(sent)]
    for complaint in found:
        print(complaint, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
