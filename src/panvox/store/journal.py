"""The journal that runs are written to and the store they are read from: one object, or its stand-in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn, Self

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from panvox.errors import StoreError
from panvox.messages import Identity, Outcome, Prompt, RunEnded
from panvox.store import database, feedback, reading, rows
from panvox.store.money import Money
from panvox.store.reading import RunSummary, StoredRun
from panvox.store.writer import Entry, Writer
from panvox.verdicts import Feedback, Verdict


class SqlJournal:
    """Runs in a database: a `Journal` to write to, and the runs that are there to read.

    Writing never raises; see `problem`. Reading raises `StoreError`, and sees what was on disk when it began.
    `money` is what was spent, in the same database.
    """

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self.money = Money(engine)
        self._engine = engine
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def open(cls, place: database.Place, *, patience: float = 5.0) -> AsyncIterator[Self]:
        """The store at `place`, a path or a URL; made or brought up to date where needed.

        Leaving the context writes what has arrived: all of it, or, when cancelled, what can be written in
        two seconds. `patience` is how many seconds to wait while another program keeps the database locked.
        Raises `StoreError` when it cannot be opened.
        """
        engine, writing = await asyncio.to_thread(_open, place, patience)
        async with Writer(writing, patience=patience) as writer:
            yield cls(engine, writer)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place}>"

    @property
    def place(self) -> str:
        """The path of the database."""
        return database.name(self._engine.url)

    @property
    def problem(self) -> str | None:
        """Why some run is not kept whole, as a sentence; the first such problem stays."""
        return self._writer.problem

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """A turn of a run starts, now."""
        opening = partial(rows.begun, run, turn, prompt, members, time.time())
        await self._writer.put(Entry(run=run, turn=turn, rows=opening, opens=True))

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """A member has ended. Waits only while a thousand others wait to be written."""
        await self._writer.put(Entry(run=run, turn=turn, rows=partial(rows.ended, run, turn, outcome)))

    async def finish(self, ended: RunEnded) -> None:
        """The turn is over. Returns when everything of it is on disk, or cannot be."""
        written = asyncio.Event()
        ending = partial(rows.finished, ended)
        await self._writer.put(Entry(run=ended.run, turn=ended.turn, rows=ending, written=written))
        await written.wait()

    async def judged(self, run: str, turn: int, verdict: Verdict) -> None:
        """A later verdict of a turn that is over. Returns when it is on disk, or cannot be."""
        written = asyncio.Event()
        row = partial(rows.judged, run, turn, verdict, time.time())
        await self._writer.put(Entry(run=run, turn=turn, rows=row, written=written))
        await written.wait()

    async def runs(self, limit: int = 20) -> list[RunSummary]:
        """The latest runs, `limit` at most."""
        return await asyncio.to_thread(database.read, self._engine, partial(reading.summaries, limit))

    async def run(self, reference: str) -> StoredRun:
        """The run with this id, or whose id alone begins so, or the `last` one."""
        return await asyncio.to_thread(database.read, self._engine, partial(reading.stored, reference))

    async def tell(self, run: str, turn: int, said: Feedback) -> None:
        """Write down what a user said of a turn; on disk when it returns. Raises `StoreError`."""
        writing = partial(feedback.add, (run, turn), said)
        await asyncio.to_thread(database.change, self._engine, writing)

    async def told(self) -> Mapping[tuple[str, int], tuple[Feedback, ...]]:
        """All feedback that holds, by run and turn, the oldest run first."""
        return await asyncio.to_thread(database.read, self._engine, partial(feedback.told, None))

    async def forget(self, reference: str) -> str:
        """Delete a run and all that belongs to it, for good; gives its id.

        What a run that is still under way writes after that is lost.
        """
        return await asyncio.to_thread(database.change, self._engine, partial(reading.forget, reference))


def _open(place: database.Place, patience: float) -> tuple[Engine, AsyncEngine]:
    url = database.address(place)
    return database.prepare(url, patience=patience), database.connect(url)


class NullJournal:
    """Keeps nothing and says why; reading from it raises `StoreError` with the same sentence."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    @property
    def problem(self) -> str:
        """Why runs are not being kept."""
        return self._problem

    @property
    def money(self) -> Money:
        """Raises `StoreError`."""
        self._refuse()

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """Is not kept."""

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """Is not kept."""

    async def finish(self, ended: RunEnded) -> None:
        """Is not kept."""

    async def judged(self, run: str, turn: int, verdict: Verdict) -> None:
        """Is not kept."""

    async def runs(self, limit: int = 20) -> list[RunSummary]:
        """Raises `StoreError`."""
        self._refuse()

    async def run(self, reference: str) -> StoredRun:
        """Raises `StoreError`."""
        self._refuse()

    async def tell(self, run: str, turn: int, said: Feedback) -> None:
        """Raises `StoreError`."""
        self._refuse()

    async def told(self) -> Mapping[tuple[str, int], tuple[Feedback, ...]]:
        """Raises `StoreError`."""
        self._refuse()

    async def forget(self, reference: str) -> str:
        """Raises `StoreError`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise StoreError(self._problem)


@asynccontextmanager
async def open_journal(place: database.Place) -> AsyncIterator[SqlJournal | NullJournal]:
    """The store at `place`, or, where it cannot be opened, a stand-in that says why."""
    async with AsyncExitStack() as stack:
        journal: SqlJournal | NullJournal
        try:
            journal = await stack.enter_async_context(SqlJournal.open(place))
        except StoreError as error:
            journal = NullJournal(str(error))
        yield journal


def default_path() -> Path:
    """Where runs are kept unless the settings say otherwise: a file in the user's data folder."""
    import platformdirs  # noqa: PLC0415 - needed only where no path is set

    return platformdirs.user_data_path("panvox", appauthor=False) / "panvox.db"
