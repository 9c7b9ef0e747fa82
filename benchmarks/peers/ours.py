"""panvox, by the door that everybody uses: settings, a session, one question after the other."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import panvox
from benchmarks.contest import KEY_VARIABLE
from benchmarks.peers.job import Allowed, Ask, Call, Job, take_part


def limits(scope: Allowed, *, table: str) -> list[str]:
    lines = [f"[{table}]"]
    if scope.requests:
        lines.append(f'requests = "{scope.requests}/{scope.seconds:g}s"')
    if scope.slots:
        lines.append(f"slots = {scope.slots}")
    return lines


def settings(job: Job) -> str:
    """The settings file of a job: its providers and models, and what they are allowed unless it is learnt."""
    lines = ["[local]", "enabled = false", "[store]", "enabled = false", "[cache]", "enabled = false"]
    if job.shared:
        lines += ["[limits]", f'url = "{job.shared}"']
    for name, address, dialect in dict.fromkeys(map(_provider, job.calls)):
        models = dict.fromkeys(call.model for call in job.calls if call.provider == name)
        lines += ["[[providers]]", f'id = "{name}"', f'base_url = "{address}"', "free = true"]
        lines += [f'dialect = "{dialect}"', f'key_env = "{KEY_VARIABLE}"']
        lines.append(f"models = [{', '.join(map(_quoted, models))}]")
        if name in job.providers and not job.learn:
            lines += limits(job.providers[name], table="providers.limits")
    if not job.learn:
        for name, scope in job.models.items():
            lines += limits(scope, table=f"models.{_quoted(name)}.limits")
    return "\n".join(lines) + "\n"


def _provider(call: Call) -> tuple[str, str, str]:
    return call.provider, call.base_url, call.dialect


def _quoted(text: str) -> str:
    return f'"{text}"'


@asynccontextmanager
async def opened(text: str) -> AsyncIterator[panvox.Session]:
    """A session under these settings, which knows its models."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "panvox.toml"
        await asyncio.to_thread(file.write_text, text)
        async with panvox.open(file) as session:
            await session.catalogue()
            yield session


@asynccontextmanager
async def asking(job: Job) -> AsyncIterator[Ask]:
    async with opened(settings(job)) as session:

        async def ask(call: Call) -> None:
            result = await session.ask(call.question, models=[call.name], deadline=job.patience)
            if result.states != {"answered": 1}:
                raise RuntimeError(f"{call.name}: {result.states}")

        yield ask


if __name__ == "__main__":
    take_part(asking)
