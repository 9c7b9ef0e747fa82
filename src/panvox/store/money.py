"""Money in the store: what is set aside, what was spent, and what that adds up to.

Everybody who sets money aside takes the lock of the database first, so that the limits hold for all processes
that share it. Amounts are exact: decimal text for people, billionths of a dollar, rounded up, to be added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Literal

import msgspec
from msgspec.structs import asdict
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    case,
    func,
    insert,
    select,
    update,
)

from panvox.store import database
from panvox.store.schema import spendings

By = Literal["day", "provider", "model", "run", "tag"]
"""What costs are added up by."""

LOST = 3_600.0
"""Seconds after which money that is set aside is shown as spent.

A process that was killed settles nothing, and nobody can ask it what its calls came to: the provider may have
taken all of it. So the money stays counted as it was estimated. Nothing waits longer than an hour for an
answer, and one that does is settled all the same.
"""


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """Money that is set aside for a member: `at` in seconds since 1970, `day` by UTC, `reserved` in USD.

    `id` is unique in all processes.
    """

    id: str
    at: float
    day: str
    run: str
    turn: int
    member: str
    provider: str
    model: str
    tag: str
    reserved: Decimal


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a spending: USD `spent`, the calls that went out, the answers that came of them.

    `assumed`: nobody can tell what was spent, so it is what had been set aside.
    """

    id: str
    spent: Decimal
    calls: int = 0
    answers: int = 0
    assumed: bool = False


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """USD that are spent or set aside: for the prompt, in the day and its month, and in the day by name."""

    run: Decimal = Decimal(0)
    day: Decimal = Decimal(0)
    month: Decimal = Decimal(0)
    providers: Mapping[str, Decimal] = {}
    tags: Mapping[str, Decimal] = {}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a day, provider, model or run (`key`) has cost, in USD; `held` is set aside for calls under way.

    `calls` counts those that went out, `answers` what came of them.
    """

    key: str
    spent: Decimal
    held: Decimal = Decimal(0)
    calls: int = 0
    answers: int = 0

    @property
    def per_answer(self) -> Decimal | None:
        """USD of a useful answer: failed attempts and stand-ins are in it. None where there was none.

        To a billionth.
        """
        return round(self.spent / self.answers, 9) if self.answers else None


class Money:
    """The money in a database. Everything raises `StoreError` where that cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def reserve(
        self, day: str, prompt: tuple[str, int], decide: Callable[[Sums], Sequence[Spending]]
    ) -> None:
        """Set aside what `decide` makes of the sums; nobody else's money changes meanwhile.

        `prompt` is its run and turn. `decide` is called in another thread.
        """
        await asyncio.to_thread(database.change, self._engine, partial(_reserve, day, prompt, decide))

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write down what became of spendings; one that is not there is passed over."""
        await asyncio.to_thread(database.change, self._engine, partial(_settle, settled))

    async def sums(self, day: str) -> Sums:
        """What is spent or set aside in a day and its month."""
        return await asyncio.to_thread(database.read, self._engine, partial(_sums, day, ("", 0)))

    async def costs(self, by: By, *, since: str, now: float) -> list[Cost]:
        """What was spent from the day `since` on, in the order of the keys; `now` in seconds since 1970."""
        return await asyncio.to_thread(database.read, self._engine, partial(_costs, by, since, now))


def billionths(amount: Decimal) -> int:
    """USD as a whole number, never too low."""
    return int((amount * 10**9).to_integral_value(ROUND_CEILING))


def dollars(amount: int | None) -> Decimal:
    """The USD of so many billionths."""
    return Decimal(amount or 0).scaleb(-9)


def _reserve(
    day: str,
    prompt: tuple[str, int],
    decide: Callable[[Sums], Sequence[Spending]],
    connection: Connection,
) -> None:
    rows = [_row(spending) for spending in decide(_sums(day, prompt, connection))]
    if rows:
        connection.execute(insert(spendings), rows)


def _row(spending: Spending) -> dict[str, object]:
    counted = billionths(spending.reserved)
    return {**asdict(spending), "counted": counted, "state": "reserved", "calls": 0, "answers": 0}


_SETTLING = (
    update(spendings)
    .where(spendings.c.id == bindparam("of"))
    .values({name: bindparam(f"to_{name}") for name in ("spent", "counted", "state", "calls", "answers")})
)


def _settle(settled: Sequence[Settled], connection: Connection) -> None:
    rows = [
        {
            "of": each.id,
            "to_spent": each.spent,
            "to_counted": billionths(each.spent),
            "to_state": "assumed" if each.assumed else "spent",
            "to_calls": each.calls,
            "to_answers": each.answers,
        }
        for each in settled
    ]
    connection.execute(_SETTLING, rows)


def _sums(day: str, prompt: tuple[str, int], connection: Connection) -> Sums:
    table, (run, turn) = spendings.c, prompt
    providers, tags = (_by_name(connection, day, column) for column in (table.provider, table.tag))
    return Sums(
        run=_sum(connection, table.run == run, table.turn == turn),
        day=sum(providers.values(), Decimal(0)),
        month=_sum(connection, table.day.between(f"{day[:7]}-01", f"{day[:7]}-31")),
        providers=providers,
        tags=tags,
    )


def _sum(connection: Connection, *conditions: ColumnElement[bool]) -> Decimal:
    return dollars(connection.scalar(select(func.sum(spendings.c.counted)).where(*conditions)))


def _by_name(connection: Connection, day: str, name: Column[str]) -> dict[str, Decimal]:
    query = select(name, func.sum(spendings.c.counted)).where(spendings.c.day == day).group_by(name)
    return {str(each): dollars(counted) for each, counted in connection.execute(query)}


def _costs(by: By, since: str, now: float, connection: Connection) -> list[Cost]:
    table = spendings.c
    key = table["member" if by == "model" else by]
    held = (table.state == "reserved") & (table.at > now - LOST)
    query = (
        select(
            key,
            func.sum(case((held, 0), else_=table.counted)),
            func.sum(case((held, table.counted), else_=0)),
            func.sum(table.calls),
            func.sum(table.answers),
        )
        .where(table.day >= since)
        .group_by(key)
        .order_by(key)
    )
    return [
        Cost(key=str(key), spent=dollars(spent), held=dollars(held), calls=calls, answers=answers)
        for key, spent, held, calls, answers in connection.execute(query)
    ]
