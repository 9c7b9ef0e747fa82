"""A stand-in is paid for before it is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack

from panvox.errors import OutOfMoney, Owner, Retry
from panvox.messages import Event, Prompt
from panvox.policies.policy import Policy
from panvox.protocols import Model, Refusal

TopUp = Callable[[Prompt], Awaitable[Refusal | None]]
"""Sets aside what a prompt costs beyond what is set aside already; gives the reason where it cannot."""


class Paying(Policy):
    """A model that is asked when its money is set aside; else `OutOfMoney` says which limit forbids it."""

    def __init__(self, model: Model, top_up: TopUp) -> None:
        self.name = model.name
        self._model = model
        self._top_up = top_up

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        refusal = await self._top_up(prompt)
        if refusal is not None:
            raise OutOfMoney(
                f"{self.name} does not stand in: {refusal.reason}",
                hint="Raise the budget, or leave paid models out.",
                owner=Owner.US,
                retry=Retry.NEVER,
            )
        events = await stack.enter_async_context(self._model.stream(prompt))
        async for event in events:
            yield event
