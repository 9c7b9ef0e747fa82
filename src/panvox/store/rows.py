"""Values to rows and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Table

from panvox.errors import Fault
from panvox.messages import Answer, Attempt, Identity, Outcome, Prompt, RunEnded, Usage
from panvox.store import schema
from panvox.verdicts import Verdict

Row = Mapping[str, Any]
Rows = Iterator[tuple[Table, Row]]

QUESTION = 1000
"""How many characters of a question are kept beside the prompt, which has them all, for lists of runs."""


def begun(run: str, turn: int, prompt: Prompt, members: Sequence[Identity], started: float) -> Rows:
    """The rows of a turn that begins, at `started` seconds since the epoch."""
    yield schema.runs, {"id": run, "started": started}
    yield (
        schema.turns,
        {
            "run": run,
            "turn": turn,
            "started": started,
            "asked": len(members),
            "question": prompt.question[:QUESTION],
            "prompt": prompt,
        },
    )
    for position, member in enumerate(members):
        yield schema.members, {"run": run, "turn": turn, "position": position, **asdict(member)}


def ended(run: str, turn: int, outcome: Outcome) -> Rows:
    """The rows of a member that has ended."""
    key: dict[str, object] = {"run": run, "turn": turn, "member": outcome.member.name}
    yield (
        schema.outcomes,
        {
            **key,
            "state": outcome.state,
            "reason": outcome.reason,
            "started": outcome.started,
            "first_token": outcome.first_token,
            "duration": outcome.duration,
            "stand_in": outcome.stand_in,
            **_optional(outcome.fault, Fault),
        },
    )
    if outcome.answer is not None:
        fields = asdict(outcome.answer)
        del fields["usage"]
        yield schema.answers, {**key, **fields, **_optional(outcome.answer.usage, Usage)}
    for number, attempt in enumerate(outcome.attempts):
        yield schema.attempts, {**key, "attempt": number, **asdict(attempt)}


def finished(end: RunEnded) -> Rows:
    """The row of a turn that is over."""
    yield schema.endings, {**asdict(end), "consensus": end.verdict.consensus}


def judged(run: str, turn: int, verdict: Verdict, at: float) -> Rows:
    """The row of a later verdict, made `at` so many seconds since the epoch."""
    key = {"run": run, "turn": turn, "at": at}
    yield schema.judgements, {**key, "consensus": verdict.consensus, "verdict": verdict}


def _optional(value: msgspec.Struct | None, kind: type[msgspec.Struct]) -> dict[str, object]:
    """The fields of `value` as columns; all of them empty where there is none."""
    return dict.fromkeys(kind.__struct_fields__) if value is None else asdict(value)


def identity(row: Row) -> Identity:
    """From a row of `members`."""
    return msgspec.convert(row, Identity)


def outcome(member: Identity, row: Row, answer: Row | None, attempts: Sequence[Row]) -> Outcome:
    """From a row of `outcomes` and what belongs to it."""
    return msgspec.convert(
        {
            **row,
            "member": member,
            "fault": None if row["category"] is None else msgspec.convert(row, Fault),
            "answer": None if answer is None else _answer(answer),
            "attempts": tuple(msgspec.convert(attempt, Attempt) for attempt in attempts),
        },
        Outcome,
    )


def _answer(row: Row) -> Answer:
    usage = None if row["prompt_tokens"] is None else msgspec.convert(row, Usage)
    return msgspec.convert({**row, "usage": usage}, Answer)


def ending(row: Row) -> RunEnded:
    """From a row of `endings`."""
    return msgspec.convert(row, RunEnded)
