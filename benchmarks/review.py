"""What it costs to put two megabytes to hundreds of models, beside a loop by hand that sends the same bytes.

    python -m benchmarks.review                         a minute or two
    python -m benchmarks.review --write BENCHMARKS.md   and write the section there

The simulated models run in a process of their own, and so does each of those that ask them, once a round.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import uvloop

import panvox
from benchmarks import contest, pages
from benchmarks.review_fleet import TOLD, Plan, fleet_of, served
from panvox.compose.conversation import Calling
from panvox.compose.dialects import DIALECTS
from panvox.curation import Expect
from panvox.engine import Run
from panvox.messages import Prompt
from panvox.protocols import Quirks, Request
from panvox.review.instructions import find_instructions
from panvox.review.material import InputFile
from panvox.review.prompting import prompt_of
from panvox.settings import load
from panvox.simulator import settings_for

NAME = "review"
SIZES = (100, 300)  # models
BYTES, FEW = 2_000_000, 100_000  # of the material
ROUNDS = 3
CONTESTANTS = ("panvox", "aiohttp")
PACKAGE = Path(panvox.__file__).parent


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What asking took: MiB at most, CPU and wall seconds; how many answered."""

    peak: float
    cpu: float
    wall: float
    answered: int


class Meter:
    """Measures what this process takes from now on."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self, answered: int) -> Used:
        return Used(
            peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            cpu=time.process_time() - self._cpu,
            wall=time.perf_counter() - self._wall,
            answered=answered,
        )


# --- what is asked ---------------------------------------------------------------------------------


def material() -> tuple[InputFile, ...]:
    """The sources of panvox itself."""
    files = sorted(PACKAGE.rglob("*.py"))
    return tuple(_file(str(path.relative_to(PACKAGE.parent)), path.read_text()) for path in files)


def _file(path: str, text: str) -> InputFile:
    return InputFile(path=path, text=text, sha256="", bytes=len(text.encode()))


def long_prompt(size: int) -> Prompt:
    """So many bytes of sources, once or several times over."""
    text = "".join(file.text for file in material()).encode("ascii", "replace").decode()
    repeated = (text * (1 + size // len(text)))[:size]
    return prompt_of(find_instructions("review", None), [_file("src/all.py", repeated)])


def settings_text(plan: Plan, url: str, *, local: bool = False) -> str:
    """The settings for a fleet; with `local` the model on this machine is there too, one sample of it."""
    text = settings_for(fleet_of(plan), url=url)
    if local:
        text = text.replace("[local]\nenabled = false", "[local]\nsamples = 1\nmax_tokens = 32")
    if plan.trouble:
        for name, limits in TOLD.items():
            head, mark, tail = text.partition(f'id = "{name}"\n')
            own, blank, others = tail.partition("\n\n")
            text = f"{head}{mark}{own.rstrip()}\n[providers.limits]\n{limits}\n{blank}{others}"
    return f"{text}\n[cache]\nenabled = false\n[network]\nidle_timeout = 3\n[store]\npath = 'runs.db'\n"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[panvox.Session]:
    """A session with the settings in `folder`, which knows its models."""
    settings = await asyncio.to_thread(load, explicit=folder / "panvox.toml")
    async with panvox.open(settings) as session:
        await session.catalogue()
        yield session


# --- the contestants -------------------------------------------------------------------------------


async def by_panvox(plan: Plan, url: str, folder: Path, size: int) -> Used:
    """All models at once; all is on that usually is, but for the cache and for what decides close calls."""
    prompt = long_prompt(size)
    async with opened(folder) as session, session.panel((), Calling()) as panel:
        meter = Meter()
        rules = replace(await session.rules(), expect=Expect.TEXT, closer=None)
        run = Run(panel.members, journal=session.store, purse=panel.purse, rules=rules)
        async with run.turn(prompt) as turn:
            ended = await turn.wait_ended()
        return meter.read(ended.states.get("answered", 0))


async def by_hand(plan: Plan, url: str, size: int) -> Used:
    """The same bytes to the same addresses; the replies are read and not looked into."""
    prompt = long_prompt(size)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout()) as client:

        async def ask(request: Request) -> bool:
            size = str(sum(map(len, request.body)))
            headers = {**request.headers, "Content-Length": size}
            async with client.post(request.url, data=_slices(request.body), headers=headers) as reply:
                await reply.read()
                return reply.status == 200

        meter = Meter()
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(request)) for request in requests_for(plan, url, prompt)]
        return meter.read(sum(task.result() for task in asked))


def requests_for(plan: Plan, url: str, prompt: Prompt) -> list[Request]:
    """A request to each model, whose long pieces are shared."""
    return [
        dialect.request(prompt, model.name, base_url=url + provider.path, key="key")
        for provider in fleet_of(plan).providers
        for dialect in [DIALECTS[provider.spelling.dialect](Quirks())]
        for model in provider.models
    ]


async def _slices(  # noqa: ASYNC124 - aiohttp reads bodies that come in pieces from such a generator
    pieces: Sequence[bytes],
) -> AsyncIterator[memoryview]:
    for piece in pieces:
        for at in range(0, len(piece), 1 << 16):
            yield memoryview(piece)[at : at + (1 << 16)]


# --- rounds ----------------------------------------------------------------------------------------


def measured(contestant: str, models: int, size: int = BYTES) -> Used:
    """One contestant in a process of its own, against a fleet of its own. Raises where not all answered."""
    plan = Plan(providers=10, models=models // 10)
    with served(plan) as fleet, tempfile.TemporaryDirectory() as folder:
        command = contest.ours("benchmarks.review", home=Path(folder))
        told = [*command, "--child", contestant, folder, fleet.url, str(models), str(size)]
        done = subprocess.run(told, stdout=subprocess.PIPE, check=True, timeout=300)
    used = msgspec.json.decode(done.stdout, type=Used)
    if used.answered != models:
        raise RuntimeError(f"{used.answered} of {models} models answered {contestant}")
    return used


def child(contestant: str, folder: str, url: str, models: str, size: str) -> Used:
    """What `measured` starts."""
    plan = Plan(providers=10, models=int(models) // 10)
    if contestant == "panvox":
        (Path(folder) / "panvox.toml").write_text(settings_text(plan, url))
        return uvloop.run(by_panvox(plan, url, Path(folder), int(size)))
    return uvloop.run(by_hand(plan, url, int(size)))


def row(models: int, rounds: dict[str, list[Used]], short: Used) -> str:
    """A line of the table: medians, and the ratios of the medians."""
    ours, theirs = rounds["panvox"], rounds["aiohttp"]
    cells = [f"{models:,}"]
    for name in ("cpu", "wall"):
        mine, other = _median(ours, name), _median(theirs, name)
        cells.append(f"**{mine / other:.2f}** ({mine:.1f} of {other:.1f} s)")
    cells += [f"{peak:.0f} MiB" for peak in (_median(ours, "peak"), short.peak, _median(theirs, "peak"))]
    return f"| {' | '.join(cells)} |"


def _median(rounds: Sequence[Used], name: str) -> float:
    return float(statistics.median(getattr(each, name) for each in rounds))


def report(sizes: Sequence[int], times: int) -> str:
    """The whole section of BENCHMARKS.md."""
    lines = []
    for models in sizes:
        rounds: dict[str, list[Used]] = {name: [] for name in CONTESTANTS}
        for turn in range(times):
            for name in CONTESTANTS[:: 1 if turn % 2 else -1]:
                rounds[name].append(measured(name, models))
        lines.append(row(models, rounds, measured("panvox", models, FEW)))
    return "\n".join(
        (
            pages.filled(
                "Caveats first. The simulated models read and parse every body on the same cores, and "
                "loopback has neither latency nor loss: compare the ratios. The loop by hand has no "
                "catalogue, store, checks, typed failures or verdict, and does not look into the replies; "
                "the store of panvox is on, its cache is off, and so is the larger of the two models that "
                "compare answers by meaning: it is loaded where answers are close, whatever was asked, and "
                "takes as much again. Memory is that of the process that asks, at its peak; the same panel "
                f"was asked about {FEW / 1e3:g} kB, too."
            ),
            "",
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()}.",
            "",
            pages.filled(
                f"{BYTES / 1e6:g} MB of sources to all models at once, in five dialects; medians of {times} "
                "rounds:"
            ),
            "",
            f"| models | CPU, panvox to by hand | wall | peak, panvox | at {FEW / 1e3:g} kB | by hand |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
            pages.point(
                f"A copy of the material for each of {max(sizes):,} models would be "
                f"{max(sizes) * BYTES / (1 << 20):,.0f} MiB."
            ),
        )
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the smaller number of models, one round")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        sys.stdout.buffer.write(msgspec.json.encode(child(*options.child)))
        return
    section = report(SIZES[:1], 1) if options.quick else report(SIZES, ROUNDS)
    print(section)
    if options.write:
        pages.write(options.write, NAME, section)


if __name__ == "__main__":
    main()
