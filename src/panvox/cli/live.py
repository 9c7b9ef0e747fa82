"""The live view of a turn: a table in a terminal, plain lines elsewhere.

frame      a plain function from a board to lines of text
Table      paints frames where the cursor can move
Lines      writes one line for each member that ends
JsonLines  writes every event, for programs
Silence    shows nothing
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from panvox.cli import wording
from panvox.cli.board import Board, Row
from panvox.cli.text import json_line, one_line, shorten
from panvox.figures import money, percent, plural, seconds, short, votes
from panvox.messages import MemberEnded, MemberWaiting, Note, RunEvent, State
from panvox.verdicts import Verdict

INTERVAL = 0.22
"""Seconds between two frames: faster than a person reads, slow enough to cost next to nothing."""

CLOCK_INTERVAL = 1.0
"""Seconds after which a frame is drawn although nothing has happened, so that time is seen to pass."""

PROGRESS_INTERVAL = 10.0
"""Seconds between two lines of progress where there is no terminal."""

LONG_WAIT = 5.0
"""Seconds of a wait that is worth a line where there is no terminal."""

LEAST_TEXT = 16
"""Cells that an answer's text needs to be worth a column."""


# --- frames ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells of each column; 0 leaves it out."""

    state: int
    name: int
    first: int
    tokens: int
    cost: int
    text: int


def frame(board: Board, *, width: int, height: int, now: float, deadline: float | None) -> list[Text]:
    """The view as lines, none wider than `width`, no more than `height`; times in seconds."""
    columns = _columns(board, width)
    holds, outlook = board.holds(now), _outlook(board)
    room = max(1, height - 5 - bool(holds) - len(outlook))
    rows = board.visible(room if board.asked <= room else room - 1)
    lines = [_title(board, width), _header(columns)]
    lines += [_row(row, columns, now) for row in rows]
    if len(rows) < board.asked:
        lines.append(_more(board, rows))
    lines += [_progress(board, width, now, deadline), *_holds(holds)]
    if board.votes:
        lines += [_standing(board.verdict, width), *outlook]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[-height:]


def _columns(board: Board, width: int) -> _Columns:
    state = 17 if width >= 100 else 14
    longest = max((len(name) for name in board.rows), default=0)
    name = min(longest, max(16, width * 35 // 100))
    wanted = {"first": 7, "tokens": 6, "cost": 9 if board.priced else 0}
    for left_out in ("cost", "tokens", "first"):
        text = width - state - name - sum(cells + 2 for cells in wanted.values() if cells) - 4
        if text >= LEAST_TEXT:
            return _Columns(state, name, text=text, **wanted)
        wanted[left_out] = 0
    text = width - state - name - 4
    return _Columns(state, name, text=text if text >= LEAST_TEXT else 0, **wanted)


def _title(board: Board, width: int) -> Text:
    line = Text.assemble(("panvox", "bold cyan"), (" ▸ ", "dim"))
    question = one_line(board.question[: 4 * width])
    return line.append(question, style="bold")


def _header(columns: _Columns) -> Text:
    cells = [wording.fit("state", columns.state), wording.fit("model", columns.name)]
    cells += [
        title.rjust(cells)
        for title, cells in (
            ("first", columns.first),
            ("tokens", columns.tokens),
            ("cost", columns.cost),
        )
        if cells
    ]
    return Text("  ".join([*cells, "text" if columns.text else ""]), style="dim")


def _row(row: Row, columns: _Columns, now: float) -> Text:
    symbol, style = look(row)
    line = Text.assemble(
        (wording.fit(f"{symbol} {row.word}", columns.state), style),
        "  ",
        (
            wording.fit(shorten(one_line(row.name), columns.name), columns.name),
            "dim" if row.state.open else "",
        ),
    )
    for cells, figure in ((columns.first, _first(row, now)), (columns.tokens, _tokens(row))):
        if cells:
            line.append("  ").append(figure.rjust(cells), style="dim" if figure[:1] in "~…" else "")
    if columns.cost:
        line.append("  ").append((money(row.cost) if row.cost is not None else "").rjust(columns.cost))
    if columns.text:
        failed = row.outcome is not None and not row.outcome.answered
        holding = row.holding(now)
        said = (
            wording.fit(holding or row.said, columns.text)
            if failed or holding
            else _end_of(row.said, columns.text)
        )
        line.append("  ").append(said, style="dim" if failed or holding or row.thinks else "")
    return line


def look(row: Row) -> tuple[str, str]:
    """Symbol and style of a row; the word beside the symbol says the same."""
    match row.state:
        case State.ANSWERED:
            return "✓", "green"
        case State.WAITING:
            return "·", "dim"
        case State.STREAMING if row.first_token is None:
            return "○", "blue"
        case State.STREAMING:
            return "●", "cyan"
        case State.CANCELLED | State.INTERRUPTED | State.SKIPPED:
            return "■", "yellow"
        case _:
            return "✗", "red"


def _first(row: Row, now: float) -> str:
    if row.first_token is not None:
        return seconds(row.first_token)
    return f"…{now - row.started:.0f} s" if row.state is State.STREAMING else ""


def _tokens(row: Row) -> str:
    match row.tokens:
        case count, True:
            return short(count)
        case count, False:
            return f"~{short(count)}"
        case _:
            return ""


def _end_of(text: str, cells: int) -> str:
    if cell_len(text) <= cells:
        return text
    text = text[-cells + 1 :]
    while cell_len(text) > cells - 1:
        text = text[1:]
    return f"…{text}"


def _more(board: Board, rows: list[Row]) -> Text:
    hidden = ", ".join(f"{count:,} {word}" for word, count in board.hidden(rows) if count)
    return Text(f"  and {board.asked - len(rows):,} more: {hidden}", style="dim")


def _progress(board: Board, width: int, now: float, deadline: float | None) -> Text:
    line = _bar(board, max(8, min(40, width // 5)))
    line.append(f"  {board.answered:,} answered", style="green" if board.answered else "")
    line.append(" · ").append(f"{board.failed:,} failed", style="red" if board.failed else "")
    if stopped := board.asked - board.answered - board.failed - board.open:
        line.append(f" · {stopped:,} stopped", style="yellow")
    line.append(f" · {board.open:,} open of {board.asked:,}")
    limit = f" of {seconds(deadline)}" if deadline else ""
    return line.append(f" · {seconds(now)}{limit}", style="dim")


def _holds(holds: Sequence[tuple[str, int, float | None]]) -> Iterator[Text]:
    """Who waits for what, in a line, if anybody does."""
    if holds:
        yield Text("·  ", style="dim").append(" · ".join(_hold(*each) for each in holds), style="dim")


def _hold(reason: str, count: int, first: float | None) -> str:
    wait = "wait" if count > 1 else "waits"
    return f"{count:,} {wait} for {reason}{'' if first is None else f', next in {seconds(first)}'}"


def _bar(board: Board, cells: int) -> Text:
    asked = board.asked or 1
    done = round(cells * board.answered / asked)
    ended = round(cells * (board.asked - board.open) / asked)
    open_ = cells - ended
    return Text.assemble(("━" * done, "green"), ("╌" * (ended - done), "red"), ("─" * open_, "dim"))


def _standing(verdict: Verdict | None, width: int) -> Text:
    """The provisional verdict in a line: the answer, its share, the largest minority, how sure that is.

    What does not fit is left out from the end; of a long answer at least a few words stay.
    """
    if verdict is None or verdict.leading is None:
        return Text("no answer yet", style="dim")
    leading = verdict.leading
    if not leading.extracted and len(leading.members) == 1:
        return Text(f"{plural(verdict.answered, 'answer')} so far, no two alike", style="dim")
    if wording.few_alike(verdict):
        return Text(f"{plural(verdict.answered, 'answer')} so far, hardly any two alike", style="dim")
    word = "consensus so far" if verdict.consensus else "leading so far"
    voices = sum(group.votes for group in verdict.groups)
    said = [f"{percent(leading.share)} of {votes(voices)} in {plural(len(verdict.groups), 'group')}"]
    answer = one_line(leading.answer)
    room = width - len(word) - 4 - min(cell_len(answer), 24)
    for more in filter(None, (wording.runner_up(verdict), wording.sure(verdict))):
        if cell_len(" · ".join([*said, more])) <= room:
            said.append(more)
    share = "  " + " · ".join(said)
    shown = wording.fit(answer, max(8, width - len(word) - cell_len(share) - 3)).rstrip()
    return Text.assemble((f"{word}: ", "dim"), (shown, "bold"), (share, "dim"))


def _outlook(board: Board) -> list[Text]:
    """What those who are open could still change, in a line, if anybody knows."""
    verdict = board.verdict
    if (
        verdict is None
        or not (board.votes and board.open)
        or verdict.leading is None
        or not verdict.leading.extracted
    ):
        return []
    said = wording.still_open(verdict.outlook)
    return [Text(f"→  {said}", style="dim")] if said else []


# --- painting --------------------------------------------------------------------------------------


class View(Protocol):
    """Whatever shows a turn while it is under way."""

    async def show(self, event: RunEvent) -> None:
        """The board has just taken `event`."""
        ...

    def close(self) -> None:
        """Nothing follows; the view leaves no trace that is not meant to stay."""
        ...


class Silence:
    """Shows nothing."""

    async def show(self, event: RunEvent) -> None:
        """See `View`."""

    def close(self) -> None:
        """See `View`."""


class Table:
    """A table repainted in place, about four times a second, if anything has changed."""

    def __init__(
        self, board: Board, console: Console, *, clock: Callable[[], float], deadline: float | None
    ) -> None:
        self._board = board
        self._console = console
        self._clock = clock
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._painted: list[str] = []
        self._widths: list[int] = []
        self._size = console.size
        self._version = -1
        self._at = 0.0
        self._write("\x1b[?25l")
        self._timer = self._loop.call_later(0.0, self._tick)

    async def show(self, event: RunEvent) -> None:
        """See `View`; the next tick draws it. A note stays above the table."""
        if isinstance(event, Note):
            self._write(f"{self._home()}\x1b[J")
            self._console.print(Text(f"! {one_line(event.text)}", style="yellow"))
            self._painted, self._widths, self._version = [], [], -1

    def close(self) -> None:
        """Wipe the table off and give the cursor back."""
        self._timer.cancel()
        self._write(f"{self._home()}\x1b[J\x1b[?25h")
        self._painted = []

    def _tick(self) -> None:
        self._timer = self._loop.call_later(INTERVAL, self._tick)
        now = self._clock()
        changed = self._version != self._board.version or self._size != self._console.size
        if self._board.asked and (changed or now - self._at >= CLOCK_INTERVAL):
            self._version, self._at = self._board.version, now
            self._paint(now)

    def _paint(self, now: float) -> None:
        home = self._home()
        size = self._console.size
        resized, self._size = size != self._size, size
        lines = frame(
            self._board,
            width=max(20, size.width - 1),
            height=max(4, size.height - 1),
            now=now,
            deadline=self._deadline,
        )
        with self._console.capture() as capture:
            self._console.print(Text("\n").join(lines), no_wrap=True, overflow="crop", end="")
        drawn = capture.get().split("\n")
        fresh = resized or len(drawn) != len(self._painted)
        before = [""] * len(drawn) if fresh else self._painted
        body = "\n".join(
            "" if new == old and not fresh else f"\x1b[2K{new}"
            for new, old in zip(drawn, before, strict=True)
        )
        # Between these marks a terminal that knows them shows nothing half drawn.
        self._write(f"\x1b[?2026h{home}{chr(27) + '[J' if fresh else ''}{body}\x1b[?2026l")
        self._painted, self._widths = drawn, [line.cell_len for line in lines]

    def _home(self) -> str:
        """To the first cell of what is painted: in a window made narrower, its lines fill several rows."""
        width = max(1, self._console.size.width)
        rows = sum(max(1, -(-cells // width)) for cells in self._widths) if self._painted else 1
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


class Lines:
    """One line for each member that ends, and one for all now and then."""

    def __init__(self, board: Board, console: Console, *, clock: Callable[[], float]) -> None:
        self._board = board
        self._console = console
        self._clock = clock
        self._at = 0.0
        self._told: dict[str, float] = {}

    async def show(self, event: RunEvent) -> None:
        """See `View`."""
        now = self._clock()
        if isinstance(event, MemberEnded):
            self._console.print(self._ended(self._board.rows[event.outcome.member.name], now))
        elif isinstance(event, Note):
            self._console.print(f"[{now:6.1f} s] ! {one_line(event.text)}")
        elif isinstance(event, MemberWaiting):
            self._hold(event, now)
        if now - self._at >= PROGRESS_INTERVAL:
            self._at = now
            board = self._board
            counts = f"{board.answered} answered, {board.failed} failed, {board.open} open of {board.asked}"
            self._console.print(f"[{now:6.1f} s] {counts}")

    def close(self) -> None:
        """See `View`."""

    def _hold(self, event: MemberWaiting, now: float) -> None:
        """Tell of a long wait; of those with one reason now and then only."""
        long = event.seconds is None or event.seconds >= LONG_WAIT
        if long and now - self._told.get(event.reason, -PROGRESS_INTERVAL) >= PROGRESS_INTERVAL:
            self._told[event.reason] = now
            waiting = (each for each in self._board.holds(now) if each[0] == one_line(event.reason))
            for each in waiting:
                self._console.print(f"[{now:6.1f} s] {_hold(*each)}")

    def _ended(self, row: Row, now: float) -> str:
        place = f"[{now:6.1f} s] {self._board.asked - self._board.open}/{self._board.asked}"
        tokens = _tokens(row)
        said = f"{tokens} tokens" if row.state is State.ANSWERED and tokens else row.said[:200]
        return f"{place} {look(row)[0]} {row.word}: {one_line(row.name)}{': ' if said else ''}{said}"


class JsonLines:
    """Every event as a line of JSON, tagged by its type."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def show(self, event: RunEvent) -> None:
        """See `View`. A reader that is slow holds up the events, never the loop that listens to models."""
        line = json_line(event) + "\n"
        # A pipe that select calls writable takes a page at least without waiting.
        if len(line) <= select.PIPE_BUF and select.select([], [self._stream], [], 0)[1]:
            self._write(line)
        else:
            await asyncio.to_thread(self._write, line)

    def _write(self, line: str) -> None:
        self._stream.write(line)
        self._stream.flush()

    def close(self) -> None:
        """See `View`."""
