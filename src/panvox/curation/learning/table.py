"""Polls as arrays: what learning counts on.

A *candidate* is one answer to one poll; candidates are numbered through, poll by poll. A *ballot* is a
voter's part of its one vote for a candidate. Everything is stored by ballot, so that memory and time grow
with the answers, not with answers times voters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panvox.curation.ballots import Poll

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BLOCK = 1_000_000
"""Numbers in a dense block of candidates times voters, at most: 8 MB."""


@dataclass(frozen=True, slots=True)
class Table:
    """`candidate`, `voter`, `part` and `guessed` describe ballots; `poll`, `key` and `right` candidates.

    `key` numbers the answers as words: equal answers to different prompts have the same key. `start` is the
    first candidate of each poll. `asked`, `answered` and `correct` have the shape (polls, voters); `correct`
    is the part of a voter's vote that is right. `labelled` tells which polls have a known truth, `blamed`
    (polls, voters) who gave an answer that is known to be wrong where the truth is not.
    """

    voters: tuple[str, ...]
    candidate: Ints
    voter: Ints
    part: Floats
    guessed: Bools
    poll: Ints
    key: Ints
    right: Bools
    start: Ints
    labelled: Bools
    asked: Bools
    answered: Bools
    correct: Floats
    blamed: Bools

    @property
    def counted(self) -> Bools:
        """Which voter's being right or wrong in which poll is known."""
        return (self.asked & self.labelled[:, None]) | self.blamed

    @property
    def polls(self) -> int:
        """How many polls there are."""
        return len(self.start)

    def scores(self, weights: Floats) -> Floats:
        """The votes of each candidate; `weights` is per voter or per poll and voter."""
        each = weights[self.voter] if weights.ndim == 1 else weights[self.poll[self.candidate], self.voter]
        return _sums(self.candidate, self.part * each, len(self.poll))

    def by_voter(self, values: Floats) -> Floats:
        """The sum over each voter's ballots of a value of their candidates: the transpose of `scores`."""
        return _sums(self.voter, self.part * values[self.candidate], len(self.voters))

    def sums(self, values: Floats) -> Floats:
        """The sum of a value of candidates over each poll."""
        return np.add.reduceat(values, self.start) if len(self.start) else np.zeros(0)

    def highest(self, values: Floats) -> Floats:
        """The highest value in the poll of each candidate."""
        return np.maximum.reduceat(values, self.start)[self.poll] if len(self.start) else values

    def posterior(self, scores: Floats) -> Floats:
        """The softmax of `scores` over the candidates of each poll."""
        powers = np.exp(scores - self.highest(scores))
        return np.asarray(powers / self.sums(powers)[self.poll])

    def leaders(self, scores: Floats) -> Floats:
        """1 for the candidate that leads its poll, divided evenly where several do."""
        top = (scores >= self.highest(scores) - 1e-12).astype(float)
        return np.asarray(top / self.sums(top)[self.poll])

    def hits(self, scores: Floats) -> Floats:
        """For each poll the probability that its leader is right, ties broken by chance."""
        return self.sums(self.leaders(scores) * self.right)

    def solvable(self) -> Bools:
        """Which polls have a right candidate."""
        return self.sums(self.right.astype(float)) > 0

    def blocks(self) -> Iterator[tuple[Ints, Floats]]:
        """Dense rows (candidates by voters) of all candidates, some whole polls at a time."""
        order = np.argsort(self.candidate, kind="stable")
        candidate, voter, part = self.candidate[order], self.voter[order], self.part[order]
        ends = np.append(self.start[1:], len(self.poll))
        rows = max(1, _BLOCK // max(1, len(self.voters)))
        first = 0
        while first < self.polls:
            last = int(np.searchsorted(ends, self.start[first] + rows, side="right"))
            last = max(last, first + 1)
            low, high = int(self.start[first]), int(ends[last - 1])
            here = slice(*np.searchsorted(candidate, [low, high]))
            dense = np.zeros((high - low, len(self.voters)))
            np.add.at(dense, (candidate[here] - low, voter[here]), part[here])
            yield np.arange(low, high), dense
            first = last


def tabulate(polls: Sequence[Poll], voters: Sequence[str] | None = None) -> Table:
    """The polls that have a ballot, as a table; of all who were asked, or of `voters` alone."""
    names = tuple(sorted({name for poll in polls for name in poll.asked}) if voters is None else voters)
    index = {name: number for number, name in enumerate(names)}
    keys: dict[str, int] = {}
    candidate: list[int] = []
    voter: list[int] = []
    part: list[float] = []
    guessed: list[bool] = []
    poll_of: list[int] = []
    key: list[int] = []
    right: list[bool] = []
    start: list[int] = []
    asked: list[list[int]] = []
    labelled: list[bool] = []
    blamed: list[list[int]] = []
    for poll in polls:
        there = [ballot for ballot in poll.ballots if ballot.voter in index]
        ballots = [(index[ballot.voter], ballot.answer) for ballot in there]
        if not ballots:
            continue
        number, given = len(start), [0] * len(names)
        guessed += [ballot.guessed for ballot in there]
        for who, _ in ballots:
            given[who] += 1
        here: dict[str, int] = {}
        start.append(len(poll_of))
        for who, answer in ballots:
            if answer not in here:
                here[answer] = len(poll_of)
                poll_of.append(number)
                key.append(keys.setdefault(answer, len(keys)))
                right.append(poll.truth is not None and answer == poll.truth)
            candidate.append(here[answer])
            voter.append(who)
            part.append(1 / given[who])
        asked.append([index[name] for name in poll.asked if name in index] + [who for who, _ in ballots])
        labelled.append(poll.truth is not None)
        blamed.append([who for who, answer in ballots if poll.truth is None and answer in poll.wrong])
    return _table(
        names, (candidate, voter, part, guessed), (poll_of, key, right), (start, labelled, asked, blamed)
    )


def _sums(place: Ints, values: Floats, size: int) -> Floats:
    return np.bincount(place, values, minlength=size).astype(float)


def _table(
    names: tuple[str, ...],
    ballots: tuple[list[int], list[int], list[float], list[bool]],
    candidates: tuple[list[int], list[int], list[bool]],
    polls: tuple[list[int], list[bool], list[list[int]], list[list[int]]],
) -> Table:
    candidate, voter = (np.asarray(column, dtype=np.int64) for column in ballots[:2])
    part = np.asarray(ballots[2], dtype=float)
    poll, key = (np.asarray(column, dtype=np.int64) for column in candidates[:2])
    right = np.asarray(candidates[2], dtype=bool)
    shape = (len(polls[0]), len(names))
    correct, asked = np.zeros(shape), np.zeros(shape, dtype=bool)
    answered, blamed = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    if len(candidate):
        answered[poll[candidate], voter] = True
        np.add.at(correct, (poll[candidate], voter), part * right[candidate])
    for number, (everybody, wrong) in enumerate(zip(polls[2], polls[3], strict=True)):
        asked[number, everybody] = True
        blamed[number, wrong] = True
    return Table(
        voters=names,
        candidate=candidate,
        voter=voter,
        part=part,
        guessed=np.asarray(ballots[3], dtype=bool),
        poll=poll,
        key=key,
        right=right,
        start=np.asarray(polls[0], dtype=np.int64),
        labelled=np.asarray(polls[1], dtype=bool),
        asked=asked,
        answered=answered,
        correct=correct,
        blamed=blamed,
    )
