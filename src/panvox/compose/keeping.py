"""What a session keeps to, and what it keeps for the next: limits, what was learnt of them, answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from panvox.compose.beside import beside
from panvox.compose.similar import SemanticCache
from panvox.limits.configured import Overrides, limits_of
from panvox.limits.defaults import defaults
from panvox.limits.estimates import Estimates
from panvox.limits.learning import Learning
from panvox.limits.learnt_file import ALIVE, Known, LearntFile
from panvox.limits.limiter import MemoryLimiter
from panvox.limits.share import divided
from panvox.limits.standings import Live, LiveScope
from panvox.policies.breaking import Breakers, Marks
from panvox.protocols import Cache, Limits, Scope, SimilarPrompts
from panvox.settings import Settings
from panvox.settings.places import learnt_limits_file
from panvox.store import AnswerCache, NullCache, answers_path

if TYPE_CHECKING:
    from panvox.limits.valkey import ValkeyPool

_MB = 1_000_000
_OFTEN = ALIVE / 3  # seconds after which it is written down what was used and learnt: a crash loses no more


class Keeping:
    """The limits of a session: those that are set, what was learnt, and what other processes use of them.

    It begins with what is `known` of earlier processes. With a `pool`, processes share the limits; while it
    is away each keeps to its share. `breakers`, once there are any, tell which models are left alone.
    """

    def __init__(
        self, settings: Settings, overrides: Overrides, known: Known, *, pool: ValkeyPool | None = None
    ) -> None:
        self.breakers: Breakers | None = None
        self.estimates = Estimates(known.estimates)
        self._overrides = overrides
        self._pool = pool
        self._configured = limits_of(settings, overrides)
        self.learning = _Learning(self, known, max_age=settings.limits.max_age)
        learner = self.learning if settings.limits.learn else None
        self.limiter = MemoryLimiter(self._limits, pool=pool, learner=learner)
        self.limiter.restore(known.entries)
        if learner is not None:
            for scope, seconds in learner.pauses().items():
                self.limiter.pause(scope, seconds)

    @property
    def marks(self) -> Marks | None:
        """Where processes tell each other which models are left alone."""
        return self._pool

    @property
    def share(self) -> int:
        """By how many processes the limits are divided for now."""
        return 1 if self._pool is None else self._pool.share()

    def configure(self, settings: Settings) -> None:
        """Other limits from now on, for those who wait, too."""
        self._configured = limits_of(settings, self._overrides)
        self.look_again()

    def in_force(self, scope: Scope) -> Limits:
        """What holds for a scope in this process: set, shipped or learnt."""
        configured = self._limits(scope)
        return self.learning.effective(scope, configured) if self.limiter.learns else configured

    def look_again(self) -> None:
        """The limits, or the share of them, may be others."""
        self.limiter.configure(self._limits)

    def live(self) -> Live:
        """How limits and circuits stand now, for other processes to see."""
        clock = time.time()
        scopes = tuple(
            LiveScope(
                scope=each.scope,
                slots=each.slots,
                waiting=each.waiting,
                paused_until=clock + each.paused if each.paused else 0.0,
            )
            for each in self.limiter.standing()
            if each.slots or each.waiting or each.paused
        )
        states = self.breakers.states() if self.breakers else ()
        return Live(
            scopes=scopes,
            circuits={state.name: clock + state.until for state in states if state.state != "closed"},
        )

    def shipped(self, scope: Scope) -> frozenset[str]:
        """The fields of a scope's limits that nobody set."""
        return self._configured.shipped(scope)

    def _limits(self, scope: Scope) -> Limits:
        configured = self._configured(scope)
        return configured if self.limiter.learns else divided(configured, self.share)


class _Learning(Learning):
    """What is learnt, of which this process keeps to its share."""

    def __init__(self, keeping: Keeping, known: Known, *, max_age: float) -> None:
        super().__init__(known.lessons, shipped=keeping.shipped, max_age=max_age)
        self._keeping = keeping

    def effective(self, scope: Scope, configured: Limits) -> Limits:
        """What holds for `scope` in this process."""
        return divided(super().effective(scope, configured), self._keeping.share)


@asynccontextmanager
async def open_keeping(
    settings: Settings, overrides: Overrides, *, note: Callable[[str], None]
) -> AsyncIterator[Keeping]:
    """The limits of a session. Raises `SettingsError` where those that are shared cannot be had."""
    file = LearntFile(learnt_limits_file(), max_age=settings.limits.max_age)
    known = await asyncio.to_thread(_known, file)
    if known.problem:
        note(known.problem)
    async with AsyncExitStack() as stack:
        url, pool = settings.limits.url, None
        if url is not None:
            changes = _Changes(note)
            # Only who shares limits needs it; it reads its script from the disk.
            valkey = await asyncio.to_thread(import_module, "panvox.limits.valkey")
            pool = await stack.enter_async_context(
                valkey.ValkeyPool(url.get_secret_value(), on_change=changes.heard)
            )
            keeping = changes.keeping = Keeping(settings, overrides, known, pool=pool)
        else:
            keeping = Keeping(settings, overrides, known)
        await stack.enter_async_context(_written_down(keeping, file, note))
        yield keeping


def _known(file: LearntFile) -> Known:
    """What earlier processes left; the shipped limits are read on the way, since that takes a while, too."""
    defaults()
    return file.load(now=time.time())


class _Changes:
    """Tells people, and the limits, that processes have ceased or begun to share them."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.keeping: Keeping | None = None
        self._note = note

    def heard(self, sentence: str) -> None:
        """The share has changed."""
        self._note(sentence)
        if self.keeping is not None:
            self.keeping.look_again()


@asynccontextmanager
async def _written_down(
    keeping: Keeping, file: LearntFile, note: Callable[[str], None]
) -> AsyncIterator[None]:
    """While inside, what is used and learnt is written down now and then, and once more on leaving."""

    async def write(live: Live | None = None) -> None:
        lessons, entries = keeping.learning.lessons(), keeping.limiter.entries(shortest=0.0)
        estimated = dict(keeping.estimates.known)
        if problem := await asyncio.to_thread(
            file.save, lessons, entries, estimated=estimated, live=live, now=time.time()
        ):
            note(problem)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(_OFTEN)
            await write(keeping.live())

    try:
        async with beside(go_on(), "limits on the disk"):
            yield
    finally:
        await write()


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


def similar_prompts(settings: Settings, cache: Cache) -> SimilarPrompts | None:
    """What finds answers to prompts that mean the same, if the settings want that."""
    least = settings.cache.semantic
    return SemanticCache(cache, least=least) if least and isinstance(cache, AnswerCache) else None
