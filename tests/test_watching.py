"""Settings that change while panvox runs: what is right is taken over, what is wrong is told and left."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from panvox.compose import watching as following
from panvox.settings import Settings, load, watching
from panvox.settings.watching import watch

GUARD = 30.0
"""Seconds after which a test that waits for a change gives up."""


class Listener:
    """What the watch has told so far, each waited for in turn."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[Settings] = asyncio.Queue()
        self.problems: asyncio.Queue[str] = asyncio.Queue()
        self.loads: asyncio.Queue[None] = asyncio.Queue()

    async def change(self) -> Settings:
        async with asyncio.timeout(GUARD):
            return await self.changes.get()

    async def problem(self) -> str:
        async with asyncio.timeout(GUARD):
            return await self.problems.get()

    async def load(self) -> None:
        """The files were read once more, whatever came of it."""
        async with asyncio.timeout(GUARD):
            await self.loads.get()

    @property
    def silent(self) -> bool:
        return self.changes.empty() and self.problems.empty()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens before the folders are watched is found by looking: soon."""
    monkeypatch.setattr(watching, "LOOK", 0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".git").mkdir()
    return project


@asynccontextmanager
async def watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, explicit: Path | None = None
) -> AsyncIterator[Listener]:
    """A watch on the settings as they are; it has looked at them once when this begins."""
    listener, loop = Listener(), asyncio.get_running_loop()
    settings = await asyncio.to_thread(load, explicit=explicit, cwd=folder)

    def counted(*, explicit: Path | None, cwd: Path | None) -> Settings:
        try:
            return load(explicit=explicit, cwd=cwd)
        finally:
            loop.call_soon_threadsafe(listener.loads.put_nowait, None)

    monkeypatch.setattr(watching, "load", counted)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            watch(
                settings,
                explicit=explicit,
                cwd=folder,
                changed=listener.changes.put_nowait,
                problem=listener.problems.put_nowait,
            )
        )
        await listener.load()
        yield listener
        task.cancel()


def say(file: Path, deadline: float, more: str = "") -> None:
    file.write_text(f"[run]\ndeadline = {deadline}\n{more}")


def rename_over(file: Path, deadline: float) -> None:
    """As careful programs save: beside it, then in its place."""
    beside = file.with_name(f".{file.name}.swp")
    say(beside, deadline)
    beside.replace(file)


def write_in_pieces(file: Path, deadline: float) -> None:
    with file.open("w") as stream:
        for letter in f"[run]\ndeadline = {deadline}\n":
            stream.write(letter)
            stream.flush()


def remove_and_write(file: Path, deadline: float) -> None:
    file.rename(file.with_name(f"{file.name}~"))
    say(file, deadline)


@pytest.mark.parametrize("save", [say, rename_over, write_in_pieces, remove_and_write])
async def test_however_an_editor_saves_the_new_settings_are_handed_on_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[Path, float], None]
) -> None:
    file = folder / "panvox.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch) as listener:
        for deadline in (20.0, 30.0):
            save(file, deadline)
            assert (await listener.change()).run.deadline == deadline
        assert listener.silent


async def test_what_was_changed_before_the_watch_began_is_seen_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(folder / "panvox.toml", 10.0)
    old = await asyncio.to_thread(load, cwd=folder)
    say(folder / "panvox.toml", 20.0)
    changes: asyncio.Queue[Settings] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(GUARD):
        task = tasks.create_task(watch(old, cwd=folder, changed=changes.put_nowait, problem=pytest.fail))
        assert (await changes.get()).run.deadline == 20.0
        task.cancel()


async def test_a_change_is_seen_when_it_happens_and_not_only_by_looking(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK", 3600.0)
    say(folder / "panvox.toml", 10.0)
    async with watched(folder, monkeypatch) as listener:
        async with asyncio.timeout(GUARD):
            for deadline in range(20, 1000):  # the first may come before the folder is watched
                say(folder / "panvox.toml", deadline)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        assert (await listener.changes.get()).run.deadline >= 20
                        return
    pytest.fail("nothing was seen")


async def test_a_bad_file_leaves_the_old_settings_in_force_and_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "panvox.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch) as listener:
        say(file, -1.0)
        assert "panvox.toml:2: run.deadline" in await listener.problem()
        os.utime(file)
        rename_over(file, -1.0)
        file.write_text("[run\n")
        assert "is not TOML" in await listener.problem()
        say(file, 20.0)
        assert (await listener.change()).run.deadline == 20.0
        assert listener.silent


async def test_a_bad_file_that_is_put_right_as_it_was_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "panvox.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch) as listener:
        file.write_text("nonsense")
        await listener.problem()
        await listener.load()
        say(file, 10.0)
        await listener.load()
        say(file, 20.0)
        assert (await listener.change()).run.deadline == 20.0
        assert listener.silent


async def test_what_says_nothing_new_is_not_handed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "panvox.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch) as listener:
        for more in ("# a comment\n", "wait = 'all'  # as it is by itself\n"):
            say(file, 10.0, more)
            await listener.load()
        say(file, 20.0)
        assert (await listener.change()).run.deadline == 20.0
        assert listener.silent


async def test_other_files_in_the_folder_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say(folder / "panvox.toml", 10.0)
    async with watched(folder, monkeypatch) as listener:
        for number in range(10):
            say(folder / f"other-{number}.toml", -1.0)
        say(folder / "panvox.toml", 20.0)
        assert (await listener.change()).run.deadline == 20.0
        await listener.load()
        assert listener.loads.empty()
        assert listener.silent


async def test_a_file_that_goes_and_comes_back_is_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "panvox.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch) as listener:
        file.unlink()
        assert (await listener.change()).files == ()
        say(file, 20.0)
        assert (await listener.change()).run.deadline == 20.0


async def test_a_named_file_that_goes_leaves_the_old_settings_in_force(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "mine.toml"
    say(file, 10.0)
    async with watched(folder, monkeypatch, Path("mine.toml")) as listener:
        file.unlink()
        assert "there is no such file" in await listener.problem()
        say(file, 20.0)
        assert (await listener.change()).run.deadline == 20.0


async def test_a_file_that_is_nearer_than_the_one_in_force_takes_its_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(folder / "panvox.toml", 10.0)
    (folder / "inner").mkdir()
    async with watched(folder / "inner", monkeypatch) as listener:
        say(folder / "inner" / "panvox.toml", 20.0)
        assert (await listener.change()).run.deadline == 20.0


async def test_the_users_file_is_seen_also_where_its_folder_comes_later(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "home" / "config" / "panvox"
    async with watched(folder, monkeypatch) as listener:
        place.mkdir(parents=True)
        say(place / "panvox.toml", 20.0)
        assert (await listener.change()).run.deadline == 20.0
        say(place / "panvox.toml", 30.0)
        assert (await listener.change()).run.deadline == 30.0


async def test_a_folder_that_is_made_anew_is_watched_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "conf" / "mine.toml"
    file.parent.mkdir()
    say(file, 10.0)
    async with watched(folder, monkeypatch, file) as listener:
        shutil.rmtree(file.parent)
        await listener.problem()
        for deadline in (20.0, 30.0):
            file.parent.mkdir(exist_ok=True)
            say(file, deadline)
            assert (await listener.change()).run.deadline == deadline


async def test_a_link_that_is_turned_elsewhere_is_followed_and_so_is_what_it_leads_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As mounted volumes do it: the folder behind the link changes, the link to the file stays."""
    for name, deadline in (("one", 10.0), ("two", 20.0)):
        (folder / name).mkdir()
        say(folder / name / "panvox.toml", deadline)
    (folder / "data").symlink_to("one")
    (folder / "panvox.toml").symlink_to("data/panvox.toml")
    async with watched(folder, monkeypatch) as listener:
        (folder / "next").symlink_to("two")
        (folder / "next").replace(folder / "data")
        assert (await listener.change()).run.deadline == 20.0
        say(folder / "two" / "panvox.toml", 30.0)
        assert (await listener.change()).run.deadline == 30.0


async def test_settings_that_came_through_a_pipe_are_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = folder / "pipe.toml"
    os.mkfifo(pipe)
    reads: list[None] = []
    monkeypatch.setattr(watching, "load", lambda **_: reads.append(None))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await watch(
                Settings(),
                explicit=pipe,
                cwd=folder,
                changed=lambda _: pytest.fail("a pipe says nothing new"),
                problem=pytest.fail,
            )
    assert reads == []


async def test_the_watch_ends_when_it_is_cancelled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(folder, monkeypatch):
        pass
    assert len(asyncio.all_tasks()) == 1


async def test_files_that_cannot_be_watched_end_nothing_and_that_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_more_watches(*_: object, **__: object) -> None:  # noqa: ASYNC124 - in the place of `watch`
        raise OSError("the limit of watched files is reached")

    monkeypatch.setattr(following, "watch", no_more_watches)
    monkeypatch.setattr(following, "LATER", 0.0)
    file = folder / "panvox.toml"
    file.write_text("[run]\nwait = 'all'\n")
    listener = Listener()
    settings = await asyncio.to_thread(load, explicit=file)
    async with following.watched(
        settings, changed=listener.changes.put_nowait, problem=listener.problems.put_nowait
    ):
        told = await listener.problem()
        await asyncio.sleep(0)
    assert "the limit of watched files is reached" in told
    assert listener.silent
