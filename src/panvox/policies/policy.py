"""What all models around models have in common: a generator of events that is closed with the call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from panvox.messages import Event, Prompt


class Policy(ABC):
    """A `Model` that is given one, or several.

    What a call opens goes into its `stack`, and never into an `async with` around a `yield`: the generator
    may be left in the middle, and then everything is closed by the task that opened it (PEP 789).
    """

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Ask; see `Model`."""
        async with AsyncExitStack() as stack:
            events = self._events(prompt, stack)
            stack.push_async_callback(events.aclose)
            yield events

    @abstractmethod
    def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        """The events of one call; failures are raised bare."""
