"""A model that is asked piece by piece answers like one that was asked once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.catalog.entries import Entry
from panvox.engine import Member, Run
from panvox.errors import Category, Overloaded, TooLarge
from panvox.limits.estimates import count_tokens
from panvox.messages import (
    AttemptBegan,
    AttemptEnded,
    End,
    Event,
    Finish,
    Fold,
    Identity,
    Prompt,
    Reasoning,
    Restarted,
    State,
    Text,
    Usage,
    UsageReport,
)
from panvox.policies.pauses import RetryBudget, Rule
from panvox.policies.retrying import Retrying
from panvox.review.fitting import Fit, Fitting, Oversize
from panvox.review.panel import cost_of_all, members_fitted
from panvox.review.piecewise import HALVINGS_UNKNOWN, Piecewise, Step, Together
from panvox.simulator import Fleet, VirtualModel, VirtualProvider
from panvox.testing import MemoryJournal, ScriptedModel, check_model
from tests.attempts import Attempts, heard, said
from tests.flows import BRIEF, PLAIN, served
from tests.material import REVIEW, lines

FILES = [lines("src/a.py", 60), lines("src/b.py", 60), lines("src/c.py", 60)]
IDENTITY = Identity(name="oak/m", provider="oak", model="m", lineage="m")


class Sized:
    """A model that takes prompts of so many characters, and says how long each one was."""

    def __init__(self, most: int) -> None:
        self.name = "oak/m"
        self.sizes: list[int] = []
        self._most = most

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """See `Model`."""
        size = len(prompt.question)
        self.sizes.append(size)
        failure = TooLarge(f"{size} is too much", status=413)
        script = (failure,) if size > self._most else answer(f"read {size}")
        return ScriptedModel(self.name, script).stream(prompt)


def answer(text: str, *, finish: Finish = Finish.STOP, tokens: int = 10) -> tuple[Event, ...]:
    """One whole call, as it is told from below."""
    return (
        AttemptBegan(IDENTITY),
        Text(text[:3]),
        Text(text[3:]),
        UsageReport(Usage(prompt_tokens=1)),
        UsageReport(Usage(prompt_tokens=tokens, completion_tokens=1, cost=Decimal("0.5"))),
        AttemptEnded(cost=Decimal("0.5")),
        End(finish, "m-1"),
    )


def fitted(oversize: Oversize, room: int | None = 1_000) -> tuple[Fitting, Fit]:
    fitting = Fitting(REVIEW, FILES, oversize=oversize)
    return fitting, fitting.fit(room, count_tokens)


def piecewise(model: Any, oversize: Oversize = Oversize.SPLIT, room: int | None = 1_000) -> Piecewise:
    fitting, fit = fitted(oversize, room)
    return Piecewise(model, fit, fitting)


def folded(events: Sequence[Event]) -> Fold:
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold


# --- in parts ---


async def test_the_text_of_all_parts_stands_under_headings_in_order() -> None:
    model = Attempts("oak/m", answer("First."), answer("Second."), answer("Third."))
    _, fit = fitted(Oversize.SPLIT)
    events, failure = await heard(piecewise(model))
    assert failure is None
    assert model.prompts == list(fit.prompts)
    assert said(events) == (
        f"## Part 1 of 3: {fit.titles[0]}\n\nFirst.\n\n"
        f"## Part 2 of 3: {fit.titles[1]}\n\nSecond.\n\n"
        f"## Part 3 of 3: {fit.titles[2]}\n\nThird."
    )


async def test_usage_is_that_of_all_calls_and_every_call_is_told() -> None:
    model = Attempts("oak/m", answer("a", tokens=10), answer("b", tokens=20), answer("c", tokens=30))
    events, _ = await heard(piecewise(model))
    usage = folded(events).answer.usage
    assert usage == Usage(prompt_tokens=60, completion_tokens=3, cost=Decimal("1.5"))
    totals = [event.usage.prompt_tokens for event in events if isinstance(event, UsageReport)]
    assert totals == sorted(totals)
    assert sum(isinstance(event, AttemptBegan) for event in events) == 3
    assert sum(isinstance(event, AttemptEnded) for event in events) == 3


@pytest.mark.parametrize(
    ("finishes", "whole"),
    [
        ((Finish.STOP, Finish.STOP, Finish.STOP), Finish.STOP),
        ((Finish.LENGTH, Finish.STOP, Finish.STOP), Finish.LENGTH),
        ((Finish.STOP, Finish.FILTERED, Finish.LENGTH), Finish.FILTERED),
        ((Finish.STOP, Finish.STOP, Finish.OTHER), Finish.OTHER),
    ],
)
async def test_the_end_is_the_worst_that_a_part_has_come_to(
    finishes: Sequence[Finish], whole: Finish
) -> None:
    model = Attempts("oak/m", *(answer("x", finish=finish) for finish in finishes))
    events, _ = await heard(piecewise(model))
    assert [event for event in events if isinstance(event, End)] == [End(whole, "m-1")]


async def test_a_part_that_fails_fails_all_names_itself_and_keeps_what_has_come() -> None:
    busy = Overloaded("The server is busy.", status=503, wait=7.0)
    model = Attempts("oak/m", answer("First."), (Text("Sec"), busy), answer("Third."))
    events, failure = await heard(piecewise(model))
    assert failure is not None
    assert (failure.category, failure.fault.status, failure.fault.wait) == (Category.OVERLOADED, 503, 7.0)
    assert failure.fault.message == "part 2 of 3: The server is busy."
    assert "First." in said(events)
    assert said(events).endswith("Sec")
    assert len(model.prompts) == 2


async def test_a_part_without_an_end_is_no_answer() -> None:
    model = Attempts("oak/m", answer("First."), (Text("Sec"),))
    _, failure = await heard(piecewise(model))
    assert failure is not None
    assert (failure.category, str(failure)) == (
        Category.TRUNCATED,
        "part 2 of 3: the model stopped without an end",
    )


@pytest.mark.looptime
async def test_a_part_that_is_tried_again_leaves_the_earlier_ones_as_they_were() -> None:
    busy = Overloaded("busy", status=503)
    model = Attempts(
        "oak/m",
        answer("First."),
        (Reasoning("hm"), Text("Nonsense"), busy),
        answer("Second."),
        answer("Third."),
    )
    again = Retrying(model, Rule(), budget=RetryBudget(), provider="oak")
    events, failure = await heard(piecewise(again))
    assert failure is None
    assert any(isinstance(event, Restarted) for event in events)
    plain = Attempts("oak/m", answer("First."), answer("Second."), answer("Third."))
    expected, _ = await heard(piecewise(plain))
    assert folded(events).answer == folded(expected).answer


async def test_one_prompt_goes_through_as_it_is() -> None:
    model = ScriptedModel("oak/m", answer("All of it."))
    events, _ = await heard(piecewise(model, room=None))
    assert events == list(answer("All of it."))
    assert model.prompts == [fitted(Oversize.SPLIT, None)[0].prompt]


CALLS = st.lists(
    st.lists(
        st.one_of(
            st.text("ab \n", max_size=5).map(Text),
            st.text("ab \n", max_size=5).map(Reasoning),
            st.integers(0, 9).map(lambda tokens: UsageReport(Usage(prompt_tokens=tokens))),
            st.just(Restarted("again")),
        ),
        max_size=12,
    ),
    min_size=1,
    max_size=5,
)


@given(CALLS, st.lists(st.booleans(), min_size=5, max_size=5))
def test_the_events_of_all_calls_amount_to_their_answers_together(
    calls: list[list[Event]], aside: list[bool]
) -> None:
    together = Together()
    told: list[Event] = []
    for number, call in enumerate(calls):
        together.begin(Step(Prompt.of("?"), heading=f"<{number}>", aside=aside[number]))
        for event in (*call, End(Finish.STOP)):
            told += together.told(event)
    answers = [folded(call).answer for call in calls]
    texts = {
        side: [
            (n, each.text) for n, each in enumerate(answers) if aside[n] is side and said_something(calls[n])
        ]
        for side in (True, False)
    }
    whole = folded([*told, together.end]).answer
    for number, text in texts[False]:
        assert f"<{number}>{text}" in whole.text
    assert [n for n, _ in texts[False]] == numbers(whole.text)
    for number, text in texts[True]:
        thought = any(isinstance(event, Reasoning) for event in calls[number])  # comes in between
        assert f"<{number}>{'' if thought else text}" in whole.reasoning
    used = [each.usage.prompt_tokens for each in answers if each.usage]
    assert (whole.usage.prompt_tokens if whole.usage else None) == (sum(used) if used else None)


def said_something(call: list[Event]) -> bool:
    """Whether there is a piece of text since the call began anew."""
    last = max((n for n, event in enumerate(call) if isinstance(event, Restarted)), default=-1)
    return any(isinstance(event, Text) for event in call[last + 1 :])


def numbers(text: str) -> list[int]:
    """The headings, in the order in which they stand."""
    found = {text.find(f"<{number}>"): number for number in range(5) if f"<{number}>" in text}
    return [found[place] for place in sorted(found)]


# --- by notes ---


async def test_notes_come_as_reasoning_and_the_review_as_the_answer() -> None:
    model = Attempts("oak/m", answer("note one"), answer("note two"), answer("note three"), answer("Review."))
    fitting, fit = fitted(Oversize.SUMMARISE)
    assert len(fit.prompts) == 3
    events, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is None
    whole = folded(events).answer
    assert whole.text == "Review."
    assert whole.reasoning.startswith(
        f"## Notes on part 1 of 3: {fit.titles[0]}\n\nnote one\n\n## Notes on part 2"
    )
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == 40
    assert [f"note {word}\n```" in model.prompts[-1].question for word in ("one", "two", "three")] == [
        True
    ] * 3
    assert len(model.prompts) == fit.calls


async def test_notes_that_are_too_long_are_noted_down_again() -> None:
    fitting, fit = fitted(Oversize.SUMMARISE, 700)
    count = len(fit.prompts)
    assert count > 3
    model = Attempts(
        "oak/m", *[answer("n" * 2_000)] * count, answer("short note"), answer("short"), answer("x")
    )
    events, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is None
    assert len(model.prompts) > count + 1
    assert all(len(prompt.question) <= (fit.space or 0) for prompt in model.prompts)
    assert "## Notes on notes 1 of" in folded(events).answer.reasoning
    assert said(events) == "x"


async def test_a_failure_of_the_last_call_says_where_it_was() -> None:
    model = Attempts("oak/m", answer("a"), answer("b"), answer("c"), (Overloaded("busy"),))
    events, failure = await heard(piecewise(model, Oversize.SUMMARISE))
    assert str(failure) == "the review of the notes on all parts: busy"
    assert said(events) == ""
    assert "a" in folded(events).answer.reasoning


# --- what was too large after all ---


@pytest.mark.parametrize("oversize", [Oversize.SPLIT, Oversize.SUMMARISE, Oversize.TRUNCATE])
async def test_a_prompt_that_is_refused_as_too_large_is_asked_in_smaller_parts(oversize: Oversize) -> None:
    fitting, fit = fitted(oversize, 1 << 20)
    assert fit.how == "whole"
    model = Sized(len(fitting.prompt.question) - 1)
    events, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is None
    assert model.sizes[0] == len(fitting.prompt.question)
    assert max(model.sizes[1:]) <= model.sizes[0] / 2
    (again,) = [event for event in events if isinstance(event, Restarted)]
    assert again.reason.startswith("oak/m found the prompt too large; next: ")
    assert said(events)


async def test_who_still_finds_it_too_large_fails_with_that() -> None:
    fitting, fit = fitted(Oversize.SPLIT)
    model = Sized(100)
    _, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is not None
    assert failure.category is Category.TOO_LARGE
    assert str(failure).startswith("part 1 of ")
    assert len(model.sizes) == 2


async def test_where_nobody_knows_the_context_it_is_looked_for() -> None:
    fitting, fit = fitted(Oversize.SPLIT, None)
    model = Sized(len(fitting.prompt.question) // 6)
    _, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is None
    assert 2 <= sum(size > len(fitting.prompt.question) // 6 for size in model.sizes) <= HALVINGS_UNKNOWN


async def test_what_refused_calls_have_used_counts_and_what_they_said_does_not() -> None:
    fitting, fit = fitted(Oversize.SPLIT)
    model = Attempts("oak/m", answer("Gone.", tokens=5), (TooLarge("no"),), answer("Here.", tokens=1))
    events, failure = await heard(Piecewise(model, fit, fitting))
    assert failure is None
    whole = folded(events).answer
    assert "Gone." not in whole.text
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == 5 + len(model.prompts) - 2


# --- the promises of a model ---


@pytest.mark.parametrize("oversize", [Oversize.SPLIT, Oversize.SUMMARISE])
async def test_it_keeps_the_promises_of_a_model(oversize: Oversize) -> None:
    answering = ScriptedModel("oak/m", answer("yes"))
    failing = Attempts("oak/m", answer("yes"), (Overloaded("no"),))
    endless = Attempts("oak/m", answer("yes"), (3600.0,))

    async def at_rest() -> bool:  # noqa: ASYNC124 - as the promise wants it
        return not (answering.listening or failing.listening or endless.listening)

    await check_model(
        answering=piecewise(answering, oversize),
        failing=piecewise(failing, oversize),
        endless=piecewise(endless, oversize),
        at_rest=at_rest,
    )


# --- a panel ---


def entry(name: str, context: int | None) -> Entry:
    return Entry(name=name, provider="oak", model=name, lineage=name, context=context)


def panel(
    oversize: Oversize, models: dict[str, Any], contexts: dict[str, int | None]
) -> tuple[list[Member], dict[str, Fit]]:
    members = [
        Member(Identity(name=name, lineage=name), model, cost=lambda _: Decimal(2), latency=3.0)
        for name, model in models.items()
    ]
    fitting = Fitting(REVIEW, FILES, oversize=oversize)
    entries = {name: entry(name, context) for name, context in contexts.items()}
    return members_fitted(members, entries, fitting, lambda _, prompt: count_tokens(prompt))


async def test_a_run_asks_everybody_what_fits_and_the_ledger_has_every_call() -> None:
    small = Attempts("small", answer("one"), answer("two"), answer("three"), answer("four"), answer("five"))
    models = {
        "large": ScriptedModel("large", answer("all")),
        "small": small,
        "tiny": ScriptedModel("tiny", ()),
    }
    contexts: dict[str, int | None] = {"large": 100_000, "small": 1_400, "tiny": 90}
    members, fits = panel(Oversize.SPLIT, models, contexts)
    run = Run(members, journal=MemoryJournal())
    async with run.turn(Fitting(REVIEW, FILES).prompt) as turn:
        await turn.wait_ended()
    large, parts, tiny = turn.outcomes
    assert (large.state, large.text) == (State.ANSWERED, "all")
    assert parts.state is State.ANSWERED
    assert len(parts.attempts) == len(fits["small"].prompts) > 1
    assert parts.cost == Decimal("0.5") * len(parts.attempts)
    assert (tiny.state, tiny.reason) == (State.SKIPPED, fits["tiny"].note)
    assert "there is no room" in tiny.reason


def test_money_is_set_aside_for_every_call() -> None:
    models = {name: ScriptedModel(name, ()) for name in ("large", "small", "unknown")}
    contexts: dict[str, int | None] = {"large": 100_000, "small": 1_400}
    for oversize in (Oversize.SPLIT, Oversize.SUMMARISE):
        members, fits = panel(oversize, models, contexts)
        costs = [member.cost(Prompt.of("?")) for member in members if member.cost]
        assert costs == [Decimal(2), Decimal(2) * fits["small"].calls, Decimal(2)]
        assert members[1].latency == 3.0 * fits["small"].calls


def test_a_call_that_reads_notes_is_taken_for_as_dear_as_the_dearest() -> None:
    _, fit = fitted(Oversize.SUMMARISE)
    costs = {prompt: Decimal(number) for number, prompt in enumerate(fit.prompts)}
    assert cost_of_all(fit, costs.__getitem__) == Decimal(0 + 1 + 2 + 2)


def test_who_does_not_fit_is_declined_and_others_stay_as_they_were() -> None:
    models = {name: ScriptedModel(name, ()) for name in ("large", "small")}
    members, fits = panel(Oversize.SKIP, models, {"large": 100_000, "small": 1_400})
    assert members[0].model is models["large"]
    assert [bool(member.declined) for member in members] == [False, True]
    assert members[1].declined == fits["small"].note


async def test_real_calls_are_made_to_fit_what_the_provider_takes(tmp_path: Path) -> None:
    offered = (VirtualModel("small", context=1_500, latency=BRIEF), VirtualModel("large", latency=BRIEF))
    fleet = Fleet(providers=(VirtualProvider("oak", models=offered),))
    async with served(tmp_path, fleet, more=PLAIN) as (session, _):
        entries = {each.name: each for each in (await session.catalogue()).entries if each.provider == "oak"}
        members = [Member(Identity(name=name), session.model(each)) for name, each in entries.items()]
        fitting = Fitting(REVIEW, FILES, oversize=Oversize.SPLIT)
        told_wrong = {name: msgspec.structs.replace(each, context=None) for name, each in entries.items()}
        for known in (entries, told_wrong):
            fitted_members, _ = members_fitted(members, known, fitting, lambda _, each: count_tokens(each))
            async with Run(fitted_members, journal=MemoryJournal()).turn(fitting.prompt) as turn:
                await turn.wait_ended()
            outcomes = {each.member.name: each for each in turn.outcomes}
            assert {each.state for each in outcomes.values()} == {State.ANSWERED}
            assert len(outcomes["oak/large"].attempts) == 1
            assert len(outcomes["oak/small"].attempts) > 1
            assert "## Part 2 of " in outcomes["oak/small"].text
