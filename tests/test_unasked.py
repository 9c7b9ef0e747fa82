"""Members that are not asked: those that ended earlier, and those that must not be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from panvox.engine import Member, Run
from panvox.messages import Answer, Finish, Identity, MemberEnded, Outcome, Prompt, RunStarted, State
from panvox.testing import MemoryJournal, ScriptedModel

pytestmark = pytest.mark.looptime

QUESTION = Prompt.of("What is the capital of France?")


def member(name: str, text: str) -> Member:
    model = ScriptedModel.saying(name, text, after=1.0)
    return Member(Identity(name=name, lineage=name), model)


def earlier(name: str, text: str) -> Outcome:
    answer = Answer(text=text, finish=Finish.STOP)
    return Outcome(
        member=Identity(name=name, lineage=name), state=State.ANSWERED, answer=answer, duration=9.0
    )


async def test_an_outcome_that_landed_earlier_stands_and_its_model_is_not_asked_again() -> None:
    panel = [member("a", "Lyon"), member("b", "Paris"), member("c", "Paris")]
    run = Run(panel, journal=MemoryJournal())
    async with run.turn(QUESTION, landed=[earlier("a", "Paris")]) as turn:
        events = [event async for event in turn]
    ended = turn.ended
    assert ended is not None
    assert ended.states == {"answered": 3}
    assert turn.outcomes[0] == earlier("a", "Paris")
    first = next(event for event in events if isinstance(event, MemberEnded))
    assert first.outcome.member.name == "a"
    assert ended.verdict.groups[0].members == ("a", "b", "c")


async def test_who_is_declined_is_skipped_with_the_reason_and_costs_nothing() -> None:
    asked: list[str] = []

    def cost(prompt: Prompt) -> Decimal:
        asked.append(prompt.question)
        return Decimal(1)

    no = replace(member("small", "?"), declined="needs 9,000 tokens, has room for 4,000", cost=cost)
    async with Run([no, member("b", "Paris")], journal=MemoryJournal()).turn(QUESTION) as turn:
        ended = await turn.wait_ended()
    skipped = turn.outcomes[0]
    assert skipped.state is State.SKIPPED
    assert skipped.reason == "needs 9,000 tokens, has room for 4,000"
    assert skipped.attempts == ()
    assert asked == []
    assert ended.states == {"skipped": 1, "answered": 1}


async def test_a_turn_of_which_all_landed_earlier_ends_at_once_with_a_verdict() -> None:
    panel = [member("a", "Lyon"), member("b", "Lyon")]
    landed = [earlier("a", "Paris"), earlier("b", "Paris")]
    async with Run(panel, journal=MemoryJournal()).turn(QUESTION, landed=landed) as turn:
        events = [event async for event in turn]
    assert isinstance(events[0], RunStarted)
    assert turn.ended is not None
    assert turn.ended.duration == 0.0
    assert turn.ended.verdict.consensus == "Paris"
