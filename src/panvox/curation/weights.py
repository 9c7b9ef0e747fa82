"""What is known of models at tasks of each kind: data that people can read, export and reset."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.curation.expect import Expect


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often a voter was right among the prompts it was asked."""

    right: float
    asked: float


class TaskWeights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was learnt for one kind of task: a weight for each voter; 1 for those it does not name.

    - `basis` is a sentence on what it rests on, `method` one word for how weights were made.
    - `strengths` are estimated probabilities of being right, `records` what was counted.
    - `labels` counts prompts with known truth, `polls` all prompts.
    """

    task: Expect
    basis: str = ""
    method: str = ""
    weights: dict[str, float] = {}
    strengths: dict[str, float] = {}
    records: dict[str, Record] = {}
    labels: int = 0
    polls: int = 0


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt, by kind of task."""

    tasks: Mapping[Expect, TaskWeights] = {}

    def of(self, task: Expect) -> TaskWeights | None:
        """What is known at tasks of this kind, if anything."""
        return self.tasks.get(task)
