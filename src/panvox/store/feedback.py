"""What users told of answers: rows that are only added, in the order in which they were said.

What holds is found by going through them: "undo" takes back the last of its turn that holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, func, insert, select

from panvox.store.schema import feedback
from panvox.verdicts import Feedback

Place = tuple[str, int]
"""A run and the number of a turn."""


def add(place: Place, said: Feedback, connection: Connection) -> None:
    """Write down what was said of a turn, which must be in the store."""
    run, turn = place
    last = connection.scalar(
        select(func.max(feedback.c.entry)).where(feedback.c.run == run, feedback.c.turn == turn)
    )
    entry = 0 if last is None else last + 1
    row = {field: getattr(said, field) for field in said.__struct_fields__}
    connection.execute(insert(feedback), {"run": run, "turn": turn, "entry": entry, **row})


def told(run: str | None, connection: Connection) -> dict[Place, tuple[Feedback, ...]]:
    """All that holds, by turn; of one `run`, or of all, the oldest run first."""
    query = select(feedback).order_by(feedback.c.run, feedback.c.turn, feedback.c.entry)
    if run is not None:
        query = query.where(feedback.c.run == run)
    said: defaultdict[Place, list[Feedback]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        plain = {str(name): value for name, value in row.items()}
        said[row["run"], row["turn"]].append(msgspec.convert(plain, Feedback))
    return {place: held for place, entries in said.items() if (held := in_force(entries))}


def in_force(entries: Iterable[Feedback]) -> tuple[Feedback, ...]:
    """What holds of all that was said of a turn, in the order of `entries`."""
    held: list[Feedback] = []
    for each in entries:
        if each.kind != "undo":
            held.append(each)
        elif held:
            held.pop()
    return tuple(held)
