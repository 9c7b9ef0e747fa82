"""An attempt is told of from its beginning to its end, with what it cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from panvox.engine import Member, Run
from panvox.errors import Failure, Overloaded
from panvox.messages import (
    AttemptBegan,
    AttemptEnded,
    End,
    Event,
    Finish,
    Identity,
    Prompt,
    State,
    Text,
    Usage,
    UsageReport,
    Waiting,
)
from panvox.policies.metered import Metered
from panvox.testing import MemoryJournal, ScriptedModel, check_model

pytestmark = pytest.mark.looptime

PROMPT = Prompt.of("What is the capital of France?")
WHO = Identity(name="oak/m", provider="oak", model="m")


def by_tokens(usage: Usage) -> Decimal | None:
    return Decimal(usage.prompt_tokens + usage.completion_tokens) / 1000


def metered(*script: Event | Failure | float, identity: Identity = WHO) -> Metered:
    return Metered(ScriptedModel("oak/m", script), identity=identity, key="main", price=by_tokens)


async def heard(model: Metered) -> tuple[list[Event], Failure | None]:
    events: list[Event] = []
    async with model.stream(PROMPT) as stream:
        try:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - a comprehension would lose them
        except Failure as failure:
            return events, failure
    return events, None


USAGE = UsageReport(Usage(prompt_tokens=10, completion_tokens=20))


async def test_an_answer_is_told_with_its_price_before_its_end() -> None:
    events, _ = await heard(metered(Text("Paris"), USAGE, End(Finish.STOP)))
    assert events == [
        AttemptBegan(WHO, "main"),
        Text("Paris"),
        USAGE,
        AttemptEnded(cost=Decimal("0.03")),
        End(Finish.STOP),
    ]


async def test_what_the_provider_says_it_cost_wins_over_the_price() -> None:
    told = UsageReport(Usage(prompt_tokens=10, completion_tokens=20, cost=Decimal("0.5")))
    events, _ = await heard(metered(told, End(Finish.STOP)))
    assert events[2] == AttemptEnded(cost=Decimal("0.5"))


async def test_a_failure_is_told_with_what_had_been_counted_and_then_raised() -> None:
    failing = Overloaded("busy", status=503)
    events, raised = await heard(metered(USAGE, failing))
    assert events[-1] == AttemptEnded(failing.fault, cost=Decimal("0.03"))
    assert raised is failing


async def test_the_ledger_books_the_key_the_cost_and_who_really_answered() -> None:
    other = Identity(name="elm/m", provider="elm", model="m")
    model = metered(1.0, Text("Paris"), USAGE, End(Finish.STOP), identity=other)
    async with Run([Member(WHO, model)], journal=MemoryJournal()).turn(PROMPT) as turn:
        await turn.wait_ended()
    (outcome,) = turn.outcomes
    (attempt,) = outcome.attempts
    assert (attempt.key, attempt.model, attempt.cost, attempt.duration) == (
        "main",
        "elm/m",
        Decimal("0.03"),
        1.0,
    )
    assert (outcome.stand_in, outcome.speaker, outcome.cost) == (other, other, Decimal("0.03"))


async def test_a_call_that_is_cut_by_the_deadline_is_an_attempt() -> None:
    model = metered(60.0)
    async with Run([Member(WHO, model, deadline=2.0)], journal=MemoryJournal()).turn(PROMPT) as turn:
        await turn.wait_ended()
    (attempt,) = turn.outcomes[0].attempts
    assert (attempt.state, attempt.key, attempt.duration) == (State.TIMED_OUT, "main", 2.0)


async def test_it_keeps_the_promises_of_a_model() -> None:
    inner = ScriptedModel("oak/m", (60.0,))

    async def silent() -> bool:  # noqa: ASYNC124 - as check_model asks
        return inner.listening == 0

    await check_model(
        answering=metered(Text("Paris"), End(Finish.STOP)),
        failing=metered(Overloaded("busy")),
        endless=Metered(inner, identity=WHO, price=by_tokens),
        at_rest=silent,
    )


async def test_a_call_waits_from_the_end_of_the_one_before_and_not_from_the_beginning() -> None:
    busy = AttemptEnded(Overloaded("busy").fault)
    first = (0.5, AttemptBegan(WHO), 5.0, busy)
    second = (AttemptBegan(WHO), 3.0, busy)
    third = (2.0, Waiting("oak requests"), 4.0, AttemptBegan(WHO), 1.0, AttemptEnded(), End(Finish.STOP))
    script = (*first, *second, *third)
    run = Run([Member(WHO, ScriptedModel("oak/m", script))], journal=MemoryJournal())
    async with run.turn(PROMPT) as turn:
        await turn.wait_ended()
    assert [attempt.waited for attempt in turn.outcomes[0].attempts] == [0.5, 0.0, 6.0]
