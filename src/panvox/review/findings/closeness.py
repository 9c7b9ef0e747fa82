"""Which findings are about the same thing: near by their vectors, by as much as their places ask for.

Findings of different files are never compared here. Importing this imports numpy: import it late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from panvox.review.findings.findings import Finding

Vectors = NDArray[np.float32]
BLOCK = 3_000
"""Findings that are compared all with all; of more, the centres of such blocks are compared again."""
_CLOSE = 3
_AROUND = 12
"""Lines between two places that are still near, and that are still in one part of a file."""
_ROUNDS = 3
"""How often groups settle."""


class Needed(NamedTuple):
    """The cosine from which two findings are the same, by how far apart their lines are.

    `near`: at most `_CLOSE` lines; `around`: at most `_AROUND`; `far`: more; `unknown`: one names no line.
    `placeless`: one names no file. `own`: both are of one model, which seldom tells a thing twice.
    """

    near: float = 0.22
    around: float = 0.45
    unknown: float = 0.4
    far: float = 0.55
    placeless: float = 0.5
    own: float = 0.8


class Group(NamedTuple):
    """The numbers of findings that are the same; `centre` is the one that most of them are near to."""

    centre: int
    members: tuple[int, ...]


def groups_of(
    findings: Sequence[Finding], vectors: Vectors, numbers: Sequence[int], needed: Needed
) -> list[Group]:
    """Put findings of one file, or of none, into groups.

    `numbers` say which of `findings` and of the rows of `vectors`; each of them is in exactly one group.
    Quadratic in at most `BLOCK` of them, whose matrices take some hundred megabytes.
    """
    models = {model: at for at, model in enumerate(sorted({findings[number].model for number in numbers}))}
    return _in_blocks(
        findings, vectors, numbers, [models[findings[number].model] for number in numbers], needed
    )


def _in_blocks(
    findings: Sequence[Finding],
    vectors: Vectors,
    numbers: Sequence[int],
    tellers: Sequence[int],
    needed: Needed,
) -> list[Group]:
    """Groups of each block; then of their centres, as if each block were one who tells them all."""
    found: list[Group] = []
    blocks: list[int] = []
    for at in range(0, len(numbers), BLOCK):
        block = slice(at, at + BLOCK)
        tells = np.array(tellers[block], dtype=np.int32)
        found += _compared(findings, vectors, numbers[block], tells, needed)
        blocks += [at] * (len(found) - len(blocks))
    if len(numbers) <= BLOCK or len(found) == len(numbers):
        return found
    inner = {group.centre: group.members for group in found}
    outer = _in_blocks(findings, vectors, [group.centre for group in found], blocks, needed)
    return [Group(each.centre, tuple(sorted(n for c in each.members for n in inner[c]))) for each in outer]


def attached(
    centres: Vectors,
    vectors: Vectors,
    numbers: Sequence[int],
    needed: Needed,
    alike: Mapping[int, Sequence[int]],
) -> Iterator[tuple[int, int | None]]:
    """For each of `numbers`, which name no file, the row of `centres` that it belongs to, None for none.

    `alike` are rows that name the same symbol: they are as near as if no line were known.
    """
    for at in range(0, len(numbers), BLOCK):
        block = numbers[at : at + BLOCK]
        if not len(centres):
            yield from ((number, None) for number in block)
            continue
        cosines = vectors[block] @ centres.T
        best = cosines.argmax(axis=1)
        for row, number in enumerate(block):
            if rows := alike.get(number):
                named = rows[int(cosines[row, list(rows)].argmax())]
                if cosines[row, named] >= needed.unknown:
                    yield number, named
                    continue
            yield number, int(best[row]) if cosines[row, best[row]] >= needed.placeless else None


def _compared(
    findings: Sequence[Finding],
    vectors: Vectors,
    numbers: Sequence[int],
    models: NDArray[np.int32],
    needed: Needed,
) -> list[Group]:
    """Groups of one block: stars, then each finding where the whole of a group is nearest to it."""
    compared = [findings[number] for number in numbers]
    margins = vectors[numbers] @ vectors[numbers].T - _needed(compared, models, needed)
    centres, of = _stars(margins, models)
    for _ in range(_ROUNDS):
        of = _settled(margins, models, of)
    members: dict[int, list[int]] = {}
    for at, group in enumerate(of.tolist()):
        members.setdefault(group, []).append(at)
    return [
        Group(
            numbers[centres[group] if group in centres and of[centres[group]] == group else each[0]],
            tuple(numbers[at] for at in each),
        )
        for group, each in members.items()
    ]


def _stars(margins: Vectors, models: NDArray[np.int32]) -> tuple[dict[int, int], NDArray[np.int64]]:
    """Again and again, the finding with most that are near to it, and these: no chains from one to another.

    The centre of each group, and the group of each finding.
    """
    near = margins >= 0
    np.fill_diagonal(near, val=True)
    weights = np.where(near, 1 + margins, 0)
    degrees = weights.sum(axis=1, dtype=np.float64)
    of = np.full(len(models), -1, dtype=np.int64)
    centres: dict[int, int] = {}
    while (of < 0).any():
        centre = int(np.where(of < 0, degrees, -np.inf).argmax())
        taken = np.flatnonzero(near[centre] & (of < 0))
        taken = _one_a_model(taken, models, margins[centre], near)
        of[taken] = len(centres)
        centres[len(centres)] = centre
        degrees -= weights[:, taken].sum(axis=1, dtype=np.float64)
    return centres, of


def _settled(margins: Vectors, models: NDArray[np.int32], of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each finding in the group whose findings are nearest on the whole; one that no group wants is alone."""
    groups, sizes = np.unique(of, return_counts=True)
    groups = groups[sizes > 1]
    if not len(groups):
        return of
    member = (of[:, None] == groups[None, :]).astype(np.float32)
    others = member.sum(axis=0)[None, :] - member
    own = member * np.diag(margins)[:, None]
    means = (margins @ member - own) / np.maximum(others, 1)
    best = means.argmax(axis=1)
    settled = np.where(means[np.arange(len(of)), best] >= 0, groups[best], of)
    return _without_rivals(settled, means[np.arange(len(of)), best], models, margins)


def _without_rivals(
    of: NDArray[np.int64], nearness: Vectors, models: NDArray[np.int32], margins: Vectors
) -> NDArray[np.int64]:
    """Of each model only what is nearest to a group stays in it, with what says the same; the rest is alone."""
    order = np.lexsort((np.arange(len(of)), -nearness.round(5), models, of))
    leads = np.ones(len(of), dtype=bool)
    leads[1:] = (of[order][1:] != of[order][:-1]) | (models[order][1:] != models[order][:-1])
    first = order[np.maximum.accumulate(np.where(leads, np.arange(len(of)), 0))]
    rivals = np.sort(order[~leads & (margins[order, first] < 0)])
    alone = of.copy()
    alone[rivals] = of.max() + 1 + np.arange(len(rivals))
    return alone


def _one_a_model(
    taken: NDArray[np.intp], models: NDArray[np.int32], margins: Vectors, near: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Of each model what is nearest to the centre, and what says the same as that."""
    order = taken[np.argsort(-margins[taken], kind="stable")]
    _, at, inverse = np.unique(models[order], return_index=True, return_inverse=True)
    return np.sort(order[near[order, order[at[inverse]]]])


def _needed(findings: Sequence[Finding], models: NDArray[np.int32], needed: Needed) -> Vectors:
    """The cosine that each pair needs."""
    first = np.array([finding.line or 0 for finding in findings], dtype=np.int32)
    last = np.array([finding.end_line or finding.line or 0 for finding in findings], dtype=np.int32)
    gaps = np.maximum(first[:, None] - last[None, :], first[None, :] - last[:, None])
    least = np.full(gaps.shape, needed.far, dtype=np.float32)
    least[gaps <= _AROUND] = needed.around
    least[gaps <= _CLOSE] = needed.near
    unknown = first == 0
    least[unknown, :] = needed.unknown
    least[:, unknown] = needed.unknown
    least[models[:, None] == models[None, :]] = needed.own
    return least
