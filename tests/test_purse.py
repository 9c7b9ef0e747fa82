"""Money is set aside before it is spent, by everybody together, and never more than there is."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panvox.budget import Book, Ceilings, LimitedPurse, MemoryBook
from panvox.budget.purse import decide
from panvox.errors import Overloaded, StoreError
from panvox.messages import Answer, Attempt, Identity, Outcome, State, Usage
from panvox.protocols import Purse, Refusal, Want
from panvox.store import SqlJournal
from panvox.store.money import LOST, Settled, Spending, Sums
from tests.test_store import keep, place, rows

__all__ = ["place"]  # a fixture

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC).timestamp()
NO_LIMIT = Ceilings()


def member(name: str, provider: str = "p") -> Identity:
    return Identity(name=name, provider=provider, model=name)


def want(name: str, amount: str, provider: str = "p") -> Want:
    return Want(member(name, provider), Decimal(amount))


def answered(name: str, cost: str | None, *, calls: int = 1, by: str = "") -> Outcome:
    failed = Attempt(started=0, duration=1, state=State.OVERLOADED)
    known = None if cost is None else Decimal(cost)
    last = Attempt(started=1, duration=1, state=State.ANSWERED, model=by, cost=known)
    return Outcome(member=member(name), state=State.ANSWERED, attempts=(*[failed] * (calls - 1), last))


async def sums(book: Book, day: str = "2026-03-14", prompt: tuple[str, int] = ("run", 0)) -> Sums:
    """What is spent or set aside, as the next who wants money sees it."""
    seen: list[Sums] = []

    def look(found: Sums) -> Sequence[Spending]:
        seen.append(found)
        return ()

    await book.reserve(day, prompt, look)
    return seen[0]


@pytest.fixture(params=["store", "memory"])
async def book(request: pytest.FixtureRequest, place: Path) -> AsyncIterator[Book]:
    """Both books keep the same promises."""
    if request.param == "memory":
        yield MemoryBook()
    else:
        async with SqlJournal.open(place) as journal:
            yield journal.money


def purse(book: Book, ceilings: Ceilings = NO_LIMIT, *, at: float = NOON, turn: int = 0) -> LimitedPurse:
    one = LimitedPurse(book, ceilings, clock=lambda: at)
    one.begin(run="run", turn=turn, tag="work")
    return one


# --- the decision ---


def test_money_goes_to_the_cheapest_first_and_the_rest_is_told_which_limit_and_what_is_left() -> None:
    wants = [want("dear", "0.30"), want("cheap", "0.10"), want("middle", "0.25")]
    refused = decide(wants, Ceilings(run=Decimal("0.50")), Sums())
    assert {name: refusal.reason for name, refusal in refused.items()} == {
        "dear": "$0.15 of $0.50 is left on one prompt and this model may cost $0.30; "
        "budget.run sets the limit"
    }


@pytest.mark.parametrize(
    ("ceilings", "spent", "said"),
    [
        (Ceilings(day=Decimal(10)), Sums(day=Decimal("9.99")), "$0.01 of $10.00 is left today"),
        (Ceilings(month=Decimal(100)), Sums(month=Decimal(101)), "$0.00 of $100.00 is left this month"),
        (
            Ceilings(providers={"p": Decimal(1)}),
            Sums(providers={"p": Decimal("0.95"), "q": Decimal(7)}),
            "$0.05 of $1.00 is left at p today and this model may cost $0.10; budget.providers.p sets",
        ),
        (
            Ceilings(tags={"work": Decimal(1)}),
            Sums(tags={"work": Decimal("0.905"), "": Decimal(7)}),
            "$0.095 of $1.00 is left for work today",
        ),
        (Ceilings(run=Decimal(0)), Sums(), "nothing may be spent on one prompt (budget.run is 0): only free"),
    ],
)
def test_every_limit_refuses_in_its_own_words(ceilings: Ceilings, spent: Sums, said: str) -> None:
    refused = decide([want("m", "0.10")], ceilings, spent, tag="work")
    assert said in refused["m"].reason
    assert decide([want("m", "0.00")], Ceilings(run=Decimal(0)), Sums()) == {}


def test_a_provider_without_money_keeps_nobody_else_from_being_asked() -> None:
    wants = [want("a", "0.10", "poor"), want("b", "0.20", "rich")]
    assert set(decide(wants, Ceilings(providers={"poor": Decimal("0.05")}), Sums())) == {"a"}


AMOUNTS = st.decimals(0, 5, places=6)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), AMOUNTS), max_size=12),
    st.none() | AMOUNTS,
    st.dictionaries(st.sampled_from("abc"), AMOUNTS),
    AMOUNTS,
)
def test_what_is_granted_fits_and_what_is_refused_would_not_have(
    wanted: list[tuple[str, Decimal]], most: Decimal | None, providers: dict[str, Decimal], spent: Decimal
) -> None:
    wants = [Want(member(str(index), name), amount) for index, (name, amount) in enumerate(wanted)]
    refused = decide(wants, Ceilings(day=most, providers=providers), Sums(day=spent))
    granted = [each for each in wants if each.member.name not in refused]

    def room(provider: str) -> Decimal:
        of_day = Decimal("inf") if most is None else most - spent - total(granted)
        own = [each for each in granted if each.member.provider == provider]
        return min(of_day, providers.get(provider, Decimal("inf")) - total(own))

    assert all(room(each.member.provider) >= 0 for each in granted)
    assert all(room(each.member.provider) < each.amount for each in wants if each.member.name in refused)


def total(wants: Sequence[Want]) -> Decimal:
    return sum((each.amount for each in wants), Decimal(0))


# --- the account ---


def test_a_limited_purse_is_a_purse() -> None:
    checked: Purse = LimitedPurse(MemoryBook(), NO_LIMIT)
    assert checked.problem is None


async def test_what_was_not_needed_is_given_back_and_what_was_needed_beyond_is_counted(book: Book) -> None:
    one = purse(book)
    assert await one.reserve([want("a", "0.10"), want("b", "0.10"), want("c", "0.10")]) == {}
    assert (await sums(book)).day == Decimal("0.30")
    await one.settle([answered("a", "0.02", calls=3), answered("b", "0.25"), answered("nobody", "9")])
    found = await sums(book)
    assert found.day == found.month == found.run == found.providers["p"] == found.tags["work"]
    assert found.day == Decimal("0.37")


async def test_who_was_refused_has_failed_or_never_went_out_spends_nothing_and_an_unknown_cost_stays(
    book: Book,
) -> None:
    one = purse(book, Ceilings(run=Decimal("0.30")))
    refused = await one.reserve([want(name, "0.10") for name in ("a", "b", "c", "d")])
    assert set(refused) == {"d"}
    refusal = Attempt(started=0, duration=1, state=State.OVERLOADED)
    failed = Outcome(
        member=member("a"), state=State.OVERLOADED, fault=Overloaded("busy").fault, attempts=(refusal,)
    )
    never = Outcome(member=member("b"), state=State.CANCELLED)
    await one.settle([failed, never, answered("c", None)])
    assert (await sums(book)).day == Decimal("0.10")


async def test_a_book_in_memory_keeps_no_more_than_sums_of_what_is_settled() -> None:
    book = MemoryBook()
    for turn in range(50):
        one = purse(book, turn=turn)
        await one.reserve([want(name, "0.10") for name in "abcd"])
        await one.settle([answered(name, "0.10") for name in "abcd"])
    assert held_by(book, Spending) == 0
    found = await sums(book)
    assert found.day == found.month == found.providers["p"] == Decimal("20.00")
    assert found.run == Decimal("0.40")


def held_by(holder: object, kind: type) -> int:
    """How many of a kind can be reached from there."""
    seen: dict[int, object] = {}
    found = [holder]
    while found:
        new = [each for each in gc.get_referents(*found) if id(each) not in seen and type(each) is not type]
        seen.update((id(each), each) for each in new)
        found = new
    return sum(type(each) is kind for each in seen.values())


async def test_a_dearer_stand_in_tops_up_or_is_refused(book: Book) -> None:
    one = purse(book, Ceilings(day=Decimal("0.50")))
    await one.reserve([want("a", "0.10")])
    assert await one.top_up(member("a"), Decimal("0.35"), member("b")) is None
    refusal = await one.top_up(member("a"), Decimal("0.10"), member("c"))
    assert isinstance(refusal, Refusal)
    assert "$0.05 of $0.50 is left today" in refusal.reason
    await one.settle([answered("a", "0.40", by="b")])
    assert (await sums(book)).day == Decimal("0.40")


async def test_a_stand_in_that_is_asked_again_tops_up_once(book: Book) -> None:
    one = purse(book, Ceilings(day=Decimal("0.50")))
    for _ in range(3):
        assert await one.top_up(member("a"), Decimal("0.30"), member("b")) is None
    assert (await sums(book)).day == Decimal("0.30")
    await one.settle([answered("a", "0.20")])  # it had only waited
    assert (await sums(book)).day == Decimal("0.20")
    one.begin(run="run", turn=1)
    assert await one.top_up(member("a"), Decimal("0.31"), member("b")) is not None


async def test_what_a_stand_in_costs_counts_for_its_provider_and_is_bound_by_its_limit(book: Book) -> None:
    one = purse(book, Ceilings(providers={"p": Decimal("0.10"), "q": Decimal("0.30")}))
    assert not await one.reserve([want("a", "0.10", "p")])
    assert await one.top_up(member("a"), Decimal("0.30"), member("b", "q")) is None
    assert "at q today" in str(await one.top_up(member("a"), Decimal("0.10"), member("c", "q")))
    assert (await sums(book)).providers == {"p": Decimal("0.10"), "q": Decimal("0.30")}
    refused = Attempt(started=0, duration=1, state=State.OVERLOADED)
    gave = Attempt(started=1, duration=1, state=State.ANSWERED, model="b", cost=Decimal("0.25"))
    await one.settle([Outcome(member=member("a"), state=State.ANSWERED, attempts=(refused, gave))])
    assert (await sums(book)).providers == {"p": Decimal(0), "q": Decimal("0.25")}


async def test_an_unknown_cost_counts_as_it_was_set_aside_for_that_model_alone(book: Book) -> None:
    one = purse(book)
    await one.reserve([want("a", "0.10", "p")])
    await one.top_up(member("a"), Decimal("0.30"), member("b", "q"))
    cut = Attempt(started=0, duration=1, state=State.TIMED_OUT)
    told = Answer(text="Paris", usage=Usage(cost=Decimal("0.25")))
    gave = Attempt(started=1, duration=1, state=State.ANSWERED, model="b")
    outcome = Outcome(member=member("a"), state=State.ANSWERED, answer=told, attempts=(cut, gave))
    await one.settle([outcome])
    assert (await sums(book)).providers == {"p": Decimal("0.10"), "q": Decimal("0.25")}


async def test_what_a_stand_in_without_money_of_its_own_costs_is_not_lost(book: Book) -> None:
    one = purse(book)
    await one.reserve([want("a", "0.10", "p")])
    await one.settle([answered("a", "0.02", by="gift")])
    assert (await sums(book)).providers == {"p": Decimal("0.02")}


async def test_limits_hold_for_each_prompt_and_for_all_runs_of_a_day_and_a_month(book: Book) -> None:
    limits = Ceilings(run=Decimal("0.10"), day=Decimal("0.25"), month=Decimal("0.45"))

    async def refused(at: float, turn: int = 0) -> Mapping[str, Refusal]:
        return await purse(book, limits, at=at, turn=turn).reserve([want("a", "0.10")])

    assert not await refused(NOON)
    assert "on one prompt" in (await refused(NOON))["a"].reason
    assert not await refused(NOON, turn=1)
    assert "today" in (await refused(NOON, turn=2))["a"].reason
    assert not await refused(NOON + 86_400, turn=2)
    assert not await refused(NOON + 2 * 86_400, turn=3)
    assert "this month" in (await refused(NOON + 3 * 86_400, turn=4))["a"].reason
    assert not await refused(NOON + 31 * 86_400, turn=4)


async def test_a_run_that_ends_leaves_what_it_did_not_settle_as_spent(book: Book) -> None:
    async with LimitedPurse.open(book, NO_LIMIT) as one:
        one.begin(run="run", turn=0)
        await one.reserve([want("a", "0.10")])
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert (await sums(book, today)).day == Decimal("0.10")
    await one.close()
    assert (await sums(book, today)).day == Decimal("0.10")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.lists(AMOUNTS, min_size=1, max_size=4)),
        st.tuples(st.just("top up"), AMOUNTS),
        st.tuples(st.just("settle"), st.none() | AMOUNTS),
        st.tuples(st.just("close"), st.none()),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_money_is_lost_or_made_and_what_is_set_aside_never_exceeds_the_limit(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    """A model of it, in a dictionary, says what must be counted after each step, in both books."""
    async with SqlJournal.open(tmp_path_factory.mktemp("money") / "panvox.db") as journal:
        for book in (MemoryBook(), journal.money):
            await _follow(book, steps)


async def _follow(book: Book, steps: list[tuple[str, object]]) -> None:
    most = Decimal(8)
    one = purse(book, Ceilings(day=most))
    held: dict[tuple[str, str], Decimal] = {}  # by member and by who gets it
    spent = Decimal(0)
    for number, (step, value) in enumerate(steps):
        before = spent + sum(held.values())
        match step, value:
            case "reserve", list():
                wants = [Want(member(f"{number}-{index}"), amount) for index, amount in enumerate(value)]
                refused = await one.reserve(wants)
                granted = [want for want in wants if want.member.name not in refused]
                held |= {(want.member.name, want.member.name): want.amount for want in granted}
                assert spent + sum(held.values()) <= max(most, before)
            case "top up", Decimal() if held:
                name = next(name for name, _ in held)
                if await one.top_up(member(name), value, member(f"{number}")) is None:
                    held[name, f"{number}"] = value
                    assert spent + sum(held.values()) <= most
            case "settle", None | Decimal() if held:
                name, by = list(held)[-1]
                amounts = {asked: held.pop((name, asked)) for who, asked in list(held) if who == name}
                await one.settle([answered(name, None if value is None else str(value), by=by)])
                spent += amounts[by] if value is None else value
            case _:  # nothing is held, or the run is over
                await one.close()
                spent += sum(held.values())
                held.clear()
        assert (await sums(book)).day == spent + sum(held.values())


# --- many at once ---

PARALLEL = 60
PRICE = Decimal("0.10")
LIMIT = Decimal("1.05")

RUNS = """
import asyncio, sys
from decimal import Decimal
from pathlib import Path
from panvox.budget import Ceilings, LimitedPurse
from panvox.engine import Member, Run
from panvox.messages import End, Finish, Identity, Prompt, Text, Usage, UsageReport
from panvox.store import SqlJournal
from panvox.testing import MemoryJournal, ScriptedModel

PRICE = Decimal("0.10")
asked = 0

async def ask(book, number):
    global asked
    script = [0.01, Text("Paris"), UsageReport(Usage(cost=PRICE)), End(Finish.STOP)]
    models = [ScriptedModel(f"p/m{index}", script) for index in range(2)]
    members = [Member(Identity(name=m.name, provider="p"), m, cost=lambda _: PRICE) for m in models]
    async with LimitedPurse.open(book, Ceilings(day=Decimal("1.05"))) as purse:
        run = Run(members, journal=MemoryJournal(), purse=purse)
        async with run.turn(Prompt.of("Where?")) as turn:
            ended = await turn.wait_ended()
    assert sum(ended.states.values()) == 2
    asked += sum(len(model.prompts) for model in models)

async def main(place, count):
    async with SqlJournal.open(Path(place)) as journal:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        async with asyncio.TaskGroup() as runs:
            for number in range(int(count)):
                runs.create_task(ask(journal.money, number))
    print(asked)

asyncio.run(main(*sys.argv[1:]))
"""


def test_sixty_runs_in_two_processes_spend_what_there_is_and_not_a_cent_more(place: Path) -> None:
    """Each run wants $0.20 for two models, all together may spend $1.05: ten calls."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", RUNS, str(place), str(PARALLEL // 2)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        asked = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(asked) == LIMIT // PRICE
    assert rows(place, "SELECT SUM(counted), COUNT(*) FROM spendings") == [(10**9, 10)]
    assert rows(place, "SELECT DISTINCT spent, state, calls, answers FROM spendings") == [
        ("0.10", "spent", 1, 1)
    ]


async def test_calls_that_cost_more_than_expected_are_at_most_those_that_were_on_their_way(
    place: Path,
) -> None:
    """Each costs twice what was set aside: the limit is passed by no more than one call."""
    async with SqlJournal.open(place) as journal:
        for turn in range(20):
            one = purse(journal.money, Ceilings(day=LIMIT), turn=turn)
            if not await one.reserve([want("a", "0.10")]):
                await one.settle([answered("a", "0.20")])
        assert LIMIT - PRICE < (await sums(journal.money)).day <= LIMIT + PRICE


# --- what goes wrong ---


async def test_a_killed_process_leaves_its_money_counted_and_after_an_hour_it_shows_as_spent(
    place: Path,
) -> None:
    async with SqlJournal.open(place) as journal:
        await purse(journal.money).reserve([want("a", "0.10")])  # and is never heard of again
        since = "2026-03-14"
        (now,) = await journal.money.costs("provider", since=since, now=NOON + 60)
        (later,) = await journal.money.costs("provider", since=since, now=NOON + LOST + 1)
        assert (now.spent, now.held) == (Decimal(0), Decimal("0.10"))
        assert (later.spent, later.held) == (Decimal("0.10"), Decimal(0))
        assert set(await purse(journal.money, Ceilings(day=PRICE)).reserve([want("b", "0.10")])) == {"b"}


async def test_a_run_that_was_forgotten_stays_counted_and_leaves_no_word_of_its_prompt(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await keep(journal, "run", question="0000-SECRET")
        one = purse(journal.money)
        await one.reserve([want("a", "0.10")])
        await one.settle([answered("a", "0.04")])
        await journal.forget("run")
        assert (await sums(journal.money)).day == Decimal("0.04")
    assert b"0000-SECRET" not in b"".join(file.read_bytes() for file in place.parent.iterdir())


class Broken(MemoryBook):
    """A book on a disk that fails."""

    async def reserve(
        self, day: str, prompt: tuple[str, int], decide: Callable[[Sums], Sequence[Spending]]
    ) -> None:
        raise StoreError("the disk is full.")

    async def settle(self, settled: Sequence[Settled]) -> None:
        raise StoreError("the disk is full.")


async def test_money_that_cannot_be_counted_is_not_spent() -> None:
    refused = await purse(Broken()).reserve([want("a", "0.10")])
    assert refused["a"].reason == "no money can be set aside: the disk is full."


async def test_what_cannot_be_settled_is_told_and_nothing_is_raised() -> None:
    book = MemoryBook()
    one = purse(book)
    await one.reserve([want("a", "0.10")])
    book.settle = Broken().settle  # type: ignore[method-assign]
    await one.settle([answered("a", "0.02")])
    assert "counts as it was estimated: the disk is full" in (one.problem or "")
    assert (await sums(book)).day == Decimal("0.10")


async def test_money_is_given_back_when_setting_it_aside_is_cancelled(place: Path) -> None:
    """Another process holds the lock; whoever waits for it is cancelled before the lock is free."""
    async with SqlJournal.open(place) as journal:
        one = purse(journal.money)
        entered, leave = threading.Event(), threading.Event()

        def hold(_: Sums) -> Sequence[Spending]:
            entered.set()
            assert leave.wait(10)
            return ()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(journal.money.reserve("2026-03-14", ("other", 0), hold))
            await asyncio.to_thread(entered.wait, 10)
            waiting = tasks.create_task(one.reserve([want("a", "0.10")]))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()
            leave.set()
        await one.close()
        assert (await sums(journal.money)).day == 0


async def test_amounts_are_exact_below_a_billionth_and_never_rounded_down(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        one = purse(journal.money)
        for _ in range(10):
            await one.reserve([want("a", "0.1")])
            await one.settle([answered("a", "0.0000000001234")])
        assert (await sums(journal.money)).day == Decimal("0.00000001")
    assert rows(place, "SELECT DISTINCT spent FROM spendings") == [("1.234E-10",)]
