"""The reader of a turn: follows its events, shows them, and tells what came of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from panvox.cli import live, outlet, report
from panvox.cli.board import Board
from panvox.cli.exits import Exit
from panvox.cli.process import Interrupts
from panvox.messages import RunEvent, WaitMet

PATIENCE = 2.0
"""Seconds after Ctrl-C in which the last events may come; then the report is made of what there is."""


class Source(Protocol):
    """Where events of a turn come from: the engine, or another process."""

    def __aiter__(self) -> AsyncIterator[RunEvent]:
        """The events; the last is `RunEnded`, if the source lives to send it."""
        ...

    def stop(self, why: str = "stopped") -> None:
        """End the turn and keep what has arrived."""
        ...


class Afterwards(Enum):
    """What happens to members that are open when the wait policy is met and lets them go on."""

    STOP = "they are stopped"
    STAY = "the reader waits for them"
    LEAVE = "the reader goes, they go on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What to show of a turn. `deadline` is in seconds; `kept` tells whether the store has the run.

    `votes` is whether answers are counted against each other.
    """

    json: bool = False
    quiet: bool = False
    full: bool = False
    explain: bool = False
    partial_ok: bool = True
    deadline: float | None = None
    kept: bool = True
    afterwards: Afterwards = Afterwards.STOP
    votes: bool = True


async def read(source: Source, manner: Manner, interrupts: Interrupts) -> int:
    """Follow a turn to its end, write the report, and return the exit code."""
    board, now = await follow(source, manner, interrupts)
    told = report.Report.of(board, now=now, kept=manner.kept)
    if not manner.json and board.run:
        out, err = outlet.console(), outlet.console(stderr=True)
        report.write(told, out=out, err=err, full=manner.full, quiet=manner.quiet, explain=manner.explain)
    if interrupts.heard:
        return Exit.INTERRUPTED
    if not told.verdict.answered:
        return Exit.NOTHING
    return Exit.PARTIAL if told.partial and not manner.partial_ok else Exit.ANSWERED


async def follow(source: Source, manner: Manner, interrupts: Interrupts) -> tuple[Board, float]:
    """Follow a turn to its end and show it on the way; where it stands then, after how many seconds."""
    board = Board(votes=manner.votes)
    clock = _clock()
    with closing(_view(board, manner, clock)) as view:
        await _follow(source, board, view, manner, interrupts, clock)
    return board, clock()


def _clock() -> Callable[[], float]:
    now = asyncio.get_running_loop().time
    start = now()
    return lambda: now() - start


def _view(board: Board, manner: Manner, clock: Callable[[], float]) -> live.View:
    if manner.json:
        return live.JsonLines(sys.stdout)
    if manner.quiet:
        return live.Silence()
    console = outlet.console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return live.Table(board, console, clock=clock, deadline=manner.deadline)
    return live.Lines(board, console, clock=clock)


async def _follow(
    source: Source,
    board: Board,
    view: live.View,
    manner: Manner,
    interrupts: Interrupts,
    clock: Callable[[], float],
) -> None:
    limit = asyncio.timeout(None)

    def stop() -> None:
        source.stop("interrupted")
        limit.reschedule(asyncio.get_running_loop().time() + PATIENCE)

    try:
        async with limit:
            with interrupts.handled_by(stop):
                async for event in source:
                    board.add(event, now=clock())
                    await view.show(event)
                    if _over(event, source, manner):
                        return
    except TimeoutError:
        if not limit.expired():
            raise


def _over(event: RunEvent, source: Source, manner: Manner) -> bool:
    """Whether the reader leaves after this event; stops what nobody waits for any more."""
    if manner.afterwards is not Afterwards.STAY and outlet.unread(sys.stdout):
        source.stop()
    if not isinstance(event, WaitMet) or not event.open:
        return False
    if manner.afterwards is Afterwards.STOP:
        source.stop("wait")
    return manner.afterwards is Afterwards.LEAVE
