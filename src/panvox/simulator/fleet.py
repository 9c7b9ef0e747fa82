"""The fleet as values: providers, their models, how fast and how good they are, what they allow.

Fleet ─┬─ VirtualProvider ─┬─ VirtualModel ── Latency · Limits · Fault
       └─ Answers          └─ Limits of the account, Limits of each key
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import StrEnum
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

    `facts` is what else its provider may tell of it. A `fault` shows in every call, or in the first `faulty`.
    """

    name: str
    _: KW_ONLY
    accuracy: float = 0.8
    latency: Latency = _USUAL
    limits: Limits = _UNLIMITED
    context: int = 1_000_000
    fault: Fault | None = None
    faulty: int | None = None
    facts: Facts = _UNKNOWN


class Tells(StrEnum):
    """What a provider tells of its limits."""

    ALL = "all"  # in the headers of every reply, and when to come back in those that refuse
    WAITS = "waits"  # only in those that refuse
    NOTHING = "nothing"  # a bare 429, as a gateway in front of a provider sends it


@dataclass(frozen=True, slots=True)
class Outage:
    """A provider is out from `start` until `end`, in seconds since the fleet began to serve.

    It answers 503; with `gone` it takes no call at all, and those that are in flight break off.
    """

    start: float
    end: float
    gone: bool = False


@dataclass(frozen=True, slots=True)
class VirtualProvider:
    """A provider: `limits` hold for the whole account, `key_limits` for each key that is used.

    - `dialect` is one of the table in `spellings`.
    - With `key` None every key is taken, and none is needed.
    - `page_size`: models on a page of its list, where nobody asks for another number; None is what is usual.
    - `list_fault`: what goes wrong with its list of models; no deviation of a dialect.
    - `tells`: what it tells of its limits, and `outages` when it is out.
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
    tells: Tells = Tells.ALL
    outages: tuple[Outage, ...] = ()

    def outage(self, seconds: float) -> Outage | None:
        """The one that lasts so many seconds after the fleet began to serve."""
        return next((each for each in self.outages if each.start <= seconds < each.end), None)

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

    def with_tells(self, tells: Tells) -> Fleet:
        """The same fleet, whose providers tell so much of their limits."""
        return replace(self, providers=tuple(replace(provider, tells=tells) for provider in self.providers))

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


# --- outages ---------------------------------------------------------------------------------------

_OUTAGE = re.compile(r"([^:]+):([0-9]+(?:\.[0-9]+)?)-([0-9]+(?:\.[0-9]+)?)(:gone)?", re.ASCII)


def with_outages(fleet: Fleet, texts: Iterable[str]) -> Fleet:
    """Outages by `PROVIDER:START-END`, in seconds; `PROVIDER:START-END:gone` for one that takes no call.

    Raises `UsageError` for anything else, and for a provider that is not there.
    """
    outages = defaultdict[str, tuple[Outage, ...]](tuple)
    names = [provider.name for provider in fleet.providers]
    for text in texts:
        found = _OUTAGE.fullmatch(text.strip())
        if found is None or found[1] not in names or float(found[2]) >= float(found[3]):
            raise UsageError(
                f"{text!r} is no outage of this fleet; write PROVIDER:START-END in seconds, for example "
                f"{names[0]}:20-50, or {names[0]}:20-50:gone for a provider that takes no call at all"
            )
        outages[found[1]] += (Outage(float(found[2]), float(found[3]), gone=found[4] is not None),)
    return replace(
        fleet,
        providers=tuple(
            replace(provider, outages=(*provider.outages, *outages[provider.name]))
            for provider in fleet.providers
        ),
    )
