"""What is learnt of limits: from headers, from the kinds of refusals, and how soon."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.errors import Category
from panvox.limits.learning import AT_ONCE, CALM, PACE, START, Foreign, Learning
from panvox.limits.lessons import Lesson
from panvox.messages import Rate
from panvox.protocols import Limits, Scope, Unit, Window
from tests.learners import ACCOUNT, EPOCH, Caller, Provider, fault, refusal

MODEL = Scope("model", "acme/large-5")
SCOPES = (Scope("key", "acme/ACME_KEY"), MODEL, ACCOUNT, Scope("provider", "acme"))
MINUTE, DAY = 60.0, 86_400.0
NOTHING = Limits()


class Clock:
    """Seconds since 1970 that only a test moves."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> float:
        return self.now


def told(*rates: Rate, learning: Learning, scope: Scope = ACCOUNT, used: int = 0, now: float = 0.0) -> object:
    def in_books(unit: Unit, seconds: float) -> int:
        return used

    return learning.replied(scope, rates, accepted=True, now=now, in_flight=1, used=in_books)


def requests(limit: int, *, window: float | None = MINUTE, remaining: int | None = None) -> Rate:
    return Rate(unit="requests", window=window, limit=limit, remaining=remaining, reset=30.0)


def minute(amount: int) -> Window:
    return Window("requests", amount, MINUTE)


def log(*times: float) -> list[tuple[float, int]]:
    return [(time, 1) for time in times]


# --- how soon ---


@pytest.mark.parametrize("whole", [False, True], ids=["exact waits", "whole seconds"])
@pytest.mark.parametrize("seed", range(5))
def test_a_sliding_window_is_known_after_three_refusals_and_then_there_is_none(
    seed: int, whole: bool
) -> None:
    provider = Provider(amount=20, whole=whole)
    caller = Caller(provider=provider, seed=seed)
    caller.run(2 * MINUTE)
    assert 1 <= len(provider.refused) <= 3
    before, taken = len(provider.refused), len(provider.log)
    caller.run(10 * MINUTE)
    assert len(provider.refused) == before
    assert len(provider.log) - taken >= 195  # of 200 that it allows: what was learnt is not too little


@pytest.mark.parametrize("seed", range(5))
def test_a_window_that_is_aligned_to_the_clock_is_known_after_two_pauses(seed: int) -> None:
    provider = Provider(amount=20, aligned=True)
    caller = Caller(provider=provider, seed=seed)
    caller.run(3 * MINUTE)
    assert len(provider.refused) <= 6  # those that were on their way at the first of two refusals, too
    before, taken = len(provider.refused), len(provider.log)
    caller.run(10 * MINUTE)
    assert len(provider.refused) == before
    assert len(provider.log) - taken >= 180


@pytest.mark.parametrize("slots", [1, 3, 5, 10, 20])
@pytest.mark.parametrize("seed", range(3))
def test_slots_are_known_after_three_refusals(slots: int, seed: int) -> None:
    provider = Provider(slots=slots)
    Caller(provider=provider, seed=seed).run(100)
    assert 1 <= len(provider.refused) <= 3


@pytest.mark.parametrize("slots", [1, 3, 7, 20, 33, 50, 100])
@pytest.mark.parametrize("seed", range(3))
def test_slots_are_known_after_four_refusals_though_answers_take_long_to_begin(slots: int, seed: int) -> None:
    provider = Provider(slots=slots)
    caller = Caller(provider=provider, seed=seed, thinks=(10, 40))
    caller.run(200)
    assert 1 <= len(provider.refused) <= 4
    assert caller.limits == Limits(slots=slots)
    again = Provider(slots=slots)
    Caller(provider=again, seed=seed, thinks=(10, 40), lessons=caller.learning.lessons()).run(200)
    assert again.refused == []


@pytest.mark.parametrize("amount", [60, 150, 500])
@pytest.mark.parametrize("seed", range(3))
def test_a_large_window_met_by_endless_demand_is_known_after_a_handful_of_refusals(
    amount: int, seed: int
) -> None:
    provider = Provider(amount=amount)
    caller = Caller(provider=provider, seed=seed)
    caller.run(2 * MINUTE)
    assert 1 <= len(provider.refused) <= 6
    before = len(provider.refused)
    caller.run(5 * MINUTE)
    assert len(provider.refused) == before
    assert caller.limits.windows == (minute(amount),)


@given(st.integers(1, 20), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_very_slots_of_a_provider_are_learnt_and_then_kept(slots: int, seed: int) -> None:
    provider = Provider(slots=slots)
    caller = Caller(provider=provider, seed=seed)
    caller.run(60)
    before = len(provider.refused)
    caller.run(120)
    assert len(provider.refused) == before
    assert caller.limits == Limits(slots=slots)


@pytest.mark.parametrize(
    "limits",
    [{"amount": 20}, {"amount": 60, "slots": 7}, {"slots": 5}, {"amount": 20, "aligned": True}],
    ids=str,
)
def test_the_next_run_begins_where_the_last_one_ended_and_is_not_refused_at_all(
    limits: dict[str, int],
) -> None:
    first = Caller(provider=Provider(**limits), seed=1)  # type: ignore[arg-type]
    first.run(4 * MINUTE)
    provider = Provider(**limits)  # type: ignore[arg-type]
    second = Caller(provider=provider, seed=2, lessons=first.learning.lessons(), now=first.now + 3600)
    second.run(10 * MINUTE)
    assert provider.refused == []
    assert len(provider.log) >= 190


@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_learnt_though_nobody_says_when_to_come_back(seed: int) -> None:
    provider = Provider(amount=20, tells=False)
    caller = Caller(provider=provider, seed=seed)
    caller.run(2 * MINUTE)
    before = len(provider.refused)
    assert before <= 6
    caller.run(10 * MINUTE)
    assert len(provider.refused) == before


@given(
    st.integers(1, 40),
    st.sampled_from([10.0, 60.0]),
    st.booleans(),
    st.integers(0, 2**32),
    st.integers(1, 20),
)
@settings(max_examples=25, deadline=None)
def test_whatever_the_limits_refusals_end_and_calls_go_on(
    amount: int, seconds: float, aligned: bool, seed: int, slots: int
) -> None:
    provider = Provider(amount=amount, seconds=seconds, aligned=aligned, slots=slots)
    caller = Caller(provider=provider, seed=seed)
    caller.run(20 * seconds)
    before, taken = len(provider.refused), len(provider.log)
    caller.run(10 * seconds)
    assert len(provider.refused) - before <= 1
    assert len(provider.log) > taken


# --- headers ---


def test_a_limit_that_headers_tell_replaces_a_shipped_one_and_caps_one_that_was_set() -> None:
    configured = Limits(windows=(minute(500),), slots=10)
    for shipped, limit, holds in (
        ({"requests"}, 10_000, 10_000),
        ({"requests"}, 3, 3),
        (set[str](), 10_000, 500),
        (set[str](), 3, 3),
    ):
        learning = Learning(shipped=lambda _, shipped=shipped: shipped)  # type: ignore[misc]
        assert learning.effective(ACCOUNT, configured) == configured
        told(requests(limit), learning=learning)
        assert learning.changed(ACCOUNT)
        assert not learning.changed(ACCOUNT)
        assert learning.effective(ACCOUNT, configured).windows == (minute(holds),)


def test_a_rate_that_stands_alone_means_the_window_that_is_configured() -> None:
    six_seconds = Limits(windows=(Window("requests", 500, 6.0),))
    for window in (None, MINUTE):
        learning = Learning()
        learning.effective(ACCOUNT, six_seconds)
        told(requests(400, window=window), learning=learning)
        assert learning.effective(ACCOUNT, six_seconds).windows == (Window("requests", 400, 6.0),)


def test_a_rate_that_stands_alone_means_the_window_that_is_set_for_the_whole_provider() -> None:
    six_seconds = Limits(windows=(Window("requests", 20, 6.0),))
    for scope in (ACCOUNT, MODEL):
        learning = Learning()
        learning.effective(Scope("provider", scope.name.partition("/")[0]), six_seconds)
        learning.effective(scope, Limits())
        told(requests(20), learning=learning, scope=scope)
        assert learning.effective(scope, Limits()).windows == six_seconds.windows


def test_several_windows_of_a_unit_are_taken_as_they_are_told() -> None:
    learning = Learning(shipped=lambda _: {"requests"})
    configured = Limits(windows=(minute(60),), slots=2)
    learning.effective(ACCOUNT, configured)
    told(requests(30), requests(14_400, window=DAY), learning=learning)
    day = Window("requests", 14_400, DAY)
    assert learning.effective(ACCOUNT, configured).windows == (minute(30), day)


def test_a_rate_without_any_window_teaches_nothing() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits(slots=1))
    told(requests(20, window=None), learning=learning)
    assert learning.effective(ACCOUNT, Limits(slots=1)) == Limits(slots=1)


def test_limits_that_move_are_followed() -> None:
    learning = Learning()
    learning.effective(MODEL, Limits())
    for limit in (50, 20, 80):
        told(requests(limit, window=1.0), learning=learning, scope=MODEL)
        assert learning.effective(MODEL, Limits()).windows == (Window("requests", limit, 1.0),)


def test_an_account_is_not_held_to_the_limit_of_one_of_its_models() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits(slots=9))
    for now, limit, holds in ((0.0, 5_000, 5_000), (1.0, 500, 5_000), (62.0, 500, 500)):
        told(requests(limit), learning=learning, now=now)
        assert learning.effective(ACCOUNT, Limits(slots=9)).windows == (minute(holds),)


def test_use_by_others_shows_in_what_is_left() -> None:
    learning = Learning(shipped=lambda _: {"requests"})
    learning.effective(ACCOUNT, Limits(windows=(minute(500),)))
    assert told(requests(500, remaining=400), learning=learning, used=100) is None
    revealed = told(requests(500, remaining=380), learning=learning, used=100, now=7.0)
    assert revealed == Foreign(unit="requests", seconds=MINUTE, amount=20, until=37.0)


def test_what_we_used_before_the_books_knew_the_window_is_not_taken_for_use_by_others() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    tokens = Rate(unit="tokens", window=MINUTE, limit=90_000, remaining=80_000, reset=7.0)
    assert told(tokens, learning=learning, used=0) is None


def test_keys_and_providers_are_left_as_they_are_configured() -> None:
    learning = Learning()
    for scope in (SCOPES[0], SCOPES[3]):
        told(requests(5), learning=learning, scope=scope)
        assert learning.effective(scope, Limits()) == Limits()


# --- slots ---


def test_slots_start_small_and_grow_with_each_call_that_is_taken_on_at_the_cap() -> None:
    learning = Learning()
    assert learning.effective(ACCOUNT, Limits()).slots == START
    grow(learning, in_flight=START - 1)
    assert learning.effective(ACCOUNT, Limits()).slots == START
    for more in range(1, 5):
        grow(learning, in_flight=START + more - 1)
        assert learning.effective(ACCOUNT, Limits()).slots == START + more
    assert learning.effective(ACCOUNT, Limits(slots=2)).slots == 2
    assert learning.effective(MODEL, Limits()).slots is None


def grow(learning: Learning, *, in_flight: int, now: float = 0.0) -> None:
    learning.replied(ACCOUNT, (), accepted=True, now=now, in_flight=in_flight, used=lambda *_: 0)


def test_slots_double_in_a_second_in_which_nothing_was_refused() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    assert learning.unrefused(ACCOUNT, now=0.5, since=0.0) == AT_ONCE - 0.5
    assert learning.effective(ACCOUNT, Limits()).slots == START
    now, slots = AT_ONCE, []
    for second in range(1, 4):
        while now < AT_ONCE + second:
            now += learning.unrefused(ACCOUNT, now=now, since=now - AT_ONCE) or 0.0
        slots.append(learning.effective(ACCOUNT, Limits()).slots)
    assert slots == pytest.approx([2 * START, 4 * START, 8 * START], rel=0.15)


def test_a_head_that_was_long_awaited_was_counted_while_it_was_and_grows_nothing() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    learning.replied(ACCOUNT, (), accepted=True, now=9.0, in_flight=START, used=lambda *_: 0, took=AT_ONCE)
    assert learning.effective(ACCOUNT, Limits()).slots == START


def test_after_a_refusal_a_second_without_one_is_one_slot_more() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    learning.failed(ACCOUNT, refusal(wait=5.0), now=0.0, in_flight=4, sent=log(0.0))
    assert learning.unrefused(ACCOUNT, now=2.0, since=1.0) == 3.0  # of the pause
    for now in (5.0, 6.0, 7.0):
        assert learning.unrefused(ACCOUNT, now=now, since=1.0) == AT_ONCE
    assert learning.effective(ACCOUNT, Limits()).slots == START + 3


def test_slots_that_are_set_or_were_found_do_not_grow() -> None:
    learning = Learning()
    for scope, configured in ((ACCOUNT, Limits(slots=3)), (MODEL, Limits())):
        learning.effective(scope, configured)
        assert learning.unrefused(scope, now=9.0, since=0.0) is None
    learning.effective(ACCOUNT, Limits())
    learning.failed(ACCOUNT, refusal("concurrency"), now=9.0, in_flight=4, sent=())
    assert learning.unrefused(ACCOUNT, now=19.0, since=9.0) is None
    assert learning.effective(ACCOUNT, Limits()).slots == 3


def test_what_was_sent_before_a_silent_refusal_does_not_end_the_silence() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    learning.failed(ACCOUNT, refusal(), now=0.0, in_flight=4, sent=log(-1.0, 0.0))
    learning.unrefused(ACCOUNT, now=3.0, since=-1.0)
    learning.replied(ACCOUNT, (), accepted=True, now=3.0, in_flight=1, used=lambda *_: 0, took=4.0)
    assert learning.effective(ACCOUNT, Limits()).slots == 1
    learning.unrefused(ACCOUNT, now=5.0, since=3.0)
    assert learning.effective(ACCOUNT, Limits()).slots == START // 2 + 1


def test_starts_keep_their_distance_until_something_is_known() -> None:
    def spacing(learning: Learning, configured: Limits = NOTHING, scope: Scope = ACCOUNT) -> float:
        return learning.effective(scope, configured).spacing

    learning = Learning()
    assert spacing(learning) == PACE
    assert spacing(learning, Limits(slots=9)) == spacing(learning, scope=MODEL) == 0
    assert spacing(learning, Limits(windows=(minute(9),))) == 0
    told(requests(100), learning=learning)
    assert spacing(learning) == 0
    refused = Learning()
    refused.effective(ACCOUNT, NOTHING)
    refused.failed(ACCOUNT, refusal("concurrency"), now=0.0, in_flight=4, sent=())
    assert refused.changed(ACCOUNT)
    assert spacing(refused) == 0
    for worked, holds in ((9, PACE), (200, AT_ONCE / 200)):
        lesson = Lesson(matter="worked", amount=worked, at=EPOCH)
        assert spacing(Learning({ACCOUNT: (lesson,)}, clock=Clock())) == holds


def test_after_a_refusal_slots_grow_by_one_for_as_many_successes() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    learning.failed(ACCOUNT, refusal(wait=5.0), now=0.0, in_flight=4, sent=log(0.0))
    grow(learning, in_flight=START, now=10.0)
    assert learning.effective(ACCOUNT, Limits()).slots == START
    for _ in range(START - 1):
        learning.answered(ACCOUNT, now=11.0, in_flight=START)
    assert learning.effective(ACCOUNT, Limits()).slots == START
    learning.answered(ACCOUNT, now=11.0, in_flight=START)
    assert learning.effective(ACCOUNT, Limits()).slots == START + 1


@pytest.mark.parametrize("category", [Category.OVERLOADED, Category.TIMED_OUT, Category.UNREACHABLE])
def test_trouble_of_the_provider_stops_growth_for_a_while_and_cuts_nothing(category: Category) -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits())
    assert learning.failed(ACCOUNT, fault(category), now=0.0, in_flight=4, sent=log(0.0)) == 0.0
    grow(learning, in_flight=START, now=CALM - 0.1)
    assert learning.effective(ACCOUNT, Limits()).slots == START
    grow(learning, in_flight=START, now=CALM)
    assert learning.effective(ACCOUNT, Limits()).slots == START + 1


def test_refused_at_once_means_one_slot_less_than_there_were_and_no_pause() -> None:
    learning = Learning()
    configured = Limits(windows=(minute(20),), slots=10)
    learning.effective(ACCOUNT, configured)
    for in_flight in (10, 9):
        assert learning.failed(ACCOUNT, refusal("concurrency"), now=1.0, in_flight=in_flight, sent=()) == 0.0
    assert learning.effective(ACCOUNT, configured) == Limits(windows=(minute(20),), slots=8)


def test_a_call_that_was_refused_while_alone_says_nothing_of_slots() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits(slots=3))
    assert learning.failed(ACCOUNT, refusal("concurrency"), now=1.0, in_flight=1, sent=()) == 1.0
    assert learning.effective(ACCOUNT, Limits(slots=3)).slots == 3


# --- refusals ---


def test_a_refusal_pauses_as_long_as_it_says_and_teaches_the_window() -> None:
    learning = Learning()
    sent = log(*range(21))
    assert learning.failed(ACCOUNT, refusal(wait=40.0), now=20.0, in_flight=1, sent=sent) == 40.0
    assert learning.effective(ACCOUNT, Limits(slots=9)).windows == (minute(20),)


def test_of_calls_that_were_refused_together_each_counts_and_the_limit_is_cut_once() -> None:
    learning = Learning()
    sent = log(*(number / 100 for number in range(25)))
    for number in range(5):
        learning.failed(ACCOUNT, refusal(wait=59.5), now=0.5 + number / 100, in_flight=5, sent=sent)
    assert learning.effective(ACCOUNT, Limits(slots=9)).windows == (minute(20),)


def test_refusals_in_spite_of_what_was_learnt_lower_it_by_a_tenth() -> None:
    learning = Learning(
        {ACCOUNT: (Lesson(matter="requests", amount=40, seconds=MINUTE, at=EPOCH),)}, clock=Clock()
    )
    for round_, holds in enumerate((36, 33, 30), 1):
        learning.failed(ACCOUNT, refusal(wait=1.0), now=round_ * 100.0, in_flight=1, sent=log(round_ * 100.0))
        assert learning.effective(ACCOUNT, Limits(slots=1)).windows == (minute(holds),)


def test_a_longer_window_is_learnt_beside_a_shorter_one() -> None:
    learning = Learning(
        {ACCOUNT: (Lesson(matter="requests", amount=5, seconds=MINUTE, at=EPOCH),)}, clock=Clock()
    )
    sent = log(*(60.0 * number for number in range(10)))
    learning.failed(ACCOUNT, refusal(wait=3060.0), now=540.0, in_flight=1, sent=sent)
    hour = Window("requests", 9, 3600.0)
    assert learning.effective(ACCOUNT, Limits(slots=1)).windows == (minute(5), hour)


def test_without_a_word_when_to_come_back_pauses_double_up_to_a_minute() -> None:
    learning, now, pauses = Learning(), 0.0, []
    for _ in range(8):
        pauses.append(learning.failed(ACCOUNT, refusal(), now=now, in_flight=1, sent=()))
        now += pauses[-1]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    grow(learning, in_flight=1, now=now)
    assert learning.failed(ACCOUNT, refusal(), now=now + 1, in_flight=1, sent=()) == 1.0


def test_refused_tokens_teach_how_many_were_used() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, Limits(slots=1))
    told(learning=learning, used=30_000)
    assert learning.failed(ACCOUNT, refusal("tokens", 12.0), now=1.0, in_flight=1, sent=log(0.0)) == 12.0
    tokens = Window("tokens", 30_000, MINUTE)
    assert learning.effective(ACCOUNT, Limits(slots=1)).windows == (tokens,)


def test_a_window_that_one_call_does_not_fit_into_was_misjudged() -> None:
    learning = Learning()
    learning.effective(ACCOUNT, NOTHING)
    told(learning=learning, used=30_000)
    learning.failed(ACCOUNT, refusal("tokens", 12.0), now=1.0, in_flight=1, sent=log(0.0))
    learning.needed(ACCOUNT, "tokens", 40_000)
    assert learning.effective(ACCOUNT, NOTHING).windows == (Window("tokens", 40_000, MINUTE),)
    set_here = Limits(windows=(Window("tokens", 50_000, MINUTE),))
    learning.effective(ACCOUNT, set_here)
    learning.needed(ACCOUNT, "tokens", 60_000)  # what is set does not give way, so that it would be of no use
    assert learning.effective(ACCOUNT, NOTHING).windows == (Window("tokens", 40_000, MINUTE),)


def test_a_refused_burst_spreads_calls_and_the_spread_goes_again_as_they_are_taken_on() -> None:
    learning = Learning()
    sent = log(*(number / 10 for number in range(21)))
    assert learning.failed(ACCOUNT, refusal("burst", 2.0), now=2.0, in_flight=3, sent=sent) == 2.0
    assert learning.effective(ACCOUNT, Limits()).spacing == pytest.approx(0.1)
    for _ in range(100):
        grow(learning, in_flight=1, now=10.0)
    assert learning.effective(ACCOUNT, Limits()).spacing == 0.0


def test_spacing_that_a_provider_wants_between_any_two_calls_stays() -> None:
    learning = Learning()
    learning.failed(ACCOUNT, refusal("burst", 0.2), now=5.01, in_flight=2, sent=log(1.0, 5.0, 5.005))
    for _ in range(100):
        grow(learning, in_flight=1, now=10.0)
    assert learning.effective(ACCOUNT, Limits()).spacing == pytest.approx(0.2)


def test_a_spent_quota_pauses_until_it_is_renewed_which_is_midnight_unless_told() -> None:
    clock = Clock()
    clock.now = 20_000 * DAY + 6 * 3600
    learning = Learning(clock=clock)
    quota = Category.OUT_OF_QUOTA
    assert learning.failed(ACCOUNT, fault(quota), now=0.0, in_flight=1, sent=()) == 18 * 3600
    assert learning.failed(MODEL, fault(quota, wait=7200.0), now=0.0, in_flight=1, sent=()) == 7200.0
    later = Learning(learning.lessons(), clock=clock)
    assert later.pauses() == {ACCOUNT: 18 * 3600, MODEL: 7200.0}
    clock.now += 8000
    assert later.pauses() == {ACCOUNT: 18 * 3600 - 8000}


@pytest.mark.parametrize(
    "failure",
    [
        refusal("upstream", 30.0),
        fault(Category.OUT_OF_MONEY),
        fault(Category.TOO_LARGE),
        fault(Category.UNAUTHORISED),
        fault(Category.REFUSED),
    ],
    ids=lambda each: f"{each.category} {each.code}",
)
def test_what_is_no_limit_of_the_account_neither_pauses_it_nor_teaches_anything(failure: object) -> None:
    learning = Learning()
    before = learning.effective(ACCOUNT, Limits())
    assert learning.failed(ACCOUNT, failure, now=0.0, in_flight=9, sent=log(0.0)) == 0.0  # type: ignore[arg-type]
    assert learning.effective(ACCOUNT, Limits()) == before
    assert learning.lessons() == {}


def test_one_refusal_in_spite_of_headers_teaches_nothing_and_more_lower_the_limit() -> None:
    learning = Learning(shipped=lambda _: {"requests"})
    configured = Limits(windows=(minute(500),), slots=9)
    learning.effective(ACCOUNT, configured)
    told(requests(100), learning=learning)
    for now, holds in ((1.0, 100), (100.0, 90)):
        learning.failed(ACCOUNT, refusal(wait=9.0), now=now, in_flight=2, sent=log(now - 1, now))
        assert learning.effective(ACCOUNT, configured).windows == (minute(holds),)
    told(requests(200), learning=learning, now=200.0)  # the provider allows more than before
    assert learning.effective(ACCOUNT, configured).windows == (minute(200),)


# --- age ---


def test_what_is_too_old_is_not_believed() -> None:
    clock = Clock()
    lessons = {
        ACCOUNT: (Lesson(matter="slots", amount=2, at=EPOCH), Lesson(matter="worked", amount=30, at=EPOCH))
    }
    learning = Learning(lessons, max_age=DAY, clock=clock)
    assert learning.effective(ACCOUNT, Limits(slots=9)).slots == 2
    clock.now += DAY
    assert learning.effective(ACCOUNT, Limits(slots=9)).slots == 9
    assert learning.lessons() == {}
    assert Learning(lessons, max_age=DAY, clock=clock).effective(ACCOUNT, Limits()).slots == START


def test_a_clock_that_went_back_makes_nothing_old() -> None:
    clock = Clock()
    clock.now -= 10 * DAY
    learning = Learning({ACCOUNT: (Lesson(matter="worked", amount=30, at=EPOCH),)}, clock=clock)
    assert learning.effective(ACCOUNT, Limits()).slots == 30


# --- whose limit it is ---


@pytest.mark.parametrize(
    ("failure", "scope"),
    [
        (refusal(message="Too many requests."), ACCOUNT),
        (refusal(message="Rate limit reached for large-5 in organization o."), MODEL),
        (refusal(message="Rate limit reached for large-5.1 in organization o."), ACCOUNT),
        (refusal(message="The limit of requests per model was reached."), MODEL),
        (refusal(message="Quota exceeded, limit: 15, model: large-5\nPlease retry in 3s."), MODEL),
        (fault(Category.OUT_OF_QUOTA, message="free-models-per-day"), ACCOUNT),
    ],
)
def test_a_refusal_is_about_the_account_unless_it_names_the_model(failure: object, scope: Scope) -> None:
    assert Learning().scope_of(failure, SCOPES) == scope  # type: ignore[arg-type]


def test_a_spent_quota_of_a_free_model_leaves_the_others_alone() -> None:
    free = Scope("model", "openrouter/meta/llama:free")
    failure = fault(Category.OUT_OF_QUOTA, message="free-models-per-day")
    assert Learning().scope_of(failure, (free, ACCOUNT)) == free


def test_a_limit_that_several_models_meet_is_the_accounts() -> None:
    clock = Clock()
    learning, second = Learning(clock=clock), Scope("model", "acme/small-5")
    first = refusal(wait=9.0, message="Rate limit reached for large-5.")
    assert learning.scope_of(first, (MODEL, ACCOUNT)) == MODEL
    learning.failed(MODEL, first, now=0.0, in_flight=1, sent=log(-51.0, -1.0))
    assert learning.effective(MODEL, Limits()).windows == (minute(1),)
    clock.now += 3
    other = refusal(wait=6.0, message="Rate limit reached for small-5.")
    assert learning.scope_of(other, (second, ACCOUNT)) == ACCOUNT
    assert learning.effective(MODEL, Limits()) == Limits()
    google = refusal(wait=6.0, message="Quota exceeded, limit: 15, model: small-5")
    assert learning.scope_of(google, (second, ACCOUNT)) == second
