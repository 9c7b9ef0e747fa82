"""Which limits are set: the command line above the settings above the shipped defaults, scope by scope.

| scope | what is set there |
|---|---|
| `provider openai` | `--provider-rpm` and `--provider-concurrency` above `providers[].limits` |
| `account openai/main` | `providers[].account_limits` above the vendor's shipped defaults |
| `key openai/LABEL` | `providers[].key_limits` |
| `model openai/gpt-5` | `[models."…".limits]`, later rows first, above the shipped rows of models |

What is said of a whole provider drops the shipped default of the same field at its accounts: who sets 1,000
requests a minute for a provider does not want to be kept at the 500 that ship.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import translate

import msgspec

from panvox.errors import UsageError
from panvox.limits.defaults import account_default, model_default
from panvox.limits.terms import NOTHING, UNITS, Field, Terms
from panvox.protocols import Limits, Scope, Window
from panvox.settings import VENDORS, Provider, Settings
from panvox.settings.schema import Allowance
from panvox.settings.values import MOST_BY_PROVIDER, window_in

_MINUTE = 60.0


class Overrides(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says, by provider: requests a minute, and calls on their way at once."""

    requests: Mapping[str, int] = {}
    slots: Mapping[str, int] = {}


NO_OVERRIDES = Overrides()


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """What is set for a scope, and where each field comes from; `shipped` are those that nobody set here."""

    limits: Limits = Limits()
    set_here: frozenset[Field] = frozenset()
    shipped: frozenset[Field] = frozenset()


class ConfiguredLimits:
    """The limits that are set, by scope; call it with one."""

    def __init__(self, settings: Settings, overrides: Overrides) -> None:
        self._providers = {provider.id: provider for provider in settings.providers}
        self._models = [
            (re.compile(translate(pattern), re.IGNORECASE).match, _terms(facts.limits))
            for pattern, facts in settings.models.items()
            if facts.limits is not None
        ]
        self._overrides = overrides
        self._known: dict[Scope, Configured] = {}

    def __call__(self, scope: Scope) -> Limits:
        """What is set for `scope`; by default, everything is allowed."""
        return self.of(scope).limits

    def shipped(self, scope: Scope) -> frozenset[str]:
        """The fields that hold there only because they ship: what a provider tells replaces them."""
        return self.of(scope).shipped

    def of(self, scope: Scope) -> Configured:
        """What is set for `scope`, with its origin."""
        if scope not in self._known:
            self._known[scope] = self._find(scope)
        return self._known[scope]

    def _find(self, scope: Scope) -> Configured:
        provider, _, rest = scope.name.partition("/")
        row = self._providers.get(provider)
        match scope.kind:
            case "provider":
                return _configured(self._of_provider(provider))
            case "account":
                own = _terms(row.account_limits) if row else NOTHING
                dropped = self._of_provider(provider).said
                return _configured(own, account_default(_vendor(provider, row)).without(dropped))
            case "key":
                return _configured(_terms(row.key_limits) if row else NOTHING)
            case "model":
                return _configured(self._of_model(scope.name), model_default(_vendor(provider, row), rest))
            case "account model":
                return Configured()  # what is set for a model holds for all accounts together

    def _of_provider(self, provider: str) -> Terms:
        row, overrides = self._providers.get(provider), self._overrides
        terms = _terms(row.limits) if row else NOTHING
        if (amount := overrides.requests.get(provider)) is not None:
            others = tuple(window for window in terms.requests or () if window.seconds != _MINUTE)
            minute = Window("requests", amount, _MINUTE)
            terms = msgspec.structs.replace(terms, requests=(minute, *others))
        if (slots := overrides.slots.get(provider)) is not None:
            terms = msgspec.structs.replace(terms, slots=slots)
        return terms

    def _of_model(self, name: str) -> Terms:
        terms = NOTHING
        for fits, said in self._models:
            if fits(name):
                terms = said.over(terms)
        return terms


def limits_of(settings: Settings, overrides: Overrides = NO_OVERRIDES) -> ConfiguredLimits:
    """The limits that `settings` and the command line set, and those that ship where they say nothing.

    Raises `UsageError` where `limits.provider_rpm` or `limits.provider_concurrency` cannot be read.
    """
    known = [provider.id for provider in settings.providers]
    rpm, slots = settings.limits.provider_rpm, settings.limits.provider_concurrency
    both = Overrides(
        requests={**_by_provider("limits.provider_rpm", "openai:1000", rpm, known), **overrides.requests},
        slots={**_by_provider("limits.provider_concurrency", "openai:20", slots, known), **overrides.slots},
    )
    return ConfiguredLimits(settings, both)


def _configured(own: Terms, shipped: Terms = NOTHING) -> Configured:
    return Configured(limits=own.over(shipped).limits, set_here=own.said, shipped=shipped.said - own.said)


def _vendor(provider: str, row: Provider | None) -> str:
    """The vendor whose defaults hold for a provider; empty for an address of its own."""
    if row is None:
        return provider if provider in VENDORS else ""
    return row.row.id if row.row else ""


def _terms(allowance: Allowance) -> Terms:
    windows = {
        unit: tuple(Window(unit, *window_in(text)) for text in said)
        for unit in UNITS
        if (said := getattr(allowance, unit)) is not None
    }
    return Terms(**windows, slots=allowance.slots, spacing=allowance.spacing, loaded=allowance.loaded)


# --- the command line --------------------------------------------------------------------------------


def parse_provider_rpm(texts: Iterable[str], *, known: Iterable[str] = ()) -> Mapping[str, int]:
    """Requests a minute by provider, as `--provider-rpm openai:1000,gemini:60` has them.

    `known` are the providers that there are; without any, the vendors. Raises `UsageError`.
    """
    return _by_provider("--provider-rpm", "openai:1000", texts, known)


def parse_provider_concurrency(texts: Iterable[str], *, known: Iterable[str] = ()) -> Mapping[str, int]:
    """Calls on their way at once by provider, as `--provider-concurrency openai:20` has them.

    `known` are the providers that there are; without any, the vendors. Raises `UsageError`.
    """
    return _by_provider("--provider-concurrency", "openai:20", texts, known)


def _by_provider(option: str, example: str, texts: Iterable[str], known: Iterable[str]) -> dict[str, int]:
    names = list(known) or list(VENDORS)
    found: dict[str, int] = {}
    for entry in (part.strip() for text in texts for part in text.split(",")):
        provider, colon, number = (part.strip() for part in entry.rpartition(":"))
        if not colon or not provider:
            raise UsageError(f"{option} {entry!r}: write PROVIDER:NUMBER, such as {example}")
        if provider not in names:
            raise UsageError(f"{option} {entry!r}: {_unknown(provider, names)}")
        if provider in found:
            raise UsageError(f"{option}: {provider} is there twice; say once what holds")
        found[provider] = _number(option, entry, number)
    return found


def _unknown(provider: str, names: list[str]) -> str:
    near = get_close_matches(provider, names, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
    return f"there is no provider {provider}; {meant}"


def _number(option: str, entry: str, text: str) -> int:
    entry, text = entry[:40], text[:20]
    allowed = f"give a whole number from 1 to {MOST_BY_PROVIDER:,}"
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise UsageError(f"{option} {entry!r}: {text or 'nothing'} is no whole number; {allowed}")
    if not 1 <= (number := int(text)) <= MOST_BY_PROVIDER:
        raise UsageError(f"{option} {entry!r}: {text} cannot hold; {allowed}")
    return number
