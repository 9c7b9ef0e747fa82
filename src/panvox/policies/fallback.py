"""Another model answers when one cannot, or not yet: down a chain, at once, and under a ceiling of cost.

Nothing is waited for while a model of the chain has not been asked; once all have failed or would wait, the
one that is ready soonest is: its wait goes on, or it is asked again if its failure can pass. A model that
waits has not failed. It is left while nothing of an answer has come, and only for models that cost no more
than the first, unless that has failed.

    Link       a model of the chain, with its rule and its cost
    Ceiling    which links cost too much to stand in
    next_turn  which model comes next
    Fallback   the Model that goes down the chain
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from panvox.deadline import remaining
from panvox.errors import Failure, Fault, failure_from
from panvox.messages import Event, Identity, Prompt, Restarted, Waiting
from panvox.policies.pauses import RetryBudget, Rule, in_short, leaves_a_trace, passing
from panvox.policies.policy import Policy
from panvox.protocols import Model

Cost = Callable[[Prompt], Decimal | None] | Decimal | None
"""USD that a prompt is expected to cost, or what tells it; None where nobody knows."""


SHORT = 0.25
"""Seconds of a wait that are no reason to ask another model."""

UNKNOWN = 10.0
"""Seconds that a wait is taken for where nobody can tell: calls that have a slot take about as long. Were it
taken for endless, all who wait for a slot for a moment would rather wait minutes for a window elsewhere."""

_RETURNS = 1  # times that a model which was left for its wait is asked again because others wait, too
_ONCE = Rule(attempts=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One model of a chain. `rule` says how it is asked again, and `cost` what a prompt is expected to cost.

    A `local` one costs nothing.
    """

    identity: Identity
    model: Model
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
    """What became of a link so far; `dear` says that it costs more than the first, as far as anybody knows.

    `ready` is when it may be asked again, by the clock of the loop; None where it may not. If it is `held`,
    that is when its wait would end, as it was told or `guessed`, and `left` counts how often it was left for
    that. `warning` is what is said of its cost, `note` what is told once it is heard.
    """

    link: Link
    dear: bool = False
    asked: bool = False
    failed: int = 0
    fault: Fault | None = None
    held: bool = False
    guessed: bool = False
    left: int = 0
    ready: float | None = None
    warning: str = ""
    note: str = ""


def next_turn(standings: Sequence[Standing], waiting: Standing | None = None) -> Standing | None:
    """Whose turn it is: the first that was not asked yet, else the one that is ready soonest.

    Dear ones have their turn only when the first has failed. With `waiting`, who has to wait, it is
    `waiting` itself unless somebody else is sooner who has not been returned to before. Where nobody knows
    how long waits are, the one that is preferred is waited for.
    """
    failed = bool(standings[0].failed)
    fresh = next((each for each in standings if not each.asked and (failed or not each.dear)), None)

    def soon(each: Standing) -> bool:
        return each.ready is not None and (waiting is None or each is waiting or each.left <= _RETURNS)

    again = [
        ((each.ready or 0.0) - (SHORT if each is waiting and not each.guessed else 0.0), place)
        for place, each in enumerate(standings)
        if soon(each)
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


class Fallback(Policy):
    """A `Model` out of a chain of them, the preferred one first; it is called like that one.

    `heard` is told, in a sentence, of each model that stands in, and of each that does not for its cost.
    Each link is asked again as its rule allows and `budget` has retries left for its provider; to wait takes
    none of them. If all fail, what the first one raised last is raised, with a message that tells of the
    others.
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

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        way = _Way(self._links, prompt, ceiling=self._ceiling, budget=self._budget, chance=self._chance)
        turn = way.first()
        traces = False
        while True:
            attempt = await stack.enter_async_context(AsyncExitStack())
            following: Standing | None = None
            try:
                events = await attempt.enter_async_context(turn.link.model.stream(prompt))
                async for event in events:
                    if isinstance(event, Waiting) and not traces and (following := way.waits(turn, event)):
                        break
                    if turn.note:
                        self._heard(turn.note)
                        turn.note = ""
                    traces = traces or leaves_a_trace(event)
                    yield event
                else:
                    return
            except Failure as failure:
                following = self._following(way, turn, failure.fault)
                if following is None and way.was_alone:
                    raise
                if following is None:
                    raise way.failure() from failure
            await attempt.aclose()
            reason = _handover(turn, following)
            turn, pause = following, way.pause(following)
            if pause > 0:
                yield Waiting(reason, pause)
                await asyncio.sleep(pause)
            if traces:
                traces = False
                yield Restarted(reason)

    def _following(self, way: _Way, turn: Standing, fault: Fault) -> Standing | None:
        """Who is asked after `turn` has failed; whoever listens is told."""
        for sentence in way.failed(turn, fault):
            self._heard(sentence)
        following = way.next()
        if following is not None and (following.held or not following.failed):
            failed = _sentence(in_short(fault.message))
            self._heard(f"{_handover(turn, following)}, which failed with: {failed}{following.warning}")
        return following


def _sentence(text: str) -> str:
    """With a full stop at its end, unless there is something like it already."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _handover(turn: Standing, following: Standing) -> str:
    """What is told of the next attempt: who stands in for whom, or who is asked again."""
    if following.held:
        return f"{following.link.name} is waited for after all in place of {turn.link.name}"
    if not following.failed:
        return f"{following.link.name} stands in for {turn.link.name}"
    fault = following.fault
    return f"another attempt at {following.link.name} after: {in_short(fault.message if fault else '')}"


def _left(turn: Standing, following: Standing, wait: Waiting) -> str:
    """What is told where another is asked because `turn` has to wait."""
    seconds = "" if wait.seconds is None else f", {wait.seconds:.{0 if wait.seconds >= 1 else 1}f} s"
    return f"{_handover(turn, following)}: it waits for {wait.reason}{seconds}.{following.warning}"


class _Way:
    """One prompt's way down a chain. The others are priced only when the first has failed, or would wait."""

    def __init__(
        self, links: Sequence[Link], prompt: Prompt, *, ceiling: Ceiling, budget: RetryBudget, chance: Random
    ) -> None:
        self._standings = [Standing(links[0])]
        self._unpriced = tuple(links[1:])
        self._prompt = prompt
        self._ceiling = ceiling
        self._left_out: list[str] = []
        self._untold: list[str] = []
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
        self._ask(first)
        return first

    def failed(self, turn: Standing, fault: Fault) -> list[str]:
        """`turn` has failed; sentences on those that cost too much to stand in."""
        turn.failed += 1
        turn.fault, turn.held, turn.guessed = fault, False, False
        pause = turn.link.rule.pause(fault, turn.failed, self._chance.random()) if passing(fault) else None
        turn.ready = None if pause is None else self._clock() + pause
        self._admit()
        told, self._untold = self._untold, []
        return told

    def waits(self, turn: Standing, wait: Waiting) -> Standing | None:
        """Who is asked in place of `turn`, which has to wait; None where nobody is sooner."""
        if wait.seconds is not None and wait.seconds <= SHORT:
            return None
        if wait.seconds is not None or not turn.guessed:  # a guess that is put off would be later than others
            turn.ready = self._clock() + (UNKNOWN if wait.seconds is None else wait.seconds)
        turn.held, turn.guessed = True, wait.seconds is None
        self._admit()
        following = self.next(turn)
        if following is not None:
            turn.left += 1
            if not (following.left or following.failed):
                following.note = _left(turn, following, wait)
        return following

    def _admit(self) -> None:
        """Find out who may stand in at its price."""
        unpriced, self._unpriced = self._unpriced, ()
        asked = self._standings[0].link
        base = asked.expected(self._prompt) if unpriced else None
        for link in unpriced:
            cost = link.expected(self._prompt)
            if objection := self._ceiling.objection(cost, base):
                self._untold.append(f"{link.name} does not stand in for {asked.name}: {objection}")
            else:
                warning = self._ceiling.warning(cost, base)
                self._standings.append(Standing(link, dear=_is_dearer(cost, base), warning=warning))
        self._left_out += self._untold if unpriced else ()

    def next(self, waiting: Standing | None = None) -> Standing | None:
        """Whose turn it is, and may be; None where nobody's is, or nobody is sooner than `waiting`.

        No retry is waited for beyond the deadline, or made beyond the budget of them.
        """
        while (turn := next_turn(self._standings, waiting)) is not waiting and turn is not None:
            if not turn.asked:
                self._ask(turn)
                return turn
            if turn.held or (self.pause(turn) < remaining() and self._spend(turn)):
                return turn
            turn.ready = None
        return None

    def _spend(self, turn: Standing) -> bool:
        return self._budget.spend(turn.link.identity.provider, self._clock())

    def _ask(self, turn: Standing) -> None:
        turn.asked = True
        self._budget.called(turn.link.identity.provider, self._clock())

    def pause(self, turn: Standing) -> float:
        """Seconds to pause before `turn` is asked; one that waits by itself is asked at once."""
        return 0.0 if turn.held or turn.ready is None else max(0.0, turn.ready - self._clock())

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


def _is_dearer(cost: Decimal | None, asked: Decimal | None) -> bool:
    """Whether a link costs more than the model that was asked, or nobody can tell that it does not."""
    return cost != 0 and (cost is None or asked is None or cost > asked)
