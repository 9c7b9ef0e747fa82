"""The file of answers: what was put in comes out, for as long as it may, and trouble is told and survived."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import panvox
from panvox.messages import Answer, Finish, Identity, Prompt, Text, ToolCall, Usage
from panvox.policies.cached import Cached, Flights
from panvox.protocols import Cache
from panvox.store import AnswerCache, NullCache, answers_path
from panvox.testing import MemoryCache, ScriptedModel

HOUR = 3600.0
ROOMY = 10**7

ANSWER = Answer(
    text="Paris \U0001f5fc",
    reasoning="The capital …",
    tool_calls=(ToolCall("1", "look_up", '{"city":"Paris"}'),),
    finish=Finish.STOP,
    usage=Usage(prompt_tokens=7, completion_tokens=2, cost=Decimal("0.00012")),
    model="gpt-5-2026",
)


def key_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def answers(
    path: Path, *, max_age: float = HOUR, max_bytes: int = ROOMY, clock: Callable[[], float] | None = None
) -> AsyncIterator[AnswerCache]:
    async with AnswerCache.open(path, max_age=max_age, max_bytes=max_bytes, clock=clock or Clock()) as opened:
        yield opened


async def test_an_answer_comes_out_as_it_went_in_also_for_the_next_process(tmp_path: Path) -> None:
    clock = Clock()
    async with answers(tmp_path / "a.db", clock=clock) as cache:
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(1), ANSWER)
        clock.now += 5
    async with answers(tmp_path / "a.db", clock=clock) as cache:
        kept = await cache.get(key_of(1))
        assert kept is not None
        assert (kept.answer, kept.at) == (ANSWER, clock.now - 5)
        assert await cache.get(key_of(2)) is None
        assert cache.problem is None


async def test_the_later_answer_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db") as cache:
        await cache.put(key_of(1), ANSWER)
        await cache.put(key_of(1), Answer(text="Lyon", finish=Finish.STOP))
        kept = await cache.get(key_of(1))
        assert kept is not None
        assert kept.answer.text == "Lyon"


@pytest.mark.parametrize(("seconds", "found"), [(HOUR - 1, True), (HOUR, False), (-1, False)])
async def test_an_answer_is_given_for_its_time_and_not_from_the_future(
    tmp_path: Path, seconds: float, found: bool
) -> None:
    clock = Clock()
    async with answers(tmp_path / "a.db", clock=clock) as cache:
        await cache.put(key_of(1), ANSWER)
        clock.now += seconds
        assert (await cache.get(key_of(1)) is not None) is found


async def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    async with answers(tmp_path / "new" / "a.db") as cache:
        await cache.put(key_of(1), ANSWER)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
        assert modes == {0o600}
    assert answers_path().name == "answers-1.db"


def sizes(path: Path) -> tuple[int, int]:
    """Bytes and rows that are kept."""
    if not path.exists():
        return 0, 0
    with closing(sqlite3.connect(path)) as connection:
        together, rows = connection.execute("SELECT coalesce(sum(size), 0), count(*) FROM answers").fetchone()
    return together, rows


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "get", "late"]), st.integers(0, 9), st.integers(0, 400)),
        max_size=60,
    )
)
def test_the_room_is_never_exceeded_and_what_is_found_is_what_was_put_last(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    path, room = tmp_path_factory.mktemp("answers") / "a.db", 2000
    latest: dict[int, Answer] = {}

    async def follow() -> None:
        clock = Clock()
        async with answers(path, max_bytes=room, clock=clock) as cache:
            for what, number, length in steps:
                clock.now += HOUR / 3 if what == "late" else 1
                if what == "put":
                    latest[number] = Answer(text="x" * length, finish=Finish.STOP)
                    await cache.put(key_of(number), latest[number])
                    assert sizes(path)[0] <= room
                elif (kept := await cache.get(key_of(number))) is not None:
                    assert kept.answer == latest[number]
                    assert clock.now - kept.at < HOUR
            assert cache.problem is None

    asyncio.run(follow())


async def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    clock = Clock()
    text = "x" * 300  # some 450 bytes with everything: four fit
    async with answers(tmp_path / "a.db", max_bytes=2000, clock=clock) as cache:
        for number in range(4):
            clock.now += 1
            await cache.put(key_of(number), Answer(text=text, finish=Finish.STOP))
        clock.now += 1
        assert await cache.get(key_of(0)) is not None
        clock.now += 1
        await cache.put(key_of(4), Answer(text=text, finish=Finish.STOP))
        found = [number for number in range(5) if await cache.get(key_of(number)) is not None]
    assert found == [0, 3, 4]


async def test_that_an_answer_was_used_outlives_the_process(tmp_path: Path) -> None:
    clock = Clock()
    text = "x" * 300
    async with answers(tmp_path / "a.db", max_bytes=2000, clock=clock) as cache:
        for number in range(4):
            clock.now += 1
            await cache.put(key_of(number), Answer(text=text, finish=Finish.STOP))
        clock.now += 1
        await cache.get(key_of(0))
    async with answers(tmp_path / "a.db", max_bytes=2000, clock=clock) as cache:
        clock.now += 1
        await cache.put(key_of(4), Answer(text=text, finish=Finish.STOP))
        assert await cache.get(key_of(0)) is not None
        assert await cache.get(key_of(1)) is None


async def test_an_answer_that_would_push_out_the_others_is_not_kept(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db", max_bytes=4000) as cache:
        await cache.put(key_of(1), Answer(text="short", finish=Finish.STOP))
        await cache.put(key_of(2), Answer(text="x" * 3000, finish=Finish.STOP))
        assert await cache.get(key_of(1)) is not None
        assert await cache.get(key_of(2)) is None
        assert cache.problem is None


async def test_what_cannot_be_written_is_not_kept_and_harms_nothing(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db") as cache:
        await cache.put(key_of(1), ANSWER)
        await cache.put(key_of(1), Answer(text="half \ud83d", finish=Finish.STOP))
        await cache.put(key_of(2), Answer(text="x", usage=Usage(prompt_tokens=2**70)))
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(3), ANSWER)
        assert await cache.get(key_of(3)) is not None
        assert cache.problem is None


async def test_a_row_of_another_shape_is_no_answer(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db") as cache:
        await cache.put(key_of(1), ANSWER)
        with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
            connection.execute("UPDATE answers SET value = ?", (b"\xc1nothing",))
        assert await cache.get(key_of(1)) is None
        assert cache.problem is None


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 100)


def replace_by_folder(path: Path) -> None:
    path.mkdir()


def occupy_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file where a folder should be")


@pytest.mark.parametrize("harm", [damage, replace_by_folder, occupy_folder])
async def test_a_file_that_cannot_be_used_is_told_once_and_never_raised(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "cache" / "a.db"
    path.parent.mkdir()
    harm(path)
    async with answers(path) as cache:
        await cache.put(key_of(1), ANSWER)
        told = cache.problem
        assert told is not None
        assert str(path) in told
        assert "delete" in told
        assert await cache.get(key_of(1)) is None
        assert cache.problem == told


async def test_a_file_that_is_damaged_meanwhile_is_a_cache_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with answers(path) as cache:
        for number in range(50):
            await cache.put(key_of(number), Answer(text="x" * 2000, finish=Finish.STOP))
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    async with answers(path) as cache:
        assert await cache.get(key_of(1)) is None
        await cache.put(key_of(1), ANSWER)
        assert cache.problem is not None


async def test_a_file_that_another_program_keeps_locked_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with answers(path) as cache:
        await cache.put(key_of(1), ANSWER)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await cache.get(key_of(1)) is not None, "reading needs no lock"
            await cache.put(key_of(2), ANSWER)
        assert cache.problem is not None
        assert "locked" in cache.problem
        assert await cache.get(key_of(1)) is None


async def test_hundreds_read_and_write_at_once(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db") as cache, asyncio.TaskGroup() as tasks:
        for number in range(300):
            tasks.create_task(cache.put(key_of(number), ANSWER))
        found = [tasks.create_task(cache.get(key_of(number))) for number in range(300)]
    assert all(task.result() is not None for task in found)


async def test_a_cancelled_reader_leaves_the_cache_usable_and_it_closes(tmp_path: Path) -> None:
    async with answers(tmp_path / "a.db") as cache:
        await cache.put(key_of(1), ANSWER)
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(cache.get(key_of(1))) for _ in range(20)]
            await asyncio.sleep(0)
            for task in reading:
                task.cancel()
        assert await cache.get(key_of(1)) is not None
    assert await cache.get(key_of(1)) is None, "it is closed"


WRITER = """
import asyncio, sys
from pathlib import Path
from panvox.messages import Answer, Finish
from panvox.store import AnswerCache

async def main() -> None:
    async with AnswerCache.open(Path(sys.argv[1]), max_age=3600, max_bytes=10**7) as cache:
        for number in range(100):
            await cache.put(f"{sys.argv[2]} {number}".encode(), Answer(text="x", finish=Finish.STOP))
        print(cache.problem)

asyncio.run(main())
"""


def test_several_processes_may_make_and_fill_one_file_at_the_same_time(tmp_path: Path) -> None:
    path, env = tmp_path / "a.db", {"PYTHONPATH": str(Path(panvox.__file__).parents[1])}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number)], stdout=subprocess.PIPE, text=True, env=env
        )
        for number in range(4)
    ]
    assert [writer.communicate()[0] for writer in writers] == ["None\n"] * 4
    assert sizes(path)[1] == 400


async def test_a_model_gives_its_answer_again_in_the_next_process_with_real_files_and_clocks(
    tmp_path: Path,
) -> None:
    model, identity = ScriptedModel.saying("openai/gpt", "Paris"), Identity(name="openai/gpt")
    for _ in range(2):
        async with AnswerCache.open(tmp_path / "a.db", max_age=HOUR, max_bytes=ROOMY) as cache:
            cached = Cached(model, identity=identity, cache=cache, flights=Flights())
            async with cached.stream(Prompt.of("What is the capital of France?")) as events:
                assert Text("Paris") in [event async for event in events]
    assert len(model.prompts) == 1


async def test_who_keeps_nothing_says_nothing_of_it() -> None:
    cache = NullCache()
    await cache.put(key_of(1), ANSWER)
    assert await cache.get(key_of(1)) is None
    assert cache.problem is None


async def test_the_double_keeps_what_the_file_keeps() -> None:
    cache: Cache = MemoryCache()
    await cache.put(key_of(1), ANSWER)
    kept = await cache.get(key_of(1))
    assert kept is not None
    assert kept.answer == ANSWER
    assert await cache.get(key_of(2)) is None
