"""The books of one scope: windows that slide and are exact, whatever is entered, moved and given back."""

from __future__ import annotations

import gc
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.limits.books import GRACE, LATEST, PASSES, PATIENCE, TICK, Book, Call
from panvox.limits.windows import Lags, Log, margin
from panvox.protocols import Demand, Limits, Scope, Window

SCOPE = Scope("account", "openai/main")


def book(*windows: Window, slots: int | None = None, spacing: float = 0.0, loaded: int | None = None) -> Book:
    return Book(SCOPE, Limits(windows=windows, slots=slots, spacing=spacing, loaded=loaded))


def call(book: Book, *, tokens: int = 0, model: str = "") -> Call:
    return Call(Demand(scopes=(SCOPE,), model=model, input_tokens=tokens), (book,))


def taken(book: Book, now: float, *, tokens: int = 0, model: str = "") -> Call:
    """A call that there was room for."""
    entered = call(book, tokens=tokens, model=model)
    assert book.room(entered, now)
    entered.take(now)
    return entered


def answered(book: Book, now: float, *, tokens: int = 0, model: str = "") -> Call:
    """A call whose reply began at once, and which is over."""
    entered = taken(book, now, tokens=tokens, model=model)
    entered.answered(now)
    entered.leave(now)
    return entered


def test_a_window_lets_all_out_at_once_and_then_nothing_until_it_has_passed() -> None:
    minute = book(Window("requests", 3, 60.0))
    for _ in range(3):
        answered(minute, 0.0)
    assert not minute.room(call(minute), 59.9)
    assert minute.room(call(minute), 60.0 + TICK)


def test_a_call_without_a_reply_counts_as_if_it_was_made_now() -> None:
    second = book(Window("requests", 1, 1.0))
    slow = taken(second, 0.0)
    assert not second.room(call(second), 5.0)
    slow.answered(5.0)
    assert second.room(call(second), 5.0), "the head says that it was booked soon after the permit"


def test_a_call_that_never_gets_a_reply_counts_for_its_window_and_ten_seconds_more() -> None:
    second = book(Window("requests", 1, 1.0))
    taken(second, 0.0)
    assert not second.room(call(second), LATEST + 0.9)
    assert second.room(call(second), LATEST + 1.0)


def test_a_head_that_comes_later_than_the_slack_leaves_the_entry_near_its_permit() -> None:
    minute = book(Window("requests", 1, 60.0))
    slow = taken(minute, 0.0)
    slow.answered(9.0)
    assert not minute.room(call(minute), 60.2)
    assert minute.room(call(minute), 60.25)


def test_a_call_counts_from_when_it_was_sent_be_that_soon_after_its_permit_or_late() -> None:
    minute = book(Window("requests", 1, 60.0))
    quick = taken(minute, 0.0)
    quick.answered(9.0, sent=0.0)
    assert minute.room(call(minute), 60.0 + 2 * TICK + margin(60.0))
    minute = book(Window("requests", 1, 60.0))
    slow = taken(minute, 0.0)
    slow.answered(9.0, sent=3.0)
    assert not minute.room(call(minute), 63.0 + margin(60.0))
    assert minute.room(call(minute), 63.0 + 2 * TICK + margin(60.0))


def test_a_call_is_late_by_what_its_head_took_beyond_the_quickest_of_many() -> None:
    lags = Lags()
    assert [lags.of(took) for took in (0.3, *[0.1] * (Lags.ENOUGH - 1))] == [Lags.MOST] * Lags.ENOUGH
    assert lags.of(0.1) == 0.0
    assert lags.of(0.13) == pytest.approx(0.03)
    assert lags.of(9.0) == Lags.MOST, "most of that was spent on the answer"
    assert lags.of(0.08) == 0.0
    assert lags.of(0.1) == pytest.approx(0.02)
    assert lags.of(9.0, 500_000) == pytest.approx(Lags.MOST + 1.0), "servers read long prompts one by one"
    assert Lags().of(0.1, 500_000) == Lags.most(500_000)


def test_a_time_of_sending_that_cannot_be_is_not_believed() -> None:
    for sent in (-1.0, 9.5):
        minute = book(Window("requests", 1, 60.0))
        slow = taken(minute, 0.0)
        slow.answered(9.0, sent=sent)
        assert minute.room(call(minute), 60.25)


def test_a_call_given_back_was_never_there() -> None:
    minute = book(Window("requests", 1, 60.0), Window("tokens", 100, 60.0), spacing=5.0)
    gone = taken(minute, 0.0, tokens=100)
    gone.give_back()
    gone.leave(0.0)
    assert (minute.inside, minute.used("requests", 60.0, 0.0), minute.used("tokens", 60.0, 0.0)) == (0, 0, 0)
    assert minute.room(call(minute, tokens=100), 0.0)


def test_a_call_given_back_does_not_come_back_later() -> None:
    minute = book(Window("requests", 1, 60.0))
    gone = taken(minute, 0.0)
    gone.give_back()
    for now in (LATEST, LATEST + 61.0):
        minute.bring_up(now)
        assert minute.used("requests", 60.0, now) == 0
    gone.leave(LATEST + 61.0)


def test_a_call_that_a_new_window_does_not_remember_changes_nothing_in_it() -> None:
    long = book()
    first = taken(long, 0.0, tokens=5)
    first.answered(0.0)
    for _ in range(5000):
        answered(long, 0.0)
    long.configure(Limits(windows=(Window("tokens", 100, 60.0),)), 0.0)
    first.change((1, 50, 50, 0))
    assert long.used("tokens", 60.0, 0.0) == 0


def test_tokens_are_corrected_where_they_were_entered() -> None:
    minute = book(Window("tokens", 100, 60.0))
    first = taken(minute, 0.0, tokens=80)
    first.answered(0.0)
    assert not minute.room(call(minute, tokens=70), 1.0)
    first.change((1, 30, 30, 0))
    assert minute.room(call(minute, tokens=70), 1.0)
    assert not minute.room(call(minute, tokens=71), 1.0)


def test_a_broken_off_call_keeps_its_slot_until_the_provider_has_noticed() -> None:
    one = book(slots=1)
    broken = taken(one, 0.0)
    broken.broken_off(1.0)
    broken.leave(1.0, aborted=True)
    assert not one.room(call(one), 1.0 + GRACE / 2)
    assert one.opens(call(one), 1.0) == 1.0 + GRACE
    assert one.room(call(one), 1.0 + GRACE)


def test_starts_keep_their_distance() -> None:
    spaced = book(spacing=1.0)
    answered(spaced, 0.0)
    assert not spaced.room(call(spaced), 1.0)
    assert spaced.room(call(spaced), 1.01)


def test_a_wait_is_exact_and_certain_where_only_time_can_help() -> None:
    minute = book(Window("requests", 2, 60.0))
    answered(minute, 0.0)
    late = taken(minute, 10.0)
    for now in (15.0, 20.0):
        wait = minute.wait(call(minute), now)
        assert wait is not None
        assert not wait.certain, "the second may be given back"
    late.answered(20.0)
    wait = minute.wait(call(minute), 20.0)
    assert wait is not None
    assert (wait.what, wait.certain) == ("requests", True)
    assert wait.seconds == pytest.approx(40.0 + TICK)


def test_those_ahead_make_the_wait_longer_and_less_certain() -> None:
    minute = book(Window("requests", 2, 60.0))
    answered(minute, 0.0)
    answered(minute, 0.0)
    wait = minute.wait(call(minute), 0.0, ahead=5)
    assert wait is not None
    assert wait.seconds is not None
    assert 120.0 <= wait.seconds <= 181.0
    assert not wait.certain


def test_a_window_that_can_never_take_a_call_is_named() -> None:
    small = book(Window("tokens", 100, 60.0), slots=1)
    assert small.never(call(small, tokens=101)) == "tokens"
    assert small.never(call(small, tokens=100)) is None


def test_other_limits_keep_what_was_taken() -> None:
    changed = book(Window("requests", 9, 60.0))
    for _ in range(4):
        answered(changed, 0.0)
    waiting = taken(changed, 1.0)
    changed.configure(Limits(windows=(Window("requests", 5, 60.0), Window("requests", 5, 30.0))), 2.0)
    assert (changed.used("requests", 60.0, 0.0), changed.used("requests", 30.0, 0.0)) == (5, 5)
    assert not changed.room(call(changed), 2.0)
    waiting.answered(2.0)
    waiting.leave(2.0)
    assert changed.room(call(changed), 60.25)


def test_a_new_window_knows_when_the_calls_before_it_were_made() -> None:
    changed = book()
    answered(changed, 20.0)
    changed.configure(Limits(windows=(Window("requests", 1, 30.0),)), 25.0)
    assert not changed.room(call(changed), 49.9)
    assert changed.room(call(changed), 50.1)


def test_a_head_that_comes_after_all_moves_the_entry_to_its_permit() -> None:
    minute = book(Window("requests", 1, 60.0))
    slow = taken(minute, 0.0)
    minute.bring_up(LATEST)
    slow.answered(LATEST + 2.0)
    assert not minute.room(call(minute), 60.2)
    assert minute.room(call(minute), 60.25)
    minute.bring_up(200.0)
    assert minute.used("requests", 60.0, 200.0) == 0


def test_of_two_windows_of_one_kind_the_smaller_holds() -> None:
    twice = book(Window("requests", 9, 60.0), Window("requests", 1, 60.0))
    answered(twice, 0.0)
    assert not twice.room(call(twice), 1.0)


def test_calls_of_a_model_in_use_go_first_but_not_for_ever() -> None:
    one = book(loaded=1)
    taken(one, 0.0, model="a")
    assert one.turn("a", 9, 0.0) < one.turn("b", 1, 0.0)
    for _ in range(PASSES):
        one.passed_over(1.0)
    assert one.turn("a", 9, 1.0) > one.turn("b", 1, 1.0)


def test_calls_of_a_model_in_use_go_first_for_a_minute_at_most() -> None:
    one = book(loaded=1)
    taken(one, 0.0, model="a")
    one.passed_over(1.0)
    assert one.turn("a", 9, PATIENCE) < one.turn("b", 1, PATIENCE)
    assert one.turn("a", 9, 1.0 + PATIENCE) > one.turn("b", 1, 1.0 + PATIENCE)


def test_another_model_is_loaded_only_when_the_one_in_use_has_ended() -> None:
    one = book(loaded=1)
    first = taken(one, 0.0, model="a")
    assert one.room(call(one, model="a"), 0.0)
    assert not one.room(call(one, model="b"), 0.0)
    first.leave(1.0)
    taken(one, 1.0, model="b")
    assert list(one.resident) == ["b"]


class Naive:
    """What a window holds, worked out from a list of all entries."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.entries: list[list[float]] = []

    def used(self, now: float) -> float:
        return sum(amount for time, amount in self.entries if time + self.seconds > now)


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(1, 50), st.floats(0, 12), st.integers(-1, 40)), max_size=40
    )
)
def test_a_log_never_counts_less_than_all_its_entries_and_hardly_more(
    steps: list[tuple[float, int, float, int]],
) -> None:
    log, naive, now = Log("tokens", 10.0), Naive(10.0), 0.0
    for gap, amount, back, change in steps:
        now += gap
        log.used += amount
        time = max(0.0, now - back)
        granule = log.place(time, amount)
        entry = [time, amount]
        naive.entries.append(entry)
        if change >= 0:
            out = granule.time == -inf
            log.change(granule, change - amount)
            if not out:
                entry[1] = change
        log.expire(now)
        width = 10.0 / 1000
        assert naive.used(now) <= log.used <= naive.used(now - width - 1e-9)


def test_entries_that_are_kept_together_count_until_the_last_of_them_has_gone() -> None:
    log = Log("requests", 10.0)
    log.used = 2
    log.place(5.001, 1)
    log.place(5.009, 1)
    log.expire(15.005)
    assert log.used == 2
    log.expire(15.009)
    assert log.used == 0


def test_the_memory_of_a_window_is_bounded() -> None:
    log, entered = Log("requests", 1.0), 5000
    for number in range(entered):
        log.used += 1
        log.place(number / entered * 3, 1)
    assert len(log.entries()) <= 1001


def test_calls_that_were_slow_and_are_over_are_not_remembered_for_ever() -> None:
    minute = book(Window("requests", 5, 60.0))
    gc.collect()
    before = alive(Call)
    for start in range(0, 300_000, 100):
        slow = taken(minute, start)
        minute.bring_up(start + LATEST)
        slow.answered(start + LATEST + 1)
        slow.leave(start + LATEST + 1)
    assert alive(Call) - before <= 2_100, "as many as are looked back on when a limit is learnt"


def alive(kind: type) -> int:
    """How many of a kind somebody still holds."""
    return sum(type(each) is kind for each in gc.get_objects())
