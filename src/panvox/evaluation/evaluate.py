"""A set put to the test: learn on some prompts, decide the others, and tell what each decision was worth.

Nothing is learnt on what is measured. With another set to learn from, its prompts teach; without one, the
prompts fall into folds by a hash of their ids, and each fold is decided by what the others teach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from panvox.curation import Expect, Method, Rules
from panvox.curation.ballots import Poll
from panvox.curation.checks.constants import Constants
from panvox.curation.checks.injection import sign_of_injection
from panvox.curation.checks.quality import inspect
from panvox.curation.choice.centre import words as words_of
from panvox.curation.choice.choose import Candidate, candidate, labelled
from panvox.curation.curate import lineage_of
from panvox.curation.weights import Weights
from panvox.errors import UsageError
from panvox.evaluation import pools, scoring
from panvox.evaluation.datasets import Dataset, Question, Response, folds
from panvox.evaluation.judging import judged
from panvox.evaluation.learning import Lesson, ranked, weights_from, with_labels
from panvox.evaluation.published import published
from panvox.evaluation.trials import Progress, Stop, Trial, hear, rules_for, silent

FOLDS = 5
"""Parts of a set that teaches itself: each is decided by what the other four teach."""

_PLAIN = Rules(method=Method.MAJORITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a set is put to the test.

    `labels` is of how many prompts the right answers are learnt from, None for all, 0 for none. `expect` is
    the kind of answers, with None what the set records, with "prompt" what each prompt asks for. `score` is
    the kind of labels by which free texts are scored, None for none; then only texts that have one take part.
    """

    labels: int | None = None
    pool: pools.Pool = pools.ALL
    method: Method = Method.WEIGHTED
    expect: Expect | Literal["prompt"] | None = None
    seed: int = 0
    stop: Stop = "never"
    score: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided at a prompt.

    `answer` is the canonical form of the leading answer, None where none could be read, and for free texts;
    `model` is whose answer was picked. `confidence` is None where nothing can be said.
    """

    prompt_id: str
    answer: str | None
    confidence: float | None
    model: str | None
    answers_waited_for: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A line, and what it was worth; `grouping` is an adjusted Rand index."""

    line: Line
    asked: int
    single: str
    closed: scoring.Closed | None = None
    preferred: scoring.Preferred | None = None
    grouping: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What was learnt for some prompts: the weights, the order of the models, and who is asked."""

    weights: Weights
    ranked: Sequence[str]
    pool: frozenset[str]
    labels: int


def lessons_of(dataset: Dataset, plan: Plan, progress: Progress = silent) -> list[Lesson]:
    """What every prompt of a set teaches, heard with one vote a lineage and no strengths.

    Where texts have labels, these teach, and the texts need not be heard. A text that speaks to its judge
    teaches nothing, whatever its label; that a model is known to game the judge is not looked at.
    """
    score = plan.score or next(iter(dataset.prefers), None)
    found = []
    for number, question in enumerate(dataset.questions, 1):
        said = scoring.labelled(dataset.said_to(question), score, None)
        identities = {each.model: dataset.models[each.model].identity for each in said}
        voters = {model: lineage_of(member) for model, member in identities.items()}
        labels = scoring.scores(said, None, score)
        if labels:
            lesson = _of_labels(question, said, labels, voters, plan)
        else:
            heard = [(identities[each.model], each) for each in said]
            trial = hear(question, heard, rules_for(_PLAIN, question, plan.expect), seed=plan.seed)
            lesson = Lesson(poll=trial.poll(), scores=scoring.scores(said, trial, None), voters=voters)
        found.append(lesson)
        progress("learning", number, len(dataset.questions))
    return found


def _of_labels(
    question: Question,
    said: Sequence[Response],
    labels: Mapping[str, float],
    voters: Mapping[str, str],
    plan: Plan,
) -> Lesson:
    texts = [_text(question, each, voters[each.model]) for each in said if each.text]
    words = {each.name: each.words for each in texts}
    honest = {
        each.model: labels[each.model]
        for each in said
        if each.model in labels
        and not sign_of_injection(each.text or "", question.prompt, words.get(each.model))
    }
    return Lesson(
        poll=_silent_poll(question, voters, plan),
        scores=honest,
        voters=voters,
        texts=labelled(texts, honest),
    )


def _text(question: Question, said: Response, voter: str) -> Candidate:
    text = said.text or ""
    counted = words_of(text)
    quality = inspect(text, question=question.prompt, expect=Expect.TEXT, read=False, counted=counted)
    return candidate(said.model, text, voter=voter, quality=quality, counted=counted)


def _silent_poll(question: Question, voters: Mapping[str, str], plan: Plan) -> Poll:
    task = plan.expect if isinstance(plan.expect, Expect) else question.expect or Expect.TEXT
    return Poll(prompt=question.prompt_id, task=task, asked=tuple(voters.values()), ballots=())


def teach(dataset: Dataset, lessons: Sequence[Lesson], plan: Plan) -> Taught:
    """What `lessons` teach of the models of a set, as far as the plan lets them."""
    used = with_labels(lessons, plan.labels, seed=plan.seed)
    said = published(dataset.models, plan.score or "ae2")
    members = {model: lineage_of(each.identity) for model, each in dataset.models.items()}
    identities = {voter: dataset.models[model].identity for model, voter in members.items()}
    task = _main_task(dataset, lessons)

    def strength(voter: str, at: Expect = task) -> float | None:
        return said(identities[voter], at) if voter in identities else None

    order = ranked(used, _present(dataset, members, plan.score), strength)
    return Taught(
        weights=weights_from(used, strength),
        ranked=order,
        pool=pools.members(plan.pool, order, seed=plan.seed),
        labels=sum(lesson.labelled for lesson in used),
    )


def _main_task(dataset: Dataset, lessons: Sequence[Lesson]) -> Expect:
    tasks = [lesson.poll.task for lesson in lessons]
    tasks = tasks or [each.expect for each in dataset.questions if each.expect is not None]
    return max(set(tasks), key=tasks.count) if tasks else Expect.SHORT


def _present(dataset: Dataset, members: Mapping[str, str], score: str | None) -> dict[str, str]:
    """The models that take part, each with its voter: with labels, where picks are scored by labels."""
    if score is None:
        return dict(members)
    answers = (each for question in dataset.questions for each in dataset.said_to(question))
    there = {each.model for each in answers if each.label(score) is not None}
    return {model: voter for model, voter in members.items() if model in there}


def taught(
    dataset: Dataset, plan: Plan, *, learn_from: Dataset | None = None, progress: Progress = silent
) -> dict[str, Taught]:
    """By prompt, what it is decided by.

    Prompts that both sets have teach nothing. Raises `UsageError` where no other is left.
    """
    ids = [question.prompt_id for question in dataset.questions]
    if learn_from is not None:
        measured = {(question.prompt_id, question.prompt) for question in dataset.questions}
        others = {q.prompt_id for q in learn_from.questions if (q.prompt_id, q.prompt) not in measured}
        if not others:
            raise UsageError(
                f"all prompts of {learn_from.name} are measured as well, so that none is left to learn from; "
                "without --learn-from each part of a set is decided by what the other parts teach"
            )
        known = teach(dataset, lessons_of(learn_from.part(others), plan, progress), plan)
        return dict.fromkeys(ids, known)
    lessons = lessons_of(dataset, plan, progress)
    parts = folds(ids, min(FOLDS, len(ids)), seed=plan.seed)
    found: dict[str, Taught] = {}
    for part in parts:
        known = teach(dataset, [each for each in lessons if each.poll.prompt not in part], plan)
        found.update(dict.fromkeys(part, known))
    return found


def decide(
    dataset: Dataset, plan: Plan, known: Mapping[str, Taught], progress: Progress = silent
) -> Iterator[Decided]:
    """Each prompt of a set in turn, decided by what is `known` for it.

    Which model gives the same text to every prompt is noticed as a session would notice it: prompt by prompt.
    """
    constants = Constants()
    strength = published(dataset.models, plan.score or "ae2")
    for number, question in enumerate(dataset.questions, 1):
        by = known[question.prompt_id]
        rules = Rules(method=plan.method, weights=by.weights, strength=strength, constants=constants)
        yield _decided(dataset, question, by, rules, plan)
        progress("deciding", number, len(dataset.questions))


def _decided(dataset: Dataset, question: Question, by: Taught, rules: Rules, plan: Plan) -> Decided:
    said = scoring.labelled(dataset.said_to(question), plan.score, by.pool)
    heard = [(dataset.models[each.model].identity, each) for each in said]
    rules = rules_for(rules, question, plan.expect)
    trial = hear(question, heard, rules, seed=plan.seed, stop=plan.stop)
    if plan.method is Method.JUDGE:
        worth = scoring.scores(said, trial, plan.score)
        seed = f"{plan.seed}/{question.prompt_id}"
        trial = replace(
            trial,
            verdict=judged(trial.verdict, worth, seed=seed),
            full=judged(trial.full, worth, seed=seed),
        )
    order = [model for model in by.ranked if model in by.pool]
    pick = trial.verdict.best
    return Decided(
        line=line_of(trial),
        asked=len(said),
        single=next((model for model in order if not dataset.models[model].adversarial), order[0]),
        closed=scoring.closed(trial, order),
        preferred=scoring.preferred(said, pick, order, dataset, plan.score) if plan.score else None,
        grouping=scoring.grouping(trial, said),
    )


def line_of(trial: Trial) -> Line:
    """What is written of a prompt."""
    verdict, free = trial.verdict, trial.expect is Expect.TEXT
    return Line(
        prompt_id=trial.question.prompt_id,
        answer=verdict.leading.key or None if verdict.leading and not free else None,
        confidence=verdict.confidence,
        model=verdict.best,
        answers_waited_for=trial.waited,
    )
