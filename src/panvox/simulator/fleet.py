"""The fleet as values: providers, their models, how fast and how good they are, what they allow.

Fleet ─┬─ VirtualProvider ─┬─ VirtualModel ── Latency · Limits · Fault
       └─ Answers          └─ Limits of the account, Limits of each key
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import cycle

from panvox.errors import UsageError
from panvox.simulator.answers import Answers, Invented
from panvox.simulator.chance import seeded
from panvox.simulator.faults import FAULTS, Fault, find_fault
from panvox.simulator.latency import Latency
from panvox.simulator.limits import Limits
from panvox.simulator.offer import Facts
from panvox.simulator.replay import Recording, family
from panvox.simulator.spelling import Spelling
from panvox.simulator.spellings import find_spelling

_PROVIDERS = ("alder", "birch", "cedar", "hazel", "larch", "maple", "rowan", "willow")
_MODELS = ("ember", "flint", "gale", "heron", "iris", "kestrel", "nova", "opal")
_SIZES = ("mini", "small", "medium", "large", "pro")
_USUAL, _UNLIMITED, _UNKNOWN = Latency(), Limits(), Facts()
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MODEL_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]{1,200}")


@dataclass(frozen=True, slots=True)
class VirtualModel:
    """A model: `accuracy` is the share of right answers, `context` the tokens that fit into its prompt.

    `facts` is what else its provider may tell of it.
    """

    name: str
    _: KW_ONLY
    accuracy: float = 0.8
    latency: Latency = _USUAL
    limits: Limits = _UNLIMITED
    context: int = 1_000_000
    fault: Fault | None = None
    facts: Facts = _UNKNOWN


@dataclass(frozen=True, slots=True)
class VirtualProvider:
    """A provider: `limits` hold for the whole account, `key_limits` for each key that is used.

    - `dialect` is one of the table in `spellings`.
    - With `key` None every key is taken, and none is needed.
    - `page_size`: models on a page of its list, where nobody asks for another number; None is what is usual.
    - `list_fault`: what goes wrong with its list of models; no deviation of a dialect.
    """

    name: str
    _: KW_ONLY
    models: tuple[VirtualModel, ...]
    dialect: str = "openai"
    limits: Limits = _UNLIMITED
    key_limits: Limits = _UNLIMITED
    key: str | None = field(default=None, repr=False)
    page_size: int | None = None
    list_fault: Fault | None = None

    @property
    def spelling(self) -> Spelling:
        """How it speaks. Raises `UsageError` for a dialect that is not there."""
        return find_spelling(self.dialect)

    @property
    def path(self) -> str:
        """Where its API is, below the address of the simulator."""
        return f"/{self.name}{self.spelling.root}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything that is served; `seed` decides all chances in it.

    Raises `UsageError` for names that are used twice or cannot stand in an address, and for unknown dialects.
    """

    providers: tuple[VirtualProvider, ...]
    _: KW_ONLY
    answers: Answers = field(default_factory=Invented)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.providers:
            raise UsageError("a fleet has at least one provider")
        _check(_NAME, "provider", [provider.name for provider in self.providers])
        for provider in self.providers:
            find_spelling(provider.dialect)
            _check(_MODEL_NAME, f"model of {provider.name}", [model.name for model in provider.models])

    def provider(self, name: str) -> VirtualProvider:
        """The provider called `name`. Raises KeyError."""
        return {provider.name: provider for provider in self.providers}[name]

    @property
    def size(self) -> int:
        """How many models there are."""
        return sum(len(provider.models) for provider in self.providers)

    def names(self) -> Iterator[str]:
        """All models as `provider/model`."""
        return (f"{provider.name}/{model.name}" for provider in self.providers for model in provider.models)

    def with_limits(
        self, *, provider: Limits | None = None, model: Limits | None = None, key: Limits | None = None
    ) -> Fleet:
        """The same fleet with these limits at each provider, each model and each key."""
        return replace(
            self,
            providers=tuple(
                replace(
                    old,
                    limits=provider or old.limits,
                    key_limits=key or old.key_limits,
                    models=tuple(replace(each, limits=model or each.limits) for each in old.models),
                )
                for old in self.providers
            ),
        )

    def with_key(self, key: str) -> Fleet:
        """The same fleet, which takes no other key."""
        return replace(self, providers=tuple(replace(provider, key=key) for provider in self.providers))

    def with_faults(self, faults: Mapping[str, Fault]) -> Fleet:
        """The same fleet with faults at the models that `faults` names as `provider/model`."""
        return replace(
            self,
            providers=tuple(
                replace(
                    provider,
                    models=tuple(
                        replace(model, fault=faults.get(f"{provider.name}/{model.name}", model.fault))
                        for model in provider.models
                    ),
                )
                for provider in self.providers
            ),
        )


def _check(pattern: re.Pattern[str], what: str, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if not pattern.fullmatch(name):
            raise UsageError(f"{name!r} cannot be the name of a {what}: it has to match {pattern.pattern}")
        if count > 1:
            raise UsageError(f"the name {name!r} is used for more than one {what}")


# --- made up and replayed --------------------------------------------------------------------------


def invented(*, providers: int = 8, models: int = 10, seed: int = 0) -> Fleet:
    """A fleet of `providers` with `models` each; the same for the same `seed`."""
    if providers < 1 or models < 1:
        raise UsageError(f"a fleet of {providers} providers with {models} models each has nothing to serve")
    # Some models are to be found at several providers, as real ones are.
    known = [_model_name(index) for index in range(max(models, providers * models * 3 // 4))]
    return Fleet(
        tuple(
            VirtualProvider(name, models=tuple(_model(name, model, seed=seed) for model in offered))
            for name in (_numbered(_PROVIDERS, index) for index in range(providers))
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
    return f"{_MODELS[place]}-{generation + 1}-{_SIZES[size]}"


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


# --- faults ----------------------------------------------------------------------------------------


def some_faulty(fleet: Fleet, share: float) -> Fleet:
    """`share` of the models get a fault, one after the other from the whole table.

    Faults of a dialect go to models that speak it. Raises `UsageError` for a share
    outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of faulty models lies between 0 and 1, not at {share:g}")
    names = list(fleet.names())
    seeded(fleet.seed, "faulty").shuffle(names)
    voices = _voices(fleet)
    rounds: dict[str, Iterator[Fault]] = {
        voice: cycle([fault for fault in FAULTS.values() if fault.fits(voice)])
        for voice in dict.fromkeys(voices.values())
    }
    return fleet.with_faults(
        {name: next(rounds[voices[name]]) for name in names[: round(share * len(names))]}
    )


def faulty(fleet: Fleet, assignments: Iterable[str]) -> Fleet:
    """Faults by `NAME:GLOB`; the glob is matched against `provider/model` and against the model alone.

    Raises `UsageError` for an unknown fault, or a glob that matches no model that can have it.
    """
    voices = _voices(fleet)
    for assignment in assignments:
        name, colon, glob = assignment.partition(":")
        fault = find_fault(name)
        names = [known for known, voice in voices.items() if fault.fits(voice) and _matches(known, glob)]
        if not colon or not names:
            spoken = f" whose provider speaks {fault.dialect}" if fault.dialect else ""
            raise UsageError(
                f"{assignment!r} matches no model{spoken}; write FAULT:GLOB, for example {name}:*/*-mini"
            )
        fleet = fleet.with_faults(dict.fromkeys(names, fault))
    return fleet


def _voices(fleet: Fleet) -> dict[str, str]:
    """What each model speaks, as faults name it."""
    return {
        f"{provider.name}/{model.name}": provider.spelling.voice.name
        for provider in fleet.providers
        for model in provider.models
    }


def _matches(name: str, glob: str) -> bool:
    return fnmatchcase(name, glob) or fnmatchcase(name.partition("/")[2], glob)
