"""Texts as counts of their words and of parts of words: what is left where no table is installed.

Words are hashed to places of the vector (the hashing trick, Weinberger et al. 2009); parts of three letters
bring forms of one word together. It knows no synonyms.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from panvox.embedding.lengths import of_unit_length

if TYPE_CHECKING:  # loaded with the first text
    import numpy as np
    from numpy.typing import NDArray

EXCERPT = 2_000
"""Characters of a text that count."""

SIZE = 512
"""Numbers of a vector."""

_WORD = re.compile(r"\w+")


class HashedEmbedder:
    """An `Embedder` that needs nothing."""

    name = "hashed/512"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`; the first `EXCERPT` characters of a text count."""
        import numpy as np  # noqa: PLC0415 - a tenth of a second, needed only here

        vectors = np.zeros((len(texts), SIZE), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for part, count in Counter(_parts(text)).items():
                place = crc32(part.encode(errors="replace"))
                vector[place % SIZE] += math.log1p(count) * (1 if place & 1 << 31 else -1)
        return of_unit_length(vectors)


def _parts(text: str) -> Iterator[str]:
    for word in _WORD.findall(text[:EXCERPT].casefold()):
        yield word
        padded = f"<{word}>"
        yield from (padded[at : at + 3] for at in range(len(padded) - 2))
