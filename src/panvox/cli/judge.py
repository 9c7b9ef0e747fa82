"""`panvox judge`: a stored run curated again with other settings, without asking its models again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

import panvox
from panvox.cli import outlet, report
from panvox.cli.exits import Exit
from panvox.cli.judging_options import Judges, Synthesist, judging_of
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.process import run
from panvox.cli.text import json_line, one_line
from panvox.compose.judging import Judging
from panvox.curation import Curator, Expect, Method, Rules
from panvox.errors import UsageError
from panvox.figures import percent, plural
from panvox.settings import Settings
from panvox.verdicts import Verdict

if TYPE_CHECKING:  # the session brings the store when it opens one
    from panvox.store import StoredRun, StoredTurn


ANSWER_SHOWN = 40
"""Characters of an answer in the comparison of two verdicts."""


class Rejudged(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` writes: the verdict that held and the new one; None where the turn never had any."""

    run: str
    turn: int
    before: Verdict | None
    after: Verdict
    kept: bool


def judge(
    reference: Annotated[
        str, Parameter(name="RUN", help="A run's id, as much of it as is unique, or last.")
    ] = "last",
    /,
    *,
    turn: Annotated[
        int | None,
        Parameter(metavar="NUMBER", help="This turn of a conversation, the first is 0; else its last."),
    ] = None,
    method: Annotated[
        Method,
        Parameter(
            metavar="NAME",
            help="How the answer that wins is found: weighted, majority, multi-factor, medoid or judge, "
            "which asks judges as --judge does.",
        ),
    ] = Method.WEIGHTED,
    expect: Annotated[
        Expect | None,
        Parameter(
            metavar="KIND",
            help="The kind of answer: number, choice, yes-no, date, literal, code, json, short or text. "
            "Without it: what the prompt seems to ask for.",
        ),
    ] = None,
    judge: Judges = None,
    synthesise: Synthesist = None,
    keep: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Keep the new verdict, so that `panvox show` shows it; what models judged is kept anyway.",
        ),
    ] = False,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Write JSON.")] = False,
    settings: SettingsFile = None,
) -> int:
    """Decide a stored run anew, without asking its models again, and compare the verdicts."""
    wanted = judging_of(judge, synthesise, method=method)
    loaded = load_settings(settings)
    return run(lambda _: _judge(loaded, reference, turn, (method, expect), wanted, keep=keep, json=json))


async def _judge(
    settings: Settings,
    reference: str,
    number: int | None,
    changed: tuple[Method, Expect | None],
    wanted: Judging | None,
    *,
    keep: bool,
    json: bool,
) -> int:
    async with panvox.open(settings) as session:
        stored = await session.store.run(reference)
        turn = _turn(stored, number)
        method, expect = changed
        rules = replace(await session.rules(), method=method, expect=expect)
        after = await asyncio.to_thread(curated, turn, rules)
        if wanted is not None:
            after = await session.judge(stored, turn, after, wanted)
        kept = keep or after.judgement is not None or after.synthesis is not None
        if kept:
            await session.store.judged(stored.run, turn.turn, after)
            warn(filter(None, [session.store.problem]))
    if json:
        print(
            json_line(Rejudged(run=stored.run, turn=turn.turn, before=turn.verdict, after=after, kept=kept))
        )
        return Exit.ANSWERED
    out, err = outlet.console(), outlet.console(stderr=True)
    told = report.Report.of_stored(stored.run, turn, verdict=after)
    report.write(told, out=out, err=err, full=False)
    outlet.show(err, Text())
    outlet.show(err, compared(turn.verdict, after))
    return Exit.ANSWERED


def _turn(stored: StoredRun, number: int | None) -> StoredTurn:
    """The turn that is meant. Raises `UsageError` where there is none, or nobody answered in it."""
    if number is None:
        turn = stored.turns[-1]
    else:
        found = next((turn for turn in stored.turns if turn.turn == number), None)
        if found is None:
            count = plural(len(stored.turns), "turn")
            raise UsageError(f"the run {stored.run} has no turn {number}: it has {count}, counted from 0")
        turn = found
    if not any(outcome.answered for outcome in turn.outcomes):
        raise UsageError(
            f"nobody answered turn {turn.turn} of the run {stored.run}, so there is nothing to judge: "
            f"panvox show {stored.run} tells why"
        )
    return turn


def curated(turn: StoredTurn, rules: Rules) -> Verdict:
    """The verdict on a stored turn by `rules`."""
    curator = Curator(turn.prompt.question, turn.members, rules)
    for outcome in turn.outcomes:
        curator.add(outcome)
    curator.settle(closely=True)
    return curator.verdict()


def compared(before: Verdict | None, after: Verdict) -> Table:
    """Both verdicts side by side, line by line; what differs is marked."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_row("", Text("before", style="dim"), Text("now", style="dim"))
    old = _facts(before) if before is not None else {}
    for name, new in _facts(after).items():
        was = old.get(name, "-")
        table.add_row(name, Text(was), Text(new if new == was else f"{new} ←"))
    return table


def _brief(answer: str) -> str:
    said = one_line(answer)
    return said if len(said) <= ANSWER_SHOWN else f"{said[: ANSWER_SHOWN - 1].rstrip()}…"


def _facts(verdict: Verdict) -> dict[str, str]:
    leading = verdict.leading
    return {
        "Method": verdict.method or "-",
        "Consensus": _brief(verdict.consensus or "-"),
        "Leading": f"{_brief(leading.answer)}, {percent(leading.share)}" if leading else "-",
        "Confidence": "-" if verdict.confidence is None else percent(verdict.confidence),
        "Best": one_line(verdict.best or "-"),
        "Groups": f"{len(verdict.groups):,}",
    }
