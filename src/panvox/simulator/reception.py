"""From a request to what will be answered: who is asked, by whom, what it will say, what limits say to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from panvox.simulator.chance import seeded
from panvox.simulator.exchange import Call, Complaint, Declined, Reason, Speech, count_tokens
from panvox.simulator.faults import Fault
from panvox.simulator.fleet import Fleet, Tells, VirtualModel, VirtualProvider
from panvox.simulator.latency import Pace
from panvox.simulator.limits import Excess, Gate, Limits, Meter
from panvox.simulator.offer import Listed, Offer
from panvox.simulator.spelling import Spelling, Voice
from panvox.simulator.spellings import find_spelling
from panvox.simulator.stats import Tallies, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A call that can be answered, in these `pieces` of `tokens` together."""

    provider: VirtualProvider
    model: VirtualModel
    call: Call
    pieces: tuple[str, ...]
    tokens: int
    cut: bool
    pace: Pace
    gates: tuple[Gate, ...]

    def excess(self, now: float) -> Excess | None:
        """Why it may not be let in now."""
        used = self.call.tokens + self.tokens
        ceiling = max(used, self.call.tokens + (self.call.max_tokens or 0))
        told = (gate.excess(now, tokens=used, ceiling=ceiling, answer=self.tokens) for gate in self.gates)
        return next(filter(None, told), None)

    def refuse(self, now: float, excess: Excess) -> Excess:
        """Book it as refused, at the gates where that counts; what it is told then."""
        for gate in self.gates:
            gate.refuse(now)
        return self.excess(now) or excess

    def enter(self, now: float) -> None:
        """Book it at every gate."""
        for gate in self.gates:
            gate.enter(now, tokens=self.call.tokens + self.tokens, answer=self.tokens)

    def leave(self) -> None:
        """It has ended."""
        for gate in self.gates:
            gate.leave()

    def meters(self, now: float) -> tuple[Meter, ...]:
        """How all its limits stand, as far as its provider tells."""
        if self.provider.tells is not Tells.ALL:
            return ()
        return tuple(meter for gate in self.gates for meter in gate.meters(now))

    def speech(self, *, identity: str, created: int) -> Speech:
        """What it will say."""
        return Speech(
            id=identity,
            model=self.model.name,
            created=created,
            pieces=self.pieces,
            prompt_tokens=self.call.tokens,
            completion_tokens=self.tokens,
            cut=self.cut,
            stream=self.call.stream,
            array=self.call.array,
            usage=self.call.usage,
        )


class Reception:
    """Finds out what a call wants, and whether it can have it."""

    def __init__(self, fleet: Fleet, tallies: Tallies, *, speed: float) -> None:
        self._fleet = fleet
        self._tallies = tallies
        self._speed = speed
        self._providers = {provider.name: provider for provider in fleet.providers}
        self._models = {
            provider.name: {model.name: model for model in provider.models} for provider in fleet.providers
        }
        self._listed: dict[str, dict[str, Listed]] = {}
        self._loaded: dict[str, dict[str, None]] = {provider.name: {} for provider in fleet.providers}
        self._gates: dict[tuple[str, ...], Gate] = {}
        self._met = Counter[tuple[str, str]]()

    def spelling(self, name: str) -> Spelling:
        """How the provider called `name` speaks; OpenAI's way where there is none."""
        provider = self._providers.get(name)
        return find_spelling("openai") if provider is None else provider.spelling

    def provider(self, name: str) -> VirtualProvider:
        """The provider called `name`. Raises `Declined` (404)."""
        provider = self._providers.get(name)
        if provider is None:
            raise Declined(
                Complaint(
                    reason=Reason.UNKNOWN_PATH, message=f"No provider called {name!r} is simulated here."
                )
            )
        return provider

    @staticmethod
    def admit(provider: VirtualProvider, key: str) -> None:
        """Raises `Declined` (401) where `provider` does not take `key`."""
        if provider.key is not None and key != provider.key:
            raise Declined(
                Complaint(reason=Reason.UNAUTHORISED if key else Reason.NO_KEY, model=provider.name)
            )

    def offer(self, provider: VirtualProvider, now: float) -> Offer:
        """What `provider` has to tell of its models, at `now` (unix seconds)."""
        if provider.name not in self._listed:
            self._listed[provider.name] = {
                model.name: Listed(id=model.name, context=model.context, facts=model.facts)
                for model in provider.models
            }
        return Offer(
            provider=provider.name,
            models=self._listed[provider.name],
            now=now,
            page_size=provider.page_size,
            loaded=tuple(self._loaded[provider.name]),
        )

    def turn(self, provider: VirtualProvider, key: str, call: Call, visit: Visit) -> Turn:
        """What the call will be answered. Raises `Declined` (400, 404, 422)."""
        model = self._model(provider, call.model)
        visit.at(self._tallies.providers[provider.name].models[model.name])
        self._loaded[provider.name][model.name] = None
        call = _fitting(call, model)
        text = self._fleet.answers.text(model=model.name, accuracy=model.accuracy, question=call.question)
        said = text if call.max_tokens is None else text[: 4 * call.max_tokens]
        pieces = _pieces(said, tokens=model.latency.tokens_per_event)
        pace = self._pace(provider, model, call)
        return Turn(
            provider=provider,
            model=model,
            call=call,
            pieces=pieces,
            tokens=count_tokens(said),
            cut=len(said) < len(text),
            pace=pace if call.stream else pace.at_once(len(pieces)),
            gates=(
                self._gate(model.limits, "model", provider.name, model.name),
                self._gate(provider.key_limits, "key", provider.name, key),
                self._gate(provider.limits, "provider", provider.name),
            ),
        )

    def fault(self, turn: Turn, voice: Voice) -> Fault | None:
        """What goes wrong with a call that was let in; it counts as one of the model's first from then on."""
        model, place = turn.model, (turn.provider.name, turn.model.name)
        fault = model.fault
        if fault is None or not fault.fits(voice.name):
            return None
        self._met[place] += 1
        return fault if model.faulty is None or self._met[place] <= model.faulty else None

    def _model(self, provider: VirtualProvider, name: str) -> VirtualModel:
        model = self._models[provider.name].get(name)
        if model is None:
            raise Declined(Complaint(reason=Reason.UNKNOWN_MODEL, model=name))
        return model

    def _pace(self, provider: VirtualProvider, model: VirtualModel, call: Call) -> Pace:
        random = seeded(self._fleet.seed, "latency", provider.name, model.name, call.question)
        return model.latency.pace(random, speed=self._speed)

    def _gate(self, limits: Limits, *scope: str) -> Gate:
        if scope not in self._gates:
            self._gates[scope] = Gate(limits)
        return self._gates[scope]


def _fitting(call: Call, model: VirtualModel) -> Call:
    """The call, as far as its model takes it. Raises `Declined` (400) where it may not be shortened."""
    if call.tokens <= model.context:
        return call
    if call.shortened:
        return replace(call, tokens=model.context)
    raise Declined(
        Complaint(reason=Reason.CONTEXT, model=model.name, context=model.context, tokens=call.tokens)
    )


def _pieces(text: str, *, tokens: int) -> tuple[str, ...]:
    """`text` in pieces of so many tokens."""
    width = 4 * tokens
    return tuple(text[at : at + width] for at in range(0, len(text), width))
