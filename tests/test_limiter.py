"""The limiter of one process: never more than allowed, as early as possible, in order, and nothing lost."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import looptime
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.errors import Fault, RateLimited, TimedOut, Unreachable
from panvox.limits import MemoryLimiter
from panvox.limits.books import GRACE, LATEST, PASSES, Book, Call
from panvox.limits.learning import AT_ONCE, START, Learning
from panvox.limits.limiter import MemoryPermit
from panvox.limits.line import State
from panvox.limits.windows import Lags, margin, slack
from panvox.messages import Rate, ReplyBegan, Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Unit, Window

pytestmark = pytest.mark.looptime

PROVIDER = Scope("provider", "openai")
ACCOUNT = Scope("account", "openai/main")
NOTHING = Limits()


def model(name: str) -> Scope:
    return Scope("model", f"openai/{name}")


def limiter_of(limits: Mapping[Scope, Limits], **options: Any) -> MemoryLimiter:
    return MemoryLimiter(lambda scope: limits.get(scope, NOTHING), **options)


def demand(name: str, *wider: Scope, tokens: int = 0) -> Demand:
    return Demand(scopes=(model(name), *wider), model=name, input_tokens=tokens)


def now() -> float:
    return asyncio.get_running_loop().time()


async def wait_granted(permit: MemoryPermit) -> list[Hold]:
    holds = []
    while (hold := await permit.wait()) is not None:
        holds.append(hold)
    return holds


async def make_call(limiter: MemoryLimiter, wanted: Demand, *, lasts: float = 1.0) -> float:
    """One call whose head comes at once; the time when it went out."""
    permit = limiter.permit(wanted)
    try:
        await wait_granted(permit)
        went = now()
        permit.replied(ReplyBegan())
        await asyncio.sleep(lasts)
    finally:
        permit.close()
    return went


async def all_of(coroutines: Sequence[Coroutine[None, None, float]]) -> list[float]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in coroutines]
    return [task.result() for task in running]


def used(limiter: MemoryLimiter, scope: Scope) -> list[int]:
    standing = next(standing for standing in limiter.standing() if standing.scope == scope)
    return [window.used for window in standing.windows]


def alive(kind: type) -> int:
    """How many of a kind somebody still holds."""
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


def at_rest(limiter: MemoryLimiter) -> bool:
    return all(standing.slots == 0 and standing.waiting == 0 for standing in limiter.standing())


# --- as early as allowed ---


async def test_a_full_window_goes_out_at_once_and_the_next_as_soon_as_it_has_slid_past() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 3, 60.0),))})
    times = await all_of([make_call(limiter, demand("a", PROVIDER)) for _ in range(7)])
    assert times == pytest.approx([0, 0, 0, 60, 60, 60, 120], abs=0.01)


async def test_who_waits_is_told_once_it_is_certain_for_how_long() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))})
    first, second = limiter.permit(demand("a", PROVIDER)), limiter.permit(demand("a", PROVIDER))
    assert await first.wait() is None
    unsure = await second.wait()
    await asyncio.sleep(2)
    first.replied(ReplyBegan())
    sure = await second.wait()
    assert unsure is not None
    assert sure is not None
    assert (unsure.certain, sure.certain) == (False, True)
    assert sure.seconds == pytest.approx(58, abs=0.5)
    first.close()
    assert await second.wait() is None
    second.close()


async def test_slots_are_handed_on_the_moment_they_are_free() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=2)})
    times = await all_of([make_call(limiter, demand("a", PROVIDER), lasts=5) for _ in range(5)])
    assert times == [0, 0, 5, 5, 10]


async def test_starts_keep_their_distance() -> None:
    limiter = limiter_of({model("a"): Limits(spacing=1.0)})
    times = await all_of([make_call(limiter, demand("a"), lasts=0.1) for _ in range(3)])
    assert times == pytest.approx([0, 1.01, 2.02], abs=0.01)


async def test_three_hundred_calls_take_no_longer_than_the_windows_make_them() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 60, 60.0),), slots=5)})
    times = await all_of([make_call(limiter, demand(f"m{i % 7}", PROVIDER), lasts=2) for i in range(300)])
    assert max(times) <= (240 + 22) * 1.01


async def test_a_head_lets_the_next_out_sooner_than_silence() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 1.0),))})
    first = limiter.permit(demand("a", PROVIDER))
    await first.wait()
    asyncio.get_running_loop().call_later(0.5, first.replied, ReplyBegan())
    assert await make_call(limiter, demand("a", PROVIDER)) == pytest.approx(1.01, abs=0.002)
    first.close()


async def test_only_what_is_not_used_is_given_back() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    first = limiter.permit(demand("a", PROVIDER, tokens=90))
    await wait_granted(first)
    first.replied(ReplyBegan())
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(make_call(limiter, demand("a", PROVIDER, tokens=70)))
        await asyncio.sleep(3)
        first.used(Usage(prompt_tokens=20, completion_tokens=5))
        await asyncio.sleep(1)
        assert not second.done(), "the answer may still grow"
        first.close()
    assert second.result() == 4


async def test_what_is_used_beyond_the_estimate_counts_at_once() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    first = limiter.permit(demand("a", PROVIDER, tokens=10))
    await wait_granted(first)
    first.replied(ReplyBegan())
    first.used(Usage(prompt_tokens=40, completion_tokens=30))
    assert used(limiter, PROVIDER) == [70]
    first.used(Usage(prompt_tokens=40, completion_tokens=50))
    first.close()
    assert used(limiter, PROVIDER) == [90]


# --- in order, and nobody in another's way ---


async def test_who_waits_for_one_model_is_not_in_the_way_of_another() -> None:
    limiter = limiter_of({model("slow"): Limits(slots=1), PROVIDER: Limits(slots=5)})
    slow = [make_call(limiter, demand("slow", PROVIDER), lasts=60) for _ in range(9)]
    quick = [make_call(limiter, demand("quick", PROVIDER), lasts=1) for _ in range(4)]
    times = await all_of([*slow, *quick])
    assert times[9:] == [0, 0, 0, 0]


async def test_a_large_call_goes_before_small_ones_that_came_later() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    started = [
        make_call(limiter, demand("a", PROVIDER, tokens=60)),
        make_call(limiter, demand("b", PROVIDER, tokens=100)),
        *[make_call(limiter, demand(f"c{i}", PROVIDER, tokens=10)) for i in range(8)],
    ]
    first, large, *small = await all_of(started)
    assert (first, large) == pytest.approx((0, 60), abs=0.1)
    assert all(time > large for time in small)


async def test_a_call_that_can_never_fit_is_told_so_and_is_in_nobodys_way() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    large = limiter.permit(demand("a", PROVIDER, tokens=101))
    hold = await large.wait()
    assert hold == Hold(scope=PROVIDER, what="tokens", seconds=inf, certain=True)
    assert await make_call(limiter, demand("a", PROVIDER, tokens=100)) == 0
    large.close()
    assert at_rest(limiter)


async def test_a_call_that_could_never_fit_goes_out_once_the_limits_allow_it() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    large = limiter.permit(demand("a", PROVIDER, tokens=101))
    await large.wait()
    asyncio.get_running_loop().call_later(5, limiter.configure, lambda _: NOTHING)
    assert await large.wait() is None
    assert now() == 5
    large.close()


async def test_ten_thousand_wait_with_one_timer() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1000, 1.0),))})
    times = await all_of([make_call(limiter, demand("a", PROVIDER), lasts=0.1) for _ in range(10_000)])
    assert times == sorted(times)
    assert 9 <= max(times) <= 9.2


# --- why somebody waits ---


async def test_a_hold_tells_scope_reason_and_time_and_changes_with_the_reason() -> None:
    limiter = limiter_of(
        {model("a"): Limits(slots=1), PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))}
    )
    first = limiter.permit(demand("a", PROVIDER))
    assert await first.wait() is None
    first.replied(ReplyBegan())
    second = limiter.permit(demand("a", PROVIDER))
    slots = await second.wait()
    assert slots is not None
    assert slots.reason == "openai/a slots"
    asyncio.get_running_loop().call_later(10, first.close)
    requests = await second.wait()
    assert requests is not None
    assert (requests.reason, requests.certain) == ("openai requests", True)
    assert requests.seconds == pytest.approx(50, abs=0.01)
    assert await second.wait() is None
    assert now() == pytest.approx(60, abs=0.01)
    second.close()


async def test_how_long_slots_take_is_told_once_calls_have_ended() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)})
    await make_call(limiter, demand("a", PROVIDER), lasts=8)
    first, second = limiter.permit(demand("a", PROVIDER)), limiter.permit(demand("a", PROVIDER))
    await first.wait()
    hold = await second.wait()
    assert hold == Hold(scope=PROVIDER, what="slots", seconds=8.0)
    second.close()
    first.close()


async def test_those_behind_the_first_are_told_too() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 2, 60.0),))})
    permits = [limiter.permit(demand("a", PROVIDER)) for _ in range(6)]
    holds = [await permit.wait() for permit in permits]
    assert holds[:2] == [None, None]
    seconds = [hold.seconds for hold in holds[2:] if hold is not None and hold.seconds is not None]
    assert len(seconds) == 4
    assert seconds == sorted(seconds)
    assert seconds[-1] > 61
    for permit in reversed(permits):
        permit.close()
    assert at_rest(limiter)


async def test_who_stands_behind_hears_what_is_waited_for_now_once_the_time_that_was_told_has_passed() -> (
    None
):
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 10.0),), slots=1)})
    first, second, third = (limiter.permit(demand(name, PROVIDER)) for name in "abc")
    assert await first.wait() is None
    first.replied(ReplyBegan())
    told = [await permit.wait() for permit in (second, third)]
    assert [hold and hold.what for hold in told] == ["requests", "requests"]
    asyncio.get_running_loop().call_later(60, first.close)
    hold = await third.wait()
    assert hold == Hold(scope=PROVIDER, what="slots")
    assert 20 < now() < 23
    second.close()
    assert [hold.what for hold in await wait_granted(third)] == []
    assert now() == pytest.approx(60, abs=0.01)
    third.close()
    assert at_rest(limiter)


async def test_a_time_that_has_passed_is_taken_back_where_nobody_can_tell_another() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)})
    await make_call(limiter, demand("a", PROVIDER), lasts=8)
    first, second = limiter.permit(demand("a", PROVIDER)), limiter.permit(demand("a", PROVIDER))
    await first.wait()
    told = await second.wait()
    assert told == Hold(scope=PROVIDER, what="slots", seconds=8.0)
    asyncio.get_running_loop().call_later(600, first.close)
    again = await wait_granted(second)
    assert [hold.seconds for hold in again] == [8.0, None]
    second.close()


# --- calls that fail, and those that never were ---

REFUSED = RateLimited("slow down", status=429, wait=7.0).fault


async def test_a_call_that_found_no_connection_gives_all_back() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))})
    permit = limiter.permit(demand("a", PROVIDER))
    await permit.wait()
    permit.failed(Unreachable("no route").fault)
    permit.close()
    assert await make_call(limiter, demand("a", PROVIDER)) == 0


async def test_a_call_that_timed_out_counts() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))})
    permit = limiter.permit(demand("a", PROVIDER))
    await permit.wait()
    await asyncio.sleep(5)
    permit.failed(TimedOut("nothing came").fault)
    permit.close()
    assert await make_call(limiter, demand("a", PROVIDER)) == pytest.approx(65 + GRACE, abs=0.1)


@pytest.mark.parametrize(("counted", "goes"), [(True, 60.0), (False, 7.0)])
async def test_a_refusal_pauses_the_account_and_counts_where_providers_count_it(
    counted: bool, goes: float
) -> None:
    limiter = limiter_of({ACCOUNT: Limits(windows=(Window("requests", 1, 60.0),))}, refused_count=counted)
    permit = limiter.permit(demand("a", ACCOUNT))
    await permit.wait()
    permit.replied(ReplyBegan(accepted=False))
    permit.failed(REFUSED)
    permit.close()
    other = limiter.permit(demand("b", ACCOUNT))
    hold = await other.wait()
    assert hold is not None
    assert hold.what == ("requests" if counted else "pause")
    await wait_granted(other)
    assert now() == pytest.approx(goes, abs=0.01)
    other.close()


async def test_a_call_that_never_went_out_gives_all_back() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 90, 60.0),), slots=1)})
    permit = limiter.permit(demand("a", PROVIDER, tokens=90))
    await permit.wait()
    permit.close()
    permit.close()
    assert at_rest(limiter)
    assert await make_call(limiter, demand("a", PROVIDER, tokens=90)) == 0


async def test_a_call_broken_off_counts_and_its_slot_is_free_a_little_later() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 9, 60.0),), slots=1)})
    permit = limiter.permit(demand("a", PROVIDER))
    await permit.wait()
    permit.close(aborted=True)
    assert await make_call(limiter, demand("a", PROVIDER)) == pytest.approx(GRACE, abs=0.002)
    assert used(limiter, PROVIDER) == [2]


async def test_a_waiter_that_is_cancelled_makes_way() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    first = limiter.permit(demand("a", PROVIDER, tokens=60))
    await first.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await make_call(limiter, demand("b", PROVIDER, tokens=100))
    assert await make_call(limiter, demand("c", PROVIDER, tokens=40)) == 5
    first.close()


async def test_who_stood_behind_a_cancelled_waiter_goes_at_once() -> None:
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))})
    first = limiter.permit(demand("a", PROVIDER, tokens=60))
    await first.wait()
    large = limiter.permit(demand("b", PROVIDER, tokens=100))
    await large.wait()
    asyncio.get_running_loop().call_later(5, large.close)
    assert await make_call(limiter, demand("c", PROVIDER, tokens=40)) == 5
    first.close()


async def test_those_who_have_gone_from_a_line_take_no_memory() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)})
    first, second = limiter.permit(demand("a", PROVIDER)), limiter.permit(demand("b", PROVIDER))
    await first.wait()
    await second.wait()
    for number in range(1000):
        permit = limiter.permit(demand(f"m{number}", PROVIDER))
        await permit.wait()
        permit.close()
    assert len(second.lane.lines[-1].parked) < 50
    assert next(each.waiting for each in limiter.standing() if each.scope == PROVIDER) == 1
    first.close()
    assert await second.wait() is None
    second.close()


async def test_a_permit_granted_at_the_moment_of_its_cancellation_is_not_lost() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)})
    first = limiter.permit(demand("a", PROVIDER))
    await first.wait()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(make_call(limiter, demand("a", PROVIDER)))
        await asyncio.sleep(1)
        first.close()
        waiting.cancel()
    assert await make_call(limiter, demand("a", PROVIDER)) == 1
    assert at_rest(limiter)


async def test_a_closed_permit_cannot_be_waited_for() -> None:
    permit = limiter_of({}).permit(demand("a"))
    permit.close()
    with pytest.raises(RuntimeError, match="closed permit"):
        await permit.wait()


# --- models that are loaded ---


async def test_eleven_models_are_loaded_eleven_times() -> None:
    local = Scope("provider", "ollama")
    limiter = limiter_of({local: Limits(loaded=1)})
    order: list[str] = []

    async def ask(name: str) -> float:
        permit = limiter.permit(demand(name, local))
        await wait_granted(permit)
        order.append(name)
        await asyncio.sleep(3)
        permit.close()
        return 0.0

    await all_of([ask(f"m{number % 11}") for number in range(55)])
    loads = sum(one != other for one, other in zip(["", *order], order, strict=False))
    assert loads == 11


async def test_a_model_that_waits_is_passed_over_by_so_many_later_calls_at_most() -> None:
    local = Scope("provider", "ollama")
    limiter = limiter_of({local: Limits(loaded=1, slots=1)})
    order: list[str] = []

    async def ask(name: str, after: float) -> float:
        await asyncio.sleep(after)
        permit = limiter.permit(demand(name, local))
        await wait_granted(permit)
        order.append(name)
        await asyncio.sleep(0.1)
        permit.close()
        return 0.0

    await all_of([ask("a", 0.0), ask("b", 0.01), *[ask("a", 0.02) for _ in range(100)]])
    assert order.index("b") == PASSES + 1


# --- limits that change ---


async def test_lifted_limits_let_everybody_out_at_once() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)})
    asyncio.get_running_loop().call_later(3, limiter.configure, lambda _: NOTHING)
    times = await all_of([make_call(limiter, demand("a", PROVIDER), lasts=50) for _ in range(4)])
    assert times == [0, 3, 3, 3]


async def test_narrower_limits_hold_for_what_is_already_taken() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=3, windows=(Window("requests", 9, 60.0),))})
    times = asyncio.get_running_loop().call_later(
        1,
        limiter.configure,
        lambda scope: (
            Limits(slots=1, windows=(Window("requests", 5, 60.0),)) if scope == PROVIDER else NOTHING
        ),
    )
    went = await all_of([make_call(limiter, demand("a", PROVIDER), lasts=4) for _ in range(6)])
    assert times.cancelled() is False
    assert went == pytest.approx([0, 0, 0, 4, 8, 60], abs=0.3)


class Teacher:
    """A learner that halves the slots at each refusal, and notes what it is told."""

    def __init__(self, slots: int, foreign: object = None) -> None:
        self.slots = slots
        self.foreign = foreign
        self.told: list[tuple[str, Scope, int]] = []
        self._changed = False

    def effective(self, scope: Scope, configured: Limits) -> Limits:
        return Limits(slots=self.slots, windows=configured.windows) if scope == ACCOUNT else configured

    def changed(self, scope: Scope) -> bool:
        changed, self._changed = self._changed and scope == ACCOUNT, self._changed and scope != ACCOUNT
        return changed

    def scope_of(self, fault: Fault, scopes: Sequence[Scope]) -> Scope:
        return ACCOUNT

    def replied(
        self,
        scope: Scope,
        rates: tuple[Rate, ...],
        *,
        accepted: bool,
        now: float,
        in_flight: int,
        used: Callable[[Unit, float], int],
        took: float,
        ours: Callable[[Unit, float], int] | None = None,
    ) -> Any:
        if scope == ACCOUNT:
            self.told.append(("replied", scope, in_flight))
            return self.foreign
        return None

    def unrefused(self, scope: Scope, *, now: float, since: float) -> float | None:
        return None

    def needed(self, scope: Scope, unit: Unit, amount: int) -> None:
        """Nothing gives way."""

    def failed(
        self, scope: Scope, fault: Fault, *, now: float, in_flight: int, sent: Sequence[tuple[float, int]]
    ) -> float:
        self.told.append(("failed", scope, len(sent)))
        self.slots, self._changed = self.slots // 2, True
        return 2.0

    def answered(self, scope: Scope, *, now: float, in_flight: int) -> None:
        self.told.append(("answered", scope, in_flight))


async def test_what_is_learnt_holds_from_then_on() -> None:
    teacher = Teacher(4)
    limiter = limiter_of({}, learner=teacher)
    permits = [limiter.permit(demand("a", ACCOUNT)) for _ in range(5)]
    assert [await permit.wait() is None for permit in permits] == [True] * 4 + [False]
    permits[0].replied(ReplyBegan(accepted=False))
    permits[0].failed(REFUSED)
    permits[0].close()
    assert teacher.told == [("replied", ACCOUNT, 4), ("failed", ACCOUNT, 4)]
    standing = next(each for each in limiter.standing() if each.scope == ACCOUNT)
    assert (standing.effective.slots, standing.learnt, standing.paused) == (2, "slots 2", 2.0)
    permits[1].replied(ReplyBegan())
    permits[1].close()
    assert teacher.told[-1] == ("answered", ACCOUNT, 3)
    permits[2].close()
    await wait_granted(permits[4])
    assert now() == 2.0
    permits[3].close()
    permits[4].close()


@dataclass(frozen=True)
class Theirs:
    unit: Unit = "requests"
    seconds: float = 60.0
    amount: int = 3
    until: float = 20.0


async def test_a_head_that_comes_late_reveals_no_use_by_others_where_our_calls_explain_it() -> None:
    """It tells how things stood when its call arrived, and counts the calls of all models."""
    window = Window("requests", 4, 60.0)
    limiter = limiter_of({ACCOUNT: Limits(windows=(window,))}, learner=Learning())
    told = Rate(unit="requests", window=60.0, limit=4, remaining=1, reset=60.0)
    await make_call(limiter, demand("a", ACCOUNT), lasts=0)
    await make_call(limiter, demand("b", ACCOUNT), lasts=0)
    late = limiter.permit(demand("a", ACCOUNT))
    await wait_granted(late)
    await asyncio.sleep(61)  # the others have left the window before the head is here
    late.replied(ReplyBegan((told,)))
    late.close()
    soon = limiter.permit(demand("b", ACCOUNT))
    await wait_granted(soon)
    soon.replied(ReplyBegan((msgspec.structs.replace(told, remaining=3),)))
    soon.close()
    assert used(limiter, ACCOUNT) == [1]
    assert used(limiter, model("b")) == [1]


async def test_a_head_that_took_longer_than_others_lets_its_call_count_longer() -> None:
    limits = {ACCOUNT: Limits(windows=(Window("requests", Lags.ENOUGH + 1, 60.0),))}
    for took, late in ((1.0, 0.0), (1.02, 0.02), (4.0, Lags.MOST)):
        limiter, sent = limiter_of(limits), now()
        for number in range(Lags.ENOUGH + 1):
            permit = limiter.permit(demand("a", ACCOUNT))
            await wait_granted(permit)
            sent = now()
            await asyncio.sleep(took if number == Lags.ENOUGH else 1.0)
            permit.replied(ReplyBegan(sent=sent))
            permit.close()
        for _ in range(Lags.ENOUGH):
            await make_call(limiter, demand("a", ACCOUNT), lasts=0)
        again = await make_call(limiter, demand("a", ACCOUNT), lasts=0)
        assert again - sent == pytest.approx(60 + margin(60) + late, abs=0.062)
        assert again - sent >= 60 + margin(60) + late


async def test_calls_that_overtake_each_other_on_the_way_reveal_no_use_by_others() -> None:
    limiter = limiter_of({ACCOUNT: Limits(windows=(Window("requests", 4, 60.0),))}, learner=Learning())
    told = Rate(unit="requests", window=60.0, limit=4, remaining=3, reset=60.0)
    await make_call(limiter, demand("a", ACCOUNT), lasts=0)
    permits = [limiter.permit(demand("a", ACCOUNT)) for _ in range(3)]
    assert [await permit.wait() for permit in permits] == [None] * 3
    start = now()
    await asyncio.sleep(61)
    for permit, remaining in zip(permits, (0, 2, 1), strict=True):
        permit.replied(ReplyBegan((msgspec.structs.replace(told, remaining=remaining),), sent=start))
    assert used(limiter, ACCOUNT) == [0]
    for permit in permits:
        permit.close()


async def test_slots_set_for_a_provider_are_used_at_once_and_not_tried_for_one_by_one() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=9)}, learner=Learning())
    permits = [limiter.permit(demand("a", ACCOUNT, PROVIDER)) for _ in range(9)]
    assert [await permit.wait() for permit in permits] == [None] * 9
    for permit in permits:
        permit.close()


async def test_what_others_use_counts_until_it_has_gone() -> None:
    teacher = Teacher(9, foreign=Theirs())
    limiter = limiter_of({ACCOUNT: Limits(windows=(Window("requests", 4, 60.0),))}, learner=teacher)
    first = limiter.permit(demand("a", ACCOUNT))
    await first.wait()
    first.replied(ReplyBegan())
    assert used(limiter, ACCOUNT) == [4]
    teacher.foreign = None
    assert await make_call(limiter, demand("a", ACCOUNT)) == pytest.approx(20, abs=0.1)
    first.close()


# --- with what is learnt ---


async def test_a_hundred_calls_that_think_for_a_minute_are_on_their_way_within_seconds() -> None:
    limiter = limiter_of({}, learner=Learning())

    async def call(name: str) -> float:
        permit = limiter.permit(demand(name, ACCOUNT))
        await wait_granted(permit)
        went = now()
        await asyncio.sleep(60)
        permit.replied(ReplyBegan())
        permit.close()
        return went

    times = sorted(await all_of([call(f"m{number}") for number in range(100)]))
    assert times[START] == pytest.approx(AT_ONCE, abs=0.1)
    assert times[-1] <= 6.5
    assert at_rest(limiter)


class Asked(Learning):
    """Counts how often it is asked for more slots."""

    times = 0

    def unrefused(self, scope: Scope, *, now: float, since: float) -> float | None:
        self.times += 1
        return super().unrefused(scope, now=now, since=since)


async def test_nobody_asks_again_and_again_for_more_slots_where_they_are_known() -> None:
    learning = Asked()
    limiter = limiter_of({ACCOUNT: Limits(slots=1)}, learner=learning)
    assert await all_of([make_call(limiter, demand("a", ACCOUNT), lasts=50) for _ in range(2)]) == [0, 50]
    assert learning.times <= 2


@dataclass
class TokenProvider:
    """Takes so many tokens in any minute; tells of nothing but refusals, and when to come back."""

    amount: int
    log: list[tuple[float, int]] = field(default_factory=list)
    refused: int = 0

    def take(self, tokens: int) -> Fault | None:
        counted = [(time, taken) for time, taken in self.log if time > now() - 60]
        if sum(taken for _, taken in counted) + tokens > self.amount:
            self.refused += 1
            wait = counted[0][0] + 60 - now() if counted else 1.0
            return RateLimited("Too many tokens.", status=429, code="tokens", wait=wait).fault
        self.log.append((now(), tokens))
        return None


async def _with_tokens(limiter: MemoryLimiter, provider: TokenProvider, tokens: int) -> None:
    """One call, made until it is answered."""
    while True:
        permit = limiter.permit(demand("a", ACCOUNT, tokens=tokens))
        await wait_granted(permit)
        await asyncio.sleep(0.05)
        refused = provider.take(tokens)
        permit.replied(ReplyBegan(accepted=refused is None))
        if refused is not None:
            permit.failed(refused)
            permit.close()
            continue
        await asyncio.sleep(0.5)
        permit.used(Usage(prompt_tokens=tokens))
        permit.close()
        return


async def test_an_unknown_limit_of_tokens_is_learnt_from_what_was_used_and_then_kept() -> None:
    provider = TokenProvider(10_000)
    learning = Learning()
    limiter = limiter_of({}, learner=learning)
    async with asyncio.TaskGroup() as tasks:
        for number in range(100):
            tasks.create_task(_with_tokens(limiter, provider, 300 + 100 * (number % 5)))
    window = next(each for each in learning.effective(ACCOUNT, NOTHING).windows if each.unit == "tokens")
    assert 7_000 <= window.amount <= 10_000
    assert provider.refused <= 10
    before = provider.refused
    async with asyncio.TaskGroup() as tasks:
        for _ in range(100):
            tasks.create_task(_with_tokens(limiter, provider, 500))
    assert provider.refused == before


async def test_a_call_larger_than_what_was_learnt_of_tokens_goes_out_all_the_same() -> None:
    provider = TokenProvider(1_000)
    limiter = limiter_of({}, learner=Learning())
    await _with_tokens(limiter, provider, 600)
    await _with_tokens(limiter, provider, 500)  # is refused, and goes out a minute later
    assert provider.refused == 1
    await _with_tokens(limiter, provider, 900)
    assert provider.refused == 1


# --- over process starts, and how limits stand ---

DAY = Limits(windows=(Window("requests", 3, 86_400.0), Window("requests", 3, 60.0)))


async def test_a_days_quota_is_kept_over_process_starts() -> None:
    wall = 1_000_000.0
    before = limiter_of({ACCOUNT: DAY}, clock=lambda: wall)
    await make_call(before, demand("a", ACCOUNT))
    await make_call(before, demand("a", ACCOUNT))
    kept = before.entries()
    assert [(entries.seconds, sum(amount for _, amount in entries.log)) for entries in kept] == [
        (86_400.0, 2)
    ]
    assert len(before.entries(shortest=60.0)) == 2
    after = limiter_of({ACCOUNT: DAY}, clock=lambda: wall + 3600)
    after.restore(kept)
    assert used(after, ACCOUNT) == [2, 0]
    assert await make_call(after, demand("a", ACCOUNT)) == now() - 1
    blocked = after.permit(demand("a", ACCOUNT))
    hold = await blocked.wait()
    assert hold is not None
    assert hold.seconds == pytest.approx(86_400 - 3600, abs=100)
    blocked.close()


async def test_a_clock_that_was_put_back_makes_nothing_count_twice_or_never_end() -> None:
    before = limiter_of({ACCOUNT: DAY}, clock=lambda: 1_000_000.0)
    await make_call(before, demand("a", ACCOUNT))
    after = limiter_of({ACCOUNT: DAY}, clock=lambda: 500_000.0)
    after.restore(before.entries())
    assert used(after, ACCOUNT) == [1, 0]
    await asyncio.sleep(86_400 + 100)
    assert used(after, ACCOUNT) == [0, 0]


async def test_what_is_older_than_its_window_is_not_restored() -> None:
    before = limiter_of({ACCOUNT: DAY}, clock=lambda: 1_000_000.0)
    await make_call(before, demand("a", ACCOUNT))
    after = limiter_of({ACCOUNT: DAY}, clock=lambda: 1_000_000.0 + 86_400 * 2)
    after.restore(before.entries())
    await make_call(after, demand("a", ACCOUNT))
    assert used(after, ACCOUNT) == [1, 1]


async def test_the_standing_tells_what_is_used_and_who_waits() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=2, windows=(Window("requests", 9, 60.0),))})
    permits = [limiter.permit(demand("a", PROVIDER)) for _ in range(5)]
    for permit in permits:
        await permit.wait()
    standing = next(each for each in limiter.standing() if each.scope == PROVIDER)
    assert (standing.slots, standing.waiting, used(limiter, PROVIDER)) == (2, 3, [2])
    assert repr(limiter) == "MemoryLimiter(scopes=2, waiting=3)"
    for permit in permits:
        permit.close()
    assert at_rest(limiter)


# --- books that are shared ---


class SharedBooks:
    """A pool in memory, for several limiters; an answer takes `delay` seconds."""

    def __init__(self, delay: float = 0.01) -> None:
        self.delay = delay
        self.asked = 0
        self.books: dict[Scope, Book] = {}
        self.calls: dict[str, tuple[Call, Demand]] = {}
        self.pauses: list[tuple[Scope, float]] = []
        self.heeding: list[Callable[[str], None]] = []

    async def take(self, call: str, demand: Demand, limits: Mapping[Scope, Limits]) -> Hold | None:
        self.asked += 1
        await asyncio.sleep(self.delay / 2)
        books = tuple(self.books.setdefault(scope, Book(scope, limits[scope])) for scope in demand.scopes)
        entered = Call(demand, books)
        for book in books:
            if (wait := book.wait(entered, now())) is not None:
                await asyncio.sleep(self.delay / 2)
                seconds = inf if book.never(entered) else wait.seconds
                return Hold(scope=book.scope, what=wait.what, seconds=seconds)
        entered.take(now())
        self.calls[call] = (entered, demand)
        await asyncio.sleep(self.delay / 2)
        return None

    def heed(self, freed: Callable[[str], None]) -> None:
        self.heeding.append(freed)

    def replied(self, call: str, *, sent: float | None = None) -> None:
        self.calls[call][0].answered(now(), sent=sent)

    def used(self, call: str, usage: Usage) -> None:
        tokens = usage.prompt_tokens + usage.completion_tokens
        self.calls[call][0].change((1, tokens, usage.prompt_tokens, usage.completion_tokens))

    def close(self, call: str, *, aborted: bool, sent: bool) -> None:
        entered, _ = self.calls.pop(call, (None, None))
        if entered is not None:
            if not sent:
                entered.give_back()
            entered.broken_off(now())
            entered.leave(now(), aborted=aborted)
            for freed in self.heeding:
                for scope in self.books:
                    freed(str(scope))

    def pause(self, scope: Scope, seconds: float) -> None:
        self.pauses.append((scope, seconds))
        self.books[scope].pause(now() + seconds)

    @property
    def at_rest(self) -> bool:
        return not self.calls and all(book.inside == 0 for book in self.books.values())


async def test_two_limiters_with_one_pool_keep_a_limit_together() -> None:
    limits = {PROVIDER: Limits(windows=(Window("requests", 6, 60.0),), slots=3)}
    pool = SharedBooks()
    limiters = [limiter_of(limits, pool=pool) for _ in range(2)]
    calls = [make_call(limiters[i % 2], demand(f"m{i % 3}", PROVIDER), lasts=2) for i in range(18)]
    times = sorted(await all_of(calls))
    for start in times:
        assert sum(start <= time < start + 59.5 for time in times) <= 6
        assert sum(start <= time < start + 1.9 for time in times) <= 3
    assert max(times) <= 125
    assert pool.at_rest
    assert all(at_rest(limiter) for limiter in limiters)


async def test_who_is_refused_by_the_pool_waits_without_asking_on_and_on() -> None:
    pool = SharedBooks()
    limits = {PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))}
    await make_call(limiter_of(limits, pool=pool), demand("a", PROVIDER))
    limiter = limiter_of(limits, pool=pool)
    permit = limiter.permit(demand("a", PROVIDER))
    hold = await permit.wait()
    assert hold is not None
    assert hold.reason == "openai requests"
    assert hold.seconds == pytest.approx(59, abs=0.2)
    assert used(limiter, PROVIDER) == [0]
    await wait_granted(permit)
    assert now() == pytest.approx(60, abs=0.1)
    assert pool.asked < 70
    permit.close()
    assert pool.at_rest


async def test_who_waits_for_a_slot_of_the_pool_goes_when_another_process_gives_one_back() -> None:
    pool = SharedBooks(delay=0.0)
    limits = {PROVIDER: Limits(slots=1)}
    first, second = (limiter_of(limits, pool=pool) for _ in range(2))
    held = first.permit(demand("a", PROVIDER))
    await wait_granted(held)
    waiting = second.permit(demand("b", PROVIDER))
    hold = await waiting.wait()
    assert (hold and hold.reason, pool.asked) == ("openai slots", 2)
    held.close()
    await wait_granted(waiting)
    assert now() == 0.0
    waiting.close()
    assert pool.at_rest


async def test_what_headers_tell_of_other_processes_of_a_pool_counts_there_and_not_here_too() -> None:
    limits = {ACCOUNT: Limits(windows=(Window("requests", 4, 60.0),))}
    limiter = limiter_of(limits, learner=Teacher(9, foreign=Theirs()), pool=SharedBooks())
    permit = limiter.permit(demand("a", ACCOUNT))
    await wait_granted(permit)
    permit.replied(ReplyBegan())
    assert used(limiter, ACCOUNT) == [1]
    permit.close()


async def test_who_is_cancelled_while_the_pool_is_asked_gives_all_back() -> None:
    pool = SharedBooks(delay=2.0)
    limiter = limiter_of({PROVIDER: Limits(slots=1)}, pool=pool)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await make_call(limiter, demand("a", PROVIDER))
    assert pool.at_rest
    assert at_rest(limiter)
    assert await make_call(limiter, demand("a", PROVIDER)) == 3.5


async def test_calls_of_one_lane_ask_the_pool_in_their_order() -> None:
    pool = SharedBooks(delay=0.5)
    limiter = limiter_of({PROVIDER: Limits(slots=2)}, pool=pool)
    times = await all_of([make_call(limiter, demand("a", PROVIDER), lasts=3) for _ in range(6)])
    assert times == sorted(times)
    assert pool.at_rest


async def test_a_call_is_booked_when_the_pool_has_let_it_out_and_not_before() -> None:
    pool = SharedBooks(delay=2.0)
    pool.books[PROVIDER] = Book(PROVIDER, NOTHING)
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))}, pool=pool)
    await make_call(limiter, demand("a", PROVIDER))
    assert await make_call(limiter, demand("a", PROVIDER)) == pytest.approx(2 + 60 + 2, abs=0.01)


async def test_those_behind_one_that_the_pool_refuses_are_told_why() -> None:
    pool = SharedBooks()
    limits = {PROVIDER: Limits(windows=(Window("requests", 1, 60.0),))}
    await make_call(limiter_of(limits, pool=pool), demand("a", PROVIDER))
    limiter = limiter_of(limits, pool=pool)
    permits = [limiter.permit(demand("a", PROVIDER)) for _ in range(3)]
    async with asyncio.TaskGroup() as tasks:
        told = [tasks.create_task(permit.wait()) for permit in permits]
    assert [hold.reason for task in told if (hold := task.result())] == ["openai requests"] * 3
    assert now() < 2
    for permit in permits:
        permit.close()


async def test_those_who_came_while_the_pool_was_asked_are_told_why_they_wait() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=1)}, pool=SharedBooks())
    permits = [limiter.permit(demand("a", PROVIDER)) for _ in range(4)]
    async with asyncio.TaskGroup() as tasks:
        told = [tasks.create_task(permit.wait()) for permit in permits]
    assert [hold.reason for task in told if (hold := task.result())] == ["openai slots"] * 3
    for permit in permits:
        permit.close()


async def test_what_the_pool_can_never_give_is_in_nobodys_way() -> None:
    pool = SharedBooks()
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))}, pool=pool)
    pool.books[PROVIDER] = Book(PROVIDER, Limits(windows=(Window("tokens", 50, 60.0),)))
    large, small = limiter.permit(demand("a", PROVIDER, tokens=60)), demand("a", PROVIDER, tokens=50)
    async with asyncio.TaskGroup() as tasks:
        told = tasks.create_task(large.wait())
        goes = tasks.create_task(make_call(limiter, small))
    assert told.result() == Hold(scope=PROVIDER, what="tokens", seconds=inf)
    assert goes.result() < 1
    large.close()
    assert pool.at_rest
    assert at_rest(limiter)


async def test_a_permit_that_is_closed_while_the_pool_is_asked_takes_nothing() -> None:
    pool = SharedBooks(delay=2.0)
    limiter = limiter_of({PROVIDER: Limits(slots=1)}, pool=pool)
    permit = limiter.permit(demand("a", PROVIDER))
    asyncio.get_running_loop().call_later(1.5, permit.close)
    with pytest.raises(RuntimeError, match="closed permit"):
        await permit.wait()
    assert pool.at_rest
    assert at_rest(limiter)


async def test_a_pause_holds_for_all_who_share() -> None:
    pool = SharedBooks()
    limiter = limiter_of({}, pool=pool)
    permit = limiter.permit(demand("a", ACCOUNT))
    await permit.wait()
    permit.replied(ReplyBegan(accepted=False))
    permit.failed(REFUSED)
    permit.close()
    assert pool.pauses == [(ACCOUNT, 7.0)]
    assert await make_call(limiter_of({}, pool=pool), demand("b", ACCOUNT)) == pytest.approx(7, abs=0.1)


async def test_what_was_used_and_what_never_went_out_is_told_to_the_pool() -> None:
    pool = SharedBooks()
    limiter = limiter_of({PROVIDER: Limits(windows=(Window("tokens", 100, 60.0),))}, pool=pool)
    first = limiter.permit(demand("a", PROVIDER, tokens=90))
    await first.wait()
    first.replied(ReplyBegan())
    first.used(Usage(prompt_tokens=20, completion_tokens=10))
    first.close()
    second = limiter.permit(demand("a", PROVIDER, tokens=70))
    assert await second.wait() is None
    second.close()
    assert pool.books[PROVIDER].used("tokens", 60.0, now()) == 30


async def test_who_came_while_the_pool_was_asked_and_is_gone_is_not_remembered() -> None:
    limiter = limiter_of({}, pool=SharedBooks(delay=0.1))
    before = alive(MemoryPermit)
    await all_of([make_call(limiter, demand("a", PROVIDER), lasts=0) for _ in range(20)])
    assert alive(MemoryPermit) == before


# --- what earlier processes left ---


async def test_what_is_set_for_a_provider_holds_for_an_account_that_is_known_from_earlier() -> None:
    limiter = limiter_of({PROVIDER: Limits(slots=20)}, learner=Learning())
    limiter.pause(ACCOUNT, 0.0)  # as after a start, when all that is known is that it was left alone
    calls = [make_call(limiter, demand("a", ACCOUNT, PROVIDER), lasts=9) for _ in range(20)]
    assert await all_of(calls) == [0.0] * 20


def test_what_is_set_for_a_provider_later_holds_for_its_accounts_at_once() -> None:
    limiter = limiter_of({}, learner=Learning())
    limiter.pause(ACCOUNT, 0.0)
    limiter.pause(PROVIDER, 0.0)
    limiter.configure(lambda scope: Limits(slots=20) if scope == PROVIDER else NOTHING)
    (account,) = (each for each in limiter.standing() if each.scope == ACCOUNT)
    assert (account.effective.slots, account.effective.spacing) == (None, 0.0)


# --- whatever happens ---

FATES = (
    "answers",
    "answers",
    "answers",
    "answers",
    "refused",
    "unreachable",
    "times out",
    "broken off",
    "never",
)
WINDOWS = st.lists(
    st.builds(
        Window,
        st.sampled_from(["requests", "tokens", "input_tokens"]),
        st.integers(3, 60),
        st.sampled_from([1.0, 10.0, 60.0]),
    ),
    max_size=2,
).map(tuple)
LIMITS = st.builds(
    Limits, windows=WINDOWS, slots=st.none() | st.integers(1, 4), spacing=st.sampled_from([0.0, 0.0, 0.5])
)
SCOPES = (model("a"), model("b"), model("c"), ACCOUNT, PROVIDER)


@dataclass
class Wanted:
    """One call of a scenario: what it is, when it comes, what becomes of it."""

    after: float
    name: str
    tokens: int
    head: float
    lasts: float
    fate: str
    actual: float
    patience: float
    booked: float
    sent: float | None


@dataclass(frozen=True)
class Entry:
    """What a provider has booked.

    One whose head came is booked soon after it was sent, or soon after its permit where nobody knows that.
    """

    scope: Scope
    permitted: float
    booked: float
    headed: bool
    tokens: int
    sent: float | None

    def at(self, window: Window) -> float:
        soon = self.permitted + slack(window.seconds)
        if self.sent is not None:
            soon = self.sent + margin(window.seconds)
        return min(self.booked, soon) if self.headed else self.booked

    def amount(self, window: Window) -> int:
        return 1 if window.unit == "requests" else self.tokens


@dataclass
class Observed:
    """What a provider that counts strictly has seen, in which order calls came, and when they went."""

    entries: list[Entry] = field(default_factory=list)
    flights: list[tuple[float, float]] = field(default_factory=list)
    arrived: list[tuple[str, int]] = field(default_factory=list)
    went: dict[int, float] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)


WANTED = st.builds(
    Wanted,
    after=st.sampled_from([0.0, 0.0, 0.1, 3.0, 30.0]),
    name=st.sampled_from(["a", "a", "b", "c"]),
    tokens=st.integers(0, 30),
    head=st.sampled_from([0.0, 0.05, 1.0, 15.0]),
    lasts=st.sampled_from([0.0, 0.5, 4.0]),
    fate=st.sampled_from(FATES),
    actual=st.floats(0, 1),
    patience=st.sampled_from([inf, inf, inf, 5.0]),
    booked=st.floats(0, 1),
    sent=st.none() | st.floats(0, 1),
)


async def _live(limiter: MemoryLimiter, number: int, wanted: Wanted, seen: Observed) -> None:
    await asyncio.sleep(wanted.after)
    asked = demand(wanted.name, ACCOUNT, PROVIDER, tokens=wanted.tokens)
    permit = limiter.permit(asked)
    seen.arrived.append((wanted.name, number))
    hold = None
    try:
        async with asyncio.timeout(wanted.patience):
            while (hold := await permit.wait()) is not None and hold.seconds != inf:
                pass
    except TimeoutError:
        pass
    if permit.state is State.GRANTED:
        seen.went[number] = now()
        await _fly(permit, asked, wanted, seen)
    else:
        seen.gone.add(number)
        permit.close()


async def _fly(permit: MemoryPermit, asked: Demand, wanted: Wanted, seen: Observed) -> None:
    start = now()
    aborted, headed = wanted.fate == "broken off", wanted.fate in {"answers", "refused"}
    if wanted.fate not in {"never", "unreachable"}:
        await asyncio.sleep(wanted.head)
    head = now()
    sent = None
    if headed and wanted.sent is not None:  # the books believe that a request is written before `LATEST`
        sent = start + wanted.sent * min(head - start, LATEST - margin(60.0))
    if headed:
        permit.replied(ReplyBegan(accepted=wanted.fate == "answers", sent=sent))
    if wanted.fate == "answers":
        await asyncio.sleep(wanted.lasts)
        permit.used(Usage(prompt_tokens=int(wanted.actual * wanted.tokens)))
    if wanted.fate == "refused":
        permit.failed(RateLimited("no", status=429, wait=2.0).fault)
    if wanted.fate == "unreachable":
        permit.failed(Unreachable("no").fault)
    if wanted.fate == "times out":
        permit.failed(TimedOut("no").fault)
    permit.close(aborted=aborted)
    seen.flights.append((start, now() + (GRACE if aborted else 0.0)))
    if wanted.fate not in {"never", "unreachable"}:
        last = head if headed else min(head + (GRACE if aborted else 0.0), start + LATEST)
        tokens = int(wanted.actual * wanted.tokens) or asked.input_tokens
        tokens = tokens if wanted.fate == "answers" else asked.input_tokens
        first = start if sent is None else sent
        booked = first + wanted.booked * (last - first)
        seen.entries.extend(Entry(scope, start, booked, headed, tokens, sent) for scope in asked.scopes)


def _excesses(limits: Mapping[Scope, Limits], seen: Observed, *, since: float, until: float) -> list[str]:
    """Windows that a strict provider saw exceeded by a call that was let out while `limits` held."""
    return [
        f"{scope}: {held} in {window} at {at}"
        for scope in SCOPES
        for window in limits[scope].windows
        for at, held in _held(window, [entry for entry in seen.entries if entry.scope == scope], since, until)
        if held > window.amount
    ]


def _held(window: Window, entries: Sequence[Entry], since: float, until: float) -> list[tuple[float, int]]:
    """What the window held of calls let out until then when each of those let out in between was booked."""
    return [
        (
            last.at(window),
            sum(
                entry.amount(window)
                for entry in entries
                if entry.at(window) <= last.at(window) < entry.at(window) + window.seconds
                and entry.permitted < until
            ),
        )
        for last in entries
        if since < last.permitted and last.at(window) < until
    ]


async def _scenario(
    first: Mapping[Scope, Limits], then: Mapping[Scope, Limits], wanted: Sequence[Wanted]
) -> tuple[MemoryLimiter, Observed]:
    limiter, seen = limiter_of(first), Observed()
    asyncio.get_running_loop().call_later(7.0, limiter.configure, then.__getitem__)
    async with asyncio.timeout(1e6), asyncio.TaskGroup() as tasks:
        for number, each in enumerate(wanted):
            tasks.create_task(_live(limiter, number, each, seen))
    await asyncio.sleep(8.0)
    _nothing_is_lost(limiter, seen)
    await asyncio.sleep(60 + LATEST + 1)
    assert all(window.used == 0 for standing in limiter.standing() for window in standing.windows)
    return limiter, seen


def _nothing_is_lost(limiter: MemoryLimiter, seen: Observed) -> None:
    assert at_rest(limiter)
    for standing in limiter.standing():
        for kept in standing.windows:
            mine = [entry for entry in seen.entries if entry.scope == standing.scope]
            most = sum(entry.amount(kept.window) for entry in mine)
            assert 0 <= kept.used <= most, (standing, most)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(dict.fromkeys(SCOPES, LIMITS)),
    st.fixed_dictionaries(dict.fromkeys(SCOPES, LIMITS)),
    st.lists(WANTED, max_size=40),
)
def test_whatever_calls_do_no_window_ever_holds_too_much_and_nothing_is_lost(
    first: Mapping[Scope, Limits], then: Mapping[Scope, Limits], wanted: list[Wanted]
) -> None:
    loop = looptime.patch_event_loop(asyncio.SelectorEventLoop())
    try:
        _, seen = loop.run_until_complete(_scenario(first, then, wanted))
    finally:
        loop.close()
    assert _excesses(first, seen, since=-1.0, until=7.0) == []
    assert _excesses(then, seen, since=7.0, until=inf) == []
    assert len(seen.went) + len(seen.gone) == len(wanted)
    for name in "abc":
        times = [seen.went[number] for lane, number in seen.arrived if lane == name and number in seen.went]
        assert times == sorted(times), "of calls that need the same, none goes before an earlier one"
    for limits, since, until in ((first, -1.0, 7.0), (then, 7.0, inf)):
        for start, _ in seen.flights:
            flying = sum(one <= start < other for one, other in seen.flights)
            assert not since < start < until or flying <= (limits[PROVIDER].slots or inf)
