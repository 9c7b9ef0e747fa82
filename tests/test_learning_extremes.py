"""What is learnt of polls that say nothing, everything, or the same over and over: always finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest

from panvox.curation import Curator, Expect, Rules
from panvox.curation.ballots import Ballot, Poll
from panvox.curation.learning.learn import learn
from panvox.curation.weights import TaskWeights, Weights
from panvox.messages import Answer, Identity, Outcome, State

VOTERS = tuple(f"v{number}" for number in range(12))


def poll(number: int, ballots: Iterable[tuple[str, str]], truth: str | None) -> Poll:
    """A prompt with these answers; all voters were asked."""
    given = tuple(Ballot(voter, key) for voter, key in ballots)
    asked = tuple(dict.fromkeys((*VOTERS, *(each.voter for each in given))))
    return Poll(prompt=f"p{number}", task=Expect.NUMBER, asked=asked, ballots=given, truth=truth)


def many(ballots: Callable[[int], Iterable[tuple[str, str]]], *, known: bool = True) -> list[Poll]:
    """Sixty prompts, whose truth is their number."""
    return [poll(number, ballots(number), str(number) if known else None) for number in range(60)]


POLLS = {
    "one poll": [poll(0, [(voter, "1") for voter in VOTERS], "1")],
    "nobody answered": [poll(0, [], "1")],
    "all right": many(lambda n: [(voter, str(n)) for voter in VOTERS]),
    "all wrong": many(lambda n: [(voter, "x") for voter in VOTERS]),
    "all different": many(lambda n: [(voter, voter) for voter in VOTERS]),
    "one voter, right": many(lambda n: [("v", str(n))]),
    "one voter, wrong": many(lambda n: [("v", "x")]),
    "one voter, many answers": many(lambda n: [("v", str(n)), ("v", "x"), ("v", str(n)), ("w", "y")]),
    "one prompt over and over": [poll(0, [(voter, "1") for voter in VOTERS], "1")] * 60,
    "no truth": many(lambda n: [(voter, str(n % 3)) for voter in VOTERS], known=False),
    "empty answers": many(lambda n: [(voter, "") for voter in VOTERS]),
    "a huge pool": many(lambda n: [(f"m{m}", str(n * m % 5)) for m in range(800)]),
}
PRIORS = {"none": None, "not a number": math.nan, "infinite": math.inf, "negative": -3.0, "huge": 1e300}


def figures(known: TaskWeights) -> Iterator[float]:
    yield from (*known.weights.values(), *known.strengths.values(), *known.beyond.values())
    yield from (known.unseen, known.unseen_strength or 0.0, known.correlation)
    yield from (figure for term in known.curve for figure in (term.exponent, term.factor))
    if sure := known.calibration:
        yield from (sure.scale, sure.slope, sure.share, sure.lead, sure.shift, sure.none)


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("polls", POLLS.values(), ids=POLLS)
def test_whatever_is_learnt_is_finite_and_no_vote_is_negative(polls: Sequence[Poll], labels: bool) -> None:
    known = learn(polls, labels=labels)
    assert all(map(math.isfinite, figures(known)))
    assert all(weight >= 0 for weight in (*known.weights.values(), known.unseen))
    assert all(0 <= strength <= 1 for strength in known.strengths.values())
    confidence = decided(Rules(weights=Weights(tasks={Expect.NUMBER: known}), expect=Expect.NUMBER))
    assert confidence is None or 0 <= confidence <= 1


@pytest.mark.parametrize("told", PRIORS.values(), ids=PRIORS)
def test_published_strengths_that_are_no_probabilities_are_not_believed(told: float | None) -> None:
    polls = POLLS["all right"]
    assert learn(polls, prior=lambda _: told) == learn(polls)
    rules = Rules(expect=Expect.NUMBER, strength=lambda member, _: told if member.name == "v3" else 0.5)
    without = Rules(expect=Expect.NUMBER, strength=lambda member, _: None if member.name == "v3" else 0.5)
    assert decided(rules) == decided(without)


def decided(rules: Rules) -> float | None:
    """The confidence in four answers, of which two agree."""
    members = [Identity(name=name) for name in VOTERS[:4]]
    curator = Curator("What is 1 + 1?", members, rules)
    for member, said in zip(members, "2234", strict=True):
        answer = Answer(text=f"The answer is {said}.")
        curator.add(Outcome(member=member, state=State.ANSWERED, answer=answer))
    return curator.verdict().confidence
