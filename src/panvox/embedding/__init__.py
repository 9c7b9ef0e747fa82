"""Vectors of texts, made on this machine: near where the texts mean the same.

    default_embedder ─► StaticEmbedder (word pieces, 7,000 texts a second)  ─► grouping, semantic cache
                    └─► HashedEmbedder, where that is not installed
    contextual_embedder ─► ContextualEmbedder (a small model, dozens a second) ─► close calls

Loading takes some hundredths to tenths of a second: do it in a thread. Importing this loads nothing.
"""

from panvox.embedding.contextual import ContextualEmbedder
from panvox.embedding.files import NotInstalled
from panvox.embedding.hashed import HashedEmbedder
from panvox.embedding.shipped import contextual_embedder, default_embedder
from panvox.embedding.static import StaticEmbedder

__all__ = [
    "ContextualEmbedder",
    "HashedEmbedder",
    "NotInstalled",
    "StaticEmbedder",
    "contextual_embedder",
    "default_embedder",
]
