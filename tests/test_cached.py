"""What is known is not asked again, what is being asked is asked once, and no user hears another's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from panvox.deadline import narrow
from panvox.engine import Member, Run
from panvox.errors import Failure, Overloaded, RateLimited, Refused
from panvox.limits import MemoryLimiter
from panvox.limits.estimates import Estimates
from panvox.messages import (
    Answer,
    AttemptBegan,
    AttemptEnded,
    End,
    Event,
    Finish,
    Fold,
    Identity,
    ImagePart,
    Message,
    Outcome,
    Prompt,
    Reasoning,
    ReplyBegan,
    Restarted,
    Text,
    TextPart,
    Tool,
    ToolCallDelta,
    Usage,
    UsageReport,
    Waiting,
)
from panvox.policies.cached import Cached, Flights, answer_to_keep, request_key
from panvox.policies.flights import PATIENCE
from panvox.policies.limited import Limited
from panvox.policies.metered import Metered
from panvox.protocols import Cache, Kept, Limits, Model, Scope, Window
from panvox.testing import MemoryCache, MemoryJournal, ScriptedModel, check_model

pytestmark = pytest.mark.looptime

QUESTION = Prompt.of("What is the capital of France?")
GPT = Identity(name="openai/gpt", provider="openai", model="gpt", lineage="gpt")
COST = Decimal("0.03")
SAID = (
    Reasoning("hm"),
    Text("Par"),
    1.0,
    Text("is"),
    UsageReport(Usage(prompt_tokens=9, completion_tokens=2, cost=COST)),
    End(Finish.STOP, "gpt-2026"),
)


class Place:
    """A cache, and the calls in flight, of one process."""

    def __init__(self, cache: Cache | None = None) -> None:
        self.cache = cache or MemoryCache()
        self.flights = Flights()

    def around(
        self, model: Model, *, identity: Identity = GPT, mark: str = "", scope: str = "", fresh: bool = False
    ) -> Cached:
        return Cached(
            model,
            identity=identity,
            cache=self.cache,
            flights=self.flights,
            mark=mark,
            scope=scope,
            fresh=fresh,
        )


def scripted(*script: Event | Failure | Exception | float) -> ScriptedModel:
    return ScriptedModel(GPT.name, script or SAID)


def metered(model: Model, identity: Identity = GPT) -> Metered:
    return Metered(model, identity=identity, price=lambda _: None)


async def heard(model: Model, prompt: Prompt = QUESTION) -> list[Event]:
    async with model.stream(prompt) as events:
        return [event async for event in events]


def folded(events: Sequence[Event]) -> Answer:
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.answer


async def booked(model: Model, prompt: Prompt = QUESTION) -> Outcome:
    """How the engine books it."""
    async with Run([Member(GPT, model)], journal=MemoryJournal()).turn(prompt) as turn:
        await turn.wait_ended()
    return turn.outcomes[0]


# --- what is kept ------------------------------------------------------------------------------------


async def test_the_same_is_asked_once_and_said_twice() -> None:
    model, place = scripted(), Place()
    first, second = await heard(place.around(model)), await heard(place.around(model))
    assert len(model.prompts) == 1
    assert second == [
        AttemptBegan(GPT),
        Reasoning("hm"),
        Text("Paris"),
        UsageReport(Usage(prompt_tokens=9, completion_tokens=2, cost=COST)),
        AttemptEnded(cost=Decimal(0), cached=True),
        End(Finish.STOP, "gpt-2026"),
    ]
    assert folded(first) == folded(second)


async def test_a_hit_costs_nothing_and_is_booked_as_one() -> None:
    place = Place()
    asked = await booked(place.around(metered(scripted())))
    again = await booked(place.around(metered(scripted())))
    assert (asked.cached, asked.cost) == (False, COST)
    assert (again.cached, again.cost) == (True, Decimal(0))
    assert asked.answer == again.answer
    assert len(again.attempts) == 1


pieces = st.one_of(
    st.builds(Text, st.text(max_size=5)),
    st.builds(Reasoning, st.text(max_size=5)),
    st.builds(
        ToolCallDelta,
        st.integers(0, 3),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "look_up"]),
        st.text(max_size=5),
    ),
    st.builds(
        UsageReport,
        st.builds(
            Usage, prompt_tokens=st.integers(0, 9), cost=st.none() | st.decimals("0", "1", allow_nan=False)
        ),
    ),
    st.builds(Waiting, st.just("openai requests"), st.none() | st.floats(0, 9)),
    st.builds(Restarted, st.just("again")),
    st.just(AttemptBegan(GPT)),
    st.just(AttemptEnded(Overloaded("busy").fault, cost=COST)),
)
sequences = st.tuples(
    st.lists(pieces, max_size=12), st.sampled_from(Finish), st.sampled_from(["", "gpt-2026"])
).map(lambda told: (*told[0], End(told[1], told[2])))


@given(events=sequences)
def test_what_a_hit_comes_to_is_what_the_first_heard(events: tuple[Event, ...]) -> None:
    async def ask() -> None:
        model, place = scripted(*events), Place()
        first = await heard(place.around(model))
        second = await heard(place.around(model))
        assert folded(first) == folded(second) == folded(events)
        assert isinstance(second[-1], End)
        kept = answer_to_keep(events, GPT)
        assert len(model.prompts) == (1 if kept else 2)
        assert kept in (None, folded(events))

    asyncio.run(ask())


@given(events=sequences, joins=st.integers(0, 12), leaves=st.none() | st.integers(0, 12))
def test_whoever_joins_and_whoever_leaves_a_follower_hears_the_whole_answer(
    events: tuple[Event, ...], joins: int, leaves: int | None
) -> None:
    """A leader goes one event at a time, so that a follower can come at any of them."""
    steps = [step for event in events for step in (0.0, event)]

    async def lead(model: Model) -> None:
        async with model.stream(QUESTION) as heard_:
            count = 0
            async for _ in heard_:
                if count == leaves:
                    return
                count += 1

    async def follow(model: Model) -> list[Event]:
        for _ in range(joins):
            await asyncio.sleep(0)
        return await heard(model)

    async def ask() -> None:
        model, place = scripted(*steps), Place()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lead(place.around(model)))
            following = tasks.create_task(follow(place.around(model)))
        assert folded(following.result()) == folded(events)
        assert len(place.flights) == model.listening == 0

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ((Text("x"), End(Finish.STOP)), True),
        ((Text("x"), End(Finish.LENGTH)), True),
        ((ToolCallDelta(0, "1", "look_up", "{}"), End(Finish.TOOL_CALLS)), True),
        ((Text("x"), End(Finish.FILTERED)), False),
        ((Text("x"), End(Finish.OTHER)), False),
        ((Reasoning("hm"), End(Finish.STOP)), False),
        ((Text("x"),), False),
        ((Text("x"), Refused("no")), False),
        ((Text("x"), Restarted("anew"), End(Finish.STOP)), False),
    ],
)
async def test_only_whole_answers_are_kept(script: tuple[Event | Failure, ...], kept: bool) -> None:
    cache = MemoryCache()
    await booked(Place(cache).around(scripted(*script)))
    assert bool(cache.answers) is kept


async def test_the_answer_of_a_stand_in_is_not_kept_under_the_name_of_the_model_asked() -> None:
    cache, other = MemoryCache(), Identity(name="groq/llama")
    inner = Place(cache).around(metered(scripted(), other), identity=other)
    await heard(Place(cache).around(inner))
    assert list(cache.answers) == [request_key(QUESTION, model="groq/llama", mark="", scope="")]


async def test_giving_an_answer_again_does_not_make_it_younger() -> None:
    class Counting(MemoryCache):
        puts = 0

        async def put(self, key: bytes, answer: Answer) -> None:
            self.puts += 1
            await super().put(key, answer)

    cache = Counting()
    for _ in range(3):
        await heard(Place(cache).around(scripted()))
        await heard(Place(cache).around(Place(cache).around(scripted())))
    assert cache.puts == 1


async def test_fresh_asks_anew_and_replaces_what_was_kept() -> None:
    place = Place()
    await heard(place.around(scripted()))
    anew = await booked(place.around(scripted(Text("Lyon"), End(Finish.STOP)), fresh=True))
    assert (anew.text, anew.cached) == ("Lyon", False)
    assert (await booked(place.around(scripted()))).text == "Lyon"


async def test_a_cache_that_finds_nothing_any_more_is_only_dearer() -> None:
    class Forgetful:
        problem = "the disk is gone"

        async def get(self, key: bytes) -> Kept | None:
            return None

        async def put(self, key: bytes, answer: Answer) -> None:
            pass

    model, place = scripted(), Place(Forgetful())
    assert folded(await heard(place.around(model))) == folded(await heard(place.around(model)))
    assert len(model.prompts) == 2


# --- what is the same --------------------------------------------------------------------------------

CITY = '{"type": "object", "properties": {"city": {}, "country": {}}}'
TURNED = '{"type": "object", "properties": {"country": {}, "city": {}}}'


def key_of(prompt: Prompt = QUESTION, *, model: str = "m", mark: str = "k", scope: str = "s") -> bytes:
    return request_key(prompt, model=model, mark=mark, scope=scope)


BASE = Prompt(
    messages=(Message("user", (TextPart("Paris?"),)),),
    tools=(Tool("look_up", "a city", CITY),),
    max_tokens=10,
    temperature=0.5,
    top_p=0.5,
    seed=1,
    stop=("\n",),
    schema=CITY,
)
OTHER: dict[str, list[object]] = {
    "messages": [
        (Message("user", (TextPart("Paris? "),)),),
        (Message("system", (TextPart("Paris?"),)),),
        (Message("user", (ImagePart("Paris?"),)),),
        (Message("user", (TextPart("Pa"), TextPart("ris?"))),),
    ],
    "tools": [(), (Tool("look_up", "a city", TURNED),), (Tool("look_up", "", CITY),)],
    "max_tokens": [11, None],
    "temperature": [0.6, None, 0.0],
    "top_p": [0.6, None],
    "seed": [2, None],
    "stop": [(), ("\n", "x")],
    "schema": [None, TURNED, CITY + "x"],
}


def test_whatever_of_a_prompt_goes_out_makes_it_another_request() -> None:
    assert set(OTHER) == set(Prompt.__struct_fields__)
    prompts = [BASE, *(replace(BASE, **{name: v}) for name, vs in OTHER.items() for v in vs)]
    assert len({key_of(prompt) for prompt in prompts}) == len(prompts)


def test_model_mark_and_scope_make_another_request_wherever_the_letters_lie() -> None:
    keys = [
        key_of(),
        key_of(model="mk", mark=""),
        key_of(model="m", mark="", scope="ks"),
        key_of(model='m", "k', mark=""),
        key_of(scope=""),
        key_of(mark="other"),
    ]
    assert len(set(keys)) == len(keys)


def test_letters_that_only_look_the_same_are_not() -> None:
    assert key_of(Prompt.of("caf\u00e9")) != key_of(Prompt.of("cafe\u0301"))


def test_what_no_reader_can_tell_apart_is_the_same() -> None:
    spaced = CITY.replace(" ", "\n   ")
    tool = Tool("look_up", "a city", spaced)
    assert key_of(BASE) == key_of(replace(BASE, schema=spaced, tools=(tool,)))
    assert key_of(replace(BASE, temperature=1)) == key_of(replace(BASE, temperature=1.0))


def test_a_prompt_that_is_no_proper_unicode_has_a_key_all_the_same() -> None:
    odd = Prompt(messages=QUESTION.messages, schema="\ud83d")
    assert key_of(Prompt.of("half \ud83d")) != key_of(Prompt.of("half \ud83e"))
    assert key_of(odd) != key_of()


# --- users ---------------------------------------------------------------------------------------------


@given(scopes=st.lists(st.text(max_size=3), min_size=2, max_size=2, unique=True), together=st.booleans())
def test_two_users_never_share(scopes: list[str], together: bool) -> None:
    async def ask() -> None:
        model, place = scripted(0.0, *(step for step in SAID if not isinstance(step, float))), Place()
        mine, yours = (place.around(model, scope=scope) for scope in scopes)
        async with asyncio.TaskGroup() as tasks:
            for cached in (mine, yours):
                task = tasks.create_task(heard(cached))
                if not together:
                    await task
        assert len(model.prompts) == 2
        await heard(mine)
        assert len(model.prompts) == 2

    asyncio.run(ask())


# --- calls in flight -----------------------------------------------------------------------------------


async def ask_all(models: Sequence[Model]) -> list[list[Event]]:
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(heard(model)) for model in models]
    return [task.result() for task in asking]


async def test_identical_calls_in_flight_are_one_call_and_cost_once() -> None:
    model, place = scripted(), Place()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(booked(place.around(metered(model)))) for _ in range(20)]
    outcomes = [task.result() for task in asking]
    assert len(model.prompts) == 1
    assert {outcome.text for outcome in outcomes} == {"Paris"}
    assert sum(outcome.cost or 0 for outcome in outcomes) == COST
    assert sum(outcome.cached for outcome in outcomes) == 19
    assert len(place.flights) == 0


async def test_those_who_follow_a_call_that_tells_no_attempts_pay_nothing_either() -> None:
    place = Place()
    leader, follower = await ask_all([place.around(scripted()), place.around(scripted())])
    assert leader[-1] == follower[-1]
    assert follower[-3:-1] == [AttemptBegan(GPT), AttemptEnded(cost=Decimal(0), cached=True)]


async def test_a_late_follower_hears_the_beginning_and_then_each_event_as_it_comes() -> None:
    loop, place = asyncio.get_running_loop(), Place()
    model = scripted(Text("a"), 2, Text("b"), 2, Text("c"), End(Finish.STOP))
    times: list[tuple[float, Event]] = []

    async def follow() -> None:
        await asyncio.sleep(1)
        async with place.around(model).stream(QUESTION) as events:
            async for event in events:
                times.append((loop.time(), event))  # noqa: PERF401 - it is when they come that counts

    start = loop.time()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(heard(place.around(model)))
        tasks.create_task(follow())
    assert [(at - start, event.text) for at, event in times if isinstance(event, Text)] == [
        (1, "a"),
        (2, "b"),
        (4, "c"),
    ]


async def test_followers_see_the_waits_of_the_call_and_its_retries_for_nothing() -> None:
    busy = Overloaded("busy").fault
    model = scripted(
        Waiting("openai requests", 2.0),
        2,
        AttemptBegan(GPT),
        AttemptEnded(busy, cost=COST),
        AttemptBegan(GPT),
        Text("Paris"),
        AttemptEnded(cost=COST),
        End(Finish.STOP),
    )
    place = Place()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(booked(place.around(model))) for _ in range(2)]
    leader, follower = (task.result() for task in asking)
    assert (leader.cost, follower.cost) == (COST * 2, Decimal(0))
    assert [attempt.state for attempt in follower.attempts] == ["overloaded", "answered"]
    assert follower.attempts[0].waited == 2
    assert (leader.cached, follower.cached) == (False, True)


async def test_one_who_has_no_time_to_wait_does_not_fail_those_who_have() -> None:
    account = Scope("account", "openai/main")
    limiter = MemoryLimiter(lambda _: Limits(windows=(Window("requests", 1, 60.0),)))
    place, model = Place(), scripted(2.0, ReplyBegan(), *SAID)

    async def ask(question: str, deadline: float) -> Outcome:
        narrow(deadline)
        held = Limited(model, limiter=limiter, scopes=(account,), estimates=Estimates())
        return await booked(place.around(held), Prompt.of(question))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask("What is the capital of Spain?", 300))  # it takes what there is
        hasty = tasks.create_task(ask("What is the capital of France?", 5))
        patient = tasks.create_task(ask("What is the capital of France?", 300))
    assert hasty.result().state == "rate_limited"
    assert patient.result().answered
    assert len(model.prompts) == 2


async def test_the_failure_of_the_call_is_everybodys() -> None:
    place = Place()
    model = scripted(Text("Par"), 1, RateLimited("slow down", wait=3.0, status=429))

    async def fail() -> Failure:
        with pytest.raises(RateLimited) as raised:
            await heard(place.around(model))
        return raised.value

    async with asyncio.TaskGroup() as tasks:
        failing = [tasks.create_task(fail()) for _ in range(5)]
    failures = [task.result() for task in failing]
    assert len(model.prompts) == 1
    assert {failure.fault for failure in failures} == {failures[0].fault}
    assert len({id(failure) for failure in failures}) == 5
    assert len(place.flights) == 0


async def test_a_failure_on_entering_is_everybodys_too_and_the_next_may_succeed() -> None:
    class Closed(ScriptedModel):
        @asynccontextmanager
        async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
            self.prompts.append(prompt)
            await asyncio.sleep(1)
            raise Overloaded("busy")
            yield  # type: ignore[unreachable]

    model, place = Closed(GPT.name, ()), Place()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(booked(place.around(model))) for _ in range(3)]
    assert [task.result().state for task in asking] == ["overloaded"] * 3
    assert len(model.prompts) == 1
    assert folded(await heard(place.around(scripted()))).text == "Paris"


async def test_a_defect_is_met_by_each_for_itself_and_hangs_nobody() -> None:
    model, place = scripted(1, KeyError("oops")), Place()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(booked(place.around(model))) for _ in range(3)]
    assert [task.result().state for task in asking] == ["internal"] * 3
    assert len(place.flights) == 0


async def test_one_follower_takes_over_from_a_leader_that_is_cancelled_and_takes_back_its_text() -> None:
    model, place = scripted(Text("Par"), 5, Text("is"), End(Finish.STOP)), Place()
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(heard(place.around(model)))
        following = [tasks.create_task(heard(place.around(model))) for _ in range(3)]
        await asyncio.sleep(1)
        leader.cancel()
        await asyncio.sleep(1)
        assert (len(model.prompts), model.listening, model.cancelled) == (2, 1, 1)
    for follower in following:
        events = follower.result()
        assert [event.text for event in events if isinstance(event, Text)] == ["Par", "Par", "is"]
        assert sum(isinstance(event, Restarted) for event in events) == 1
        assert folded(events).text == "Paris"
    assert len(model.prompts) == 2


async def test_a_follower_that_had_passed_nothing_on_takes_nothing_back() -> None:
    model, place = scripted(5, Text("Paris"), End(Finish.STOP)), Place()
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(heard(place.around(model)))
        follower = tasks.create_task(heard(place.around(model)))
        await asyncio.sleep(1)
        leader.cancel()
    assert not any(isinstance(event, Restarted) for event in follower.result())


async def test_a_follower_that_leaves_disturbs_nobody() -> None:
    model, place = scripted(), Place()
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(heard(place.around(model)))
        follower = tasks.create_task(heard(place.around(model)))
        await asyncio.sleep(0.5)
        follower.cancel()
    assert folded(leader.result()).text == "Paris"
    assert (len(model.prompts), model.cancelled) == (1, 0)


async def test_the_call_is_closed_when_nobody_listens_any_more() -> None:
    model, place = scripted(Text("Par"), 60, End(Finish.STOP)), Place()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(heard(place.around(model))) for _ in range(5)]
        await asyncio.sleep(1)
        for task in asking:
            task.cancel()
    assert model.listening == 0
    assert len(place.flights) == 0


async def test_a_slow_follower_is_no_brake() -> None:
    loop, model, place = asyncio.get_running_loop(), scripted(), Place()

    async def dawdle() -> Answer:
        fold = Fold()
        async with place.around(model).stream(QUESTION) as events:
            async for event in events:
                fold.add(event)
                await asyncio.sleep(10)
        return fold.answer

    start = loop.time()
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(heard(place.around(model)))
        slow = tasks.create_task(dawdle())
        await leader
        assert loop.time() - start == 1
    assert slow.result().text == "Paris"


async def test_a_leader_that_rests_is_not_waited_for_longer_than_patience() -> None:
    loop, place = asyncio.get_running_loop(), Place()
    model = scripted(Text("a"), Text("b"), End(Finish.STOP))

    async def rest() -> None:
        async with place.around(model).stream(QUESTION) as events:
            await anext(events)
            await asyncio.sleep(60)
            assert [event async for event in events] == [Text("b"), End(Finish.STOP)]

    start = loop.time()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rest())
        followers = [tasks.create_task(heard(place.around(model))) for _ in range(2)]
        for follower in followers:
            assert folded(await follower).text == "ab"
        assert loop.time() - start == PATIENCE
    assert len(model.prompts) == 2
    assert len(place.flights) == 0


async def test_a_leader_that_waits_long_for_its_model_is_waited_for() -> None:
    model, place = scripted(Text("a"), PATIENCE * 50, Text("b"), End(Finish.STOP)), Place()
    answers = await ask_all([place.around(model), place.around(model)])
    assert [folded(events).text for events in answers] == ["ab", "ab"]
    assert len(model.prompts) == 1


async def test_one_task_that_hears_two_streams_in_turn_does_not_wait_for_itself() -> None:
    loop, model, place = asyncio.get_running_loop(), scripted(), Place()
    start = loop.time()
    async with place.around(model).stream(QUESTION) as one, place.around(model).stream(QUESTION) as two:
        await anext(one)
        second = [event async for event in two]
        first = [event async for event in one]
    assert folded(second).text == "Paris"
    assert isinstance(first[-1], End)
    assert loop.time() - start <= 2


async def test_a_cache_within_a_cache_does_not_wait_for_itself() -> None:
    model, place = scripted(), Place()
    assert folded(await heard(place.around(place.around(model)))).text == "Paris"
    assert len(place.flights) == 0


async def test_fresh_calls_share_with_fresh_ones_alone() -> None:
    model, place = scripted(), Place()
    await ask_all([place.around(model, fresh=fresh) for fresh in (False, True, True, False)])
    assert len(model.prompts) == 2


async def test_a_call_that_has_ended_is_not_followed_though_its_listener_stays() -> None:
    model, place = scripted(Text("no"), End(Finish.FILTERED)), Place()
    over = asyncio.Event()

    async def linger() -> None:
        async with place.around(model).stream(QUESTION) as events:
            assert await anext(events) == Text("no")
            assert isinstance(await anext(events), End)
            await over.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(linger())
        await asyncio.sleep(1)
        await heard(place.around(model))
        over.set()
    assert len(model.prompts) == 2


async def test_a_stream_that_is_never_iterated_keeps_nobody_waiting() -> None:
    model, place = scripted(), Place()
    async with place.around(model).stream(QUESTION):
        assert folded(await heard(place.around(model))).text == "Paris"


async def test_a_cached_model_keeps_the_promises_of_a_model() -> None:
    place = Place()
    answering, failing, endless = scripted(), scripted(Refused("no")), scripted(Text("…"), 10**9)

    async def at_rest() -> bool:  # noqa: ASYNC124 - as `check_model` wants it
        return len(place.flights) == answering.listening == failing.listening == endless.listening == 0

    def around(model: Model, name: str) -> Cached:
        return place.around(model, identity=Identity(name=name))

    for _ in range(2):  # asked, then known
        await check_model(
            answering=around(answering, "a"),
            failing=around(failing, "b"),
            endless=around(endless, "c"),
            at_rest=at_rest,
        )
