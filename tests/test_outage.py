"""A provider goes down and comes back: it is not hammered, nobody else is held up, and it is used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest

from panvox.compose.dialects import DIALECTS
from panvox.errors import CircuitOpen, Failure, Overloaded, RateLimited, Unreachable
from panvox.messages import Event, Identity, Prompt, Waiting
from panvox.policies.breaking import Breakers
from panvox.policies.circuit import CircuitRule
from panvox.policies.fallback import Fallback, Link
from panvox.policies.pauses import RetryBudget, Rule
from panvox.policies.retrying import Retrying
from panvox.protocols import Model, Quirks
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from panvox.simulator import Fleet, Simulator, VirtualModel, VirtualProvider, find_fault, simulate
from panvox.simulator.chance import seeded
from tests.attempts import Weather, heard
from tests.fleets import SWIFT, Parrot, idle

PROMPT = Prompt.of("Paris")
QUICK = CircuitRule(pause=0.05)


def grove(**faults: str) -> Fleet:
    """Two providers with one model each, some with a fault."""
    providers = (
        VirtualProvider(
            name,
            models=(
                VirtualModel("m", latency=SWIFT, fault=find_fault(faults[name]) if name in faults else None),
            ),
        )
        for name in ("oak", "elm")
    )
    return Fleet(tuple(providers), answers=Parrot())


def over_http(server: Simulator, provider: str, transport: HttpTransport) -> HttpModel:
    return HttpModel(
        name=f"{provider}/m",
        model="m",
        dialect=DIALECTS["openai"](Quirks()),
        transport=transport,
        base_url=server.base_url(provider),
    )


def linked(model: Model, *, retries: int = 0) -> Link:
    identity = Identity(name=model.name, provider=model.name.partition("/")[0])
    return Link(identity=identity, model=model, rule=Rule(attempts=retries + 1))


def chain(links: Sequence[Link], lines: list[str]) -> Fallback:
    return Fallback(links, warn_above=2.0, refuse_above=3.0, heard=lines.append, budget=RetryBudget())


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with HttpTransport() as opened:
        yield opened


async def all_heard(model: Model, calls: int) -> list[tuple[list[Event], Failure | None]]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(heard(model, PROMPT)) for _ in range(calls)]
    return [task.result() for task in asked]


# --- over a minute, in virtual time ---


@pytest.mark.looptime
async def test_over_a_minute_of_an_outage_there_are_at_most_a_fifth_more_calls() -> None:
    down = Weather("oak/m", Overloaded("down", status=503))
    up = Weather("elm/m", Overloaded("down"), down=False)
    took: list[float] = []
    clock = asyncio.get_running_loop().time
    async with Breakers() as breakers, asyncio.TaskGroup() as traffic:
        budget = RetryBudget(0.2)
        bad, good = (
            Retrying(
                breakers.around(model, model.name),
                Rule(),
                budget=budget,
                provider=model.name,
                chance=seeded("outage"),
            )
            for model in (down, up)
        )

        async def timed(model: Model) -> None:
            begun = clock()
            await heard(model)
            took.append(clock() - begun)

        for _ in range(600):
            traffic.create_task(heard(bad))
            traffic.create_task(timed(good))
            await asyncio.sleep(0.1)
        assert down.asked <= 1.2 * 600
        assert down.asked < 50, "the circuit keeps nearly all calls away"
        assert (up.asked, max(took)) == (600, 0.0)
        down.down = False
        await asyncio.sleep(60)
        _, failure = await heard(bad)
        assert failure is None


@pytest.mark.looptime
async def test_without_a_circuit_the_budget_alone_keeps_retries_to_a_fifth() -> None:
    down = Weather("oak/m", Overloaded("down", status=503))
    model = Retrying(down, Rule(), budget=RetryBudget(0.2), provider="oak", chance=seeded("outage"))
    async with asyncio.TaskGroup() as traffic:
        for _ in range(600):
            traffic.create_task(heard(model))
            await asyncio.sleep(0.1)
        assert 600 < down.asked <= 1.2 * 600


# --- over real sockets ---


async def test_an_outage_seen_over_sockets_is_short_of_calls_and_ends(transport: HttpTransport) -> None:
    lines: list[str] = []
    async with Breakers(QUICK) as breakers, AsyncExitStack() as outage:
        server = await outage.enter_async_context(simulate(grove(oak="unavailable")))
        port = urlsplit(server.url).port or 0
        oak, elm = (over_http(server, name, transport) for name in ("oak", "elm"))
        links = [linked(breakers.around(model, model.name), retries=2) for model in (oak, elm)]
        model = chain(links, lines)
        for _ in range(20):
            results = await all_heard(model, 5)
            assert [failure for _, failure in results] == [None] * 5
            assert not any(isinstance(event, Waiting) for events, _ in results for event in events)
        await idle(server)
        stats = server.stats().providers
        assert stats["elm"].requests == 100
        assert stats["oak"].requests <= 120
        assert len(lines) == 100
        await outage.aclose()
        async with simulate(grove(), port=port) as repaired:
            async with asyncio.timeout(30):
                while repaired.stats().providers["oak"].answered < 2:  # a probe, then a user
                    await heard(model, PROMPT)
                    await asyncio.sleep(0.01)
            assert {state.state for state in breakers.states()} == {"closed"}


async def test_an_open_circuit_sends_nothing(transport: HttpTransport) -> None:
    breakers = Breakers()
    async with simulate(grove(oak="overloaded")) as server:
        model = breakers.around(over_http(server, "oak", transport), "oak/m")
        failures = [(await heard(model, PROMPT))[1] for _ in range(8)]
        await idle(server)
        assert [type(failure) for failure in failures] == [Overloaded] * 5 + [CircuitOpen] * 3
        assert server.stats().total.requests == 5


async def test_a_refusal_with_retry_after_is_stood_in_for_without_waiting(transport: HttpTransport) -> None:
    lines: list[str] = []
    async with simulate(grove(oak="rate-limited")) as server:
        links = [linked(over_http(server, name, transport), retries=3) for name in ("oak", "elm")]
        events, failure = await heard(chain(links, lines), PROMPT)
        await idle(server)
        assert failure is None
        assert not any(isinstance(event, Waiting) for event in events)
        assert {name: tally.requests for name, tally in server.stats().providers.items()} == {
            "oak": 1,
            "elm": 1,
        }
    assert lines[0].startswith("elm/m stands in for oak/m, which failed with: ")


async def test_five_dead_providers_over_sockets_are_given_up_without_a_pause(
    transport: HttpTransport,
) -> None:
    async def gone() -> HttpModel:
        async with simulate(grove()) as server:
            return over_http(server, "oak", transport)

    links = [linked(await gone(), retries=3) for _ in range(5)]
    events, failure = await heard(chain(links, []), PROMPT)
    assert isinstance(failure, Unreachable)
    assert "4 stood in and failed as well" in str(failure)
    assert events == []


async def test_a_refusal_that_nobody_can_stand_in_for_says_when_to_come_back(
    transport: HttpTransport,
) -> None:
    async with simulate(grove(oak="rate-limited", elm="unauthorised")) as server:
        links = [linked(over_http(server, name, transport)) for name in ("oak", "elm")]
        _, failure = await heard(chain(links, []), PROMPT)
    assert isinstance(failure, RateLimited)
    assert failure.fault.wait == 20.0
