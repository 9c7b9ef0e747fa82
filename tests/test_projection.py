"""How long calls will take under limits, as foretold before any is made; the limiter is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf, isclose

import looptime
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.limits import Entries, MemoryLimiter
from panvox.limits.projection import Call, Projection, project
from panvox.messages import ReplyBegan
from panvox.protocols import Demand, Limits, Scope, Window

PROVIDER = Scope("provider", "p")
ACCOUNT = Scope("account", "p/main")
ACCOUNTS = (ACCOUNT, Scope("account", "p/team"))
MINUTE = 60.0


def projected(calls: Sequence[Call], limits: Mapping[Scope, Limits], **known: object) -> Projection:
    return project(calls, lambda scope: limits.get(scope, Limits()), **known)  # type: ignore[arg-type]


def calls_of(count: int, *, seconds: float = 5.0, tokens: int = 0, chain: str = "") -> list[Call]:
    return [
        Call(scopes=(PROVIDER,), model=f"m{n}", input_tokens=tokens, seconds=seconds, chain=chain)
        for n in range(count)
    ]


# --- what can be reckoned by hand ---


@pytest.mark.parametrize(
    ("limits", "count", "seconds"),
    [
        (Limits(), 200, 5.0),
        (Limits(windows=(Window("requests", 20, MINUTE),)), 200, 9 * MINUTE + 5),
        (Limits(windows=(Window("requests", 20, MINUTE),)), 20, 5.0),
        (Limits(windows=(Window("requests", 20, MINUTE),)), 21, MINUTE + 5),
        (Limits(windows=(Window("tokens", 1_000, MINUTE),)), 30, 2 * MINUTE + 5),
        (Limits(slots=1), 30, 150.0),
        (Limits(slots=7), 30, 25.0),
        (Limits(spacing=2.0), 30, 29 * 2 + 5.0),
        (Limits(loaded=2), 30, 75.0),
        (Limits(windows=(Window("requests", 50, 86_400.0),)), 120, 2 * 86_400.0 + 5),
    ],
)
def test_one_limit_gives_what_can_be_reckoned_by_hand(limits: Limits, count: int, seconds: float) -> None:
    found = projected(calls_of(count, tokens=100), {PROVIDER: limits})
    assert isclose(found.seconds, seconds)
    assert found.unlimited == 5.0


def test_parts_of_one_model_go_one_after_the_other() -> None:
    found = projected(calls_of(4, chain="m"), {})
    assert list(found.starts) == [0, 5, 10, 15]
    assert found.seconds == found.unlimited == 20


def test_the_narrowest_limit_is_told_first_and_none_that_costs_no_time() -> None:
    limits = {
        PROVIDER: Limits(windows=(Window("requests", 10, MINUTE), Window("tokens", 10**9, MINUTE)), slots=5)
    }
    found = projected(calls_of(40), limits)
    assert [(bound.limit.slots, bound.seconds) for bound in found.bounds] == [(None, 185.0), (5, 40.0)]
    assert {bound.calls for bound in found.bounds} == {40}


def test_a_call_that_no_limit_lets_pass_is_told_and_holds_up_nobody_but_what_follows_it() -> None:
    large = Call(scopes=(PROVIDER,), input_tokens=5_000, seconds=1, chain="a")
    after = Call(scopes=(PROVIDER,), input_tokens=5, seconds=1, chain="a")
    other = Call(scopes=(PROVIDER,), input_tokens=5, seconds=1, chain="b")
    limits = {PROVIDER: Limits(windows=(Window("tokens", 1_000, MINUTE),))}
    found = projected([large, after, other], limits)
    assert list(found.ends) == [inf, inf, 1]
    assert found.seconds == 1


def test_what_is_used_already_and_what_pauses_makes_it_longer() -> None:
    limits = {PROVIDER: Limits(windows=(Window("requests", 10, MINUTE),))}
    used = [Entries(scope=PROVIDER, unit="requests", seconds=MINUTE, log=((960.0, 8), (990.0, 2)))]
    assert projected(calls_of(8), limits, used=used, clock=1_000.0).seconds == 20 + 5
    assert projected(calls_of(9), limits, used=used, clock=1_000.0).seconds == 50 + 5
    assert projected(calls_of(1), limits, paused={PROVIDER: 30.0}).seconds == 35


def test_nobody_waits_for_the_limit_of_another_provider() -> None:
    other = Call(scopes=(Scope("provider", "q"),), seconds=3)
    limits = {PROVIDER: Limits(slots=1)}
    assert projected([*calls_of(50), other], limits).ends[-1] == 3


def test_nothing_to_do_takes_no_time() -> None:
    assert projected([], {}) == Projection(starts=(), ends=(), seconds=0, unlimited=0)


# --- what holds for all ---

windows = st.builds(
    Window,
    st.sampled_from(["requests", "tokens", "input_tokens", "output_tokens"]),
    st.integers(2_000, 9_000),
    st.sampled_from([10.0, 60.0, 3600.0]),
)
few = st.builds(Window, st.just("requests"), st.integers(1, 12), st.sampled_from([1.0, 10.0, 60.0]))
some_limits = st.builds(
    Limits,
    windows=st.lists(st.one_of(few, windows), max_size=2).map(tuple),
    slots=st.none() | st.integers(1, 6),
    spacing=st.sampled_from([0.0, 0.0, 0.5, 2.0]),
)


@st.composite
def fleets(draw: st.DrawFn) -> list[Call]:
    """Models at two accounts of a provider, each asked a few times, one call after the other."""
    return [
        Call(
            scopes=(Scope("model", f"p/m{model}"), account, PROVIDER),
            model=f"p/m{model}",
            input_tokens=draw(st.integers(0, 1_500)),
            output_tokens=draw(st.integers(0, 400)),
            seconds=draw(st.sampled_from([0.5, 3.0, 8.0])),
            chain=f"p/m{model}",
        )
        for model, account in enumerate(draw(st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=20)))
        for _ in range(draw(st.integers(1, 3)))
    ]


@st.composite
def calls_of_many(draw: st.DrawFn) -> list[Call]:
    """Calls that do not wait for each other."""
    return [msgspec.structs.replace(call, chain="") for call in draw(fleets())]


plans = st.tuples(
    fleets(),
    st.fixed_dictionaries({PROVIDER: some_limits, ACCOUNT: some_limits, Scope("model", "p/m0"): some_limits}),
)


@given(plans)
def test_no_limit_is_ever_broken_in_the_schedule(plan: tuple[list[Call], dict[Scope, Limits]]) -> None:
    calls, limits = plan
    found = projected(calls, limits)
    for scope, limit in limits.items():
        own = [
            (start, end, call)
            for start, end, call in sorted(
                zip(found.starts, found.ends, calls, strict=True), key=lambda each: each[0]
            )
            if scope in call.scopes and start < inf
        ]
        for start, _, _ in own:
            inside = sum(begun <= start < end for begun, end, _ in own)
            assert limit.slots is None or inside <= limit.slots
            for window in limit.windows:
                taken = sum(
                    amount_of(call, window)
                    for begun, _, call in own
                    if start - window.seconds + 1e-6 < begun <= start
                )
                assert taken <= window.amount
        for (before, _, _), (after, _, _) in pairwise(own):
            assert after - before >= limit.spacing - 1e-6


def amount_of(call: Call, window: Window) -> int:
    return {
        "requests": 1,
        "tokens": call.input_tokens + call.output_tokens,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
    }[window.unit]


@given(calls_of_many(), some_limits)
def test_one_more_call_never_makes_it_shorter(calls: list[Call], limit: Limits) -> None:
    limits = {PROVIDER: limit}
    assert projected(calls, limits).seconds >= projected(calls[:-1], limits).seconds - 1e-6


@given(calls_of_many(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_a_wider_limit_never_makes_it_longer(calls: list[Call], slots: int, rate: int, more: int) -> None:
    def limited(slots: int, rate: int) -> float:
        window = Window("requests", rate, MINUTE)
        return projected(calls, {PROVIDER: Limits(slots=slots, windows=(window,))}).seconds

    assert limited(slots + more, rate) <= limited(slots, rate) + 1e-6
    assert limited(slots, rate + more) <= limited(slots, rate) + 1e-6


# --- the limiter is the judge ---


async def really(calls: Sequence[Call], limits: Mapping[Scope, Limits]) -> float:
    """When the last of `calls` is over if a real limiter lets them out; those that never go are left out."""
    limiter = MemoryLimiter(lambda scope: limits.get(scope, Limits()))

    async def one(call: Call) -> bool:
        permit = limiter.permit(
            Demand(
                scopes=call.scopes,
                model=call.model,
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
            )
        )
        try:
            while (hold := await permit.wait()) is not None:
                if hold.seconds == inf:
                    return False
            permit.replied(ReplyBegan())
            await asyncio.sleep(call.seconds)
        finally:
            permit.close()
        return True

    async def one_after_the_other(chain: Sequence[Call]) -> None:
        for call in chain:
            if not await one(call):
                return

    chains: dict[object, list[Call]] = {}
    for number, call in enumerate(calls):
        chains.setdefault(call.chain or number, []).append(call)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for chain in chains.values():
            tasks.create_task(one_after_the_other(chain))
    return loop.time() - began


def in_virtual_time(calls: Sequence[Call], limits: Mapping[Scope, Limits]) -> float:
    loop = looptime.patch_event_loop(asyncio.SelectorEventLoop())
    try:
        return loop.run_until_complete(really(calls, limits))
    finally:
        loop.close()


@settings(deadline=None, max_examples=60)
@given(plans)
def test_the_limiter_takes_as_long_as_was_foretold(plan: tuple[list[Call], dict[Scope, Limits]]) -> None:
    calls, limits = plan
    foretold, took = projected(calls, limits).seconds, in_virtual_time(calls, limits)
    assert took <= 1.3 * foretold + 1
    assert foretold <= 1.3 * took + 1


def test_three_hundred_models_at_one_account_take_as_long_as_was_foretold() -> None:
    limits = {ACCOUNT: Limits(windows=(Window("requests", 20, MINUTE),), slots=4)}
    calls = [
        Call(scopes=(Scope("model", f"p/m{n}"), ACCOUNT), model=f"p/m{n}", seconds=3.0 + n % 5)
        for n in range(300)
    ]
    foretold, took = projected(calls, limits).seconds, in_virtual_time(calls, limits)
    assert took == pytest.approx(foretold, rel=0.02)
