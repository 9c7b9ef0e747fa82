"""What an item of a model list tells beside the id: sizes, prices, modalities, abilities.

The tables say under which names, and in which units. Sources: the API references of OpenRouter, Together,
Mistral, Fireworks, Moonshot, GitHub and Hugging Face; for Synthetic, DeepInfra, Novita and Nebius the clients
that read their lists. Units are normalised here: prices to USD per million tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, KeysView, Mapping, Sequence
from typing import NamedTuple

import msgspec

from panvox.dialects.foreign import count, fields_at, items_at, number, text_at
from panvox.protocols import Prices

Fields = Mapping[str, object]
_NOTHING: Fields = {}

_SIZE_PLACES = ("top_provider", "limits", "metadata", "meta")  # OpenRouter, GitHub, DeepInfra, llama.cpp
_CONTEXT = dict.fromkeys(
    (
        *("context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens"),
        *("context_size", "n_ctx", "n_ctx_train"),
    )
).keys()  # in order, and quick to compare with what there is
_OUTPUT = dict.fromkeys(("max_completion_tokens", "max_output_tokens", "max_output_length")).keys()


def context(item: Fields) -> int | None:
    """Tokens of prompt and answer together."""
    return _size(item, _CONTEXT)


def max_output(item: Fields) -> int | None:
    """Tokens of an answer at most."""
    # DeepInfra's word for it means the context elsewhere.
    return _size(item, _OUTPUT) or count(fields_at(item, "metadata").get("max_tokens")) or None


def _size(item: Fields, names: KeysView[str]) -> int | None:
    """A number above zero that stands under one of `names`, in the item or where some put it."""
    for place in (item, *(fields_at(item, place) for place in _SIZE_PLACES if place in item)):
        if not names.isdisjoint(place):
            for name in names:
                if size := count(place.get(name)):
                    return size
    return None


# --- prices ------------------------------------------------------------------------------------------

_MILLION = 1e6
_DEAREST = 1e6  # USD per million tokens; what costs more is not a price
_DEAREST_TOKEN = 0.005  # USD; five thousand a million, eight times what the dearest model costs
_CHEAPEST_MILLION = 1e-4  # USD; a hundredth of a cent, a fiftieth of what the cheapest costs


class _Tariff(NamedTuple):
    """One way of telling prices: the path to them, what a number means in USD per million, the names."""

    path: tuple[str, ...]
    unit: float
    names: Mapping[str, tuple[str, ...]]
    all_names: frozenset[str]


def _tariff(*path: str, unit: float = 1.0, **names: tuple[str, ...]) -> _Tariff:
    return _Tariff(path, unit, names, frozenset(name for several in names.values() for name in several))


_HUNDREDTH_OF_A_CENT = 1e-4
_TARIFFS = (
    _tariff(  # OpenRouter, Synthetic, Nebius, SambaNova: text, "-1" for what varies
        "pricing",
        unit=_MILLION,
        input=("prompt",),
        output=("completion",),
        cached=("input_cache_read", "input_cache_reads"),
        cache_write=("input_cache_write", "input_cache_writes"),
        reasoning=("internal_reasoning",),
    ),
    _tariff("pricing", request=("request",)),  # a call, not a million of them
    _tariff("pricing", input=("input",), output=("output",), cached=("cached_input",)),  # Together
    _tariff(  # DeepInfra
        "metadata",
        "pricing",
        input=("input_tokens",),
        output=("output_tokens",),
        cached=("cache_read_tokens",),
    ),
    _tariff(input=("input_price",), output=("output_price",)),  # Hyperbolic
    _tariff(  # Novita
        unit=_HUNDREDTH_OF_A_CENT, input=("input_token_price_per_m",), output=("output_token_price_per_m",)
    ),
    _tariff("pricing", "input_cache_read", unit=_HUNDREDTH_OF_A_CENT, cached=("price_per_m",)),  # Novita
)
_OF_THEIR_OWN = frozenset({"cached", "cache_write", "reasoning"})
"""Prices of which a zero says only that there is none: such tokens cost what others do."""


_UNKNOWN = Prices()


def tiers(item: Fields) -> Prices:
    """The highest prices of those for some calls alone: for long prompts, at some hours (OpenRouter)."""
    told = items_at(fields_at(item, "pricing"), "overrides") if "pricing" in item else []
    found: dict[str, float] = {}
    for override in told:
        if isinstance(override, dict):
            for kind, price in msgspec.structs.asdict(prices({"pricing": override})).items():
                if price is not None:
                    found[kind] = max(price, found.get(kind, 0.0))
    return Prices(**found) if found else _UNKNOWN


def prices(item: Fields) -> Prices:
    """What an item says that tokens cost; what varies, and what is no price, is unknown."""
    found: dict[str, float] = {}
    for tariff in _TARIFFS:
        place = item
        for step in tariff.path:
            place = fields_at(place, step) if step in place else _NOTHING
        if tariff.all_names.isdisjoint(place):
            continue
        for kind, names in tariff.names.items():
            price = next(filter(_is_told, (_price(place.get(name), tariff.unit) for name in names)), None)
            if price is not None and (price > 0 or kind not in _OF_THEIR_OWN):
                found.setdefault(kind, price)
    return Prices(**found) if found else _UNKNOWN


def _is_told(price: float | None) -> bool:
    return price is not None


def _price(told: object, unit: float) -> float | None:
    """USD per million; a number that can only be meant in the other of the two usual units is taken so."""
    price = number(told.strip().removeprefix("$") if isinstance(told, str) else told)
    if price is None or price < 0:
        return None
    if unit == _MILLION and price > _DEAREST_TOKEN:
        unit = 1.0
    elif unit == 1.0 and 0 < price < _CHEAPEST_MILLION:
        unit = _MILLION
    return round(price * unit, 9) if price * unit <= _DEAREST else None


def other_fees(item: Fields) -> bool:
    """Whether something has a price that is not for tokens: a picture, a search, an hour."""
    known = {name for tariff in _TARIFFS for name in tariff.all_names}
    told = ((name, number(value)) for name, value in fields_at(item, "pricing").items())
    return any(price is not None and price > 0 and name not in known for name, price in told)


# --- modalities --------------------------------------------------------------------------------------

_MODALITIES: Mapping[str, str] = {
    "text": "text",
    "image": "image",
    "images": "image",
    "audio": "audio",
    "speech": "audio",
    "video": "video",
    "file": "file",
    "pdf": "file",
    "document": "file",
}
_SAID_IN = frozenset(
    {
        "architecture",
        *(f"{start}{way}_modalities" for start in ("", "supported_") for way in ("input", "output")),
    }
)
OTHER = "other"
"""Whatever else is read or made, such as embeddings."""


def modalities(item: Fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a model reads, and what it makes; empty where the item does not tell."""
    if _SAID_IN.isdisjoint(item):
        return (), ()
    architecture = fields_at(item, "architecture")
    reads, _, makes = text_at(architecture, "modality").partition("->")
    inputs, outputs = (
        next(filter(None, map(_known, lists)), ())
        for lists in (_lists(item, "input", reads), _lists(item, "output", makes))
    )
    return inputs, outputs


def _lists(item: Fields, way: str, summary: str) -> Iterator[Sequence[object]]:
    yield items_at(fields_at(item, "architecture"), f"{way}_modalities")
    yield items_at(item, f"{way}_modalities")  # Synthetic, Novita
    yield items_at(item, f"supported_{way}_modalities")  # GitHub
    yield summary.split("+")  # Nebius: text+image->text


def _known(words: Sequence[object]) -> tuple[str, ...]:
    """Modalities in our words, each once."""
    said = (word.strip().lower() for word in words if isinstance(word, str))
    return tuple(dict.fromkeys(_MODALITIES.get(word, OTHER) for word in said if word))


# --- abilities ---------------------------------------------------------------------------------------

_FLAGS: Mapping[str, str] = {
    "function_calling": "tools",
    "supports_tools": "tools",
    "vision": "vision",
    "supports_image_input": "vision",
    "supports_image_in": "vision",
    "reasoning": "reasoning",
    "supports_reasoning": "reasoning",
    "supports_structured_output": "json",
}
"""Yes or no, in the item or in its `capabilities`: Mistral, Fireworks, Moonshot, Hugging Face."""
_WORDS: Mapping[str, str] = {
    "tools": "tools",
    "tool-calling": "tools",
    "function-calling": "tools",
    "reasoning": "reasoning",
    "include-reasoning": "reasoning",
    "reasoning-effort": "reasoning",
    "structured-outputs": "json",
    "json-schema": "json",  # Cohere
    "vision": "vision",
}
"""In lists of what a model can; whether words are joined by dashes or underscores varies."""
_SOME = (("", "supported_features"), ("", "features"), ("", "capabilities"), ("metadata", "tags"))
"""Lists that may leave things out: Synthetic, Novita and Nebius, GitHub, DeepInfra."""
_ALL = "supported_parameters"
"""OpenRouter's list, which is complete: a model without `tools` in it has none."""


def abilities(
    item: Fields, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the item says that the model can do, and what it says that it cannot."""
    told = list(_told(item))
    if inputs:
        told.append(("vision", "image" in inputs))
    if outputs:
        told.append(("image", "image" in outputs))
    can = {ability for ability, able in told if able}
    return tuple(sorted(can)), tuple(sorted({ability for ability, _ in told} - can))


def _told(item: Fields) -> Iterator[tuple[str, bool]]:
    for place in (fields_at(item, "capabilities"), item):
        if not _FLAGS.keys().isdisjoint(place):
            for flag, ability in _FLAGS.items():
                if isinstance(able := place.get(flag), bool):
                    yield ability, able
    if fields_at(item, "reasoning"):  # OpenRouter describes how
        yield "reasoning", True
    for where, name in _SOME:
        for ability in _named(items_at(fields_at(item, where) if where else item, name)):
            yield ability, True
    if parameters := items_at(item, _ALL):
        named = set(_named(parameters))
        # `response_format` alone may mean JSON of any shape: neither a claim nor its contrary.
        doubtful = {"json"} if "response_format" in parameters else set()
        for ability in {"json", "reasoning", "tools"} - (doubtful - named):
            yield ability, ability in named


def _named(words: Sequence[object]) -> Iterator[str]:
    for word in words:
        if isinstance(word, str) and (ability := _WORDS.get(word.lower().replace("_", "-"))):
            yield ability


# --- what stands behind a router ---------------------------------------------------------------------


def routed(item: Fields) -> Fields | None:
    """An item with what the providers behind it offer together; None if none of them is there.

    Hugging Face's router lists them with a status each. What any of them can do counts, of their sizes the
    smallest and of their prices the highest, since it is not known who will answer.
    """
    behind = [each for each in items_at(item, "providers") if isinstance(each, dict)]
    live = [each for each in behind if each.get("status", "live") == "live"]
    if not behind:
        return item
    if not live:
        return None
    together: dict[str, object] = dict(item)
    for flag in ("supports_tools", "supports_structured_output"):
        if told := [able for each in live if isinstance(able := each.get(flag), bool)]:
            together[flag] = any(told)
    _gather(together, "context_length", (each.get("context_length") for each in live), min)
    pricing: dict[str, object] = {}
    for name in ("input", "output"):
        _gather(pricing, name, (fields_at(each, "pricing").get(name) for each in live), max)
    return {**together, "pricing": pricing} if pricing else together


def _gather(
    into: dict[str, object], name: str, told: Iterator[object], choose: Callable[[list[float]], float]
) -> None:
    if numbers := [value for value in map(number, told) if value is not None and value >= 0]:
        into[name] = choose(numbers)
