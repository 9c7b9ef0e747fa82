"""The migrations make the tables that the code works with, wholly or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, create_mock_engine, insert, inspect, update
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.pool import NullPool

from panvox.errors import StoreError
from panvox.messages import Prompt
from panvox.store import SqlJournal, database, migrations, schema
from panvox.store import rows as rows_of
from panvox.verdicts import Feedback, Mark
from tests.test_store import OUTCOMES, PANEL, ending, keep, listening, place, rows

__all__ = ["place"]  # a fixture


def test_migrations_and_tables_agree(place: Path) -> None:
    """What differs is what the next migration has to do."""
    url = database.address(place)
    database.prepare(url, patience=5.0)
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []

        found = inspect(connection)
        for table in schema.metadata.sorted_tables:  # these it does not compare
            assert found.get_pk_constraint(table.name)["name"] == table.primary_key.name
            assert [key["options"] for key in found.get_foreign_keys(table.name)] == [
                {"ondelete": "CASCADE"} for _ in table.foreign_key_constraints
            ]


def test_there_is_one_way_up_and_it_ends_at_the_revision_of_the_tables() -> None:
    assert migrations.revisions()[0] == schema.REVISION


def test_the_tables_can_be_made_in_postgresql() -> None:
    said: list[str] = []
    engine: MockConnection = create_mock_engine(
        "postgresql+asyncpg://",
        lambda statement, *_, **__: said.append(str(statement.compile(dialect=engine.dialect))),
    )
    schema.metadata.create_all(engine, checkfirst=False)

    assert "started DOUBLE PRECISION NOT NULL" in said[0]
    assert len(said) == len(schema.metadata.tables) + 3  # and indexes


async def test_what_is_there_survives_opening_again(place: Path) -> None:
    for run in ("a", "b"):
        async with SqlJournal.open(place) as journal:
            await keep(journal, run)

    async with SqlJournal.open(place) as journal:
        assert [summary.run for summary in await journal.runs()] == ["b", "a"]
        assert (await journal.run("a")).turns[0].outcomes == OUTCOMES


async def test_a_store_of_the_revision_before_keeps_its_runs_and_takes_feedback(place: Path) -> None:
    """Written as the version before wrote it, a verdict with the fields of the first version included."""
    await asyncio.to_thread(_write_as_revision_0003, place)

    async with SqlJournal.open(place) as journal:
        (turn,) = (await journal.run("old")).turns
        assert turn.ended is not None
        assert (turn.ended.verdict.consensus, turn.ended.verdict.confidence) == ("Paris", None)
        assert turn.feedback == ()
        said = Feedback(kind="answer", said="Paris", at=1.0, task="short", marks=(Mark("a", "b", True),))
        await journal.tell("old", 0, said)
        assert (await journal.run("old")).turns[0].feedback == (said,)


def _write_as_revision_0003(place: Path) -> None:
    database.create(place)
    engine = create_engine(database.address(place), poolclass=NullPool)
    with engine.begin() as connection:
        config = migrations.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        written = rows_of.begun("old", 0, Prompt.of("Where?"), PANEL, 1.0)
        for table, row in (*written, *rows_of.finished(ending("old"))):
            connection.execute(insert(table), dict(row))
        first = dict.fromkeys(("lineages", "asked", "answered"), 1) | {"consensus": "Paris"}
        connection.execute(update(schema.endings).values(verdict=first))


def test_a_migration_that_stops_half_way_leaves_nothing(place: Path) -> None:
    def stop(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "CREATE TABLE attempts" in statement:
            raise sqlite3.OperationalError("the power went off")

    url = database.address(place)
    with listening(Engine, "before_cursor_execute", stop), pytest.raises(StoreError, match="went off"):
        database.prepare(url, patience=5.0)
    assert rows(place, "SELECT name FROM sqlite_master") == []

    database.prepare(url, patience=5.0)
    assert rows(place, "SELECT version_num FROM alembic_version") == [(schema.REVISION,)]
