"""Waiting is chosen only where it is sooner than the alternative; else whoever would wait is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import looptime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.deadline import narrow
from panvox.engine import Member, Run
from panvox.errors import Failure, OutOfMoney, Overloaded, RateLimited, Unreachable
from panvox.limits import MemoryLimiter
from panvox.limits.estimates import Estimates
from panvox.messages import Event, Identity, Outcome, Prompt, ReplyBegan, Restarted, Text, Waiting
from panvox.policies.fallback import SHORT, UNKNOWN, Fallback, Link
from panvox.policies.limited import Limited
from panvox.policies.metered import Metered
from panvox.policies.pauses import RetryBudget, Rule
from panvox.policies.paying import Paying
from panvox.protocols import Limits, Model, Refusal, Scope, Window
from panvox.testing import MemoryJournal, ScriptedModel, check_model
from tests.attempts import PARIS, PROMPT, Attempts, heard, said
from tests.test_fallback import chain, failing, now

pytestmark = pytest.mark.looptime

Script = tuple[Event | Failure | float, ...]
CENT = Decimal("0.01")


def waiting(seconds: float | None, *, really: float | None = None) -> Script:
    """Says that it waits so long, does, and answers."""
    real = (seconds or 0.0) if really is None else really
    return (Waiting("requests", seconds), real, *PARIS)


def held(name: str, *scripts: Script) -> Attempts:
    return Attempts(name, *scripts)


def link(model: Model, *, retries: int = 0, cost: Decimal | None = CENT) -> Link:
    provider = model.name.partition("/")[0]
    identity = Identity(name=model.name, provider=provider, model=model.name)
    return Link(identity=identity, model=model, rule=Rule(attempts=retries + 1), cost=cost)


def waits_of(events: Sequence[Event]) -> list[tuple[str, float | None]]:
    return [(event.reason, event.seconds) for event in events if isinstance(event, Waiting)]


async def asked(
    *links: Link, heard_of: Callable[[str], None] = lambda _: None
) -> tuple[list[Event], Failure | None, float]:
    """What is heard of a chain, and how long it took."""
    begun = now()
    events, failure = await heard(chain(*links, heard=heard_of))
    return events, failure, now() - begun


# --- who is asked in place of one that waits ---


@pytest.mark.parametrize("seconds", [40.0, None])
async def test_a_model_that_waits_is_left_for_one_that_does_not(seconds: float | None) -> None:
    lines: list[str] = []
    first, second = held("a/m", waiting(seconds, really=40)), held("b/m", PARIS)
    events, _, took = await asked(link(first), link(second), heard_of=lines.append)
    assert (events, took) == (list(PARIS), 0)
    assert first.listening == 0
    told = ", 40 s" if seconds else ""
    assert lines == [f"b/m stands in for a/m: it waits for requests{told}."]


async def test_its_place_in_the_line_is_given_back_before_another_is_asked() -> None:
    first = held("a/m", waiting(40.0))

    class Second(Attempts):
        def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
            assert first.listening == 0
            return super().stream(prompt)

    events, _, _ = await asked(link(first), link(Second("b/m", PARIS)))
    assert said(events) == "Paris"


async def test_nobody_is_left_for_a_wait_that_people_do_not_see() -> None:
    first, second = held("a/m", waiting(SHORT)), held("b/m", PARIS)
    events, _, took = await asked(link(first), link(second))
    assert (waits_of(events), took, second.times) == ([("requests", SHORT)], SHORT, [])


async def test_nobody_is_left_once_something_of_an_answer_has_come() -> None:
    first = held("a/m", (Text("Par"), Waiting("requests", 5.0), 5.0, *PARIS))
    events, _, took = await asked(link(first), link(held("b/m", PARIS)))
    assert (took, isinstance(events[1], Waiting)) == (5, True)


@pytest.mark.parametrize(
    ("waits", "speaker", "took"),
    [
        ((40.0, 70.0, 50.0), "a/m", 40),
        ((40.0, 30.0, 50.0), "b/m", 30),
        ((40.0, 60.0, 20.0), "c/m", 20),
        ((None, 60.0, UNKNOWN / 2), "c/m", UNKNOWN / 2),
        ((None, 60.0, 20.0), "a/m", 0),
        ((60.0, 70.0, None), "c/m", 0),
        ((60.0, None, None), "b/m", 0),
        ((None, None, None), "a/m", 0),
        ((40.0, 39.9, 50.0), "b/m", 39.9),
    ],
)
async def test_if_all_wait_it_is_for_the_soonest_and_in_doubt_for_the_preferred(
    waits: Sequence[float | None], speaker: str, took: float
) -> None:
    lines: list[str] = []
    models = [held(f"{name}/m", waiting(wait)) for name, wait in zip("abc", waits, strict=True)]
    events, failure, lasted = await asked(*map(link, models), heard_of=lines.append)
    assert failure is None
    assert lasted == pytest.approx(took)
    assert waits_of(events) == [("requests", waits["abc".index(speaker[0])])]
    assert [line.partition(" ")[0] for line in lines] == [speaker] * (speaker != "a/m")
    assert all(len(model.times) <= 2 for model in models)


async def test_a_wait_that_turns_out_longer_is_left_for_one_that_was_shorter() -> None:
    first = held("a/m", waiting(5.0), waiting(50.0))
    second = held("b/m", waiting(10.0))
    events, _, took = await asked(link(first), link(second))
    assert (took, waits_of(events)) == (10, [("requests", 10.0)])


WAITS = st.lists(st.none() | st.floats(0.3, 100), min_size=3, max_size=3)


@given(st.lists(WAITS, min_size=1, max_size=4), st.integers(0, 3))
def test_nobody_is_asked_more_than_twice_however_much_waits_change(
    told: list[list[float | None]], dead: int
) -> None:
    """Each model says another wait each time that it is asked; some cannot be reached."""
    failure = Unreachable("no route")
    models = [
        held(f"p{place}/m", *((failure,) if place < dead else waiting(seconds, really=1) for seconds in each))
        for place, each in enumerate(told)
    ]

    async def ask() -> Failure | None:
        return (await heard(chain(*map(link, models))))[1]

    loop = looptime.patch_event_loop(asyncio.SelectorEventLoop())
    try:
        raised = loop.run_until_complete(ask())
    finally:
        loop.close()
    assert (raised is None) == (dead < len(models))
    assert all(len(model.times) <= (1 if place < dead else 2) for place, model in enumerate(models))
    assert not any(model.listening for model in models)


# --- waits and failures ---


async def test_to_wait_is_no_failure_and_takes_no_retry() -> None:
    budget = RetryBudget(0.0)
    for _ in range(20):
        models = held("a/m", waiting(1.0)), held("b/m", waiting(2.0))
        chained = Fallback(
            [link(model) for model in models], warn_above=2, refuse_above=3, heard=print, budget=budget
        )
        events, _ = await heard(chained)
        assert said(events) == "Paris"
        assert [len(model.times) for model in models] == [2, 1]
    assert all(budget.spend("a", now()) for _ in range(10))


async def test_when_the_one_that_stands_in_fails_the_one_that_waits_is_returned_to() -> None:
    lines: list[str] = []
    first, second = held("a/m", waiting(40.0)), failing("b/m", Overloaded("The server is busy."))
    events, failure, took = await asked(link(first), link(second), heard_of=lines.append)
    assert failure is None
    assert (said(events), took) == ("Paris", 40)
    assert lines == [
        "a/m is waited for after all in place of b/m, which failed with: The server is busy.",
    ]


async def test_half_an_answer_of_the_one_that_stood_in_counts_for_nothing() -> None:
    first, second = held("a/m", waiting(4.0)), failing("b/m", Overloaded("no"))
    second = Attempts("b/m", (Text("Lond"), Overloaded("The server is busy.")))
    events, _, _ = await asked(link(first), link(second))
    assert events[1] == Restarted("a/m is waited for after all in place of b/m")
    assert said(events) == "Paris"


async def test_a_failure_that_passes_sooner_than_a_wait_ends_is_tried_again() -> None:
    first = Attempts("a/m", (RateLimited("soon", wait=2.0),), PARIS)
    events, _, took = await asked(link(first, retries=1), link(held("b/m", waiting(60.0))))
    assert took == pytest.approx(2, abs=0.05)
    assert [reason for reason, _ in waits_of(events)] == ["another attempt at a/m after: soon"]


async def test_a_wait_that_ends_sooner_than_a_failure_passes_goes_on() -> None:
    first = Attempts("a/m", (RateLimited("later", wait=30.0),), PARIS)
    events, _, took = await asked(link(first, retries=1), link(held("b/m", waiting(5.0))))
    assert (waits_of(events), took) == ([("requests", 5.0)], 5)


async def test_if_all_fail_in_the_end_the_failure_tells_of_all() -> None:
    first = held("a/m", (Waiting("requests", 5.0), 5.0, Overloaded("The server is busy.")))
    _, failure, _ = await asked(link(first), link(failing("b/m", OutOfMoney("spent"))))
    assert str(failure) == "The server is busy. 1 stood in and failed as well: b/m (out_of_money)."


async def test_the_promises_of_a_model_are_kept_while_others_wait() -> None:
    first, second = held("a/m", waiting(30.0)), held("b/m", waiting(40.0), PARIS)
    bad, endless = failing("b/m", Overloaded("no")), ScriptedModel("d/m", (Text("x"), 1000.0))
    models = first, second, bad, endless

    async def at_rest() -> bool:  # noqa: ASYNC124 - as check_model asks
        return not any(model.listening for model in models)

    lost = held("c/m", (Waiting("requests", 1.0), 0.1, Overloaded("no")))
    await check_model(
        answering=chain(link(first), link(held("b/m", PARIS))),
        failing=chain(link(lost), link(bad)),
        endless=chain(link(first), link(second), link(endless)),
        at_rest=at_rest,
    )


# --- at what price ---


@pytest.mark.parametrize(
    ("costs", "left"),
    [
        ((CENT, CENT), True),
        ((CENT, CENT / 2), True),
        ((CENT, Decimal(0)), True),
        ((None, Decimal(0)), True),
        ((Decimal(0), Decimal(0)), True),
        ((CENT, CENT * Decimal("1.01")), False),
        ((CENT, None), False),
        ((None, CENT), False),
        ((None, None), False),
    ],
)
async def test_only_who_costs_no_more_stands_in_for_the_sake_of_a_wait(
    costs: tuple[Decimal | None, Decimal | None], left: bool
) -> None:
    models = held("a/m", waiting(40.0)), held("b/m", PARIS)
    lines: list[str] = []
    links = [link(model, cost=cost) for model, cost in zip(models, costs, strict=True)]
    _, _, took = await asked(*links, heard_of=lines.append)
    assert (took, len(models[1].times), len(lines)) == ((0, 1, 1) if left else (40, 0, 0))


async def test_a_dearer_one_is_not_asked_because_a_cheap_one_has_failed() -> None:
    models = held("a/m", waiting(40.0)), failing("b/m", Overloaded("no")), held("c/m", PARIS)
    dear = [link(model, cost=cost) for model, cost in zip(models, (CENT, CENT, 2 * CENT), strict=True)]
    _, _, took = await asked(*dear)
    assert (took, models[2].times) == (40, [])


async def test_when_the_model_asked_has_failed_a_dearer_one_is_not_waited_past() -> None:
    lines: list[str] = []
    models = failing("a/m", Overloaded("no")), held("b/m", waiting(40.0)), held("c/m", PARIS)
    dear = [link(model, cost=cost) for model, cost in zip(models, (CENT, CENT, 3 * CENT), strict=True)]
    events, _, took = await asked(*dear, heard_of=lines.append)
    assert (said(events), took) == ("Paris", 0)
    assert lines[-1] == (
        "c/m stands in for b/m: it waits for requests, 40 s. It costs about 3.00 times as much ($0.0300)."
    )


async def test_who_is_too_dear_altogether_is_told_of_only_when_somebody_has_failed() -> None:
    lines: list[str] = []
    first = held("a/m", (Waiting("requests", 5.0), 5.0, Overloaded("no")))
    _, failure, _ = await asked(link(first), link(held("b/m", PARIS), cost=Decimal(1)), heard_of=lines.append)
    assert isinstance(failure, Overloaded)
    assert [line.partition(":")[0] for line in lines] == ["b/m does not stand in for a/m"]


async def test_where_the_money_does_not_reach_the_wait_goes_on() -> None:
    async def nothing_left(_: object) -> Refusal:  # noqa: ASYNC124 - a purse may wait
        return Refusal("nothing is left today")

    first, second = held("a/m", waiting(40.0)), held("b/m", PARIS)
    events, _, took = await asked(link(first), link(Paying(second, nothing_left)))
    assert (said(events), took, second.times) == ("Paris", 40, [])


# --- with real limits ---


def limited(name: str, limiter: MemoryLimiter, *, lasts: float = 1.0) -> Link:
    """A model of a provider with limits, whose calls take so long."""
    model = ScriptedModel(name, (ReplyBegan(), lasts, *PARIS))
    made = link(model)
    metered = Metered(model, identity=made.identity, price=lambda _: CENT)
    scopes = (Scope("provider", made.identity.provider),)
    held_back = Limited(metered, limiter=limiter, scopes=scopes, estimates=Estimates())
    return Link(identity=made.identity, model=held_back, cost=CENT)


async def outcomes(limits: dict[str, Limits], members: int, **lasts: float) -> tuple[Outcome, ...]:
    """So many members of the provider a are asked at once, for which those of other providers stand in."""
    limiter = MemoryLimiter(lambda scope: limits.get(scope.name, Limits()))
    panel = []
    for number in range(members):
        links = [limited(f"{name}/m{number}", limiter, lasts=lasts.get(name, 1.0)) for name in limits]
        panel.append(Member(links[0].identity, chain(*links)))
    async with Run(panel, journal=MemoryJournal()).turn(PROMPT) as turn:
        await turn.wait_ended()
    standing = limiter.standing()
    assert not any(each.slots or each.waiting for each in standing)
    return turn.outcomes


async def test_two_providers_of_the_same_windows_share_the_work() -> None:
    """By itself the first would take a minute: six windows of ten seconds."""
    ten = Limits(windows=(Window("requests", 10, 10.0),))
    found = await outcomes({"a": ten, "b": ten}, 60)
    assert all(outcome.answered for outcome in found)
    assert max(outcome.started + outcome.duration for outcome in found) < 36
    assert all(len(outcome.attempts) == 1 for outcome in found)


async def test_one_that_has_a_single_slot_does_not_draw_everybody_away() -> None:
    """Nobody knows how long slots are taken before the first call has ended."""
    found = await outcomes({"a": Limits(slots=20), "b": Limits(slots=1)}, 100)
    assert all(outcome.answered for outcome in found)
    assert max(outcome.started + outcome.duration for outcome in found) < 6


async def test_a_slot_that_comes_free_in_a_moment_is_not_left_for_a_window_of_minutes() -> None:
    """By itself the first would take ten seconds, and the second four minutes."""
    window = Limits(windows=(Window("requests", 20, 60.0),))
    found = await outcomes({"a": Limits(slots=10), "b": window}, 100)
    assert all(outcome.answered for outcome in found)
    assert max(outcome.started + outcome.duration for outcome in found) < 10


async def test_whoever_was_left_is_no_attempt_and_the_outcome_names_who_answered() -> None:
    found = await outcomes({"a": Limits(windows=(Window("requests", 1, 60.0),)), "b": Limits()}, 3)
    assert [outcome.speaker.name for outcome in found] == ["a/m0", "b/m1", "b/m2"]
    assert [[attempt.waited for attempt in outcome.attempts] for outcome in found] == [[0.0]] * 3


async def test_a_wait_beyond_the_deadline_is_a_failure_and_others_stand_in_at_any_price() -> None:
    limiter = MemoryLimiter(lambda _: Limits(windows=(Window("requests", 1, 60.0),)))
    member = limited("a/m", limiter)
    await heard(member.model)
    lines: list[str] = []
    narrow(10.0)
    dear = link(held("b/m", PARIS), cost=2 * CENT)
    events, _, took = await asked(member, dear, heard_of=lines.append)
    assert (said(events), took) == ("Paris", 0)
    assert lines[0].startswith("b/m stands in for a/m, which failed with: not asked")
