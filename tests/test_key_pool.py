"""The pool of keys: who is next, who is left alone and for how long, and what is said when nobody is left."""
# ruff: noqa: E501 - sentences are written as people see them, one line each

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from inline_snapshot import snapshot
from pydantic import SecretStr

from panvox.errors import (
    Category,
    Failure,
    Fault,
    Forbidden,
    OutOfMoney,
    OutOfQuota,
    RateLimited,
    TimedOut,
    Unauthorised,
)
from panvox.keys import Key, KeyPool, KeyState, Pause, expiry_warnings, first_usable

EVENING = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
MODEL = "gpt-5"


class Time:
    """A clock and a calendar that go on when they are told to."""

    def __init__(self) -> None:
        self.passed = 0.0

    def clock(self) -> float:
        return 1000 + self.passed

    def now(self) -> datetime:
        return EVENING + timedelta(seconds=self.passed)


def key(
    label: str,
    account: str = "main",
    *,
    priority: int = 0,
    backup: bool = False,
    expires: date | None = None,
) -> Key:
    return Key(
        label=label,
        account=account,
        priority=priority,
        backup=backup,
        expires=expires,
        secret=SecretStr(f"sk-secret-{label}"),
    )


def pool_of(*keys: Key, time: Time | None = None) -> KeyPool:
    time = time or Time()
    return KeyPool(keys, provider="openai", clock=time.clock, now=time.now)


def picked(pool: KeyPool, model: str = MODEL, *, free: bool = False, but: Sequence[str] = ()) -> str:
    choice = pool.pick(model, free=free, but=but)
    return choice.label if isinstance(choice, Key) else choice.fault.category.value


def fail(pool: KeyPool, label: str, failure: Failure, model: str = MODEL, *, free: bool = False) -> set[str]:
    failed = next(each for each in pool.keys if each.label == label)
    return set(pool.failed(failed, model, failure.fault, free=free))


# --- who is next -------------------------------------------------------------------------------------


def test_keys_take_turns_and_those_of_a_lower_number_come_first() -> None:
    pool = pool_of(key("later", priority=1), key("a"), key("b"), key("c"))
    assert [picked(pool) for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]
    assert picked(pool, but=("a", "b", "c")) == "later"


def test_a_backup_is_used_only_when_no_other_can_be_whatever_its_priority() -> None:
    pool = pool_of(key("backup", backup=True), key("last", priority=9))
    assert picked(pool) == "last"
    fail(pool, "last", Unauthorised("no"))
    assert picked(pool) == "backup"


@given(st.lists(st.sampled_from(["x", "y"]), min_size=1, max_size=30), st.integers(1, 5))
def test_within_a_priority_it_is_always_the_one_used_least_recently(models: list[str], size: int) -> None:
    pool = pool_of(*(key(f"k{number}") for number in range(size)))
    order: list[str] = []
    for model in models:
        label = picked(pool, model)
        assert label not in order[-(size - 1) :] or size == 1
        order.append(label)


# --- what a failure reaches --------------------------------------------------------------------------


def test_a_refused_key_is_dead_whatever_the_model_and_however_long_it_takes() -> None:
    time = Time()
    pool = pool_of(key("a"), key("b"), time=time)
    assert fail(pool, "a", Unauthorised("Incorrect API key")) == {"a"}
    time.passed = 1e9
    assert {picked(pool, model) for model in (MODEL, "o3", MODEL)} == {"b"}


def test_a_key_that_may_not_use_a_model_is_used_for_the_others() -> None:
    pool = pool_of(key("a"), key("b", priority=1))
    assert fail(pool, "a", Forbidden("no access")) == {"a"}
    assert (picked(pool), picked(pool, "o3")) == ("b", "a")


def test_an_account_without_money_rests_until_tomorrow_but_for_what_is_free() -> None:
    time = Time()
    pool = pool_of(key("a", "one"), key("b", "one"), key("c", "two", priority=1), time=time)
    assert fail(pool, "a", OutOfMoney("no credits left")) == {"a", "b"}
    assert (picked(pool), picked(pool, "o3"), picked(pool, "gemma:free", free=True)) == ("c", "c", "a")
    time.passed = 2 * 3600 - 1
    assert picked(pool) == "c"
    time.passed += 1
    assert picked(pool) == "b"


def test_an_account_that_has_no_money_even_for_what_is_free_rests_altogether() -> None:
    pool = pool_of(key("a", "one"), key("b", "two", priority=1))
    fail(pool, "a", OutOfMoney("negative balance"), "gemma:free", free=True)
    assert (picked(pool), picked(pool, "gemma:free", free=True)) == ("b", "b")


@pytest.mark.parametrize(("wait", "seconds"), [(None, 7200.0), (18_000.0, 18_000.0), (1e300, 31 * 86_400.0)])
def test_an_account_whose_quota_is_spent_rests_for_that_model_until_it_is_renewed(
    wait: float | None, seconds: float
) -> None:
    time = Time()
    pool = pool_of(key("a", "one"), key("b", "two", priority=1), time=time)
    fail(pool, "a", OutOfQuota("per day", wait=wait))
    assert (picked(pool), picked(pool, "o3")) == ("b", "a")
    time.passed = seconds - 0.001
    assert picked(pool) == "b"
    time.passed = seconds
    assert picked(pool) == "a"


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (RateLimited("slow down", wait=7.5), 7.5),
        (RateLimited("slow down"), 60.0),
        (RateLimited("too many parallel requests", code="concurrency"), 5.0),
    ],
)
def test_a_limited_account_rests_for_that_model_for_the_rest_of_the_window(
    failure: RateLimited, seconds: float
) -> None:
    time = Time()
    pool = pool_of(key("a", "one"), key("b", "one"), key("c", "two", priority=1), time=time)
    assert fail(pool, "a", failure) == {"a", "b"}
    assert (picked(pool), picked(pool, "o3")) == ("c", "a")
    time.passed = seconds - 0.001
    assert picked(pool) == "c"
    time.passed = seconds
    assert picked(pool) == "b"


def test_the_only_account_is_not_rested_by_a_limit_since_there_is_no_other() -> None:
    pool = pool_of(key("a"), key("b"))
    assert fail(pool, "a", RateLimited("slow down", wait=60)) == {"a", "b"}
    left_out = pool.pick(MODEL, but={"a", "b"})
    assert isinstance(left_out, Pause)
    assert left_out.left_out
    assert picked(pool) == "a"


@pytest.mark.parametrize(
    "failure", [TimedOut("slow"), RateLimited("an upstream's", owner=TimedOut.owner, code="upstream")]
)
def test_what_is_not_about_keys_bars_none(failure: Failure) -> None:
    pool = pool_of(key("a", "one"), key("b", "two", priority=1))
    assert fail(pool, "a", failure) == {"a"}
    assert picked(pool) == "a"
    assert [standing.failures for standing in pool.standing()] == [0, 0]


def test_the_longer_of_two_rests_holds() -> None:
    time = Time()
    pool = pool_of(key("a", "one"), key("b", "two", priority=1), time=time)
    fail(pool, "a", RateLimited("slow down", wait=50))
    fail(pool, "a", RateLimited("slow down", wait=5))
    time.passed = 49
    assert picked(pool) == "b"


# --- dates -------------------------------------------------------------------------------------------


def test_a_key_is_used_on_its_last_day_and_not_after_midnight() -> None:
    time = Time()
    pool = pool_of(key("a", expires=EVENING.date()), key("b", priority=1), time=time)
    assert picked(pool) == "a"
    time.passed = 2 * 3600
    assert picked(pool) == "b"


def test_keys_that_expire_within_two_weeks_are_warned_of() -> None:
    today = date(2026, 3, 1)
    days = (-1, 0, 1, 14, 15, None)
    keys = [key(f"in {day}", expires=None if day is None else today + timedelta(days=day)) for day in days]
    assert expiry_warnings("openai", keys, today) == snapshot(
        (
            "the key in -1 of openai expired on 2026-02-28 and is not used; get a new one from the provider, and change its date in the settings",
            "the key in 0 of openai expires today; get a new one from the provider, and change its date in the settings",
            "the key in 1 of openai expires tomorrow; get a new one from the provider, and change its date in the settings",
            "the key in 14 of openai expires in 14 days, on 2026-03-15; get a new one from the provider, and change its date in the settings",
        )
    )


def test_the_one_key_for_lists_is_the_first_by_rank_that_has_not_expired() -> None:
    today = date(2026, 3, 1)
    old = key("old", expires=date(2026, 2, 28))
    backup, late, first = key("backup", backup=True), key("late", priority=2), key("first", priority=1)
    assert first_usable([old, backup, late, first], today) == first
    assert first_usable([old, backup], today) == backup
    assert first_usable([old], today) is None


# --- when nobody is left -----------------------------------------------------------------------------


def verdict(pool: KeyPool, model: str = MODEL) -> Fault:
    choice = pool.pick(model)
    assert isinstance(choice, Pause)
    return choice.fault


def test_when_all_keys_are_dead_each_is_named_with_the_reason_and_what_to_do() -> None:
    pool = pool_of(key("work"), key("old", expires=date(2026, 1, 31)))
    fail(pool, "work", Unauthorised("Incorrect API key provided: ***."))
    fault = verdict(pool)
    assert fault.category is Category.UNAUTHORISED
    assert (fault.message, fault.hint, fault.wait) == snapshot(
        (
            "no key of openai can be used for gpt-5: work was refused (Incorrect API key provided: ***.); old expired on 2026-01-31",
            "Put a key that works in the place of one of them; `panvox keys test openai` tries each.",
            None,
        )
    )


def test_when_no_key_may_use_a_model_that_is_what_is_said() -> None:
    pool = pool_of(key("a"), key("b"))
    fail(pool, "a", Forbidden("not in your region"))
    fail(pool, "b", Unauthorised("revoked"))
    fault = verdict(pool)
    assert (fault.category, fault.message) == snapshot(
        (
            Category.FORBIDDEN,
            "no key of openai can be used for gpt-5: a may not use gpt-5 (not in your region); b was refused (revoked)",
        )
    )


def test_when_all_accounts_rest_the_soonest_says_how_long() -> None:
    time = Time()
    pool = pool_of(key("a", "one"), key("b", "two"), key("c", "three"), time=time)
    fail(pool, "a", OutOfQuota("100 a day"))
    fail(pool, "b", RateLimited("slow down", wait=30, code="tokens"))
    fail(pool, "c", Unauthorised("revoked"))
    time.passed = 10
    fault = verdict(pool)
    assert (fault.category, fault.wait, fault.code) == (Category.RATE_LIMITED, 20.0, "tokens")
    assert fault.message == snapshot(
        "no key of openai can be used for gpt-5: a is out of quota until 2026-03-02 00:00 UTC; b is rate limited until 22:00:30 UTC; c was refused (revoked)"
    )


def test_a_key_that_will_have_expired_is_not_waited_for() -> None:
    pool = pool_of(key("a", expires=EVENING.date()))
    fail(pool, "a", OutOfMoney("no credits"))
    fault = verdict(pool)
    assert (fault.category, fault.wait) == (Category.UNAUTHORISED, None)
    assert fault.message.endswith(
        "a is out of money until 2026-03-02 00:00 UTC, and will have expired by then"
    )


def test_how_each_key_stands_can_be_seen() -> None:
    time = Time()
    pool = pool_of(
        key("a", "one"),
        key("b", "two"),
        key("c", "three"),
        key("d", "four"),
        key("e", "five", expires=date(2026, 1, 1)),
        time=time,
    )
    assert picked(pool) == "a"
    fail(pool, "a", RateLimited("slow down", wait=30))
    fail(pool, "b", Unauthorised("revoked"))
    fail(pool, "c", OutOfMoney("no credits"))
    fail(pool, "d", Forbidden("no access"))
    a, b, c, d, e = pool.standing()
    assert (a.state, a.models, a.until, a.used, a.failures) == (
        KeyState.USABLE,
        (MODEL,),
        EVENING + timedelta(seconds=30),
        EVENING,
        1,
    )
    assert (b.state, b.why, b.until, b.used) == (KeyState.REFUSED, "was refused (revoked)", None, None)
    assert (c.state, c.until) == (KeyState.RESTING, datetime(2026, 3, 2, tzinfo=UTC))
    assert (d.state, d.models, d.until) == (KeyState.USABLE, (MODEL,), None)
    assert (e.state, e.why) == (KeyState.EXPIRED, "expired on 2026-01-01")
    time.passed = 30
    assert pool.standing()[0].models == ()


def test_a_pool_never_shows_a_key() -> None:
    pool = pool_of(key("a"), key("b", "two"))
    fail(pool, "a", Unauthorised("revoked"))
    shown = (
        f"{pool!r} {pool.keys!r} {pool.standing()!r} {pool.pick(MODEL)!r} {pool.pick(MODEL, but=('b',))!r}"
    )
    assert "sk-secret" not in shown


@pytest.mark.parametrize("keys", [[], [key("a"), key("a", "two")]])
def test_a_pool_has_keys_that_can_be_told_apart(keys: list[Key]) -> None:
    with pytest.raises(ValueError, match="at least one key, and no label twice"):
        KeyPool(keys)


# --- whatever happens --------------------------------------------------------------------------------

MODELS = ("m1", "m2")
WAITS = st.none() | st.sampled_from([1.0, 30.0, 90.0, 4000.0])
FAILURES = st.one_of(
    st.builds(lambda: Unauthorised("no")),
    st.builds(lambda: Forbidden("no")),
    st.builds(lambda: OutOfMoney("no")),
    st.builds(lambda wait: OutOfQuota("no", wait=wait), WAITS),
    st.builds(lambda wait: RateLimited("no", wait=wait), WAITS),
    st.builds(lambda: TimedOut("no")),
)


class Calls(RuleBasedStateMachine):
    """Calls that fail in any order, while time passes; the model keeps its own, slower books."""

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.pool = pool_of(
            key("a1", "a"),
            key("a2", "a", priority=1),
            key("b1", "b"),
            key("b2", "b", backup=True),
            key("c1", "c", backup=True, expires=EVENING.date() + timedelta(days=1)),
            time=self.time,
        )
        self.by_label = {each.label: each for each in self.pool.keys}
        self.dead: set[str] = set()
        self.forbidden: set[tuple[str, str]] = set()
        self.rests: dict[tuple[str, str], float] = defaultdict(float)
        self.last = dict.fromkeys(self.by_label, 0)
        self.turn = 0

    def usable(self, model: str) -> set[str]:
        return {
            each.label
            for each in self.pool.keys
            if each.label not in self.dead
            and (each.label, model) not in self.forbidden
            and self.time.passed >= max(self.rests[each.account, model], self.rests[each.account, ""])
            and not (each.expires and each.expires < self.time.now().date())
        }

    @rule(model=st.sampled_from(MODELS), but=st.sets(st.sampled_from(["a1", "a2", "b1", "b2", "c1"])))
    def pick(self, model: str, but: set[str]) -> None:
        usable = self.usable(model)
        choice = self.pool.pick(model, but=but)
        if isinstance(choice, Pause):
            assert usable <= but
            assert choice.left_out == bool(usable)
            return
        assert choice.label in usable - but
        rivals = [self.by_label[label] for label in usable - but]
        assert not choice.backup or all(rival.backup for rival in rivals)
        same = [rival for rival in rivals if rival.backup == choice.backup]
        assert choice.priority == min(rival.priority for rival in same)
        peers = [rival.label for rival in same if rival.priority == choice.priority]
        assert self.last[choice.label] == min(self.last[label] for label in peers)
        self.turn += 1
        self.last[choice.label] = self.turn

    @rule(
        label=st.sampled_from(["a1", "a2", "b1", "b2", "c1"]),
        model=st.sampled_from(MODELS),
        failure=FAILURES,
    )
    def fail(self, label: str, model: str, failure: Failure) -> None:
        self.pool.failed(self.by_label[label], model, failure.fault)
        account, wait = self.by_label[label].account, failure.fault.wait
        midnight = ((self.time.passed + 22 * 3600) // 86_400 + 1) * 86_400 - 22 * 3600
        match failure.fault.category:
            case Category.UNAUTHORISED:
                self.dead.add(label)
            case Category.FORBIDDEN:
                self.forbidden.add((label, model))
            case Category.OUT_OF_MONEY:
                self.rests[account, ""] = max(self.rests[account, ""], midnight)
            case Category.OUT_OF_QUOTA:
                until = midnight if wait is None else self.time.passed + wait
                self.rests[account, model] = max(self.rests[account, model], until)
            case Category.RATE_LIMITED:
                until = self.time.passed + (60 if wait is None else wait)
                self.rests[account, model] = max(self.rests[account, model], until)
            case _:
                pass

    @rule(seconds=st.sampled_from([1, 29, 60, 3600, 50_000]))
    def wait(self, seconds: int) -> None:
        self.time.passed += seconds

    @invariant()
    def a_pause_is_as_long_as_the_first_rest(self) -> None:
        for model in MODELS:
            if self.usable(model):
                continue
            choice = self.pool.pick(model)
            assert isinstance(choice, Pause)
            assert all(label in choice.fault.message for label in self.by_label)
            if choice.fault.wait is not None:
                self.time.passed += choice.fault.wait
                assert self.usable(model)
                self.time.passed -= choice.fault.wait


TestCalls = Calls.TestCase
