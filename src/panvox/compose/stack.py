"""How a model is built: what asks the provider at the bottom, and around it all that keeps limits and keys.

asked     retrying → single                 a model by itself
chained   fallback → several singles        a model and those that stand in for it
single    cached → keyed → breaking → limited → metered → bottom
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from panvox.budget import cost_of
from panvox.catalog.entries import LOCAL, Entry
from panvox.catalog.sources import Source
from panvox.keys import KeyPool
from panvox.limits.estimates import Estimates
from panvox.messages import Identity, Prompt
from panvox.policies.breaking import Breakers
from panvox.policies.cached import Cached, Flights
from panvox.policies.chains import ChainMember
from panvox.policies.fallback import Fallback, Link
from panvox.policies.keyed import Keyed
from panvox.policies.limited import Limited
from panvox.policies.metered import Metered
from panvox.policies.pauses import RetryBudget, Rule, rule_for
from panvox.policies.paying import Paying
from panvox.policies.retrying import Retrying
from panvox.protocols import Cache, Limiter, Model, Purse, Refusal, Scope, SimilarPrompts
from panvox.settings import Settings

MAIN = "main"
"""The account of a provider that has no keys, or one."""

Bottom = Callable[[Entry, str | None], Model]
"""The model that asks the provider, with the key that it is given."""

Cost = Callable[[Entry, Prompt], Decimal]
"""USD that asking an entry may cost; 0 for a free one."""


def identity_of(entry: Entry) -> Identity:
    """An entry of the catalogue as a member of a panel."""
    return Identity(name=entry.name, provider=entry.provider, model=entry.model, lineage=entry.lineage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the models of a session have in common."""

    limiter: Limiter
    estimates: Estimates
    retries: RetryBudget
    breakers: Breakers
    cache: Cache
    flights: Flights
    similar: SimilarPrompts | None = None


class Stack:
    """Builds the models of a session, of its `settings` as they are now."""

    def __init__(
        self,
        settings: Settings,
        shared: Shared,
        *,
        sources: Mapping[str, Source],
        pools: Mapping[str, KeyPool],
        bottom: Bottom,
        cost: Cost,
    ) -> None:
        self._settings = settings
        self._shared = shared
        self._sources = sources
        self._pools = pools
        self._bottom = bottom
        self._cost = cost

    # --- what is asked ---

    def bare(self, entry: Entry) -> Model:
        """With its limits and its keys and nothing else: one attempt, which nobody has answered before."""
        return self._keyed(entry, breaking=False)

    def asked(self, entry: Entry, *, fresh: bool = False) -> Model:
        """A model by itself, which is tried again as its rule says."""
        return Retrying(
            self._single(entry, fresh=fresh),
            self._rule(entry),
            budget=self._shared.retries,
            provider=entry.provider,
        )

    def chained(
        self,
        members: Sequence[tuple[Entry, ChainMember]],
        *,
        explicit: bool,
        heard: Callable[[str], None],
        purse: Purse,
        fresh: bool = False,
    ) -> Model:
        """The first of `members`, for which the others stand in; `heard` is told when one does."""
        (first, _), *_ = members
        section = self._settings.fallback
        links = [self._link(entry, member, first, purse=purse, fresh=fresh) for entry, member in members]
        return Fallback(
            links,
            warn_above=section.warn_above,
            refuse_above=section.refuse_above,
            heard=heard,
            budget=self._shared.retries,
            explicit=explicit,
        )

    # --- how it is built ---

    def _link(self, entry: Entry, member: ChainMember, first: Entry, *, purse: Purse, fresh: bool) -> Link:
        model = self._single(entry, fresh=fresh)
        if entry is not first and not entry.free and entry.provider != LOCAL:
            model = Paying(model, partial(self._top_up, entry, first, purse))
        return Link(
            identity=identity_of(entry),
            model=model,
            rule=member.rule(self._rule(entry)),
            cost=partial(self._cost, entry),
            local=entry.provider == LOCAL,
        )

    async def _top_up(self, entry: Entry, first: Entry, purse: Purse, prompt: Prompt) -> Refusal | None:
        more = self._cost(entry, prompt)
        return await purse.top_up(identity_of(first), more, identity_of(entry)) if more > 0 else None

    def _rule(self, entry: Entry) -> Rule:
        source = self._sources.get(entry.provider)
        base = source.vendor.retry_base if source else 1.0
        return rule_for(entry.name, self._settings.retry, vendor_base=base)

    def _single(self, entry: Entry, *, fresh: bool) -> Model:
        return Cached(
            self._keyed(entry),
            identity=identity_of(entry),
            cache=self._shared.cache,
            flights=self._shared.flights,
            mark=self._mark(entry),
            fresh=fresh,
            similar=self._shared.similar,
        )

    def _mark(self, entry: Entry) -> str:
        """What an answer depends on besides the prompt and the model's name; no key, since all lead to it."""
        if entry.provider == LOCAL:
            local = self._settings.local
            return f"{LOCAL} {local.weights} {local.context} {local.max_tokens}"
        vendor = self._sources[entry.provider].vendor
        quirks = vendor.quirks
        return f"{vendor.dialect} {vendor.base_url} {quirks.body} {quirks.max_tokens}"

    def _keyed(self, entry: Entry, *, breaking: bool = True) -> Model:
        pool = self._pools.get(entry.provider)
        if pool is None:
            return self._with_key(entry, None, label="", account=MAIN, breaking=breaking)
        models = {
            key.label: self._with_key(
                entry,
                key.secret.get_secret_value(),
                label=key.label,
                account=key.account,
                several=len({each.account for each in pool.keys}) > 1,
                breaking=breaking,
            )
            for key in pool.keys
        }
        return Keyed(entry.name, pool, models, model=entry.model, free=entry.free)

    def ways(self, entry: Entry) -> tuple[tuple[Scope, ...], ...]:
        """The scopes of limits that a call takes, the narrowest first: for each key that it may go out with.

        The model on this machine has none.
        """
        pool = self._pools.get(entry.provider)
        if entry.provider == LOCAL:
            return ((),)
        if pool is None:
            return (_scopes(entry, "", MAIN, several=False),)
        several = len({key.account for key in pool.keys}) > 1
        return tuple(_scopes(entry, key.label, key.account, several=several) for key in pool.keys)

    def _with_key(
        self,
        entry: Entry,
        secret: str | None,
        *,
        label: str,
        account: str,
        several: bool = False,
        breaking: bool,
    ) -> Model:
        identity = identity_of(entry)
        price = partial(cost_of, prices=entry.prices, free=entry.free or entry.provider == LOCAL)
        model: Model = Metered(self._bottom(entry, secret), identity=identity, key=label, price=price)
        if entry.provider != LOCAL:  # its server has places of its own
            model = Limited(
                model,
                limiter=self._shared.limiter,
                scopes=_scopes(entry, label, account, several=several),
                estimates=self._shared.estimates,
            )
        if breaking and self._settings.breaker.enabled:
            model = self._shared.breakers.around(model, f"{entry.name} ({label})" if label else entry.name)
        return model


def _scopes(entry: Entry, label: str, account: str, *, several: bool) -> tuple[Scope, ...]:
    """What limits of a call are on, the narrowest first; `several` accounts have limits of their own."""
    provider = entry.provider
    own = (Scope("account model", f"{provider}/{account}/{entry.model}"),) if several else ()
    key = (Scope("key", f"{provider}/{label}"),) if label else ()
    return (
        *own,
        Scope("model", entry.name),
        *key,
        Scope("account", f"{provider}/{account}"),
        Scope("provider", provider),
    )
