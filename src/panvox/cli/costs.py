"""`panvox costs`: what was spent, on what, and how that stands against the limits."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.cells import cell_len

import panvox
from panvox.cli import terminal
from panvox.cli.columns import GAP, Column
from panvox.cli.exits import Exit
from panvox.cli.models import table
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.process import run
from panvox.cli.text import json_line, one_line
from panvox.errors import UsageError
from panvox.figures import money, plural
from panvox.settings import Settings
from panvox.settings.schema import BudgetSection

if TYPE_CHECKING:  # the session brings the store when it opens one
    from panvox.store.money import Cost, Sums

By = Literal["day", "provider", "model", "run", "tag"]

BAR, SHORTEST_BAR = 40, 8
"""Cells of the longest bar, where there is room for it, and of one that still shows something."""

LONGEST = 36_500
"""Days, a hundred years: before that nothing was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What to add up, how far back, and how to show it."""

    by: By
    days: int
    plot: bool
    json: bool


def costs(
    *,
    by: Annotated[By, Parameter(metavar="WHAT", help="Add up by day, provider, model, run or tag.")] = "day",
    days: Annotated[int, Parameter(metavar="COUNT", help="Go back so many days by UTC; 1 is today.")] = 30,
    plot: Annotated[
        bool, Parameter(negative="", show_default=False, help="Draw what was spent as bars.")
    ] = False,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write each row as a line of JSON.")
    ] = False,
    settings: SettingsFile = None,
) -> int:
    """Show what was spent, what an answer came to, and how the limits stand.

    Only models that may cost money are counted. The cost of an answer has everything in it: failed
    attempts, and models that stood in.
    """
    if not 1 <= days <= LONGEST:
        raise UsageError(f"--days {days} is not a number from 1 to {LONGEST:,}")
    if json and plot:
        raise UsageError("--json and --plot exclude each other")
    loaded = load_settings(settings)
    form = Form(by=by, days=days, plot=plot, json=json)
    return run(lambda _: _costs(loaded, form))


async def _costs(settings: Settings, form: Form) -> int:
    now = time.time()
    today = datetime.fromtimestamp(now, UTC).date()
    async with panvox.open(settings) as session:
        book = session.store.money
        since = today - timedelta(days=form.days - 1)
        found = await book.costs(form.by, since=since.isoformat(), now=now)
        sums = await book.sums(today.isoformat())
    if form.json:
        for cost in found:
            print(_as_json(form.by, cost))
        return Exit.ANSWERED
    if found:
        # Days come in their order, runs latest first, everything else by what it cost.
        rows = found[::-1] if form.by == "run" else sorted(found, key=_rank) if form.by != "day" else found
        columns, cells = _columns(form), list(_rows(rows))
        if form.plot:
            cells = _with_bars(cells, rows, _room(columns, cells))
        table(columns, cells)
        print(f"\n{_total(found)}", file=sys.stderr)
    else:
        print(f"nothing was spent in {plural(form.days, 'day')}", file=sys.stderr)
    for limit in _limits(settings.budget, sums):
        print(limit, file=sys.stderr)
    return Exit.ANSWERED


def _rank(cost: Cost) -> Decimal:
    return -(cost.spent + cost.held)


def _as_json(by: str, cost: Cost) -> str:
    known = {**msgspec.structs.asdict(cost), "per_answer": cost.per_answer}
    told = {name: _plain(value) if isinstance(value, Decimal) else value for name, value in known.items()}
    return json_line({"by": by, **told})


def _plain(amount: Decimal) -> str:
    """USD as exact decimal text without an exponent."""
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"


# --- the table -------------------------------------------------------------------------------------


def _columns(form: Form) -> tuple[Column, ...]:
    return (
        Column(form.by, flexible=True),
        Column("spent", right=True),
        Column("", style="green"),
        Column("set aside", right=True),
        Column("calls", right=True),
        Column("answers", right=True),
        Column("an answer", right=True),
    )


def _rows(costs: Sequence[Cost]) -> Iterator[tuple[str, ...]]:
    for cost in costs:
        yield (
            one_line(cost.key) or "-",
            money(cost.spent),
            "",
            money(cost.held) if cost.held else "",
            f"{cost.calls:,}",
            f"{cost.answers:,}",
            "-" if cost.per_answer is None else money(cost.per_answer),
        )


def _room(columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> int:
    """Cells that the other columns leave for the longest bar; none where that would show nothing."""
    width = terminal.width()
    if width is None:
        return BAR
    texts = [[row[index] for row in rows] for index in range(len(columns))]
    wide = [
        max(len(column.title), *map(cell_len, cells))
        for column, cells in zip(columns, texts, strict=True)
        if any(cells)
    ]
    room = width - sum(wide) - len(GAP) * len(wide)
    return min(BAR, room) if room >= SHORTEST_BAR else 0


def _with_bars(rows: Sequence[tuple[str, ...]], costs: Sequence[Cost], room: int) -> list[tuple[str, ...]]:
    most = max(cost.spent for cost in costs)
    bars = (_bar(cost.spent, most, room) for cost in costs)
    return [(*row[:2], bar, *row[3:]) for row, bar in zip(rows, bars, strict=True)]


def _bar(spent: Decimal, most: Decimal, room: int) -> str:
    """What was spent, as a part of the most; what is not nothing can be seen."""
    return "━" * max(1, round(room * spent / most)) if spent and room else ""


def _total(costs: Sequence[Cost]) -> str:
    spent = sum((cost.spent for cost in costs), Decimal(0))
    calls, answers = sum(cost.calls for cost in costs), sum(cost.answers for cost in costs)
    each = f", {money(spent / answers)} an answer" if answers else ""
    return f"{money(spent)} for {plural(calls, 'call')} and {plural(answers, 'answer')}{each}"


def _limits(budget: BudgetSection, sums: Sums) -> Iterator[str]:
    """How the limits stand: what is spent or set aside, and of how much."""
    yield _limit("today", sums.day, budget.day)
    yield _limit("this month", sums.month, budget.month)
    for provider, most in budget.providers.items():
        yield _limit(f"{provider} today", sums.providers.get(provider, Decimal(0)), most)
    for tag, most in budget.tags.items():
        yield _limit(f"{tag} today", sums.tags.get(tag, Decimal(0)), most)


def _limit(name: str, spent: Decimal, most: float | None) -> str:
    return f"{name}: {money(spent)}" + (", without a limit" if most is None else f" of {money(most)}")
