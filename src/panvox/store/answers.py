"""Answers that are given again when exactly the same is asked: a file that may be lost at any time.

It holds answers and digests of requests, no keys, and prompts only where those that mean the same are looked
for (see `questions`). Everything about it happens in one thread
of its own, one thing after the other, so that reads by hundreds of members cost a hop each and meet no lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from panvox.messages import Answer
from panvox.protocols import Kept
from panvox.store import questions
from panvox.store.database import create

if TYPE_CHECKING:  # a tenth of a second, needed only where prompts are compared
    import numpy as np
    from numpy.typing import NDArray

Result = TypeVar("Result")

_PATIENCE = 0.25
"""Seconds that a write waits for another program: an answer may be waiting for it."""

_OVERHEAD = 100
"""Bytes that a row takes besides its answer, in the table and in both indexes."""

_LARGEST = 4
"""An answer that takes more than one part in so many of the room is not kept: it would push out others."""

_SPARED = 0.9
"""The part of the room that stays full when something has to go, so that it does not have to each time."""

# What was forgotten is overwritten, as in the store; a commit is not waited for, since all this may be lost.
_OPEN = """
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, at REAL NOT NULL, used REAL NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_by_use ON answers (used, size);
"""
_FIND = "SELECT at, value FROM answers WHERE key = ?"
_KEEP = "INSERT OR REPLACE INTO answers (key, at, used, size, value) VALUES (?, ?, ?, ?, ?)"
_TOUCH = "UPDATE answers SET used = ? WHERE key = ?"
_DROP = "DELETE FROM answers WHERE key = ?"
_DROP_OLD = "DELETE FROM answers WHERE at NOT BETWEEN ? AND ?"
_DROP_UNUSED = """
DELETE FROM answers WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid, sum(size) OVER (ORDER BY used DESC, rowid DESC) AS together FROM answers
    ) WHERE together > ?
)
"""
_SIZE = "SELECT coalesce(sum(size), 0) FROM answers"


class AnswerCache:
    """A `Cache` in the file `path`, for several processes at once; opened when it is first used."""

    def __init__(
        self, path: Path, *, max_age: float, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.problem: str | None = None
        self.path = path
        self._rows = _Rows(path, max_age=max_age, max_bytes=max_bytes, clock=clock)
        self._thread: ThreadPoolExecutor | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, max_age: float, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> AsyncIterator[Self]:
        """The cache in the file `path`, which is made when it is needed.

        An answer is given again for `max_age` seconds of `clock`. All together take `max_bytes` at most, give
        or take what other processes have just added; what was not used for longest goes first. Never raises:
        a file that cannot be used is said by `problem`.
        """
        cache = cls(path, max_age=max_age, max_bytes=max_bytes, clock=clock)
        cache._thread = thread = ThreadPoolExecutor(1, thread_name_prefix="panvox answers")
        try:
            yield cache
        finally:
            cache._thread = None
            closed = thread.submit(cache._rows.close)
            thread.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(closed))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    async def get(self, key: bytes) -> Kept | None:
        """See `Cache`."""
        return await self._done(lambda: self._rows.find(key))

    async def put(self, key: bytes, answer: Answer) -> None:
        """See `Cache`. What the file cannot hold, such as a number of more than 64 bits, is dropped."""
        await self._done(lambda: self._rows.keep(key, answer))

    async def put_question(self, scope: bytes, text: str, key: bytes, vector: NDArray[np.float32]) -> None:
        """Keep the prompt whose answer is under `key`, to be found by its `vector` in its `scope`."""
        await self._done(lambda: self._rows.keep_question(scope, text, key, vector))

    async def nearest(
        self, scope: bytes, vector: NDArray[np.float32], *, least: float, most: int
    ) -> Sequence[questions.Nearest]:
        """Up to `most` prompts of `scope` with a cosine of `least` or more, whose answers are not too old."""
        found = await self._done(lambda: self._rows.nearest(scope, vector, least=least, most=most))
        return found or ()

    async def _done(self, work: Callable[[], Result | None]) -> Result | None:
        if self._thread is None or self.problem is not None:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OSError, sqlite3.Error) as error:
            self._tell(error)
            return None

    def _tell(self, error: Exception) -> None:
        self.problem = self.problem or (
            f"Answers are neither kept nor given again: {self.path} cannot be used ({error}). If that stays "
            "so, delete the file: it is made anew."
        )


class NullCache:
    """A cache that keeps nothing, and finds that in order."""

    @property
    def problem(self) -> None:
        """None: nothing was to be kept."""

    async def get(self, key: bytes) -> Kept | None:
        """See `Cache`."""

    async def put(self, key: bytes, answer: Answer) -> None:
        """See `Cache`."""


class _Rows:
    """The file, for one thread. Raises `OSError` and `sqlite3.Error`.

    That an answer was used is written down with the next one that is kept, or at the end: reading should
    not have to wait for a lock.
    """

    def __init__(self, path: Path, *, max_age: float, max_bytes: int, clock: Callable[[], float]) -> None:
        self._path = path
        self._max_age = max_age
        self._max_bytes = max_bytes
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._used: dict[bytes, float] = {}
        self._size = 0

    def find(self, key: bytes) -> Kept | None:
        row = self._open().execute(_FIND, (key,)).fetchone()
        now = self._clock()
        if row is None or not 0 <= now - row[0] < self._max_age:
            return None
        try:
            answer = msgspec.msgpack.decode(row[1], type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        self._used[key] = now
        return Kept(answer=answer, at=row[0])

    def keep(self, key: bytes, answer: Answer) -> None:
        value = _encoded(answer)
        size = len(key) + len(value) + _OVERHEAD
        now, connection = self._clock(), self._open()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            self._write_used(connection)
            if not value or size > self._max_bytes / _LARGEST:
                connection.execute(_DROP, (key,))
                return
            connection.execute(_KEEP, (key, now, now, size, value))
            self._size += size
            if self._size > self._max_bytes:
                self._make_room(connection, now)

    def keep_question(self, scope: bytes, text: str, key: bytes, vector: NDArray[np.float32]) -> None:
        connection = self._open()
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            questions.keep(
                connection, key=key, scope=scope, text=text.encode(errors="replace").decode(), vector=vector
            )

    def nearest(
        self, scope: bytes, vector: NDArray[np.float32], *, least: float, most: int
    ) -> Sequence[questions.Nearest]:
        now = self._clock()
        return questions.nearest(
            self._open(),
            scope=scope,
            vector=vector,
            since=now - self._max_age,
            until=now,
            least=least,
            most=most,
        )

    def close(self) -> None:
        if self._connection is None:
            return
        with closing(self._connection) as connection:
            self._connection = None
            try:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    self._write_used(connection)
            except sqlite3.Error:
                pass  # no more is lost than the order in which answers go

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            create(self._path)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
            try:
                _set_wal(connection)
                connection.executescript(_OPEN + questions.SCHEMA)
                (self._size,) = connection.execute(_SIZE).fetchone()
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _write_used(self, connection: sqlite3.Connection) -> None:
        used, self._used = self._used, {}
        connection.executemany(_TOUCH, [(at, key) for key, at in used.items()])

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        """What is too old goes first, then what was not used for longest; other processes' rows count too."""
        connection.execute(_DROP_OLD, (now - self._max_age, now))
        (self._size,) = connection.execute(_SIZE).fetchone()
        if self._size > self._max_bytes:
            connection.execute(_DROP_UNUSED, (self._max_bytes * _SPARED,))
            (self._size,) = connection.execute(_SIZE).fetchone()


def _set_wal(connection: sqlite3.Connection) -> None:
    """Let reading and writing not wait for each other; the file remembers.

    Two who make this of a new file at once do not wait for each other as they else would: one is refused.
    """
    for again in (True, True, False):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if not again:
                raise
        else:
            return


def _encoded(answer: Answer) -> bytes:
    """The answer as bytes; none for what bytes cannot hold."""
    try:
        return msgspec.msgpack.encode(answer)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
        return b""


def answers_path() -> Path:
    """Where answers are kept to be given again: a file in the user's cache folder; its name has the form."""
    import platformdirs  # noqa: PLC0415 - needed only where answers are kept

    return platformdirs.user_cache_path("panvox") / "answers-1.db"
