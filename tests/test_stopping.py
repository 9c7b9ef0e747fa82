"""Stopping early: only when the answer is decided, never before those who could change it have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.curation import Expect, Rules
from panvox.curation.weights import TaskWeights, Weights
from panvox.engine import Member, Run, Turn, parse_wait
from panvox.engine.stopping import DECIDED, FREE_TEXT, Spared, saved
from panvox.engine.waves import FREE_FIRST, Cascade
from panvox.errors import Overloaded, UsageError
from panvox.messages import (
    Attempt,
    End,
    Finish,
    Identity,
    Note,
    Outcome,
    Prompt,
    RunEnded,
    State,
    Text,
    VerdictChanged,
    WaitMet,
)
from panvox.testing import MemoryJournal, ScriptedModel
from panvox.verdicts import Outlook, Saved, Verdict
from panvox.waiting import Stop, parse_stop
from tests.test_run import virtual

SUM = Prompt.of("How many eggs has she left?")
POEM = Prompt.of("Write a poem about the sea.")

Answer = tuple[float, str]
"""Seconds, and what is said then."""


def member(name: str, answer: Answer, *, lineage: str = "", cost: str | None = None) -> Member:
    identity = Identity(name=name, provider="p", model=name, lineage=lineage or name)
    model = ScriptedModel.saying(name, answer[1], after=answer[0])
    return Member(identity, model, cost=(lambda _: Decimal(cost)) if cost else None)


def panel(*answers: Answer) -> list[Member]:
    return [member(f"m{number}", answer) for number, answer in enumerate(answers)]


def weighing(**weights: float) -> Rules:
    return Rules(weights=Weights(tasks={Expect.NUMBER: TaskWeights(task=Expect.NUMBER, weights=weights)}))


async def ask(
    members: Sequence[Member],
    *,
    prompt: Prompt = SUM,
    stop: str = "certain",
    wait: str = "all",
    deadline: float | None = None,
    rules: Rules | None = None,
    cascade: Cascade | None = None,
) -> tuple[RunEnded, Turn]:
    run = Run(members, journal=MemoryJournal(), rules=rules, cascade=cascade)
    async with run.turn(prompt, wait=parse_wait(wait), stop=parse_stop(stop), deadline=deadline) as turn:
        ended = await turn.wait_ended()
    assert sum(ended.states.values()) == len(members)
    return ended, turn


# --- the rule ---


@pytest.mark.parametrize(
    ("rule", "state", "risk", "met"),
    [
        ("never", "certain", 0.0, False),
        ("certain", "likely", 0.01, False),
        ("certain", "certain", 0.0, True),
        ("likely", "open", 0.3, False),
        ("likely", "likely", 0.05, True),
        ("likely:0.01", "likely", 0.05, False),
        ("likely:0.01", "certain", 0.0, True),
    ],
)
def test_a_rule_says_how_much_may_still_change(rule: str, state: str, risk: float, met: bool) -> None:
    outlook = Outlook(state=state, risk=risk)  # type: ignore[arg-type]
    assert parse_stop(rule).met(outlook) is met


@pytest.mark.parametrize(
    "text",
    ["", "maybe", "certain:1", "never:0", "likely:0", "likely:0.5", "likely:-1", "likely:nan"],
)
def test_what_is_no_rule_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="never, certain, likely or likely:RISK") as caught:
        parse_stop(text)
    assert repr(text) in str(caught.value)


# --- the turn ---


@pytest.mark.looptime
async def test_a_turn_ends_as_soon_as_the_rest_cannot_change_the_answer() -> None:
    ended, turn = await ask(panel((1, "18"), (2, "18"), (3, "18"), (60, "20"), (90, "20")))
    assert (ended.duration, ended.stopped) == (3.0, "decided")
    assert ended.states == {"answered": 3, "cancelled": 2}
    assert [outcome.reason for outcome in turn.outcomes[3:]] == [DECIDED] * 2
    assert ended.verdict.consensus == "18"
    assert ended.verdict.saved is not None
    assert ended.verdict.saved.calls == 2


@pytest.mark.looptime
async def test_without_a_rule_everybody_is_waited_for() -> None:
    ended, _ = await ask(panel((1, "18"), (2, "18"), (60, "18")), stop="never")
    assert (ended.states, ended.stopped) == ({"answered": 3}, "")
    assert ended.verdict.saved is None


@pytest.mark.looptime
async def test_the_strong_and_slow_are_waited_for_as_long_as_they_could_change_the_answer() -> None:
    members = [
        *panel((1, "18"), (2, "18"), (3, "18")),
        member("strong", (50, "20")),
        member("weak", (90, "18")),
    ]
    ended, turn = await ask(members, rules=weighing(strong=3.5, weak=0.1))
    assert turn.outcomes[3].answered
    assert ended.verdict.leading is not None
    assert ended.verdict.leading.answer == "20"
    assert (ended.duration, ended.states) == (50.0, {"answered": 4, "cancelled": 1})


@pytest.mark.looptime
async def test_a_deadline_ends_the_strong_and_slow_all_the_same() -> None:
    members = [*panel((1, "18"), (2, "18")), member("strong", (50, "20"))]
    ended, turn = await ask(members, rules=weighing(strong=3.0), deadline=5)
    assert ended.stopped == "deadline"
    assert turn.outcomes[2].state is State.TIMED_OUT


@pytest.mark.looptime
async def test_weights_that_have_spoken_matter_by_their_share_only() -> None:
    members = [
        *panel((1, "18"), (1, "18"), (1, "20")),
        member("host-1", (2, "18"), lineage="shared"),
        member("host-2", (60, "20"), lineage="shared"),
    ]
    ended, turn = await ask(members)
    assert ended.duration == 2.0, "a second voice of the same weights moves half a vote"
    assert turn.outcomes[4].state is State.CANCELLED


@pytest.mark.looptime
async def test_a_failure_of_those_who_could_have_changed_it_decides_as_well() -> None:
    failing = Member(Identity(name="bad"), ScriptedModel("bad", (3.0, Overloaded("busy"))))
    slow = member("slow", (60, "20"))
    ended, _ = await ask([*panel((1, "18"), (2, "18")), failing, slow])
    assert ended.states == {"answered": 2, "overloaded": 1, "cancelled": 1}
    assert ended.duration == 3.0


@pytest.mark.looptime
async def test_a_failure_that_leaves_the_answer_open_ends_nothing() -> None:
    failing = Member(Identity(name="bad"), ScriptedModel("bad", (1.0, Overloaded("busy"))))
    ended, _ = await ask([failing, *panel((60, "18"))])
    assert ended.states == {"overloaded": 1, "answered": 1}


@pytest.mark.looptime
async def test_free_text_is_waited_for_to_the_end_and_that_is_told() -> None:
    members = panel((1, "The sea."), (2, "The sea."), (30, "O sea!"))
    run = Run(members, journal=MemoryJournal())
    async with run.turn(POEM, stop=Stop(kind="certain")) as turn:
        events = [event async for event in turn]
    assert [event.text for event in events if isinstance(event, Note)] == [FREE_TEXT]
    assert turn.ended is not None
    assert turn.ended.states == {"answered": 3}


@pytest.mark.looptime
@pytest.mark.parametrize("wait", ["quorum:0.9", "fast:50", "deadline:50"])
async def test_the_rule_for_stopping_holds_beside_every_wait_policy(wait: str) -> None:
    ended, _ = await ask(panel((1, "18"), (2, "18"), (60, "20")), wait=wait)
    assert (ended.stopped, ended.duration) == ("decided", 2.0)


@pytest.mark.looptime
async def test_a_wait_policy_that_is_met_first_ends_the_turn_first() -> None:
    ended, _ = await ask(panel((1, "18"), (2, "18"), (60, "20")), wait="first")
    assert (ended.stopped, ended.duration) == ("wait", 1.0)
    assert ended.verdict.outlook is not None
    assert ended.verdict.outlook.change == (
        "2 models not waited for, with 2 votes, could have made it another answer"
    )


@pytest.mark.looptime
async def test_a_quorum_is_one_of_the_votes_that_weights_give() -> None:
    members = [*panel((2, "18"), (3, "18")), member("strong", (1, "20"))]
    ended, _ = await ask(members, stop="never", wait="quorum", rules=weighing(strong=5.0))
    assert (ended.states, ended.duration) == ({"answered": 1, "cancelled": 2}, 1.0)


@pytest.mark.looptime
async def test_an_outlook_comes_with_every_provisional_verdict() -> None:
    async with Run(panel((1, "18"), (2, "18"), (3, "20")), journal=MemoryJournal()).turn(SUM) as turn:
        events = [event async for event in turn]
    changed = [event.verdict for event in events if isinstance(event, VerdictChanged)]
    assert [verdict.outlook and verdict.outlook.state for verdict in changed[:2]] == ["open", "certain"]
    assert changed[0].outlook is not None
    assert changed[0].outlook.change == "2 models still open, with 2 votes, could make it another answer"
    assert all(not verdict.votes for verdict in changed)
    assert not any(isinstance(event, WaitMet) for event in events[:-2])


CALLS = st.lists(
    st.tuples(
        st.floats(0, 40),
        st.sampled_from(["18", "20", "22", "fails"]),
        st.sampled_from(["x", "y", "z", ""]),  # weights that several share
        st.floats(0.1, 4),
        st.sampled_from([None, "0.01", "0.20"]),
    ),
    min_size=1,
    max_size=7,
)


@given(CALLS, st.sampled_from([None, FREE_FIRST, Cascade()]))
@settings(max_examples=60, deadline=None)
def test_who_leads_after_a_certain_stop_leads_when_all_are_waited_for(
    calls: list[tuple[float, str, str, float, str | None]], cascade: Cascade | None
) -> None:
    """And whoever is cut short or never asked is booked; the states sum to the members."""
    weights = {lineage or f"m{i}": weight for i, (_, _, lineage, weight, _) in enumerate(calls)}

    def members() -> list[Member]:
        made = []
        for i, (after, text, lineage, _, cost) in enumerate(calls):
            made.append(member(f"m{i}", (after, text), lineage=lineage, cost=cost))
            if text == "fails":
                made[-1] = Member(made[-1].identity, ScriptedModel(f"m{i}", (after, Overloaded("busy"))))
        return made

    async def leading(stop: str) -> tuple[RunEnded, Turn]:
        return await ask(members(), stop=stop, rules=weighing(**weights), cascade=cascade)

    async def check() -> RunEnded:
        (early, _), (late, _) = await leading("certain"), await leading("never")
        if early.stopped == "decided":
            assert early.verdict.leading is not None
            assert late.verdict.leading is not None
            assert early.verdict.leading.answer == late.verdict.leading.answer
            assert early.verdict.saved is not None
            assert early.verdict.saved.calls >= len(calls) - early.verdict.answered - sum(
                text == "fails" for _, text, *_ in calls
            )
        return early

    virtual(check)


# --- what was saved ---


def outcome(state: State, *, duration: float = 0.0, attempts: Sequence[Attempt] = ()) -> Outcome:
    return Outcome(member=Identity(name="m"), state=state, attempts=tuple(attempts), duration=duration)


def test_a_member_that_was_never_asked_saves_all_that_was_expected_of_it() -> None:
    spared = Spared(outcome=outcome(State.SKIPPED), reserved=Decimal("0.30"), seconds=12.0)
    assert saved([spared]) == Saved(calls=1, money=Decimal("0.30"), seconds=12.0)


def test_a_call_that_was_cut_off_at_work_may_have_cost_all_of_it() -> None:
    cut = Attempt(started=0.0, duration=4.0, state=State.CANCELLED)
    spared = Spared(
        outcome=outcome(State.CANCELLED, duration=4.0, attempts=[cut]), reserved=Decimal("0.30"), seconds=10.0
    )
    assert (saved([spared]).money, saved([spared]).seconds) == (Decimal(0), 6.0)


def test_nobody_can_tell_the_seconds_of_models_that_nobody_knows() -> None:
    unknown = Spared(outcome=outcome(State.CANCELLED, duration=3.0))
    late = Spared(outcome=outcome(State.CANCELLED, duration=9.0), seconds=5.0)
    assert saved([unknown]).seconds is None
    assert saved([unknown, late]).seconds == 0.0


@pytest.mark.looptime
async def test_what_a_conversation_has_seen_tells_how_many_seconds_were_saved() -> None:
    models: Mapping[str, ScriptedModel] = {
        name: ScriptedModel(name, (seconds, Text("18"), End(Finish.STOP)))
        for name, seconds in (("a", 1.0), ("b", 2.0), ("c", 30.0))
    }
    run = Run([Member(Identity(name=name), model) for name, model in models.items()], journal=MemoryJournal())
    async with run.turn(SUM) as turn:
        await turn.wait_ended()
    async with run.turn(SUM, stop=Stop(kind="certain")) as turn:
        ended = await turn.wait_ended()
    assert ended.verdict.saved is not None
    assert ended.verdict.saved.seconds == pytest.approx(28.0)


@pytest.mark.looptime
async def test_what_was_saved_and_could_have_changed_comes_back_from_json_as_it_was() -> None:
    members = [*panel((1, "18"), (2, "18")), member("paid", (60, "20"), cost="0.25")]
    ended, _ = await ask(members)
    assert ended.verdict.saved is not None
    assert ended.verdict.votes
    assert msgspec.json.decode(msgspec.json.encode(ended.verdict), type=Verdict) == ended.verdict


@pytest.mark.looptime
async def test_an_interruption_saves_nothing_on_purpose() -> None:
    async with Run(panel((1, "18"), (60, "20")), journal=MemoryJournal()).turn(SUM) as turn:
        await asyncio.sleep(2)
        turn.stop("interrupted")
        ended = await turn.wait_ended()
    assert ended.verdict.saved is None
    assert ended.verdict.outlook is not None
    assert "1 model not waited for" in ended.verdict.outlook.change
