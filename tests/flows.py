"""Sessions over simulated fleets, for tests of all parts together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import panvox
import panvox.compose.opening  # what the first use would load, and read from disk, inside the loop
from panvox.compose.conversation import Result
from panvox.compose.session import Session
from panvox.messages import Attempt
from panvox.settings import Settings, load
from panvox.simulator import Fleet, Latency, Simulator, VirtualModel, VirtualProvider, settings_for, simulate

SUM = "What is 17 + 25?"
BRIEF = Latency(first_token=0.01, spread=0, slow_share=0, rate=4_000)
"""Long enough for calls to overlap."""

PLAIN = "[cache]\nenabled = false\n"
"""Every question goes to the provider, also one that was answered before."""


def host(name: str, *models: str, **provider: object) -> VirtualProvider:
    """A provider of models that are always right and take a moment."""
    offered = tuple(VirtualModel(model, accuracy=1.0, latency=BRIEF) for model in models or ("m",))
    return VirtualProvider(name, models=offered, **provider)  # type: ignore[arg-type]


def write_settings(
    folder: Path, fleet: Fleet, simulator: Simulator, *, rows: Mapping[str, str] | None = None, more: str = ""
) -> Path:
    """A settings file for `fleet`, with lines for some providers, which win over what is usual."""
    text = settings_for(fleet, url=simulator.url)
    for name, lines in (rows or {}).items():
        head, _, tail = text.partition(f'id = "{name}"\n')
        own, blank, others = tail.partition("\n\n")
        said = [line for line in own.splitlines() if line.partition(" = ")[0] not in replaced(lines)]
        own = "\n".join(said)
        text = f'{head}id = "{name}"\n{lines}\n{own}{blank}{others}'
    file = folder / "panvox.toml"
    file.write_text(f"{text}\n[store]\npath = 'runs.db'\n{more}")
    return file


def replaced(lines: str) -> set[str]:
    """The usual settings that these lines of a provider leave no room for."""
    said = {line.partition(" = ")[0] for line in lines.splitlines()}
    return {"free"} & said | ({"key_env"} if "keys" in said else set())


async def settings_of(
    folder: Path,
    fleet: Fleet,
    simulator: Simulator,
    *,
    rows: Mapping[str, str] | None = None,
    more: str = "",
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings in such a file; only those that come without an `environ` of their own are watched."""

    def made() -> Settings:
        file = write_settings(folder, fleet, simulator, rows=rows, more=more)
        return load(explicit=file, environ=environ)

    return await asyncio.to_thread(made)


@asynccontextmanager
async def session_of(
    folder: Path,
    fleet: Fleet,
    simulator: Simulator,
    *,
    rows: Mapping[str, str] | None = None,
    more: str = "",
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Session]:
    """A session with such settings."""
    settings = await settings_of(folder, fleet, simulator, rows=rows, more=more, environ=environ)
    async with panvox.open(settings) as session:
        yield session


@asynccontextmanager
async def served(
    folder: Path, fleet: Fleet, *, rows: Mapping[str, str] | None = None, more: str = ""
) -> AsyncIterator[tuple[Session, Simulator]]:
    """A session with such settings, and the fleet that it asks."""
    async with (
        simulate(fleet) as simulator,
        session_of(folder, fleet, simulator, rows=rows, more=more) as session,
    ):
        yield session, simulator


async def ask_all(session: Session, questions: Sequence[str], **asking: object) -> list[Result]:
    """Ask everything at once."""
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(session.ask(text, **asking)) for text in questions]  # type: ignore[arg-type]
    return [task.result() for task in asked]


def sums(number: int) -> list[str]:
    """So many questions, none like another."""
    return [f"What is {first} + 25?" for first in range(17, 17 + number)]


def states_of(results: Sequence[Result]) -> dict[str, int]:
    """Members of all results by state."""
    counted: dict[str, int] = {}
    for result in results:
        for state, number in result.states.items():
            counted[state] = counted.get(state, 0) + number
    return counted


def attempts_of(results: Sequence[Result]) -> Iterator[Attempt]:
    """All attempts of all members."""
    return (each for result in results for outcome in result.outcomes for each in outcome.attempts)


async def until(condition: Callable[[], bool]) -> None:
    """Return once something has become true that other tasks, processes or files decide."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - not all of them can tell
            await asyncio.sleep(0.005)


async def all_given_back(session: Session) -> None:
    """Return once no call holds a slot and none waits; what was broken off keeps its slot for a moment."""
    standing = session.keeping.limiter.standing
    await until(lambda: not any(each.slots or each.waiting for each in standing()))
