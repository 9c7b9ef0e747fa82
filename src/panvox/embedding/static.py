"""Texts as the mean of the vectors of their word pieces: no model runs, so it costs next to nothing.

The table is WordLlama's `l2_supercat` (32,000 pieces of Llama 2, 256 numbers each, trained so that means of
them compare sentences; MIT licence), read as it lies in the package, without its code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from panvox.embedding.files import NotInstalled, data_of
from panvox.embedding.lengths import of_unit_length

if TYPE_CHECKING:  # numpy and the tokenizer are loaded with the table
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

EXCERPT = 2_000
"""Characters of a text that count; answers say what they are about early."""

_INSTALL = "wordllama == 0.4.0.post1"


class StaticEmbedder:
    """An `Embedder` with a table of word pieces; `load` finds the one that comes with panvox."""

    def __init__(self, table: NDArray[np.float16], tokenizer: Tokenizer, *, name: str) -> None:
        self._table = table
        self._tokenizer = tokenizer
        self._name = name

    @classmethod
    def load(cls) -> Self:
        """Reads the tokenizer (about 50 ms) and maps the table, of which only what is used is read.

        Raises `NotInstalled`.
        """
        tokenizer = data_of("wordllama", "tokenizers", "l2_supercat_tokenizer_config.json", install=_INSTALL)
        weights = data_of("wordllama", "weights", "l2_supercat_256.safetensors", install=_INSTALL)
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415 - loaded with the table
        except ImportError as error:
            raise NotInstalled(
                "tokenizers is not installed; install it with: pip install tokenizers"
            ) from error
        return cls(
            _tensor(weights, "embedding.weight"),
            Tokenizer.from_file(str(tokenizer)),
            name="wordllama/l2_supercat_256",
        )

    @property
    def name(self) -> str:
        """See `Embedder`."""
        return self._name

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`; the first `EXCERPT` characters of a text count."""
        import numpy as np  # noqa: PLC0415 - loaded with the table

        vectors = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            pieces = self._tokenizer.encode(_readable(text[:EXCERPT]), add_special_tokens=False).ids
            if pieces:
                # Each piece once, as its row takes longer to widen than to add up; with more than the eleven
                # bits of the table, or the mean of a long text would drift.
                rows, counts = np.unique(pieces, return_counts=True)
                vector[:] = counts.astype(np.float32) @ self._table[rows].astype(np.float32) / len(pieces)
        return of_unit_length(vectors)


def _readable(text: str) -> str:
    """Without halves of surrogate pairs, which no tokenizer takes."""
    return text.strip().encode(errors="replace").decode()


def _tensor(path: Path, name: str) -> NDArray[np.float16]:
    """A tensor of half floats in a safetensors file: a length, a header of JSON, the numbers."""
    import numpy as np  # noqa: PLC0415 - loaded with the table

    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(size))[name]
    return np.memmap(
        path,
        dtype=np.float16,
        mode="r",
        offset=8 + size + entry["data_offsets"][0],
        shape=tuple(entry["shape"]),
    )
