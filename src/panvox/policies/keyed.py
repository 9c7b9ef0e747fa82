"""One model behind all the keys that a provider has for it: each call goes out with one that can be used."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from panvox.errors import Category, Failure, Fault, Owner, Retry, failure_from
from panvox.keys import Key, KeyPool
from panvox.messages import Event, Prompt, Reasoning, Restarted, Text, ToolCallDelta
from panvox.protocols import Model


class Keyed:
    """A `Model` that asks one of `models`, by the label of the key that `pool` picks.

    A failure that another key may not meet is met with another key at once, and with none twice in one call;
    a rate limit only with the key of another account, since the keys of one account share its limits.
    Everything else goes up, and so does what is left when no key is: the failure itself where there is only
    one key or the others would meet it too, else one that names each key and why it cannot be used, with the
    `wait` of the first that comes back.

    `model` is what the provider calls it, by which keys may be barred from it; `free` says that it costs
    nothing, so that an account without money may still be asked for it.
    """

    def __init__(
        self, name: str, pool: KeyPool, models: Mapping[str, Model], *, model: str = "", free: bool = False
    ) -> None:
        self.name = name
        self._pool = pool
        self._models = models
        self._model = model or name
        self._free = free

    def __repr__(self) -> str:
        return f"Keyed({self.name!r}, {list(self._models)})"

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Ask with the keys that there are; see `Model`."""
        async with AsyncExitStack() as stack:
            events = self._events(prompt, stack)
            stack.push_async_callback(events.aclose)
            yield events

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        key = self._key(but=frozenset(), after=None)
        failed: frozenset[str] = frozenset()
        while True:
            said = False
            attempt = await stack.enter_async_context(AsyncExitStack())
            try:
                events = await attempt.enter_async_context(self._models[key.label].stream(prompt))
                async for event in events:
                    said = said or isinstance(event, Text | Reasoning | ToolCallDelta)
                    yield event
            except Failure as failure:
                failed |= self._pool.failed(key, self._model, failure.fault, free=self._free)
                if not _another_may_do(failure.fault):
                    raise
                met = failure
            else:
                return
            await attempt.aclose()
            broken, key = key, self._key(but=failed, after=met)
            if said:
                yield Restarted(f"the key {broken.label} failed in the middle of the answer")

    def _key(self, *, but: frozenset[str], after: Failure | None) -> Key:
        """The next key. Where none is left it raises `after`, or what says more of all keys."""
        choice = self._pool.pick(self._model, free=self._free, but=but)
        if isinstance(choice, Key):
            return choice
        if after is not None and (choice.left_out or len(self._pool.keys) == 1):
            raise after
        raise failure_from(choice.fault)


def _another_may_do(fault: Fault) -> bool:
    """Whether a failure is of the key, and not of the call."""
    limited = fault.category is Category.RATE_LIMITED and fault.owner is Owner.KEY
    return limited or fault.retry is Retry.OTHER_KEY
