"""What was learnt, and what of windows is used up, on the disk: the next process begins there.

A day's quota outlives the process that used it, and so does a minute's: a second call of `panvox` right after
the first must not use twenty a minute again. Several processes write one file: each reads what the others
left, adds its own and puts the whole in its place, one at a time; what stands of those still at work is for
people to see. Everything here blocks.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from panvox import whole_files
from panvox.limits import estimates
from panvox.limits.lessons import Lesson, Lessons, believed, merged
from panvox.limits.standings import Entries, Live, together
from panvox.protocols import Scope, Unit

FORM = 1
"""Counted up when what is kept changes its shape; a file of another form is not read."""

ALIVE = 15.0
"""Seconds for which a process that told how its limits stand is taken to be at work."""

_AHEAD = 60.0  # seconds
_MOST_BYTES = 64 * 2**20


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process that was at work `at` a time (seconds since 1970)."""

    name: str
    at: float
    live: Live


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept; `problem` is a sentence where the file could not be read.

    `estimates` tells, by the name of a model, how many tokens prompts and answers take there; `processes` are
    those at work, as they said some seconds ago.
    """

    lessons: dict[Scope, tuple[Lesson, ...]] = {}
    entries: tuple[Entries, ...] = ()
    estimates: dict[str, estimates.Known] = {}
    processes: tuple[Process, ...] = ()
    problem: str = ""

    @property
    def live(self) -> Live:
        """How the limits of all that are at work stand."""
        return together(process.live for process in self.processes)


class _Learnt(msgspec.Struct, frozen=True, kw_only=True):
    scope: Scope
    lessons: tuple[Lesson, ...]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """The file, as JSON: what people may want to look at."""

    form: int
    learnt: tuple[_Learnt, ...] = ()
    used: tuple[Entries, ...] = ()
    estimates: dict[str, estimates.Known] = {}
    processes: tuple[Process, ...] = ()


class LearntFile:
    """The file at `path`, for one process; lessons in it are believed for `max_age` seconds."""

    def __init__(self, path: Path, *, max_age: float) -> None:
        self._path = path
        self._max_age = max_age
        self._name = secrets.token_hex(6)
        self._loaded = float("-inf")
        self._added: _Logs = {}

    def load(self, *, now: float) -> Known:
        """What is known at `now` (seconds since 1970) and not too old."""
        known = self._read()
        self._loaded = now
        return Known(
            lessons=believed(known.lessons, now=now, max_age=self._max_age),
            entries=_counting(known.entries, now=now),
            estimates=self._believed(known.estimates, now),
            processes=_at_work(known.processes, now),
            problem=known.problem,
        )

    def _believed(self, known: Mapping[str, estimates.Known], now: float) -> dict[str, estimates.Known]:
        return {model: each for model, each in known.items() if now - each.at < self._max_age}

    def save(
        self,
        lessons: Lessons,
        entries: Iterable[Entries] = (),
        *,
        estimated: Mapping[str, estimates.Known] = {},
        live: Live | None = None,
        now: float,
    ) -> str:
        """Add what this process learnt and used; returns why that was not possible, empty if it was.

        Of two lessons about the same the younger one is kept, and so of what is `estimated` of a model. Of
        `entries`, which hold all that this process knows of, those count as its own that are younger than
        what it loaded; they replace those that it saved before. `live` is how its limits stand, None once it
        is no more at work.
        """
        ours = _logs(entries, after=self._loaded)

        itself = () if live is None else (Process(name=self._name, at=now, live=live),)

        def add(known: Known) -> Known:
            lessons_now = believed(merged(known.lessons, lessons), now=now, max_age=self._max_age)
            used = _together(_without(_logs(known.entries), self._added), ours)
            return Known(
                lessons=lessons_now,
                entries=_counting(_entries(used), now=now, ahead=_AHEAD),
                estimates=self._believed(estimates.newest(known.estimates, estimated), now),
                processes=(*self._others(known.processes, now), *itself),
            )

        problem = self._change(add)
        if not problem:
            self._added = ours
        return problem

    def _others(self, processes: Iterable[Process], now: float) -> Iterator[Process]:
        return (each for each in _at_work(processes, now) if each.name != self._name)

    def forget(self, scopes: Iterable[Scope] | None = None) -> str:
        """Drop what was learnt of `scopes`, of all without any; what was used stays used, and estimates hold.

        Returns why that was not possible, empty if it was.
        """
        gone = None if scopes is None else frozenset(scopes)

        def drop(known: Known) -> Known:
            kept = {} if gone is None else {s: each for s, each in known.lessons.items() if s not in gone}
            return msgspec.structs.replace(known, lessons=kept)

        return self._change(drop)

    def _read(self) -> Known:
        try:
            with self._path.open("rb") as file:
                document = msgspec.json.decode(file.read(_MOST_BYTES), type=_Document)
        except FileNotFoundError:
            return Known()
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            return Known(problem=self._damaged(error))
        if document.form != FORM:
            return Known(problem=f"{self._path} was written by another version of panvox and is not used")
        return Known(
            lessons={each.scope: each.lessons for each in document.learnt},
            entries=document.used,
            estimates=document.estimates,
            processes=document.processes,
        )

    def _damaged(self, error: Exception) -> str:
        why = error.strerror if isinstance(error, OSError) else "it is damaged"
        return f"what was learnt of limits cannot be read from {self._path} ({why}); it is learnt anew"

    def _change(self, change: Callable[[Known], Known]) -> str:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with whole_files.alone(self._path):
                known = change(self._read())
                whole_files.write(self._path, msgspec.json.encode(_document(known)))
        except OSError as error:
            return (
                f"what was learnt of limits cannot be kept in {self._path} ({error.strerror}): "
                "until that can be written, it is learnt anew each time"
            )
        return ""


def _document(known: Known) -> _Document:
    return _Document(
        form=FORM,
        learnt=tuple(_Learnt(scope=scope, lessons=each) for scope, each in sorted(known.lessons.items())),
        used=known.entries,
        estimates=known.estimates,
        processes=known.processes,
    )


def _at_work(processes: Iterable[Process], now: float) -> tuple[Process, ...]:
    return tuple(each for each in processes if abs(now - each.at) < ALIVE)


def _counting(entries: Iterable[Entries], *, now: float, ahead: float = 0.0) -> tuple[Entries, ...]:
    """What still counts. Times that are yet to come, after a clock that went back, are taken for now.

    Those less than `ahead` seconds to come stay as they are: clocks are set by a little all the time.
    """
    fresh = (msgspec.structs.replace(each, log=tuple(_still(each, now=now, ahead=ahead))) for each in entries)
    return tuple(each for each in fresh if each.log)


def _still(entries: Entries, *, now: float, ahead: float) -> Iterator[tuple[float, int]]:
    for time, amount in entries.log:
        if time + entries.seconds > now:
            yield (time if time <= now + ahead else now), amount


_Logs = dict[tuple[Scope, Unit, float], Counter[float]]
"""Amounts by time, by window."""


def _logs(entries: Iterable[Entries], *, after: float = float("-inf")) -> _Logs:
    found: _Logs = {}
    for each in entries:
        log = found.setdefault((each.scope, each.unit, each.seconds), Counter())
        for time, amount in each.log:
            if time > after:
                log[time] += amount
    return found


def _entries(logs: _Logs) -> Iterator[Entries]:
    for (scope, unit, seconds), log in sorted(logs.items(), key=lambda item: item[0]):
        yield Entries(scope=scope, unit=unit, seconds=seconds, log=tuple(sorted(log.items())))


def _without(logs: _Logs, gone: _Logs) -> _Logs:
    return {key: log - gone.get(key, Counter()) for key, log in logs.items()}


def _together(logs: _Logs, more: _Logs) -> _Logs:
    return {key: logs.get(key, Counter()) + more.get(key, Counter()) for key in logs.keys() | more.keys()}
