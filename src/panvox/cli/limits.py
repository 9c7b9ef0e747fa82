"""`panvox limits`: what is allowed, who says so, what was learnt and what is used up."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

import msgspec
from cyclopts import App, Parameter

from panvox.catalog.sources import sources
from panvox.cli.columns import Column
from panvox.cli.exits import Exit
from panvox.cli.models import Json, table
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.text import json_line, one_line
from panvox.errors import PanvoxError, UsageError
from panvox.figures import age, plural
from panvox.limits.configured import Configured, limits_of
from panvox.limits.learning import Learning
from panvox.limits.learnt_file import Known, LearntFile
from panvox.limits.lessons import Lesson
from panvox.limits.looking import Look, look
from panvox.limits.standings import LiveScope
from panvox.limits.terms import Field
from panvox.protocols import Limits, Scope, Unit
from panvox.settings import Settings
from panvox.settings.places import learnt_limits_file

app = App(
    name="limits",
    help="Show the limits that hold: set, learnt, and what is used.",
    usage="Usage: panvox limits [PATTERN…] [OPTIONS]\n       panvox limits COMMAND",
    group_parameters="Options",
)

_SPANS = {1.0: "second", 60.0: "minute", 3_600.0: "hour", 86_400.0: "day"}
_KINDS = ("provider", "account", "key", "model", "account model")  # in the order of the table


Use = tuple[Unit, float]
"""A unit, and the seconds of its window."""


class Row(NamedTuple):
    """How one scope stands: what is set, what was learnt, what is used, and the calls of those at work."""

    scope: Scope
    configured: Configured
    learnt: tuple[Lesson, ...]
    used: Mapping[Use, int]
    live: LiveScope

    @property
    def says_something(self) -> bool:
        """Whether there is anything to show."""
        stands = bool(self.learnt or self.used) or self.live != LiveScope(scope=self.scope)
        return stands or self.configured.limits != Limits()


Pattern = Annotated[
    str,
    Parameter(
        name="PATTERN",
        help="Only these: providers, accounts such as openai/main, models such as openai/gpt-5, or globs.",
    ),
]


@app.default
def limits(*pattern: Pattern, json: Json = False, settings: SettingsFile = None) -> int:
    """Show the limits that hold: set, learnt, and what is used.

    Limits are on providers, their accounts, keys and models, and all hold at once. What is learnt comes from
    what providers replied, in this folder or any other; it is forgotten by itself after `limits.max_age`.
    Of calls on their way and of those that wait, processes at work tell every few seconds.
    """
    loaded = load_settings(settings)
    now = time.time()
    known = LearntFile(learnt_limits_file(), max_age=loaded.limits.max_age).load(now=now)
    scopes = _meant_by(pattern, _scopes(loaded, known, pattern))
    shared = _shared(loaded, known, scopes)
    rows = [row for row in _rows(loaded, known, shared, scopes, now) if row.says_something]
    circuits = dict(_circuits(known, shared, pattern, now))
    warn(filter(None, [known.problem, shared.problem]))
    if json:
        for row in rows:
            print(_json(row, now))
        for name, seconds in circuits.items():
            print(json_line({"circuit": name, "seconds": round(seconds, 3)}))
    elif rows:
        _show(rows, circuits, now)
    else:
        print("nothing is limited here, and nothing was learnt", file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED


@app.command(usage="Usage: panvox limits forget [SCOPE…] [OPTIONS]")
def forget(
    *scope: Annotated[
        str, Parameter(name="SCOPE", help="Only of these: names as `panvox limits` shows them, or globs.")
    ],
    settings: SettingsFile = None,
) -> int:
    """Forget what was learnt of limits, so that it is learnt anew.

    What was used up stays known: providers do not forget it either.
    """
    file = LearntFile(learnt_limits_file(), max_age=load_settings(settings).limits.max_age)
    known = file.load(now=time.time())
    warn(filter(None, [known.problem]))
    learnt = list(known.lessons)
    gone = [each for each in learnt if not scope or any(_fits(each, pattern) for pattern in scope)]
    for pattern in scope:
        if not any(_fits(each, pattern) for each in learnt):
            raise UsageError(f"nothing was learnt of {pattern}; {_meant(pattern, learnt)}")
    if (gone or known.problem) and (problem := file.forget(gone)):
        raise PanvoxError(problem)
    for each in gone:
        print(one_line(str(each)))
    said = f"forgot what was learnt of {plural(len(gone), 'scope')}" if gone else "nothing was learnt so far"
    print(said, file=sys.stderr)
    return Exit.ANSWERED


# --- which scopes ------------------------------------------------------------------------------------


def _scopes(settings: Settings, known: Known, patterns: Sequence[str]) -> set[Scope]:
    """All of which anything is known, and the models that the patterns name."""
    scopes = {*_named(settings), *known.lessons, *(entries.scope for entries in known.entries)}
    scopes |= {each.scope for each in known.live.scopes}
    return scopes | {Scope("model", each) for each in patterns if _is_a_model(each, scopes)}


def _meant_by(patterns: Sequence[str], scopes: Iterable[Scope]) -> list[Scope]:
    """The scopes that the patterns mean, all without any. Raises `UsageError` for one that means none."""
    for pattern in patterns:
        if not any(_fits(scope, pattern) for scope in scopes):
            raise UsageError(f"there is no limit on {pattern}; {_meant(pattern, scopes)}")
    fits = (each for each in scopes if not patterns or any(_fits(each, pattern) for pattern in patterns))
    return sorted(fits, key=_place)


def _shared(settings: Settings, known: Known, scopes: Iterable[Scope]) -> Look:
    """What all processes use together, if they share limits."""
    if settings.limits.url is None:
        return Look()
    configured = limits_of(settings)
    learning = Learning(known.lessons, shipped=configured.shipped, max_age=settings.limits.max_age)
    wanted = {scope: learning.effective(scope, configured(scope)) for scope in scopes}
    return asyncio.run(look(settings.limits.url.get_secret_value(), wanted))


def _rows(
    settings: Settings, known: Known, shared: Look, scopes: Iterable[Scope], now: float
) -> Iterator[Row]:
    configured = limits_of(settings)
    at_work = {each.scope: each for each in known.live.scopes}
    together = {each.scope: each for each in shared.standings}
    for scope in scopes:
        used = {
            (entries.unit, entries.seconds): sum(amount for _, amount in entries.log)
            for entries in known.entries
            if entries.scope == scope
        }
        live = at_work.get(scope, LiveScope(scope=scope))
        if standing := together.get(scope):
            windows = zip(standing.windows, standing.used, strict=True)
            used |= {(window.unit, window.seconds): amount for window, amount in windows if amount}
            live = msgspec.structs.replace(
                live,
                slots=max(live.slots, standing.slots),
                paused_until=max(live.paused_until, now + standing.paused if standing.paused else 0.0),
            )
        yield Row(scope, configured.of(scope), known.lessons.get(scope, ()), used, live)


def _circuits(known: Known, shared: Look, patterns: Sequence[str], now: float) -> Iterator[tuple[str, float]]:
    """The models that are left alone, and the seconds until they are tried again."""
    until = {name: end - now for name, end in known.live.circuits.items()}
    for name, seconds in sorted({**shared.marks, **until}.items()):
        model = Scope("model", name.partition(" (")[0])
        if not patterns or any(_fits(model, pattern) for pattern in patterns):
            yield name, max(0.0, seconds)


def _named(settings: Settings) -> Iterator[Scope]:
    """The scopes of the providers that are asked, and models that the settings limit by name."""
    accounts = {row.id: {key.account for key in row.keys} or {"main"} for row in settings.providers}
    for source in sources(settings):
        yield Scope("provider", source.provider)
        if not source.guessed:
            for account in accounts.get(source.provider, {"main"}):
                yield Scope("account", f"{source.provider}/{account}")
    for row in settings.providers:
        for key in row.keys:
            if label := key.label or key.env:
                yield Scope("key", f"{row.id}/{label}")
    for name, facts in settings.models.items():
        if facts.limits is not None:
            yield Scope("model", name)


def _is_a_model(pattern: str, scopes: Iterable[Scope]) -> bool:
    """Whether it names a model of a provider that there is, rather than several things, or one known."""
    provider, slash, rest = pattern.partition("/")
    named = {scope.name for scope in scopes}
    whole = bool(slash and rest) and not any(mark in pattern for mark in "*?[ ")
    return whole and pattern not in named and provider in named


def _fits(scope: Scope, pattern: str) -> bool:
    """A provider means all that is its own."""
    wanted, name = pattern.lower(), scope.name.lower()
    return (
        fnmatchcase(name, wanted)
        or fnmatchcase(str(scope).lower(), wanted)
        or name.partition("/")[0] == wanted
    )


def _meant(pattern: str, scopes: Iterable[Scope]) -> str:
    names = sorted({scope.name for scope in scopes})
    if near := get_close_matches(pattern, names, n=1):
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(names[:20])}" if names else "no limit is set, used or learnt so far"


def _place(scope: Scope) -> tuple[str, int, str]:
    return (scope.name.partition("/")[0], _KINDS.index(scope.kind), scope.name)


# --- how they are shown ------------------------------------------------------------------------------

_COLUMNS = (
    Column("scope", flexible=True, least=20),
    Column("limit"),
    Column("set", right=True),
    Column("by", style="dim"),
    Column("used", right=True),
    Column("learnt", flexible=True, least=12),
    Column("age", right=True),
)
_WAITING = Column("waiting", right=True)


def _show(rows: Sequence[Row], circuits: Mapping[str, float], now: float) -> None:
    """The table; who waits has a column where anybody does."""
    waits = any(row.live.waiting for row in rows)
    lines = []
    for row in rows:
        first = f"{row.live.waiting:,}" if row.live.waiting else ""
        for line in _lines(row, now):
            lines.append((*line, first) if waits else line)
            first = ""
    for name, seconds in circuits.items():
        left = f"{seconds:.0f} s"
        line = (f"model {one_line(name)}", "left alone", "", "", left, "it failed too often", "")
        lines.append((*line, "") if waits else line)
    table((*_COLUMNS, _WAITING) if waits else _COLUMNS, lines)


def _lines(row: Row, now: float) -> Iterator[tuple[str, ...]]:
    """A line for each limit of a scope; its name stands in the first."""
    name, configured = one_line(str(row.scope)), dict(_set(row.configured))
    learnt, used = _learnt(row.learnt, now), dict(_used(row, now))
    for label in dict.fromkeys((*configured, *learnt, *used)) or ("",):
        value, by = configured.get(label, ("", ""))
        said, at = learnt.get(label, ("", None))
        yield name, label, value, by, used.get(label, ""), said, "" if at is None else age(now - at)
        name = ""


def _used(row: Row, now: float) -> Iterator[tuple[str, str]]:
    """What is used, by limit: of windows, of slots, and how long nothing goes out."""
    for (unit, seconds), amount in row.used.items():
        yield _label(unit, seconds), f"{amount:,}"
    if row.live.slots:
        yield "slots", f"{row.live.slots:,}"
    if (left := row.live.paused_until - now) > 0:
        yield "pause", f"{left:.0f} s"


def _set(configured: Configured) -> Iterator[tuple[str, tuple[str, str]]]:
    """What is set and by whom, by limit."""
    limits = configured.limits
    said: list[tuple[Field, str, str]] = [
        (window.unit, _label(window.unit, window.seconds), f"{window.amount:,}") for window in limits.windows
    ]
    if limits.slots is not None:
        said.append(("slots", "slots", f"{limits.slots:,}"))
    if limits.spacing:
        said.append(("spacing", "spacing", f"{limits.spacing:g} s"))
    if limits.loaded is not None:
        said.append(("loaded", "models loaded", f"{limits.loaded:,}"))
    for field, label, value in said:
        yield label, (value, "shipped" if field in configured.shipped else "settings")


def _learnt(lessons: Iterable[Lesson], now: float) -> dict[str, tuple[str, float]]:
    """What was learnt and when, by limit."""
    found: dict[str, tuple[str, float]] = {}
    for lesson in lessons:
        label = _label(lesson.matter, lesson.seconds) if lesson.window else _LABELS[lesson.matter]
        before, at = found.get(label, ("", lesson.at))
        said = ", ".join(filter(None, (before, _in_words(lesson, now))))
        found[label] = (said, max(at, lesson.at))
    return found


_LABELS = {"slots": "slots", "worked": "slots", "spacing": "spacing", "pause": "pause"}


def _label(unit: str, span: float) -> str:
    return f"{unit.replace('_', ' ')}/{_SPANS.get(span, f'{span:.3g} s')}"


def _in_words(lesson: Lesson, now: float) -> str:
    match lesson.matter:
        case "pause":
            return f"{age(lesson.amount - now)} more"
        case "spacing":
            return f"{lesson.amount:.2g} s"
        case "worked":
            return f"{lesson.amount:,.0f} worked"
        case _:
            return f"{lesson.amount:,.0f} told" if lesson.told else f"{lesson.amount:,.0f}"


def _json(row: Row, now: float) -> str:
    document: Mapping[str, object] = {
        "scope": row.scope,
        "set": row.configured.limits,
        "by_settings": sorted(row.configured.set_here),
        "shipped": sorted(row.configured.shipped),
        "learnt": [
            {**msgspec.to_builtins(lesson), "age": max(0.0, round(now - lesson.at, 3))}
            for lesson in row.learnt
        ],
        "used": [
            {"unit": unit, "seconds": seconds, "amount": amount}
            for (unit, seconds), amount in row.used.items()
        ],
        "on_their_way": row.live.slots,
        "waiting": row.live.waiting,
        "paused": max(0.0, round(row.live.paused_until - now, 3)),
    }
    return json_line(document)
