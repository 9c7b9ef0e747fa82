"""Vectors of length 1, so that a product is a cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded with the first text
    import numpy as np
    from numpy.typing import NDArray


def of_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows of `vectors`, each brought to length 1; rows of zeros stay."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second, needed only here

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.zeros(vectors.shape, dtype=np.float32)
    np.divide(vectors, lengths, out=result, where=lengths > 0)
    return result
