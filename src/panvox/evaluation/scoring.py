"""What a decision was worth at one prompt, beside what simpler ones would have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from panvox.evaluation.datasets import Dataset, Response
from panvox.evaluation.metrics import adjusted_rand
from panvox.evaluation.trials import Trial
from panvox.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Whether each was right where there is one right answer.

    `unstopped` is ours after all answers; `majority` gives each answer one vote; `single` is the model that
    was best where it was learnt, `fallback` the next best that answered; `oracle` is right where anybody is.
    """

    ours: bool
    unstopped: bool
    majority: bool
    single: bool
    fallback: bool
    oracle: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """The labels of the texts that each would have picked, and their lengths in characters.

    `single` and `random` leave out models that game the judge; a pick of such a model is `adversarial` and
    counts 0. `baseline_length` is that of the text which labels compare with.
    """

    ours: float
    random: float
    single: float
    oracle: float
    length: int
    single_length: int
    baseline_length: int
    adversarial: bool


def closed(trial: Trial, ranked: Sequence[str]) -> Closed | None:
    """The score of a prompt; None where the right answer is not known. `ranked`: the strongest first."""
    truth = trial.truth
    if truth is None:
        return None
    keys = trial.keys
    votes = Counter(keys.values()).most_common(1)
    there = {member.name for member in trial.asked}
    single = next((model for model in ranked if model in there), None)
    fallback = next((model for model in ranked if model in keys), None)
    return Closed(
        ours=_leads(trial.verdict, truth),
        unstopped=_leads(trial.full, truth),
        majority=bool(votes) and votes[0][0] == truth,
        single=single is not None and keys.get(single) == truth,
        fallback=fallback is not None and keys[fallback] == truth,
        oracle=truth in keys.values(),
    )


def _leads(verdict: Verdict, truth: str) -> bool:
    return verdict.leading is not None and verdict.leading.key == truth


def preferred(
    said: Sequence[Response], pick: str | None, ranked: Sequence[str], dataset: Dataset, kind: str
) -> Preferred | None:
    """The score of a pick among `said`, by labels of `kind`; None where nobody has one.

    Nothing picked counts 0.
    """
    labels = {each.model: label for each in said if (label := each.label(kind)) is not None}
    fair = {model: label for model, label in labels.items() if not dataset.models[model].adversarial}
    if not fair:
        return None
    lengths = {each.model: each.length for each in said}
    single = next((model for model in ranked if model in fair), None) or next(iter(fair))
    return Preferred(
        ours=fair.get(pick or "", 0.0),
        random=fmean(fair.values()),
        single=fair[single],
        oracle=max(fair.values()),
        length=lengths.get(pick or "", 0),
        single_length=lengths[single],
        baseline_length=baseline_length(said, dataset, kind),
        adversarial=pick is not None and pick in dataset.models and dataset.models[pick].adversarial,
    )


def baseline_length(said: Sequence[Response], dataset: Dataset, kind: str) -> int:
    """The length of the text that labels of `kind` compare with, else the median of all."""
    for response in dataset.responses.get(said[0].prompt_id, ()):
        if dataset.models[response.model].baseline_of == kind:
            return response.length
    return round(median(each.length for each in said))


def grouping(trial: Trial, said: Sequence[Response]) -> float | None:
    """The adjusted Rand index of our groups against those of the set, over the answers that it could read.

    None where fewer than two could be compared.
    """
    norms = {each.model: each.norm for each in said if each.norm is not None}
    if len(norms) < 2:
        return None
    places = {model: str(place) for place, group in enumerate(trial.full.groups) for model in group.members}
    return adjusted_rand([places.get(model, f"~{model}") for model in norms], list(norms.values()))


def scores(said: Sequence[Response], trial: Trial | None, kind: str | None) -> Mapping[str, float]:
    """By model, how good its answer was, as far as is known: by its label of `kind`, else by the truth."""
    if kind is not None:
        labels = {each.model: each.label(kind) for each in said}
        found = {model: label for model, label in labels.items() if label is not None}
        if found:
            return found
    if trial is None or trial.truth is None:
        return {}
    return {member.name: float(trial.keys.get(member.name) == trial.truth) for member in trial.asked}


def labelled(said: Sequence[Response], kind: str | None, pool: Container[str] | None) -> list[Response]:
    """Those that are asked: of the pool, and with a label where picks are scored by labels of `kind`."""
    asked = [each for each in said if pool is None or each.model in pool]
    return asked if kind is None else [each for each in asked if each.label(kind) is not None]
