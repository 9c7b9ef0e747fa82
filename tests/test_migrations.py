"""The migrations make the tables that the code works with, wholly or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, create_mock_engine, inspect
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.pool import NullPool

from panvox.errors import StoreError
from panvox.store import SqlJournal, database, migrations, schema
from tests.test_store import OUTCOMES, keep, listening, place, rows

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
