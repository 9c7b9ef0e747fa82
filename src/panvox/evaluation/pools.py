"""Who of a set is asked: `all`, `strongest:N`, `random:N`, `without-best:N`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from panvox.errors import UsageError

Kind = Literal["all", "strongest", "random", "without-best"]


class Pool(NamedTuple):
    """Some of the models; `size` says how many where the kind needs it."""

    kind: Kind = "all"
    size: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "all" else f"{self.kind}:{self.size}"


ALL = Pool()
"""Everybody."""


def parse(text: str) -> Pool:
    """The pool that `text` names. Raises `UsageError`."""
    word, _, number = text.partition(":")
    for kind in get_args(Kind):
        if word != kind:
            continue
        if kind == "all" and not number:
            return ALL
        if kind != "all" and number.isdecimal() and int(number) > 0:
            return Pool(kind, int(number))
    raise UsageError(
        f"there is no pool {text!r}; write all, strongest:10, random:10 or without-best:3, with any number "
        "greater than 0"
    )


def members(pool: Pool, ranked: Sequence[str], *, seed: int) -> frozenset[str]:
    """The models of the pool; `ranked` are all there are, the strongest first.

    Raises `UsageError` where nobody is left.
    """
    chosen = _chosen(pool, ranked, seed)
    if not chosen:
        raise UsageError(f"the pool {pool} is empty: there are only {len(ranked)} models")
    return frozenset(chosen)


def _chosen(pool: Pool, ranked: Sequence[str], seed: int) -> Sequence[str]:
    match pool.kind:
        case "all":
            return ranked
        case "strongest":
            return ranked[: pool.size]
        case "without-best":
            return ranked[pool.size :]
        case "random":
            drawn = random.Random(f"{seed}/pool")  # noqa: S311 - a draw, not a secret
            return drawn.sample(sorted(ranked), min(pool.size, len(ranked)))
