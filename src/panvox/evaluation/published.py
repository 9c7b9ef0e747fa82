"""What was published of the models of a set, for those who know nothing better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from panvox.catalog.measurements import TaskKind
from panvox.catalog.strength import strength
from panvox.curation import Expect
from panvox.messages import Identity

if TYPE_CHECKING:  # sessions want the strengths, and no recorded sets
    from panvox.evaluation.datasets import Recorded

_KINDS = {Expect.NUMBER: TaskKind.MATH, Expect.CODE: TaskKind.CODE, Expect.LITERAL: TaskKind.CODE}


def published(
    models: Mapping[str, Recorded], scale: str = "ae2"
) -> Callable[[Identity, Expect], float | None]:
    """The strength of a member at a task, from 0 to 1.

    For free texts it is the win rate on the set's leaderboard `scale` ("ae2" or "ae1": their rates do not
    mix); for all else what `panvox models` knows of published results.
    """
    known: dict[tuple[str, Expect], float | None] = {}

    def of(member: Identity, task: Expect) -> float | None:
        key = member.name, task
        if key not in known:
            known[key] = _strength(models.get(member.name), member, task, scale)
        return known[key]

    return of


def _strength(model: Recorded | None, member: Identity, task: Expect, scale: str) -> float | None:
    if task is Expect.TEXT and model is not None:
        said = model.leaderboard_ae1 if scale == "ae1" else model.leaderboard_ae2
        if said is not None:
            return said.win_rate / 100
    return published_strength(member, task)


def published_strength(member: Identity, task: Expect) -> float | None:
    """What `panvox models` knows of published results, from 0 to 1; None where nobody measured the model."""
    found = strength(member.lineage or member.name, _KINDS.get(task, TaskKind.GENERAL))
    return found.value if found else None
