"""What a set teaches: polls for the weights, scores for the order of the models.

Polls go to the learner of `panvox.curation`; what labels say of free texts is counted here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import msgspec

from panvox.curation import Expect
from panvox.curation.ballots import Poll
from panvox.curation.learn import learn
from panvox.curation.weights import Record, TaskWeights, Weights
from panvox.evaluation.datasets import hashed

SHARPNESS = 4
"""The power to which strengths are raised: accuracies lie close together, and twice as many wrong answers
are more than half as good."""

Prior = Callable[[str], float | None]
"""The published strength of a voter (0 to 1), None where nobody measured it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A prompt to learn from.

    `scores` tells by model how good its answer was, where that is known: 1 or 0 for right or wrong, the label
    for a free text. `voters` tells whose weights each of these models has.
    """

    poll: Poll
    scores: Mapping[str, float]
    voters: Mapping[str, str]

    @property
    def labelled(self) -> bool:
        """Whether anything is known of what was right."""
        return bool(self.scores)

    def unlabelled(self) -> Lesson:
        """The same, with what was right forgotten."""
        return replace(self, poll=msgspec.structs.replace(self.poll, truth=None), scores={})


def with_labels(lessons: Sequence[Lesson], count: int | None, *, seed: int) -> list[Lesson]:
    """The lessons with `count` of their labels, drawn by a hash of their prompts; all of them with None."""
    if count is None:
        return list(lessons)
    labelled = hashed((lesson.poll.prompt for lesson in lessons if lesson.labelled), seed=seed)
    kept = frozenset(labelled[:count])
    return [each if each.poll.prompt in kept else each.unlabelled() for each in lessons]


def weights_from(lessons: Iterable[Lesson], prior: Prior) -> Weights:
    """What they teach, by kind of task."""
    by_task: dict[Expect, list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        by_task[lesson.poll.task].append(lesson)
    found = {task: _of_task(task, each, prior) for task, each in by_task.items()}
    return Weights(tasks={task: weights for task, weights in found.items() if weights is not None})


def _of_task(task: Expect, lessons: Sequence[Lesson], prior: Prior) -> TaskWeights | None:
    polls = [lesson.poll for lesson in lessons]
    if any(poll.truth is not None for poll in polls):
        return learn(polls, labels=True, prior=prior)
    preferred = [lesson for lesson in lessons if lesson.labelled]
    if preferred:
        return from_preferences(task, preferred)
    if task is not Expect.TEXT and any(poll.ballots for poll in polls):
        return learn(polls, labels=False, prior=prior)
    return None


def from_preferences(task: Expect, lessons: Sequence[Lesson]) -> TaskWeights:
    """Weights for free texts: the mean label of each voter's texts, to the same power."""
    seen: dict[str, list[float]] = defaultdict(list)
    for lesson in lessons:
        for model, label in lesson.scores.items():
            seen[lesson.voters[model]].append(label)
    basis = f"labels of texts at {len(lessons)} prompts"
    count = len(lessons)
    return _weighed(task, seen, _unknown, method="labels", basis=basis, labels=count, polls=count)


def _weighed(
    task: Expect,
    seen: Mapping[str, Sequence[float]],
    prior: Prior,
    *,
    method: str,
    basis: str,
    labels: int,
    polls: int,
) -> TaskWeights:
    strengths = _drawn_in(seen, prior)
    return TaskWeights(
        task=task,
        basis=basis,
        method=method,
        weights={voter: max(0.01, strength) ** SHARPNESS for voter, strength in strengths.items()},
        strengths=strengths,
        records={voter: Record(sum(scores), len(scores)) for voter, scores in seen.items()},
        labels=labels,
        polls=polls,
    )


def _unknown(voter: str) -> float | None:
    """The published strength of nobody."""
    return None


def ranked(lessons: Sequence[Lesson], models: Mapping[str, str], prior: Prior) -> list[str]:
    """`models` (each with its voter), the strongest first.

    By their scores where there are any, else by published strength, else by how often others agree with
    them; those of whom nothing is known come last, in the order in which they were given.
    """
    seen: dict[str, list[float]] = defaultdict(list)
    for lesson in lessons:
        for model, score in lesson.scores.items():
            seen[model].append(score)
    strength: Mapping[str, float] = _drawn_in(seen, _unknown)
    if not strength:
        said = {model: prior(voter) for model, voter in models.items()}
        strength = {model: value for model, value in said.items() if value is not None}
    if not strength:
        agreement: dict[str, list[float]] = defaultdict(list)
        for lesson in lessons:
            for voter, score in _agreement(lesson.poll).items():
                agreement[voter].append(score)
        strength = {model: fmean(agreement[voter]) for model, voter in models.items() if voter in agreement}
    return sorted(models, key=lambda model: -strength.get(model, float("-inf")))


def _agreement(poll: Poll) -> dict[str, float]:
    """By voter, the share of the others that gave its answer."""
    ballots = _ballots(poll)
    support: dict[str, float] = defaultdict(float)
    for answers in ballots.values():
        for answer in answers:
            support[answer] += 1 / len(answers)
    others = max(1, len(set(poll.asked)) - 1)
    return {
        voter: fmean(max(0.0, support[answer] - 1) for answer in ballots[voter]) / others
        if voter in ballots
        else 0.0
        for voter in poll.asked
    }


def _ballots(poll: Poll) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for ballot in poll.ballots:
        found[ballot.voter].append(ballot.answer)
    return dict(found)


def _drawn_in(seen: Mapping[str, Sequence[float]], prior: Prior) -> dict[str, float]:
    """Means, drawn towards the prior, else the mean of all, by two prompts' worth."""
    if not seen:
        return {}
    middle = fmean(fmean(scores) for scores in seen.values())
    drawn = {}
    for name, scores in seen.items():
        known = prior(name)
        drawn[name] = (sum(scores) + 2 * (middle if known is None else known)) / (len(scores) + 2)
    return drawn
