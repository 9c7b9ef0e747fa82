"""The embedders of this process, each loaded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from panvox.embedding.contextual import ContextualEmbedder
from panvox.embedding.files import NotInstalled
from panvox.embedding.hashed import HashedEmbedder
from panvox.embedding.static import StaticEmbedder
from panvox.protocols import Embedder

if TYPE_CHECKING:  # loaded with the first embedder
    import numpy as np
    from numpy.typing import NDArray


@lru_cache(maxsize=1)
def default_embedder() -> Embedder:
    """The quick one: a table of word pieces, or hashed words where it is not installed.

    The first call takes about a tenth of a second; make it in a thread.
    """
    try:
        return StaticEmbedder.load()
    except NotInstalled:
        return HashedEmbedder()


@lru_cache(maxsize=1)
def _contextual() -> Embedder:
    return ContextualEmbedder.load()


class Late:
    """An `Embedder` that `load` gives when it is first used.

    Whoever minds the time that takes embeds a word before, in a thread.
    """

    def __init__(self, name: str, load: Callable[[], Embedder]) -> None:
        self.name = name
        self._load = load

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`."""
        return self._load().embed(texts)


def late_embedder() -> Late:
    """The quick one, loaded late."""
    return Late("default", default_embedder)


def late_closer() -> Late | None:
    """The better one, loaded late; None where the extra `meaning` is not installed."""
    return Late(ContextualEmbedder.name, _contextual) if ContextualEmbedder.installed() else None
