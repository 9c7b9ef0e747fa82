"""What a call may cost and what it did, to the last digit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.budget.prices import cost_of, expected_cost, spent_on
from panvox.catalog.entries import Entry
from panvox.compose.money import Till
from panvox.limits.estimates import Estimates
from panvox.messages import Answer, Attempt, Identity, Outcome, Prompt, State, Usage
from panvox.protocols import Prices
from panvox.settings import Settings
from panvox.store import NullJournal

PRICES = Prices(input=2.5, output=10.0, cached=0.25, reasoning=12.0, request=0.005)
UNKNOWN = Decimal(15)


def test_what_the_provider_says_counts_before_its_tokens_do() -> None:
    told = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000, cost=Decimal("0.000000123"))
    assert cost_of(told, PRICES) == Decimal("0.000000123")


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(prompt_tokens=1_000_000, completion_tokens=100_000), "3.505"),
        (Usage(prompt_tokens=1_000_000, cached_tokens=400_000), "1.605"),
        (Usage(completion_tokens=1_000_000, reasoning_tokens=500_000), "11.005"),
        (Usage(prompt_tokens=1), "0.0050025"),
        (Usage(prompt_tokens=10, cached_tokens=99_999_999), "0.0050025"),  # more than there are
    ],
)
def test_each_kind_of_token_has_its_price(usage: Usage, cost: str) -> None:
    assert cost_of(usage, PRICES) == Decimal(cost)


def test_without_prices_of_their_own_cached_tokens_and_thinking_cost_what_others_do() -> None:
    usage = Usage(prompt_tokens=100, cached_tokens=50, completion_tokens=100, reasoning_tokens=50)
    assert cost_of(usage, Prices(input=0.1, output=0.3)) == Decimal("0.00004")


def test_a_cost_that_nobody_can_tell_is_none_and_a_free_call_costs_nothing() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=100)
    assert cost_of(usage, Prices(input=1.0)) is None
    assert cost_of(usage, Prices(), free=True) == 0


def expected(reserve: Prices) -> Decimal:
    return expected_cost(reserve, input_tokens=1_000_000, output_tokens=1_000_000, unknown_price=UNKNOWN)


def test_a_price_that_nobody_tells_is_the_ceiling_of_the_settings_or_the_other_side_if_that_is_more() -> None:
    assert expected(Prices()) == 30
    assert expected(Prices(input=1.0)) == 16
    assert expected(Prices(output=2.0)) == 17
    assert expected(Prices(input=40.0)) == 80


def test_dear_thinking_and_the_price_of_a_call_are_expected_too() -> None:
    assert expected(PRICES) == Decimal("14.505")


@given(
    st.builds(
        Prices,
        input=st.floats(0, 1000),
        output=st.floats(0, 1000),
        reasoning=st.none() | st.floats(0, 1000),
        request=st.none() | st.floats(0, 1),
    ),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.data(),
)
def test_a_call_within_its_tokens_never_costs_more_than_was_expected(
    prices: Prices, tokens_in: int, tokens_out: int, data: st.DataObject
) -> None:
    completion = data.draw(st.integers(0, tokens_out))
    usage = Usage(
        prompt_tokens=data.draw(st.integers(0, tokens_in)),
        completion_tokens=completion,
        reasoning_tokens=data.draw(st.integers(0, completion)),
    )
    cost = cost_of(usage, prices)
    most = expected_cost(prices, input_tokens=tokens_in, output_tokens=tokens_out, unknown_price=UNKNOWN)
    assert cost is not None
    assert cost <= most


def ended(*attempts: Attempt, told: str | None = None) -> Outcome:
    usage = Usage(cost=None if told is None else Decimal(told))
    return Outcome(
        member=Identity(name="p/m"),
        state=attempts[-1].state if attempts else State.CANCELLED,
        answer=Answer(usage=usage),
        attempts=attempts,
    )


def attempt(state: State, cost: str | None = None, *, cached: bool = False) -> Attempt:
    known = None if cost is None else Decimal(cost)
    return Attempt(started=0, duration=1, state=state, cost=known, cached=cached)


@pytest.mark.parametrize(
    ("outcome", "spent"),
    [
        (ended(), "0"),  # it never went out
        (ended(attempt(State.OVERLOADED), attempt(State.ANSWERED, "0.02")), "0.02"),
        (ended(attempt(State.MALFORMED, "0.01"), attempt(State.ANSWERED, "0.02")), "0.03"),
        (ended(attempt(State.ANSWERED), told="0.04"), "0.04"),
        (ended(attempt(State.UNAUTHORISED)), "0"),
        (ended(attempt(State.ANSWERED, cached=True)), "0"),
        (ended(attempt(State.CANCELLED)), None),
        (ended(attempt(State.OVERLOADED, "0"), attempt(State.TIMED_OUT)), None),
        (ended(attempt(State.ANSWERED)), None),
    ],
)
def test_what_was_refused_costs_nothing_and_what_was_cut_off_may_have_cost_anything(
    outcome: Outcome, spent: str | None
) -> None:
    assert spent_on(outcome) == (None if spent is None else Decimal(spent))


@pytest.mark.parametrize(
    ("wanted", "seen", "most", "tokens"),
    [
        (None, None, None, 1_000),
        (None, 200, None, 300),
        (50, 200, None, 50),
        (4_000, 200, None, 4_000),
        (None, 200, 128, 128),
        (4_096, None, 512, 512),
    ],
)
def test_an_answer_is_as_long_as_the_prompt_allows_or_experience_says(
    wanted: int | None, seen: int | None, most: int | None, tokens: int
) -> None:
    estimates, prompt = Estimates(), Prompt.of("?", max_tokens=wanted)
    if seen is not None:
        estimates.learn("p/m", prompt, Usage(completion_tokens=seen))
    prices = Prices(input=0.0, output=1_000_000.0)
    entry = Entry(name="p/m", provider="p", model="m", lineage="m", max_output=most, reserve=prices)
    till = Till(Settings(), NullJournal("not kept"), estimates)
    assert till.cost(entry, prompt) == tokens
