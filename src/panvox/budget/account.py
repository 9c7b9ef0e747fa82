"""The purse that keeps the limits: it asks a book what is spent, decides, and writes down what it takes."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Protocol, Self

from msgspec.structs import replace

from panvox.budget.prices import spent_on
from panvox.budget.purse import Ceilings, decide
from panvox.errors import StoreError
from panvox.messages import Attempt, Identity, Outcome
from panvox.protocols import Refusal, Want
from panvox.store.money import Settled, Spending, Sums, billionths, dollars


class Book(Protocol):
    """Where money is counted: in the store for all processes, or in memory for one. Raises `StoreError`."""

    async def reserve(
        self, day: str, prompt: tuple[str, int], decide: Callable[[Sums], Sequence[Spending]]
    ) -> None:
        """Write down what `decide` makes of the sums; nobody else's money changes meanwhile.

        `day` is by UTC, such as 2026-03-01; `prompt` is its run and turn.
        """
        ...

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Write down what became of spendings."""
        ...


class LimitedPurse:
    """The `Purse` of one run, over a book that it shares with others. `clock` is in seconds since 1970.

    Money counts on the day on which it was set aside, also where the answer comes after midnight.
    """

    def __init__(self, book: Book, ceilings: Ceilings, *, clock: Callable[[], float] = time.time) -> None:
        self.problem: str | None = None
        self._book = book
        self._ceilings = ceilings
        self._clock = clock
        self._turn = ("", 0, "")
        self._held: defaultdict[str, dict[str, Spending]] = defaultdict(dict)  # by member and by who is asked
        self._doubtful: list[Spending] = []
        # The process for people, chance for uniqueness: processes are numbered anew on every machine.
        prefix = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._ids: Iterator[str] = (f"{prefix}-{number}" for number in count())

    @classmethod
    @asynccontextmanager
    async def open(cls, book: Book, ceilings: Ceilings) -> AsyncIterator[Self]:
        """A purse that is closed on leaving."""
        purse = cls(book, ceilings)
        try:
            yield purse
        finally:
            await purse.close()

    def __repr__(self) -> str:
        held = sum((each.reserved for each in self._spendings()), Decimal(0))
        return f"<{type(self).__name__} ${held} set aside>"

    def _spendings(self) -> Iterator[Spending]:
        return (spending for held in self._held.values() for spending in held.values())

    def begin(self, *, run: str, turn: int, tag: str = "") -> None:
        """See `Purse`."""
        self._turn = run, turn, tag

    async def reserve(self, wants: Sequence[Want]) -> Mapping[str, Refusal]:
        """See `Purse`."""
        return await self._set_aside(wants) if wants else {}

    async def top_up(self, member: Identity, amount: Decimal, stand_in: Identity) -> Refusal | None:
        """See `Purse`."""
        if stand_in.name in self._held[member.name]:
            return None
        refused = await self._set_aside([Want(member, amount, stand_in)])
        return refused.get(member.name)

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """See `Purse`."""
        settled: list[Settled] = []
        for outcome in outcomes:
            if held := self._held.pop(outcome.member.name, None):
                settled += _settled(outcome, held)
        await self._write(settled)

    async def close(self) -> None:
        """See `Purse`."""
        held = list(self._spendings())
        released = [Settled(id=each.id, spent=Decimal(0)) for each in self._doubtful]
        self._held.clear()
        self._doubtful.clear()
        await self._write([*released, *map(_assumed, held)])

    async def _set_aside(self, wants: Sequence[Want]) -> dict[str, Refusal]:
        run, turn, tag = self._turn
        day = f"{datetime.fromtimestamp(self._clock(), UTC):%Y-%m-%d}"
        # Rounded up as books count them, so that a limit holds to the last digit.
        wants = [replace(want, amount=dollars(billionths(want.amount))) for want in wants]
        spendings = {want.member.name: self._spending(want, day) for want in wants}
        refused: dict[str, Refusal] = {}
        given_up = False

        def decided(sums: Sums) -> Sequence[Spending]:
            if given_up:
                return ()
            refused.update(decide(wants, self._ceilings, sums, tag=tag))
            return [each for name, each in spendings.items() if name not in refused]

        try:
            await self._book.reserve(day, (run, turn), decided)
        except asyncio.CancelledError:
            # Another thread is at it. What it has not begun it leaves, what it may have written is given back
            # on closing: nobody was asked.
            given_up = True
            self._doubtful += spendings.values()
            raise
        except StoreError as error:
            return {want.member.name: Refusal(f"no money can be set aside: {error}") for want in wants}
        for want in wants:
            if (name := want.member.name) not in refused:
                self._held[name][want.asked.name] = spendings[name]
        return refused

    def _spending(self, want: Want, day: str) -> Spending:
        run, turn, tag = self._turn
        return Spending(
            id=next(self._ids),
            at=self._clock(),
            day=day,
            run=run,
            turn=turn,
            member=want.member.name,
            provider=want.asked.provider,
            model=want.asked.model,
            tag=tag,
            reserved=want.amount,
        )

    async def _write(self, settled: Sequence[Settled]) -> None:
        if not settled:
            return
        try:
            await self._book.settle(settled)
        except StoreError as error:
            self.problem = self.problem or (
                f"What was spent could not be written down and counts as it was estimated: {error}"
            )


def _settled(outcome: Outcome, held: Mapping[str, Spending]) -> list[Settled]:
    """A member's money when it has ended: what each model that was asked came to stands in its own row.

    Models for which nothing was set aside, since they cost nothing, have theirs in the first row.
    """
    attempts: dict[str, list[Attempt]] = {name: [] for name in held}
    first = last = next(iter(held))
    for attempt in outcome.attempts:
        name = attempt.model or outcome.member.name
        last = name if name in held else first
        attempts[last].append(attempt)
    return [_of_one(outcome, row, attempts[name], spoke=name == last) for name, row in held.items()]


def _of_one(outcome: Outcome, row: Spending, attempts: Sequence[Attempt], *, spoke: bool) -> Settled:
    """What the attempts at one model came to; it `spoke` if what was heard of the member is from it."""
    spent = spent_on(replace(outcome, attempts=tuple(attempts), answer=outcome.answer if spoke else None))
    return Settled(
        id=row.id,
        spent=row.reserved if spent is None else spent,
        calls=sum(not attempt.cached for attempt in attempts),
        answers=int(spoke and outcome.answered),
        assumed=spent is None,
    )


def _assumed(spending: Spending) -> Settled:
    return Settled(id=spending.id, spent=spending.reserved, assumed=True)
