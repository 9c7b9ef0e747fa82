"""Which answers are the best ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from panvox.curation.centre import centrality
from panvox.curation.quality import Quality
from panvox.curation.rules import Method

CENTRE_OF = 300
"""Free texts of which the centre is found at most, taken evenly: the centre of more moves little."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that could be the best.

    `weight` is what its group counts, None for a free text, of which no two are equal; `words` are those of
    its text as `panvox.curation.centre.words` counts them. `arrival` is in seconds since the turn began.
    """

    name: str
    lineage: str
    words: Mapping[str, int]
    quality: Quality
    weight: float | None = None
    arrival: float = 0.0


def rank(candidates: Sequence[Candidate], *, method: Method) -> tuple[str, ...]:
    """The names of all candidates, the best first.

    Where most are free texts, or the method is the medoid, the most central ones are best, else those of the
    largest group, the fastest first.
    """
    free = [each for each in candidates if each.weight is None]
    if len(candidates) >= 3 and (method is Method.MEDOID or 2 * len(free) > len(candidates)):
        pool = candidates if method is Method.MEDOID else free
        pool = pool[:: -(-len(pool) // CENTRE_OF)]
        scores = dict(
            zip((each.name for each in pool), centrality([each.words for each in pool]), strict=True)
        )
    else:
        scores = {}

    def place(each: Candidate) -> tuple[float, float, float]:
        return -scores.get(each.name, 0.0), -(each.weight or 0.0), each.arrival

    return tuple(each.name for each in sorted(candidates, key=place))
