"""What was served, counted: for all, for each provider, for each model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import msgspec

from panvox.simulator.fleet import Fleet
from panvox.simulator.limits import Kind


class Tally(msgspec.Struct, kw_only=True):
    """Counts of calls.

    Each call counts in `requests` and, when it has ended, in one of `answered`, `violations` (limits refused
    it, by kind), `rejected` (it could not be answered, by reason), `faults` (by name; also those that give
    an answer) or `disconnects` (the client left before the end). The last counts clients who left a fault
    as well.
    """

    requests: int = 0
    answered: int = 0
    violations: dict[str, int] = {}
    rejected: dict[str, int] = {}
    faults: dict[str, int] = {}
    disconnects: int = 0
    in_flight: int = 0
    peak_in_flight: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ProviderTally(Tally, kw_only=True):
    """Counts of a provider. Calls to models that it does not have are in none of `models`."""

    models: dict[str, Tally] = {}


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """All counts, over the `seconds` since the start or the last reset."""

    seconds: float
    total: Tally
    providers: dict[str, ProviderTally]

    @property
    def violations(self) -> int:
        """Calls that limits refused."""
        return sum(self.total.violations.values())


class Visit:
    """One call, counted in every tally that it belongs to."""

    def __init__(self, *tallies: Tally) -> None:
        self._tallies: tuple[Tally, ...] = ()
        for tally in tallies:
            self.at(tally)

    def at(self, tally: Tally) -> None:
        """The call belongs to this tally too."""
        tally.requests += 1
        self._tallies += (tally,)

    def violated(self, kind: Kind) -> None:
        """A limit refused it."""
        for tally in self._tallies:
            tally.violations[kind] = tally.violations.get(kind, 0) + 1

    def rejected(self, reason: str) -> None:
        """It could not be answered."""
        for tally in self._tallies:
            tally.rejected[reason] = tally.rejected.get(reason, 0) + 1

    def met(self, fault: str) -> None:
        """It runs into a fault."""
        for tally in self._tallies:
            tally.faults[fault] = tally.faults.get(fault, 0) + 1

    def answered(self) -> None:
        """It got all of its answer."""
        for tally in self._tallies:
            tally.answered += 1

    def left(self) -> None:
        """The client went away."""
        for tally in self._tallies:
            tally.disconnects += 1

    @contextmanager
    def in_flight(self, *, prompt_tokens: int, completion_tokens: int) -> Iterator[None]:
        """It was let in, and is being answered while inside."""
        for tally in self._tallies:
            tally.prompt_tokens += prompt_tokens
            tally.completion_tokens += completion_tokens
            tally.in_flight += 1
            tally.peak_in_flight = max(tally.peak_in_flight, tally.in_flight)
        try:
            yield
        finally:
            for tally in self._tallies:
                tally.in_flight -= 1


class Tallies:
    """The counts of a whole fleet; `now` is in seconds of any clock."""

    def __init__(self, fleet: Fleet, *, now: float) -> None:
        self._since = now
        self.total = Tally()
        self.providers = {
            provider.name: ProviderTally(models={model.name: Tally() for model in provider.models})
            for provider in fleet.providers
        }

    def stats(self, now: float) -> Stats:
        """The counts as they stand."""
        return Stats(
            seconds=now - self._since, total=deepcopy(self.total), providers=deepcopy(self.providers)
        )

    def reset(self, now: float) -> None:
        """Begin anew; calls in flight stay counted as such."""
        self._since = now
        for tally in (self.total, *self.providers.values()):
            _clear(tally)
        for provider in self.providers.values():
            for tally in provider.models.values():
                _clear(tally)


def _clear(tally: Tally) -> None:
    fresh = Tally(in_flight=tally.in_flight, peak_in_flight=tally.in_flight)
    for name in Tally.__struct_fields__:
        setattr(tally, name, getattr(fresh, name))
