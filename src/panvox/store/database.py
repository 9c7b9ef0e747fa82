"""The database under the store: where it is, how it is opened and upgraded, and what its errors mean.

All that is special about SQLite is here.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from panvox.errors import StoreError
from panvox.store import schema

Place = Path | str
"""The path of an SQLite file, or a URL such as `sqlite:////path`."""

Result = TypeVar("Result")

_STEP = 0.25
"""Seconds that the writer's thread waits for a lock: it cannot be called back from there."""

_ELSEWHERE = "name another file as `path` under [store] in panvox.toml"


def address(place: Place) -> URL:
    """The URL of `place`; raises `StoreError` for one that is no file of SQLite."""
    try:
        if isinstance(place, Path) or "://" not in place:
            return URL.create("sqlite", database=str(Path(place).expanduser().absolute()))
        url = make_url(place)
    except (ArgumentError, RuntimeError) as error:  # the latter for the home of an unknown user
        raise StoreError(f"The store cannot be at {str(place)!r}: {error} Name a file.") from error
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        shown = url.render_as_string(hide_password=True)
        raise StoreError(f"The store cannot be at {shown}: only a file of SQLite will do. Name a file.")
    return url.set(drivername="sqlite")


def name(url: URL) -> str:
    """What people call the database: its path."""
    return url.database or str(url)


# The driver begins no transaction of its own, so that one can start with a read, and hold a migration.
_DRIVER = {"isolation_level": None}
_WRITING = {"begin": "BEGIN IMMEDIATE"}  # takes the lock at once: a reader that turns writer can be refused


def prepare(url: URL, *, patience: float) -> Engine:
    """Make the file if it is not there, see that it is a store, and bring it up to date.

    Blocks, and so does the engine it gives, for `read` and `change`: for `patience` seconds while another
    program keeps the database locked. A file that is something else is left as it is. Raises `StoreError`.
    """
    # No pool: a connection is closed by the thread that opened it, whoever has stopped waiting for that.
    arguments = {**_DRIVER, "timeout": patience}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    try:
        if "uri" not in url.query:
            create(Path(name(url)))
        revision = _revision(engine)
        if revision != schema.REVISION:
            _upgrade(engine, revision)
    except (OSError, SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(f"The store {name(url)} cannot be opened: {explain(error)}") from error
    # Only now: a migration that makes a table anew must not delete what belongs to its rows.
    event.listen(engine, "connect", _set_pragmas)
    return engine


def create(file: Path) -> None:
    """Make an empty file that is the user's alone, and its folder; blocks, and raises `OSError`.

    An existing one is not even opened: closing it would drop the locks that this process holds on it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, mode=0o600))


def _revision(engine: Engine) -> str | None:
    """What the database says of itself; None for a new one."""
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" in tables:
            return connection.scalar(select(schema.version.c.version_num))
        if tables:
            raise StoreError(
                f"The file {engine.url.database} belongs to another program: it holds the table "
                f"{tables[0]!r}. It was left as it is; {_ELSEWHERE}."
            )
        return None


def _upgrade(engine: Engine, revision: str | None) -> None:
    # Alembic costs a quarter of a second: a database that is up to date does without.
    from panvox.store import migrations  # noqa: PLC0415

    if revision is not None and revision not in migrations.revisions():
        raise StoreError(
            f"The store {engine.url.database} was written by a newer panvox (revision {revision!r}; this one "
            f"knows up to {schema.REVISION!r}). Upgrade panvox, or {_ELSEWHERE}."
        )
    with closing(engine.raw_connection()) as driver, closing(driver.cursor()) as cursor:
        # Readers and the writer do not wait for each other. The file remembers.
        cursor.execute("PRAGMA journal_mode = WAL")
    # Another process may be at it too: whoever comes second waits, and finds nothing left to do.
    with engine.execution_options(**_WRITING).begin() as connection:
        migrations.upgrade(connection)


def connect(url: URL) -> AsyncEngine:
    """An engine for `write`, on a database that `prepare` has seen. Blocks: it imports the driver."""
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={**_DRIVER, "timeout": _STEP},
        execution_options=_WRITING,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _set_pragmas(connection: PoolProxiedConnection, _record: ConnectionPoolEntry) -> None:
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA foreign_keys = ON")
            # A group that was committed survives a power cut: it was paid for.
            cursor.execute("PRAGMA synchronous = FULL")
            # What is forgotten is overwritten: prompts are private.
            cursor.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        connection.close()
        raise


def read(engine: Engine, query: Callable[[Connection], Result]) -> Result:
    """What `query` returns, from one snapshot. Blocks. Raises `StoreError`."""
    try:
        with engine.begin() as connection:
            return query(connection)
    except (SQLAlchemyError, msgspec.MsgspecError) as error:
        raise StoreError(f"The store {name(engine.url)} cannot be used: {explain(error)}") from error


def change(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    """What `work` returns, once its transaction is on disk. Blocks. Raises `StoreError`."""
    return read(engine.execution_options(**_WRITING), work)


async def write(engine: AsyncEngine, work: Callable[[Connection], None], *, patience: float) -> None:
    """Do `work` in a transaction that is on disk afterwards; waits `patience` seconds for the lock, in steps.

    Raises what SQLAlchemy raises.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience
    while True:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(work)
        except OperationalError as error:
            # The lock is taken first, so that nothing has been done when it is not to be had.
            if _code(error.orig) != sqlite3.SQLITE_BUSY or clock() >= deadline:
                raise
        else:
            return


def fails(error: Exception) -> bool:
    """Whether the database itself is in trouble, and not what was to be written."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


_TROUBLES = {
    sqlite3.SQLITE_FULL: ("the disk is full", f"Free some space, or {_ELSEWHERE}"),
    sqlite3.SQLITE_IOERR: ("the disk fails", f"Check it and its free space, or {_ELSEWHERE}"),
    sqlite3.SQLITE_READONLY: ("it is read-only", f"Make the file and its folder writable, or {_ELSEWHERE}"),
    sqlite3.SQLITE_CANTOPEN: (
        "there is no way to it",
        f"Make its folder readable and writable, or {_ELSEWHERE}",
    ),
    sqlite3.SQLITE_BUSY: ("another program keeps it locked", f"Let that program end, or {_ELSEWHERE}"),
    sqlite3.SQLITE_NOTADB: ("it is no database", f"The file was left as it is; {_ELSEWHERE}"),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", f"Put back a copy of the file, or {_ELSEWHERE}"),
    sqlite3.SQLITE_CONSTRAINT: (
        "it does not fit what is there",
        "The run may have been deleted, or continued elsewhere, meanwhile",
    ),
}


def explain(error: Exception) -> str:
    """What is wrong with the database and what to do, to go after a colon; never holds what was written."""
    match error:
        case DBAPIError() if error.orig is not None:
            return explain(error.orig)
        case sqlite3.Error():
            trouble, remedy = _TROUBLES.get(
                _code(error), ("it cannot be used", f"Check the file, or {_ELSEWHERE}")
            )
            return f"{trouble} ({error}). {remedy}."
        case OSError():
            return f"{error.strerror or error} ({error.filename}). {_ELSEWHERE.capitalize()}."
        case _:
            return f"{type(error).__name__}: {error}. This is a defect in panvox; please report it."


def _code(error: BaseException | None) -> int:
    """SQLite's primary code; the upper bytes tell of details."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
