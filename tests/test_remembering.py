"""Results are given again, as long as they and what they are of do not take too much room."""

from __future__ import annotations

import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.limits.estimates import ROOM, count_tokens
from panvox.messages import Prompt
from panvox.remembering import ALWAYS, remembered


class Work:
    """Says texts backwards, and counts how often."""

    def __init__(self, **bounds: int) -> None:
        self.done: list[str] = []
        self.ask = remembered(lambda _, text: len(text), **bounds)(self._work)

    def _work(self, text: str) -> str:
        self.done.append(text)
        return text[::-1]


@given(st.lists(st.text(max_size=9)), st.integers(1, 4), st.integers(1, 9), st.integers(0, 30))
def test_a_result_is_the_same_remembered_or_not(texts: list[str], always: int, most: int, room: int) -> None:
    work = Work(always=always, most=max(always, most), room=room)
    assert [work.ask(text) for text in texts] == [text[::-1] for text in texts]


def test_short_ones_are_remembered_by_number_and_long_ones_by_length() -> None:
    work = Work(always=2, most=5, room=1_000)
    short = [f"{number}" for number in range(5)]
    for text in (*short, *short):
        work.ask(text)
    assert work.done == short
    long = [letter * 600 for letter in "abcd"]
    for text in (*long, *long[-2:]):
        work.ask(text)
    assert work.done == short + long
    work.ask(long[1])
    assert work.done[-1] == long[1]


def test_a_failure_is_not_remembered() -> None:
    outcomes = iter((ValueError("not yet"), "now"))

    @remembered(lambda *_: 1)
    def work(_: str) -> str:
        outcome = next(outcomes)
        if isinstance(outcome, ValueError):
            raise outcome
        return outcome

    with pytest.raises(ValueError, match="not yet"):
        work("x")
    assert work("x") == work("x") == "now"


def test_what_returns_nothing_is_remembered_too() -> None:
    calls: list[str] = []
    work = remembered(lambda *_: 1)(calls.append)
    work("x")
    work("x")
    assert calls == ["x"]


def test_long_prompts_are_let_go_after_they_were_counted() -> None:
    class Watched(str):
        __slots__ = ("__weakref__",)

    def counted() -> weakref.ref[str]:
        text = Watched("x" * ROOM)
        count_tokens(Prompt.of(text))
        return weakref.ref(text)

    held = [counted() for _ in range(20)]
    assert sum(each() is not None for each in held) <= ALWAYS
