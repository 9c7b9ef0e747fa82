"""Money that is counted in memory, where nothing can be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

from panvox.store.money import Settled, Spending, Sums


class MemoryBook:
    """A `Book` of this process alone; others do not see what it counts, and it forgets when it ends."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Spending, Decimal]] = {}

    async def reserve(
        self, day: str, prompt: tuple[str, int], decide: Callable[[Sums], Sequence[Spending]]
    ) -> None:
        """See `Book`; the loop alone touches it, so that nothing comes in between."""
        for spending in decide(self._sums(day, prompt)):
            self._rows[spending.id] = spending, spending.reserved

    async def settle(self, settled: Sequence[Settled]) -> None:
        """See `Book`."""
        for each in settled:
            if each.id in self._rows:
                self._rows[each.id] = self._rows[each.id][0], each.spent

    def _sums(self, day: str, prompt: tuple[str, int]) -> Sums:
        providers: defaultdict[str, Decimal] = defaultdict(Decimal)
        tags: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row, amount in self._rows.values():
            if row.day == day:
                providers[row.provider] += amount
                tags[row.tag] += amount
        return Sums(
            run=self._sum(lambda row: (row.run, row.turn) == prompt),
            day=sum(providers.values(), Decimal(0)),
            month=self._sum(lambda row: row.day[:7] == day[:7]),
            providers=providers,
            tags=tags,
        )

    def _sum(self, counts: Callable[[Spending], bool]) -> Decimal:
        return sum((amount for row, amount in self._rows.values() if counts(row)), Decimal(0))
