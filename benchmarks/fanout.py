"""What a call costs when many are made at once: panvox, an aiohttp loop written by hand, a raw protocol.

    python -m benchmarks.fanout                      the whole, some six minutes
    python -m benchmarks.fanout --quick              fewer and smaller rounds
    python -m benchmarks.fanout --write BENCHMARKS.md   and write the tables there

All three do the same work: send a request, read a stream of 40 events, decode each as JSON, join the text.
They take turns in one process, in an order that rotates, against a server in another process that answers at
once and then sends an event every few milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
import orjson
import uvloop

from benchmarks import pages
from benchmarks.server import EVENTS
from panvox.dialects.openai import OpenAI
from panvox.engine import Member, Run
from panvox.messages import Identity, Prompt
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from panvox.store import NullJournal

QUESTION = "What is the capital of France?"
HOSTS = 100
CONTESTANTS = ("panvox", "aiohttp", "protocol")
NAME = "fanout"


@dataclass(frozen=True)
class Layout:
    """Where the calls of a round go: to `hosts` addresses on one port, an event every `pace` milliseconds."""

    port: int
    hosts: int
    pace: int

    def base_url(self, call: int) -> str:
        """With one host it is the same for all calls; else each has a path of its own too."""
        path = f"{self.pace}" if self.hosts == 1 else f"{self.pace}/{call}"
        return f"http://127.0.0.{call % self.hosts + 1}:{self.port}/{path}/v1"


@dataclass(frozen=True)
class Round:
    """What was measured of a round: CPU milliseconds a call, milliseconds to the first token of each."""

    cpu: float
    first_tokens: tuple[float, ...]


# --- the contestants -------------------------------------------------------------------------------

Ask = Callable[[int, Layout], Awaitable[list[float]]]
"""Make so many calls; seconds from the start of the round to the first token of each."""


def panvox(transport: HttpTransport) -> Ask:
    """The engine's fan-out, read to the end as the live view reads it."""
    dialect = OpenAI()

    async def ask(calls: int, layout: Layout) -> list[float]:
        members = [
            Member(
                Identity(name=f"host/model-{n}", lineage=f"model-{n}"),
                HttpModel(
                    name=f"host/model-{n}",
                    model=f"model-{n}",
                    dialect=dialect,
                    transport=transport,
                    base_url=layout.base_url(n),
                    key="key",
                ),
            )
            for n in range(calls)
        ]
        async with Run(members, journal=NullJournal("not kept")).turn(Prompt.of(QUESTION)) as turn:
            async for _ in turn:
                pass
        if turn.ended is None or turn.ended.states != {"answered": calls}:
            raise RuntimeError(f"not everybody answered: {turn.states}")
        return [outcome.started + (outcome.first_token or 0) for outcome in turn.outcomes]

    return ask


def by_hand(session: aiohttp.ClientSession) -> Ask:
    """A loop as one writes it by hand: one task a call, lines, JSON, text."""

    async def ask(calls: int, layout: Layout) -> list[float]:
        start = time.perf_counter()
        first_tokens: list[float] = []

        async def call(n: int) -> str:
            body = {
                "model": f"model-{n}",
                "messages": [{"role": "user", "content": QUESTION}],
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            headers = {"Content-Type": "application/json", "Authorization": "Bearer key"}
            texts: list[str] = []
            async with session.post(
                f"{layout.base_url(n)}/chat/completions", data=orjson.dumps(body), headers=headers
            ) as response:
                async for line in response.content:
                    if not line.startswith(b"data:") or line.startswith(b"data: [DONE]"):
                        continue
                    for choice in orjson.loads(line[5:])["choices"]:
                        if text := choice["delta"].get("content"):
                            if not texts:
                                first_tokens.append(time.perf_counter() - start)
                            texts.append(text)
            if len(texts) != EVENTS:
                raise RuntimeError(f"{len(texts)} of {EVENTS} events came")
            return "".join(texts)

        async with asyncio.TaskGroup() as tasks:
            for n in range(calls):
                tasks.create_task(call(n))
        return first_tokens

    return ask


class RawCall(asyncio.Protocol):
    """The floor: bytes in, lines, JSON, text, and nothing that a client would need besides."""

    def __init__(self, body: bytes, host: str, path: str, done: asyncio.Future[float], start: float) -> None:
        self._request = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer key\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._done = done
        self._start = start
        self._first = 0.0
        self._rest = b""
        self._texts: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # a TCP transport writes

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                for choice in orjson.loads(line[6:])["choices"]:
                    self._first = self._first or time.perf_counter() - self._start
                    self._texts.append(choice["delta"]["content"])
            elif line.startswith(b"data: [DONE]"):
                "".join(self._texts)
                self._transport.close()
                self._done.set_result(self._first)


async def protocol(calls: int, layout: Layout) -> list[float]:
    """A connection of its own for each call."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()

    async def call(n: int) -> float:
        done = loop.create_future()
        host, path = f"127.0.0.{n % layout.hosts + 1}", f"/{layout.pace}/v1/chat/completions"
        message = {"model": f"model-{n}", "messages": [{"role": "user", "content": QUESTION}], "stream": True}
        body = orjson.dumps(message)
        await loop.create_connection(lambda: RawCall(body, host, path, done, start), host, layout.port)
        first: float = await done
        return first

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(call(n)) for n in range(calls)]
    return [task.result() for task in asked]


# --- rounds ----------------------------------------------------------------------------------------


@contextmanager
def server(hosts: int) -> Iterator[int]:
    """The server in a process of its own; its port."""
    command = [sys.executable, "-m", "benchmarks.server", str(hosts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


async def measured(ask: Ask, calls: int, layout: Layout) -> Round:
    """One round of one contestant."""
    gc.collect()
    before = time.process_time()
    first_tokens = await ask(calls, layout)
    cpu = (time.process_time() - before) / calls * 1000
    return Round(cpu, tuple(sorted(first * 1000 for first in first_tokens)))


async def compared(calls: int, layout: Layout, times: int) -> dict[tuple[str, str], list[Round]]:
    """`times` turns of all contestants, each with a first round over new connections and a warm one."""
    rounds: dict[tuple[str, str], list[Round]] = {}
    for turn in range(times):
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            )
            transport = await stack.enter_async_context(HttpTransport())
            asks = {"panvox": panvox(transport), "aiohttp": by_hand(session), "protocol": protocol}
            for warmth in ("first", "warm"):
                for place in range(len(CONTESTANTS)):
                    name = CONTESTANTS[(place + turn) % len(CONTESTANTS)]
                    rounds.setdefault((name, warmth), []).append(await measured(asks[name], calls, layout))
        print(f"  {calls} calls, {layout.hosts} hosts: turn {turn + 1} of {times}", file=sys.stderr)
    return rounds


def pace_for(calls: int) -> int:
    """Milliseconds between the events of a stream that leave the machine some air at so many calls."""
    return max(50, calls // 10)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the sorted values do not pass."""
    return values[min(len(values) - 1, int(len(values) * share))]


def cpu_of(rounds: list[Round]) -> float:
    """The median CPU milliseconds a call."""
    return statistics.median(r.cpu for r in rounds)


def first_of(rounds: list[Round], share: float) -> float:
    """The median over rounds of this percentile of the times to a first token, in milliseconds."""
    return statistics.median(percentile(r.first_tokens, share) for r in rounds)


# --- memory and start ------------------------------------------------------------------------------

MEMORY = """
import asyncio, os, sys, uvloop
from benchmarks import fanout
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
async def main(name, calls, port):
    layout = fanout.Layout(port, fanout.HOSTS, 100)
    async with fanout.HttpTransport() as transport, fanout.aiohttp.ClientSession(
        connector=fanout.aiohttp.TCPConnector(limit=0)
    ) as session:
        asks = {"panvox": fanout.panvox(transport), "aiohttp": fanout.by_hand(session)}
        ask = asks.get(name, fanout.protocol)
        await ask(10, layout)
        before = resident()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ask(calls, layout))
            await asyncio.sleep(2.5)
            print((resident() - before) / calls / 1024)
uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def memory(name: str, calls: int, port: int) -> float:
    """KiB that a call in flight takes, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, name, str(calls), str(port)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def start_of_help() -> float:
    """CPU seconds of `panvox --help`, the median of nine."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "panvox", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return statistics.median(once() for _ in range(9))


# --- the report ------------------------------------------------------------------------------------


def row(calls: int, hosts: int, rounds: dict[tuple[str, str], list[Round]], warmth: str) -> str:
    """One line of the table: ratios to the aiohttp loop, absolute figures in brackets."""
    ours, theirs, floor = (rounds[name, warmth] for name in CONTESTANTS)
    cells = [f"{calls:,}", "one URL" if hosts == 1 else f"{hosts} hosts", warmth]
    cells.append(f"**{cpu_of(ours) / cpu_of(theirs):.2f}** ({cpu_of(ours):.2f} ms)")
    cells.append(f"{cpu_of(floor) / cpu_of(theirs):.2f}")
    for share in (0.5, 0.99):
        mine, other = first_of(ours, share), first_of(theirs, share)
        cells.append(f"**{mine / other:.2f}** ({mine:.0f} of {other:.0f} ms)")
    cells.append(f"{first_of(floor, 0.5):.0f}, {first_of(floor, 0.99):.0f} ms")
    return f"| {' | '.join(cells)} |"


def caveats() -> str:
    """What to know before the figures are believed."""
    parts = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "msgspec", "orjson"))
    machine = f"Python {platform.python_version()}, {parts}, {platform.system()} {platform.machine()}"
    return (
        f"Caveats first. The server runs on the same {len(os.sched_getaffinity(0))} cores as the client and\n"
        "takes part of them; loopback has no latency, no TLS and no loss; other machines give other\n"
        "milliseconds, so compare the ratios. They are medians over interleaved turns, of which one alone\n"
        "strays by a tenth or two. The aiohttp loop and the floor have no deadlines, caps, typed failures,\n"
        "ledger, verdict or live events. The first tokens of panvox are read from the loop's clock, which\n"
        "stands still within a turn of the loop, those of the others from the performance counter: some\n"
        f"milliseconds in our favour.\n\n{machine}."
    )


def table(port: int, sizes: Sequence[tuple[int, int, int]]) -> tuple[list[str], dict[int, float]]:
    """The lines of the table, and panvox' CPU milliseconds a warm call by number of calls."""
    lines, ours = [], {}
    for calls, hosts, times in sizes:
        rounds = uvloop.run(compared(calls, Layout(port, hosts, pace_for(calls)), times))
        lines += [row(calls, hosts, rounds, warmth) for warmth in ("first", "warm")]
        if hosts > 1:
            ours[calls] = cpu_of(rounds["panvox", "warm"])
    return lines, ours


def report(sizes: Sequence[tuple[int, int, int]], *, in_flight: int) -> str:
    """The whole section of BENCHMARKS.md."""
    with server(HOSTS) as port:
        lines, ours = table(port, sizes)
        memories = [f"{name} {memory(name, in_flight, port):.0f} KiB" for name in CONTESTANTS]
    small, large = min((n for n in ours if n >= 100), default=min(ours)), max(ours)
    return "\n".join(
        [
            caveats(),
            "",
            f"Streams of {EVENTS} events. CPU a call, and time from the start of the round to each call's",
            "first token, as ratios to the aiohttp loop of the same turns:",
            "",
            "| calls | to | round | CPU, panvox | CPU, floor | first token p50 | p99 | floor p50, p99 |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
            "",
            f"- CPU a call from {small:,} to {large:,} calls: {ours[large] / ours[small]:.2f} times as much.",
            f"- Memory a call in flight, at {in_flight:,}: {', '.join(memories)}.",
            f"- `panvox --help`: {start_of_help():.3f} CPU seconds.",
        ]
    )


FULL = (
    (10, HOSTS, 3),
    (100, HOSTS, 3),
    (300, HOSTS, 3),
    (300, 1, 3),
    (1_000, HOSTS, 3),
    (1_000, 1, 2),
    (5_000, HOSTS, 1),
)
"""Calls, hosts, turns."""
QUICK = ((10, HOSTS, 3), (100, HOSTS, 3), (300, HOSTS, 3))


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    section = report(QUICK if options.quick else FULL, in_flight=300 if options.quick else 1_000)
    print(section)
    if options.write:
        pages.write(options.write, NAME, section)


if __name__ == "__main__":
    main()
