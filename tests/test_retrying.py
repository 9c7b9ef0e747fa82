"""What can succeed later is asked again, and nothing else: after the right pause, and not too often."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.deadline import narrow
from panvox.errors import Category, Failure, Overloaded, RateLimited
from panvox.messages import Restarted, Text, UsageReport, Waiting
from panvox.messages import Usage as Used
from panvox.policies.pauses import ALWAYS_ALLOWED, WINDOW, RetryBudget, Rule, rule_for
from panvox.policies.retrying import Retrying
from panvox.protocols import Model
from panvox.settings.schema import Retries, RetryRule
from panvox.simulator.chance import seeded
from panvox.testing import ScriptedModel, check_model
from tests.attempts import PARIS, PROMPT, Attempts, heard, said

pytestmark = pytest.mark.looptime

KINDS = {kind.category: kind for kind in Failure.__subclasses__()}
PASSING = {
    Category.RATE_LIMITED,
    Category.EMPTY,
    Category.TRUNCATED,
    Category.TIMED_OUT,
    Category.OVERLOADED,
    Category.UNREACHABLE,
}
BUSY = Overloaded("The server is busy.", status=503)


def retrying(model: Model, rule: Rule | None = None, budget: RetryBudget | None = None) -> Retrying:
    return Retrying(
        model, rule or Rule(), budget=budget or RetryBudget(), provider="oak", chance=seeded("pauses")
    )


def now() -> float:
    return asyncio.get_running_loop().time()


# --- whether ---


@pytest.mark.parametrize("category", Category)
async def test_only_what_can_pass_is_tried_again(category: Category) -> None:
    model = Attempts("oak/m", (KINDS[category]("no"),))
    _, failure = await heard(retrying(model))
    assert failure is not None
    assert failure.fault.category is category
    assert len(model.times) == (3 if category in PASSING else 1)


@pytest.mark.parametrize("attempts", [1, 2, 3, 4])
async def test_there_are_as_many_attempts_as_the_rule_allows(attempts: int) -> None:
    model = Attempts("oak/m", (BUSY,))
    await heard(retrying(model, Rule(attempts=attempts)))
    assert len(model.times) == attempts


async def test_a_category_can_be_taken_out() -> None:
    model = Attempts("oak/m", (BUSY,))
    await heard(retrying(model, Rule(never=frozenset({"overloaded"}))))
    assert len(model.times) == 1


async def test_the_last_failure_is_the_one_that_goes_up() -> None:
    model = Attempts("oak/m", (BUSY,), (Overloaded("again"),), (RateLimited("last"),))
    _, failure = await heard(retrying(model))
    assert str(failure) == "last"


# --- what goes up ---


async def test_a_second_attempt_tells_why_it_waits_and_answers() -> None:
    model = Attempts("oak/m", (BUSY,), PARIS)
    events, failure = await heard(retrying(model))
    assert failure is None
    waiting, *answer = events
    assert answer == list(PARIS)
    assert isinstance(waiting, Waiting)
    assert waiting.reason == "another attempt at oak/m after: The server is busy."
    assert waiting.seconds == pytest.approx(model.times[1] - model.times[0], abs=0.001)


@pytest.mark.parametrize("trace", [Text("Lond"), UsageReport(Used(prompt_tokens=7))])
async def test_what_had_come_counts_for_nothing_once_it_begins_anew(trace: Text | UsageReport) -> None:
    model = Attempts("oak/m", (trace, BUSY), PARIS)
    events, _ = await heard(retrying(model))
    assert said(events) == "Paris"
    assert [type(event) for event in events][:3] == [type(trace), Waiting, Restarted]


async def test_an_attempt_is_closed_before_the_pause() -> None:
    model = Attempts("oak/m", (Text("Lond"), BUSY), PARIS)
    async with retrying(model).stream(PROMPT) as events:
        async for event in events:
            if isinstance(event, Waiting):
                assert model.listening == 0
    assert model.listening == 0


async def test_whoever_leaves_in_a_pause_is_not_held() -> None:
    model = Attempts("oak/m", (RateLimited("later", wait=100.0),))
    begun = now()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await heard(retrying(model))
    assert now() - begun == pytest.approx(1.0)
    assert model.listening == 0


async def test_the_promises_of_a_model_are_kept() -> None:
    endless = ScriptedModel("oak/m", (Text("x"), 1000.0))
    flaky = Attempts("oak/m", (Text("Lond"), BUSY), PARIS)
    failing = ScriptedModel("oak/m", (BUSY,))

    async def at_rest() -> bool:  # noqa: ASYNC124 - as check_model asks
        return not (flaky.listening or failing.listening or endless.listening)

    await check_model(
        answering=retrying(flaky), failing=retrying(failing), endless=retrying(endless), at_rest=at_rest
    )


# --- after which pause ---


@pytest.mark.parametrize("wait", [0.0, 0.02, 2.5, 119.9])
async def test_a_wait_that_the_provider_names_is_honoured_to_fifty_milliseconds(wait: float) -> None:
    model = Attempts("oak/m", (RateLimited("later", wait=wait),), PARIS)
    await heard(retrying(model))
    first, second = model.times
    assert wait <= second - first <= wait + 0.05


async def test_who_asks_for_more_patience_than_there_is_is_not_waited_for() -> None:
    model = Attempts("oak/m", (RateLimited("later", wait=120.1),))
    begun = now()
    _, failure = await heard(retrying(model))
    assert failure is not None
    assert failure.fault.wait == 120.1
    assert (len(model.times), now()) == (1, begun)


async def test_a_pause_that_outlasts_the_deadline_is_not_begun() -> None:
    model = Attempts("oak/m", (RateLimited("later", wait=5.0),))
    begun = now()
    narrow(4.0)
    _, failure = await heard(retrying(model))
    assert isinstance(failure, RateLimited)
    assert (len(model.times), now()) == (1, begun)


@given(
    base=st.floats(0.01, 60),
    cap=st.floats(0.01, 600),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1),
    failed=st.integers(1, 60),
)
def test_a_pause_doubles_up_to_its_cap_and_chance_takes_a_part_of_it(
    base: float, cap: float, jitter: float, chance: float, failed: int
) -> None:
    rule = Rule(base=base, cap=cap, jitter=jitter)
    longest = min(cap, base * 2 ** (failed - 1))
    part = max(0.25, jitter)
    assert longest * (1 - part) - 1e-9 <= rule.back_off(failed, chance) <= longest
    assert rule.back_off(failed, 0.0) == longest
    assert rule.back_off(failed, 1.0) == pytest.approx(longest * (1 - part), abs=1e-9)


def test_those_who_fail_together_do_not_come_again_together() -> None:
    chance = seeded("pauses")
    pauses = [Rule(jitter=0.25, base=4.0).pause(BUSY.fault, 1, chance.random()) for _ in range(100)]
    assert all(pause is not None and 3.0 <= pause <= 4.0 for pause in pauses)
    assert len(set(pauses)) == 100


# --- how often ---


async def test_an_outage_is_not_made_worse_by_retries() -> None:
    budget = RetryBudget(0.2)
    models = [Attempts("oak/m", (BUSY,)) for _ in range(300)]
    async with asyncio.TaskGroup() as calls:
        for model in models:
            calls.create_task(heard(retrying(model, budget=budget)))
    assert sum(len(model.times) for model in models) <= 360


def test_ten_retries_are_always_allowed_and_a_minute_later_ten_more() -> None:
    budget = RetryBudget(0.0)
    assert [budget.spend("oak", 1.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert budget.spend("elm", 1.0)
    assert not budget.spend("oak", 60.9)
    assert budget.spend("oak", 61.0)


@given(
    share=st.floats(0, 1),
    steps=st.lists(st.tuples(st.sampled_from(["call", "retry"]), st.floats(0, 20)), max_size=300),
)
def test_retries_within_a_minute_stay_within_their_share(
    share: float, steps: list[tuple[str, float]]
) -> None:
    budget = RetryBudget(share)
    clock, calls, retries = 0.0, [], []
    for step, later in steps:
        clock += later / 20
        if step == "call":
            budget.called("oak", clock)
            calls.append(clock)
        elif budget.spend("oak", clock):
            retries.append(clock)
            recent = [time for time in calls if time > clock - WINDOW]
            assert sum(time > clock - WINDOW for time in retries) <= max(ALWAYS_ALLOWED, share * len(recent))


# --- by which rule ---


def test_the_narrower_rule_says_what_it_says_and_the_wider_the_rest() -> None:
    retries = Retries(
        attempts=2,
        never=("empty",),
        models={
            "oak/*": RetryRule(attempts=4, base=3.0),
            "OAK/slow*": RetryRule(base=9.0, never=()),
        },
    )
    assert rule_for("elm/m", retries, vendor_base=2.0) == Rule(
        attempts=2, base=2.0, never=frozenset({"empty"})
    )
    assert rule_for("oak/m", retries) == Rule(attempts=4, base=3.0, never=frozenset({"empty"}))
    assert rule_for("oak/slow-1", retries) == Rule(attempts=4, base=9.0)


def test_without_settings_there_are_three_attempts_a_second_apart_at_first() -> None:
    assert rule_for("oak/m", Retries()) == Rule(
        attempts=3, base=1.0, cap=60.0, jitter=1.0, never=frozenset(), patience=120.0
    )
