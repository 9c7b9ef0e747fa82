"""What is learnt from polls, with labels and without, and what feedback makes of it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.curation.ballots import Ballot, Heard, Poll
from panvox.curation.expect import Expect
from panvox.curation.learning.feedback import HALF_LIFE, heed
from panvox.curation.learning.learn import learn
from panvox.curation.tally import Tally
from panvox.curation.weights import TaskWeights, Weights

LETTERS = "ABCDEFGHIJ"
Answers = Callable[[random.Random, str], str | None]


def right_at(rate: float) -> Answers:
    """A voter that is right at this rate, and errs on its own."""
    return lambda chance, truth: truth if chance.random() < rate else chance.choice(LETTERS)


def constant(answer: str) -> Answers:
    return lambda chance, truth: answer


def polls(
    voters: dict[str, Answers], number: int, *, seed: int = 1, copies: Sequence[str] = ()
) -> list[Poll]:
    """`number` polls of letters; `copies` say what the voter "copied" says."""
    chance = random.Random(seed)  # noqa: S311
    made = []
    for index in range(number):
        truth = chance.choice(LETTERS)
        said = {name: answers(chance, truth) for name, answers in voters.items()}
        said |= dict.fromkeys(copies, said.get("copied"))
        ballots = tuple(Ballot(name, answer) for name, answer in said.items() if answer is not None)
        made.append(
            Poll(prompt=f"p{index}", task=Expect.CHOICE, asked=tuple(said), ballots=ballots, truth=truth)
        )
    return made


def accuracy(weights: TaskWeights | None, measured: Sequence[Poll]) -> float:
    """How often the answer with the most votes is right."""
    hits = 0
    for poll in measured:
        tally = Tally(poll.asked, weights)
        numbers: dict[str, int] = {}
        for ballot in poll.ballots:
            tally.add(ballot.voter, numbers.setdefault(ballot.answer, len(numbers)))
        hits += tally.leader is not None and tally.leader == numbers.get(poll.truth or "")
    return hits / len(measured)


MIXED = {f"weak{number}": right_at(0.25) for number in range(12)} | {
    "strong": right_at(0.85),
    "good": right_at(0.7),
    "fair": right_at(0.5),
}


@pytest.mark.parametrize("labels", [True, False])
def test_learnt_weights_know_the_strong_and_beat_a_majority(labels: bool) -> None:
    known, measured = polls(MIXED, 60), polls(MIXED, 300, seed=2)
    learnt = learn(known, labels=labels)
    strongest = sorted(learnt.weights, key=learnt.weight, reverse=True)[:2]
    assert set(strongest) == {"strong", "good"}
    assert accuracy(learnt, measured) > accuracy(None, measured) + 0.05


def test_learnt_weights_are_not_worse_than_the_best_voter_alone() -> None:
    crowd = {f"weak{number}": right_at(0.2) for number in range(20)} | {"strong": right_at(0.9)}
    known, measured = polls(crowd, 80), polls(crowd, 300, seed=2)
    alone = sum(Ballot("strong", poll.truth or "") in poll.ballots for poll in measured) / len(measured)
    assert accuracy(learn(known), measured) >= alone - 0.01


def test_the_next_best_decides_where_the_best_has_no_answer() -> None:
    crowd = MIXED | {"strong": lambda chance, truth: truth if chance.random() < 0.8 else None}
    learnt, measured = learn(polls(crowd, 80)), polls(crowd, 300, seed=2)
    silent = [poll for poll in measured if "strong" not in {ballot.voter for ballot in poll.ballots}]
    assert accuracy(learnt, silent) > 0.6


@pytest.mark.parametrize("labels", [True, False])
def test_fifteen_copies_of_a_weak_voter_share_one_vote(labels: bool) -> None:
    copies = [f"copy{number}" for number in range(15)]
    crowd = MIXED | {"copied": right_at(0.25)}
    alone, measured = learn(polls(crowd, 120), labels=labels), polls(crowd, 300, seed=2, copies=copies)
    learnt = learn(polls(crowd, 120, copies=copies), labels=labels)
    assert set(learnt.copies[0]) == {"copied", *copies}
    assert accuracy(learnt, measured) >= accuracy(alone, polls(crowd, 300, seed=2)) - 0.02
    assert accuracy(learnt, measured) > accuracy(None, measured) + 0.2


def test_strong_voters_that_agree_because_they_are_right_are_no_copies() -> None:
    crowd = {f"strong{number}": right_at(0.93) for number in range(3)} | MIXED
    assert learn(polls(crowd, 150)).copies == ()
    assert learn(polls(crowd, 150), labels=False).copies == ()


def test_a_crowd_that_always_says_the_same_does_not_lead_without_labels() -> None:
    crowd = MIXED | {f"letter{number}": constant("A") for number in range(20)}
    learnt, measured = learn(polls(crowd, 100), labels=False), polls(crowd, 300, seed=2)
    assert accuracy(learnt, measured) > accuracy(None, measured) + 0.2
    assert max(learnt.weight(f"letter{number}") for number in range(20)) < 0.01


def test_the_basis_tells_what_weights_rest_on() -> None:
    known = polls(MIXED, 40)
    assert learn(known).basis.endswith("of 40 labelled prompts")
    assert learn(known).labels == 40
    assert learn(known, labels=False).basis == "agreement of 40 unlabelled prompts"
    few = [
        msgspec.structs.replace(poll, truth=None) if index > 2 else poll for index, poll in enumerate(known)
    ]
    assert learn(few).basis == "agreement of 40 unlabelled prompts"


def test_records_count_what_was_right_and_asked_and_strengths_follow() -> None:
    known = polls(MIXED, 50)
    learnt = learn(known)
    right = sum(Ballot("strong", poll.truth or "") in poll.ballots for poll in known)
    assert learnt.records["strong"].right == right
    assert learnt.records["strong"].asked == 50
    assert learnt.strengths["strong"] == pytest.approx(right / 50, abs=0.06)


def test_answers_known_to_be_wrong_count_against_whoever_gave_them() -> None:
    known = polls(MIXED, 40)
    blamed = [
        msgspec.structs.replace(
            poll, truth=None, wrong=tuple(b.answer for b in poll.ballots if b.voter == "fair")
        )
        for poll in polls(MIXED, 20, seed=5)
    ]
    assert learn([*known, *blamed]).strengths["fair"] < learn(known).strengths["fair"]


def test_voters_never_seen_count_like_the_weak_half() -> None:
    learnt = learn(polls(MIXED, 80))
    assert 0 < learnt.weight("new") < learnt.weight("fair")
    assert learnt.strength("new") == learnt.unseen_strength


def test_published_strengths_help_where_labels_are_few() -> None:
    def published(voter: str) -> float | None:
        return {"strong": 0.9, "good": 0.8, "fair": 0.6}.get(voter, 0.2)

    known = polls({name: answers for name, answers in MIXED.items() if name != "good"}, 12)
    known = [msgspec.structs.replace(poll, asked=(*poll.asked, "late")) for poll in known]
    told = learn(known, prior=lambda voter: 0.85 if voter == "late" else published(voter))
    assert told.strengths["strong"] > learn(known).strengths["strong"]


def test_published_strengths_and_agreement_decide_together_where_there_are_no_labels() -> None:
    published = {"strong": 0.95, "good": 0.9, "fair": 0.6, "weak1": 0.2}.get
    learnt = learn(polls(MIXED, 12), prior=published, labels=False)
    assert learnt.basis == "agreement of 12 unlabelled prompts and published strengths"
    assert sorted(learnt.weights, key=learnt.weight)[-2:] == ["good", "strong"]


def test_learning_is_deterministic_and_weights_survive_json() -> None:
    learnt = learn(polls(MIXED, 60))
    assert learnt == learn(polls(MIXED, 60))
    assert msgspec.json.decode(msgspec.json.encode(learnt), type=TaskWeights) == learnt


def test_polls_of_several_tasks_are_refused() -> None:
    choice = polls(MIXED, 30)
    number = [msgspec.structs.replace(poll, task=Expect.NUMBER) for poll in polls(MIXED, 30, seed=3)]
    with pytest.raises(ValueError, match="one kind of task, not 2"):
        learn([*choice, *number])
    with pytest.raises(ValueError, match="not 0"):
        learn([])


def test_polls_without_any_answer_leave_one_vote_a_lineage() -> None:
    empty = [Poll(prompt="p", task=Expect.TEXT, asked=("a", "b"), ballots=(), truth="x")]
    assert learn(empty).basis == "one vote a lineage"
    assert learn(empty).weight("a") == 1.0


def test_too_few_unlabelled_prompts_leave_votes_nearly_even() -> None:
    learnt = learn(polls(MIXED, 3), labels=False)
    assert min(learnt.weights.values()) == pytest.approx(max(learnt.weights.values()))


@settings(deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 30), st.booleans())
def test_whatever_the_polls_weights_are_positive_and_strengths_probabilities(
    seed: int, voters: int, number: int, labels: bool
) -> None:
    chance = random.Random(seed)  # noqa: S311
    crowd: dict[str, Answers] = {
        f"v{index}": right_at(chance.random()) if chance.random() < 0.7 else lambda chance, truth: None
        for index in range(voters)
    }
    learnt = learn(polls(crowd, number, seed=seed), labels=labels)
    assert all(0 < weight <= 1 + 1e-6 for weight in learnt.weights.values())
    assert all(0 <= strength <= 1 for strength in learnt.strengths.values())
    assert learnt.unseen > 0


def claimed(learnt: TaskWeights, measured: Sequence[Poll]) -> float:
    """The mean confidence in the leading answers."""
    total = 0.0
    for poll in measured:
        tally = Tally(poll.asked, learnt)
        numbers: dict[str, int] = {}
        for ballot in poll.ballots:
            tally.add(ballot.voter, numbers.setdefault(ballot.answer, len(numbers)))
        assert tally.leader is not None
        total += tally.confidence(tally.leader) or 0.0
    return total / len(measured)


def test_confidence_learnt_from_labels_is_close_to_how_often_it_is_right() -> None:
    learnt, measured = learn(polls(MIXED, 150)), polls(MIXED, 400, seed=2)
    assert claimed(learnt, measured) == pytest.approx(accuracy(learnt, measured), abs=0.05)


@pytest.mark.parametrize(
    "few", [("fair", "weak1", "weak2"), ("weak1", "weak2", "weak3", "fair"), ("good", "fair", "weak1")]
)
def test_confidence_of_a_small_panel_is_close_to_how_often_it_is_right_too(few: tuple[str, ...]) -> None:
    learnt = learn(polls(MIXED, 200))
    measured = [
        msgspec.structs.replace(
            poll, asked=few, ballots=tuple(each for each in poll.ballots if each.voter in few)
        )
        for poll in polls(MIXED, 400, seed=2)
    ]
    assert claimed(learnt, measured) == pytest.approx(accuracy(learnt, measured), abs=0.1)


def guessing(number: int, *, seed: int = 1, worth: float = 0.1) -> list[Poll]:
    """Polls in which the strong voter marks two answers of three; its others are right at the rate `worth`.

    The voter "plain" never marks its answers.
    """
    chance = random.Random(seed)  # noqa: S311
    made = []
    for poll in polls(MIXED | {"plain": right_at(0.7)}, number, seed=seed):
        truth = poll.truth or ""
        unmarked = chance.random() < 1 / 3
        said = {
            "strong": Ballot("strong", right_at(worth if unmarked else 0.95)(chance, truth) or "", unmarked)
        }
        ballots = tuple(
            said.get(each.voter) or Ballot(each.voter, each.answer, guessed=each.voter == "plain")
            for each in poll.ballots
        )
        made.append(msgspec.structs.replace(poll, ballots=ballots))
    return made


def test_answers_that_texts_do_not_mark_count_less_where_they_are_seldom_right() -> None:
    learnt = learn(guessing(150))
    assert learnt.guess("strong") < 0.5
    assert learnt.guess("strong") < learnt.guess("plain")
    assert learnt.weight("strong") * learnt.guess("strong") < learnt.weight("good")
    assert learnt.guess("never seen") == learnt.unseen_guess < 1


def test_unmarked_answers_count_like_marked_ones_where_they_are_as_often_right() -> None:
    learnt = learn(guessing(150, worth=0.95))
    assert learnt.guess("strong") > 0.75


def test_a_voter_that_never_marks_its_answers_keeps_the_vote_that_its_strength_earns() -> None:
    learnt = learn(guessing(150))
    assert learnt.weight("plain") * learnt.guess("plain") == pytest.approx(learnt.weight("good"), rel=0.5)


def test_nobody_counts_less_where_all_answers_are_marked() -> None:
    learnt = learn(polls(MIXED, 60))
    assert learnt.guesses == {}
    assert learnt.guess("strong") == learnt.guess("never seen") == 1.0


def told(voter: str, *, right: bool, at: float = 0.0) -> Heard:
    return Heard(voter=voter, task=Expect.CHOICE, right=right, at=at)


def test_one_piece_of_feedback_moves_the_unknown_noticeably_and_the_known_a_little() -> None:
    learnt = Weights(tasks={Expect.CHOICE: learn(polls(MIXED, 300))})
    heeded = heed(learnt, [told("new", right=True), told("fair", right=True)], 0.0).of(Expect.CHOICE)
    before = learnt.of(Expect.CHOICE)
    assert heeded is not None
    assert before is not None
    assert (heeded.strength("new") or 0) - (before.strength("new") or 0) > 0.08
    assert 0 < (heeded.strength("fair") or 0) - (before.strength("fair") or 0) < 0.005
    assert heeded.weight("new") > before.weight("new")
    assert heeded.weight("fair") > before.weight("fair")
    assert heeded.basis.endswith("and feedback on 2 answers")


def test_feedback_counts_half_after_its_half_life() -> None:
    fresh = heed(Weights(), [told("m", right=True)], 0.0).of(Expect.CHOICE)
    old = heed(Weights(), [told("m", right=True)], HALF_LIFE).of(Expect.CHOICE)
    assert fresh is not None
    assert old is not None
    assert fresh.records["m"].asked == 1.0
    assert old.records["m"].asked == pytest.approx(0.5)
    assert fresh.weight("m") > old.weight("m") > old.weight("somebody else") == 1.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 1e9)), min_size=1, max_size=60))
def test_feedback_keeps_strengths_probabilities_and_weights_within_bounds(
    pieces: list[tuple[str, bool, float]],
) -> None:
    heard = [told(voter, right=right, at=at) for voter, right, at in pieces]
    heeded = heed(Weights(), heard, 1e9).of(Expect.CHOICE)
    assert heeded is not None
    assert all(0 < strength < 1 for strength in heeded.strengths.values())
    assert all(0 < weight <= 2 for weight in heeded.weights.values())


def recorded_polls(folder: Path, name: str, limit: int) -> list[Poll]:
    """Polls of a recorded set, made of the answers as they were read when it was recorded."""

    def rows(kind: str) -> list[dict[str, object]]:
        with (folder / name / f"{kind}.jsonl.zst").open("rb") as file:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf8")
            return [json.loads(line) for line in text]

    lineage = {row["model"]: str(row["canonical"]) for row in rows("models")}
    truth = {str(row["prompt_id"]): str(row["truth"]) for row in rows("prompts")}
    chosen = set(sorted(truth)[:limit])
    answers: dict[str, list[tuple[str, object]]] = {}
    for row in rows("responses"):
        if row["prompt_id"] in chosen:
            answers.setdefault(str(row["prompt_id"]), []).append((lineage[row["model"]], row["norm"]))
    return [
        Poll(
            prompt=prompt,
            task=Expect.CHOICE,
            asked=tuple({voter for voter, _ in said}),
            ballots=tuple(Ballot(voter, str(answer)) for voter, answer in said if answer is not None),
            truth=truth[prompt],
        )
        for prompt, said in sorted(answers.items())
    ]


def changed(weights: TaskWeights, poll: Poll, order: random.Random, risk: float) -> tuple[bool, float]:
    """Whether the leader changes after the vote was called likely, and the share of answers waited for."""
    coming = list(poll.ballots)
    order.shuffle(coming)
    tally, numbers = Tally(poll.asked, weights), dict[str, int]()
    stopped: tuple[int, int | None] | None = None
    for place, ballot in enumerate(coming, start=1):
        tally.add(ballot.voter, numbers.setdefault(ballot.answer, len(numbers)))
        if stopped is None:
            open_voters = [later.voter for later in coming[place:]]
            if tally.outlook(open_voters, risk=risk).state != "open":
                stopped = (place, tally.leader)
    assert stopped is not None
    return stopped[1] != tally.leader, stopped[0] / len(coming)


def test_a_likely_leader_changes_no_more_often_than_the_risk_allows() -> None:
    crowd = {f"m{number}": right_at(0.3 + 0.01 * number) for number in range(40)}
    learnt, order = learn(polls(crowd, 100)), random.Random(7)  # noqa: S311
    found = [changed(learnt, poll, order, 0.05) for poll in polls(crowd, 150, seed=2)]
    assert sum(flip for flip, _ in found) <= 0.05 * len(found)
    assert sum(share for _, share in found) / len(found) < 0.8


@pytest.mark.data
@pytest.mark.parametrize("labels", [True, False])
def test_on_recorded_answers_a_likely_leader_rarely_changes(recorded: Path, labels: bool) -> None:
    all_polls = recorded_polls(recorded, "lawbench_case", 120)
    learnt, order = learn(all_polls[::2], labels=labels), random.Random(7)  # noqa: S311
    measured = [poll for poll in all_polls[1::2] if poll.ballots]
    flips = [changed(learnt, poll, order, 0.05)[0] for poll in measured]
    assert sum(flips) <= 0.05 * len(flips)


@pytest.mark.data
def test_on_recorded_answers_agreement_beats_a_majority_and_labels_beat_agreement(recorded: Path) -> None:
    all_polls = recorded_polls(recorded, "lawbench_case", 250)
    known, measured = all_polls[::2], all_polls[1::2]
    majority = accuracy(None, measured)
    agreement = accuracy(learn(known, labels=False), measured)
    labelled = accuracy(learn(known), measured)
    assert majority + 0.03 < agreement < labelled
