"""A model that fails again and again is left alone, and used again soon after it is back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from panvox.errors import (
    Category,
    CircuitOpen,
    Failure,
    InvalidRequest,
    Overloaded,
    Owner,
    RateLimited,
    Refused,
    Unauthorised,
    Unreachable,
)
from panvox.messages import Text, Waiting
from panvox.policies.breaking import PROBE, Breakers, Breaking
from panvox.policies.circuit import (
    LONGEST,
    PROBE_LIMIT,
    USED_WITHIN,
    Circuit,
    CircuitRule,
    CircuitState,
    counts,
)
from panvox.protocols import Model
from panvox.testing import ScriptedModel, check_model
from tests.attempts import PARIS, PROMPT, Attempts, Weather, heard

pytestmark = pytest.mark.looptime

KINDS = {kind.category: kind for kind in Failure.__subclasses__()}
BROKEN = {
    Category.EMPTY,
    Category.TRUNCATED,
    Category.MALFORMED,
    Category.TIMED_OUT,
    Category.OVERLOADED,
    Category.UNREACHABLE,
}
DOWN = Overloaded("The server is down.", status=503)


def now() -> float:
    return asyncio.get_running_loop().time()


def rested(*models: Attempts | ScriptedModel) -> bool:
    return not any(model.listening for model in models)


async def open_up(model: Breaking, times: int = 5) -> None:
    for _ in range(times):
        await heard(model)


# --- what opens it ---


@pytest.mark.parametrize("category", Category)
async def test_only_what_the_provider_or_the_network_breaks_opens_it(category: Category) -> None:
    model = ScriptedModel("oak/m", (KINDS[category]("no"),))
    await open_up(Breakers().around(model, "oak/m"), 20)
    assert len(model.prompts) == (5 if category in BROKEN else 20)


def test_an_upstream_at_its_limit_is_no_outage() -> None:
    assert not counts(RateLimited("later", owner=Owner.PROVIDER).fault)


async def test_five_failures_in_a_row_open_it_and_then_it_refuses_at_once() -> None:
    model = ScriptedModel("oak/m", (DOWN,))
    breakers = Breakers()
    guarded = breakers.around(model, "oak/m (main)")
    await open_up(guarded)
    begun = now()
    events, failure = await heard(guarded)
    assert isinstance(failure, CircuitOpen)
    assert (events, len(model.prompts), now()) == ([], 5, begun)
    assert failure.fault.wait == pytest.approx(5.0)
    assert str(failure) == (
        "oak/m (main) was not asked, since it failed again and again; "
        "the last time with: The server is down. It is tried again in 5 s."
    )
    assert breakers.states() == (
        CircuitState(name="oak/m (main)", state="open", failures=5, until=failure.fault.wait or 0.0),
    )


async def test_an_answer_in_between_begins_the_count_anew() -> None:
    model = Attempts("oak/m", *[(DOWN,)] * 4, PARIS, *[(DOWN,)] * 4, PARIS)
    guarded = Breakers().around(model, "oak/m")
    await open_up(guarded, 10)
    assert len(model.times) == 10


@pytest.mark.parametrize(("pattern", "asked"), [("-+", 10), ("-++", 30), ("--+", 10)])
async def test_half_of_ten_calls_in_a_minute_open_it(pattern: str, asked: int) -> None:
    scripts = [(DOWN,) if way == "-" else PARIS for way in pattern * 15]
    model = Attempts("oak/m", *scripts)
    await open_up(Breakers(CircuitRule(failures=1000)).around(model, "oak/m"), 30)
    # The tenth call is an answer where they take turns, and an answer opens nothing.
    assert len(model.times) == (asked + 1 if pattern == "-+" else asked)


async def test_failures_are_forgotten_after_a_minute() -> None:
    scripts = [(10.0, DOWN), (10.0, *PARIS)] * 10
    model = Attempts("oak/m", *scripts)
    await open_up(Breakers(CircuitRule(failures=1000)).around(model, "oak/m"), 20)
    assert len(model.times) == 20


async def test_who_is_cancelled_says_nothing_of_the_model() -> None:
    model = ScriptedModel("oak/m", (100.0,))
    guarded = Breakers().around(model, "oak/m")
    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await heard(guarded)
    assert len(model.prompts) == 10


async def test_one_key_of_a_model_does_not_close_the_other() -> None:
    breakers = Breakers()
    bad, good = ScriptedModel("oak/m", (DOWN,)), ScriptedModel("oak/m", PARIS)
    await open_up(breakers.around(bad, "oak/m (a)"))
    _, failure = await heard(breakers.around(good, "oak/m (b)"))
    assert failure is None


# --- how it closes ---


@pytest.mark.parametrize("outage", [1, 7, 33, 61, 200, 1000])
async def test_a_model_that_is_back_is_used_within_a_minute(outage: int) -> None:
    model = Weather("oak/m", DOWN)
    async with Breakers() as breakers:
        guarded = breakers.around(model, "oak/m")
        await open_up(guarded)
        end = now() + outage
        asyncio.get_running_loop().call_at(end, setattr, model, "down", False)
        while (await heard(guarded))[1] is not None:  # noqa: ASYNC110 - a user who asks every second
            await asyncio.sleep(1)
        assert now() - end <= 60


async def test_probes_stay_off_the_path_of_those_who_ask() -> None:
    model = Weather("oak/m", DOWN)
    async with Breakers() as breakers:
        guarded = breakers.around(model, "oak/m")
        await open_up(guarded)
        for _ in range(100):
            begun = now()
            _, failure = await heard(guarded)
            assert isinstance(failure, CircuitOpen)
            assert now() == begun
            await asyncio.sleep(1)
        assert model.asked == 5 + 4  # probes after 5, 10, 20 and 40 s


async def test_a_probe_asks_little_and_whatever_is_not_the_providers_fault_closes_it() -> None:
    model = Attempts("oak/m", *[(DOWN,)] * 5, (Refused("I do not answer probes."),), PARIS)
    async with Breakers() as breakers:
        guarded = breakers.around(model, "oak/m")
        await open_up(guarded)
        await asyncio.sleep(6)
        assert model.prompts[-1] is PROBE
        _, failure = await heard(guarded)
        assert failure is None
        assert breakers.states()[0] == CircuitState(name="oak/m", state="closed")


async def test_nobody_probes_what_nobody_uses() -> None:
    model = Weather("oak/m", DOWN)
    async with Breakers() as breakers:
        guarded = breakers.around(model, "oak/m")
        await open_up(guarded)
        await asyncio.sleep(USED_WITHIN + 60)
        asked = model.asked
        await asyncio.sleep(10_000)
        assert model.asked == asked
        model.down = False
        _, failure = await heard(guarded)
        assert isinstance(failure, CircuitOpen)
        await asyncio.sleep(1)
        _, failure = await heard(guarded)
        assert failure is None


async def test_a_probe_without_a_sign_of_life_has_failed() -> None:
    model = Attempts("oak/m", *[(DOWN,)] * 5, (1000.0,))
    async with Breakers() as breakers:
        await open_up(breakers.around(model, "oak/m"))
        await asyncio.sleep(5 + PROBE_LIMIT + 1)
        assert breakers.states()[0].state == "open"
        assert model.listening == 0


async def test_a_probe_that_waits_for_a_permit_is_no_sign_of_an_outage() -> None:
    model = Attempts("oak/m", *[(DOWN,)] * 5, (Waiting("oak requests", 50.0), 50.0, *PARIS), PARIS)
    async with Breakers() as breakers:
        guarded = breakers.around(model, "oak/m")
        await open_up(guarded)
        await asyncio.sleep(30)
        assert breakers.states()[0].state == "probing"
        await asyncio.sleep(30)
        assert breakers.states()[0].state == "closed"


async def test_a_probe_ends_with_the_breakers_and_errors_come_out_bare() -> None:
    model = Attempts("oak/m", *[(DOWN,)] * 5, (1000.0,))

    async def use() -> None:
        async with Breakers() as breakers:
            await open_up(breakers.around(model, "oak/m"))
            await asyncio.sleep(6)
            assert model.listening == 1
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await use()
    assert model.listening == 0


async def test_a_defect_in_a_probe_does_not_stop_the_others() -> None:
    odd = Attempts("oak/odd", *[(DOWN,)] * 5, ())
    odd._models[-1] = ScriptedModel("oak/odd", (ZeroDivisionError("oops"),))
    fine = Attempts("oak/fine", *[(DOWN,)] * 5, PARIS)
    async with Breakers() as breakers:
        guarded = breakers.around(fine, "oak/fine")
        await open_up(breakers.around(odd, "oak/odd"))
        await open_up(guarded)
        await asyncio.sleep(10)
        assert (await heard(guarded))[1] is None


# --- shared ---


class Board:
    """Marks of several processes."""

    def __init__(self) -> None:
        self.until: dict[str, float] = {}

    async def mark(self, name: str, seconds: float) -> None:
        self.until[name] = now() + seconds

    async def marked(self, name: str) -> float:
        return max(0.0, self.until.get(name, 0.0) - now())


class Broken:
    """Marks whose server is away."""

    async def mark(self, name: str, seconds: float) -> None:
        raise ConnectionError(name)

    async def marked(self, name: str) -> float:
        await asyncio.sleep(1000)
        raise ConnectionError(name)


async def test_other_processes_leave_a_model_alone_until_it_is_back() -> None:
    board, model = Board(), Weather("oak/m", DOWN)
    async with Breakers(marks=board) as mine, Breakers(marks=board) as others:
        await open_up(mine.around(model, "oak/m"))
        await asyncio.sleep(0.1)
        asked = model.asked
        _, failure = await heard(others.around(model, "oak/m"))
        assert isinstance(failure, CircuitOpen)
        assert model.asked == asked
        model.down = False
        await asyncio.sleep(6)
        _, failure = await heard(others.around(model, "oak/m"))
        assert failure is None


async def test_a_mark_holds_while_the_model_is_probed() -> None:
    board = Board()
    model = Attempts("oak/m", *[(DOWN,)] * 5, (9.0, DOWN), PARIS)
    async with Breakers(marks=board) as breakers:
        await open_up(breakers.around(model, "oak/m"))
        for _ in range(20):
            await asyncio.sleep(1)
            assert await board.marked("oak/m") > 0


async def test_marks_that_cannot_be_read_cost_a_tenth_of_a_second_and_no_call() -> None:
    model = Weather("oak/m", DOWN, down=False)
    async with Breakers(marks=Broken()) as breakers:
        guarded = breakers.around(model, "oak/m")
        begun = now()
        assert (await heard(guarded))[1] is None
        assert now() - begun <= 0.1
        model.down = True
        await open_up(guarded)
        model.down = False
        await asyncio.sleep(6)
        assert breakers.states()[0].state == "closed"


# --- as a model ---


async def test_the_promises_of_a_model_are_kept() -> None:
    fine, failing = ScriptedModel("oak/a", PARIS), ScriptedModel("oak/b", (DOWN,))
    endless = ScriptedModel("oak/c", (Text("x"), 1000.0))
    breakers = Breakers()

    async def at_rest() -> bool:  # noqa: ASYNC124 - as check_model asks
        return rested(fine, failing, endless)

    guarded: list[Model] = [breakers.around(each, each.name) for each in (fine, failing, endless)]
    await check_model(answering=guarded[0], failing=guarded[1], endless=guarded[2], at_rest=at_rest)


async def test_an_open_circuit_keeps_the_promises_of_a_failing_model() -> None:
    breakers = Breakers()
    guarded = breakers.around(ScriptedModel("oak/b", (DOWN,)), "oak/b")
    await open_up(guarded)
    with pytest.raises(CircuitOpen):
        async with guarded.stream(PROMPT) as events:
            await anext(events)


# --- the machine ---


class AnyOrder(RuleBasedStateMachine):
    """Calls, probes and time in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.rule = CircuitRule(failures=3, pause=2.0)
        self.circuit = Circuit("oak/m", self.rule)
        self.clock = 0.0
        self.failures = 0  # that count, since it was closed last
        self.row = 0
        self.probes = 0

    @property
    def state(self) -> CircuitState:
        return self.circuit.state(self.clock)

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.clock += seconds

    @rule()
    def answer(self) -> None:
        closed = self.state.state == "closed"
        self.circuit.answered(self.clock)
        self.row = 0 if closed else self.row

    @rule(failure=st.sampled_from([RateLimited("x"), InvalidRequest("x"), Refused("x"), Unauthorised("x")]))
    def fail_by_own_fault(self, failure: Failure) -> None:
        before = self.state
        assert not self.circuit.failed(failure.fault, self.clock)
        assert self.state == before

    @rule(failure=st.sampled_from([DOWN, Unreachable("x")]))
    def fail(self, failure: Failure) -> None:
        before = self.state
        opened = self.circuit.failed(failure.fault, self.clock)
        if before.state != "closed":
            assert not opened
            assert self.state == before
            return
        self.failures += 1
        self.row += 1
        assert opened or self.row < self.rule.failures
        assert opened == (self.state.state == "open")
        if opened:
            self.probes = 0
            assert self.row >= 3 or self.failures >= 5
            assert self.state.until == pytest.approx(self.rule.pause)

    @precondition(lambda self: (at := self.circuit.probe_at()) is not None and at <= self.clock)
    @rule(failure=st.sampled_from([None, DOWN, Refused("x")]))
    def probe(self, failure: Failure | None) -> None:
        self.circuit.probe()
        assert self.circuit.probe_at() is None
        assert self.circuit.refused(self.clock) == 0.0
        self.circuit.probed(failure.fault if failure else None, self.clock)
        if failure is DOWN:
            self.probes += 1
            assert self.state.state == "open"
            assert self.state.until == pytest.approx(min(2.0 * 2**self.probes, LONGEST))
        else:
            self.failures = self.row = 0
            assert self.state == CircuitState(name="oak/m", state="closed")

    @rule()
    def ask(self) -> None:
        left = self.circuit.refused(self.clock)
        assert (left is None) == (self.state.state == "closed")
        if left is not None:
            probe_at = self.circuit.probe_at()
            assert probe_at is not None, "whoever is refused sets a probe going"
            assert max(0.0, probe_at - self.clock) == left

    @invariant()
    def nobody_is_left_alone_for_longer_than_the_longest_pause(self) -> None:
        assert 0.0 <= self.state.until <= LONGEST


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestAnyOrder = AnyOrder.TestCase
