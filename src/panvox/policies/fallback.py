"""Another model answers when one cannot: down a chain, at once, and under a ceiling of cost.

Nothing is waited for while a model of the chain has not been asked; once all have failed, those whose
failure can pass are asked again, the soonest ready first.

    Link       a model of the chain, with its rule and its cost
    Ceiling    which links cost too much to stand in
    next_turn  which model comes next
    Fallback   the Model that goes down the chain
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from panvox.deadline import remaining
from panvox.errors import Failure, Fault, failure_from
from panvox.messages import Event, Identity, Prompt, Restarted, Waiting
from panvox.policies.pauses import RetryBudget, Rule, in_short, leaves_a_trace, passing
from panvox.protocols import Model

Cost = Callable[[Prompt], Decimal | None] | Decimal | None
"""USD that a prompt is expected to cost, or what tells it; None where nobody knows."""


_ONCE = Rule(attempts=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One model of a chain. `rule` says how it is asked again, and `cost` what a prompt is expected to cost.

    A `local` one costs nothing. `again` is what is asked in later attempts, where that is another model: who
    stands in is paid for once.
    """

    identity: Identity
    model: Model
    again: Model | None = None
    rule: Rule = _ONCE
    cost: Cost = None
    local: bool = False

    @property
    def name(self) -> str:
        """The name people use for it."""
        return self.identity.name

    def expected(self, prompt: Prompt) -> Decimal | None:
        """USD that `prompt` is expected to cost; None where nobody knows."""
        if self.local:
            return Decimal(0)
        return self.cost(prompt) if callable(self.cost) else self.cost


@dataclass(slots=True)
class Standing:
    """What became of a link so far; `ready` is when it may be asked again, None where it may not.

    `warning` is what is said of its cost.
    """

    link: Link
    failed: int = 0
    fault: Fault | None = None
    ready: float | None = None
    warning: str = ""

    @property
    def model(self) -> Model:
        """What is to be asked."""
        return self.link.again if self.failed and self.link.again else self.link.model


def next_turn(standings: Iterable[Standing]) -> Standing | None:
    """Whose turn it is: the first that was not asked yet, else the one that is ready soonest."""
    standings = tuple(standings)
    fresh = next((standing for standing in standings if not standing.failed), None)
    again = [
        (standing.ready, place) for place, standing in enumerate(standings) if standing.ready is not None
    ]
    return fresh or (standings[min(again)[1]] if again else None)


class Ceiling:
    """What a stand-in may cost: times the expected cost of the model that was asked.

    A paid model stands in for a free one only where the user put it there (`explicit`).
    """

    def __init__(self, *, warn_above: float, refuse_above: float, explicit: bool) -> None:
        self._warn_above = Decimal(str(warn_above))
        self._refuse_above = Decimal(str(refuse_above))
        self._explicit = explicit

    def objection(self, cost: Decimal | None, asked: Decimal | None) -> str:
        """Why a link of this cost is left out; empty where it is not."""
        if asked == 0 and cost != 0 and not self._explicit:
            return "it may cost money, and the model that was asked is free"
        if cost and asked and cost > self._refuse_above * asked:
            return (
                f"it would cost {cost / asked:.2f} times as much (${cost:.4f}), "
                f"and {self._refuse_above.normalize():f} times is the limit (fallback.refuse_above)"
            )
        return ""

    def warning(self, cost: Decimal | None, asked: Decimal | None) -> str:
        """What to say of a dearer link; empty where there is nothing."""
        if asked == 0 and cost != 0:
            return " It costs money, and the model that was asked is free."
        if cost is None and asked:
            return " Nobody knows what it costs."
        if cost and asked and cost > self._warn_above * asked:
            return f" It costs about {cost / asked:.2f} times as much (${cost:.4f})."
        return ""


class Fallback:
    """A `Model` out of a chain of them, the preferred one first; it is called like that one.

    `heard` is told, in a sentence, of each model that stands in, and of each that does not for its cost.
    Each link is asked again as its rule allows and `budget` has retries left for its provider. If all fail,
    what the first one raised last is raised, with a message that tells of the others.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        warn_above: float,
        refuse_above: float,
        heard: Callable[[str], None],
        budget: RetryBudget,
        explicit: bool = False,
        chance: Random | None = None,
    ) -> None:
        """`links` has one at least; `explicit` says that the user named them."""
        self.name = links[0].name
        self._links = tuple(links)
        self._ceiling = Ceiling(warn_above=warn_above, refuse_above=refuse_above, explicit=explicit)
        self._heard = heard
        self._budget = budget
        self._chance = chance or Random()  # noqa: S311 - pauses are no secrets

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Ask; see `Model`."""
        async with AsyncExitStack() as stack:
            events = self._events(prompt, stack)
            stack.push_async_callback(events.aclose)
            yield events

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        way = _Way(self._links, self._budget, self._chance)
        turn = way.first()
        traces = False
        while True:
            attempt = await stack.enter_async_context(AsyncExitStack())
            try:
                events = await attempt.enter_async_context(turn.model.stream(prompt))
                async for event in events:
                    traces = traces or leaves_a_trace(event)
                    yield event
            except Failure as failure:
                following = self._following(way, turn, failure.fault, prompt)
                if following is None and way.was_alone:
                    raise
                if following is None:
                    raise way.failure() from failure
            else:
                return
            await attempt.aclose()
            reason = _handover(turn, following)
            turn, pause = following, way.pause(following)
            if pause > 0:
                yield Waiting(reason, pause)
                await asyncio.sleep(pause)
            if traces:
                traces = False
                yield Restarted(reason)

    def _following(self, way: _Way, turn: Standing, fault: Fault, prompt: Prompt) -> Standing | None:
        """Who is asked after `turn` has failed; whoever listens is told."""
        for sentence in way.failed(turn, fault, self._ceiling, prompt):
            self._heard(sentence)
        following = way.next()
        if following is not None and not following.failed:
            failed = _sentence(in_short(fault.message))
            self._heard(f"{_handover(turn, following)}, which failed with: {failed}{following.warning}")
        return following


def _sentence(text: str) -> str:
    """With a full stop at its end, unless there is something like it already."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _handover(turn: Standing, following: Standing) -> str:
    """What is told of the next attempt: who stands in for whom, or who is asked again."""
    if not following.failed:
        return f"{following.link.name} stands in for {turn.link.name}"
    fault = following.fault
    return f"another attempt at {following.link.name} after: {in_short(fault.message if fault else '')}"


class _Way:
    """One prompt's way down a chain. The others are priced only when the first has failed."""

    def __init__(self, links: Sequence[Link], budget: RetryBudget, chance: Random) -> None:
        self._standings = [Standing(links[0])]
        self._unpriced = tuple(links[1:])
        self._left_out: list[str] = []
        self._budget = budget
        self._chance = chance
        self._clock = asyncio.get_running_loop().time

    @property
    def was_alone(self) -> bool:
        """Whether nobody else was, or could have been, asked."""
        return len(self._standings) == 1 and not self._left_out

    def first(self) -> Standing:
        """The preferred model."""
        first = self._standings[0]
        self._budget.called(first.link.identity.provider, self._clock())
        return first

    def failed(self, turn: Standing, fault: Fault, ceiling: Ceiling, prompt: Prompt) -> list[str]:
        """`turn` has failed; sentences on those that cost too much to stand in."""
        turn.failed += 1
        turn.fault = fault
        pause = turn.link.rule.pause(fault, turn.failed, self._chance.random()) if passing(fault) else None
        turn.ready = None if pause is None else self._clock() + pause
        unpriced, self._unpriced = self._unpriced, ()
        return self._admit(unpriced, ceiling, prompt)

    def _admit(self, links: Sequence[Link], ceiling: Ceiling, prompt: Prompt) -> list[str]:
        asked = self._standings[0].link
        base = asked.expected(prompt) if links else None
        left_out: list[str] = []
        for link in links:
            cost = link.expected(prompt)
            if objection := ceiling.objection(cost, base):
                left_out.append(f"{link.name} does not stand in for {asked.name}: {objection}")
            else:
                self._standings.append(Standing(link, warning=ceiling.warning(cost, base)))
        self._left_out += left_out
        return left_out

    def next(self) -> Standing | None:
        """Whose turn it is, and may be: nobody is waited for beyond the deadline or the budget of retries."""
        while (turn := next_turn(self._standings)) is not None:
            provider, now = turn.link.identity.provider, self._clock()
            if not turn.failed:
                self._budget.called(provider, now)
                return turn
            if self.pause(turn) < remaining() and self._budget.spend(provider, now):
                return turn
            turn.ready = None
        return None

    def pause(self, turn: Standing) -> float:
        """Seconds until `turn` is ready."""
        return 0.0 if turn.ready is None else max(0.0, turn.ready - self._clock())

    def failure(self) -> Failure:
        """What all have come to: the failure of the first, which tells of the others."""
        first, *others = self._standings
        if first.fault is None:
            raise RuntimeError("a chain ended before its first model had failed")
        told = [_sentence(in_short(first.fault.message, limit=400))]
        if others:
            said = ", ".join(
                f"{each.link.name} ({each.fault.category.value})" for each in others if each.fault
            )
            told.append(f"{len(others)} stood in and failed as well: {said}.")
        told += [f"{sentence}." for sentence in self._left_out]
        return failure_from(first.fault, " ".join(told))
