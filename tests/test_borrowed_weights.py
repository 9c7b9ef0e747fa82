"""What counts where little was learnt of those who answer: other kinds, published strengths, feedback."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation import Curator, Rules
from panvox.curation.ballots import Heard
from panvox.curation.choice.preferences import Preferences
from panvox.curation.expect import Expect
from panvox.curation.learning.feedback import heed
from panvox.curation.tally import Tally
from panvox.curation.weights import TaskWeights, Weights
from panvox.messages import Identity
from panvox.verdicts import Verdict
from tests.test_curation import outcome


def learnt(task: Expect, weights: dict[str, float], *, polls: int = 50, unseen: float = 0.1) -> TaskWeights:
    return TaskWeights(
        task=task, basis="learnt", weights=weights, strengths=weights, unseen=unseen, polls=polls
    )


MATHS = learnt(Expect.NUMBER, {"strong": 1.0, "weak1": 0.05, "weak2": 0.1})
CHOICES = learnt(Expect.CHOICE, {"strong": 0.8, "other": 0.4}, polls=90)
BOTH = Weights(tasks={Expect.NUMBER: MATHS, Expect.CHOICE: CHOICES})


def unpublished(voter: str) -> float | None:
    return None


def known(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 0.9)


def test_other_kinds_of_task_lend_the_mean_of_their_weights() -> None:
    lent = BOTH.pooled(Expect.LITERAL)
    assert lent is not None
    assert lent.weights == pytest.approx({"strong": 0.9, "weak1": 0.05, "weak2": 0.1, "other": 0.4})
    assert lent.strength("strong") == pytest.approx(0.9)
    assert (lent.task, lent.polls, lent.unseen) == (Expect.LITERAL, 140, 0.1)
    assert lent.basis == "what was learnt for choice, number"
    assert lent.calibration is None


def test_judges_of_texts_tell_nothing_of_who_is_right() -> None:
    texts = Weights(tasks={Expect.TEXT: learnt(Expect.TEXT, {"a": 1.0})})
    assert texts.pooled(Expect.NUMBER) is None
    assert Weights().pooled(Expect.NUMBER) is None
    assert BOTH.pooled(Expect.TEXT) is not None


@pytest.mark.parametrize(
    ("task", "voters", "published", "counts"),
    [
        (Expect.NUMBER, ["strong", "weak1"], known("strong", "weak1"), True),
        (Expect.NUMBER, ["strong", "new"], known("new"), True),
        (Expect.NUMBER, ["strong", "new1", "new2"], {}, True),
        (Expect.NUMBER, ["strong", "new1", "new2"], known("new1", "new2"), False),
        (Expect.NUMBER, ["strong", *"abcd"], {}, False),
        (Expect.NUMBER, list("abcd"), {}, False),
        (Expect.LITERAL, ["strong", "weak1", "new"], known("new"), True),
        (Expect.LITERAL, ["strong", "weak1", "new"], known("strong", "weak1"), False),
        (Expect.LITERAL, ["new"], {}, False),
    ],
)
def test_what_was_learnt_counts_where_it_names_enough_of_those_who_answer(
    task: Expect, voters: list[str], published: dict[str, float], *, counts: bool
) -> None:
    found = BOTH.among(task, voters, published.get)
    assert (found is not None) is counts


def said(answers: dict[str, str], rules: Rules) -> Verdict:
    members = [Identity(name=name, lineage=name) for name in answers]
    curator = Curator("How many?", members, rules)
    for name, text in answers.items():
        curator.add(outcome(name, text, lineage=name))
    return curator.verdict()


ANSWERS = {"strong": "The answer is 4.", "weak1": "The answer is 5.", "weak2": "The answer is 5."}


def test_a_kind_never_learnt_is_decided_by_what_others_tell() -> None:
    weights = Weights(tasks={Expect.CHOICE: learnt(Expect.CHOICE, MATHS.weights)})
    verdict = said(ANSWERS, Rules(expect=Expect.NUMBER, weights=weights))
    assert verdict.leading is not None
    assert verdict.leading.key == "4"
    assert verdict.basis == "what was learnt for choice"
    assert not verdict.calibrated


def test_weights_of_other_models_leave_it_to_published_strengths() -> None:
    told = {"strong": 0.9, "weak1": 0.3, "weak2": 0.3}
    weights = Weights(tasks={Expect.NUMBER: learnt(Expect.NUMBER, {"elsewhere": 1.0})})
    rules = Rules(
        expect=Expect.NUMBER, weights=weights, strength=lambda member, _: told.get(member.name or "")
    )
    verdict = said(ANSWERS, rules)
    assert verdict.leading is not None
    assert verdict.leading.key == "4"
    assert verdict.basis == "published strengths"
    alone = said(ANSWERS, Rules(expect=Expect.NUMBER, weights=weights))
    assert alone.leading is not None
    assert (alone.leading.key, alone.basis) == ("5", "one vote a lineage")


# --- feedback --------------------------------------------------------------------------------------


def told(voter: str, task: Expect, *, right: bool) -> Heard:
    return Heard(voter, task, right, 0.0)


def test_feedback_alone_moves_published_votes_and_does_not_replace_them() -> None:
    published = {"a": 0.9, "b": 0.3, "c": 0.3}
    heard = heed(Weights(), [told("a", Expect.NUMBER, right=False)], 0.0).of(Expect.NUMBER)
    before, after = Tally(published, strength=published.get), Tally(published, heard, strength=published.get)
    assert after.weight("b") == before.weight("b") < after.weight("a") < before.weight("a")
    assert after.basis == "published strengths and feedback on 1 answer"


def test_feedback_moves_what_other_kinds_lend() -> None:
    heeded = heed(BOTH, [told("strong", Expect.LITERAL, right=False)], 0.0)
    voters = ["strong", "weak1", "weak2"]
    before, after = (each.among(Expect.LITERAL, voters, unpublished) for each in (BOTH, heeded))
    assert before is not None
    assert after is not None
    assert after.weight("strong") < before.weight("strong")
    assert after.weight("weak1") == before.weight("weak1")


def test_feedback_on_texts_moves_the_strengths_that_picks_go_by() -> None:
    liked = Preferences(labels=50, strengths={"a": 0.7, "b": 0.6})
    texts = TaskWeights(task=Expect.TEXT, strengths=dict(liked.strengths), polls=50)
    before = Weights(tasks={Expect.TEXT: texts}, preferences=liked)
    after = heed(before, [told("a", Expect.TEXT, right=False)] * 3, 0.0).preferences
    assert after is not None
    assert after.strengths["a"] < 0.6 == after.strengths["b"]
    assert after.worth == liked.worth
    assert heed(before, [told("a", Expect.NUMBER, right=False)], 0.0).preferences == liked


# --- always ----------------------------------------------------------------------------------------

names = st.sampled_from("abcdef")
votes = st.dictionaries(names, st.floats(0.001, 1), max_size=6)


@given(votes, votes, st.lists(names, min_size=1, unique=True), st.dictionaries(names, st.floats(0.1, 1)))
def test_whatever_is_known_every_voter_has_a_vote(
    numbers: dict[str, float], choices: dict[str, float], asked: list[str], published: dict[str, float]
) -> None:
    weights = Weights(
        tasks={
            Expect.NUMBER: learnt(Expect.NUMBER, numbers),
            Expect.CHOICE: learnt(Expect.CHOICE, choices),
        }
    )
    for task in (Expect.NUMBER, Expect.DATE, Expect.TEXT):
        tally = Tally(asked, weights.among(task, asked, published.get), strength=published.get)
        assert all(weight > 0 for weight in _added(tally, asked))


def _added(tally: Tally, voters: Iterable[str]) -> list[float]:
    for group, voter in enumerate(voters):
        tally.add(voter, group)
    return [tally.counted(voter).weight for voter in voters]
