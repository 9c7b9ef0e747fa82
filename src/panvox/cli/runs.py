"""`panvox runs` and `panvox show`: what was asked before, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

import panvox
from panvox.cli import outlet, report
from panvox.cli.exits import Exit
from panvox.cli.ledger import word
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.process import run
from panvox.cli.text import clean, json_line, one_line
from panvox.errors import SelectionError, UsageError
from panvox.figures import money, plural, seconds
from panvox.messages import Attempt, Outcome
from panvox.settings import Settings

if TYPE_CHECKING:  # the session brings the store when it opens one
    from panvox.store import RunSummary, StoredRun, StoredTurn

SEEN = 0.05
"""Seconds of a wait that are worth telling."""

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Write JSON.")]


def runs(
    *,
    limit: Annotated[int, Parameter(metavar="COUNT", help="How many, the latest first.")] = 20,
    json: Json = False,
    settings: SettingsFile = None,
) -> int:
    """List earlier runs."""
    if limit < 1:
        raise UsageError(f"--limit {limit} is not a number greater than 0")
    loaded = load_settings(settings)
    return run(lambda _: _runs(loaded, limit=limit, json=json))


async def _runs(settings: Settings, *, limit: int, json: bool) -> int:
    async with panvox.open(settings) as session:
        found = await session.store.runs(limit=limit)
    if json:
        for summary in found:
            print(json_line(summary))
    elif found:
        console = outlet.console()
        outlet.show(console, _filled(outlet.listing(console), found))
    else:
        print('No run is kept yet: panvox ask "…" makes one.', file=sys.stderr)
    return Exit.ANSWERED


def _filled(table: Table, found: Sequence[RunSummary]) -> Table:
    table.add_column("run", no_wrap=True, min_width=20)
    table.add_column("when", no_wrap=True, min_width=16, style="dim")
    table.add_column("answered", no_wrap=True, min_width=8, justify="right")
    table.add_column("question", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("consensus", no_wrap=True, overflow="ellipsis", ratio=2)
    for summary in found:
        when = datetime.fromtimestamp(summary.started, UTC).astimezone()
        more = f" (+{summary.turns - 1})" if summary.turns > 1 else ""
        table.add_row(
            Text(summary.run),
            f"{when:%Y-%m-%d %H:%M}",
            f"{summary.answered} of {summary.asked}",
            Text(one_line(summary.question) + more),
            Text(one_line(summary.consensus or _without_consensus(summary))),
        )
    return table


def _without_consensus(summary: RunSummary) -> str:
    return "never ended" if summary.duration is None else "-"


def show(
    reference: Annotated[
        str, Parameter(name="RUN", help="A run's id, as much of it as is unique, or last.")
    ] = "last",
    /,
    *,
    member: Annotated[
        str | None, Parameter(metavar="NAME", help="Show only this model: its answer in full, its attempts.")
    ] = None,
    full: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show every answer in full as well.")
    ] = False,
    explain: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show what each answer counted, and why.")
    ] = False,
    json: Json = False,
    settings: SettingsFile = None,
) -> int:
    """Show a run again: every answer, every failure."""
    loaded = load_settings(settings)
    return run(lambda _: _show(loaded, reference, member=member, full=full, explain=explain, json=json))


async def _show(
    settings: Settings, reference: str, *, member: str | None, full: bool, explain: bool, json: bool
) -> int:
    async with panvox.open(settings) as session:
        stored = await session.store.run(reference)
    if member is not None:
        return _show_member(stored, member, json=json)
    if json:
        print(json_line(stored))
        return Exit.ANSWERED
    out, err = outlet.console(), outlet.console(stderr=True)
    for turn in stored.turns:
        outlet.show(err, Text("▸ ", style="dim").append(one_line(turn.prompt.question), style="bold"))
        told = report.Report.of_stored(stored.run, turn)
        report.write(told, out=out, err=err, full=full, explain=explain)
        outlet.show(err, Text())
    return Exit.ANSWERED


def _show_member(stored: StoredRun, name: str, *, json: bool) -> int:
    names = sorted({member.name for turn in stored.turns for member in turn.members})
    if name not in names:
        near = ", ".join(get_close_matches(name, names, n=3, cutoff=0.4))
        hint = f"did you mean {near}?" if near else f"it has {plural(len(names), 'member')}"
        raise SelectionError(f"the run {stored.run} has no member {name!r}; {hint}")
    for turn in stored.turns:
        for outcome in turn.outcomes:
            if outcome.member.name != name:
                continue
            if json:
                print(json_line(outcome))
            else:
                _write_outcome(turn, outcome)
    return Exit.ANSWERED


def _write_outcome(turn: StoredTurn, outcome: Outcome) -> None:
    out, err = outlet.console(), outlet.console(stderr=True)
    outlet.show(err, Text("▸ ", style="dim").append(one_line(turn.prompt.question), style="bold"))
    outlet.show(err, report.heading(outcome.member, f"{word(outcome.state)} in {seconds(outcome.duration)}"))
    if text := clean(outcome.text).strip():
        out.file.write(text + "\n")
    out.file.flush()
    outlet.show(err, Text())
    outlet.show(err, _facts(outcome))


def _attempt(attempt: Attempt) -> Text:
    """One call: how it ended, in whose words, and what stood around it."""
    if attempt.cached:
        return Text(f"from the cache: {one_line(attempt.message)}" if attempt.message else "from the cache")
    status = f", HTTP {attempt.status}" if attempt.status else ""
    said = f": {one_line(attempt.message)}" if attempt.message else ""
    told = Text(f"{word(attempt.state)} after {seconds(attempt.duration)}{status}{said}")
    around = [
        f"model {one_line(attempt.model)}" if attempt.model else "",
        f"key {one_line(attempt.key)}" if attempt.key else "",
        f"held back {seconds(attempt.waited)}" if attempt.waited >= SEEN else "",
        f"told to wait {seconds(attempt.wait)}" if attempt.wait is not None else "",
        f"{attempt.in_flight:,} in flight" if attempt.in_flight else "",
        money(attempt.cost) if attempt.cost is not None else "",
        f"request {one_line(attempt.request_id)}" if attempt.request_id else "",
    ]
    return told.append("\n" + " · ".join(filter(None, around)), style="dim")


def _facts(outcome: Outcome) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    usage = outcome.answer.usage if outcome.answer else None
    if outcome.first_token is not None:
        table.add_row("First token", seconds(outcome.first_token))
    if usage:
        table.add_row("Tokens", f"{usage.prompt_tokens:,} in, {usage.completion_tokens:,} out")
    if outcome.cost is not None:
        table.add_row("Cost", money(outcome.cost))
    if outcome.stand_in is not None:
        table.add_row("Answered by", Text(one_line(outcome.stand_in.name)))
    for number, attempt in enumerate(outcome.attempts, 1):
        table.add_row(f"Attempt {number}", _attempt(attempt))
    if outcome.fault:
        table.add_row("Hint", Text(one_line(outcome.fault.hint)))
    elif outcome.reason:
        table.add_row("Reason", Text(one_line(outcome.reason)))
    return table
