"""`panvox limits`: what is allowed, who says so, what was learnt and what is used up."""

from __future__ import annotations

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
from panvox.cli.figures import age, plural
from panvox.cli.models import Json, table
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.text import json_line, one_line
from panvox.errors import PanvoxError, UsageError
from panvox.limits.configured import Configured, limits_of
from panvox.limits.learnt_file import Known, LearntFile
from panvox.limits.lessons import Lesson
from panvox.limits.standings import Entries
from panvox.limits.terms import Field
from panvox.protocols import Limits, Scope
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


class Row(NamedTuple):
    """How one scope stands; what is used counts the calls of processes that have ended."""

    scope: Scope
    configured: Configured
    learnt: tuple[Lesson, ...] = ()
    used: tuple[Entries, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether there is anything to show."""
        return self.configured.limits != Limits() or bool(self.learnt) or bool(self.used)


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
    """
    loaded = load_settings(settings)
    now = time.time()
    known = LearntFile(learnt_limits_file(), max_age=loaded.limits.max_age).load(now=now)
    rows = [row for row in _rows(loaded, known, pattern) if row.says_something]
    warn(filter(None, [known.problem]))
    if json:
        for row in rows:
            print(_json(row, now))
    elif rows:
        table(_COLUMNS, [line for row in rows for line in _lines(row, now)])
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
    learnt = list(file.load(now=time.time()).lessons)
    gone = [each for each in learnt if not scope or any(_fits(each, pattern) for pattern in scope)]
    for pattern in scope:
        if not any(_fits(each, pattern) for each in learnt):
            raise UsageError(f"nothing was learnt of {pattern}; {_meant(pattern, learnt)}")
    if gone and (problem := file.forget(gone)):
        raise PanvoxError(problem)
    for each in gone:
        print(one_line(str(each)))
    said = f"forgot what was learnt of {plural(len(gone), 'scope')}" if gone else "nothing was learnt so far"
    print(said, file=sys.stderr)
    return Exit.ANSWERED


# --- which scopes ------------------------------------------------------------------------------------


def _rows(settings: Settings, known: Known, patterns: Sequence[str]) -> Iterator[Row]:
    """The scopes that the patterns mean, all without any. Raises `UsageError` for one that means none."""
    configured = limits_of(settings)
    scopes = {*_named(settings), *known.lessons, *(entries.scope for entries in known.entries)}
    scopes |= {Scope("model", each) for each in patterns if _is_a_model(each, scopes)}
    for pattern in patterns:
        if not any(_fits(scope, pattern) for scope in scopes):
            raise UsageError(f"there is no limit on {pattern}; {_meant(pattern, scopes)}")
    for scope in sorted(scopes, key=_place):
        if not patterns or any(_fits(scope, pattern) for pattern in patterns):
            used = tuple(entries for entries in known.entries if entries.scope == scope)
            yield Row(scope, configured.of(scope), known.lessons.get(scope, ()), used)


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
    return f"there are {', '.join(names[:20])}" if names else "nothing is limited, and nothing was learnt"


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


def _lines(row: Row, now: float) -> Iterator[tuple[str, ...]]:
    """A line for each limit of a scope; its name stands in the first."""
    name, configured = one_line(str(row.scope)), dict(_set(row.configured))
    learnt, used = _learnt(row.learnt, now), {_label(each.unit, each.seconds): each for each in row.used}
    for label in dict.fromkeys((*configured, *learnt, *used)):
        value, by = configured.get(label, ("", ""))
        said, at = learnt.get(label, ("", None))
        amount = f"{sum(each for _, each in used[label].log):,}" if label in used else ""
        yield name, label, value, by, amount, said, "" if at is None else age(now - at)
        name = ""


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
            {"unit": entries.unit, "seconds": entries.seconds, "amount": sum(each for _, each in entries.log)}
            for entries in row.used
        ],
    }
    return json_line(document)
