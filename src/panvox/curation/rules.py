"""How answers become one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum

from panvox.curation.checks.constants import Constants
from panvox.curation.expect import Expect
from panvox.curation.weights import Weights
from panvox.errors import UsageError
from panvox.messages import Identity
from panvox.protocols import Embedder


class Method(StrEnum):
    """How the answer that wins is found."""

    WEIGHTED = "weighted"  # strengths, copies corrected; the default
    MAJORITY = "majority"  # one vote a lineage
    MULTI_FACTOR = "multi-factor"  # latency, confidence, model quality and length
    MEDOID = "medoid"  # the most central text
    JUDGE = "judge"  # a vote, and models that judge its representatives


def nobody_knows(member: Identity, task: Expect) -> float | None:
    """The published strength of nobody."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What curation goes by.

    `expect` is the kind of answer, found from the prompt where it is None. `weights` is what was learnt;
    `strength` tells the published strength (0 to 1) of a member at a task, None where nobody measured it.
    `embedder` finds texts that mean the same as they land, `closer` decides close calls in the end.
    `constants` remembers which model gives the same text to every prompt.
    """

    expect: Expect | None = None
    method: Method = Method.WEIGHTED
    weights: Weights = field(default_factory=Weights)
    strength: Callable[[Identity, Expect], float | None] = nobody_knows
    embedder: Embedder | None = None
    closer: Embedder | None = None
    constants: Constants | None = None


def parse_method(name: str) -> Method:
    """The method of this name. Raises `UsageError` with those that there are."""
    return Method(_one_of("method", name, [method.value for method in Method]))


def parse_expect(name: str) -> Expect:
    """The kind of answer of this name. Raises `UsageError` with those that there are."""
    return Expect(_one_of("kind of answer", name, [kind.value for kind in Expect]))


def _one_of(what: str, name: str, known: list[str]) -> str:
    word = name.strip().lower()
    if word in known:
        return word
    near = get_close_matches(word[:80], known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"the {what} {name[:80]!r} is not one of {', '.join(known)}{meant}")
