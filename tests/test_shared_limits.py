"""Several processes on one Valkey: together they keep the limits, and they outlive its outages and each other's."""

from __future__ import annotations

import asyncio

import pytest

from panvox.errors import SettingsError
from panvox.limits.valkey import ValkeyPool
from panvox.messages import Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Window
from tests.valkey import PASSWORD, Valkey, valkey

__all__ = ["valkey"]

PROVIDER = Scope("provider", "openai")
MODEL = Scope("model", "openai/gpt-5")


def demand(*scopes: Scope, tokens: int = 0, answer: int = 0, model: str = "gpt-5") -> Demand:
    return Demand(scopes=scopes or (PROVIDER,), model=model, input_tokens=tokens, output_tokens=answer)


def requests(amount: int, seconds: float) -> dict[Scope, Limits]:
    return {PROVIDER: Limits(windows=(Window("requests", amount, seconds),))}


async def test_what_one_process_takes_another_lacks(valkey: Valkey) -> None:
    limits = requests(2, 60)
    async with ValkeyPool(valkey.url) as one, ValkeyPool(valkey.url) as other:
        assert await one.take("a", demand(), limits) is None
        assert await other.take("a", demand(), limits) is None
        hold = await one.take("b", demand(), limits)
        assert hold is not None
        assert (hold.scope, hold.what) == (PROVIDER, "requests")
        assert hold.seconds is not None
        assert 55 < hold.seconds <= 60.25
