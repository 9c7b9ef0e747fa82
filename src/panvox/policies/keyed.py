"""One model behind all the keys that a provider has for it: each call goes out with one that can be used."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from math import inf

from panvox.errors import Category, Failure, Fault, Owner, Retry, failure_from
from panvox.keys import Key, KeyPool
from panvox.messages import Event, Prompt, Reasoning, Restarted, Text, ToolCallDelta, Waiting
from panvox.policies.policy import Policy
from panvox.protocols import Model


class Keyed(Policy):
    """A `Model` that asks one of `models`, by the label of the key that `pool` picks.

    A failure that another key may not meet is met with another key at once, and with none twice in one call;
    a rate limit only with the key of another account, since the keys of one account share its limits.
    A call that would have to wait is made for another account, unless all of them would wait: then for the
    one that says that it is the soonest. Everything else goes up, and so does what is left when no key is:
    the failure itself where there is only one key or the others would meet it too, else one that names each
    key and why it cannot be used, with the `wait` of the first that comes back.

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

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        key = self._key(but=frozenset(), after=None)
        failed: frozenset[str] = frozenset()
        waits: dict[str, float] = {}
        while True:
            said = False
            sooner: Key | None = None
            met: Failure | None = None
            attempt = await stack.enter_async_context(AsyncExitStack())
            try:
                events = await attempt.enter_async_context(self._models[key.label].stream(prompt))
                async for event in events:
                    if isinstance(event, Waiting) and (sooner := self._sooner(key, event, waits, but=failed)):
                        break
                    said = said or isinstance(event, Text | Reasoning | ToolCallDelta)
                    yield event
                else:
                    return
            except Failure as failure:
                failed |= self._pool.failed(key, self._model, failure.fault, free=self._free)
                if not _another_may_do(failure.fault):
                    raise
                met = failure
            await attempt.aclose()
            broken, key = key, sooner or self._key(but=failed, after=met)
            if said:
                yield Restarted(f"the key {broken.label} failed in the middle of the answer")

    def _sooner(
        self, key: Key, wait: Waiting, waits: dict[str, float], *, but: Collection[str]
    ) -> Key | None:
        """The key to ask with in place of `key`, which has to wait; None where that is the soonest.

        `waits` are the seconds that accounts would wait, as they said when they were asked, once each. No
        backup is used for the sake of a wait.
        """
        if key.account in waits:
            return None
        waits[key.account] = inf if wait.seconds is None else wait.seconds
        others = [each for each in self._pool.keys if each.label not in but and each.backup <= key.backup]
        unseen = self._one_of(each for each in others if each.account not in waits)
        if unseen is not None:
            return unseen
        soonest = min((each.account for each in others if each.account in waits), key=waits.__getitem__)
        return self._one_of(each for each in others if each.account == soonest != key.account)

    def _one_of(self, keys: Iterable[Key]) -> Key | None:
        """The one whose turn it is, of those that can be used."""
        others = {key.label for key in self._pool.keys} - {key.label for key in keys}
        choice = self._pool.pick(self._model, free=self._free, but=others)
        return choice if isinstance(choice, Key) else None

    def _key(self, *, but: frozenset[str], after: Failure | None) -> Key:
        """The next key. Where none is left it raises `after`, or what says more of all keys."""
        choice = self._pool.pick(self._model, free=self._free, but=but)
        if isinstance(choice, Key):
            return choice
        if after is not None and (choice.left_out or len(self._pool.keys) == 1):
            raise after
        raise failure_from(choice.fault)


def _another_may_do(fault: Fault) -> bool:
    """Whether a failure is of the key, or of what its account is allowed, and not of the call.

    Our own limits refuse a call without a status: as too large, or since it would wait for too long.
    """
    limited = fault.category is Category.RATE_LIMITED and fault.owner in {Owner.KEY, Owner.US}
    too_large = fault.category is Category.TOO_LARGE and fault.status is None
    return limited or too_large or fault.retry is Retry.OTHER_KEY
