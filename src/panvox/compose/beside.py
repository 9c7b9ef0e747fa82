"""Work that goes on while something is open, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(work: Coroutine[None, None, None], name: str) -> AsyncIterator[None]:
    """While inside, `work` is under way; on leaving it is cancelled. Errors of the body come out bare."""
    error: BaseException | None = None
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work, name=name)
        try:
            yield
        except BaseException as raised:  # noqa: ASYNC103, BLE001 - raised again outside the task group
            error = raised
        finally:
            task.cancel()
    if error is not None:
        raise error
