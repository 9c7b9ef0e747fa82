"""What people or judges preferred, learnt: how strong each model is and what else tells a good text.

A text's worth is a sum: the log odds of its model's strength, how central it is among the strong answers,
its length beside theirs and beside what its model usually writes, and its layout. Without labels only the
first two count. Judges like long answers: `length_controlled` drops what was learnt of length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from panvox.curation.checks.factors import DEFAULTS, Factors, learn_factors
from panvox.curation.choice.style import Layout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRENGTH, CENTRALITY, LENGTH, HABIT, ITEMS, HEADINGS, CODE = FEATURES = (
    "strength",
    "centrality",
    "length",
    "habit",
    "items",
    "headings",
    "code",
)
_OF_LENGTH = frozenset({LENGTH, HABIT})

UNLABELLED = {STRENGTH: 1.0, CENTRALITY: 0.2}
"""Worth without labels: one standard deviation of centrality is a fifth of a logit of strength. So strength
decides where it differs, as in a mixed pool, and centrality where it does not."""

_SHRINK = 5.0
"""Labels that the prior of a model's strength is worth."""

_RIDGE = 1_000.0
"""Answers that the worth without labels is worth: ten at each of a hundred prompts. By cross-validation on
half of the recorded prompts, with 25, 60 and 160 of them labelled."""

_LEARN_ON = 10
"""Strongest answers of a prompt on which worth is learnt: it will choose among such."""

_ENOUGH = 20
"""Prompts with labels below which only strengths are learnt."""


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learnt, as data that people can read.

    `strengths` is the mean label of each voter, shrunk; `sizes` the usual logarithm of the length of its
    texts; `worth` how much one unit of each feature counts. `labels` is the number of prompts learnt
    from. `factors` is what makes a text look good at all.
    """

    basis: str = "published strengths"
    labels: int = 0
    strengths: dict[str, float] = {}
    sizes: dict[str, float] = {}
    worth: dict[str, float] = msgspec.field(default_factory=UNLABELLED.copy)
    factors: Factors = DEFAULTS

    def length_controlled(self) -> Preferences:
        """The same without regard to length."""
        worth = {name: value for name, value in self.worth.items() if name not in _OF_LENGTH}
        return msgspec.structs.replace(self, worth=worth, basis=f"{self.basis}, length-controlled")

    def features(
        self,
        voters: Sequence[str],
        strengths: Sequence[float],
        centrality: Sequence[float],
        layouts: Sequence[Layout],
    ) -> NDArray[np.float64]:
        """The features of answers that compete, one row each, in the order of `FEATURES`."""
        import numpy as np  # noqa: PLC0415 - start-up does without it

        sizes = np.array([layout.size for layout in layouts])
        usual = np.array([self.sizes.get(voter, math.nan) for voter in voters])
        habit = np.where(np.isnan(usual), np.nan, sizes - usual)
        habit = (
            np.nan_to_num(habit - np.nanmedian(habit)) if not np.isnan(habit).all() else np.zeros(len(sizes))
        )
        columns = [
            logits(strengths),
            _standard(np.asarray(centrality, dtype=float)),
            sizes - np.median(sizes),
            habit,
            _beside([layout.items for layout in layouts]),
            _beside([layout.headings for layout in layouts]),
            _beside([layout.blocks for layout in layouts]),
        ]
        return np.column_stack(columns)

    def worths(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """The worth of each row of features."""
        import numpy as np  # noqa: PLC0415 - start-up does without it

        worths: NDArray[np.float64] = features @ np.array([self.worth.get(name, 0.0) for name in FEATURES])
        return worths


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to one prompt with their labels: `label` 0 to 1, None where there is none.

    Sequences run over the answers. `centrality` is what `choose.centralities` tells of them given
    strengths; it is asked for the few that compete. `factors` are those of `checks.factors`, as far as known.
    """

    voters: tuple[str, ...]
    labels: tuple[float | None, ...]
    layouts: tuple[Layout, ...]
    centrality: Callable[[Sequence[int], Sequence[float]], Sequence[float]]
    factors: tuple[Mapping[str, float], ...] = ()


def logits(strengths: Sequence[float]) -> NDArray[np.float64]:
    """The log odds of strengths, kept between 0.005 and 0.995."""
    import numpy as np  # noqa: PLC0415 - start-up does without it

    kept = np.clip(np.asarray(strengths, dtype=float), 0.005, 0.995)
    odds: NDArray[np.float64] = np.log(kept / (1 - kept))
    return odds


def learn_preferences(
    examples: Sequence[Labelled], *, prior: Callable[[str], float | None] = lambda _: None
) -> Preferences:
    """Learn from labelled prompts.

    The strength of a voter is its mean label, drawn towards `prior` (the published strength; the mean of
    all where there is none) as if that were five labels. Worth is a ridge regression of the labels within
    each prompt among the ten strongest, with strengths that leave the prompt itself out (Hoerl & Kennard
    1970), drawn towards what counts without labels; below twenty prompts it stays as it is without labels.
    """
    sums, counts = _sums(examples)
    if not counts:
        return Preferences()
    mean = sum(sums.values()) / sum(counts.values())
    centre = {voter: mean if (known := prior(voter)) is None else known for voter in counts}
    learnt = Preferences(
        basis=f"labels of texts at {len(examples)} prompts",
        labels=len(examples),
        strengths={
            voter: round(_shrunk(sums[voter], counts[voter], centre[voter]), 4) for voter in sorted(counts)
        },
        sizes=_usual_sizes(examples),
        factors=_factors(examples),
    )
    if len(examples) < _ENOUGH:
        return learnt
    return msgspec.structs.replace(learnt, worth=_regress(examples, learnt, sums, counts, centre))


def _factors(examples: Sequence[Labelled]) -> Factors:
    rows = [
        (factors, label)
        for example in examples
        for factors, label in zip(example.factors, example.labels, strict=False)
        if label is not None
    ]
    return learn_factors([factors for factors, _ in rows], [label for _, label in rows])


def _sums(examples: Sequence[Labelled]) -> tuple[dict[str, float], dict[str, int]]:
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for example in examples:
        for voter, label in zip(example.voters, example.labels, strict=True):
            if label is not None:
                sums[voter] = sums.get(voter, 0.0) + label
                counts[voter] = counts.get(voter, 0) + 1
    return sums, counts


def _shrunk(total: float, count: int, centre: float) -> float:
    return (total + _SHRINK * centre) / (count + _SHRINK)


def _usual_sizes(examples: Sequence[Labelled]) -> dict[str, float]:
    sizes: dict[str, list[float]] = {}
    for example in examples:
        for voter, layout in zip(example.voters, example.layouts, strict=True):
            sizes.setdefault(voter, []).append(layout.size)
    return {voter: round(sum(seen) / len(seen), 3) for voter, seen in sorted(sizes.items()) if len(seen) > 4}


def _regress(
    examples: Sequence[Labelled],
    learnt: Preferences,
    sums: Mapping[str, float],
    counts: Mapping[str, int],
    centre: Mapping[str, float],
) -> dict[str, float]:
    import numpy as np  # noqa: PLC0415 - start-up does without it

    tables, targets, means = [], [], []
    for example in examples:
        marked = [(index, label) for index, label in enumerate(example.labels) if label is not None]
        marked.sort(key=lambda pair: -learnt.strengths[example.voters[pair[0]]])
        few = marked[:_LEARN_ON]
        if len(few) < 2:
            continue
        voters = [example.voters[index] for index, _ in few]
        labels = np.array([label for _, label in few])
        strengths = [
            _shrunk(sums[voter] - label, counts[voter] - 1, centre[voter])
            for voter, label in zip(voters, labels, strict=True)
        ]
        places = [index for index, _ in few]
        rows = learnt.features(
            voters,
            strengths,
            example.centrality(places, strengths),
            [example.layouts[index] for index in places],
        )
        tables.append(rows - rows.mean(axis=0))
        targets.append(labels - labels.mean())
        means.append(float(labels.mean()))
    if not tables:
        return dict(learnt.worth)
    table, target = np.vstack(tables), np.concatenate(targets)
    spread = table.std(axis=0)
    used = spread > 1e-9
    scaled = table[:, used] / spread[used]
    names = [name for name, use in zip(FEATURES, used, strict=True) if use]
    expected = (
        _slope(sum(means) / len(means))
        * np.array([UNLABELLED.get(name, 0.0) for name in names])
        * spread[used]
    )
    beyond = np.linalg.solve(
        scaled.T @ scaled + _RIDGE * np.eye(len(names)), scaled.T @ (target - scaled @ expected)
    )
    solved = (expected + beyond) / spread[used]
    return {name: round(float(value), 5) for name, value in zip(names, solved, strict=True)}


def _slope(mean: float) -> float:
    """How much a label changes with a logit of strength where its mean is so much."""
    return mean * (1 - mean)


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else values * 0.0


def _beside(counts: Sequence[int]) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - start-up does without it

    logs = np.log1p(np.asarray(counts, dtype=float))
    beside: NDArray[np.float64] = logs - np.median(logs)
    return beside
