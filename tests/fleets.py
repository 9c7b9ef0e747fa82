"""Small fleets and their clients, for tests of the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai

from panvox.simulator import Fleet, Latency, Simulator, VirtualModel, VirtualProvider, find_fault

SUM = "What is 17 * 23 + 9?"
SWIFT = Latency(first_token=0.001, spread=0, slow_share=0, rate=40_000)


class Parrot:
    """Says the question again, so that a test knows every answer."""

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        return question


def oak(*models: VirtualModel, **provider: Any) -> Fleet:
    """One provider, whose models say the question again."""
    return Fleet((VirtualProvider("oak", models=models, **provider),), answers=Parrot())


def spoilt(*names: str, dialect: str = "openai") -> Fleet:
    """One model for each fault, called like it."""
    models = (VirtualModel(name, latency=SWIFT, fault=find_fault(name)) for name in names)
    return oak(*models, dialect=dialect)


@asynccontextmanager
async def sdk(
    server: Simulator, *, provider: str = "oak", key: str = "sk-x"
) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = server.base_url(provider)
    async with openai.AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0) as client:
        yield client


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def body(model: str, *, stream: bool = True, text: str = SUM) -> dict[str, Any]:
    return {"model": model, "stream": stream, "messages": user(text)}


async def idle(server: Simulator) -> None:
    async with asyncio.timeout(5):
        await server.wait_idle()
