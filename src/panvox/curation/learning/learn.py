"""What polls tell of those who answered them: strengths, weights, copies, and how sure a vote may be.

polls ─► table ─► copies ─┬─► labels enough:  strengths ─► curve ─► logit ─► the best by cross-validation
                          └─► else:           agreement ─► power
                                                                    └─► weights and calibration, as data
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from panvox.curation.ballots import Poll
from panvox.curation.expect import Expect
from panvox.curation.learning import agreement, logit, power
from panvox.curation.learning.calibration import learn_calibration
from panvox.curation.learning.copies import agreement as pairs
from panvox.curation.learning.copies import near_copies
from panvox.curation.learning.guesses import learn_guesses
from panvox.curation.learning.table import Bools, Floats, Ints, Table, tabulate
from panvox.curation.weights import (
    LEAST,
    PUBLISHED_EXPONENT,
    Power,
    Record,
    TaskWeights,
    nobody_knows,
)

FEWEST_LABELS = 8
"""Prompts with known truth from which on labels decide; with fewer, agreement does."""

FOLDS = 5

FEWEST_PUBLISHED = 4
"""Voters with labels and a published strength that a line through them needs."""

AGREEMENT = (4.0, agreement.EXPONENT)
"""Powers of agreement that are heeded beside labels: they add what few labels cannot tell."""

CORRELATED = 30.0
"""Prompts that none is worth in the correlation of being right: from fewer, chance alone gives one of 0.2."""

_RANGE = (0.02, 0.98)

_WORTHLESS = 1e-3
"""Log-odds of a vote where nobody's answers say anything about what is right."""

Prior = Callable[[str], float | None]
"""The published strength of a voter (0 to 1), None where nobody measured it."""


def learn(polls: Sequence[Poll], *, prior: Prior = nobody_knows, labels: bool = True) -> TaskWeights:
    """Weights for the kind of task that all `polls` have.

    `prior` tells a voter's published strength (0 to 1; nothing else is believed). With `labels` false, known
    truth is not looked at. Deterministic. Raises `ValueError` where there is no poll, or where polls are of
    several kinds.
    """
    prior = _believable(prior)
    tasks = {poll.task for poll in polls}
    if len(tasks) != 1:
        raise ValueError(f"learn needs polls of one kind of task, not {len(tasks)}")
    task = tasks.pop()
    if not labels:
        polls = [msgspec.structs.replace(poll, truth=None) for poll in polls]
    table = tabulate(polls)
    if not table.polls:
        return TaskWeights(task=task, basis="one vote a lineage", method="even")
    agreed = pairs(table)
    circle = near_copies(table, agreed)
    table = sharing(table, circle)
    reliable = agreement.reliabilities(table, agreed, circle)
    if table.labelled.sum() >= FEWEST_LABELS:
        return _from_labels(task, table, circle, hints(table, reliable, prior), prior)
    return _from_agreement(task, table, circle, reliable, prior)


def _believable(prior: Prior) -> Prior:
    """The same, None where it tells what is no probability."""

    def told(voter: str) -> float | None:
        strength = prior(voter)
        return strength if strength is not None and 0 <= strength <= 1 else None

    return told


def sharing(table: Table, circle: Ints) -> Table:
    """The table in which the voters of each circle that answered a poll share one vote."""
    if len(np.unique(circle)) == len(circle):
        return table
    heard = np.zeros((table.polls, len(circle)))
    for number in np.unique(circle):
        members = circle == number
        heard[:, members] = table.answered[:, members].sum(axis=1, keepdims=True)
    return replace(table, part=table.part / heard[table.poll[table.candidate], table.voter])


def hints(table: Table, reliable: Floats, prior: Prior) -> Floats:
    """Weights that agreement and published strengths propose, one row each, the highest 1."""
    rows = [(reliable / reliable.max()) ** exponent for exponent in AGREEMENT]
    published = told(table, prior)
    if published is not None:
        rows.append((published / published.max()) ** PUBLISHED_EXPONENT)
    return np.stack(rows)


def told(table: Table, prior: Prior) -> Floats | None:
    """The published strength of each voter, the unknown taken for the median; None where few are known."""
    known = [prior(name) for name in table.voters]
    values = [value for value in known if value is not None]
    if len(values) < FEWEST_PUBLISHED:
        return None
    usual = float(np.median(values))
    return np.maximum([usual if value is None else value for value in known], _RANGE[0])


def _from_agreement(task: Expect, table: Table, circle: Ints, reliable: Floats, prior: Prior) -> TaskWeights:
    """Weights from agreement; with published strengths, the geometric mean of both."""
    weights = (reliable / reliable.max()) ** agreement.EXPONENT
    published = told(table, prior)
    if published is not None:
        weights = np.sqrt(weights * published**PUBLISHED_EXPONENT)
        weights /= weights.max()
    found = agreement.agreeing(table, weights, circle)
    likeness = table.scores(weights)
    won = np.zeros_like(table.correct)
    np.add.at(
        won, (table.poll[table.candidate], table.voter), table.leaders(likeness)[table.candidate] * table.part
    )
    return TaskWeights(
        task=task,
        basis=f"agreement of {table.polls} unlabelled prompt{'s' * (table.polls > 1)}"
        + (" and published strengths" if published is not None else ""),
        method="agreement",
        weights=_named(table, np.maximum(weights, LEAST)),
        strengths=_named(table, found),
        unseen=_weak_half(weights),
        unseen_strength=_weak_half(found),
        copies=_circles(table, circle),
        correlation=_correlation(table, won, weights),
        polls=table.polls,
    )


@dataclass(frozen=True, slots=True)
class _Fit:
    """Strengths by labels, the factors of the curve, and weights in log-odds by name of method."""

    strength: Floats
    factors: Floats
    curve: Floats
    weights: dict[str, Floats]


def _fit(table: Table, prior: Floats, proposed: Floats) -> _Fit:
    strength, without = power.strengths(table, prior)
    factors, heeded = power.fit_curve(table, without, proposed)
    curve = power.along(factors, strength)
    together = curve + heeded @ proposed
    if together.max() < _WORTHLESS:
        together = np.full(len(strength), _WORTHLESS)
    weights = {"power": together, "best": _best_first(strength, together)}
    for pull, fitted in zip(logit.PULLS, logit.path(table, together), strict=True):
        weights[f"logit {pull:g}"] = fitted
    return _Fit(strength, factors, curve, weights)


def _best_first(strength: Floats, curve: Floats) -> Floats:
    """The best alone, and where it has no answer the next best; worth what the best is by the curve."""
    order = np.argsort(-strength, kind="stable")
    weights = np.zeros(len(strength))
    weights[order] = curve.max() * np.maximum(0.5 ** np.arange(len(order)), LEAST)
    return weights


def _from_labels(task: Expect, table: Table, circle: Ints, proposed: Floats, published: Prior) -> TaskWeights:
    prior = prior_means(table, published)
    fold = _folds(table)
    by_fold = {name: np.zeros((FOLDS, len(table.voters))) for name in _names()}
    for number in range(FOLDS):
        for name, weights in _fit(_only(table, fold != number), prior, proposed).weights.items():
            by_fold[name][number] = weights
    method = choose(table, {name: table.scores(weights[fold]) for name, weights in by_fold.items()})
    held_out = by_fold[method][fold]
    final = _fit(table, prior, proposed)
    return _described(task, table, circle, final, method, held_out)


def _names() -> tuple[str, ...]:
    return ("power", "best", *(f"logit {pull:g}" for pull in logit.PULLS))


def prior_means(table: Table, published: Prior) -> Floats:
    """What is expected of each voter's strength before its own labels count.

    The mean of all, moved along a straight line through published strengths, where there are some. The line
    is a ridge regression, pulled towards flat as if by one voter that departs as far as they do on average.
    """
    counted = table.counted
    asked = counted.sum(axis=0)
    right = np.where(counted, table.correct, 0.0).sum(axis=0)
    mean = float(right.sum() / max(asked.sum(), 1))
    told = np.array([np.nan if (value := published(name)) is None else value for name in table.voters])
    known = ~np.isnan(told) & (asked > 0)
    if known.sum() < FEWEST_PUBLISHED:
        return np.full(len(table.voters), np.clip(mean, *_RANGE))
    apart = np.where(np.isnan(told), 0.0, told - told[known].mean())
    rate = right[known] / asked[known]
    square = float((apart[known] ** 2).sum())
    slope = float((apart[known] * (rate - rate.mean())).sum()) / (square * (1 + 1 / known.sum()) + 1e-9)
    return np.asarray(np.clip(np.where(np.isnan(told), mean, rate.mean() + slope * apart), *_RANGE))


def _folds(table: Table) -> Ints:
    """For each poll the fold in which it is held out; unlabelled ones, which teach in none, have -1."""
    fold = np.full(table.polls, -1)
    polls = np.flatnonzero(table.labelled)
    fold[polls] = np.random.default_rng(0).permutation(len(polls)) % FOLDS
    return fold


def _only(table: Table, kept: Bools) -> Table:
    """The table in which only the labels of `kept` polls are known."""
    labelled = table.labelled & kept
    return replace(table, labelled=labelled, right=table.right & labelled[table.poll])


def choose(table: Table, held_out: dict[str, Floats]) -> str:
    """The name of the scores that predict best where they were held out.

    By likelihood, and the simplest within one standard error of the likeliest. The best alone, with stand-
    ins, is taken where it is right more often than that by more than two.
    """
    polls = table.labelled & table.solvable()
    losses = {name: _losses(table, scores)[polls] for name, scores in held_out.items() if name != "best"}
    likeliest = min(losses, key=lambda name: float(losses[name].sum()))
    chosen = likeliest
    for name, loss in losses.items():
        if _within_noise(loss - losses[likeliest]):
            chosen = name
            break
    more = (table.hits(held_out["best"]) - table.hits(held_out[chosen]))[table.labelled]
    return "best" if more.sum() > 0 and not _within_noise(more, errors=2) else chosen


def _losses(table: Table, scores: Floats) -> Floats:
    return -np.log(np.maximum(table.sums(table.posterior(scores) * table.right), 1e-6))


def _within_noise(differences: Floats, *, errors: float = 1) -> bool:
    """Whether the sum of paired differences is within so many standard errors of 0."""
    if not len(differences):
        return True
    noise = np.sqrt(len(differences)) * differences.std()
    return bool(abs(differences.sum()) <= errors * noise + 1e-12)


def _described(
    task: Expect, table: Table, circle: Ints, fit: _Fit, method: str, held_out: Floats
) -> TaskWeights:
    guesses = learn_guesses(table, held_out)
    log_odds = fit.weights[method] * guesses.gain
    unit = float(log_odds.max())
    weights = np.maximum(log_odds / unit, LEAST)
    labels = int(table.labelled.sum())
    counted = table.counted
    right = np.where(counted, table.correct, 0.0)
    curve = power.powers(fit.factors, float(fit.strength.max()), unit)
    return TaskWeights(
        task=task,
        basis=_sentence(method, fit, curve, labels),
        method=method.split(maxsplit=1)[0],
        weights=_named(table, weights),
        strengths=_named(table, fit.strength),
        records={
            name: Record(float(r), float(n))
            for name, r, n in zip(table.voters, right.sum(axis=0), counted.sum(axis=0), strict=True)
        },
        unseen=_weak_half(weights),
        unseen_strength=_weak_half(fit.strength),
        curve=curve,
        beyond=_named(table, (log_odds - fit.curve) / unit),
        guesses={name: part for name, part in _named(table, guesses.part).items() if part < 1},
        unseen_guess=float(f"{guesses.part.mean():.6g}"),
        copies=_circles(table, circle),
        correlation=_correlation(table, right, weights),
        calibration=learn_calibration(guesses.told(table), held_out * guesses.gain, fit.strength, scale=unit),
        labels=labels,
        polls=table.polls,
    )


def _sentence(method: str, fit: _Fit, curve: tuple[Power, ...], labels: int) -> str:
    if method == "best":
        return f"the best of {labels} labelled prompts, the next best where it has no answer"
    power_word = _power_word(fit, curve)
    if method == "power":
        return f"{power_word} of {labels} labelled prompts"
    return f"conditional logit of {labels} labelled prompts, around {power_word}"


def _power_word(fit: _Fit, curve: tuple[Power, ...]) -> str:
    """The one power that is as steep as the curve at the strongest, and agreement where it counts more."""
    high = float(fit.strength.max())
    parts = [(term.exponent, term.factor * high**term.exponent) for term in curve]
    from_strength = sum(part for _, part in parts)
    if 2 * float(fit.curve.max()) < float(fit.weights["power"].max()):
        return "agreement and accuracy"
    steep = sum(exponent * part for exponent, part in parts) / from_strength
    return f"accuracy^{steep:.1f}"


def _named(table: Table, values: Floats) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in zip(table.voters, values, strict=True)}


def _weak_half(values: Floats) -> float:
    """The mean of the lower half: what is expected of a voter of whom nothing is known."""
    return max(LEAST, float(np.sort(values)[: (len(values) + 1) // 2].mean()))


def _circles(table: Table, circle: Ints) -> tuple[tuple[str, ...], ...]:
    groups: dict[int, list[str]] = defaultdict(list)
    for name, number in zip(table.voters, circle.tolist(), strict=True):
        groups[number].append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _correlation(table: Table, right: Floats, weights: Floats) -> float:
    """The mean correlation of being right, over pairs of voters by the product of their weights.

    Shrunk towards none as if by `CORRELATED` prompts: on two prompts, all that differ seem to err alike.
    """
    centred = right - right.mean(axis=0)
    spread = centred.std(axis=0)
    use = spread > 1e-9
    if use.sum() < 2:
        return 0.0
    scaled = centred[:, use] / spread[use]
    correlations = scaled.T @ scaled / len(scaled)
    both = np.outer(weights[use], weights[use])
    np.fill_diagonal(both, 0.0)
    found = float(np.clip((correlations * both).sum() / max(both.sum(), 1e-12), 0.0, 1.0))
    return found * len(right) / (len(right) + CORRELATED)
