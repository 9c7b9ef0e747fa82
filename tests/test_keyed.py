"""One model behind several keys: which failures another key meets, and what goes up when none is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from panvox.deadline import narrow
from panvox.dialects.openai import OpenAI
from panvox.errors import (
    Category,
    Failure,
    Forbidden,
    OutOfMoney,
    OutOfQuota,
    Overloaded,
    Owner,
    RateLimited,
    Refused,
    Retry,
    TooLarge,
    Unauthorised,
)
from panvox.keys import Key, KeyPool, KeyState
from panvox.limits import MemoryLimiter
from panvox.limits.estimates import Estimates
from panvox.messages import (
    AttemptBegan,
    End,
    Event,
    Finish,
    Fold,
    Identity,
    Prompt,
    ReplyBegan,
    Restarted,
    Text,
    Usage,
    UsageReport,
    Waiting,
)
from panvox.policies.keyed import Keyed
from panvox.policies.limited import Limited
from panvox.protocols import Limits, Model, Scope, Window
from panvox.providers.http import HttpModel
from panvox.providers.transport import HttpTransport
from panvox.simulator import Fleet, VirtualModel, VirtualProvider, simulate
from panvox.testing import ScriptedModel, check_model

MORNING = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
QUESTION = Prompt.of("What is the capital of France?")
virtual = pytest.mark.looptime

Step = Event | Failure | Exception | float


def keys_of(accounts: Mapping[str, str]) -> list[Key]:
    """A key for each label, of that account; the first is asked first."""
    return [
        Key(label=label, account=account, priority=number, secret=SecretStr(f"sk-secret-{label}"))
        for number, (label, account) in enumerate(accounts.items())
    ]


class Keys:
    """A model behind keys, each of which follows a script of its own."""

    def __init__(
        self, scripts: Mapping[str, Sequence[Step]], accounts: Mapping[str, str] | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.models = {label: ScriptedModel(label, script) for label, script in scripts.items()}
        self.pool = KeyPool(
            keys_of(accounts or dict.fromkeys(scripts, "main")),
            provider="oak",
            clock=loop.time,
            now=lambda: MORNING + timedelta(seconds=loop.time()),
        )
        self.model = Keyed("oak/m", self.pool, self.models, model="m")

    @property
    def asked(self) -> dict[str, int]:
        return {label: len(model.prompts) for label, model in self.models.items()}

    async def ask(self) -> list[Event]:
        async with self.model.stream(QUESTION) as events:
            return [event async for event in events]

    async def fails(self) -> Failure:
        with pytest.raises(Failure) as raised:
            await self.ask()
        assert all(model.listening == 0 for model in self.models.values())
        return raised.value


def answer(text: str) -> tuple[Step, ...]:
    return (Text(text), End(Finish.STOP))


# --- another key -------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize("failure", [Unauthorised("no"), Forbidden("no"), OutOfMoney("no"), OutOfQuota("no")])
async def test_what_another_key_may_not_meet_is_met_with_one_at_once(failure: Failure) -> None:
    keys = Keys({"a": (failure,), "b": answer("Paris")}, {"a": "one", "b": "two"})
    assert await keys.ask() == [Text("Paris"), End(Finish.STOP)]
    assert asyncio.get_running_loop().time() == 0
    assert await keys.ask() == [Text("Paris"), End(Finish.STOP)]
    assert keys.asked == {"a": 1, "b": 2}


@virtual
async def test_a_rate_limit_is_met_with_a_key_of_another_account_and_never_with_one_of_the_same() -> None:
    scripts = {"a1": (RateLimited("slow down", wait=30),), "a2": answer("wrong"), "b": answer("Paris")}
    keys = Keys(scripts, {"a1": "a", "a2": "a", "b": "b"})
    assert (await keys.ask())[0] == Text("Paris")
    assert keys.asked == {"a1": 1, "a2": 0, "b": 1}
    await asyncio.sleep(30)
    assert (await keys.ask())[0] == Text("Paris")
    assert keys.asked == {"a1": 2, "a2": 0, "b": 2}


@virtual
@pytest.mark.parametrize("failure", [OutOfMoney("no"), OutOfQuota("no")])
async def test_money_and_quotas_are_those_of_the_account(failure: Failure) -> None:
    scripts = {"a1": (failure,), "a2": answer("wrong"), "b": answer("Paris")}
    keys = Keys(scripts, {"a1": "a", "a2": "a", "b": "b"})
    await keys.ask()
    assert keys.asked == {"a1": 1, "a2": 0, "b": 1}


@virtual
async def test_an_answer_that_breaks_off_with_its_key_begins_anew_with_the_next() -> None:
    keys = Keys({"a": (Text("Ly"), Unauthorised("revoked")), "b": answer("Paris")})
    events = await keys.ask()
    assert events[:2] == [Text("Ly"), Restarted("the key a failed in the middle of the answer")]
    fold = Fold()
    for event in events:
        fold.add(event)
    assert fold.answer.text == "Paris"


@virtual
async def test_nothing_begins_anew_where_nothing_was_said() -> None:
    identity = Identity(name="oak/m")
    keys = Keys({"a": (AttemptBegan(identity, "a"), Unauthorised("no")), "b": answer("Paris")})
    assert await keys.ask() == [AttemptBegan(identity, "a"), *answer("Paris")]


# --- what goes up ------------------------------------------------------------------------------------


@virtual
@pytest.mark.parametrize(
    "failure",
    [
        Overloaded("busy"),
        Refused("no"),
        RateLimited("an upstream's", owner=Owner.PROVIDER, code="upstream"),
        OutOfQuota("for good", retry=Retry.NEVER),
        KeyError("a defect"),
    ],
)
async def test_what_is_not_of_the_key_goes_up_as_it_is(failure: Exception) -> None:
    keys = Keys({"a": (failure,), "b": answer("wrong")}, {"a": "one", "b": "two"})
    with pytest.raises(type(failure)) as raised:
        await keys.ask()
    assert raised.value is failure
    assert keys.asked == {"a": 1, "b": 0}


@virtual
@pytest.mark.parametrize(
    "failure", [Unauthorised("no"), RateLimited("slow down", wait=3), OutOfMoney("no"), Overloaded("busy")]
)
async def test_the_failure_of_the_only_key_goes_up_as_it_is(failure: Failure) -> None:
    keys = Keys({"a": (Text("Pa"), failure)})
    assert await keys.fails() is failure


@virtual
async def test_the_only_key_is_asked_again_after_a_limit_and_not_after_a_refusal() -> None:
    limited = Keys({"a": (RateLimited("slow down", wait=3),)})
    await limited.fails()
    await limited.fails()
    assert limited.asked == {"a": 2}
    refused = Keys({"a": (Unauthorised("revoked"),)})
    await refused.fails()
    failure = await refused.fails()
    assert (failure.fault.category, refused.asked) == (Category.UNAUTHORISED, {"a": 1})
    assert str(failure) == "no key of oak can be used for m: a was refused (revoked)"


@virtual
async def test_the_limit_of_the_only_account_goes_up_as_it_is() -> None:
    limit = RateLimited("slow down", wait=3)
    keys = Keys({"a": (limit,), "b": answer("wrong")})
    assert await keys.fails() is limit
    assert keys.asked == {"a": 1, "b": 0}


@virtual
async def test_when_all_accounts_are_limited_the_failure_says_when_the_first_is_not() -> None:
    scripts = {"a": (RateLimited("slow down", wait=30),), "b": (5.0, RateLimited("slow down", wait=40))}
    keys = Keys(scripts, {"a": "one", "b": "two"})
    failure = await keys.fails()
    assert (failure.fault.category, failure.fault.retry, failure.fault.wait) == (
        Category.RATE_LIMITED,
        Retry.LATER,
        25.0,
    )
    await asyncio.sleep(20)
    failure = await keys.fails()
    assert (failure.fault.wait, keys.asked) == (5.0, {"a": 1, "b": 1})


@virtual
async def test_when_all_keys_are_dead_the_failure_names_them_and_no_provider_is_asked_again() -> None:
    keys = Keys({"a": (Unauthorised("revoked"),), "b": (Unauthorised("Incorrect API key"),)})
    for _ in range(2):
        failure = await keys.fails()
        assert (failure.fault.category, failure.fault.owner) == (Category.UNAUTHORISED, Owner.KEY)
        assert str(failure) == (
            "no key of oak can be used for m: a was refused (revoked); b was refused (Incorrect API key)"
        )
        assert "`panvox keys test oak`" in failure.fault.hint
    assert keys.asked == {"a": 1, "b": 1}


@virtual
async def test_calls_at_the_same_time_each_find_the_key_that_works() -> None:
    keys = Keys({"a": (1.0, Unauthorised("revoked")), "b": answer("Paris")})
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(keys.ask()) for _ in range(20)]
    assert all(call.result() == list(answer("Paris")) for call in calls)
    assert [standing.state for standing in keys.pool.standing()] == [KeyState.REFUSED, KeyState.USABLE]


KINDS = st.sampled_from([Unauthorised, Forbidden, OutOfMoney, OutOfQuota, RateLimited, Overloaded, None])


@virtual
@given(st.lists(st.tuples(KINDS, st.sampled_from(["one", "two", "three"])), min_size=1, max_size=6))
def test_no_call_asks_a_key_twice_or_a_limited_account_again(
    plan: list[tuple[type[Failure] | None, str]],
) -> None:
    labels = [f"k{number}" for number in range(len(plan))]
    scripts = {
        label: answer("Paris") if kind is None else (kind("no"),)
        for label, (kind, _) in zip(labels, plan, strict=True)
    }
    accounts = {label: account for label, (_, account) in zip(labels, plan, strict=True)}

    async def call() -> None:
        keys = Keys(scripts, accounts)
        try:
            await keys.ask()
        except Failure:
            works = {account for kind, account in plan if kind is None}
            limited = {account for kind, account in plan if kind in (OutOfMoney, OutOfQuota, RateLimited)}
            stopped = Overloaded in [kind for kind, _ in plan]
            assert stopped or works <= limited
        assert max(keys.asked.values()) == 1
        for account in set(accounts.values()):
            of_account = [
                kind
                for (kind, its), label in zip(plan, labels, strict=True)
                if its == account and keys.asked[label]
            ]
            shared = [kind in (OutOfMoney, OutOfQuota, RateLimited) for kind in of_account]
            assert not any(shared[:-1])

    asyncio.run(call())


# --- promises, and a real provider -------------------------------------------------------------------


@virtual
async def test_a_keyed_model_keeps_the_promises_of_models() -> None:
    dead = (Unauthorised("revoked"),)
    answering = Keys({"a": dead, "b": answer("Paris")})
    failing = Keys({"a": dead, "b": (Text("Pa"), Refused("no"))})
    endless = Keys({"a": dead, "b": (Text("Pa"), 1e6, End(Finish.STOP))})

    async def at_rest() -> bool:  # noqa: ASYNC124 - others have to wait for it
        every = (answering, failing, endless)
        return all(model.listening == 0 for keys in every for model in keys.models.values())

    await check_model(
        answering=answering.model, failing=failing.model, endless=endless.model, at_rest=at_rest
    )


@asynccontextmanager
async def served(keys: Sequence[Key]) -> AsyncIterator[tuple[Keyed, KeyPool]]:
    """A simulated provider that takes one key, and a model of it behind `keys`."""
    fleet = Fleet((VirtualProvider("oak", models=(VirtualModel("m"),), key="sk-secret-right"),))
    async with simulate(fleet, speed=0) as server, HttpTransport() as transport:
        models: dict[str, Model] = {
            key.label: HttpModel(
                name="oak/m",
                model="m",
                dialect=OpenAI(),
                transport=transport,
                base_url=server.base_url("oak"),
                key=key.secret.get_secret_value(),
            )
            for key in keys
        }
        pool = KeyPool(keys, provider="oak")
        yield Keyed("oak/m", pool, models, model="m"), pool


async def test_at_a_real_provider_a_wrong_key_is_asked_with_once_and_shown_never() -> None:
    async with served(keys_of({"wrong": "one", "right": "one"})) as (model, pool):
        for _ in range(3):
            async with model.stream(QUESTION) as events:
                assert isinstance([event async for event in events][-1], End)
    wrong, right = pool.standing()
    assert (wrong.state, wrong.failures, right.state) == (KeyState.REFUSED, 1, KeyState.USABLE)
    assert "sk-secret" not in f"{wrong} {model!r} {pool!r}"


async def test_at_a_real_provider_wrong_keys_alone_are_named_by_their_labels() -> None:
    async with served(keys_of({"old": "one", "older": "two"})) as (model, _):
        with pytest.raises(Unauthorised) as raised:
            async with model.stream(QUESTION) as events:
                _ = [event async for event in events]
    assert "old was refused" in str(raised.value)
    assert "older was refused" in str(raised.value)
    assert "sk-secret" not in str(raised.value)


# --- keys that would have to wait --------------------------------------------------------------------


def after(seconds: float | None, text: str) -> tuple[Step, ...]:
    """An answer that has to wait for a limit."""
    return (Waiting("oak requests", seconds), 50.0 if seconds is None else seconds, *answer(text))


@virtual
async def test_who_would_wait_with_one_account_asks_with_another_at_once() -> None:
    scripts = {"a1": after(30, "late"), "a2": answer("same account"), "b": answer("Paris")}
    keys = Keys(scripts, {"a1": "a", "a2": "a", "b": "b"})
    assert await keys.ask() == [Text("Paris"), End(Finish.STOP)]
    assert keys.asked == {"a1": 1, "a2": 0, "b": 1}
    assert asyncio.get_running_loop().time() == 0


@virtual
@pytest.mark.parametrize("other", [31.0, None])
async def test_where_all_accounts_wait_the_soonest_is_waited_for(other: float | None) -> None:
    scripts = {"a": after(40, "a"), "b": after(other, "b"), "c": after(30, "c")}
    keys = Keys(scripts, {"a": "one", "b": "two", "c": "three"})
    assert await keys.ask() == [Waiting("oak requests", 30), Text("c"), End(Finish.STOP)]
    assert keys.asked == {"a": 1, "b": 1, "c": 1}
    assert asyncio.get_running_loop().time() == 30
    assert all(model.listening == 0 for model in keys.models.values())


@virtual
async def test_the_first_is_asked_again_where_the_others_would_wait_for_longer() -> None:
    keys = Keys({"a": after(10, "a"), "b": after(20, "b")}, {"a": "one", "b": "two"})
    assert (await keys.ask())[1:] == [Text("a"), End(Finish.STOP)]
    assert keys.asked == {"a": 2, "b": 1}


@virtual
async def test_what_fails_after_the_wait_is_met_with_the_account_that_is_left() -> None:
    scripts = {"a": (Waiting("oak requests", 5), Unauthorised("no")), "b": after(20, "b")}
    keys = Keys(scripts, {"a": "one", "b": "two"})
    events = await keys.ask()
    assert events[-2:] == [Text("b"), End(Finish.STOP)]
    assert [event.seconds for event in events if isinstance(event, Waiting)] == [5, 20]


@virtual
async def test_no_backup_is_used_for_the_sake_of_a_wait() -> None:
    scripts = {"a": after(5, "usual"), "b": answer("spare")}
    keys = Keys(scripts, {"a": "one", "b": "two"})
    usual, spare = keys.pool.keys
    pool = KeyPool([usual, msgspec.structs.replace(spare, backup=True)], provider="oak")
    async with Keyed("oak/m", pool, keys.models, model="m").stream(QUESTION) as events:
        heard = [event async for event in events]
    assert heard[1] == Text("usual")
    assert keys.asked == {"a": 1, "b": 0}


# --- limits of our own -------------------------------------------------------------------------------


def account_of(name: str) -> Scope:
    return Scope("account", f"oak/{name}")


class Accounts:
    """A model behind the keys of two accounts, `a` and `b`, whose limits are kept; `a` is asked first."""

    def __init__(self, limits: Mapping[str, Limits]) -> None:
        script = (ReplyBegan(), UsageReport(Usage(prompt_tokens=10, completion_tokens=60)), *answer("Paris"))
        self.keys = Keys({"a": script, "b": script}, {"a": "a", "b": "b"})
        limiter = MemoryLimiter(lambda scope: limits.get(scope.name.rpartition("/")[2], Limits()))
        models = {
            label: Limited(model, limiter=limiter, scopes=(account_of(label),), estimates=Estimates())
            for label, model in self.keys.models.items()
        }
        self.model = Keyed("oak/m", self.keys.pool, models, model="m")

    async def ask(self, tokens: int) -> None:
        """Ask for an answer of so many tokens, which is of use for five seconds."""
        async with asyncio.TaskGroup() as tasks:  # noqa: ASYNC112 - a deadline is that of a task
            tasks.create_task(self._ask(tokens))

    async def _ask(self, tokens: int) -> None:
        narrow(5.0)
        prompt = Prompt.of("What is the capital of France?", max_tokens=tokens)
        async with self.model.stream(prompt) as events:
            assert [type(event) async for event in events][-1] is End


@virtual
async def test_a_call_that_has_no_time_to_wait_uses_another_account_and_others_go_on_with_the_first() -> None:
    accounts = Accounts({"a": Limits(windows=(Window("tokens", 100, 60.0),))})
    await accounts.ask(20)
    await accounts.ask(80)
    assert accounts.keys.asked == {"a": 1, "b": 1}
    await accounts.ask(10)
    assert accounts.keys.asked == {"a": 2, "b": 1}


@virtual
async def test_a_call_that_is_too_large_for_the_limits_of_one_account_uses_another() -> None:
    accounts = Accounts({"a": Limits(windows=(Window("tokens", 100, 60.0),))})
    await accounts.ask(500)
    assert accounts.keys.asked == {"a": 0, "b": 1}


@virtual
async def test_a_call_that_is_too_large_for_every_account_says_so() -> None:
    small = Limits(windows=(Window("tokens", 100, 60.0),))
    accounts = Accounts({"a": small, "b": small})
    with pytest.RaisesGroup(pytest.RaisesExc(TooLarge, match="needs more tokens")):
        await accounts.ask(500)
    assert accounts.keys.asked == {"a": 0, "b": 0}
