"""Figures about decisions: known values, bounds, and what does not change them."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.evaluation.metrics import (
    adjusted_rand,
    calibration_error,
    difference,
    length_controlled,
    mean,
    share,
)

shares = st.floats(0, 1)
groups = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30)


def test_wilson_says_what_the_textbook_says() -> None:
    figure = share(8, 10)
    assert (figure.value, figure.prompts) == (0.8, 10)
    assert figure.low == pytest.approx(0.4902, abs=1e-4)
    assert figure.high == pytest.approx(0.9433, abs=1e-4)


@given(st.integers(1, 10_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_the_share_and_stays_between_nothing_and_all(counts: tuple[int, int]) -> None:
    figure = share(*counts)
    assert 0 <= figure.low <= figure.value <= figure.high <= 1
    assert figure.low < figure.high


def test_of_no_prompts_nothing_is_known() -> None:
    figure = share(0, 0)
    assert math.isnan(figure.value)
    assert (figure.low, figure.high) == (0, 1)
    assert math.isnan(mean([]).value)
    assert math.isnan(calibration_error([], []))
    assert math.isnan(length_controlled([], [], []))


@settings(deadline=None)  # the first draw loads a library
@given(st.lists(shares, min_size=1, max_size=40), st.integers(0, 3))
def test_a_bootstrap_stays_among_the_values_and_can_be_repeated(values: list[float], seed: int) -> None:
    figure = mean(values, seed=seed)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9
    assert figure.value == pytest.approx(fmean(values))
    assert figure == mean(values, seed=seed)


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    drawn = random.Random(1)  # noqa: S311
    ours = [drawn.random() for _ in range(200)]
    theirs = [value - 0.1 for value in ours]
    figure = difference(ours, theirs)
    assert figure.low == pytest.approx(0.1)
    assert figure.high == pytest.approx(0.1)


def test_differences_need_the_same_prompts() -> None:
    with pytest.raises(ValueError, match="shorter"):
        difference([1.0, 0.0], [1.0])


@pytest.mark.parametrize(
    ("confidences", "right", "error"),
    [
        ([1.0, 1.0], [True, True], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
        ([0.9, 0.9, 0.1, 0.1], [True, True, False, False], 0.1),
        ([0.5] * 20, [True] * 20, 0.5),
    ],
)
def test_calibration_errors_of_known_cases(confidences: list[float], right: list[bool], error: float) -> None:
    assert calibration_error(confidences, right) == pytest.approx(error)


def test_one_bin_compares_means() -> None:
    assert calibration_error([0.2, 0.8], [True, False], bins=1) == pytest.approx(0.0)


@given(st.lists(st.tuples(shares, st.booleans()), min_size=1, max_size=60))
def test_a_calibration_error_is_a_share_and_at_least_that_of_one_bin(pairs: list[tuple[float, bool]]) -> None:
    said, was = [each for each, _ in pairs], [each for _, each in pairs]
    error = calibration_error(said, was)
    assert calibration_error(said, was, bins=1) - 1e-9 <= error <= 1


@pytest.mark.parametrize(
    ("ours", "theirs", "index"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 2], [0, 0, 1, 1], 0.5714285714285714),  # as scikit-learn's documentation has it
        ([0, 0, 0, 0], [0, 1, 2, 3], 0.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
        ([0], [0], 1.0),
        ([], [], 1.0),
        ([0, 0], [1, 1], 1.0),
        ([0, 1], [1, 0], 1.0),
    ],
)
def test_adjusted_rand_indices_of_known_cases(ours: list[int], theirs: list[int], index: float) -> None:
    assert adjusted_rand(ours, theirs) == pytest.approx(index)


@given(groups)
def test_an_adjusted_rand_index_is_symmetric_bounded_and_blind_to_names(pairs: list[tuple[int, int]]) -> None:
    ours, theirs = [each for each, _ in pairs], [each for _, each in pairs]
    index = adjusted_rand(ours, theirs)
    assert -1 <= index <= 1 + 1e-12
    assert index == pytest.approx(adjusted_rand(theirs, ours))
    assert index == pytest.approx(adjusted_rand([f"group {each}" for each in ours], theirs))
    assert adjusted_rand(ours, ours) == 1


def test_at_equal_length_the_rate_is_the_mean_label() -> None:
    labels = [1.0, 0.0, 1.0, 1.0]
    assert length_controlled(labels, [100] * 4, [100] * 4) == pytest.approx(0.75, abs=0.01)


def test_a_judge_that_only_measures_length_is_seen_through() -> None:
    drawn = random.Random(2)  # noqa: S311
    theirs = [1000] * 400
    ours = [drawn.choice([600, 1400, 1400, 1400]) for _ in theirs]
    labels = [float(each > 1000) for each in ours]
    assert fmean(labels) > 0.7
    assert abs(length_controlled(labels, ours, theirs) - 0.5) < 0.15


@settings(deadline=None)
@given(st.lists(st.tuples(shares, st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_a_length_controlled_rate_is_a_share(rows: list[tuple[float, int, int]]) -> None:
    rate = length_controlled([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    assert 0 <= rate <= 1
