"""Votes: shares of one voice, merges, confidence, and what is still open."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation.expect import Expect
from panvox.curation.stopping import Begun
from panvox.curation.tally import Tally
from panvox.curation.weights import Calibration, TaskWeights


def weights(copies: tuple[tuple[str, ...], ...] = (), **votes: float) -> TaskWeights:
    return TaskWeights(task=Expect.NUMBER, weights=votes, copies=copies, unseen=0.1)


VOTERS = "abcdef"
ANSWERS = st.lists(
    st.tuples(st.sampled_from(VOTERS), st.integers(0, 3), st.sampled_from([0.25, 0.5, 1.0])), max_size=12
)
LEARNT = st.builds(
    weights,
    copies=st.sampled_from([(), (("a", "b"),), (("a", "b", "c"), ("d", "e"))]),
    **{voter: st.sampled_from([0.01, 0.2, 0.5, 1.0]) for voter in VOTERS[:5]},
)


def counted_anew(learnt: TaskWeights, answers: list[tuple[str, int, float]]) -> dict[int, float]:
    """The definition: each seat's vote is the mean of its voters', each voter's the mean of its answers'."""
    seat_of = {voter: circle for circle in learnt.copies for voter in circle}
    heard = {voter for voter, _, _ in answers}
    votes: dict[int, float] = {}
    for voter, group, factor in answers:
        of_voter = sum(name == voter for name, _, _ in answers)
        of_seat = len(heard & set(seat_of.get(voter, (voter,))))
        votes[group] = votes.get(group, 0.0) + learnt.weight(voter) * factor / of_voter / of_seat
    return votes


def filled(learnt: TaskWeights | None, answers: list[tuple[str, int, float]]) -> Tally:
    tally = Tally(VOTERS, learnt)
    for voter, group, factor in answers:
        tally.add(voter, group, factor=factor)
    return tally


@given(LEARNT, ANSWERS)
def test_votes_added_one_by_one_are_those_counted_at_once(
    learnt: TaskWeights, answers: list[tuple[str, int, float]]
) -> None:
    tally = filled(learnt, answers)
    expected = counted_anew(learnt, answers)
    for group in range(4):
        assert tally.votes(group) == pytest.approx(expected.get(group, 0.0))
    assert tally.total == pytest.approx(sum(expected.values()))
    assert tally.voters == len({voter for voter, _, _ in answers})


@given(LEARNT, ANSWERS, st.integers(0, 3), st.integers(0, 3), ANSWERS)
def test_merged_groups_count_as_if_they_had_always_been_one(
    learnt: TaskWeights,
    before: list[tuple[str, int, float]],
    into: int,
    other: int,
    after: list[tuple[str, int, float]],
) -> None:
    tally = filled(learnt, before)
    tally.merge(into, other)
    for voter, group, factor in after:
        tally.add(voter, group, factor=factor)
    one = [(voter, into if group == other else group, factor) for voter, group, factor in before + after]
    expected = counted_anew(learnt, one)
    for group in range(4):
        same = into if group == other else group
        assert tally.votes(group) == pytest.approx(expected.get(same, 0.0))


@given(LEARNT, ANSWERS, st.sets(st.sampled_from(VOTERS)))
def test_certain_means_that_no_answers_to_come_change_the_leader(
    learnt: TaskWeights, answers: list[tuple[str, int, float]], still: set[str]
) -> None:
    tally = filled(learnt, answers)
    if not answers or tally.outlook(still).state != "certain":
        return
    leader = tally.leader
    for said in itertools.islice(itertools.product((0, 1, 2, 9, None), repeat=len(still)), 700):
        more = [(voter, group, 1.0) for voter, group in zip(still, said, strict=True) if group is not None]
        assert filled(learnt, answers + more).leader == leader


@given(LEARNT, ANSWERS, st.sets(st.sampled_from(VOTERS), max_size=4))
def test_what_is_not_certain_can_be_changed_by_some_answers(
    learnt: TaskWeights, answers: list[tuple[str, int, float]], still: set[str]
) -> None:
    tally = filled(learnt, answers)
    if not answers or tally.outlook(still).state == "certain":
        return
    leader = tally.leader
    assert leader is not None

    def level(more: list[tuple[str, int, float]]) -> bool:
        after = filled(learnt, answers + more)
        return any(
            after.votes(group) >= after.votes(leader) - 1e-6 for group in (0, 1, 2, 3, 9) if group != leader
        )

    outcomes = itertools.product((0, 1, 2, 3, 9, None), repeat=len(still))
    assert any(
        level([(voter, group, 1.0) for voter, group in zip(still, said, strict=True) if group is not None])
        for said in outcomes
    )


def test_near_copies_share_one_vote_and_one_of_them_alone_has_it_all() -> None:
    tally = Tally("abc", weights((("a", "b"),), a=1.0, b=1.0, c=0.6))
    tally.add("a", 0)
    assert tally.votes(0) == 1.0
    tally.add("b", 1)
    tally.add("c", 1)
    assert tally.votes(0) == 0.5
    assert tally.votes(1) == pytest.approx(1.1)
    assert tally.counted("b").part == 0.5


def test_without_anything_learnt_each_voter_has_one_vote() -> None:
    tally = Tally("ab")
    tally.add("a", 0)
    tally.add("a", 1)
    tally.add("b", 1)
    assert (tally.votes(0), tally.votes(1)) == (0.5, 1.5)
    assert tally.basis == "one vote a lineage"
    assert not tally.calibrated


def test_published_strengths_decide_where_nothing_was_learnt_and_the_unknown_are_middling() -> None:
    published = {"strong": 0.9, "middle": 0.6, "weak": 0.3}
    tally = Tally([*published, "unknown"], strength=published.get)
    tally.add("strong", 0)
    for voter in ("middle", "weak", "unknown"):
        tally.add(voter, 1)
    assert tally.basis == "published strengths"
    assert tally.counted("unknown").weight == tally.counted("middle").weight
    assert tally.counted("strong").strength == 0.9
    assert tally.counted("unknown").strength is None
    assert tally.votes(0) > tally.votes(1)


def test_confidence_rises_with_votes_and_all_groups_share_at_most_one() -> None:
    calibration = Calibration(scale=3.0, none=0.2)
    learnt = TaskWeights(task=Expect.NUMBER, weights=dict.fromkeys("abcdef", 1.0), calibration=calibration)
    tally = Tally("abcdef", learnt)
    assert tally.confidence(0) is None
    seen = []
    for voter in "abc":
        tally.add(voter, 0)
        seen.append(tally.confidence(0) or 0.0)
    assert seen == sorted(seen)
    tally.add("d", 1)
    tally.add("e", 2)
    assert tally.calibrated
    both = [tally.confidence(group) or 0.0 for group in (0, 1, 2)]
    assert both[0] < seen[-1]
    assert both[1] == both[2]
    assert both[0] + (both[1] + both[2]) / (1 - 0.2) == pytest.approx(1.0)


def test_a_voter_that_is_alone_is_as_sure_as_it_is_strong() -> None:
    learnt = TaskWeights(
        task=Expect.NUMBER, weights={"a": 1.0}, strengths={"a": 0.55}, calibration=Calibration(scale=9.0)
    )
    tally = Tally("ab", learnt)
    tally.add("a", 0)
    assert tally.confidence(0) == 0.55
    tally.add("a", 1)
    assert tally.confidence(0) == pytest.approx(0.275)
    tally.add("b", 0)
    assert tally.confidence(0) not in (0.275, 0.55, None)


@given(LEARNT, ANSWERS)
def test_confidence_without_labels_is_a_probability_for_each_group(
    learnt: TaskWeights, answers: list[tuple[str, int, float]]
) -> None:
    tally = filled(learnt, answers)
    known = [tally.confidence(group) for group in range(4)]
    if answers:
        found = [value for value in known if value is not None]
        assert len(found) == 4
        assert all(0 <= value <= 1 for value in found)
        assert sum(found) <= 1 + 1e-6


def test_independent_equal_votes_are_worth_their_number_and_correlated_ones_less() -> None:
    even = dict.fromkeys("abcdef", 1.0)
    alone = Tally("abcdef", TaskWeights(task=Expect.NUMBER, weights=even))
    together = Tally("abcdef", TaskWeights(task=Expect.NUMBER, weights=even, correlation=0.5))
    assert alone.effective is None
    for voter in "abcdef":
        alone.add(voter, 0)
        together.add(voter, 0)
    assert alone.effective == pytest.approx(6)
    assert together.effective == pytest.approx(6 / 3.5)


def test_what_could_change_is_told_with_its_votes_and_the_answer_it_would_make() -> None:
    tally = Tally("abcdef", weights(a=1.0, b=0.5, c=0.4, d=0.2))
    tally.add("a", 0)
    tally.add("b", 1)
    outlook = tally.outlook("cd", name={0: "41", 1: "42"}.__getitem__)
    assert outlook.state == "open"
    assert outlook.change == "2 open models with 0.6 votes could make it 42"
    decisive = tally.decisive("cd")
    assert decisive is not None
    assert decisive.voters == ("c", "d")
    assert decisive.group == 1
    assert tally.decisive("d") is None
    assert tally.outlook("d").state == "certain"


def test_one_open_voter_that_is_worth_the_lead_keeps_the_question_open() -> None:
    votes = {f"weak{number}": 0.02 for number in range(40)}
    tally = Tally(votes, TaskWeights(task=Expect.NUMBER, weights={"strong": 1.0, **votes}))
    for voter in votes:
        tally.add(voter, 0)
    assert tally.outlook(["strong"], risk=0.5).state == "open"


def test_many_open_voters_that_would_have_to_agree_against_all_others_are_not_likely_to() -> None:
    names = [f"m{number}" for number in range(100)]
    tally = Tally(names)
    for number, voter in enumerate(names[:48]):
        tally.add(voter, 0 if number % 12 else 1)
    outlook = tally.outlook(names[48:])
    assert outlook.state == "likely"
    assert 0 <= outlook.risk <= 0.05


def test_nothing_heard_is_open_and_nothing_to_come_is_certain() -> None:
    assert Tally("ab").outlook("ab").state == "open"
    assert Tally("ab").outlook("").state == "certain"
    assert Tally("ab").decisive("ab") is None


def test_votes_do_not_drift_over_thousands_of_answers() -> None:
    chance = random.Random(4)  # noqa: S311
    answers = [(chance.choice(VOTERS), chance.randrange(4), 1.0) for _ in range(3000)]
    learnt = weights((("a", "b"),), a=0.3, b=0.7, c=0.1)
    tally = filled(learnt, answers)
    expected = counted_anew(learnt, answers)
    assert all(math.isclose(tally.votes(group), expected[group], rel_tol=1e-6) for group in expected)


def test_to_look_ahead_takes_time_in_proportion_to_answers_and_not_to_answers_times_voters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int | None] = []
    gain = Begun.gain

    def counting(seat: Begun, leader: int, rival: int | None) -> float:
        asked.append(rival)
        return gain(seat, leader, rival)

    voters = [f"v{number}" for number in range(100)]
    tally = Tally(voters)
    for number, voter in enumerate(voters):
        tally.add(voter, max(0, number - 15))
    monkeypatch.setattr(Begun, "gain", counting)
    assert tally.outlook(voters[-40:]).state != "certain"
    assert 40 < len(asked) <= 6 * len(voters)
