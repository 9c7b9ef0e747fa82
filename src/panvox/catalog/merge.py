"""One record for each model, out of what everybody says of it, with every claim kept.

Which source holds, field by field:

    settings > list of the provider > catalogues that come with panvox > what follows from other fields

Where there is no list price and two catalogues differ by more than 5 %, the higher holds; and money is always
reserved by the highest price that anybody claims, unless the settings know better.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from panvox.catalog.capabilities import derived
from panvox.catalog.entries import Claim, Entry, Record
from panvox.catalog.lineage import kin, lineage
from panvox.catalog.measurements import TaskKind
from panvox.catalog.overrides import Overrides
from panvox.catalog.references import first_by_source
from panvox.catalog.sources import Source
from panvox.protocols import Capability, Listing, Prices
from panvox.settings.vendors import Vendor

PRICES = ("input", "output", "cached", "cache_write", "reasoning", "request")
APART = 0.05
"""The share by which prices may differ before they are called a conflict."""

_Value = TypeVar("_Value")


class Facts(Protocol):
    """Where claims about models come from besides lists."""

    def claims(self, vendor: Vendor, model: str, *, lineage_word: str) -> Iterator[tuple[str, Claim]]:
        """What is said of `model` at `vendor`, field by field."""
        ...


class Strengths(Protocol):
    """How strong models are."""

    def claims(self, lineage_word: str) -> Mapping[str, Claim]:
        """By task kind ("general", "code", "math"), as far as measured; the note says by what."""
        ...


class Unmeasured:
    """Nobody has measured anything."""

    def claims(self, lineage_word: str) -> Mapping[str, Claim]:
        """Nothing."""
        del lineage_word
        return {}


class Merging:
    """Makes records; `facts` and `strengths` are where more is known than lists tell."""

    def __init__(self, *, facts: Facts, strengths: Strengths, overrides: Overrides) -> None:
        self._facts = facts
        self._strengths = strengths
        self._overrides = overrides

    def record(self, source: Source, listing: Listing, *, at: float | None) -> Record:
        """The record for what `source` has listed `at` a time (seconds since 1970)."""
        name = name_of(source.provider, listing.id)
        own = self._overrides.claims(name)
        weights = own.get("lineage") or _lineage(source, listing)
        word = str(weights.value)
        told = [
            *_listed(source, listing, at),
            *self._facts.claims(source.vendor, listing.id, lineage_word=word),
        ]
        claims: dict[str, list[Claim]] = first_by_source(told)
        claims["lineage"] = [weights]
        for field in PRICES:
            _higher_first(claims.get(f"prices.{field}", []))
        for field, claim in own.items():
            claims.setdefault(field, []).insert(0, claim)
        strengths = {**self._strengths.claims(word), **_strengths_in(own)}
        claims |= {f"strength.{kind}": [claim] for kind, claim in strengths.items()}
        _add(claims, "free", _free(source, listing, claims))
        _derive(claims, source, listing, strengths, fixed="capabilities" in own)
        return Record(entry=_entry(source, listing, name, claims), claims=_ordered(claims))


def name_of(provider: str, model: str) -> str:
    """The name people use; spaces and commas would end a pattern."""
    return f"{provider}/{re.sub(r'[ ,]+', '-', model.strip())}"


# --- what lists say ----------------------------------------------------------------------------------


def _listed(source: Source, listing: Listing, at: float | None) -> Iterator[tuple[str, Claim]]:
    """What the provider's own list says; where zero means that nobody told, it is no claim."""
    prices = {field: getattr(listing.prices, field) for field in PRICES}
    values: dict[str, object] = {
        "title": listing.name,
        "family": listing.family,
        "context": listing.context,
        "max_output": listing.max_output,
        "inputs": listing.inputs,
        "outputs": listing.outputs,
        "released": _released(listing.created),
        "retires": listing.retires,
        **{
            f"prices.{field}": price for field, price in prices.items() if price or source.vendor.zero_is_free
        },
        **{f"capabilities.{word}": True for word in listing.capabilities},
        **{f"capabilities.{word}": False for word in listing.denied},
    }
    for field, value in values.items():
        if isinstance(value, str | int | float | tuple) and value not in ("", ()):
            yield field, Claim(value, "list", at)
    for field in PRICES:
        if price := getattr(listing.tiers, field):
            yield f"tiers.{field}", Claim(price, "list", at, "at the dearest")


def _released(created: int | None) -> str:
    """The day on which a model was listed first; many servers say 0, and some say anything."""
    if created is None or not _FIRST_CHAT <= created < _FAR:
        return ""
    return datetime.fromtimestamp(created, UTC).date().isoformat()


_FIRST_CHAT = 1_577_836_800  # 2020; nothing that chats is older
_FAR = 4_102_444_800  # 2100


def _lineage(source: Source, listing: Listing) -> Claim:
    relay = source.vendor.relay
    upstream = listing.id.partition(relay)[2] if relay and relay in listing.id else listing.id
    by_name, word = lineage(upstream), lineage(upstream, told=listing.weights)
    if word != by_name:
        return Claim(word, "list", None, f"its weights are {listing.weights}")
    return Claim(word, "name", None, f"is called {upstream}")


def _free(source: Source, listing: Listing, claims: Mapping[str, list[Claim]]) -> Claim:
    """Whether asking it costs nothing, and why that is thought."""
    if source.free is not None:
        return Claim(
            source.free, "settings", None, f"providers: {source.provider} has free = {source.free}".lower()
        )
    held = {field: claims[f"prices.{field}"][0] for field in PRICES if claims.get(f"prices.{field}")}
    told = {field: claim for field, claim in held.items() if claim.source in ("list", "settings")}
    if dear := next((claim for claim in told.values() if claim.value), None):
        return Claim(False, dear.source, dear.at, "it has a price")
    if listing.free is not None:
        return Claim(listing.free, "list", None, "its list says so" if listing.free else "it has another fee")
    if listing.id.endswith(":free"):
        return Claim(True, "name", None, "its name ends in :free")
    if computed_here(source, listing):
        return Claim(True, "address", None, "computed on this machine")
    if {"input", "output"} <= told.keys() and held.keys() == told.keys():
        return Claim(True, told["input"].source, told["input"].at, "its prices are zero")
    return Claim(False, "prices", None, "nothing says that it costs nothing")


def computed_here(source: Source, listing: Listing) -> bool:
    """Whether a model is computed on this machine, and not fetched from elsewhere by what listens here.

    Gateways listen on this machine too. A server that nobody named has to call itself what its port says.
    """
    vendor = source.vendor
    if not (vendor.loopback and vendor.computes) or listing.remote:
        return False
    return not source.guessed or not vendor.owner or listing.owner == vendor.owner


# --- which claim holds -------------------------------------------------------------------------------


def _add(claims: dict[str, list[Claim]], field: str, claim: Claim) -> None:
    if field not in claims:
        claims[field] = [claim]
    elif claims[field][0].source != claim.source:
        claims[field].append(claim)


def _higher_first(claims: list[Claim]) -> None:
    """Among catalogues that differ by more than 5 %, the dearer one first; the provider's own list stays."""
    start = 1 if claims and claims[0].source == "list" else 0
    told = claims[start:]
    if len(told) > 1 and differ(told):
        claims[start:] = sorted(told, key=lambda claim: -_amount(claim))


def differ(claims: Sequence[Claim]) -> bool:
    """Whether claims about one field contradict each other; prices may be 5 % apart, texts never count."""
    values = [claim.value for claim in claims]
    if all(isinstance(value, bool) for value in values):
        return len(set(values)) > 1
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < 2:
        return False
    return max(numbers) - min(numbers) > APART * max(numbers)


def _amount(claim: Claim) -> float:
    return claim.value if isinstance(claim.value, int | float) else 0.0


_NAMED = tuple(word for word in Capability if word not in {Capability.FREE, Capability.LOCAL})
"""What the settings name or deny in one list; the others follow from `free` and from the address."""


def _derive(
    claims: dict[str, list[Claim]],
    source: Source,
    listing: Listing,
    strengths: Mapping[str, Claim],
    *,
    fixed: bool,
) -> None:
    """Add what follows of the capabilities; where the settings name them all, everything else is denied."""
    context = _held(claims, "context", int)
    found = derived(
        listing.id,
        inputs=_held(claims, "inputs", tuple) or (),
        outputs=_held(claims, "outputs", tuple) or (),
        context=context,
        free=claims["free"][0] if claims["free"][0].value else None,
        local=computed_here(source, listing),
        strengths=strengths,
    )
    for capability, claim in found:
        _add(claims, f"capabilities.{capability}", claim)
    if fixed:
        named = claims.pop("capabilities")[0]
        words = named.value if isinstance(named.value, tuple) else ()
        for capability in _NAMED:
            told = claims.setdefault(f"capabilities.{capability}", [])
            told.insert(0, Claim(capability.value in words, named.source, None, named.note))


def _held(claims: Mapping[str, Sequence[Claim]], field: str, kind: type[_Value]) -> _Value | None:
    """The value that holds, if there is one of this kind."""
    value = claims[field][0].value if claims.get(field) else None
    return value if isinstance(value, kind) else None


def _strengths_in(own: Mapping[str, Claim]) -> dict[str, Claim]:
    """What the settings say; a strength in general holds for every kind that they do not name."""
    general = own.get("strength.general")
    told = {kind: own.get(f"strength.{kind}", general) for kind in TaskKind}
    return {kind.value: claim for kind, claim in told.items() if claim is not None}


def _ordered(claims: Mapping[str, Sequence[Claim]]) -> dict[str, tuple[Claim, ...]]:
    return {field: tuple(several) for field, several in sorted(claims.items()) if several}


def _entry(source: Source, listing: Listing, name: str, claims: Mapping[str, Sequence[Claim]]) -> Entry:
    free = claims["free"][0].value is True
    word = _held(claims, "lineage", str) or name
    return Entry(
        name=name,
        provider=source.provider,
        model=listing.id,
        lineage=word,
        kin=kin(word),
        title=_held(claims, "title", str) or "",
        free=free,
        context=_held(claims, "context", int),
        max_output=_held(claims, "max_output", int),
        prices=_prices(claims),
        reserve=_reserve(claims),
        inputs=_held(claims, "inputs", tuple) or (),
        outputs=_held(claims, "outputs", tuple) or (),
        capabilities=tuple(word for word in Capability if _held(claims, f"capabilities.{word}", bool)),
        released=_held(claims, "released", str) or "",
        retires=_held(claims, "retires", str) or "",
        strengths={
            field.removeprefix("strength."): told[0].value
            for field, told in claims.items()
            if field.startswith("strength.") and isinstance(told[0].value, float)
        },
    )


def _prices(claims: Mapping[str, Sequence[Claim]]) -> Prices:
    held = {field: claims.get(f"prices.{field}") for field in PRICES}
    return Prices(**{field: _amount(told[0]) for field, told in held.items() if told})


def _reserve(claims: Mapping[str, Sequence[Claim]]) -> Prices:
    """The prices by which money is reserved: the highest that anybody claims, be it of long prompts."""
    highest = {}
    for field in PRICES:
        told = claims.get(f"prices.{field}")
        if told and told[0].source == "settings":
            highest[field] = _amount(told[0])
        elif told:
            highest[field] = max(map(_amount, (*told, *claims.get(f"tiers.{field}", ()))))
    return Prices(**highest)


def conflicts(record: Record) -> dict[str, tuple[Claim, ...]]:
    """The fields of a record of which its sources say different things."""
    told = {
        field: tuple(claim for claim in claims if claim.source not in _FOLLOWS)
        for field, claims in record.claims.items()
    }
    return {field: claims for field, claims in told.items() if len(claims) > 1 and differ(claims)}


_FOLLOWS = frozenset({"name", "context", "modalities", "prices", "address", "measured", "settings"})
"""Sources that are rules or decisions, not witnesses: they fill gaps or override, and contradict nobody."""
