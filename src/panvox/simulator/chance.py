"""Chance that repeats: the same words give the same numbers, on every machine and in every process."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def seeded(*words: object) -> Random:
    """Random numbers that depend on `words` alone."""
    digest = blake2b("\0".join(map(str, words)).encode(errors="replace"), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311 - a pretended fleet keeps no secret with it
