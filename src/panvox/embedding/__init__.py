"""Vectors of texts, made on this machine: near where the texts mean the same.

    default_embedder ─► StaticEmbedder (word pieces, 7,000 texts a second)  ─► grouping, semantic cache
                    └─► HashedEmbedder, where that is not installed
    late_closer ─► ContextualEmbedder (a small model, dozens a second) ─► close calls

Loading takes some hundredths to tenths of a second: do it in a thread. Importing this loads nothing.
"""

from panvox.embedding.contextual import ContextualEmbedder
from panvox.embedding.files import NotInstalled
from panvox.embedding.hashed import HashedEmbedder
from panvox.embedding.shipped import default_embedder, late_closer, late_embedder
from panvox.embedding.static import StaticEmbedder

__all__ = [
    "ContextualEmbedder",
    "HashedEmbedder",
    "NotInstalled",
    "StaticEmbedder",
    "default_embedder",
    "late_closer",
    "late_embedder",
]
