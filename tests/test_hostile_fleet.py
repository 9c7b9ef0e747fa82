"""Hostile providers beside good ones: the good are served on time, and memory stays bounded."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest

from panvox.messages import MemberEnded, RunEnded, RunEvent, RunStarted
from panvox.simulator import FAULTS, Fleet, VirtualModel, VirtualProvider, settings_for, simulate

HOSTILE = [
    "hang-before-head",
    "hang-mid-stream",
    "slow-drip",
    "no-reply",
    "reset-mid-stream",
    "redirect",
    "gzip-bomb",
    "large-error",
    "html-200",
    "wrong-content-type",
]
ASK = """
import sys
from panvox.cli.app import run
code = run(["ask", "What is 17 + 25?", "--json", "--deadline", "30"])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def fleet_of(*, copies: int) -> Fleet:
    """Twenty good models, and `copies` of each hostile one."""
    hostile = [VirtualModel(f"{name}-{n}", fault=FAULTS[name]) for name in HOSTILE for n in range(copies)]
    good = VirtualProvider("good", models=tuple(VirtualModel(f"model-{n}", accuracy=1.0) for n in range(20)))
    return Fleet((good, VirtualProvider("hostile", models=tuple(hostile)))) if hostile else Fleet((good,))


def prepare(folder: Path, settings: str) -> None:
    """A folder with these settings, and little patience."""
    folder.mkdir()
    patience = "[network]\nfirst_token_timeout = 2.0\nidle_timeout = 2.0\ntotal_timeout = 4.0\n"
    (folder / "panvox.toml").write_text(f"{settings}\n{patience}")


async def asked(fleet: Fleet, folder: Path) -> tuple[list[RunEvent], int]:
    """The events of the real command in a process of its own, and that process's peak memory in KiB."""
    async with simulate(fleet, speed=0) as simulator:
        prepare(folder, settings_for(fleet, url=simulator.url))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            ASK,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=dict(os.environ),  # noqa: TID251 - the cleaned one of the test
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    lines = msgspec.json.Decoder(RunEvent)
    return [lines.decode(line) for line in out.splitlines()], int(err.split()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
async def test_fifty_hostile_models_disturb_nobody_and_cost_less_than_300_mb(tmp_path: Path) -> None:
    _, usual = await asked(fleet_of(copies=0), tmp_path / "usual")
    events, peak = await asked(fleet_of(copies=5), tmp_path / "hostile")
    started, ended = events[0], events[-1]
    assert isinstance(started, RunStarted)
    assert isinstance(ended, RunEnded)
    assert len(started.members) == sum(ended.states.values()) == 70
    assert ended.states["answered"] == 20
    assert ended.verdict.consensus == "42"
    assert peak - usual < 300 * 1024
    good = [e.outcome for e in events if isinstance(e, MemberEnded) and e.outcome.member.provider == "good"]
    assert all(o.duration < 2.0 for o in good)  # before any hostile one was given up
