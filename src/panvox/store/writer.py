"""The one writer of a process: takes entries in the order in which they come and commits them in groups.

A commit waits for the disk, whatever its size; so a group takes what comes within `LINGER` seconds, up to
`GROUP` entries, and while it is being written the next one gathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
from sqlalchemy import Connection, Double, Insert, Table, bindparam, exists, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from panvox.store import database, schema
from panvox.store.rows import Row, Rows

GROUP = 50
LINGER = 0.005
ROOM = 1000
"""How many entries may wait, be gathered and be written at a time; the next sender waits."""
FLUSH = 2.0
"""Seconds for what has arrived to reach the disk, once the context is left by cancellation."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one turn that are written together; `written` is set when they are on disk or cannot be.

    `rows` is called when they are written. `opens` says that other entries of the turn need this one.
    """

    run: str
    turn: int
    rows: Callable[[], Rows]
    opens: bool = False
    written: asyncio.Event | None = None

    @property
    def key(self) -> tuple[str, int]:
        """The turn."""
        return self.run, self.turn


class Writer:
    """Owns `engine`: leaving the context writes what is left and disposes of it.

    Nothing that goes wrong with the database is raised: it is told by `problem`, and stays there, since
    what was lost stays lost. When the database fails, the turns it failed for are given up, so that a run is
    not slowed down by a disk that is full; a turn that begins later is tried again.
    """

    def __init__(self, engine: AsyncEngine, *, patience: float) -> None:
        self.problem: str | None = None
        self._engine = engine
        self._place = database.name(engine.url)
        self._patience = patience
        self._entries: asyncio.Queue[Entry | None] = asyncio.Queue()  # bounded by _room; None is the end
        self._room = asyncio.Semaphore(ROOM)
        self._lost: set[tuple[str, int]] = set()
        self._closed = False
        self._tasks = asyncio.TaskGroup()

    async def put(self, entry: Entry) -> None:
        """Hand over an entry; waits while there is no room."""
        if not self._closed:
            await self._room.acquire()
        if self._closed:
            self._tell(
                f"Run {entry.run} is not kept whole: the store {self._place} was closed before it ended."
            )
            self._settle([entry])
        else:
            self._entries.put_nowait(entry)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._writing = self._tasks.create_task(self._write_all(), name="panvox store")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._entries.put_nowait(None)
        try:
            if not isinstance(error, asyncio.CancelledError):
                await asyncio.wait({self._writing})
        finally:
            try:
                await _outlast(self._writing, asyncio.get_running_loop().time() + FLUSH)
            finally:
                self._writing.cancel()
                # The group never sees the caller's error, which would come out wrapped.
                await self._tasks.__aexit__(None, None, None)

    async def _write_all(self) -> None:
        last = False
        try:
            while not last:
                group, last = await self._gather()
                try:
                    await self._keep(group)
                finally:
                    self._settle(group)
        finally:
            if not last:
                self._tell(
                    f"The last answers are not kept: the store {self._place} took longer than {FLUSH:g} s."
                )
            while not self._entries.empty():
                if (entry := self._entries.get_nowait()) is not None:
                    self._settle([entry])
            await self._engine.dispose()

    async def _gather(self) -> tuple[list[Entry], bool]:
        """The next group, and whether it is the last."""
        group: list[Entry] = []
        entry = await self._entries.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while entry is not None:
                    group.append(entry)
                    if len(group) == GROUP:
                        break
                    entry = await self._entries.get()
        return group, entry is None

    async def _keep(self, group: Sequence[Entry]) -> None:
        """Commit a group; where one entry does not fit, each by itself, so that the others are kept."""
        wanted = [entry for entry in group if entry.key not in self._lost]
        if not wanted:
            return
        try:
            await database.write(self._engine, partial(_insert, wanted), patience=self._patience)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on and its user is told
            if len(wanted) > 1 and not database.fails(error):
                for entry in wanted:
                    await self._keep([entry])
            else:
                self._lose(wanted, error)

    def _lose(self, entries: Sequence[Entry], error: Exception) -> None:
        whole = database.fails(error)
        self._lost.update(entry.key for entry in entries if whole or entry.opens)
        self._tell(
            f"Run {entries[0].run} is not kept whole in the store {self._place}: {database.explain(error)}"
        )

    def _tell(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _settle(self, entries: Sequence[Entry]) -> None:
        """These are on disk, or never will be."""
        for entry in entries:
            self._room.release()
            if entry.written is not None:
                entry.written.set()
                self._lost.discard(entry.key)


def _insert(entries: Sequence[Entry], connection: Connection) -> None:
    rows: dict[Table, list[Row]] = {table: [] for table in _INSERTS}
    for entry in entries:
        for table, row in entry.rows():
            rows[table].append(row)
    for table, statement in _INSERTS.items():
        if rows[table]:
            connection.execute(statement, rows[table])


def _insert_new_run() -> Insert:
    """Every turn brings the row of its run; the first one counts. Said in SQL that every database has."""
    row = select(bindparam("id", type_=schema.Words), bindparam("started", type_=Double))
    return insert(schema.runs).from_select(
        ["id", "started"], row.where(~exists().where(schema.runs.c.id == bindparam("id")))
    )


# Parents come before children.
_INSERTS: dict[Table, Insert] = {table: insert(table) for table in schema.metadata.sorted_tables}
_INSERTS[schema.runs] = _insert_new_run()


async def _outlast(task: asyncio.Task[None], deadline: float) -> None:
    """Wait for `task`, until the clock of the loop shows `deadline`, through every cancellation."""
    clock = asyncio.get_running_loop().time
    try:
        await asyncio.wait({task}, timeout=max(deadline - clock(), 0))
    finally:
        if not task.done() and clock() < deadline:
            await _outlast(task, deadline)
