"""A session follows its settings files while it is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from panvox.compose.beside import beside
from panvox.settings import Settings
from panvox.settings.watching import watch

LATER = 3.0
"""Seconds after which files are watched: it takes time to begin with, and most runs are over by then."""


@asynccontextmanager
async def watched(
    settings: Settings, *, changed: Callable[[Settings], None], problem: Callable[[str], None]
) -> AsyncIterator[None]:
    """While inside, new settings are handed to `changed`, and what is wrong with them is told to `problem`.

    Settings that a program made come from no file, and are not watched.
    """
    if not settings.fingerprint:
        yield
        return

    async def follow() -> None:
        await asyncio.sleep(LATER)
        try:
            await watch(settings, explicit=settings.explicit, changed=changed, problem=problem)
        except Exception as error:  # noqa: BLE001 - files that cannot be watched must not end what is asked
            problem(
                f"the settings files are watched no more, so that changes count only when panvox is started "
                f"again: {type(error).__name__}: {error}"
            )

    async with beside(follow(), "settings files"):
        yield
