"""The embedders of this process, each loaded once."""

from __future__ import annotations

from functools import lru_cache

from panvox.embedding.contextual import ContextualEmbedder
from panvox.embedding.files import NotInstalled
from panvox.embedding.hashed import HashedEmbedder
from panvox.embedding.static import StaticEmbedder
from panvox.protocols import Embedder


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
def contextual_embedder() -> Embedder | None:
    """The better one, for close calls; None where the extra `meaning` is not installed.

    The first call takes about a fifth of a second; make it in a thread.
    """
    try:
        return ContextualEmbedder.load()
    except NotInstalled:
        return None
