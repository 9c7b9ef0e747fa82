"""The most central of free texts: the one whose words the others use most.

Cosines between bags of words, weighted by inverse document frequency; the mean over all others is how
central a text is (a medoid; minimum Bayes risk with the cosine as the gain, Kumar & Byrne 2004). On the
recorded AlpacaEval answers bigrams, stems and word sets pick no better. A text that is not about the
question, or the same for every question, is the least central.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence

EXCERPT = 2_000
"""Characters of a text that count; answers say what they are about early."""

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LOGS = tuple(math.log1p(n) for n in range(64))


def words(text: str) -> Counter[str]:
    """The words of a text and how often each occurs; pairs of characters where words are not spaced."""
    excerpt = text[:EXCERPT].casefold()
    counts = Counter(_WORD.findall(excerpt))
    if excerpt.isascii():
        return counts
    for run in _UNSPACED.findall(excerpt):
        counts.pop(run, None)
        counts.update(run[n : n + 2] for n in range(max(1, len(run) - 1)))
    return counts


def most_central(texts: Sequence[Mapping[str, int]]) -> int:
    """The index of the most central of `texts` (as counted by `words`); the first of equals.

    Raises `ValueError` for an empty sequence.
    """
    if not texts:
        raise ValueError("there is no centre of nothing")
    centre = Centre()
    for text in texts:
        centre.add(text)
    scores = centre.scores()
    return max(range(len(scores)), key=scores.__getitem__)


class Centre:
    """Texts, added as they land, and how central each of them is.

    `nearness` costs as much as the text has words, whatever the number of texts; `scores` is exact.
    """

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = {}
        self._columns: list[array[int]] = []
        self._values: list[array[float]] = []
        self._total: list[float] = []

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, text: Mapping[str, int]) -> int:
        """Take a text, as counted by `words`; its index."""
        vocabulary, total = self._vocabulary, self._total
        columns = array("l", [vocabulary.setdefault(word, len(vocabulary)) for word in text])
        raw = [_LOGS[n] if n < len(_LOGS) else math.log1p(n) for n in text.values()]
        length = math.sqrt(sum(value * value for value in raw)) or 1.0
        values = array("d", [value / length for value in raw])
        total.extend([0.0] * (len(vocabulary) - len(total)))
        for column, value in zip(columns, values, strict=True):
            total[column] += value
        self._columns.append(columns)
        self._values.append(values)
        return len(self._columns) - 1

    def nearness(self, index: int) -> float:
        """The mean cosine of a text to all others so far, however rare their words; 0 if it is alone."""
        others = len(self._columns) - 1
        if others < 1:
            return 0.0
        total = self._total
        pairs = zip(self._columns[index], self._values[index], strict=True)
        return sum(value * (total[column] - value) for column, value in pairs) / others

    def scores(
        self, chosen: Sequence[int] | None = None, weights: Sequence[float] | None = None
    ) -> list[float]:
        """How central each of the `chosen` texts (all by default) is among them, 0 to 1, in their order.

        The mean cosine to the others, each counted by its weight; words count by how rare they are among the
        chosen.
        """
        import numpy as np  # noqa: PLC0415 - start-up does without it

        picked = range(len(self._columns)) if chosen is None else chosen
        sizes = np.array([len(self._columns[index]) for index in picked])
        given = np.ones(len(sizes)) if weights is None else np.asarray(weights, dtype=float)
        if len(sizes) < 2 or not sizes.any():
            return [0.0] * len(sizes)
        columns = np.concatenate([np.asarray(self._columns[index]) for index in picked])
        rows = np.repeat(np.arange(len(sizes)), sizes)
        frequency = np.bincount(columns, minlength=len(self._vocabulary))
        values = np.concatenate([np.asarray(self._values[index]) for index in picked])
        values = values * np.log1p(len(sizes) / frequency[columns])
        norms = np.sqrt(np.bincount(rows, values * values, minlength=len(sizes)))
        values /= np.where(norms > 0, norms, 1.0)[rows]
        total = np.bincount(columns, values * given[rows], minlength=len(self._vocabulary))
        own = np.where(norms > 0, given, 0.0)
        near = np.bincount(rows, values * total[columns], minlength=len(sizes)) - own
        rest = given.sum() - given
        mean = np.divide(near, rest, out=np.zeros(len(sizes)), where=rest > 1e-12)
        return [float(value) for value in np.clip(mean.round(12), 0.0, 1.0)]
