"""The most central of free texts: the one whose words the others use most.

Cosines between bags of words, weighted by inverse document frequency; the mean over all others is how
central a text is (a medoid; minimum Bayes risk with the cosine as the gain, Kumar & Byrne 2004). On the
recorded AlpacaEval answers bigrams, stems and word sets pick no better. A text that is not about the
question, or the same for every question, is the least central.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, count
from operator import add

EXCERPT = 2_000
"""Characters of a text that count; answers say what they are about early."""

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def words(text: str) -> Counter[str]:
    """The words of a text and how often each occurs; pairs of characters where words are not spaced."""
    excerpt = text[:EXCERPT].casefold()
    counts = Counter(_WORD.findall(excerpt))
    if excerpt.isascii():
        return counts
    runs = _UNSPACED.findall(excerpt)
    for run in runs:
        counts.pop(run, None)
    counts.update(chain.from_iterable(map(add, run, run[1:]) if len(run) > 1 else (run,) for run in runs))
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
    """Texts, added as they land, and how central each of them is."""

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = defaultdict(count().__next__)
        self._columns: list[array[int]] = []
        self._counts: list[array[int]] = []

    def __len__(self) -> int:
        return len(self._columns)

    def add(self, text: Mapping[str, int]) -> int:
        """Take a text, as counted by `words`; its index."""
        self._columns.append(array("I", map(self._vocabulary.__getitem__, text)))
        self._counts.append(array("I", text.values()))
        return len(self._columns) - 1

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
        columns = np.concatenate([np.asarray(self._columns[index]) for index in picked]).astype(np.intp)
        rows = np.repeat(np.arange(len(sizes)), sizes)
        frequency = np.bincount(columns, minlength=len(self._vocabulary))
        counts = np.concatenate([np.asarray(self._counts[index]) for index in picked])
        values = np.log1p(np.arange(counts.max() + 1))[counts]
        values *= np.log1p(len(sizes) / np.maximum(frequency, 1))[columns]
        norms = np.sqrt(np.bincount(rows, values * values, minlength=len(sizes)))
        values /= np.where(norms > 0, norms, 1.0)[rows]
        total = np.bincount(columns, values * given[rows], minlength=len(self._vocabulary))
        own = np.where(norms > 0, given, 0.0)
        near = np.bincount(rows, values * total[columns], minlength=len(sizes)) - own
        rest = given.sum() - given
        mean = np.divide(near, rest, out=np.zeros(len(sizes)), where=rest > 1e-12)
        return [float(value) for value in np.clip(mean.round(12), 0.0, 1.0)]
