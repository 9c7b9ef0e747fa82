"""Outages of simulated providers: a span of refusals, or of silence."""

from __future__ import annotations

from dataclasses import replace

import openai
import pytest

from panvox.errors import UsageError
from panvox.simulator import (
    Fleet,
    Latency,
    Outage,
    VirtualModel,
    VirtualProvider,
    simulate,
    with_outages,
)
from tests.fleets import SUM, SWIFT, idle, oak, sdk, user

EVER = 1e9
MODEL = VirtualModel("a", latency=SWIFT)


def out(*outages: Outage, model: VirtualModel = MODEL) -> Fleet:
    return oak(model, outages=outages)


async def test_a_provider_that_is_out_answers_503_and_the_call_is_rejected() -> None:
    async with simulate(out(Outage(0, EVER)), speed=0) as server, sdk(server) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(model="a", messages=user(SUM))
        with pytest.raises(openai.InternalServerError):
            await client.models.list()
        assert caught.value.status_code == 503
        assert server.stats().total.rejected == {"unavailable": 1}


async def test_other_times_are_no_outage() -> None:
    async with simulate(out(Outage(EVER, 2 * EVER), Outage(0, 0))) as server, sdk(server) as client:
        await client.chat.completions.create(model="a", messages=user(SUM))
        assert server.stats().total.answered == 1


@pytest.mark.parametrize("seconds", [0.0, 5.0, 6.9, 7.0, 12.0, 19.0, 20.0])
def test_an_outage_holds_its_beginning_and_not_its_end(seconds: float) -> None:
    provider = VirtualProvider("oak", models=(MODEL,), outages=(Outage(5, 7), Outage(12, 20, gone=True)))
    lasts = (5 <= seconds < 7, 12 <= seconds < 20)
    assert provider.outage(seconds) == next(
        (each for each, now in zip(provider.outages, lasts, strict=True) if now), None
    )


async def test_a_provider_that_is_gone_takes_no_call_and_counts_none() -> None:
    async with simulate(out(Outage(0, EVER, gone=True)), speed=0) as server, sdk(server) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(model="a", messages=user(SUM))
        assert server.stats().total.requests == 0


async def test_answers_under_way_break_off_when_a_provider_goes_and_nobody_has_left() -> None:
    slow = replace(MODEL, latency=Latency(first_token=EVER, spread=0, slow_share=0))
    fleet = out(Outage(0.5, EVER, gone=True), model=slow)
    async with simulate(fleet) as server, sdk(server) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.chat.completions.create(model="a", messages=user(SUM))
        await idle(server)
        total = server.stats().total
        assert (total.requests, total.answered, total.disconnects, total.in_flight) == (1, 0, 0, 0)


def test_outages_are_read_as_people_write_them() -> None:
    fleet = with_outages(out(), ["oak:20-50", "oak:60-62.5:gone"])
    assert fleet.provider("oak").outages == (Outage(20, 50), Outage(60, 62.5, gone=True))


@pytest.mark.parametrize("text", ["", "oak", "oak:20", "elm:20-50", "oak:50-20", "oak:-3-5", "oak:2-5:away"])
def test_what_is_no_outage_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(UsageError, match="is no outage of this fleet") as refused:
        with_outages(out(), [text])
    assert repr(text) in str(refused.value)
