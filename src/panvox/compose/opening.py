"""A session opened, and what people call: `panvox.open`, `ask`, `stream`, `run`, `review_files`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Unpack

from panvox.compose.conversation import Asking, Calling, Conversation, Notes, Result
from panvox.compose.keeping import open_cache, open_keeping, similar_prompts
from panvox.compose.review import Reviewed, Reviewing
from panvox.compose.session import Session
from panvox.compose.stack import Shared
from panvox.compose.watching import watched
from panvox.engine import Turn
from panvox.limits.configured import NO_OVERRIDES, Overrides
from panvox.messages import Prompt
from panvox.policies.breaking import Breakers
from panvox.policies.cached import Flights
from panvox.policies.circuit import CircuitRule
from panvox.policies.pauses import RetryBudget
from panvox.providers.local import LocalServer
from panvox.providers.transport import HttpTransport
from panvox.review.brief import Brief
from panvox.settings import Settings, load
from panvox.store import NullJournal, SqlJournal, default_path, open_journal


@asynccontextmanager
async def open_session(
    settings: Settings | Path | None = None, *, overrides: Overrides = NO_OVERRIDES
) -> AsyncIterator[Session]:
    """A session: ask many times, connect once.

    `settings` may name a file; without it they are found as the command line finds them. `overrides` are
    limits that win over those of the settings. Raises `SettingsError`.
    """
    known = settings if isinstance(settings, Settings) else await asyncio.to_thread(load, explicit=settings)
    local, breaker, notes = known.local, known.breaker, Notes()
    rule = CircuitRule(failures=breaker.failures, share=breaker.share, pause=breaker.pause)
    async with (
        _open_store(known) as store,
        HttpTransport(way=known.way_out()) as transport,
        LocalServer(
            weights=local.weights, context=local.context, slots=local.samples, threads=local.threads
        ) as server,
        open_cache(known) as cache,
        open_keeping(known, overrides, note=notes.say) as keeping,
        Breakers(rule, marks=keeping.marks) as breakers,
    ):
        keeping.breakers = breakers
        shared = Shared(
            limiter=keeping.limiter,
            estimates=keeping.estimates,
            retries=RetryBudget(known.retry.budget),
            breakers=breakers,
            cache=cache,
            flights=Flights(),
            similar=similar_prompts(known, cache),
        )
        session = Session(
            known, transport=transport, store=store, local=server, shared=shared, keeping=keeping, notes=notes
        )
        async with watched(known, changed=session.reload, problem=notes.say):
            yield session


@asynccontextmanager
async def _open_store(settings: Settings) -> AsyncIterator[SqlJournal | NullJournal]:
    if not settings.store.enabled:
        yield NullJournal("no runs are kept: the store is switched off (store.enabled)")
        return
    async with open_journal(settings.store.path or default_path()) as store:
        yield store


open = open_session  # noqa: A001 - users write panvox.open


async def ask(
    prompt: str | Prompt, *, settings: Settings | Path | None = None, **asking: Unpack[Asking]
) -> Result:
    """Ask models one prompt and wait for what comes of it. Raises `UsageError` for what cannot be done."""
    async with open_session(settings) as session:
        return await session.ask(prompt, **asking)


@asynccontextmanager
async def stream(
    prompt: str | Prompt, *, settings: Settings | Path | None = None, **asking: Unpack[Asking]
) -> AsyncIterator[Turn]:
    """Ask models one prompt and follow what happens. Raises `UsageError` for what cannot be done."""
    async with open_session(settings) as session, session.stream(prompt, **asking) as turn:
        yield turn


@asynccontextmanager
async def run(
    *,
    models: Sequence[str] = (),
    continue_run: str | None = None,
    settings: Settings | Path | None = None,
    **calling: Unpack[Calling],
) -> AsyncIterator[Conversation]:
    """A panel to ask again and again. Raises `UsageError` where no model is selected."""
    async with (
        open_session(settings) as session,
        session.run(models=models, continue_run=continue_run, **calling) as asked,
    ):
        yield asked


async def review_files(
    brief: Brief,
    *,
    parent: Path | None = None,
    settings: Settings | Path | None = None,
    **asked: Unpack[Reviewing],
) -> Reviewed:
    """Let models review files, and wait for what comes of it. Raises `UsageError` before anything is sent."""
    async with open_session(settings) as session:
        return await session.review(brief, parent=parent, **asked)
