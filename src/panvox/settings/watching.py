"""Settings that change while panvox runs: a snapshot that is valid takes the place of the one before it.

What counts is what the files say, not what the file system tells of them: folders are watched only to know
when to look. So it does not matter how an editor saves, whether a file is a link to another, and whether a
change was told of twice, or not at all: once in a while somebody looks anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from importlib import import_module
from pathlib import Path

from panvox.errors import SettingsError
from panvox.settings import places
from panvox.settings.loading import load
from panvox.settings.schema import Settings

LOOK = 2.0
"""Seconds after which the files are looked at though nothing was told of them."""

QUIET = 0.1
"""Seconds that files must stay as they are to be believed: some editors remove them before they write."""


async def watch(
    settings: Settings,
    *,
    explicit: Path | None = None,
    cwd: Path | None = None,
    changed: Callable[[Settings], None],
    problem: Callable[[str], None],
) -> None:
    """Hand each new state of the settings to `changed`, from `settings` on; goes on until it is cancelled.

    `explicit` and `cwd` are what `settings` were loaded with. What says nothing new, such as a comment, is
    not handed on. Files that are wrong leave the settings in force: `problem` is told why, in the words of
    `SettingsError`, once for each state of the files. Variables are read anew only with a file, and a file
    that can be read only once, such as a pipe, is not read again.
    """
    # Only what runs for long needs it; it brings an event library of its own along, and that takes a while.
    watchfiles = await asyncio.to_thread(import_module, "watchfiles")
    watcher = _Watcher(settings, explicit, cwd, changed, problem)
    while True:
        folders = await asyncio.to_thread(watcher.folders)
        await watcher.look()
        news = watchfiles.awatch(
            *(folder for folder, _ in folders),
            watch_filter=None,
            recursive=False,
            ignore_permission_denied=True,
            debounce=400,
            rust_timeout=int(LOOK * 1000),
            yield_on_timeout=True,
        )
        async with aclosing(news):
            async for _ in news:
                await watcher.look()
                if await asyncio.to_thread(watcher.folders) != folders:
                    break


_Contents = tuple[tuple[Path, bytes | None], ...] | str
"""What each file says, or why there are none."""


class _Watcher:
    """The settings in force, and what the files said when they were last looked at."""

    def __init__(
        self,
        settings: Settings,
        explicit: Path | None,
        cwd: Path | None,
        changed: Callable[[Settings], None],
        problem: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._explicit = explicit
        self._cwd = cwd
        self._changed = changed
        self._problem = problem
        self._seen: _Contents | None = None

    async def look(self) -> None:
        """Hand on what the files say now, if that is new."""
        contents = await self._settled()
        if contents == self._seen or _used_up(contents):
            return
        self._seen = contents
        try:
            loaded = await asyncio.to_thread(load, explicit=self._explicit, cwd=self._cwd)
        except SettingsError as error:
            self._problem(str(error))
            return
        if not _same(loaded, self._settings):
            self._settings = loaded
            self._changed(loaded)

    async def _settled(self) -> _Contents:
        """What the files say once they stay as they are."""
        contents = await asyncio.to_thread(self._contents)
        while True:
            await asyncio.sleep(QUIET)
            before, contents = contents, await asyncio.to_thread(self._contents)
            if contents == before:
                return contents

    def _contents(self) -> _Contents:
        try:
            return places.contents(self._explicit, cwd=self._cwd)
        except SettingsError as error:
            return str(error)

    def folders(self) -> frozenset[tuple[Path, int]]:
        """The folders in which a settings file may come, go or change, each with its number on the disk.

        Of a folder that is not there, the nearest above it that is; of a link, also where it leads. A folder
        that is made anew has another number: nothing would be told of it any more.
        """
        try:
            files = places.candidates(self._explicit, cwd=self._cwd)
        except SettingsError:
            return frozenset()
        wanted = {folder for file in files for folder in (file.parent, file.resolve().parent)}
        return frozenset(filter(None, map(_standing, wanted)))


def _standing(folder: Path) -> tuple[Path, int] | None:
    for place in (folder, *folder.parents):
        try:
            if place.is_dir():
                return place, place.stat().st_ino
        except OSError:
            continue
    return None


def _used_up(contents: _Contents) -> bool:
    """Whether reading the files again would wait for ever, or find nothing."""
    return not isinstance(contents, str) and any(content is None for _, content in contents)


def _same(one: Settings, other: Settings) -> bool:
    """Whether two snapshots say the same, wherever they come from."""
    origin = {"files": other.files, "fingerprint": other.fingerprint}
    return one.model_copy(update=origin) == other
