"""What a set teaches: polls for weights, labelled texts for preferences, scores for the order of the models.

The learners are those of `panvox.curation`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import msgspec

from panvox.curation import Expect
from panvox.curation.ballots import Poll
from panvox.curation.choice.preferences import Labelled, Preferences, learn_preferences
from panvox.curation.learning.learn import Prior, learn
from panvox.curation.weights import LEAST, PUBLISHED_EXPONENT, Record, TaskWeights, Weights
from panvox.evaluation.datasets import hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A prompt to learn from.

    `scores` tells by model how good its answer was, where that is known: 1 or 0 for right or wrong, the label
    for a free text. `voters` tells whose weights each of these models has. `texts` are the texts that have
    labels, in the form that preferences are learnt from.
    """

    poll: Poll
    scores: Mapping[str, float]
    voters: Mapping[str, str]
    texts: Labelled | None = None

    @property
    def labelled(self) -> bool:
        """Whether anything is known of what was right."""
        return bool(self.scores)

    def unlabelled(self) -> Lesson:
        """The same, with what was right forgotten."""
        return replace(self, poll=msgspec.structs.replace(self.poll, truth=None), scores={}, texts=None)


def with_labels(lessons: Sequence[Lesson], count: int | None, *, seed: int) -> list[Lesson]:
    """The lessons with `count` of their labels, drawn by a hash of their prompts; all of them with None."""
    if count is None:
        return list(lessons)
    labelled = hashed((lesson.poll.prompt for lesson in lessons if lesson.labelled), seed=seed)
    kept = frozenset(labelled[:count])
    return [each if each.poll.prompt in kept else each.unlabelled() for each in lessons]


def weights_from(lessons: Iterable[Lesson], published: Callable[[str, Expect], float | None]) -> Weights:
    """What they teach, by kind of task; and of texts with labels, what tells a good one.

    `published` is the published strength of a voter at a kind of task (0 to 1), None where nobody knows.
    """

    def prior(task: Expect) -> Prior:
        return lambda voter: published(voter, task)

    by_task: dict[Expect, list[Lesson]] = defaultdict(list)
    for lesson in lessons:
        by_task[lesson.poll.task].append(lesson)
    found = {task: _of_task(each, prior(task)) for task, each in by_task.items()}
    tasks = {task: weights for task, weights in found.items() if weights is not None}
    texts = [
        (lesson, lesson.texts) for each in by_task.values() for lesson in each if lesson.texts is not None
    ]
    if not texts:
        return Weights(tasks=tasks)
    preferences = learn_preferences([labelled for _, labelled in texts], prior=prior(Expect.TEXT))
    votes = _votes_of_texts([lesson for lesson, _ in texts], preferences)
    return Weights(tasks={**tasks, Expect.TEXT: votes}, preferences=preferences)


def _of_task(lessons: Sequence[Lesson], prior: Prior) -> TaskWeights | None:
    """The weights of one kind of task; None where there is nothing that could be compared."""
    polls = [lesson.poll for lesson in lessons]
    if any(poll.truth is not None for poll in polls):
        return learn(polls, labels=True, prior=prior)
    if polls[0].task is not Expect.TEXT and any(poll.ballots for poll in polls):
        return learn(polls, labels=False, prior=prior)
    return None


def _votes_of_texts(lessons: Sequence[Lesson], preferences: Preferences) -> TaskWeights:
    """Votes of texts that mean the same: the strengths by labels, to the power that published ones have."""
    seen: dict[str, list[float]] = defaultdict(list)
    for lesson in lessons:
        for model, label in lesson.scores.items():
            seen[lesson.voters[model]].append(label)
    strengths = preferences.strengths
    weights = {voter: max(LEAST, each) ** PUBLISHED_EXPONENT for voter, each in strengths.items()}
    weak = sorted(strengths.values())[: (len(strengths) + 1) // 2]
    return TaskWeights(
        task=Expect.TEXT,
        basis=preferences.basis,
        method="labels",
        weights=weights,
        strengths=dict(strengths),
        records={voter: Record(sum(labels), len(labels)) for voter, labels in seen.items()},
        unseen=max(LEAST, fmean(weak)) ** PUBLISHED_EXPONENT if weak else 1.0,
        unseen_strength=fmean(weak) if weak else None,
        labels=preferences.labels,
        polls=preferences.labels,
    )


def ranked(lessons: Sequence[Lesson], models: Mapping[str, str], prior: Prior) -> list[str]:
    """`models` (each with its voter), the strongest first.

    By their scores where there are any (those of the same weights under another name will do), else by
    published strength, else by how often others agree with them. Those of whom nothing is known come last,
    in the order in which they were given.
    """
    by_score, by_weights = _by_scores(lessons)
    strength = {
        model: value
        for model, voter in models.items()
        if (value := by_score.get(model, by_weights.get(voter))) is not None
    }
    if not strength:
        said = {model: prior(voter) for model, voter in models.items()}
        strength = {model: value for model, value in said.items() if value is not None}
    if not strength:
        agreed = _agreements(lessons)
        strength = {model: agreed[voter] for model, voter in models.items() if voter in agreed}
    return sorted(models, key=lambda model: -strength.get(model, float("-inf")))


def _by_scores(lessons: Sequence[Lesson]) -> tuple[dict[str, float], dict[str, float]]:
    """The mean scores by model, and by voter, drawn in."""
    models: dict[str, list[float]] = defaultdict(list)
    voters: dict[str, list[float]] = defaultdict(list)
    for lesson in lessons:
        for model, score in lesson.scores.items():
            models[model].append(score)
            voters[lesson.voters[model]].append(score)
    return _drawn_in(models), _drawn_in(voters)


def _agreements(lessons: Sequence[Lesson]) -> dict[str, float]:
    """By voter, how often others agree with it on average."""
    found: dict[str, list[float]] = defaultdict(list)
    for lesson in lessons:
        for voter, score in _agreement(lesson.poll).items():
            found[voter].append(score)
    return {voter: fmean(scores) for voter, scores in found.items()}


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


def _drawn_in(seen: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Means, drawn towards the mean of all by two prompts' worth."""
    if not seen:
        return {}
    middle = fmean(fmean(scores) for scores in seen.values())
    return {name: (sum(scores) + 2 * middle) / (len(scores) + 2) for name, scores in seen.items()}
