"""Weights move by what users tell of answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from panvox.curation import Expect
from panvox.curation.ballots import Heard
from panvox.curation.heeding import HALF_LIFE, UNKNOWN, heed, strength
from panvox.curation.weights import TaskWeights, Weights


def one(right: bool, *, at: float = 0.0, voter: str = "m") -> Heard:
    return Heard(voter, Expect.NUMBER, right, at)


def after(*said: Heard, now: float = 0.0, known: float | None = None) -> float:
    weights = {} if known is None else {"m": known}
    before = Weights(tasks={Expect.NUMBER: TaskWeights(task=Expect.NUMBER, weights=weights)})
    return strength(heed(before, said, now).of(Expect.NUMBER), "m") or UNKNOWN


def test_praise_raises_and_blame_lowers() -> None:
    assert after(one(False)) < after() < after(one(True)) < after(one(True), one(True))


def test_only_the_voter_and_the_task_that_are_meant_move() -> None:
    weights = heed(Weights(), [one(True)], 0.0)
    assert strength(weights.of(Expect.NUMBER), "another") is None
    assert weights.of(Expect.CHOICE) is None


def test_what_was_told_long_ago_counts_less() -> None:
    fresh, old = after(one(True)), after(one(True), now=10 * HALF_LIFE)
    assert after() < old < (after() + fresh) / 2 < fresh


@given(st.lists(st.builds(one, st.booleans(), at=st.floats(0, 1e9)), max_size=30), st.floats(0, 9))
def test_strengths_stay_probabilities_and_nobody_is_silenced(said: list[Heard], weight: float) -> None:
    known = Weights(tasks={Expect.NUMBER: TaskWeights(task=Expect.NUMBER, weights={"m": weight})})
    moved = heed(known, said, 1e9).of(Expect.NUMBER)
    assert 0 < (strength(moved, "m") or 0) < 1
    if said and moved:
        assert 0 < moved.weights["m"] <= 4
