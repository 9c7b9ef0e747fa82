"""What a person sees of a turn: events in, lines out; nothing here asks a model."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions

from panvox.cli import report
from panvox.cli.board import Board, Row
from panvox.cli.live import JsonLines, Lines, Table, frame, look
from panvox.cli.report import Report
from panvox.curation import Curator
from panvox.errors import Failure, RateLimited, TimedOut, Unauthorised
from panvox.messages import (
    Answer,
    Finish,
    Identity,
    MemberDelta,
    MemberEnded,
    MemberStarted,
    Outcome,
    RunEnded,
    RunEvent,
    RunStarted,
    State,
    Usage,
    VerdictChanged,
    WaitMet,
)
from panvox.verdicts import Verdict

QUESTION = "What is the capital of Australia?"
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31mtext\u202egnp.exe\r\n\x00\x07\x1b_secret\x1b\\end"
OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def identity(name: str, lineage: str = "") -> Identity:
    provider, _, model = name.partition("/")
    return Identity(name=name, provider=provider, model=model, lineage=lineage or name)


def started(*names: str, lineage: str = "") -> RunStarted:
    members = tuple(identity(name, lineage) for name in names)
    return RunStarted(run="20261121-035812-4f7a", turn=0, question=QUESTION, members=members)


def answered(name: str, text: str, *, took: float = 2.0, lineage: str = "", cost: str = "0.00042") -> Outcome:
    usage = Usage(prompt_tokens=40, completion_tokens=12, cost=Decimal(cost))
    return Outcome(
        member=identity(name, lineage),
        state=State.ANSWERED,
        answer=Answer(text=text, finish=Finish.STOP, usage=usage),
        first_token=0.4,
        duration=took,
    )


def failed(name: str, failure: Failure) -> Outcome:
    fault = failure.fault
    return Outcome(member=identity(name), state=State(fault.category.value), fault=fault, duration=1.0)


def folded(events: Iterable[RunEvent], *, now: float = 3.0) -> Board:
    board = Board()
    for event in events:
        board.add(event, now=now)
    return board


def verdict_of(outcomes: Sequence[Outcome], asked: Sequence[Identity]) -> Verdict:
    curator = Curator(QUESTION, asked)
    for outcome in outcomes:
        curator.add(outcome)
    return curator.verdict()


def ended_turn(*outcomes: Outcome, stopped: str = "") -> Iterator[RunEvent]:
    """A whole turn in which all members end."""
    members = tuple(outcome.member for outcome in outcomes)
    yield RunStarted(run="20261121-035812-4f7a", turn=0, question=QUESTION, members=members)
    for outcome in outcomes:
        yield MemberStarted(outcome.member.name, 0.0)
        yield MemberEnded(outcome)
    verdict = verdict_of(outcomes, members)
    states: dict[str, int] = {}
    for outcome in outcomes:
        states[outcome.state] = states.get(outcome.state, 0) + 1
    yield RunEnded(
        run="20261121-035812-4f7a", turn=0, verdict=verdict, states=states, duration=9.1, stopped=stopped
    )


def plain(board: Board, *, width: int = 100, height: int = 24, now: float = 8.4) -> str:
    lines = frame(board, width=width, height=height, now=now, deadline=120)
    return "\n".join(line.plain.rstrip() for line in lines)


def half_way() -> Board:
    names = ("openai/gpt-5", "anthropic/claude-4", "groq/llama-3.3-70b", "ollama/qwen3", "local/tiny#1")
    outcomes = [answered(names[0], "The capital is Canberra."), failed(names[1], RateLimited("limit 20"))]
    return folded(
        [
            started(*names),
            *(MemberStarted(name, 0.1) for name in names[:4]),
            MemberDelta(names[0], text="The capital is Canberra."),
            MemberDelta(names[2], reasoning="Sydney is larger, but"),
            *(MemberEnded(outcome) for outcome in outcomes),
            VerdictChanged(verdict_of(outcomes, [identity(name) for name in names])),
        ]
    )


# --- the board ---


def test_a_frame_tells_where_every_member_stands() -> None:
    assert plain(half_way()) == snapshot("""\
panvox ▸ What is the capital of Australia?
state              model                 first  tokens       cost  text
✓ answered         openai/gpt-5         0.40 s      12   $0.00042  The capital is Canberra.
✗ rate limited     anthropic/claude-4                              limit 20
● thinking         groq/llama-3.3-70b    2.9 s      ~6             Sydney is larger, but
○ asked            ollama/qwen3           …8 s
· waiting          local/tiny#1
━━━━╌╌╌╌────────────  1 answered · 1 failed · 3 open of 5 · 8.4 s of 2 min
leading so far: Canberra  100 % of 1 vote in 1 group · more likely than not, about 50 % sure
→  3 models still open, with 3 votes, could make it another answer\
""")


def test_a_narrow_window_loses_columns_and_a_wide_one_shows_them_all() -> None:
    header = [plain(half_way(), width=width).splitlines()[1].split() for width in (40, 60, 70, 90)]
    assert header == snapshot(
        [
            ["state", "model"],
            ["state", "model", "text"],
            ["state", "model", "first", "tokens", "text"],
            ["state", "model", "first", "tokens", "cost", "text"],
        ]
    )


def test_a_member_that_streams_has_been_asked_then_thinks_then_writes() -> None:
    board = folded([started("a/b"), MemberStarted("a/b", 0.5)])
    words = [board.rows["a/b"].word]
    for delta in (MemberDelta("a/b", reasoning="hm"), MemberDelta("a/b", text="yes")):
        board.add(delta, now=1.5)
        words.append(board.rows["a/b"].word)
    assert words == ["asked", "thinking", "streaming"]
    assert board.rows["a/b"].said == "yes"
    assert board.rows["a/b"].first_token == 1.0


@pytest.mark.parametrize("state", State)
def test_no_state_is_told_by_colour_alone(state: State) -> None:
    row = Row("a/b", state)
    symbol, _ = look(row)
    assert symbol.strip()
    assert row.word.strip()


def test_those_that_stream_come_first_then_the_last_to_end_then_those_that_wait() -> None:
    names = [f"p/{number}" for number in range(30)]
    board = folded(
        [
            started(*names),
            *(MemberStarted(name, 0.0) for name in names[:8]),
            *(MemberEnded(answered(name, "x")) for name in names[:4]),
        ]
    )
    assert [row.name for row in board.visible(10)] == [
        *(f"p/{number}" for number in (4, 5, 6, 7)),
        *(f"p/{number}" for number in (3, 2, 1, 0)),
        *(f"p/{number}" for number in (8, 9)),
    ]
    assert dict(board.hidden(board.visible(10))) == {"streaming": 0, "ended": 0, "waiting": 20}
    assert [row.name for row in board.visible(40)] == names


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """Boards at any moment of any turn, with names and texts that nobody would want."""
    texts = st.text(max_size=60) | st.just(HOSTILE) | st.just("漢字かな" * 20)
    names = draw(st.lists(texts, unique=True, max_size=40))
    board = folded([started(*names)])
    for name in names:
        steps = draw(st.integers(0, 3))
        if steps > 0:
            board.add(MemberStarted(name, 0.1), now=1.0)
        if steps > 1:
            board.add(MemberDelta(name, text=draw(texts), reasoning=draw(texts)), now=2.0)
        if steps > 2:
            outcome = draw(st.sampled_from([answered(name, HOSTILE), failed(name, TimedOut(HOSTILE))]))
            board.add(MemberEnded(outcome), now=3.0)
    if board.finished:
        outcomes = [row.outcome for row in board.finished if row.outcome]
        board.add(VerdictChanged(verdict_of(outcomes, [identity(name) for name in names])), now=3.0)
    return board


@given(boards(), st.integers(20, 300), st.integers(4, 100))
def test_a_frame_fits_its_window_and_holds_nothing_a_terminal_obeys(
    board: Board, width: int, height: int
) -> None:
    lines = frame(board, width=width, height=height, now=4.0, deadline=None)
    assert len(lines) <= height
    assert [line.plain for line in lines if cell_len(line.plain) > width] == []
    assert [line.plain for line in lines if OBEYED.search(line.plain)] == []


@given(boards(), st.integers(1, 60))
def test_every_member_is_shown_or_counted_once(board: Board, room: int) -> None:
    rows = board.visible(room)
    assert len({row.name for row in rows}) == len(rows) == min(room, board.asked)
    assert len(rows) + sum(count for _, count in board.hidden(rows)) == board.asked
    assert board.open + len(board.finished) == board.asked


def test_the_tail_of_a_long_answer_is_all_that_is_kept() -> None:
    board = folded([started("a/b"), MemberStarted("a/b", 0.0)])
    for _ in range(1000):
        board.add(MemberDelta("a/b", text="word " * 20), now=1.0)
    assert board.rows["a/b"].tokens == (25_000, False)
    assert len(board.rows["a/b"].tail) <= 600


# --- painting ---


class Screen:
    """A terminal of the plainest kind: it knows what the table uses, and fails on all else."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0
        self.cursor = True

    def feed(self, output: str) -> None:
        for token in re.findall(r"\x1b\[[?\d;]*[a-zA-Z]|\n|\r|[^\x1b\n\r]+|\x1b", output):
            self._obey(token)

    def _obey(self, token: str) -> None:
        if token == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
        elif found := re.fullmatch(r"\x1b\[(\d+)A", token):
            self.row -= int(found[1])
            assert self.row >= 0, "painted above its own first line"
        elif token == "\x1b[J":
            del self.lines[self.row + 1 :]
            self.lines[self.row] = ""
        elif token == "\x1b[2K":
            self.lines[self.row] = ""
        elif token in ("\x1b[?25l", "\x1b[?25h"):
            self.cursor = token.endswith("h")
        elif not re.fullmatch(r"\r|\x1b\[\?2026[hl]|\x1b\[[\d;]*m", token):
            assert "\x1b" not in token, f"unknown sequence {token!r}"
            self.lines[self.row] = token if not self.lines[self.row] else self.lines[self.row] + token


def terminal(*, width: int = 100, height: int = 24) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=width, height=height, markup=False)
    return console, output


@pytest.mark.looptime
async def test_the_table_shows_the_last_frame_and_leaves_nothing_behind() -> None:
    console, output = terminal()
    board = half_way()
    clock = asyncio.get_running_loop().time
    table = Table(board, console, clock=clock, deadline=120)
    await asyncio.sleep(1)
    board.add(MemberDelta("ollama/qwen3", text="It is Canberra"), now=1.0)
    await asyncio.sleep(1)
    screen = Screen()
    screen.feed(output.getvalue())
    assert not screen.cursor
    assert any("It is Canberra" in line for line in screen.lines)
    assert len(screen.lines) == 10
    table.close()
    screen = Screen()
    screen.feed(output.getvalue())
    assert screen.lines == [""]
    assert screen.cursor


@pytest.mark.looptime
async def test_the_table_is_painted_five_times_a_second_at_most_and_only_when_something_changes() -> None:
    console, output = terminal()
    board = half_way()
    table = Table(board, console, clock=asyncio.get_running_loop().time, deadline=None)

    def paints() -> int:
        return output.getvalue().count("\x1b[?2026h")

    for _ in range(200):
        board.add(MemberDelta("ollama/qwen3", text="word "), now=1.0)
        await asyncio.sleep(0.01)
    busy = paints()
    await asyncio.sleep(10)
    idle = paints() - busy
    table.close()
    assert 8 <= busy <= 10
    assert 8 <= idle <= 10


@pytest.mark.looptime
async def test_a_window_that_changes_its_size_is_painted_anew() -> None:
    console, output = terminal(width=120)
    table = Table(half_way(), console, clock=asyncio.get_running_loop().time, deadline=None)
    await asyncio.sleep(0.1)
    console.size = ConsoleDimensions(50, 12)
    before = len(output.getvalue())
    await asyncio.sleep(0.3)
    painted = output.getvalue()[before:]
    table.close()
    assert "\x1b[J" in painted
    screen = Screen()
    screen.feed(painted[painted.index("\x1b[J") :])
    assert max(map(cell_len, screen.lines)) <= 49


# --- lines ---


@pytest.mark.looptime
async def test_without_a_terminal_each_end_is_a_line_and_progress_comes_now_and_then() -> None:
    output = io.StringIO()
    board = Board()
    loop = asyncio.get_running_loop()
    start = loop.time()
    lines = Lines(board, Console(file=output, width=200), clock=lambda: loop.time() - start)
    events: list[RunEvent] = [
        started("a/1", "a/2", "a/3"),
        *(MemberStarted(f"a/{number}", 0.0) for number in (1, 2, 3)),
        MemberEnded(answered("a/1", "Canberra")),
        MemberEnded(failed("a/2", Unauthorised(f"bad key {HOSTILE}"))),
        MemberDelta("a/3", text="Can"),
    ]
    for event in events:
        await asyncio.sleep(2)
        board.add(event, now=loop.time() - start)
        await lines.show(event)
    lines.close()
    assert output.getvalue() == snapshot("""\
[  10.0 s] 1/3 ✓ answered: a/1: 12 tokens
[  10.0 s] 1 answered, 0 failed, 2 open of 3
[  12.0 s] 2/3 ✗ unauthorised: a/2: bad key textgnp.exe end
""")


async def test_json_lines_give_every_event_back_and_hold_no_character_that_a_terminal_obeys() -> None:
    output = _WithFile()
    events: list[RunEvent] = [
        *ended_turn(answered("a/b", HOSTILE), failed("a/c", RateLimited(HOSTILE))),
        MemberDelta("a/b", text="\x7f\x85" * 5000),
        WaitMet(Verdict(asked=1, answered=0), 1),
    ]
    lines = JsonLines(output)
    for event in events:
        await lines.show(event)
    written = output.getvalue()
    assert msgspec.json.Decoder(RunEvent).decode_lines(written) == events
    assert OBEYED.findall(written.replace("\n", "")) == []


class _WithFile(io.StringIO):
    """Text in memory that select can be asked about."""

    def fileno(self) -> int:
        return 1


# --- the report ---


def told(*events: RunEvent, width: int = 90, full: bool = False) -> tuple[str, str]:
    """What goes to standard output and to standard error."""
    out, err = io.StringIO(), io.StringIO()
    board = folded(events)
    report.write(
        Report.of(board, now=9.1, kept=True),
        out=Console(file=out, width=width),
        err=Console(file=err, width=width),
        full=full,
    )
    return out.getvalue(), "\n".join(line.rstrip() for line in err.getvalue().splitlines())


def many() -> list[Outcome]:
    answers = ["Canberra"] * 6 + ["Sydney"] * 2 + ["Perth"]
    outcomes = [answered(f"p{n}/m", f"The capital is {city}.", took=n) for n, city in enumerate(answers, 1)]
    outcomes += [failed(f"q{n}/m", RateLimited("Rate limit reached", status=429)) for n in range(5)]
    outcomes.append(failed("r/m", Unauthorised("Incorrect API key", status=401)))
    outcomes.append(Outcome(member=identity("s/m"), state=State.CANCELLED, reason="the answer was decided"))
    return outcomes


def test_the_report_tells_the_consensus_the_groups_and_the_whole_ledger() -> None:
    out, err = told(*ended_turn(*many(), stopped="wait"))
    assert out == snapshot("The capital is Canberra.\n")
    assert err == snapshot("""\
✓ Consensus: Canberra   more likely than not, about 60 % sure
  67 % of 9 votes from 6 models · 9 of 16 models answered in 9.1 s
  ended when the wait policy was met · estimated from one vote a lineage

p1/m  1.0 s

Groups   ━━━━━━━━      67 %  Canberra  p1/m, p2/m, p3/m and 3 more
         ━━━           22 %  Sydney    p7/m, p8/m
         ━             11 %  Perth     p9/m
Dissent  Sydney  p7/m: The capital is Sydney.
Best     1 p1/m · 2 p2/m · 3 p3/m · 4 p4/m · 5 p5/m
Fastest  p1/m in 1.0 s
Ledger   16 asked: 9 answered, 5 rate limited, 1 unauthorised, 1 cancelled
         ✗ 5 rate limited  q0/m, q1/m, q2/m and 2 more
             HTTP 429: Rate limit reached
             → The provider's rate limit was hit; ask again later or with fewer models of
             this provider.
         ✗ 1 unauthorised  r/m
             HTTP 401: Incorrect API key
             → Check the key of this provider; `panvox doctor` tests it.
         ■ 1 cancelled  the answer was decided
Usage    $0.0038, $0.00042 an answer · 360 tokens in, 108 out
Run      20261121-035812-4f7a  panvox show 20261121-035812-4f7a\
""")


def test_samples_of_one_model_are_one_voice_and_the_reader_hears_how_to_add_more() -> None:
    outcomes = [answered(f"local/tiny#{n}", "It is Canberra.", lineage="tiny") for n in range(1, 6)]
    _, err = told(*ended_turn(*outcomes))
    assert "5 samples of one model: one voice, not a vote" in err
    assert "5 of 5 say Canberra · 5 of 5 samples answered" in err
    assert "OPENAI_API_KEY" in err
    assert "panvox init" in err
    assert "Consensus" not in err


def test_without_consensus_it_says_so_and_keeps_the_minority() -> None:
    outcomes = [answered(f"p{n}/m", f"The answer is {n % 10}.") for n in range(12)]
    _, err = told(*ended_turn(*outcomes))
    assert "No consensus. Leading: 0" in err
    assert "and 2 more groups" in err


def test_where_nothing_answered_there_is_no_answer_and_every_reason() -> None:
    out, err = told(*ended_turn(failed("a/b", Unauthorised("no key")), failed("c/d", TimedOut("too slow"))))
    assert out == ""
    assert "Nothing answered" in err
    assert "1 unauthorised" in err
    assert "1 timed out" in err
    assert "panvox doctor" in err


def test_a_report_before_the_end_counts_those_that_are_open() -> None:
    names = ("a/1", "a/2", "a/3")
    outcome = answered("a/1", "Canberra")
    verdict = verdict_of([outcome], [identity(name) for name in names])
    events: list[RunEvent] = [
        started(*names),
        MemberStarted("a/1", 0.0),
        MemberEnded(outcome),
        WaitMet(verdict, 2),
    ]
    out, err = told(*events)
    assert out == "Canberra\n"
    assert "3 asked: 1 answered, 2 open" in err
    assert "where the other 2 will be" in err


def test_full_shows_every_text_under_its_name() -> None:
    out, _ = told(*ended_turn(answered("a/1", "Canberra"), answered("a/2", "It is\nSydney")), full=True)
    assert out.count("──") == 2
    assert "It is\nSydney" in out


def test_nothing_that_a_model_says_reaches_the_terminal_as_a_command() -> None:
    hostile = [answered(f"{HOSTILE}{n}/m", f"{HOSTILE}{n}") for n in range(3)]
    out, err = told(*ended_turn(*hostile, failed("x/y", TimedOut(HOSTILE))), full=True)
    assert OBEYED.findall((out + err).replace("\n", "")) == []
    assert "textgnp.exe" in out
