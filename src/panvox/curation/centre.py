"""The most central of free texts: the one whose words the others use most.

Bag-of-words cosine to the sum of all texts, weighted by inverse document frequency. On the recorded
AlpacaEval answers word vectors of this kind pick a centre no worse than embeddings do; a text that is not
about the question, or the same for every question, is the least central.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

EXCERPT = 2_000
"""Characters of a text that count; answers say what they are about early."""

_WORD = re.compile(r"\w+")


def words(text: str) -> Counter[str]:
    """The words of a text and how often each occurs."""
    return Counter(_WORD.findall(text[:EXCERPT].casefold()))


def most_central(texts: Sequence[Mapping[str, int]]) -> int:
    """The index of the most central of `texts` (as counted by `words`); the first of equals.

    Raises `ValueError` for an empty sequence.
    """
    if not texts:
        raise ValueError("there is no centre of nothing")
    scores = centrality(texts)
    return max(range(len(scores)), key=scores.__getitem__)


def centrality(texts: Sequence[Mapping[str, int]]) -> list[float]:
    """How much each of `texts` has in common with all the others together."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(text.keys())
    weight = {word: math.log(1 + len(texts) / count) for word, count in seen.items()}
    vectors = [_unit({word: math.log1p(n) * weight[word] for word, n in text.items()}) for text in texts]
    total: dict[str, float] = {}
    for vector in vectors:
        for word, value in vector.items():
            total[word] = total.get(word, 0.0) + value
    return [sum(value * (total[word] - value) for word, value in vector.items()) for vector in vectors]


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {word: value / length for word, value in vector.items()} if length else vector
