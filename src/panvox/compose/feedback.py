"""What users tell of answers: written down, and turned into weights.

session.feedback ─► hearing (what is right, what is wrong) ─► store
weights_in_force ◄─ heeding ◄─ store (all that holds) and what was learnt
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from panvox.curation import Curator, Expect
from panvox.curation.ballots import Heard
from panvox.curation.curate import lineage_of
from panvox.curation.hearing import Kind, judged, task_of
from panvox.curation.learning.feedback import heed
from panvox.curation.weights import Weights
from panvox.errors import StoreError, UsageError
from panvox.messages import Outcome
from panvox.store import NullJournal, SqlJournal, StoredRun, StoredTurn
from panvox.verdicts import Feedback, Mark, Verdict

Told = Mapping[tuple[str, int], Sequence[Feedback]]
"""All feedback that holds, by run and turn."""

FIELDS: Mapping[Kind, str] = {"best": "--best", "bad": "--bad", "answer": "--answer"}

_MOVED = 0.0005
"""Differences of strength that are worth telling: those that can be seen."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """How feedback moved a voter: the probability that it is right, before and after; None where unknown."""

    voter: str
    before: float | None
    after: float | None

    @property
    def by(self) -> float:
        """The change; from or to what is unknown it counts from one half."""
        before, after = (0.5 if each is None else each for each in (self.before, self.after))
        return after - before


class Heeded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of feedback on a turn.

    `said` is what was told, or with `undone` what was taken back. `replaced` are members of whom the
    opposite held before; `moved` comes with the largest change first. `right` and `wrong` count answers, of
    `answered` in all.
    """

    run: str
    turn: int
    said: Feedback
    undone: bool
    answered: int
    replaced: tuple[str, ...] = ()
    moved: tuple[Move, ...] = ()

    @property
    def right(self) -> int:
        """How many answers it makes right."""
        return sum(mark.right for mark in self.said.marks)

    @property
    def wrong(self) -> int:
        """How many answers it makes wrong."""
        return len(self.said.marks) - self.right


async def weights_in_force(
    store: SqlJournal | NullJournal, learnt: Weights | None = None, *, now: float | None = None
) -> Weights:
    """What was `learnt`, moved by all feedback in the store; `now` in seconds since 1970.

    A store that cannot be read has told nothing.
    """
    known = learnt or Weights()
    try:
        told = await store.told()
    except StoreError:
        return known
    return heed(known, heard(told), time.time() if now is None else now)


def strength_of(weights: Weights, task: Expect, voter: str) -> float | None:
    """The estimated probability that `voter` is right at tasks of this kind; None where nobody knows."""
    known = weights.of(task)
    return known.strength(voter) if known else None


def heard(told: Told) -> list[Heard]:
    """What all feedback comes to: for each turn at most one judgement of a voter.

    Of each answer the last that was told holds. A voter that answered several times was right where more of
    its answers are right than wrong; where they are as many, nothing was told of it.
    """
    found: list[Heard] = []
    for entries in told.values():
        last = {mark.member: (mark, entry) for entry in entries for mark in entry.marks}
        balance: Counter[tuple[str, str]] = Counter()
        at: dict[tuple[str, str], float] = {}
        for mark, entry in last.values():
            key = mark.voter, entry.task
            balance[key] += 1 if mark.right else -1
            at[key] = max(entry.at, at.get(key, 0.0))
        found += [
            Heard(voter, Expect(task), right > 0, at[voter, task])
            for (voter, task), right in balance.items()
            if right and task in list(Expect)
        ]
    return found


async def feed_back(
    store: SqlJournal | NullJournal,
    reference: str,
    *,
    best: str | None = None,
    bad: str | None = None,
    answer: str | None = None,
    turn: int | None = None,
    undo: bool = False,
    learnt: Weights | None = None,
) -> Heeded:
    """Write down what a user tells of a turn, and say what it moves; see `Session.feedback`."""
    kind, words = _meant(best, bad, answer, undo=undo)
    stored = await store.run(reference)
    at = _turn(stored, turn)
    now = time.time()
    before = await store.told()
    if undo:
        said = _last(stored, at)
        entry = Feedback(kind="undo", said="", at=now)
    else:
        said = entry = _feedback(kind, words, at, now)
    await store.tell(stored.run, at.turn, entry)
    after = await store.told()
    learnt = learnt or Weights()
    return Heeded(
        run=stored.run,
        turn=at.turn,
        said=said,
        undone=undo,
        answered=sum(outcome.answered for outcome in at.outcomes),
        replaced=() if undo else _replaced(at.feedback, said),
        moved=_moves(heed(learnt, heard(before), now), heed(learnt, heard(after), now), said),
    )


def _meant(best: str | None, bad: str | None, answer: str | None, *, undo: bool) -> tuple[Kind, str]:
    options: dict[Kind, str | None] = {"best": best, "bad": bad, "answer": answer}
    given = {kind: words for kind, words in options.items() if words is not None}
    if undo and not given:
        return "answer", ""
    if undo or len(given) > 1:
        named = " and ".join([*(FIELDS[kind] for kind in given), *(["--undo"] if undo else [])])
        raise UsageError(f"{named} are two things to say: say one after the other")
    if not given:
        raise UsageError("there is nothing said: give --best MODEL, --bad MODEL, --answer TEXT or --undo")
    ((kind, words),) = given.items()
    if not words.strip():
        raise UsageError(
            f"{FIELDS[kind]} is empty: say {'what is right' if kind == 'answer' else 'which model'}"
        )
    return kind, words.strip()


def _turn(stored: StoredRun, number: int | None) -> StoredTurn:
    numbers = [turn.turn for turn in stored.turns]
    if number is None:
        return stored.turns[-1]
    if number not in numbers:
        raise UsageError(f"the run {stored.run} has no turn {number}; it has {_listed(numbers)}")
    return stored.turns[numbers.index(number)]


def _listed(numbers: Sequence[int]) -> str:
    return f"turn {numbers[0]}" if len(numbers) == 1 else f"turns {numbers[0]} to {numbers[-1]}"


def _last(stored: StoredRun, at: StoredTurn) -> Feedback:
    if not at.feedback:
        raise UsageError(f"there is no feedback on turn {at.turn} of {stored.run} that could be taken back")
    return at.feedback[-1]


def _feedback(kind: Kind, words: str, at: StoredTurn, now: float) -> Feedback:
    verdict = verdict_of(at)
    if not verdict.answered:
        raise UsageError("no model answered in this turn: there is nothing to tell of")
    said = words if kind == "answer" else _member(words, at)
    marks = judged(kind, said, verdict=verdict, outcomes=at.outcomes, question=at.prompt.question)
    voters = {outcome.member.name: lineage_of(outcome.speaker) for outcome in at.outcomes}
    return Feedback(
        kind=kind,
        said=said,
        at=now,
        task=task_of(verdict),
        marks=tuple(
            Mark(member, voters[member], right) for member, right in marks.items() if member in voters
        ),
    )


def verdict_of(turn: StoredTurn) -> Verdict:
    """The verdict on a stored turn; of one that never ended it is made from what was kept."""
    if turn.ended:
        return turn.ended.verdict
    curator = Curator(turn.prompt.question, turn.members)
    for outcome in turn.outcomes:
        curator.add(outcome)
    return curator.verdict()


def _member(named: str, at: StoredTurn) -> str:
    """The member that is meant: its name, or the end of it where no other ends so."""
    names = [member.name for member in at.members]
    fitting = [name for name in names if name == named] or [n for n in names if n.endswith(f"/{named}")]
    if len(fitting) > 1:
        raise UsageError(f"{named!r} may be {', '.join(fitting[:5])}: write the whole name")
    if not fitting:
        near = get_close_matches(named, names, n=3, cutoff=0.4) or names[:3]
        raise UsageError(f"{named!r} was not asked in this turn; did you mean {', '.join(near)}?")
    (name,) = fitting
    outcome = next((each for each in at.outcomes if each.member.name == name), None)
    if outcome is None or not outcome.answered:
        raise UsageError(f"{name} did not answer{_why(outcome)}: there is nothing to tell of it")
    return name


def _why(outcome: Outcome | None) -> str:
    return " (it never ended)" if outcome is None else f" ({outcome.state.value.replace('_', ' ')})"


def _replaced(earlier: Iterable[Feedback], said: Feedback) -> tuple[str, ...]:
    """Members of whom the opposite held."""
    held = {mark.member: mark.right for entry in earlier for mark in entry.marks}
    return tuple(mark.member for mark in said.marks if held.get(mark.member, mark.right) != mark.right)


def _moves(before: Weights, after: Weights, said: Feedback) -> tuple[Move, ...]:
    if said.task not in list(Expect):
        return ()
    task = Expect(said.task)
    moves = (
        Move(voter=voter, before=strength_of(before, task, voter), after=strength_of(after, task, voter))
        for voter in dict.fromkeys(mark.voter for mark in said.marks)
    )
    seen = [move for move in moves if abs(move.by) >= _MOVED]
    return tuple(sorted(seen, key=lambda move: (-round(abs(move.by), 6), move.voter)))
