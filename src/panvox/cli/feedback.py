"""`panvox feedback`: tell which answers were right, and see whose votes that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

import panvox
from panvox.cli import outlet
from panvox.cli.exits import Exit
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.process import run
from panvox.cli.text import clean, json_line, one_line
from panvox.cli.wording import told
from panvox.figures import percent, plural

if TYPE_CHECKING:  # the session brings the store when it opens one
    from panvox.compose.feedback import Heeded

MOVES_SHOWN = 10


def feedback(
    reference: Annotated[
        str, Parameter(name="RUN", help="A run's id, as much of it as is unique, or last.")
    ] = "last",
    /,
    *,
    best: Annotated[
        str | None,
        Parameter(metavar="MODEL", help="This model was right, and all that answered the same."),
    ] = None,
    bad: Annotated[
        str | None,
        Parameter(metavar="MODEL", help="This model was wrong, and all that answered the same."),
    ] = None,
    answer: Annotated[
        str | None,
        Parameter(
            metavar="TEXT",
            allow_leading_hyphen=True,
            help="This is the right answer: who gave it was right, who gave another one wrong.",
        ),
    ] = None,
    turn: Annotated[
        int | None,
        Parameter(metavar="NUMBER", help="On this turn of a conversation, the first is 0; else on its last."),
    ] = None,
    undo: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Take back the last that was told of the turn."),
    ] = False,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Write JSON.")] = False,
    settings: SettingsFile = None,
) -> int:
    """Tell which answers of a run were right; votes of models move by it."""
    loaded = load_settings(settings)

    async def tell() -> int:
        async with panvox.open(loaded) as session:
            heeded = await session.feedback(
                reference,
                best=best,
                bad=bad,
                answer=None if answer is None else clean(answer),
                turn=turn,
                undo=undo,
            )
        if json:
            print(json_line(heeded))
        else:
            _write(heeded)
        return Exit.ANSWERED

    return run(lambda _: tell())


def _write(heeded: Heeded) -> None:
    console = outlet.console()
    outlet.show(console, Text(_told(heeded), style="bold"))
    outlet.show(console, Text(f"  {_counts(heeded)}", style="dim"))
    if heeded.replaced:
        names = ", ".join(map(one_line, heeded.replaced[:3]))
        more = f" and {len(heeded.replaced) - 3:,} more" if len(heeded.replaced) > 3 else ""
        outlet.show(console, Text(f"! Told before: the opposite of {names}{more}. What was told last holds."))
    if heeded.moved:
        outlet.show(console, Text())
        outlet.show(console, _moves(heeded))
    else:
        outlet.show(console, Text("No model's strength moves by that."))


def _told(heeded: Heeded) -> str:
    place = f"{heeded.run}{f', turn {heeded.turn}' if heeded.turn else ''}"
    verb = "Taken back" if heeded.undone else "Told"
    return f"{verb} of {place}: {told(heeded.said)}"


def _counts(heeded: Heeded) -> str:
    rest = heeded.answered - len(heeded.said.marks)
    counts = f"{plural(heeded.right, 'answer')} right, {heeded.wrong:,} wrong"
    if rest:
        counts += f", {rest:,} not judged by it"
    task = heeded.said.task
    return f"{counts}{f' · kind of task: {task}' if task else ''}"


def _moves(heeded: Heeded) -> Table:
    """Voters with their strength before and after, the largest change first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("model", no_wrap=True, overflow="ellipsis")
    table.add_column("strength", no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for move in heeded.moved[:MOVES_SHOWN]:
        before, after = ("-" if each is None else percent(each) for each in (move.before, move.after))
        change = Text(f"{'▲' if move.by > 0 else '▼'} {abs(move.by) * 100:.0f}")
        change.stylize("green" if move.by > 0 else "red")
        table.add_row(Text(one_line(move.voter)), f"{before} → {after}", change)
    if len(heeded.moved) > MOVES_SHOWN:
        table.add_row(Text(f"and {len(heeded.moved) - MOVES_SHOWN:,} more", style="dim"), "", "")
    return table
