"""Estimates of tokens lean to the upper side, and learn from what providers count."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from panvox.limits.estimates import UNKNOWN_ANSWER, Estimates, count_tokens
from panvox.messages import ImagePart, Message, Prompt, TextPart, Tool, Usage

PROMPT = Prompt.of("x" * 3600)


def test_a_prompt_is_counted_by_its_length() -> None:
    assert count_tokens(PROMPT) == 1004
    image = Prompt(messages=(Message("user", (TextPart("What is this?"), ImagePart("data:,"))),))
    assert 1000 < count_tokens(image) < 1020
    with_tool = Prompt(messages=PROMPT.messages, tools=(Tool("f", "d" * 360, "{}"),))
    assert count_tokens(with_tool) == 1105


def test_an_answer_is_as_long_as_it_may_be_until_one_was_seen() -> None:
    estimates = Estimates()
    assert estimates.of("m", PROMPT)[1] == UNKNOWN_ANSWER
    limited = Prompt.of("x", max_tokens=50)
    assert estimates.of("m", limited)[1] == 50
    estimates.learn("m", limited, Usage(prompt_tokens=5, completion_tokens=10))
    assert 10 <= estimates.of("m", limited)[1] <= 20
    assert estimates.of("other", limited)[1] == 50


def test_what_a_provider_does_not_count_teaches_nothing() -> None:
    estimates = Estimates()
    before = estimates.of("m", PROMPT)
    estimates.learn("m", PROMPT, Usage())
    assert estimates.of("m", PROMPT) == before


@given(st.floats(0.3, 3.0), st.floats(0.0, 0.15), st.integers(0, 1000))
def test_hardly_any_call_takes_more_than_its_estimate_once_some_were_seen(
    factor: float, spread: float, seed: int
) -> None:
    chance, estimates, above = random.Random(seed), Estimates(), 0  # noqa: S311 - no secret
    for number in range(200):
        true = count_tokens(PROMPT) * factor * (1 + spread * (2 * chance.random() - 1))
        above += number >= 20 and estimates.of("m", PROMPT)[0] < true - 1
        estimates.learn("m", PROMPT, Usage(prompt_tokens=round(true), completion_tokens=1))
    assert above <= 0.1 * 180
    assert estimates.of("m", PROMPT)[0] < 2 * count_tokens(PROMPT) * factor + 2


def test_what_was_learnt_can_be_kept() -> None:
    estimates = Estimates()
    estimates.learn("m", PROMPT, Usage(prompt_tokens=500, completion_tokens=10))
    assert Estimates(estimates.known).of("m", PROMPT) == estimates.of("m", PROMPT)
