"""The fleet as values: providers, their models, how fast and how good they are, what they allow.

Fleet ─┬─ VirtualProvider ─┬─ VirtualModel ── Latency · Limits · Fault
       └─ Answers          └─ Limits of the account, Limits of each key
"""

from __future__ import annotations

import re
from collections import Counter
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
from panvox.simulator.spelling import Spelling
from panvox.simulator.spellings import find_spelling

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
