"""Money that is counted in memory, where nothing can be kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from panvox.store.money import Settled, Spending, Sums

_PROMPTS = 10_000
"""Prompts of which it is known what they have cost, the latest: far more than are asked at once."""

_Sum = tuple[str, str, str]  # day, provider and tag


class MemoryBook:
    """A `Book` of this process alone; others do not see what it counts, and it forgets when it ends.

    Each spending is kept until it is settled; of those that are, only what they add up to.
    """

    def __init__(self) -> None:
        self._open: dict[str, Spending] = {}
        self._spent: defaultdict[_Sum, Decimal] = defaultdict(Decimal)
        self._prompts: dict[tuple[str, int], Decimal] = {}

    async def reserve(
        self, day: str, prompt: tuple[str, int], decide: Callable[[Sums], Sequence[Spending]]
    ) -> None:
        """See `Book`; the loop alone touches it, so that nothing comes in between."""
        for spending in decide(self._sums(day, prompt)):
            self._open[spending.id] = spending

    async def settle(self, settled: Sequence[Settled]) -> None:
        """See `Book`."""
        for each in settled:
            spending = self._open.pop(each.id, None)
            if spending is not None:
                self._add(spending, each.spent)

    def _add(self, spending: Spending, spent: Decimal) -> None:
        self._spent[spending.day, spending.provider, spending.tag] += spent
        prompt = spending.run, spending.turn
        self._prompts[prompt] = self._prompts.pop(prompt, Decimal(0)) + spent
        if len(self._prompts) > _PROMPTS:
            del self._prompts[next(iter(self._prompts))]

    def _sums(self, day: str, prompt: tuple[str, int]) -> Sums:
        of_day, of_month = Decimal(0), Decimal(0)
        providers: defaultdict[str, Decimal] = defaultdict(Decimal)
        tags: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (its_day, provider, tag), amount in self._amounts():
            if its_day[:7] == day[:7]:
                of_month += amount
            if its_day == day:
                of_day += amount
                providers[provider] += amount
                tags[tag] += amount
        reserved = (each.reserved for each in self._open.values() if (each.run, each.turn) == prompt)
        of_run = sum(reserved, self._prompts.get(prompt, Decimal(0)))
        return Sums(run=of_run, day=of_day, month=of_month, providers=providers, tags=tags)

    def _amounts(self) -> Iterator[tuple[_Sum, Decimal]]:
        yield from self._spent.items()
        for each in self._open.values():
            yield (each.day, each.provider, each.tag), each.reserved
