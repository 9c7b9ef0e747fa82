"""The fan-out: everybody ends in one state, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.engine import Member, Run, Turn, parse_wait
from panvox.engine.panel import Panel
from panvox.errors import Failure, Overloaded, RateLimited, Refused, Unauthorised, UsageError
from panvox.messages import (
    AttemptBegan,
    End,
    Event,
    Finish,
    Identity,
    MemberDelta,
    MemberEnded,
    MemberStarted,
    Prompt,
    RunEnded,
    RunEvent,
    RunStarted,
    State,
    Text,
    VerdictChanged,
    Waiting,
    WaitMet,
)
from panvox.protocols import Model
from panvox.testing import MemoryJournal, ScriptedModel, check_model

pytestmark = pytest.mark.looptime

QUESTION = Prompt.of("What is the capital of France?")


def members(models: Sequence[Model]) -> list[Member]:
    return [
        Member(
            Identity(name=model.name, provider="p", model=model.name, lineage=f"weights of {model.name}"),
            model,
        )
        for model in models
    ]


def saying(*answers: tuple[float, str]) -> list[ScriptedModel]:
    return [ScriptedModel.saying(f"m{i}", text, after=after) for i, (after, text) in enumerate(answers)]


async def heard(turn: Turn) -> list[RunEvent]:
    return [event async for event in turn]


async def ask(
    models: Sequence[Model], *, wait: str = "all", deadline: float | None = None
) -> tuple[RunEnded, Turn, list[RunEvent]]:
    async with Run(members(models), journal=MemoryJournal()).turn(
        QUESTION, wait=parse_wait(wait), deadline=deadline
    ) as turn:
        events = await heard(turn)
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert sum(ended.states.values()) == len(models)
    return ended, turn, events


async def test_every_member_ends_and_the_states_sum_to_the_members_asked() -> None:
    failing = ScriptedModel("bad", (1.0, Refused("no")))
    odd = ScriptedModel("odd", (Text("half"),))
    broken = ScriptedModel("broken", (KeyError("oops"),))
    ended, turn, events = await ask([*saying((1, "Paris"), (2, "Paris."), (3, "Lyon")), failing, odd, broken])
    assert ended.states == {"answered": 3, "refused": 1, "truncated": 1, "internal": 1}
    assert [o.member.name for o in turn.outcomes] == ["m0", "m1", "m2", "bad", "odd", "broken"]
    assert isinstance(events[0], RunStarted)
    assert sum(isinstance(event, MemberStarted) for event in events) == 6
    assert sum(isinstance(event, MemberEnded) for event in events) == 6
    assert ended.verdict.consensus == "Paris"
    assert ended.verdict.fastest == "m0"
    assert turn.outcomes[4].text == "half"
    assert turn.outcomes[5].fault is not None
    assert "KeyError" in turn.outcomes[5].fault.message


async def test_an_outcome_tells_times_and_the_calls_in_flight() -> None:
    _, turn, _ = await ask(saying((2, "Paris"), (4, "Paris")))
    first, second = turn.outcomes
    assert (first.first_token, first.duration) == (2.0, 2.0)
    assert second.attempts[0].in_flight == 2
    assert second.attempts[0].state is State.ANSWERED


async def test_models_are_asked_at_once_not_one_after_the_other() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await ask(saying(*[(7, "x")] * 300))
    assert loop.time() - before == pytest.approx(7, abs=0.5)


async def test_first_k_ends_the_turn_and_books_the_rest_as_cancelled() -> None:
    models = saying((1, "Paris"), (2, "Paris"), (60, "Lyon"), (90, "Nice"))
    ended, turn, events = await ask(models, wait="first:2")
    assert ended.states == {"answered": 2, "cancelled": 2}
    assert ended.stopped == "wait"
    assert "the wait policy was met" in turn.outcomes[3].reason
    assert any(isinstance(event, WaitMet) and event.open == 2 for event in events)
    assert [model.cancelled for model in models] == [0, 0, 1, 1]


async def test_a_quorum_of_all_asked_ends_the_turn() -> None:
    ended, _, _ = await ask(
        saying((1, "Paris"), (2, "Lyon"), (3, "Paris"), (4, "Paris"), (99, "Nice")), wait="quorum"
    )
    assert ended.states == {"answered": 4, "cancelled": 1}
    assert ended.verdict.asked == 5


async def test_a_deadline_ends_the_slow_with_a_hint_and_keeps_what_had_arrived() -> None:
    slow = ScriptedModel("slow", (Text("Par"), 60.0, End(Finish.STOP)))
    ended, turn, _ = await ask([*saying((1, "Paris")), slow], deadline=5)
    assert ended.states == {"answered": 1, "timed_out": 1}
    assert ended.stopped == "deadline"
    outcome = turn.outcomes[1]
    assert outcome.text == "Par"
    assert outcome.fault is not None
    assert "5 s" in outcome.fault.message
    assert "--deadline" in outcome.fault.hint


async def test_who_still_waited_at_the_deadline_is_not_called_slow_but_told_what_for() -> None:
    began = AttemptBegan(Identity(name="slow"))
    held = ScriptedModel("held", (Waiting("openai slots"), 60.0, End(Finish.STOP)))
    let_go = ScriptedModel("slow", (Waiting("openai slots"), began, 60.0, End(Finish.STOP)))
    _, turn, _ = await ask([held, let_go], deadline=5)
    faults = [outcome.fault for outcome in turn.outcomes]
    assert [fault and fault.message for fault in faults] == [
        "no end within the run's deadline of 5 s, when it waited for openai slots",
        "no end within the run's deadline of 5 s",
    ]
    assert [fault and "too slow" in fault.hint for fault in faults] == [False, True]


async def test_a_member_has_a_deadline_of_its_own() -> None:
    slow = saying((60, "Paris"))[0]
    panel = [Member(Identity(name="slow"), slow, deadline=3.0), *members(saying((1, "Paris")))]
    async with Run(panel, journal=MemoryJournal()).turn(QUESTION) as turn:
        ended = await turn.wait_ended()
    assert ended.states == {"answered": 1, "timed_out": 1}
    assert ended.duration == pytest.approx(3.0)


async def test_fast_shows_what_there_is_and_the_rest_goes_on() -> None:
    ended, _, events = await ask(saying((1, "Paris"), (30, "Lyon")), wait="fast")
    met = next(event for event in events if isinstance(event, WaitMet))
    assert (met.verdict.answered, met.open) == (1, 1)
    assert ended.states == {"answered": 2}
    assert ended.duration == pytest.approx(30)


async def test_a_reader_that_leaves_ends_the_turn_and_the_journal_has_everything() -> None:
    journal = MemoryJournal()
    models = saying((1, "Paris"), (99, "Lyon"))
    async with Run(members(models), journal=journal).turn(QUESTION) as turn:
        async for event in turn:
            if isinstance(event, MemberEnded):
                break
    assert {o.member.name: o.state for o in journal.outcomes} == {"m0": State.ANSWERED, "m1": State.CANCELLED}
    assert journal.ended[0].states == {"answered": 1, "cancelled": 1}
    assert models[1].listening == 0


async def test_an_interruption_keeps_what_has_arrived() -> None:
    models = saying((1, "Paris"), (99, "Lyon"))
    async with Run(members(models), journal=MemoryJournal()).turn(QUESTION) as turn:
        async for event in turn:
            if isinstance(event, MemberEnded) and event.outcome.answered:
                turn.stop("interrupted")
    assert [o.state for o in turn.outcomes] == [State.ANSWERED, State.INTERRUPTED]
    assert turn.ended is not None
    assert turn.ended.stopped == "interrupted"


async def test_errors_of_the_reader_come_out_bare() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Run(members(saying((9, "x"))), journal=MemoryJournal()).turn(QUESTION):
            raise ZeroDivisionError


async def test_a_cancelled_reader_cancels_everybody_within_half_a_second() -> None:
    loop = asyncio.get_running_loop()
    models = saying(*[(99, "x")] * 50)
    journal = MemoryJournal()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2), Run(members(models), journal=journal).turn(QUESTION) as turn:
            await heard(turn)
    assert loop.time() < 2.5
    assert [model.listening for model in models] == [0] * 50
    assert journal.ended[0].states == {"cancelled": 50}


async def test_a_turn_stopped_before_it_starts_still_books_everybody() -> None:
    async with Run(members(saying((9, "x"), (9, "y"))), journal=MemoryJournal()).turn(QUESTION) as turn:
        turn.stop()
        ended = await turn.wait_ended()
    assert ended.states == {"cancelled": 2}


async def test_a_slow_reader_gets_fewer_and_longer_deltas_and_loses_nothing() -> None:
    words = [Text(f"{n} ") for n in range(100)]
    model = ScriptedModel("m", (*words, End(Finish.STOP)))
    _, _, events = await ask([model])
    deltas = [event for event in events if isinstance(event, MemberDelta)]
    assert "".join(delta.text for delta in deltas) == "".join(word.text for word in words)
    assert len(deltas) < 10
    assert events.index(deltas[-1]) < next(i for i, e in enumerate(events) if isinstance(e, MemberEnded))


async def test_the_verdict_is_provisional_while_answers_land() -> None:
    _, _, events = await ask(saying((1, "Paris"), (2, "Paris"), (3, "Lyon")))
    answered = [event.verdict.answered for event in events if isinstance(event, VerdictChanged)]
    assert answered[:2] == [1, 2]  # the third is in the verdict that ends the run


async def test_a_second_turn_keeps_each_members_conversation() -> None:
    models = [*saying((1, "Paris"), (2, "Paris")), ScriptedModel("bad", (Overloaded("busy"),))]
    run = Run(members(models), journal=MemoryJournal())
    async with run.turn(QUESTION) as turn:
        await turn.wait_ended()
    async with run.turn(Prompt.of("And of Spain?")) as turn:
        await turn.wait_ended()
        assert turn.number == 1
    for model in models:
        assert [m.text for m in model.prompts[1].messages] == [
            "What is the capital of France?",
            "Paris",
            "And of Spain?",
        ]


async def test_a_run_is_asked_one_prompt_at_a_time() -> None:
    run = Run(members(saying((1, "Paris"))), journal=MemoryJournal())
    async with run.turn(QUESTION) as turn:
        with pytest.raises(UsageError, match="still at an earlier prompt"):
            async with run.turn(Prompt.of("And of Spain?")):
                pass
        assert (await turn.wait_ended()).states == {"answered": 1}
    async with run.turn(Prompt.of("And of Spain?")) as turn:
        assert (await turn.wait_ended()).states == {"answered": 1}


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Run(members([*saying((1, "x")), *saying((1, "y"))]), journal=MemoryJournal())


FAILURES: tuple[type[Failure], ...] = (Refused, RateLimited, Unauthorised, Overloaded)


@given(st.data())
def test_whatever_models_do_every_member_has_one_outcome_and_nobody_is_left_listening(
    data: st.DataObject,
) -> None:
    step = st.one_of(
        st.builds(Text, st.text(max_size=3)),
        st.floats(0, 20),
        st.sampled_from(FAILURES).map(lambda kind: kind("no")),
        st.just(End(Finish.STOP)),
        st.just(ValueError("defect")),
    )
    scripts = data.draw(st.lists(st.lists(step, max_size=4), min_size=1, max_size=6))
    wait = data.draw(st.sampled_from(["all", "first", "first:2", "deadline:9", "quorum", "fast:5"]))
    stop_at = data.draw(st.none() | st.floats(0, 20))
    models = [ScriptedModel(f"m{i}", _until_end(script)) for i, script in enumerate(scripts)]
    journal = MemoryJournal()

    async def scenario() -> RunEnded:
        async with Run(members(models), journal=journal).turn(
            QUESTION, wait=parse_wait(wait), deadline=15
        ) as turn:
            if stop_at is not None:
                asyncio.get_running_loop().call_later(stop_at, turn.stop)
            return await turn.wait_ended()

    ended = virtual(scenario)
    assert sum(ended.states.values()) == len(models)
    assert not {"waiting", "streaming"} & set(ended.states)
    assert sorted(o.member.name for o in journal.outcomes) == sorted(model.name for model in models)
    assert all(model.listening == 0 for model in models)


def _until_end(script: Sequence[Event | Exception | float]) -> Sequence[Event | Exception | float]:
    """A script obeys the contract: nothing after the end."""
    ends = [index for index, step in enumerate(script) if isinstance(step, End)]
    return script[: ends[0] + 1] if ends else script


def virtual(scenario: Callable[[], Coroutine[None, None, RunEnded]]) -> RunEnded:
    """Run a coroutine function on a fresh loop in virtual time."""
    import looptime  # noqa: PLC0415 - only here is a loop made by hand

    loop = looptime.patch_event_loop(asyncio.SelectorEventLoop())
    try:
        return loop.run_until_complete(scenario())
    finally:
        loop.close()


# --- a panel is a model ---


class Hanging:
    """A model that never says anything."""

    name = "hanging"

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        yield self._nothing()

    async def _nothing(self) -> AsyncIterator[Event]:
        await asyncio.Event().wait()
        yield Text("never")


async def test_scripted_models_and_panels_keep_the_promises_of_a_model() -> None:
    good, bad, mute = saying((0.01, "Paris"))[0], ScriptedModel("bad", (Overloaded("busy"),)), Hanging()
    listening = [good, bad]

    async def at_rest() -> bool:  # noqa: ASYNC124 - others have to wait for it
        return all(model.listening == 0 for model in listening)

    await check_model(answering=good, failing=bad, endless=mute, at_rest=at_rest)

    def panel(*models: Model) -> Panel:
        return Panel("panel", members(models), journal=MemoryJournal())

    await check_model(
        answering=panel(good, bad), failing=panel(bad), endless=panel(good, mute), at_rest=at_rest
    )
    nested = Panel("nested", members([panel(good, bad)]), journal=MemoryJournal())
    await check_model(
        answering=nested, failing=panel(panel(bad)), endless=panel(panel(mute)), at_rest=at_rest
    )


async def test_a_panel_answers_with_the_best_answer_and_raises_what_most_members_met() -> None:
    panel = Panel("panel", members(saying((1, "Paris"), (2, "Lyon"), (3, "Paris"))), journal=MemoryJournal())
    async with panel.stream(QUESTION) as events:
        said = [event async for event in events]
    assert Text("Paris") in said
    failing = [ScriptedModel(f"b{i}", (Unauthorised("bad key", status=401),)) for i in range(2)]
    with pytest.raises(Unauthorised, match="2 of 3 members: bad key"):
        async with Panel(
            "p", members([*failing, ScriptedModel("c", (Refused("no"),))]), journal=MemoryJournal()
        ).stream(QUESTION) as events:
            await anext(events)
