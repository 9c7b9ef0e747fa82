"""What users tell of answers moves strengths and weights, less as it ages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from panvox.curation.ballots import Heard
from panvox.curation.choice.preferences import Preferences
from panvox.curation.expect import Expect
from panvox.curation.weights import LEAST, Record, TaskWeights, Weights

HALF_LIFE = 90 * 86_400.0
"""Seconds after which a piece of feedback counts half: models behind a name change within months."""

KNOWN = 4.0
"""Prompts that an estimated strength is worth before any of its own count, as when it was learnt."""

STEEPNESS = 3.0
"""Power of the change of strength by which a vote changes where no curve was learnt."""

MOST = 2.0
"""The largest vote, in votes of the strongest, that feedback can make."""

_MIDDLING = 0.5


def heed(weights: Weights, heard: Sequence[Heard], now: float) -> Weights:
    """The weights once all that was `heard` counts; `now` is in seconds since 1970.

    Give it the weights as they were learnt and all feedback there is: what was heeded before counts again.
    A strength is the mean of what was known and what was heard. So one piece moves a model without history by
    a tenth, and one with 300 labelled prompts by a few thousandths.
    """
    by_task: dict[Expect, list[Heard]] = defaultdict(list)
    for piece in heard:
        by_task[piece.task].append(piece)
    tasks = dict(weights.tasks)
    for task, pieces in by_task.items():
        tasks[task] = _heeded(tasks.get(task) or TaskWeights(task=task), pieces, now)
    return msgspec.structs.replace(weights, tasks=tasks, preferences=_moved(weights, tasks))


def _moved(weights: Weights, tasks: dict[Expect, TaskWeights]) -> Preferences | None:
    """Preferences with the strengths at free texts that feedback has moved."""
    known, told = weights.preferences, tasks.get(Expect.TEXT)
    if known is None or told is None or told is weights.tasks.get(Expect.TEXT):
        return known
    return msgspec.structs.replace(known, strengths={**known.strengths, **told.strengths})


def _heeded(known: TaskWeights, pieces: Sequence[Heard], now: float) -> TaskWeights:
    counts: dict[str, Record] = {}
    for piece in pieces:
        part = 0.5 ** (max(0.0, now - piece.at) / HALF_LIFE)
        before = counts.get(piece.voter, Record(0.0, 0.0))
        counts[piece.voter] = Record(before.right + part * piece.right, before.asked + part)
    strengths, weights, records = dict(known.strengths), dict(known.weights), dict(known.records)
    for voter, told in counts.items():
        estimated = known.strength(voter)
        was = _MIDDLING if estimated is None else estimated
        record = known.records.get(voter, Record(0.0, 0.0))
        worth = KNOWN + record.asked
        strengths[voter] = (was * worth + told.right) / (worth + told.asked)
        weights[voter] = _weight(known, voter, was, strengths[voter])
        records[voter] = Record(record.right + told.right, record.asked + told.asked)
    return msgspec.structs.replace(
        known,
        basis=_basis(known.basis, len(pieces)),
        method=known.method or "feedback",
        strengths=strengths,
        weights=weights,
        records=records,
        heard=max(piece.at for piece in pieces),
    )


def _weight(known: TaskWeights, voter: str, was: float, strength: float) -> float:
    weight = known.weight(voter)
    before, after = known.weight_of(was), known.weight_of(strength)
    if before is None or after is None:
        moved: float = weight * (strength / max(was, LEAST)) ** STEEPNESS
    else:
        moved = weight + after - before
    most = max(MOST, *known.weights.values(), known.unseen)
    return min(max(moved, LEAST), most)


def _basis(basis: str, pieces: int) -> str:
    told = f"feedback on {pieces:,} answer{'s' * (pieces != 1)}"
    return f"{basis} and {told}" if basis else told
