"""One attempt: when it began, how it ended, what it cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from decimal import Decimal

from panvox.errors import Failure
from panvox.messages import AttemptBegan, AttemptEnded, End, Event, Identity, Prompt, Usage, UsageReport
from panvox.policies.policy import Policy
from panvox.protocols import Model

Price = Callable[[Usage], Decimal | None]
"""USD of what was used; None where nobody knows."""


class Metered(Policy):
    """A model whose calls are told of, from `AttemptBegan` to `AttemptEnded`, which comes before the `End`.

    What an attempt cost is what the provider says; where it does not, `price` says it.
    """

    def __init__(self, model: Model, *, identity: Identity, key: str = "", price: Price) -> None:
        self.name = model.name
        self._model = model
        self._began = AttemptBegan(identity, key)
        self._price = price

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        yield self._began
        usage: Usage | None = None
        broken: Failure | None = None
        try:
            events = await stack.enter_async_context(self._model.stream(prompt))
            async for event in events:
                if type(event) is UsageReport:
                    usage = event.usage
                elif type(event) is End:
                    yield AttemptEnded(cost=self._cost(usage))
                yield event
        except Failure as failure:
            broken = failure
        if broken is not None:
            yield AttemptEnded(broken.fault, cost=self._cost(usage))
            raise broken

    def _cost(self, usage: Usage | None) -> Decimal | None:
        """USD as the provider says; else by its prices; None where nothing was counted."""
        if usage is None:
            return None
        return self._price(usage) if usage.cost is None else usage.cost
