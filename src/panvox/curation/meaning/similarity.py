"""Vectors of texts and of words, and which are near: the numbers behind grouping by meaning.

Importing this imports numpy: import it late.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from panvox.curation.meaning.contradiction import alike_in_spelling
from panvox.protocols import Embedder

SYNONYM = 0.5
"""The cosine from which two words mean nearly the same.

In the shipped table "film" and "movie" have .84, "doctor" and "physician" .64; "virus" and "bacteria" .20,
"Monday" and "Tuesday" .38, "increase" and "decrease" .08.
"""

_WORDS = 20_000
"""Words whose vectors are kept; hostile texts must not fill the memory."""


class Rows:
    """Vectors of length 1 that become more; the nearest are found with one product."""

    def __init__(self) -> None:
        self._rows: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, vector: NDArray[np.float32]) -> int:
        """Keep a vector; its number, counted up from 0."""
        if self._count == len(self._rows):
            more = np.zeros((max(32, 2 * self._count), len(vector)), dtype=np.float32)
            if self._count:
                more[: self._count] = self._rows
            self._rows = more
        self._rows[self._count] = vector
        self._count += 1
        return self._count - 1

    def nearest(self, vector: NDArray[np.float32], *, most: int, least: float) -> list[tuple[int, float]]:
        """The numbers and cosines of the `most` nearest, the nearest first, as far as they have `least`."""
        if not self._count:
            return []
        cosines = self._rows[: self._count] @ vector
        order = np.argsort(-cosines, kind="stable")[:most]
        return [(int(at), float(cosines[at])) for at in order if cosines[at] >= least]


class Words:
    """Which words mean nearly the same, by an embedder (a cosine of `synonym`) and by their spelling."""

    def __init__(self, embedder: Embedder, *, synonym: float = SYNONYM) -> None:
        self._embedder = embedder
        self._synonym = synonym
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def pairs(self, ones: Collection[str], others: Collection[str]) -> Collection[tuple[str, str]]:
        """See `panvox.curation.meaning.contradiction.Pairs`."""
        near = np.argwhere(self._of(list(ones)) @ self._of(list(others)).T >= self._synonym)
        left, right = list(ones), list(others)
        return {*alike_in_spelling(ones, others), *((left[one], right[other]) for one, other in near)}

    def _of(self, words: Sequence[str]) -> NDArray[np.float32]:
        if len(self._vectors) > _WORDS:
            self._vectors.clear()
        unknown = [word for word in words if word not in self._vectors]
        if unknown:
            self._vectors.update(zip(unknown, self._embedder.embed(unknown), strict=True))
        return np.stack([self._vectors[word] for word in words])
