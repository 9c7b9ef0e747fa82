"""What is known of models at tasks of each kind: data that people can read, export and reset."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.curation.expect import Expect


class TaskWeights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learnt for one kind of task: a weight for each voter; 1 for those it does not name."""

    task: Expect
    basis: str = ""
    weights: dict[str, float] = {}


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt, by kind of task."""

    tasks: Mapping[Expect, TaskWeights] = {}

    def of(self, task: Expect) -> TaskWeights | None:
        """What is known at tasks of this kind, if anything."""
        return self.tasks.get(task)
