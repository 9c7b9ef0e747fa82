"""What people see of waits, attempts, stand-ins, the cache and money."""

from __future__ import annotations

import io
from decimal import Decimal

import msgspec
import pytest
from inline_snapshot import snapshot
from rich.console import Console

from panvox.cli import report
from panvox.cli.live import Lines, Table, frame
from panvox.cli.report import Report
from panvox.cli.runs import _facts
from panvox.errors import Overloaded
from panvox.messages import (
    Answer,
    Attempt,
    MemberDelta,
    MemberEnded,
    MemberRestarted,
    MemberStarted,
    MemberWaiting,
    Note,
    Outcome,
    RunEvent,
    State,
)
from tests.test_live_view import answered, ended_turn, folded, identity, plain, started

NAMES = ("openrouter/a", "openrouter/b", "openrouter/c", "openai/gpt-5")


def held_up() -> list[RunEvent]:
    return [
        started(*NAMES),
        *(MemberStarted(name, 0.0) for name in NAMES),
        MemberDelta(NAMES[3], text="The capital is"),
        MemberWaiting(NAMES[0], 0.1, "openrouter requests", 4.0),
        MemberWaiting(NAMES[1], 0.1, "openrouter requests", 7.0),
        MemberWaiting(NAMES[2], 0.1, "openrouter/main slots"),
    ]


def test_a_member_that_is_held_back_says_by_what_and_for_how_long() -> None:
    assert plain(folded(held_up(), now=1.0), now=2.0, width=90) == snapshot("""\
panvox ▸ What is the capital of Australia?
state           model           first  tokens  text
· waiting       openrouter/a                   waits for openrouter requests, 3.0 s
· waiting       openrouter/b                   waits for openrouter requests, 6.0 s
· waiting       openrouter/c                   waits for openrouter/main slots
● streaming     openai/gpt-5    1.0 s      ~4  The capital is
──────────────────  0 answered · 0 failed · 4 open of 4 · 2.0 s of 2 min
·  2 wait for openrouter requests, next in 3.0 s · 1 waits for openrouter/main slots
no answer yet\
""")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 140])
@pytest.mark.parametrize("height", [5, 8, 30])
def test_a_frame_with_waits_fits_every_window(width: int, height: int) -> None:
    lines = frame(folded(held_up(), now=1.0), width=width, height=height, now=2.0, deadline=60)
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


def test_a_wait_is_over_when_the_call_goes_out_and_text_before_a_restart_is_gone() -> None:
    board = folded([*held_up(), MemberStarted(NAMES[0], 5.0), MemberRestarted(NAMES[3], "again")])
    assert board.rows[NAMES[0]].holding(6.0) == ""
    assert board.rows[NAMES[0]].state is State.STREAMING
    assert (board.rows[NAMES[3]].said, board.rows[NAMES[3]].first_token) == ("", None)
    assert [reason for reason, _, _ in board.holds(6.0)] == ["openrouter requests", "openrouter/main slots"]


async def shown(events: list[RunEvent], *, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=90, force_terminal=terminal, color_system=None)
    board = folded([])
    view = (
        Table(board, console, clock=lambda: 2.0, deadline=None)
        if terminal
        else Lines(board, console, clock=lambda: 2.0)
    )
    for event in events:
        board.add(event, now=1.0)
        await view.show(event)
    view.close()
    return out.getvalue()


async def test_where_there_is_no_terminal_long_waits_are_told_once_for_all_and_notes_at_once() -> None:
    text = await shown([*held_up(), Note("azure/gpt-5 stands in\x1b[2J for openai/gpt-5")])
    assert text == snapshot("""\
[   2.0 s] 2 wait for openrouter requests, next in 3.0 s
[   2.0 s] 1 waits for openrouter/main slots
[   2.0 s] ! azure/gpt-5 stands in for openai/gpt-5
""")


async def test_a_note_stays_above_the_table() -> None:
    text = await shown([started(*NAMES), Note("settings reloaded")], terminal=True)
    assert "! settings reloaded\n" in text


def retried(name: str, *, stand_in: str = "", cached: bool = False) -> Outcome:
    busy = Attempt(started=0, duration=1, state=State.OVERLOADED, status=503, message="busy", key="first")
    last = Attempt(
        started=3.0,
        duration=1.0,
        state=State.ANSWERED,
        status=200,
        model=stand_in,
        key="second",
        cost=Decimal("0.002"),
        waited=2.0,
        in_flight=3,
        request_id="req_1",
        wait=None,
        cached=cached,
    )
    outcome = answered(name, "The capital is Canberra.")
    attempts = (last,) if cached else (busy, last)
    stood_in = identity(stand_in) if stand_in else None
    return msgspec.structs.replace(outcome, attempts=attempts, stand_in=stood_in)


def test_the_report_tells_of_stand_ins_hits_further_attempts_waits_and_money() -> None:
    board = folded(
        ended_turn(
            retried("openai/gpt-5", stand_in="azure/gpt-5"),
            retried("groq/llama"),
            retried("a/b", cached=True),
        )
    )
    out = io.StringIO()
    console = Console(file=out, width=90, color_system=None)
    told = Report.of(board, now=9.0, kept=False)
    report.write(told, out=Console(file=io.StringIO()), err=console, full=False)
    assert out.getvalue().partition("Ledger")[2] == snapshot("""\
   3 asked: 3 answered
         ↪ openai/gpt-5 answered by azure/gpt-5
         ≡ 1 answer from the cache; --fresh asks anew
         ↻ 2 needed more than one attempt, 4 calls in all
         · 3 calls waited before they went out, the longest 2.0 s
Usage    $0.0060, $0.0020 an answer · 120 tokens in, 36 out
""")


def test_what_nobody_tells_the_cost_of_is_no_free_answer() -> None:
    untold = msgspec.structs.replace(answered("a/b", "Canberra"), answer=Answer(text="Canberra"))
    board = folded(ended_turn(retried("openai/gpt-5"), retried("groq/llama"), untold))
    told = Report.of(board, now=9.0, kept=False)
    out = io.StringIO()
    report.write(told, out=Console(file=io.StringIO()), err=Console(file=out, width=110), full=False)
    assert out.getvalue().partition("Usage")[2].split(" · ")[:2] == [
        "    $0.0040, $0.0020 an answer",
        "nobody tells what 1 answer came to, see `panvox costs`",
    ]


def test_a_member_shows_every_attempt_with_key_wait_and_money() -> None:
    out = io.StringIO()
    Console(file=out, width=110, color_system=None).print(_facts(retried("x/y", stand_in="azure/gpt-5")))
    assert out.getvalue() == snapshot("""\
First token  0.40 s                                                                                  \n\
Tokens       40 in, 12 out                                                                           \n\
Cost         $0.0020                                                                                 \n\
Answered by  azure/gpt-5                                                                             \n\
Attempt 1    overloaded after 1.0 s, HTTP 503: busy                                                  \n\
             key first                                                                               \n\
Attempt 2    answered after 1.0 s, HTTP 200                                                          \n\
             model azure/gpt-5 · key second · held back 2.0 s · 3 in flight · $0.0020 · request req_1
""")


def test_a_circuit_that_is_open_is_a_failure_like_others() -> None:
    fault = Overloaded("busy").fault
    outcome = Outcome(member=identity("a/b"), state=State.CIRCUIT_OPEN, fault=fault)
    board = folded([started("a/b"), MemberEnded(outcome)])
    assert board.rows["a/b"].word == "circuit open"
