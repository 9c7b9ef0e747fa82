"""The semantic cache: answers that are given again to prompts that ask the same in other words.

    prompt ── vector ── nearest prompts of the scope ── ask the same? ── answer

A prompt is near by its vector, and then compared word by word; an answer is only given again when nothing but
the wording differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from panvox.curation.meaning.prompts import ask_the_same
from panvox.embedding import default_embedder
from panvox.protocols import Embedder, Similar
from panvox.store import AnswerCache

if TYPE_CHECKING:  # a tenth of a second, loaded in a thread with the embedder
    import numpy as np
    from numpy.typing import NDArray

    from panvox.curation.meaning.similarity import Words

_LOOKED_AT = 5
"""Near prompts that are compared word by word."""

SYNONYM = 0.7
"""The cosine from which a word of a prompt may stand for another; answers are grouped from less."""


class SemanticCache:
    """`SimilarPrompts` over a file of answers, for prompts with a cosine of at least `least`.

    `load` gives the embedder; it is called in a thread, when the first prompt is not found as it stands.
    """

    def __init__(
        self, answers: AnswerCache, *, least: float, load: Callable[[], Embedder] = default_embedder
    ) -> None:
        self._answers = answers
        self._least = least
        self._load = load
        self._loaded: tuple[Embedder, Words] | None = None
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def find(self, scope: bytes, prompt: str) -> Similar | None:
        """See `SimilarPrompts`."""
        embedder, words, vector = await self._of(prompt)
        near = await self._answers.nearest(_in(scope, embedder), vector, least=self._least, most=_LOOKED_AT)
        for each in near:
            if ask_the_same(prompt, each.text, words.pairs):
                kept = await self._answers.get(each.key)
                return None if kept is None else Similar(kept=kept, prompt=each.text)
        return None

    async def put(self, scope: bytes, prompt: str, key: bytes) -> None:
        """See `SimilarPrompts`."""
        embedder, _, vector = await self._of(prompt)
        await self._answers.put_question(_in(scope, embedder), prompt, key, vector)

    async def _of(self, prompt: str) -> tuple[Embedder, Words, NDArray[np.float32]]:
        """The embedder, and the vector of `prompt`, which is computed once for hundreds of members."""
        async with self._one_at_a_time:  # whoever comes second finds what the first computed
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._ready)
            embedder, words = self._loaded
            if prompt not in self._vectors:
                [vector] = await asyncio.to_thread(embedder.embed, [prompt])
                if len(self._vectors) >= _LOOKED_AT:
                    self._vectors.clear()
                self._vectors[prompt] = vector
            return embedder, words, self._vectors[prompt]

    def _ready(self) -> tuple[Embedder, Words]:
        from panvox.curation.meaning.similarity import Words  # noqa: PLC0415 - imports numpy, in this thread

        embedder = self._load()
        return embedder, Words(embedder, synonym=SYNONYM)


def _in(scope: bytes, embedder: Embedder) -> bytes:
    """Vectors of different embedders cannot be compared: they are kept in scopes of their own."""
    return scope + embedder.name.encode()
