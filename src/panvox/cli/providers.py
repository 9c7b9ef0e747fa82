"""`panvox providers`: who is asked, how each stands, and who else could be."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
from cyclopts import Parameter

from panvox.catalog.entries import LOCAL, Problem
from panvox.catalog.sources import Source, sources
from panvox.cli.catalogue import NONE_FOUND, found
from panvox.cli.columns import Cell, Column
from panvox.cli.exits import Exit
from panvox.cli.models import Json, Refresh, table
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.text import json_line, one_line
from panvox.figures import age, plural
from panvox.settings import VENDORS, Vendor


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a provider stands; `key` is "set", "none needed" or what lacks, `age` is in seconds."""

    provider: str
    title: str
    dialect: str
    address: str
    key: str
    models: int = 0
    age: float | None = None
    problem: str = ""
    used: bool = True


def providers(
    *,
    all_: Annotated[
        bool,
        Parameter(
            name="--all", negative="", show_default=False, help="Show every vendor that panvox knows, too."
        ),
    ] = False,
    json: Json = False,
    refresh: Refresh = False,
    settings: SettingsFile = None,
) -> int:
    """List the providers that are asked, how each stands, and with --all who else could be asked.

    A provider is asked when the settings name it; without any in the settings, when its key is in the
    environment or it runs on this machine.
    """
    there = found(settings, refresh=refresh)
    asked = sources(load_settings(settings))
    counts = Counter(entry.provider for entry in there.catalogue.entries)
    problems = {problem.provider: problem for problem in there.catalogue.problems}
    ages = there.catalogue.ages
    known = [_standing(source, counts, ages, problems.get(source.provider)) for source in asked]
    known = [each for each, source in zip(known, asked, strict=True) if each.models or not source.guessed]
    if counts[LOCAL]:
        known.append(_local(counts[LOCAL]))
    others = [
        _other(row) for row in VENDORS.values() if all_ and row.id not in {each.provider for each in known}
    ]
    _print([*known, *others], json=json)
    if not json:
        print(f"\n{_summary(known, others)}", file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED if known else Exit.NOTHING


def _standing(
    source: Source, counts: Mapping[str, int], ages: Mapping[str, float], problem: Problem | None
) -> Standing:
    told = ages.get(source.provider)
    return Standing(
        provider=source.provider,
        title=source.vendor.title,
        dialect=source.vendor.dialect,
        address=source.vendor.base_url,
        key="set" if source.key else source.missing or "none needed",
        models=counts.get(source.provider, 0),
        age=None if told is None else max(0.0, time.time() - told),
        problem=problem.message.removeprefix(f"{source.provider}: ") if problem else "",
    )


def _local(models: int) -> Standing:
    """The model of our own."""
    return Standing(
        provider=LOCAL,
        title="the model on this machine",
        dialect="openai",
        address="a child process",
        key="none needed",
        models=models,
    )


def _other(row: Vendor) -> Standing:
    """A vendor that is not asked, and what would change that."""
    key = f"set {' or '.join(row.key_env)}" if row.key_needed else "none needed"
    return Standing(
        provider=row.id, title=row.title, dialect=row.dialect, address=row.base_url, key=key, used=False
    )


_COLUMNS = (
    Column("provider"),
    Column("vendor", style="dim"),
    Column("dialect", style="dim"),
    Column("key", flexible=True, least=26),
    Column("models", right=True),
    Column("list"),
    Column("address", flexible=True, style="dim", least=30),
)


def _print(standings: Sequence[Standing], *, json: bool) -> None:
    if json:
        for each in standings:
            print(json_line(each))
        return
    table(_COLUMNS, [_row(each) for each in standings])
    for line in _problems(standings):
        print(line)


def _row(each: Standing) -> tuple[str | Cell, ...]:
    right = each.key in ("set", "none needed")
    return (
        Cell(one_line(each.provider), "" if each.used else "dim"),
        one_line(each.title) if each.title != each.provider else "",
        each.dialect,
        Cell(each.key if right or not each.used else "missing", "" if right or not each.used else "red"),
        f"{each.models:,}" if each.models else "",
        Cell("trouble", "red") if each.problem else "" if each.age is None else f"{age(each.age)} old",
        one_line(each.address),
    )


def _problems(standings: Sequence[Standing]) -> Iterator[str]:
    """What is wrong, a line each, below the table."""
    wrong = [each for each in standings if each.problem]
    if wrong:
        yield ""
    for each in wrong:
        yield f"{one_line(each.provider)}: {one_line(each.problem)}"


def _summary(known: Sequence[Standing], others: Sequence[Standing]) -> str:
    if not known:
        return f"no provider is set up. {NONE_FOUND.partition('. ')[2]}"
    said = f"{plural(len(known), 'provider')} with {plural(sum(each.models for each in known), 'model')}"
    return said if others else f"{said}; --all lists all {len(VENDORS)} vendors that panvox knows"
