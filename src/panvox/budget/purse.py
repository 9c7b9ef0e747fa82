"""Who may be asked for the money that there is: a pure decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from panvox.protocols import Refusal, Want
from panvox.settings.schema import BudgetSection
from panvox.store.money import Sums


class Ceilings(msgspec.Struct, frozen=True, kw_only=True):
    """USD that may be spent: on one prompt, in a day and a month by UTC, in a day by provider and by tag.

    None, and what is not there, is without a limit.
    """

    run: Decimal | None = None
    day: Decimal | None = None
    month: Decimal | None = None
    providers: Mapping[str, Decimal] = {}
    tags: Mapping[str, Decimal] = {}

    @classmethod
    def of(cls, section: BudgetSection) -> Ceilings:
        """As the settings have them, to the cent."""
        return cls(
            run=_exact(section.run),
            day=_exact(section.day),
            month=_exact(section.month),
            providers={name: Decimal(str(amount)) for name, amount in section.providers.items()},
            tags={name: Decimal(str(amount)) for name, amount in section.tags.items()},
        )


def _exact(amount: float | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))


@dataclass(slots=True, kw_only=True)
class _Limit:
    """A limit that is in force: USD that may be spent `on` something and that are, by now."""

    on: str
    setting: str
    most: Decimal
    spent: Decimal

    def has_room_for(self, amount: Decimal) -> bool:
        return self.spent + amount <= self.most

    def refusal(self, amount: Decimal) -> Refusal:
        if not self.most:
            return Refusal(
                f"nothing may be spent {self.on} ({self.setting} is 0): only free models are asked"
            )
        left = max(self.most - self.spent, Decimal(0))
        return Refusal(
            f"{dollars(left)} of {dollars(self.most)} is left {self.on} and this model may cost "
            f"{dollars(amount)}; {self.setting} sets the limit"
        )


def decide(wants: Sequence[Want], ceilings: Ceilings, sums: Sums, *, tag: str = "") -> dict[str, Refusal]:
    """Who must not be asked, and why, by member: money goes to the cheapest first, as far as it reaches.

    No limit is ever exceeded by what is set aside. A member whose provider has used up its own limit does not
    keep the others from being asked.
    """
    shared = list(_shared(ceilings, sums, tag))
    own = {name: _of_provider(name, most, sums) for name, most in ceilings.providers.items()}
    refused: dict[str, Refusal] = {}
    for want in sorted(wants, key=lambda want: want.amount):
        limits = [*shared, *(own[name] for name in (want.asked.provider,) if name in own)]
        full = next((limit for limit in limits if not limit.has_room_for(want.amount)), None)
        if full is not None:
            refused[want.member.name] = full.refusal(want.amount)
            continue
        for limit in limits:
            limit.spent += want.amount
    return refused


def _shared(ceilings: Ceilings, sums: Sums, tag: str) -> Iterator[_Limit]:
    if ceilings.run is not None:
        yield _Limit(on="on one prompt", setting="budget.run", most=ceilings.run, spent=sums.run)
    if tag in ceilings.tags:
        most = ceilings.tags[tag]
        spent = sums.tags.get(tag, Decimal(0))
        yield _Limit(on=f"for {tag} today", setting=f"budget.tags.{tag}", most=most, spent=spent)
    if ceilings.day is not None:
        yield _Limit(on="today", setting="budget.day", most=ceilings.day, spent=sums.day)
    if ceilings.month is not None:
        yield _Limit(on="this month", setting="budget.month", most=ceilings.month, spent=sums.month)


def _of_provider(name: str, most: Decimal, sums: Sums) -> _Limit:
    spent = sums.providers.get(name, Decimal(0))
    return _Limit(on=f"at {name} today", setting=f"budget.providers.{name}", most=most, spent=spent)


def dollars(amount: Decimal) -> str:
    """USD to the cent, and small amounts to four digits that say something: `$12.50`, `$0.01234`."""
    digits = 2 if amount >= 1 or not amount else min(9, max(2, 3 - amount.adjusted()))
    whole, _, part = f"{amount:,.{digits}f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"
