"""Tries again what can succeed later: after a pause, a few times, and while an answer is still of use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from itertools import count
from random import Random

from panvox.deadline import remaining
from panvox.errors import Failure, Fault
from panvox.messages import Event, Prompt, Restarted, Waiting
from panvox.policies.pauses import RetryBudget, Rule, in_short, leaves_a_trace
from panvox.policies.policy import Policy
from panvox.protocols import Model


class Retrying(Policy):
    """A `Model` that asks another one again, as `rule` allows and `budget` has retries left for `provider`.

    Each attempt is a stream of its own, and the last one is closed before the pause. A pause that would
    outlast the deadline is not begun. What is raised is the failure of the last attempt.
    """

    def __init__(
        self,
        model: Model,
        rule: Rule,
        *,
        budget: RetryBudget,
        provider: str,
        chance: Random | None = None,
    ) -> None:
        self.name = model.name
        self._model = model
        self._rule = rule
        self._budget = budget
        self._provider = provider
        self._chance = chance or Random()  # noqa: S311 - pauses are no secrets

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        self._budget.called(self._provider, asyncio.get_running_loop().time())
        traces = False
        for number in count(1):
            attempt = await stack.enter_async_context(AsyncExitStack())
            try:
                events = await attempt.enter_async_context(self._model.stream(prompt))
                async for event in events:
                    traces = traces or leaves_a_trace(event)
                    yield event
            except Failure as failure:
                pause = self._pause(failure.fault, failed=number)
                if pause is None:
                    raise
                reason = f"another attempt at {self.name} after: {in_short(failure.fault.message)}"
            else:
                return
            await attempt.aclose()
            yield Waiting(reason, pause)
            await asyncio.sleep(pause)
            if traces:
                traces = False
                yield Restarted(reason)

    def _pause(self, fault: Fault, *, failed: int) -> float | None:
        """Seconds until the next attempt; None where the failure goes up."""
        pause = self._rule.pause(fault, failed, self._chance.random())
        if pause is None or pause >= remaining():
            return None
        now = asyncio.get_running_loop().time()
        return pause if self._budget.spend(self._provider, now) else None
