"""The limits of the simulated fleet: exact where they are decided, and as OpenAI spells them on the wire."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.compose.dialects import dialect_of
from panvox.errors import Category, UsageError
from panvox.messages import Prompt, Rate
from panvox.settings import VENDORS
from panvox.simulator import (
    Fleet,
    Kind,
    Latency,
    Limits,
    Simulator,
    Tells,
    VirtualModel,
    VirtualProvider,
    Window,
    parse_limits,
    simulate,
)
from panvox.simulator.limits import DAY, Gate, tightest
from panvox.simulator.wording import duration

MINUTE = 60.0


def attempt(gate: Gate, now: float, tokens: int = 1) -> Kind | None:
    """Enter if the gate lets us; why it did not."""
    excess = gate.excess(now, tokens=tokens, ceiling=tokens)
    if excess is None:
        gate.enter(now, tokens=tokens)
        return None
    return excess.kind


# --- decisions, in no time -------------------------------------------------------------------------

steps = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 9)), max_size=60)


@given(steps, st.integers(1, 5), st.integers(9, 30))
def test_no_window_ever_holds_more_than_its_amount(
    steps: list[tuple[int, int]], requests: int, tokens: int
) -> None:
    gate = Gate(Limits(requests=(Window(requests, 10),), tokens=(Window(tokens, 20),)))
    entered: list[tuple[float, int]] = []
    for now, (_, amount) in zip(itertools.accumulate(wait / 64 for wait, _ in steps), steps, strict=True):
        if attempt(gate, now, amount) is None:
            entered.append((now, amount))
    for end, _ in entered:
        assert sum(end - 10 < time <= end for time, _ in entered) <= requests
        assert sum(amount for time, amount in entered if end - 20 < time <= end) <= tokens


@given(steps, st.integers(1, 5), st.integers(9, 30))
def test_the_wait_that_is_told_is_the_shortest_that_helps(
    steps: list[tuple[int, int]], requests: int, tokens: int
) -> None:
    gate = Gate(Limits(requests=(Window(requests, 8),), tokens=(Window(tokens, 16),)))
    now = 0.0
    for wait, amount in steps:  # all times are multiples of 1/64, so that sums are exact
        now += wait / 64
        excess = gate.excess(now, tokens=amount, ceiling=amount)
        if excess is None:
            gate.enter(now, tokens=amount)
            continue
        assert excess.wait is not None
        assert attempt(gate, now + excess.wait - 1 / 64, amount) is excess.kind
        later = gate.excess(now + excess.wait, tokens=amount, ceiling=amount)
        assert later is None or later.kind is not excess.kind
        now += excess.wait


def test_a_window_slides_and_a_refused_call_uses_nothing_up() -> None:
    gate = Gate(Limits(requests=(Window(2, MINUTE),)))
    assert [attempt(gate, now) for now in (0, 50, 59, 59.9)] == [None, None, Kind.REQUESTS, Kind.REQUESTS]
    assert attempt(gate, 60) is None
    assert attempt(gate, 109) is Kind.REQUESTS
    assert attempt(gate, 110) is None


@given(steps, st.integers(1, 4))
def test_where_refused_calls_count_the_window_holds_them_too(
    steps: list[tuple[int, int]], requests: int
) -> None:
    gate = Gate(Limits(requests=(Window(requests, 4),), refused_count=True))
    asked: list[float] = []
    for now in itertools.accumulate(wait / 64 for wait, _ in steps):
        lately = sum(now - 4 < time for time in asked)
        refused = attempt(gate, now)
        assert (refused is None) == (lately < requests)
        if refused:
            gate.refuse(now)
        asked.append(now)


def test_refusals_count_as_requests_and_as_nothing_else() -> None:
    gate = Gate(Limits(requests=(Window(9, MINUTE),), tokens=(Window(10, MINUTE),), refused_count=True))
    assert attempt(gate, 0, 10) is None
    gate.refuse(1)
    assert {meter.unit: meter.remaining for meter in gate.meters(2)} == {"requests": 7, "tokens": 0}
    assert attempt(gate, MINUTE, 10) is None


def test_a_call_that_ended_makes_room_for_another() -> None:
    gate = Gate(Limits(concurrency=2))
    assert [attempt(gate, 0) for _ in range(3)] == [None, None, Kind.CONCURRENCY]
    gate.leave()
    assert attempt(gate, 0) is None


def test_calls_keep_their_distance() -> None:
    gate = Gate(Limits(spacing=0.25))
    assert [attempt(gate, now) for now in (0, 0.2, 0.25, 0.375, 0.5)] == [
        None,
        Kind.BURST,
        None,
        Kind.BURST,
        None,
    ]


def test_a_limit_for_a_day_is_a_quota_and_named_before_that_for_a_minute() -> None:
    gate = Gate(Limits(requests=(Window(1, MINUTE), Window(1, DAY))))
    assert attempt(gate, 0) is None
    excess = gate.excess(10, tokens=1, ceiling=1)
    assert excess is not None
    assert (excess.kind, excess.wait) == (Kind.QUOTA, DAY - 10)
    assert attempt(gate, DAY) is None


def test_what_never_fits_is_too_large_even_when_the_window_is_full() -> None:
    gate = Gate(Limits(tokens=(Window(10, MINUTE),)))
    assert attempt(gate, 0, 10) is None
    assert attempt(gate, 0, 10) is Kind.TOKENS
    assert attempt(gate, 0, 11) is Kind.TOO_LARGE
    asked_for_too_much = gate.excess(100, tokens=5, ceiling=11)
    assert asked_for_too_much is not None
    assert asked_for_too_much.kind is Kind.TOO_LARGE


def test_spent_credit_never_comes_back() -> None:
    gate = Gate(Limits(credit=10))
    assert attempt(gate, 0, 10) is None
    assert attempt(gate, 1e9, 1) is Kind.MONEY


def test_meters_tell_the_limit_that_is_nearest() -> None:
    gate = Gate(Limits(requests=(Window(10, MINUTE), Window(100, DAY)), tokens=(Window(1000, MINUTE),)))
    gate.enter(0, tokens=250)
    gate.enter(20, tokens=250)
    meters = tuple(gate.meters(30))
    requests, tokens = tightest(meters, "requests"), tightest(meters, "tokens")
    assert requests is not None
    assert (requests.limit, requests.remaining, requests.reset) == (10, 8, 50)
    assert tokens is not None
    assert (tokens.limit, tokens.remaining, tokens.reset) == (1000, 500, 50)
    assert tightest(Gate(Limits()).meters(0), "requests") is None
    daily = tightest(meters, "requests", DAY)
    assert daily is not None
    assert (daily.limit, daily.remaining, daily.seconds) == (100, 98, DAY)
    assert tightest(meters, "tokens", DAY) is None


def test_tokens_in_and_out_have_limits_of_their_own() -> None:
    gate = Gate(Limits(input_tokens=(Window(10, MINUTE),), output_tokens=(Window(5, MINUTE),)))
    gate.enter(0, tokens=11, answer=3)

    def refused(tokens: int, ceiling: int, answer: int) -> tuple[Kind, str, int] | None:
        excess = gate.excess(1, tokens=tokens, ceiling=ceiling, answer=answer)
        return None if excess is None else (excess.kind, excess.unit, excess.used)

    assert refused(4, 4, 2) is None
    assert refused(4, 4, 1) == (Kind.TOKENS, "input tokens", 8)
    assert refused(5, 5, 3) == (Kind.TOKENS, "output tokens", 3)
    assert refused(11, 11, 0) == (Kind.TOO_LARGE, "input tokens", 0)
    assert refused(3, 8, 1) == (Kind.TOO_LARGE, "output tokens", 0)


# --- words -----------------------------------------------------------------------------------------


def test_limits_are_read_as_people_write_them() -> None:
    texts = ("requests=60/minute", "requests=1000/day", "tokens=90000/minute", "concurrency=4", "spacing=0.2")
    apart = ("input_tokens=80000/minute", "output_tokens=8000/second")
    assert parse_limits((*texts, *apart, "credit=5000")) == Limits(
        requests=(Window(60, MINUTE), Window(1000, DAY)),
        tokens=(Window(90_000, MINUTE),),
        input_tokens=(Window(80_000, MINUTE),),
        output_tokens=(Window(8_000, 1.0),),
        concurrency=4,
        spacing=0.2,
        credit=5000,
    )
    assert parse_limits(["requests=50/6s", "tokens=900/0.5s"]) == Limits(
        requests=(Window(50, 6.0),), tokens=(Window(900, 0.5),)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "requests=60",
        "requests=60/fortnight",
        "requests=60/6",
        "requests=60/0s",
        "requests=0/minute",
        "requests=-3/minute",
        "requests=1.5/minute",
        "concurrency=4/minute",
        "concurrency=4/fortnight",
        "colour=4",
    ],
)
def test_what_is_no_limit_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no limit|whole number") as refused:
        parse_limits([text])
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.12, "120ms"),
        (1, "1s"),
        (7.5, "7.5s"),
        (360, "6m0s"),
        (7384, "2h3m4s"),
        (86400, "24h0m0s"),
    ],
)
def test_durations_are_spelled_as_in_openais_headers(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# --- on the wire -----------------------------------------------------------------------------------


def fleet(
    *,
    provider: Limits | None = None,
    model: Limits | None = None,
    key: Limits | None = None,
    rate: float = 80,
) -> Fleet:
    """Two models of one provider; `rate` is their tokens per second."""
    latency = Latency(first_token=0.001, slow_share=0, rate=rate)
    models = (VirtualModel("a", latency=latency), VirtualModel("b", latency=latency))
    limited = Fleet((VirtualProvider("oak", models=models),))
    return limited.with_limits(provider=provider, model=model, key=key)


def client(server: Simulator, key: str = "sk-one") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url("oak"), api_key=key, max_retries=0)


async def ask(server: Simulator, model: str = "a", *, key: str = "sk-one", max_tokens: int = 4) -> None:
    async with client(server, key) as asking:
        await asking.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hello, you!!"}], max_tokens=max_tokens
        )


async def refused(server: Simulator, model: str = "a", *, max_tokens: int = 4) -> openai.RateLimitError:
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(server, model, max_tokens=max_tokens)
    return caught.value


async def test_requests_of_a_minute() -> None:
    async with simulate(fleet(provider=Limits(requests=(Window(2, MINUTE),))), speed=0) as server:
        await ask(server, "a")
        await ask(server, "b")
        error = await refused(server)
        assert error.code == "rate_limit_exceeded"
        assert error.type == "requests"
        assert (
            "on requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in " in error.message
        )
        headers = error.response.headers
        assert 50 < int(headers["retry-after"]) <= 60
        assert 50_000 < int(headers["retry-after-ms"]) <= 60_000
        assert headers["x-ratelimit-limit-requests"] == "2"
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert server.stats().total.violations == {"requests": 1}
        assert server.stats().violations == 1
        assert server.stats().providers["oak"].models["a"].violations == {"requests": 1}


async def test_tokens_of_a_minute_in_and_out() -> None:
    async with simulate(fleet(provider=Limits(tokens=(Window(10, MINUTE),))), speed=0) as server:
        await ask(server)  # three tokens in, four out
        error = await refused(server)
        assert error.type == "tokens"
        assert "on tokens per min (TPM): Limit 10, Used 7, Requested 7." in error.message
        assert error.response.headers["x-ratelimit-remaining-tokens"] == "3"
        assert server.stats().total.prompt_tokens == 3
        assert server.stats().total.completion_tokens == 4


async def test_more_tokens_than_any_minute_has() -> None:
    async with simulate(fleet(model=Limits(tokens=(Window(10, MINUTE),))), speed=0) as server:
        error = await refused(server, max_tokens=8)
        assert "Request too large for a" in error.message
        assert "Limit 10, Requested 11." in error.message
        assert "retry-after" not in error.response.headers
        assert server.stats().total.violations == {"too_large": 1}


async def test_quota_of_a_day() -> None:
    async with simulate(fleet(provider=Limits(requests=(Window(1, DAY),))), speed=0) as server:
        await ask(server)
        error = await refused(server)
        assert "on requests per day (RPD): Limit 1, Used 1, Requested 1." in error.message
        assert int(error.response.headers["retry-after"]) > 86_000
        assert server.stats().total.violations == {"quota": 1}


async def test_spent_money() -> None:
    async with simulate(fleet(provider=Limits(credit=7)), speed=0) as server:
        await ask(server)
        error = await refused(server)
        assert error.code == error.type == "insufficient_quota"
        assert server.stats().total.violations == {"money": 1}


async def test_distance_between_calls() -> None:
    async with simulate(fleet(provider=Limits(spacing=3600)), speed=0) as server:
        await ask(server)
        error = await refused(server)
        assert "increased too quickly" in error.message
        assert server.stats().total.violations == {"burst": 1}


async def test_calls_at_the_same_time_and_room_again_when_one_was_left() -> None:
    slow = fleet(provider=Limits(concurrency=1), rate=0.001)
    async with simulate(slow) as server, client(server) as asking:
        stream = await asking.chat.completions.create(
            model="a", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        error = await refused(server, "b")
        assert "Too many concurrent requests" in error.message
        assert server.stats().total.in_flight == 1
        await stream.close()
        async with asyncio.timeout(5):
            await server.wait_idle()
        second = await asking.chat.completions.create(
            model="b", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        await second.close()
        assert server.stats().total.violations == {"concurrency": 1}
        assert server.stats().total.peak_in_flight == 1


async def test_each_model_and_each_key_has_its_own_limit() -> None:
    once = Limits(requests=(Window(1, MINUTE),))
    async with simulate(fleet(model=once), speed=0) as server:
        await ask(server, "a")
        await ask(server, "b")
        await refused(server, "a")
    async with simulate(fleet(key=once), speed=0) as server:
        await ask(server, "a", key="sk-one")
        await ask(server, "a", key="sk-two")
        await refused(server, "b")


async def test_a_call_that_one_scope_refuses_is_booked_in_none() -> None:
    limits = fleet(
        provider=Limits(requests=(Window(2, MINUTE),)), model=Limits(requests=(Window(1, MINUTE),))
    )
    async with simulate(limits, speed=0) as server:
        await ask(server, "a")
        for _ in range(3):
            await refused(server, "a")
        await ask(server, "b")


async def test_whoever_insists_stays_out_where_refused_calls_count() -> None:
    strict = Limits(requests=(Window(1, MINUTE),), refused_count=True)
    async with simulate(fleet(provider=strict), speed=0) as server:
        await ask(server)
        waits = [float((await refused(server)).response.headers["retry-after-ms"]) for _ in range(2)]
        assert waits[0] > 59_000
        assert waits[1] > 59_000


@pytest.mark.parametrize(
    ("tells", "answers", "refusals"),
    [
        (Tells.ALL, {"x-ratelimit-limit-requests"}, {"x-ratelimit-limit-requests", "retry-after"}),
        (Tells.WAITS, set(), {"retry-after"}),
        (Tells.NOTHING, set(), set()),
    ],
)
async def test_a_provider_tells_as_much_of_its_limits_as_it_should(
    tells: Tells, answers: set[str], refusals: set[str]
) -> None:
    limited = fleet(provider=Limits(requests=(Window(1, MINUTE),))).with_tells(tells)
    known = {"x-ratelimit-limit-requests", "retry-after"}
    async with simulate(limited, speed=0) as server, client(server) as asking:
        answer = await asking.chat.completions.with_raw_response.create(
            model="a", messages=[{"role": "user", "content": "Hello, you!!"}]
        )
        assert set(answer.headers) & known == answers
        refusal = (await refused(server)).response
        assert set(refusal.headers) & known == refusals
        assert (refusal.text == "Too Many Requests\n") is (tells is Tells.NOTHING)


async def test_answers_tell_how_the_limits_stand() -> None:
    limits = Limits(requests=(Window(5, MINUTE),), tokens=(Window(100, MINUTE),))
    async with simulate(fleet(provider=limits), speed=0) as server, client(server) as asking:
        reply = await asking.chat.completions.with_raw_response.create(
            model="a", messages=[{"role": "user", "content": "Hello, you!!"}], max_tokens=4
        )
        told = {name: value for name, value in reply.headers.items() if name.startswith("x-ratelimit")}
        assert told == {
            "x-ratelimit-limit-requests": "5",
            "x-ratelimit-remaining-requests": "4",
            "x-ratelimit-reset-requests": "1m0s",
            "x-ratelimit-limit-tokens": "100",
            "x-ratelimit-remaining-tokens": "93",
            "x-ratelimit-reset-tokens": "1m0s",
        }


# --- read by panvox --------------------------------------------------------------------------------

EVERY = Limits(
    requests=(Window(9, 1.0), Window(50, MINUTE), Window(1000, DAY)),
    tokens=(Window(400, 1.0), Window(5000, MINUTE), Window(90_000, DAY)),
    input_tokens=(Window(3000, MINUTE),),
    output_tokens=(Window(2000, MINUTE),),
)
MINUTES = replace(EVERY, requests=EVERY.requests[1:2], tokens=EVERY.tokens[1:2])
Ask = Callable[[], Awaitable[tuple[int, Mapping[str, str], bytes]]]
ASKED = Prompt.of("Hello, you!!", max_tokens=4)


@asynccontextmanager
async def asking(vendor: str, limits: Limits) -> AsyncIterator[Ask]:
    """Asks a simulated vendor as panvox does; status, headers and body come back."""
    provider = VirtualProvider("oak", models=(VirtualModel("a"),), dialect=vendor, limits=limits)
    async with simulate(Fleet((provider,)), speed=0) as server, aiohttp.ClientSession() as session:
        base_url = server.base_url("oak")
        asked = dialect_of(VENDORS[vendor]).request(ASKED, "a", base_url=base_url, key="sk-one")

        async def ask() -> tuple[int, Mapping[str, str], bytes]:
            body, headers = b"".join(asked.body), dict(asked.headers)
            async with session.post(asked.url, data=body, headers=headers) as reply:
                return reply.status, reply.headers, await reply.read()

        yield ask


async def rates_of(vendor: str, limits: Limits, *, calls: int = 1) -> tuple[int, tuple[Rate, ...]]:
    """The status of the last of some calls, and what panvox reads from its headers."""
    async with asking(vendor, limits) as ask:
        for _ in range(calls - 1):
            await ask()
        status, headers, _ = await ask()
    return status, dialect_of(VENDORS[vendor]).rates(headers, now=time.time())


@pytest.mark.parametrize(
    ("vendor", "told"),
    [
        ("groq", {("requests", DAY, 1000, 999), ("tokens", MINUTE, 5000, 4993)}),
        ("together", {("requests", 1.0, 9, 8), ("tokens", 1.0, 400, 393)}),
        ("cerebras", {("requests", DAY, 1000, 999), ("tokens", MINUTE, 5000, 4993)}),
        ("mistral", {("requests", MINUTE, 50, 49), ("tokens", MINUTE, 5000, 4993)}),
        ("openrouter", set()),
        (
            "anthropic",
            {
                ("requests", MINUTE, 50, 49),
                ("tokens", MINUTE, 5000, 4993),
                ("input_tokens", MINUTE, 3000, 2997),
                ("output_tokens", MINUTE, 2000, 1996),
            },
        ),
    ],
)
async def test_panvox_reads_the_windows_that_a_vendor_means(
    vendor: str, told: set[tuple[str, float, int, int]]
) -> None:
    limits = MINUTES if vendor == "anthropic" else EVERY
    status, rates = await rates_of(vendor, limits)
    assert status == 200
    assert {(rate.unit, rate.window, rate.limit, rate.remaining) for rate in rates} == told
    timed = {rate for rate in rates if rate.reset is not None and rate.window is not None}
    assert len(timed) == (0 if vendor == "mistral" else len(rates))
    assert [rate for rate in timed if not 0 < (rate.reset or 0) <= (rate.window or 0) + 1] == []


async def test_openrouter_tells_of_the_limit_that_was_hit_and_of_no_window() -> None:
    limits = Limits(requests=(Window(1, MINUTE),))
    status, (rate,) = await rates_of("openrouter", limits, calls=2)
    assert (status, rate.unit, rate.window, rate.limit, rate.remaining) == (429, "requests", None, 1, 0)
    assert rate.reset is not None
    assert 50 < rate.reset <= 61


@pytest.mark.parametrize("vendor", ["groq", "together", "cerebras", "mistral", "anthropic", "openrouter"])
async def test_every_vendor_is_understood_when_it_refuses(vendor: str) -> None:
    window = 1.0 if vendor == "together" else DAY if vendor in {"groq", "cerebras"} else MINUTE
    expected = Category.OUT_OF_QUOTA if window == DAY else Category.RATE_LIMITED
    async with asking(vendor, Limits(requests=(Window(1, window),))) as ask:
        await ask()
        status, headers, body = await ask()
    fault = dialect_of(VENDORS[vendor]).failure(status, headers, body).fault
    assert (status, fault.category) == (429, expected)
    assert fault.wait is not None
    assert 0 < fault.wait <= window + 1
