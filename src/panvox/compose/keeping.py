"""What a session keeps to, and what it keeps for the next: limits, what was learnt of them, answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from panvox.limits.configured import Overrides, limits_of
from panvox.limits.defaults import defaults
from panvox.limits.estimates import Estimates
from panvox.limits.limiter import MemoryLimiter
from panvox.limits.valkey import ValkeyPool
from panvox.policies.breaking import Marks
from panvox.protocols import Cache, Limits, Scope
from panvox.settings import Settings
from panvox.store import AnswerCache, NullCache, answers_path

_MB = 1_000_000


class Keeping:
    """The limits of a session: those that are set, what was learnt, and what other processes use of them."""

    def __init__(self, settings: Settings, overrides: Overrides, *, pool: ValkeyPool | None) -> None:
        self.estimates = Estimates()
        self._overrides = overrides
        self._pool = pool
        self._configured = limits_of(settings, overrides)
        self.limiter = MemoryLimiter(self._limits, pool=pool)

    @property
    def marks(self) -> Marks | None:
        """Where processes tell each other which models are left alone."""
        return self._pool

    def configure(self, settings: Settings) -> None:
        """Other limits from now on, for those who wait, too."""
        self._configured = limits_of(settings, self._overrides)
        self.limiter.configure(self._limits)

    def _limits(self, scope: Scope) -> Limits:
        return self._configured(scope)


@asynccontextmanager
async def open_keeping(
    settings: Settings, overrides: Overrides, *, note: Callable[[str], None]
) -> AsyncIterator[Keeping]:
    """The limits of a session. Raises `SettingsError` where those that are shared cannot be had."""
    url = settings.limits.url
    await asyncio.to_thread(defaults)  # read once, here, where it may take its time
    async with AsyncExitStack() as stack:
        pool = None
        if url is not None:
            pool = await stack.enter_async_context(ValkeyPool(url.get_secret_value(), on_change=note))
        yield Keeping(settings, overrides, pool=pool)


@asynccontextmanager
async def open_cache(settings: Settings) -> AsyncIterator[Cache]:
    """The answers that are kept, if the settings want that."""
    section = settings.cache
    if not section.enabled:
        yield NullCache()
        return
    path, most = answers_path(), section.max_mb * _MB
    async with AnswerCache.open(path, max_age=section.max_age, max_bytes=most) as cache:
        yield cache
