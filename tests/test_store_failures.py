"""Disks fill up, files are locked, damaged or newer, processes are killed: the run goes on all the same."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from panvox.errors import StoreError
from panvox.messages import Answer, Outcome, Prompt, State
from panvox.store import NullJournal, SqlJournal, open_journal, schema
from tests.test_store import OUTCOMES, PANEL, ending, keep, listening, place, rows

__all__ = ["place"]  # a fixture

LONG = Outcome(member=PANEL[0], state=State.ANSWERED, answer=Answer(text="x" * 1_000_000))
ELSEWHERE = "ame another file as `path` under [store] in panvox.toml"


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process, which runs `script` with what these tests use."""
    preamble = "import asyncio, os, sys\nfrom tests.test_store import *\nfrom panvox.store import *\n"
    command = [sys.executable, "-c", preamble + textwrap.dedent(script), *map(str, arguments)]
    folder = Path(__file__).parents[1]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)


@contextmanager
def lock(place: Path) -> Iterator[None]:
    """Another process keeps the database locked."""
    holder = child(
        """
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        print("locked", flush=True)
        sys.stdin.read()
        """,
        place,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield
        holder.communicate()


def content(place: Path) -> bytes:
    """The file, and those that SQLite puts beside it."""
    return b"".join(file.read_bytes() for file in sorted(place.parent.glob(f"{place.name}*")))


def damage(place: Path, start: int) -> None:
    """Garble all bytes from `start` on."""
    length = place.stat().st_size
    with place.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * (length - start))


async def make(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await keep(journal, "before")


# --- a store that cannot be opened ------------------------------------------------------------------


async def refusal(place: Path | str) -> str:
    """The sentence of a store that cannot be opened: told by the stand-in, and raised."""
    async with open_journal(place) as journal:
        assert isinstance(journal, NullJournal)
        await keep(journal, "r")
        with pytest.raises(StoreError) as raised:
            await journal.runs()
        assert str(raised.value) == journal.problem
        return journal.problem


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "data" / "panvox.db"

    assert await refusal(place) == (
        f"The store {place} cannot be opened: Not a directory ({place.parent}). N{ELSEWHERE}."
    )


async def test_a_folder_that_takes_no_files() -> None:
    problem = await refusal("/proc/self/panvox.db")
    assert problem.startswith("The store /proc/self/panvox.db cannot be opened: ")
    assert problem.endswith(f"N{ELSEWHERE}.")


async def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    assert "there is no way to it (unable to open database file)" in await refusal(tmp_path)


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "notes.txt"
    place.write_text("my notes\n" * 500)

    assert await refusal(place) == (
        f"The store {place} cannot be opened: it is no database (file is not a database). "
        f"The file was left as it is; n{ELSEWHERE}."
    )
    assert content(place) == b"my notes\n" * 500


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "books.db"
    connection = sqlite3.connect(place)
    connection.execute("CREATE TABLE books (title TEXT)")
    connection.close()
    before = content(place)

    assert await refusal(place) == (
        f"The file {place} belongs to another program: it holds the table 'books'. "
        f"It was left as it is; n{ELSEWHERE}."
    )
    assert content(place) == before


async def test_a_store_of_a_newer_panvox_is_left_alone(place: Path) -> None:
    await make(place)
    connection = sqlite3.connect(place)
    connection.execute("UPDATE alembic_version SET version_num = '0815'")
    connection.commit()
    connection.close()
    before = content(place)

    assert await refusal(place) == (
        f"The store {place} was written by a newer panvox (revision '0815'; this one knows up to "
        f"{schema.REVISION!r}). Upgrade panvox, or n{ELSEWHERE}."
    )
    assert content(place) == before


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql://me:secret@localhost/panvox",
            "at postgresql://me:***@localhost/panvox: only a file of SQLite",
        ),
        ("sqlite://", "at sqlite://: only a file of SQLite"),
        ("sqlite:///:memory:", "at sqlite:///%3Amemory%3A: only a file of SQLite"),
        ("://", "at '://': Could not parse SQLAlchemy URL"),
        ("~nobody-here/panvox.db", "at '~nobody-here/panvox.db': Could not determine home directory. Name a"),
    ],
)
async def test_a_place_that_is_no_file(url: str, shown: str) -> None:
    assert shown in await refusal(url)


# --- a store that cannot be written to --------------------------------------------------------------


async def test_a_read_only_file_can_be_read_and_says_why_it_keeps_nothing(place: Path) -> None:
    await make(place)

    async with open_journal(f"sqlite:///file:{place}?mode=ro&uri=true") as journal:
        await keep(journal, "r")

        assert journal.problem == (
            f"Run r is not kept whole in the store file:{place}: it is read-only (attempt to write a "
            f"readonly database). Make the file and its folder writable, or n{ELSEWHERE}."
        )
        assert [summary.run for summary in await journal.runs()] == ["before"]
        with pytest.raises(StoreError, match="cannot be used: it is read-only"):
            await journal.forget("before")


def test_a_disk_that_takes_nothing_is_told_of_when_the_store_is_made(tmp_path: Path) -> None:
    place = tmp_path / "new.db"
    opening = child(
        """
        import resource
        from panvox.errors import StoreError
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        async def made():
            async with SqlJournal.open(Path(sys.argv[1])):
                pass

        try:
            asyncio.run(made())
        except StoreError as error:
            print(error)
        """,
        place,
    )
    said, _ = opening.communicate()
    assert said == (
        f"The store {place} cannot be opened: the disk fails (disk I/O error). "
        f"Check it and its free space, or n{ELSEWHERE}.\n"
    )


async def test_a_full_disk_ends_the_keeping_and_not_the_run(place: Path) -> None:
    await make(place)

    def fill(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 100")  # of 4 KiB

    with listening(Engine, "connect", fill):
        async with open_journal(place) as journal:
            await journal.begin("r", 0, Prompt.of("?"), PANEL)
            for _ in range(100):
                await journal.outcome("r", 0, LONG)
            await journal.finish(ending("r"))
            assert journal.problem == (
                f"Run r is not kept whole in the store {place}: the disk is full (database or disk is full). "
                f"Free some space, or n{ELSEWHERE}."
            )
            await keep(journal, "small")  # there is room for this one
            assert (await journal.run("small")).turns[0].outcomes == OUTCOMES

    assert rows(place, "PRAGMA integrity_check") == [("ok",)]
    async with SqlJournal.open(place) as journal:
        assert (await journal.run("before")).turns[0].outcomes == OUTCOMES


async def test_a_file_that_may_not_grow(place: Path) -> None:
    """A limit of the system's, which fails the way that a quota or a broken disk does."""
    process = child(
        """
        import resource
        async def main():
            async with open_journal(sys.argv[1]) as journal:
                await keep(journal, "before")
                resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
                await journal.begin("r", 0, Prompt.of("x" * 1_000_000), PANEL)
                await journal.finish(ending("r"))
                print(journal.problem)
        asyncio.run(main())
        """,
        place,
    )
    said, _ = process.communicate()

    assert process.returncode == 0
    assert said.startswith(f"Run r is not kept whole in the store {place}: the disk ")
    assert said.endswith(f"n{ELSEWHERE}.\n")
    async with SqlJournal.open(place) as journal:
        assert [summary.run for summary in await journal.runs()] == ["before"]
    assert rows(place, "PRAGMA integrity_check") == [("ok",)]


async def test_a_locked_database_is_waited_for_and_then_told(place: Path) -> None:
    await make(place)

    async with SqlJournal.open(place, patience=0.3) as journal:
        with lock(place):
            await keep(journal, "r")
            assert journal.problem == (
                f"Run r is not kept whole in the store {place}: another program keeps it locked (database is "
                f"locked). Let that program end, or n{ELSEWHERE}."
            )
            with pytest.raises(StoreError, match="another program keeps it locked"):
                await journal.forget("before")
        await keep(journal, "after")
        assert [summary.run for summary in await journal.runs()] == ["after", "before"]
        assert journal.problem.startswith("Run r is not kept")  # it stays lost


async def test_a_lock_that_goes_away_in_time_costs_nothing(place: Path) -> None:
    await make(place)

    async with SqlJournal.open(place) as journal:
        with lock(place):
            await journal.begin("r", 0, Prompt.of("?"), PANEL)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(journal.finish(ending("r")), timeout=0.6)
        await keep(journal, "s")
        assert journal.problem is None
        assert (await journal.run("r")).turns[0].ended == ending("r")


async def test_senders_wait_while_too_much_is_on_its_way(place: Path) -> None:
    await make(place)

    async with SqlJournal.open(place) as journal:
        with lock(place):
            await journal.begin("r", 0, Prompt.of("?"), PANEL)
            for _ in range(999):
                await journal.outcome("r", 0, OUTCOMES[0])
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(journal.outcome("r", 0, OUTCOMES[1]), timeout=0.05)
        await asyncio.wait_for(journal.outcome("r", 0, OUTCOMES[2]), timeout=30)


async def test_an_interrupted_run_is_not_held_up_by_a_locked_database(place: Path) -> None:
    """Two seconds are for writing what is left; a second interruption does not shorten them."""
    await make(place)
    loop = asyncio.get_running_loop()
    opened: list[SqlJournal] = []

    async def ask() -> None:
        async with SqlJournal.open(place, patience=60) as journal:
            opened.append(journal)
            await keep(journal, "r")

    with lock(place):
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(ask())
            started = loop.time()
            for seconds in (0.3, 0.6):
                loop.call_later(seconds, asking.cancel)

    assert asking.cancelled()
    assert 2 < loop.time() - started < 5
    assert opened[0].problem == f"The last answers are not kept: the store {place} took longer than 2 s."


async def test_what_does_not_fit_is_told_and_keeps_nothing_else_out(place: Path) -> None:
    """Two that go on with one run write the same turn: the first stays as it is."""
    await make(place)

    async with SqlJournal.open(place) as journal:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep(journal, "before"))
            tasks.create_task(keep(journal, "other"))
        assert journal.problem is not None
        assert journal.problem.startswith(
            f"Run before is not kept whole in the store {place}: it does not fit what is there (UNIQUE"
        )
        assert [len((await journal.run(run)).turns) for run in ("before", "other")] == [1, 1]
        assert (await journal.run("other")).turns[0].outcomes == OUTCOMES


async def test_an_outcome_that_does_not_fit_leaves_the_others(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await journal.begin("r", 0, Prompt.of("?"), PANEL[:2])
        for outcome in OUTCOMES:  # the third was never asked
            await journal.outcome("r", 0, outcome)
        await journal.finish(ending("r"))

        assert journal.problem is not None
        assert "(FOREIGN KEY constraint failed)" in journal.problem
        (turn,) = (await journal.run("r")).turns
        assert (turn.outcomes, turn.ended) == (OUTCOMES[:2], ending("r"))


async def test_a_value_that_cannot_be_read_is_an_error_with_a_sentence(place: Path) -> None:
    await make(place)
    connection = sqlite3.connect(place)
    connection.execute("UPDATE turns SET prompt = 'nonsense'")
    connection.commit()
    connection.close()

    async with SqlJournal.open(place) as journal:
        with pytest.raises(StoreError, match=rf"The store {place} cannot be used: DecodeError"):
            await journal.run("before")


async def test_a_damaged_store_says_so(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        for number in range(20):
            await keep(journal, f"r{number}", question="x" * 5000)
    damage(place, 8192)

    async with open_journal(place) as journal:
        await keep(journal, "r")
        assert journal.problem is not None
        assert "it is damaged (database disk image is malformed)" in journal.problem
        with pytest.raises(StoreError, match=r"it is damaged .* Put back a copy of the file"):
            await journal.runs()


async def test_a_store_that_is_overwritten_while_it_is_open(place: Path) -> None:
    await make(place)

    async with SqlJournal.open(place) as journal:
        damage(place, 0)
        await keep(journal, "r")
        assert journal.problem is not None
        assert "it is no database (file is not a database)" in journal.problem
        with pytest.raises(StoreError, match="it is no database"):
            await journal.runs()


# --- several processes ------------------------------------------------------------------------------


async def test_processes_that_start_and_write_at_the_same_time_lose_nothing(place: Path) -> None:
    script = """
        async def main():
            async with SqlJournal.open(sys.argv[1]) as journal:
                for number in range(20):
                    await keep(journal, f"{sys.argv[2]}-{number}")
                assert journal.problem is None, journal.problem
        sys.stdin.read()
        asyncio.run(main())
        """
    processes = [child(script, place, name) for name in "abc"]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()  # go
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()

    async with SqlJournal.open(place) as journal:
        assert {summary.run for summary in await journal.runs(limit=100)} == {
            f"{name}-{number}" for name in "abc" for number in range(20)
        }
        for summary in await journal.runs(limit=100):
            assert (await journal.run(summary.run)).turns[0].outcomes == OUTCOMES


async def test_what_was_said_to_be_on_disk_survives_a_kill(place: Path) -> None:
    with child(
        """
        async def main():
            async with SqlJournal.open(sys.argv[1]) as journal:
                number = 0
                while True:
                    await keep(journal, f"run-{number:04}")
                    print(f"run-{number:04}", flush=True)
                    number += 1
                    await journal.begin(f"open-{number:04}", 0, Prompt.of("?"), PANEL)
        asyncio.run(main())
        """,
        place,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()

    async with SqlJournal.open(place) as journal:
        found = {summary.run: summary for summary in await journal.runs(limit=10_000)}
        assert set(said) <= found.keys()
        for run in said:
            assert (await journal.run(run)).turns[0].outcomes == OUTCOMES
        assert found["open-0001"].duration is None
        assert (await journal.run("open-0001")).turns[0].ended is None
        await keep(journal, "after")
    assert rows(place, "PRAGMA integrity_check") == [("ok",)]
    assert rows(place, "PRAGMA foreign_key_check") == []
