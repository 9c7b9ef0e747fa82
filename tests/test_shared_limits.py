"""Several processes on one Valkey: they keep limits together, and outlive its outages and each other."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

import panvox
from panvox.errors import SettingsError
from panvox.limits.valkey import ValkeyPool
from panvox.messages import Usage
from panvox.protocols import Demand, Hold, Limits, Scope, Window
from tests.shared_process import most_within, race
from tests.valkey import PASSWORD, Valkey, valkey

__all__ = ["valkey"]

PROVIDER = Scope("provider", "openai")
MODEL = Scope("model", "openai/gpt-5")
SHORT = 1.0  # seconds of a lease, so that the dead are found soon


def demand(*scopes: Scope, tokens: int = 0, answer: int = 0, model: str = "gpt-5") -> Demand:
    return Demand(scopes=scopes or (PROVIDER,), model=model, input_tokens=tokens, output_tokens=answer)


def windows(*several: Window) -> dict[Scope, Limits]:
    return {PROVIDER: Limits(windows=several)}


def requests(amount: int, seconds: float = 60) -> dict[Scope, Limits]:
    return windows(Window("requests", amount, seconds))


def lacking(hold: Hold | None) -> str:
    return "nothing" if hold is None else hold.what


async def eventually(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    async with asyncio.timeout(60):
        while not (await held if isinstance(held := condition(), Awaitable) else held):  # noqa: ASYNC110 - seen from here
            await asyncio.sleep(0.02)


async def shares(*pools: ValkeyPool) -> None:
    """Wait until the server decides for all of these again."""
    await eventually(lambda: all(pool.problem is None and pool.share() == 1 for pool in pools))


@asynccontextmanager
async def two(server: Valkey, lease: float = 10.0) -> AsyncIterator[tuple[ValkeyPool, ValkeyPool]]:
    async with ValkeyPool(server.url, lease=lease) as one, ValkeyPool(server.url, lease=lease) as other:
        yield one, other


@asynccontextmanager
async def operator(server: Valkey) -> AsyncIterator[Redis]:
    """The server's administrator, who comes through its socket."""
    client = Redis(unix_socket_path=str(server.path), driver_info=None)
    try:
        yield client
    finally:
        await client.aclose()


# --- what is kept together -------------------------------------------------------------------------


async def test_what_one_process_takes_another_lacks(valkey: Valkey) -> None:
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(), requests(2)) is None
        assert await other.take("a", demand(), requests(2)) is None
        hold = await one.take("b", demand(), requests(2))
    assert hold is not None
    assert (hold.scope, hold.what) == (PROVIDER, "requests")
    assert hold.seconds is not None
    assert hold.seconds <= 60.25


async def test_a_call_takes_of_all_scopes_or_of_none(valkey: Valkey) -> None:
    limits = {MODEL: Limits(slots=1), **requests(5)}
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(MODEL, PROVIDER), limits) is None
        hold = await other.take("a", demand(MODEL, PROVIDER), limits)
        assert hold == Hold(scope=MODEL, what="slots")
        model, provider = await one.standing(limits)
    assert (model.slots, provider.used) == (1, (1,))


async def test_a_slot_is_free_when_its_call_is_over(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=1)}
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(), limits) is None
        assert lacking(await other.take("a", demand(), limits)) == "slots"
        one.close("a", aborted=False, sent=True)
        one.close("a", aborted=False, sent=True)
        assert await one.take("b", demand(), limits) is None
        one.close("b", aborted=True, sent=True)
        assert lacking(await one.take("c", demand(), limits)) == "slots", "the provider notices late"

        async def is_free() -> bool:
            return await other.take("a", demand(), limits) is None

        await eventually(is_free)


async def test_what_was_not_sent_is_given_back_and_what_was_sent_is_not(valkey: Valkey) -> None:
    both = windows(Window("requests", 2, 60), Window("tokens", 100, 60))
    async with two(valkey) as (one, other):
        for call in ("kept", "returned"):
            assert await one.take(call, demand(tokens=30, answer=20), both) is None
        one.close("returned", aborted=False, sent=False)
        one.close("kept", aborted=False, sent=True)
        await one.marked("all is said")
        (standing,) = await other.standing(both)
    assert standing.used == (1, 50)


async def test_tokens_are_corrected_by_what_the_provider_counted(valkey: Valkey) -> None:
    counted = windows(
        Window("tokens", 100, 60), Window("input_tokens", 80, 60), Window("output_tokens", 70, 60)
    )
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(tokens=40, answer=40), counted) is None
        assert lacking(await other.take("a", demand(tokens=20, answer=10), counted)) == "tokens"
        one.used("a", Usage(prompt_tokens=44, completion_tokens=5))
        await one.marked("all is said")
        assert await other.take("a", demand(tokens=20, answer=10), counted) is None
        (standing,) = await other.standing(counted)
    assert standing.used == (79, 64, 15)


async def test_a_call_counts_as_new_until_its_reply_begins(valkey: Valkey) -> None:
    limits = requests(1, 0.05)
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(), limits) is None
        hold = await other.take("b", demand(), limits)
        assert hold is not None
        assert hold.seconds is not None
        await asyncio.sleep(hold.seconds)
        assert lacking(await other.take("b", demand(), limits)) == "requests"
        one.replied("a")
        assert await one.take("b", demand(), limits) is None


async def test_a_call_counts_from_when_it_was_sent(valkey: Valkey) -> None:
    limits = requests(1, 60)
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(), limits) is None
        before = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        one.replied("a", sent=asyncio.get_running_loop().time() - 0.5)
        hold = await other.take("b", demand(), limits)
        passed = asyncio.get_running_loop().time() - before
    assert hold is not None
    assert hold.seconds is not None
    assert hold.seconds + passed >= 60 + 0.5 + 0.12 - 0.002


async def test_who_was_refused_a_slot_hears_when_it_comes_free_and_nobody_is_told_of_others(
    valkey: Valkey,
) -> None:
    limits = {MODEL: Limits(slots=1), PROVIDER: Limits(slots=5)}
    heard: list[str] = []
    async with two(valkey) as (one, other):
        other.heed(heard.append)
        assert await one.take("a", demand(MODEL, PROVIDER), limits) is None

        async def hears() -> bool:
            assert lacking(await other.take("b", demand(MODEL, PROVIDER), limits)) == "slots"
            one.close("a", aborted=False, sent=True)
            assert await one.take("a", demand(MODEL, PROVIDER), limits) is None
            return bool(heard)

        await eventually(hears)
    assert set(heard) == {str(MODEL)}


async def test_more_than_a_window_ever_holds_never_fits_and_blocks_nobody(valkey: Valkey) -> None:
    limits = {MODEL: Limits(slots=1), **windows(Window("tokens", 100, 60))}
    async with ValkeyPool(valkey.url) as pool:
        assert await pool.take("a", demand(MODEL, PROVIDER, tokens=60), limits) is None
        hold = await pool.take("b", demand(MODEL, PROVIDER, tokens=101), limits)
    assert hold == Hold(scope=PROVIDER, what="tokens", seconds=float("inf"), certain=True)


async def test_a_pause_and_spacing_hold_for_all(valkey: Valkey) -> None:
    spaced = {PROVIDER: Limits(spacing=30)}
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(), spaced) is None
        hold = await other.take("a", demand(), spaced)
        assert (lacking(hold), hold and hold.certain) == ("spacing", True)
        one.pause(PROVIDER, 50)
        one.pause(PROVIDER, 10)
        await one.marked("all is said")
        hold = await other.take("a", demand(), spaced)
        (standing,) = await other.standing(spaced)
    assert (lacking(hold), hold and hold.certain) == ("pause", True)
    assert standing.paused > 10


async def test_a_model_waits_while_another_is_loaded_and_joins_its_own(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(loaded=1)}
    async with two(valkey) as (one, other):
        assert await one.take("a", demand(model="qwen3:8b"), limits) is None
        assert await other.take("a", demand(model="qwen3:8b"), limits) is None
        assert lacking(await other.take("b", demand(model="gemma3:4b"), limits)) == "loading"
        one.close("a", aborted=False, sent=True)
        other.close("a", aborted=False, sent=True)
        await one.marked("all is said")
        assert await other.take("b", demand(model="gemma3:4b"), limits) is None


async def test_a_cancelled_question_leaves_nothing_behind(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=5, windows=(Window("requests", 5, 60),))}
    async with two(valkey) as (one, other):
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(one.take("a", demand(), limits))
            await asyncio.sleep(0)
            asking.cancel()
        await one.marked("all is said")
        (standing,) = await other.standing(limits)
    assert (standing.slots, standing.used) == (0, (0,))


async def test_every_key_expires_by_itself(valkey: Valkey) -> None:
    limits = {
        PROVIDER: Limits(
            windows=(Window("requests", 5, 3600), Window("tokens", 500, 60)), slots=2, spacing=0.001, loaded=1
        )
    }
    async with ValkeyPool(valkey.url) as pool, operator(valkey) as client:
        await pool.take("a", demand(tokens=4), limits)
        pool.used("a", Usage(prompt_tokens=6))
        pool.pause(PROVIDER, 5)
        await pool.mark("openai/gpt-5", 5)
        await pool.marked("all is said")
        keys = [key async for key in client.scan_iter()]
        lasting = [key for key in keys if await client.pttl(key) < 0]
    assert len(keys) == 9
    assert lasting == []


def test_no_window_ever_holds_more_whatever_two_processes_do() -> None:
    """An own server and loops of its own, since hypothesis runs it many times."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:
        server = Valkey(Path(folder))
        server.start()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(amount=st.integers(1, 6), seconds=st.sampled_from([0.05, 0.2]), seed=st.integers(0, 2**16))
        def hold(amount: int, seconds: float, seed: int) -> None:
            spans = asyncio.run(_scramble(server, amount, seconds, random.Random(seed)))  # noqa: S311 - chance, no secret
            assert most_within(seconds, spans) <= amount

        try:
            hold()
        finally:
            server.kill()


async def _scramble(
    server: Valkey, amount: int, seconds: float, chance: random.Random
) -> list[tuple[float, float]]:
    """Calls of two processes that reply late or never, are given back or aborted, as chance has it."""
    limits, spans = requests(amount, seconds), list[tuple[float, float]]()

    async def call(pool: ValkeyPool, name: str) -> None:
        await asyncio.sleep(chance.random() * seconds)
        asked = time.monotonic()
        if await pool.take(name, demand(), limits) is None:
            fate = chance.choice(("answered", "late", "aborted", "returned"))
            if fate != "returned":
                spans.append((asked, time.monotonic()))
            await asyncio.sleep(seconds * chance.random() if fate == "late" else 0)
            if fate in ("answered", "late"):
                pool.replied(name)
            pool.close(name, aborted=fate == "aborted", sent=fate != "returned")

    async with operator(server) as client:
        await client.flushall()
    async with two(server) as pools, asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(call(chance.choice(pools), str(number)))
    return spans


# --- real processes --------------------------------------------------------------------------------


@asynccontextmanager
async def peer(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.shared_process", *arguments),
        stdout=PIPE,
        cwd=Path(__file__).parents[1],
        env={"PYTHONPATH": str(Path(panvox.__file__).parents[1])},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_two_processes_together_keep_a_window(valkey: Valkey) -> None:
    amount, seconds, calls = 6, 0.5, 20
    limits = Limits(windows=(Window("requests", amount, seconds),))
    async with ValkeyPool(valkey.url) as pool, peer(valkey.url, "race", "6", "0.5", "20") as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"here\n"
        ours = await race(pool, "own", calls, limits)
        theirs = [line.split() async for line in process.stdout]
    spans = ours + [(float(asked), float(granted)) for asked, granted in theirs]
    assert len(spans) == 2 * calls
    assert most_within(seconds, spans) <= amount


async def test_the_slots_of_a_killed_process_come_free(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=1)}
    async with (
        ValkeyPool(valkey.url, lease=SHORT) as pool,
        peer(valkey.url, "hold", str(SHORT)) as process,
    ):
        assert process.stdout is not None
        assert await process.stdout.readline() == b"held\n"
        assert lacking(await pool.take("a", demand(), limits)) == "slots"
        process.kill()

        async def is_free() -> bool:
            return await pool.take("a", demand(), limits) is None

        await eventually(is_free)


async def test_a_slot_that_is_used_for_longer_than_a_lease_stays_taken(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=1)}
    async with two(valkey, lease=0.2) as (one, other):
        assert await one.take("a", demand(), limits) is None
        for _ in range(20):
            assert lacking(await other.take("a", demand(), limits)) in ("slots", "shared")
            await asyncio.sleep(0.03)


async def test_leaving_gives_back_what_is_still_held(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=1)}
    async with ValkeyPool(valkey.url) as pool:
        async with ValkeyPool(valkey.url) as other:
            assert await other.take("a", demand(), limits) is None

        async def is_free() -> bool:
            return await pool.take("a", demand(), limits) is None

        await eventually(is_free)


async def test_what_is_raised_inside_comes_out_bare(valkey: Valkey) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ValkeyPool(valkey.url):
            raise ZeroDivisionError


# --- outages ---------------------------------------------------------------------------------------


async def test_without_the_server_each_process_has_its_share_and_says_so_once(valkey: Valkey) -> None:
    heard: list[str] = []
    async with (
        ValkeyPool(valkey.url, lease=SHORT) as other,
        ValkeyPool(valkey.url, lease=SHORT, on_change=heard.append) as pool,
    ):
        assert (pool.share(), pool.problem) == (1, None)
        await asyncio.to_thread(valkey.kill)
        assert lacking(await pool.take("a", demand(), requests(9))) == "shared", "nobody knows who decides"
        assert await pool.take("a", demand(), requests(9)) is None
        assert await pool.take("b", demand(), requests(9)) is None
        assert pool.share() == 2
        assert heard == [pool.problem]
        assert "one of 2" in heard[0]
        assert "***@127.0.0.1" in heard[0]
        assert await pool.standing(requests(9)) == ()
        await asyncio.to_thread(valkey.start)
        await shares(pool, other)
        assert len(heard) == 2
        assert "is back" in heard[1]
        (standing,) = await other.standing(requests(9))
        assert standing.used == (2,), "what was used meanwhile is told"


async def test_a_server_that_hangs_is_given_up_and_its_late_replies_are_not_mistaken(valkey: Valkey) -> None:
    async with ValkeyPool(valkey.url, lease=SHORT) as pool:
        valkey.suspend()
        try:
            assert lacking(await pool.take("a", demand(), requests(2))) == "shared"
            assert await pool.take("a", demand(), requests(2)) is None
        finally:
            valkey.resume()
        await shares(pool)
        (standing,) = await pool.standing(requests(2))
        assert standing.used == (1,), "the first question was heard late, and taken back"


async def test_a_server_that_forgot_is_told_again_before_it_decides(valkey: Valkey) -> None:
    limits = {PROVIDER: Limits(slots=2, windows=(Window("requests", 2, 60), Window("tokens", 99, 60)))}
    async with two(valkey, lease=SHORT) as (one, other), operator(valkey) as client:
        assert await one.take("a", demand(tokens=7), limits) is None
        assert await other.take("a", demand(tokens=8), limits) is None
        one.close("a", aborted=False, sent=True)
        await one.marked("all is said")
        await client.flushall()
        assert lacking(await one.take("b", demand(), limits)) == "shared"
        assert lacking(await other.take("b", demand(), limits)) == "shared"
        await shares(one, other)
        (standing,) = await one.standing(limits)
        assert (standing.slots, standing.used) == (1, (2, 15))
        assert lacking(await one.take("b", demand(), limits)) == "requests"


async def test_a_script_that_was_dropped_is_sent_again(valkey: Valkey) -> None:
    async with ValkeyPool(valkey.url, lease=SHORT) as pool, operator(valkey) as client:
        await client.script_flush()
        assert lacking(await pool.take("a", demand(), requests(1))) == "shared"
        await shares(pool)
        assert await pool.take("a", demand(), requests(1)) is None


async def test_through_an_outage_nobody_exceeds_its_share_and_then_they_share_again(valkey: Valkey) -> None:
    amount, seconds = 10, 0.4
    async with two(valkey, lease=SHORT) as pools:
        callers = [_Caller(pool, amount, seconds) for pool in pools]
        async with asyncio.TaskGroup() as tasks:
            calling = [tasks.create_task(caller.call_on()) for caller in callers]
            await eventually(lambda: _made(callers) >= 3 * amount)
            await asyncio.to_thread(valkey.kill)
            began = time.monotonic()
            await eventually(lambda: _made(callers) >= 6 * amount)
            await asyncio.to_thread(valkey.start)
            await shares(*pools)
            before = _made(callers)
            await eventually(lambda: _made(callers) >= before + 3 * amount)
            for task in calling:
                task.cancel()
    spans = [span for caller in callers for span in caller.spans if span[0] > began]
    assert [most_within(seconds, caller.alone) <= amount // 2 for caller in callers] == [True, True]
    assert [bool(caller.alone) for caller in callers] == [True, True]
    assert most_within(seconds, spans) <= amount
    assert all(caller.shared[-1] > caller.alone[-1] for caller in callers)


class _Caller:
    """Calls whenever its own books, over its share, and the pool allow."""

    def __init__(self, pool: ValkeyPool, amount: int, seconds: float) -> None:
        self.spans: list[tuple[float, float]] = []
        self.alone: list[tuple[float, float]] = []
        self.shared: list[tuple[float, float]] = []
        self._pool, self._amount, self._seconds = pool, amount, seconds

    async def call_on(self) -> None:
        number = 0
        while True:
            number += 1
            await self._call(str(number))
            await asyncio.sleep(0.005)

    async def _call(self, name: str) -> None:
        asked, share = time.monotonic(), self._pool.share()
        recent = [span for span in self.spans if span[1] > asked - self._seconds]
        if len(recent) >= self._amount // share:
            return
        if await self._pool.take(name, demand(), requests(self._amount, self._seconds)) is None:
            span = (asked, time.monotonic())
            self.spans.append(span)
            (self.alone if share > 1 else self.shared).append(span)
            self._pool.replied(name)
            self._pool.close(name, aborted=False, sent=True)


def _made(callers: list[_Caller]) -> int:
    return sum(len(caller.spans) for caller in callers)


# --- marks -----------------------------------------------------------------------------------------


async def test_a_mark_is_seen_by_all_until_it_is_taken_back(valkey: Valkey) -> None:
    async with two(valkey) as (one, other):
        assert await one.marked("openai/gpt-5") == 0
        await other.mark("openai/gpt-5", 30)
        assert 0 < await other.marked("openai/gpt-5") <= 30

        async def is_marked() -> bool:
            return await one.marked("openai/gpt-5") > 0

        async def is_free() -> bool:
            return not await is_marked()

        await eventually(is_marked)
        await other.mark("openai/gpt-5", 0)
        await eventually(is_free)


async def test_a_mark_of_its_own_holds_without_the_server(valkey: Valkey) -> None:
    async with ValkeyPool(valkey.url) as pool:
        await asyncio.to_thread(valkey.kill)
        await pool.take("a", demand(), requests(1))
        await pool.mark("openai/gpt-5", 30)
        assert await pool.marked("openai/gpt-5") > 0
        assert await pool.marked("openai/gpt-4") == 0


# --- addresses -------------------------------------------------------------------------------------


async def test_a_socket_on_the_disk_will_do(valkey: Valkey) -> None:
    async with ValkeyPool(f"unix://panvox:{PASSWORD}@{valkey.path}") as pool:
        assert await pool.take("a", demand(), requests(1)) is None
        assert repr(pool) == f"<ValkeyPool unix://***@{valkey.path} shared, 1 calls>"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(PASSWORD, "guessed"), "invalid username-password"),
        (lambda url: url.rpartition(":")[0] + ":1", "onnect"),
        (lambda url: url.replace("valkey://", "valkeys://"), "cannot be used"),
        (lambda url: url.replace("valkey://", "http://"), "write valkey://HOST:PORT"),
        (lambda url: url + "/0?db=many", "write valkey://HOST:PORT"),
        (lambda url: url + "/0?patience=3", "what follows its ? means nothing"),
    ],
)
async def test_an_address_that_cannot_be_used_is_named_without_its_password(
    valkey: Valkey, change: Callable[[str], str], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        async with ValkeyPool(change(valkey.url)):
            pass
    sentence = str(caught.value)
    assert said in sentence
    assert "://***@127.0.0.1:" in sentence
    assert "limits.url" in sentence
    assert PASSWORD not in sentence
    assert "guessed" not in sentence
