"""The real command, and fleets that it can ask."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panvox.simulator import Fleet, Simulator, settings_for, simulate

PANVOX = [sys.executable, "-m", "panvox"]


def panvox(
    *arguments: str, stdin: bytes | None = None, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The real command; without `stdin` it has none."""
    done = subprocess.run(
        [*PANVOX, *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **environment},  # noqa: TID251 - the cleaned one of the test
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def served(fleet: Fleet, folder: Path, *, speed: float = 0.0, port: int = 0) -> Iterator[Simulator]:
    """The fleet, in a thread of its own, with settings in `folder` that make panvox ask it."""
    loop = asyncio.new_event_loop()
    up, done = threading.Event(), asyncio.Event()
    running: list[Simulator] = []

    async def serve() -> None:
        async with simulate(fleet, speed=speed, port=port) as simulator:
            (folder / "panvox.toml").write_text(settings_for(fleet, url=simulator.url))
            running.append(simulator)
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert up.wait(10)
        yield running[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()
