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
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks import contest
from benchmarks.review import PACKAGE, settings_text
from benchmarks.review_fleet import LASTING, LASTING_AT, Plan, Served, served
from panvox.messages import State
from panvox.review.contract import decode
from panvox.review.folder import Folder
from panvox.simulator import Stats

PLAN = Plan(providers=10, models=20, trouble=True)
LOCAL = 1  # models on this machine
RUNS = 10
KILLS = (20, 60, 100, 140, 180)
"""Reviews that the simulator has sent when the process that asks is killed."""
SECONDS = 120.0  # for one review
OUTPUT = "reviews"
EXPECTED = {"answered": PLAN.providers * PLAN.models + LOCAL - len(LASTING)} | dict.fromkeys(
    (fault.replace("-", "_") for fault in LASTING), 1
)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a review ended: models by state, seconds, and who failed, with the reason."""

    states: Mapping[str, int]
    seconds: float
    slowest: tuple[float, str]
    failed: dict[str, str] = {}


# --- one review ------------------------------------------------------------------------------------


def started(home: Path, *options: str) -> subprocess.Popen[bytes]:
    """`panvox review` in a process of its own."""
    command = contest.ours("panvox", home=home)
    always = ("--settings", str(home / "panvox.toml"), "--deadline", f"{SECONDS:g}", "--no-fallback")
    quiet = ("--no-synthesis", "--partial-success-ok", "--quiet")  # a synthesis asks one of them once more
    return subprocess.Popen(
        [*command, "review", *options, *always, *quiet], stdout=subprocess.DEVNULL, cwd=PACKAGE.parent
    )


def new(home: Path) -> subprocess.Popen[bytes]:
    """A review of the sources of panvox by all models."""
    asked = ("--models", "host-*/*,local/*", "--oversize", "truncate", "--output", str(home / OUTPUT))
    return started(home, PACKAGE.name, *asked)


def ended(process: subprocess.Popen[bytes], home: Path) -> Ended:
    """How it ended, as its folder tells. Raises where it ended badly or takes too long."""
    process.communicate(timeout=2 * SECONDS)
    if process.returncode:
        raise RuntimeError(f"a review ended with {process.returncode}")
    record = decode((folder_in(home) / "run.json").read_bytes())
    return Ended(
        states=record.states,
        seconds=record.duration,
        slowest=max((each.started + each.duration, each.model) for each in record.models),
        failed={e.model: e.message or e.reason for e in record.models if e.state is not State.ANSWERED},
    )


def folder_in(home: Path) -> Path:
    """The folder of the only review."""
    (folder,) = (home / OUTPUT).iterdir()
    return folder


def kept(home: Path) -> set[str]:
    """The models whose review is in the folder, whatever became of the process that asked."""
    with Folder.resume(folder_in(home)) as folder:
        return {outcome.member.name for outcome in folder.kept if outcome.answered}


# --- many reviews ----------------------------------------------------------------------------------


def whole() -> list[str]:
    """One review from its beginning to its end; what should not be."""
    with served(PLAN) as fleet, tempfile.TemporaryDirectory() as folder:
        home = prepared(Path(folder), fleet)
        with new(home) as process:
            end = ended(process, home)
        print(f"{_counted(end.states)} in {end.seconds:.0f} s; {end.slowest[1]} came last", flush=True)
        return complaints(end, fleet.stats())


def killed(sent: int) -> list[str]:
    """One that is killed after so many reviews were sent, and then resumed; what should not be."""
    with served(PLAN) as fleet, tempfile.TemporaryDirectory() as folder:
        home = prepared(Path(folder), fleet)
        with new(home) as process:
            until_sent(sent, fleet, process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        there = kept(home)
        before = requests(fleet.stats())
        with started(home, "--resume", str(folder_in(home))) as process:
            end = ended(process, home)
        stats = fleet.stats()
        again = Counter(requests(stats)) - Counter(before)
        twice = sorted(again.keys() & there)
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


def _counted(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items() if count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--kills", type=int, nargs="*", default=KILLS)
    options = parser.parse_args()
    found = [each for _ in range(options.runs) for each in whole()]
    found += [each for sent in options.kills for each in killed(sent)]
    for complaint in found:
        print(complaint, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
