"""What a whole set came to: shares with their intervals, calibration, grouping, and what was waited for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import msgspec

from panvox.evaluation.evaluate import Decided, Taught
from panvox.evaluation.metrics import Figure, calibration_error, difference, length_controlled, mean, share
from panvox.evaluation.scoring import Closed, Preferred


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The figures of an evaluation, each None where the set does not allow it.

    - `accuracy` by `panvox`, `majority`, `single`, `fallback` and `oracle` (see `Closed`), with Wilson's
      intervals; `labels` of free texts by `panvox`, `random`, `single` and `oracle` (see `Preferred`), with
      bootstraps over prompts, and `length_controlled` for two of them.
    - `gain` is by how much panvox exceeds the best single model on the same prompts (paired bootstrap).
    - `calibration_error` is the expected one in ten bins of equal mass, over prompts with a confidence.
    - `grouping` is the mean adjusted Rand index; `waited` the mean share of answers that were waited for, and
      `changed` how many answers would have been right had all been heard less those that were.
    - `simulated_judge` is the share of pairs in which a judge that knows the labels was right, None without.
    - `single` is the best single model, `basis` what was learnt for each kind of task.
    """

    prompts: int
    models: int
    single: str
    learnt_labels: int
    basis: dict[str, str] = {}
    accuracy: dict[str, Figure] = {}
    labels: dict[str, Figure] = {}
    length_controlled: dict[str, float] = {}
    gain: Figure | None = None
    calibration_error: float | None = None
    confident: int = 0
    grouping: float | None = None
    waited: float | None = None
    changed: int | None = None
    adversarial_picks: int | None = None
    simulated_judge: float | None = None


def report(
    decided: Sequence[Decided], known: Sequence[Taught], *, seed: int = 0, judge: float | None = None
) -> Report:
    """The figures of what was decided by what is `known`, with a simulated `judge` of that accuracy."""
    closed = [each.closed for each in decided if each.closed is not None]
    preferred = [each.preferred for each in decided if each.preferred is not None]
    sure = [each for each in decided if each.closed is not None and each.line.confidence is not None]
    grouped = [each.grouping for each in decided if each.grouping is not None]
    shares = [each.line.answers_waited_for / each.asked for each in decided if each.asked]
    return Report(
        prompts=len(decided),
        models=max((each.asked for each in decided), default=0),
        single=_usual(decided),
        learnt_labels=max((each.labels for each in known), default=0),
        basis={task.value: each.basis for by in known[:1] for task, each in by.weights.tasks.items()},
        accuracy=_accuracies(closed),
        labels=_labels(preferred, seed),
        length_controlled=_lengths(preferred),
        gain=_gain(closed, preferred, seed),
        calibration_error=_calibration(sure),
        confident=len(sure),
        grouping=fmean(grouped) if grouped else None,
        waited=fmean(shares) if shares else None,
        changed=sum(each.unstopped - each.ours for each in closed) if closed else None,
        simulated_judge=judge,
        adversarial_picks=sum(each.adversarial for each in preferred) if preferred else None,
    )


def _usual(decided: Sequence[Decided]) -> str:
    return Counter(each.single for each in decided).most_common(1)[0][0] if decided else ""


def _accuracies(scores: Sequence[Closed]) -> dict[str, Figure]:
    if not scores:
        return {}
    right = {
        "panvox": [each.ours for each in scores],
        "majority": [each.majority for each in scores],
        "single": [each.single for each in scores],
        "fallback": [each.fallback for each in scores],
        "oracle": [each.oracle for each in scores],
    }
    return {name: share(sum(each), len(each)) for name, each in right.items()}


def _labels(scores: Sequence[Preferred], seed: int) -> dict[str, Figure]:
    if not scores:
        return {}
    found = {
        "panvox": [each.ours for each in scores],
        "random": [each.random for each in scores],
        "single": [each.single for each in scores],
        "oracle": [each.oracle for each in scores],
    }
    return {name: mean(each, seed=seed) for name, each in found.items()}


def _lengths(scores: Sequence[Preferred]) -> dict[str, float]:
    if not scores:
        return {}
    baseline = [each.baseline_length for each in scores]
    ours = length_controlled([each.ours for each in scores], [each.length for each in scores], baseline)
    single = [each.single for each in scores]
    return {
        "panvox": ours,
        "single": length_controlled(single, [each.single_length for each in scores], baseline),
    }


def _gain(closed: Sequence[Closed], preferred: Sequence[Preferred], seed: int) -> Figure | None:
    pairs = [(float(each.ours), float(each.single)) for each in closed]
    pairs = pairs or [(each.ours, each.single) for each in preferred]
    if not pairs:
        return None
    return difference([ours for ours, _ in pairs], [single for _, single in pairs], seed=seed)


def _calibration(decided: Sequence[Decided]) -> float | None:
    pairs = [
        (each.line.confidence, each.closed.ours)
        for each in decided
        if each.line.confidence is not None and each.closed is not None
    ]
    return calibration_error([sure for sure, _ in pairs], [right for _, right in pairs]) if pairs else None
