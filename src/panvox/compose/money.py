"""Settings, store and catalogue put together: what asking may cost, and the purse that pays."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from panvox.budget import Book, Ceilings, LimitedPurse, MemoryBook, expected_cost
from panvox.budget.prices import cost_of, is_priced
from panvox.budget.purse import decide, dollars
from panvox.catalog.entries import LOCAL, Entry
from panvox.limits.estimates import Estimates
from panvox.messages import Prompt, Usage
from panvox.protocols import Refusal, Want
from panvox.settings import VENDORS, Settings
from panvox.store import NullJournal, SqlJournal
from panvox.store.money import Spending, Sums, billionths
from panvox.store.money import dollars as exact

NAMED = 3
"""Models that a note names."""


class Till:
    """The money of a session: one book for all its runs."""

    def __init__(self, settings: Settings, store: SqlJournal | NullJournal, estimates: Estimates) -> None:
        self._settings = settings.budget
        self._store = store
        self._estimates = estimates
        self._book: Book = store.money if isinstance(store, SqlJournal) else MemoryBook()
        self._unknown_price = Decimal(str(settings.budget.unknown_price))

    def purse(self) -> AbstractAsyncContextManager[LimitedPurse]:
        """The purse of one run."""
        return LimitedPurse.open(self._book, Ceilings.of(self._settings))

    def configure(self, settings: Settings) -> None:
        """Other limits for runs that begin from now on."""
        self._settings = settings.budget
        self._unknown_price = Decimal(str(settings.budget.unknown_price))

    def notes(self, entries: Sequence[Entry], providers: Collection[str]) -> Iterator[str]:
        """What people have to know of the money before `entries` are asked, as sentences.

        `providers` are those that there are. A limit for a vendor whose key is not there today is none of a
        misspelt name.
        """
        nobody = [name for name in self._settings.providers if name not in {*providers, *VENDORS}]
        if nobody:
            yield (
                f"budget.providers limits {', '.join(nobody)}, and no provider is called so: "
                f"there are {', '.join(sorted(providers))}"
            )
        paid = [entry for entry in entries if not entry.free]
        unknown = [entry.name for entry in paid if not is_priced(entry.reserve)]
        if unknown and self._settings.run != 0:
            more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
            yield (
                f"nobody tells what {', '.join(unknown[:NAMED])}{more} may cost: "
                f"{dollars(self._unknown_price)} per million tokens is set aside (budget.unknown_price); "
                "where you know better, say so under [models]: price_in and price_out, or free = true"
            )
        if paid and isinstance(self._store, NullJournal):
            yield (
                "what is spent is counted in this session only, so that limits of a day and a month do not "
                f"hold beyond it: {self._store.problem}"
            )

    async def refusals(self, wants: Sequence[Want], *, tag: str = "") -> Mapping[str, Refusal]:
        """Who could not be paid for now, by name, and why; nothing is set aside. Raises `StoreError`."""
        refused: dict[str, Refusal] = {}
        rounded = [replace(want, amount=exact(billionths(want.amount))) for want in wants]

        def decided(sums: Sums) -> Sequence[Spending]:
            refused.update(decide(rounded, Ceilings.of(self._settings), sums, tag=tag))
            return ()

        await self._book.reserve(f"{datetime.now(UTC):%Y-%m-%d}", ("", 0), decided)
        return refused

    def expected(self, entry: Entry, prompt: Prompt) -> Decimal | None:
        """USD that asking an entry costs with a usual answer; None where nobody tells its prices."""
        if entry.free or entry.provider == LOCAL:
            return Decimal(0)
        if not is_priced(entry.prices):
            return None
        tokens, answer = self._estimates.of(entry.name, prompt)
        usage = Usage(
            prompt_tokens=tokens,
            completion_tokens=answer if entry.max_output is None else min(answer, entry.max_output),
        )
        return cost_of(usage, entry.prices)

    def cost(self, entry: Entry, prompt: Prompt) -> Decimal:
        """USD that asking an entry may cost, by the highest price that anybody claims; 0 for a free one."""
        if entry.free:
            return Decimal(0)
        tokens, usual = self._estimates.of(entry.name, prompt)
        answer = prompt.max_tokens or usual  # all that is allowed may be used
        return expected_cost(
            entry.reserve,
            input_tokens=tokens,
            output_tokens=answer if entry.max_output is None else min(answer, entry.max_output),
            unknown_price=self._unknown_price,
        )
