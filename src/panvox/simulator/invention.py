"""Fleets that are made up from a number, and fleets of recorded models."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from panvox.errors import UsageError
from panvox.simulator.answers import Invented
from panvox.simulator.chance import seeded
from panvox.simulator.fleet import Fleet, VirtualModel, VirtualProvider
from panvox.simulator.latency import Latency
from panvox.simulator.offer import LISTED_SINCE, Facts, Prices
from panvox.simulator.replay import Recording, family
from panvox.simulator.spellings import find_spelling

_PROVIDERS = ("alder", "birch", "cedar", "hazel", "larch", "maple", "rowan", "willow")
_MODELS = ("ember", "flint", "gale", "heron", "iris", "kestrel", "nova", "opal")
_SIZES = {"mini": 1, "small": 8, "medium": 32, "large": 120, "pro": 400}  # thousand million parameters
_CONTEXTS = (8_192, 32_768, 131_072, 200_000, 1_000_000)
_ABILITIES = ("tools", "json", "reasoning", "code")
_YEAR = 365 * 86_400  # seconds
_DIALECTS = ("openai",)


def invented(
    *, providers: int = 8, models: int = 10, seed: int = 0, dialects: Sequence[str] = _DIALECTS
) -> Fleet:
    """A fleet of `providers` with `models` each; the same for the same `seed`.

    The providers speak the `dialects` in turn. Raises `UsageError`.
    """
    if providers < 1 or models < 1 or not dialects:
        raise UsageError(f"a fleet of {providers} providers with {models} models each has nothing to serve")
    # Some models are to be found at several providers, as real ones are.
    known = [_model_name(index) for index in range(max(models, providers * models * 3 // 4))]
    facts = {name: _facts(name, seed=seed) for name in known}
    return Fleet(
        tuple(
            VirtualProvider(
                name,
                dialect=dialect,
                models=tuple(_offered(name, dialect, model, facts[model], seed=seed) for model in offered),
            )
            for name, dialect in (
                (_numbered(_PROVIDERS, index), dialects[index % len(dialects)]) for index in range(providers)
            )
            for offered in [sorted(seeded(seed, "offer", name).sample(known, models))]
        ),
        answers=Invented(seed=seed),
        seed=seed,
    )


def replayed(recording: Recording, *, seed: int = 0) -> Fleet:
    """A fleet of the recorded models, each family at a provider of its own."""
    families = defaultdict[str, list[str]](list)
    for model in recording.models:
        families[family(model)].append(model)
    return Fleet(
        tuple(
            VirtualProvider(name, models=tuple(_model(name, model, seed=seed) for model in families[name]))
            for name in sorted(families)
        ),
        answers=recording,
        seed=seed,
    )


def _numbered(words: tuple[str, ...], index: int) -> str:
    """The word at `index`; from the second round on with the number of the round."""
    rounds, place = divmod(index, len(words))
    return f"{words[place]}-{rounds + 1}" if rounds else words[place]


def _model_name(index: int) -> str:
    size, place = divmod(index, len(_MODELS))
    generation, size = divmod(size, len(_SIZES))
    return f"{_MODELS[place]}-{generation + 1}-{tuple(_SIZES)[size]}"


def _model(provider: str, name: str, *, seed: int) -> VirtualModel:
    """A model whose accuracy depends on its name, and whose speed depends on its provider too."""
    random = seeded(seed, "speed", provider, name)
    return VirtualModel(
        name,
        accuracy=round(seeded(seed, "accuracy", name).uniform(0.45, 0.97), 3),
        latency=Latency(
            first_token=round(math.exp(random.gauss(math.log(0.5), 0.5)), 3),
            slow_share=round(random.uniform(0.01, 0.08), 3),
            rate=round(math.exp(random.gauss(math.log(80), 0.5)), 1),
        ),
    )


def _facts(name: str, *, seed: int) -> tuple[int, Facts]:
    """The context of a model, and what else is known of it, wherever it is hosted."""
    random = seeded(seed, "facts", name)
    word, generation, size = name.split("-")
    billions = _SIZES[size]
    prompt = Decimal(str(round(billions**0.7 * random.uniform(0.03, 0.07), 2)))
    context = random.choice(_CONTEXTS)
    return context, Facts(
        title=f"{word.capitalize()} {generation} {size.capitalize()}",
        max_output=min(context // 2, 65_536),
        prices=Prices(prompt=prompt, completion=prompt * 4, cached=prompt / 10),
        inputs=("text", "image") if random.random() < 0.3 else ("text",),
        capabilities=tuple(ability for ability in _ABILITIES if random.random() < 0.5),
        weights=f"acme/{name}",
        parameters=billions * 1_000_000_000,
        created=LISTED_SINCE + random.randrange(2 * _YEAR),
    )


def _offered(provider: str, dialect: str, name: str, known: tuple[int, Facts], *, seed: int) -> VirtualModel:
    """A model as `provider` offers it: under a name and at a price of its own."""
    context, facts = known
    model = _model(provider, name, seed=seed)
    if facts.prices is not None:
        facts = replace(facts, prices=_with_margin(facts.prices, seeded(seed, "margin", provider).random()))
    return replace(model, name=find_spelling(dialect).named(name), context=context, facts=facts)


def _with_margin(prices: Prices, margin: float) -> Prices:
    """Half of the providers take the usual price, the others up to a quarter more."""
    factor = Decimal(round(100 + 50 * max(0.0, margin - 0.5))) / 100
    cached = None if prices.cached is None else prices.cached * factor
    return Prices(prompt=prices.prompt * factor, completion=prices.completion * factor, cached=cached)
