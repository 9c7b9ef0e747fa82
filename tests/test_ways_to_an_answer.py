"""What a model tells of its way to an answer: waits, attempts, restarts; in the ledger and to the reader."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from panvox.deadline import narrow, remaining
from panvox.engine import Member, Run
from panvox.errors import Overloaded
from panvox.messages import (
    AttemptBegan,
    AttemptEnded,
    End,
    Finish,
    Identity,
    MemberDelta,
    MemberRestarted,
    MemberStarted,
    MemberWaiting,
    Outcome,
    Prompt,
    Restarted,
    RunEvent,
    State,
    Text,
    Waiting,
)
from panvox.testing import MemoryJournal, ScriptedModel

pytestmark = pytest.mark.looptime

WHO = Identity(name="m", provider="p", model="m", lineage="w")
BUSY = Overloaded("busy", status=503, wait=2.0).fault


async def asked(*script: object, deadline: float | None = None) -> tuple[Outcome, list[RunEvent]]:
    model = ScriptedModel("m", script)  # type: ignore[arg-type]
    run = Run([Member(WHO, model)], journal=MemoryJournal())
    async with run.turn(Prompt.of("?"), deadline=deadline) as turn:
        events = [event async for event in turn]
    return turn.outcomes[0], events


async def test_every_attempt_is_booked_with_its_wait_and_the_money_is_added_up() -> None:
    outcome, events = await asked(
        Waiting("p requests", 4.0), 4.0, AttemptBegan(WHO, "first"), 1.0, AttemptEnded(BUSY, Decimal("0.01")),
        Waiting("another attempt", 2.0), 2.0, AttemptBegan(WHO, "second"), Text("Paris"), 3.0,
        AttemptEnded(cost=Decimal("0.02")), End(Finish.STOP),
    )  # fmt: skip
    first, second = outcome.attempts
    assert (first.waited, first.started, first.duration, first.key) == (4.0, 4.0, 1.0, "first")
    assert (first.state, first.status, first.wait) == (State.OVERLOADED, 503, 2.0)
    assert (second.waited, second.started, second.duration, second.key) == (2.0, 7.0, 3.0, "second")
    assert (second.state, outcome.state, outcome.duration) == (State.ANSWERED, State.ANSWERED, 10.0)
    assert (outcome.cost, outcome.stand_in, outcome.text) == (Decimal("0.03"), None, "Paris")
    waits = [(event.at, event.reason, event.seconds) for event in events if isinstance(event, MemberWaiting)]
    assert waits == [(0.0, "p requests", 4.0), (5.0, "another attempt", 2.0)]
    assert [event.at for event in events if isinstance(event, MemberStarted)] == [0.0, 4.0, 7.0]


async def test_a_member_that_waits_when_the_turn_ends_was_never_asked() -> None:
    outcome, _ = await asked(Waiting("p requests", 60.0), 60.0, deadline=5.0)
    assert (outcome.state, outcome.attempts) == (State.TIMED_OUT, ())


async def test_a_call_on_its_way_when_the_turn_ends_is_an_attempt() -> None:
    outcome, _ = await asked(Waiting("x", 1.0), 1.0, AttemptBegan(WHO, "k"), 60.0, deadline=5.0)
    (attempt,) = outcome.attempts
    assert (attempt.state, attempt.started, attempt.duration, attempt.key) == (
        State.TIMED_OUT, 1.0, 4.0, "k",
    )  # fmt: skip


async def test_an_answer_that_begins_anew_empties_what_was_said() -> None:
    outcome, events = await asked(Text("Lon"), 0.2, Restarted("again"), 0.3, Text("Paris"), End(Finish.STOP))
    assert outcome.text == "Paris"
    assert outcome.first_token == 0.5
    heard = [event for event in events if isinstance(event, MemberDelta | MemberRestarted)]
    assert heard == [MemberDelta("m", "Lon"), MemberRestarted("m", "again"), MemberDelta("m", "Paris")]


async def test_text_that_was_not_read_before_a_restart_is_never_read() -> None:
    model = ScriptedModel("m", (Text("Lon"), Restarted("again"), Text("Paris"), End(Finish.STOP)))
    async with Run([Member(WHO, model)], journal=MemoryJournal()).turn(Prompt.of("?")) as turn:
        events = [event async for event in turn]
    assert [e for e in events if isinstance(e, MemberDelta)] == [MemberDelta("m", "Paris")]


async def test_an_answer_votes_for_the_weights_that_gave_it() -> None:
    other = Identity(name="q/m", provider="q", model="m", lineage="v")
    stood_in = (AttemptBegan(other), Text("Paris"), AttemptEnded(), End(Finish.STOP))
    own = ScriptedModel.saying("n", "Paris")
    members = [
        Member(WHO, ScriptedModel("m", stood_in)),
        Member(Identity(name="n", lineage="v"), own),
    ]
    async with Run(members, journal=MemoryJournal()).turn(Prompt.of("What is the capital?")) as turn:
        ended = await turn.wait_ended()
    assert turn.outcomes[0].stand_in == other
    assert (ended.verdict.lineages, ended.verdict.groups[0].votes) == (1, 1.0)


async def test_members_know_how_long_an_answer_is_of_use() -> None:
    seen: list[float] = []

    class Curious(ScriptedModel):
        def stream(self, prompt: Prompt):
            seen.append(remaining())
            return super().stream(prompt)

    curious = Curious("m", (Text("x"), End(Finish.STOP)))
    async with Run([Member(WHO, curious, deadline=3.0)], journal=MemoryJournal()).turn(
        Prompt.of("?"), deadline=9.0
    ) as turn:
        await turn.wait_ended()
    async with Run([Member(WHO, curious)], journal=MemoryJournal()).turn(
        Prompt.of("?"), deadline=9.0
    ) as turn:
        await turn.wait_ended()
    assert seen == [3.0, 9.0]


async def test_a_wider_deadline_does_not_widen_a_narrower_one() -> None:
    await asyncio.sleep(0)  # within a loop, whose clock it is
    assert remaining() == float("inf")
    narrow(2.0)
    narrow(5.0)
    narrow(None)
    assert remaining() == 2.0
