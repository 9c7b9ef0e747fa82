"""What is read from the store. Plain queries over one connection, whose transaction is one snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Table, case, delete, func, select

from panvox.errors import StoreError
from panvox.messages import Identity, Outcome, Prompt, RunEnded, State
from panvox.store import feedback, rows
from panvox.store.rows import Row
from panvox.store.schema import answers, attempts, endings, judgements, members, outcomes, runs, turns
from panvox.verdicts import Feedback, Verdict

NEAR = 5
"""How many ids an error names."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a list; all but `started` (epoch, seconds) and `turns` tell of its last turn.

    `question` may be cut; `asked` and `answered` count members; `duration` is None if the turn never ended.
    """

    run: str
    started: float
    question: str
    turns: int
    asked: int
    answered: int
    consensus: str | None
    stopped: str
    duration: float | None


class StoredTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn; `started` is seconds since the epoch. `outcomes` come in the order of `members`.

    `ended` is None if the turn never ended; then members may be without an outcome. `feedback` is what users
    told of it, as far as it holds; `judged` are verdicts that were made of it later, the latest last.
    """

    turn: int
    prompt: Prompt
    started: float
    members: tuple[Identity, ...]
    outcomes: tuple[Outcome, ...]
    ended: RunEnded | None
    feedback: tuple[Feedback, ...] = ()
    judged: tuple[Verdict, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that holds: the latest."""
        return self.judged[-1] if self.judged else self.ended.verdict if self.ended else None


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    run: str
    turns: tuple[StoredTurn, ...]


def summaries(limit: int, connection: Connection) -> list[RunSummary]:
    """The latest runs, by the start of their last turn; `limit` at most."""
    every = turns.alias()
    of_run = every.c.run == turns.c.run
    answered = select(func.count()).where(
        outcomes.c.run == turns.c.run, outcomes.c.turn == turns.c.turn, outcomes.c.state == State.ANSWERED
    )
    of_turn = (judgements.c.run == turns.c.run) & (judgements.c.turn == turns.c.turn)
    later = select(judgements.c.consensus).where(of_turn)
    latest = later.order_by(judgements.c.at.desc()).limit(1).scalar_subquery()
    query = (
        select(
            turns.c.run,
            runs.c.started,
            turns.c.question,
            select(func.count()).where(of_run).scalar_subquery().label("turns"),
            turns.c.asked,
            answered.scalar_subquery().label("answered"),
            case((later.exists(), latest), else_=endings.c.consensus).label("consensus"),
            func.coalesce(endings.c.stopped, "").label("stopped"),
            endings.c.duration,
        )
        .join(runs, runs.c.id == turns.c.run)
        .outerjoin(endings, (endings.c.run == turns.c.run) & (endings.c.turn == turns.c.turn))
        .where(turns.c.turn == select(func.max(every.c.turn)).where(of_run).scalar_subquery())
        .order_by(turns.c.started.desc(), turns.c.run.desc())
        .limit(max(limit, 0))
    )
    return [msgspec.convert(row, RunSummary) for row in _read(connection, query)]


def stored(reference: str, connection: Connection) -> StoredRun:
    """The run that `reference` names: an id, the beginning of one that fits no other, or `last`.

    Raises `StoreError`, naming near ids, where there is none or more than one.
    """
    run = _find(reference, connection)
    identities: dict[int, list[Identity]] = defaultdict(list)
    for row in sorted(_rows(connection, members, run), key=itemgetter("position")):
        identities[row["turn"]].append(rows.identity(row))
    ended = _outcomes(connection, run, identities)
    said = feedback.told(run, connection)
    ends = {row["turn"]: rows.ending(row) for row in _rows(connection, endings, run)}
    later: dict[int, list[Verdict]] = defaultdict(list)
    for row in _rows(connection, judgements, run):
        later[row["turn"]].append(row["verdict"])
    return StoredRun(
        run=run,
        turns=tuple(
            StoredTurn(
                turn=row["turn"],
                prompt=row["prompt"],
                started=row["started"],
                members=tuple(identities[row["turn"]]),
                outcomes=tuple(ended[row["turn"]]),
                ended=ends.get(row["turn"]),
                feedback=said.get((run, row["turn"]), ()),
                judged=tuple(later[row["turn"]]),
            )
            for row in _rows(connection, turns, run)
        ),
    )


def _outcomes(
    connection: Connection, run: str, identities: Mapping[int, Sequence[Identity]]
) -> dict[int, list[Outcome]]:
    """By turn, in the order of its members."""
    key = itemgetter("turn", "member")
    replies = {key(row): row for row in _rows(connection, answers, run)}
    results = {key(row): row for row in _rows(connection, outcomes, run)}
    tries: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in _rows(connection, attempts, run):
        tries[key(row)].append(row)
    ended: dict[int, list[Outcome]] = defaultdict(list)
    for turn, asked in identities.items():
        for member in asked:
            at = turn, member.name
            if at in results:
                ended[turn].append(rows.outcome(member, results[at], replies.get(at), tries[at]))
    return ended


def _rows(connection: Connection, table: Table, run: str) -> list[Row]:
    """All of a run in `table`, in the order of the keys."""
    return _read(connection, select(table).where(table.c.run == run).order_by(*table.primary_key))


def _read(connection: Connection, query: Select[Any]) -> list[Row]:
    result = connection.execute(query)
    names = tuple(str(name) for name in result.keys())  # noqa: SIM118 - a result is no mapping
    # Made plain, since SQLAlchemy's own names are of a kind of str that msgspec refuses.
    return [dict(zip(names, row, strict=True)) for row in result]


def forget(reference: str, connection: Connection) -> str:
    """Delete the run that `reference` names and all that belongs to it; gives its id. Raises `StoreError`."""
    run = _find(reference, connection)
    connection.execute(delete(runs).where(runs.c.id == run))
    return run


def _find(reference: str, connection: Connection) -> str:
    latest = select(turns.c.run).group_by(turns.c.run).order_by(func.max(turns.c.started).desc())
    beginning = runs.c.id.startswith(reference, autoescape=True)
    named = select(runs.c.id).where(beginning).order_by(runs.c.id).limit(NEAR)
    fitting: Sequence[str] = connection.scalars(latest.limit(1) if reference == "last" else named).all()
    if fitting and (len(fitting) == 1 or fitting[0] == reference):
        return fitting[0]
    if fitting:
        raise StoreError(
            f"More than one run begins with {reference!r}: {', '.join(fitting)}. Write more of it."
        )
    known = connection.scalars(latest.limit(200)).all()
    if not known:
        raise StoreError(f"There is no run {reference!r}: the store is empty. Ask something first.")
    near = get_close_matches(reference, known, n=NEAR) or known[:NEAR]
    raise StoreError(f"There is no run {reference!r}; there are {', '.join(near)}. `panvox runs` lists them.")
