"""What every test gets: a clean environment, both event loops, and a loop that must not block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

# No example fails because the machine is busy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    """Plain asyncio and uvloop for all, but for tests in virtual time: those have a loop of their own."""
    if item.get_closest_marker("looptime"):
        return {"virtual": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_configure() -> None:
    """No loop is made behind our back: saying so keeps Python 3.11 from making one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no settings and no data of the person who runs the tests."""
    kept = {"PATH", "LANG", "LC_ALL", "TMPDIR", "PANVOX_DATA", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
    kept |= {name for name in os.environ if name.startswith(("PYTEST_", "COV_", "COVERAGE_"))}  # noqa: TID251
    for name in set(os.environ) - kept:  # noqa: TID251
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture(autouse=True)
def unblocked_loop() -> Iterator[BlockBuster]:
    """A call of panvox that blocks the running loop fails the test."""
    with blockbuster_ctx("panvox") as guard:
        yield guard


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded answers; tests that need it are skipped without it."""
    folder = recorded_answers()
    if folder is None:
        pytest.skip("no recorded answers: set PANVOX_DATA to their folder")
    return folder


def recorded_answers() -> Path | None:
    """Where the recorded answers are, if they are on this machine."""
    named = os.environ.get("PANVOX_DATA")  # noqa: TID251
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if (folder / "alpaca_eval").is_dir() else None
