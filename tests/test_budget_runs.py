"""Runs within a budget: free models first, paid ones as far as the money goes, everybody booked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.budget import Ceilings, LimitedPurse, MemoryBook
from panvox.engine import Member, Run, Turn, parse_wait
from panvox.engine.waves import FREE_FIRST
from panvox.errors import Failure, Overloaded
from panvox.messages import (
    AttemptBegan,
    AttemptEnded,
    End,
    Finish,
    Identity,
    Prompt,
    RunEnded,
    Text,
    Usage,
    UsageReport,
)
from panvox.simulator import invented
from panvox.store.money import Spending, Sums
from panvox.testing import MemoryJournal, ScriptedModel
from tests.command import panvox, served
from tests.test_run import virtual

QUESTION = Prompt.of("What is the capital of France?")
NAPS = Decimal("0.10")


def free(name: str, text: str = "Paris", *, after: float = 1.0) -> Member:
    return Member(identity(name), ScriptedModel.saying(name, text, after=after))


def paid(name: str, cost: str = "0.10", *, spent: str | None = None, after: float = 1.0) -> Member:
    told = Usage(cost=Decimal(cost if spent is None else spent))
    script = (after, Text("Paris"), UsageReport(told), End(Finish.STOP))
    return Member(identity(name), ScriptedModel(name, script), cost=lambda _: Decimal(cost))


def identity(name: str) -> Identity:
    return Identity(name=name, provider="p", model=name, lineage=f"weights of {name}")


def asked(members: Sequence[Member]) -> list[str]:
    """Who was really asked."""
    return [member.identity.name for member in members if _script(member).prompts]


def _script(member: Member) -> ScriptedModel:
    assert isinstance(member.model, ScriptedModel)
    return member.model


async def spent(book: MemoryBook, prompt: tuple[str, int]) -> Decimal:
    found: list[Decimal] = []

    def look(sums: Sums) -> Sequence[Spending]:
        found.append(sums.run)
        return ()

    await book.reserve("", prompt, look)
    return found[0]


async def ask(
    members: Sequence[Member],
    *,
    budget: str | None = None,
    free_first: bool = False,
    wait: str = "all",
    deadline: float | None = None,
    stop_after: float | None = None,
) -> tuple[Turn, Decimal]:
    """The turn when it is over, and what counts as spent on it."""
    book = MemoryBook()
    ceilings = Ceilings(run=None if budget is None else Decimal(budget))
    async with LimitedPurse.open(book, ceilings) as purse:
        run = Run(members, journal=MemoryJournal(), purse=purse, cascade=FREE_FIRST if free_first else None)
        async with run.turn(QUESTION, wait=parse_wait(wait), deadline=deadline) as turn:
            if stop_after is not None:
                await asyncio.sleep(stop_after)
                turn.stop("interrupted")
            ended = await turn.wait_ended()
        counted = await spent(book, (run.id, 0))
    assert sum(ended.states.values()) == len(members)
    return turn, counted


def reasons(turn: Turn) -> dict[str, str]:
    return {o.member.name: o.reason for o in turn.outcomes if o.state == "skipped"}


@pytest.mark.looptime
async def test_members_that_the_money_does_not_reach_are_never_asked_and_booked_with_the_reason() -> None:
    members = [paid("dear", "0.30"), paid("cheap"), free("free"), paid("middle", "0.20")]
    turn, counted = await ask(members, budget="0.45")
    assert asked(members) == ["cheap", "free", "middle"]
    assert reasons(turn) == {
        "dear": "budget: $0.15 of $0.45 is left on one prompt and this model may cost $0.30; budget.run sets "
        "the limit"
    }
    assert [outcome.duration for outcome in turn.outcomes] == [0, 1, 1, 1]
    assert counted == Decimal("0.30")


@pytest.mark.looptime
async def test_a_budget_of_nothing_asks_free_models_only_and_says_so() -> None:
    members = [paid("paid"), free("free")]
    turn, counted = await ask(members, budget="0")
    assert asked(members) == ["free"]
    assert "budget: nothing may be spent on one prompt" in reasons(turn)["paid"]
    assert "only free models are asked" in reasons(turn)["paid"]
    assert counted == 0


@pytest.mark.looptime
async def test_what_a_call_cost_replaces_what_was_expected() -> None:
    _, counted = await ask([paid("a", spent="0.02"), paid("b", spent="0.15")])
    assert counted == Decimal("0.17")


@pytest.mark.looptime
async def test_who_is_stopped_on_the_way_counts_as_expected_and_who_was_refused_as_nothing() -> None:
    refused = ScriptedModel("refused", (1.0, Overloaded("busy")))
    members = [paid("slow", after=60), paid("quick", spent="0.03"), paid("other", after=60)]
    members.append(Member(identity("refused"), refused, cost=lambda _: NAPS))
    turn, counted = await ask(members, stop_after=2)
    assert turn.ended is not None
    assert turn.ended.states == {"interrupted": 2, "answered": 1, "overloaded": 1}
    assert counted == Decimal("0.23")


@pytest.mark.looptime
async def test_retries_count_all_together() -> None:
    member = identity("m")
    began = AttemptBegan(member)
    failed = AttemptEnded(Overloaded("busy").fault, cost=Decimal("0.01"))
    script = (began, failed, began, Text("Paris"), AttemptEnded(cost=Decimal("0.02")), End(Finish.STOP))
    _, counted = await ask([Member(member, ScriptedModel("m", script), cost=lambda _: NAPS)])
    assert counted == Decimal("0.03")


@pytest.mark.looptime
async def test_free_models_start_before_money_is_set_aside() -> None:
    class Slow(MemoryBook):
        async def reserve(self, *arguments: object) -> None:
            await asyncio.sleep(3)
            await super().reserve(*arguments)  # type: ignore[arg-type]

    members = [paid("paid"), free("free")]
    async with (
        LimitedPurse.open(Slow(), Ceilings()) as purse,
        Run(members, journal=MemoryJournal(), purse=purse).turn(QUESTION) as turn,
    ):
        await turn.wait_ended()
    by_name = {outcome.member.name: outcome for outcome in turn.outcomes}
    assert (by_name["free"].started, by_name["paid"].started) == (0, 3)


# --- free first ---


@pytest.mark.looptime
async def test_where_the_free_models_agree_nobody_is_paid() -> None:
    members = [paid("paid"), free("a"), free("b", after=5), free("c", "Lyon")]
    turn, counted = await ask(members, free_first=True)
    assert asked(members) == ["a", "b", "c"]
    assert reasons(turn) == {"paid": "budget: the free models agree"}
    assert counted == 0


@pytest.mark.looptime
@pytest.mark.parametrize(
    "answers",
    [
        (),
        ("Paris",),
        ("Paris", "Lyon"),
        ("Paris", "Paris", "Lyon", "Lyon"),
        ("Paris", "Paris", "", "", ""),  # most have failed
    ],
)
async def test_where_they_do_not_agree_paid_models_are_asked_after_them(answers: tuple[str, ...]) -> None:
    failing = ScriptedModel("x", (2.0, Overloaded("busy")))
    members = [paid("paid")]
    for index, text in enumerate(answers):
        member = free(f"free-{index}", text, after=2)
        members.append(member if text else replace(member, model=failing))
    turn, counted = await ask(members, free_first=True)
    (outcome,) = [outcome for outcome in turn.outcomes if outcome.member.name == "paid"]
    assert outcome.answered
    assert outcome.started == (2 if answers else 0)
    assert counted == NAPS


@pytest.mark.looptime
async def test_a_turn_that_ends_while_the_free_models_are_at_work_pays_nobody() -> None:
    members = [paid("paid"), free("a", after=60), free("b")]
    turn, counted = await ask(members, free_first=True, deadline=3)
    assert turn.ended is not None
    assert turn.ended.states == {"answered": 1, "timed_out": 2}
    assert asked(members) == ["a", "b"]
    assert counted == 0
    turn, counted = await ask(members, free_first=True, wait="first")
    assert turn.ended is not None
    assert turn.ended.states == {"answered": 1, "cancelled": 2}
    assert counted == 0


# --- whatever happens ---

CALLS = st.tuples(
    st.sampled_from(["says", "fails", "hangs"]),
    st.decimals(0, 1, places=3),  # expected
    st.none() | st.decimals(0, 1, places=3),  # told
)


@given(st.lists(CALLS, max_size=8), st.decimals(0, 3, places=2), st.integers(0, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_happens_every_dollar_is_accounted_for(
    calls: list[tuple[str, Decimal, Decimal | None]], budget: Decimal, stop_after: int, free_first: bool
) -> None:
    """Who was never asked costs nothing, the others what is known or was expected; all of it adds up."""

    def script(kind: str, told: Decimal | None) -> tuple[UsageReport | Text | End | Failure | float, ...]:
        report = () if told is None else (UsageReport(Usage(cost=told)),)
        last = {"says": (Text("x"), End(Finish.STOP)), "fails": (Overloaded("busy"),), "hangs": (60.0,)}
        return (*report, 1.5, *last[kind])

    members = [
        Member(identity(f"m{i}"), ScriptedModel(f"m{i}", script(kind, told)), cost=lambda _, c=cost: c)  # type: ignore[misc]
        for i, (kind, cost, told) in enumerate(calls)
    ]

    async def check() -> RunEnded:
        turn, counted = await ask(
            [*members, free("free")], budget=str(budget), free_first=free_first, stop_after=stop_after
        )
        total = Decimal(0)
        set_aside = Decimal(0)
        for member, outcome, (kind, cost, told) in zip(members, turn.outcomes, calls, strict=False):
            if outcome.state == "skipped" or not _script(member).prompts:
                continue
            set_aside += cost
            failed = kind == "fails" and outcome.fault is not None
            total += told if told is not None else Decimal(0) if failed else cost
        assert set_aside <= budget
        assert counted == total
        assert turn.ended
        return turn.ended

    virtual(check)


# --- the command ---


def priced(folder: Path, lines: str) -> None:
    """Settings in which the models of the fleet cost money."""
    file = folder / "panvox.toml"
    file.write_text(file.read_text().replace("free = true", "free = false") + lines)


TWO_DOLLARS_A_CALL = """
[models."*"]
price_in = 0
price_out = 0
price_request = 2
free = false
"""


def states(done: str) -> dict[str, int]:
    return dict(json.loads(done.splitlines()[-1])["states"])


def test_the_command_spends_what_it_is_told_and_no_more_in_a_day(tmp_path: Path) -> None:
    with served(invented(providers=1, models=4), tmp_path):
        priced(tmp_path, TWO_DOLLARS_A_CALL)
        first = panvox("ask", "What is 2 + 2?", "--budget", "$4.50", "--tag", "tests", "--json", cwd=tmp_path)
        assert states(first.stdout) == {"answered": 2, "skipped": 2}, first.stderr
        for_free = panvox("ask", "What is 2 + 2?", "--budget", "0", cwd=tmp_path)
        assert for_free.returncode == 1
        assert "4 skipped" in for_free.stderr
        assert "nothing may be spent on one prompt (budget.run is 0)" in for_free.stderr
        second = panvox("ask", "What is 2 + 2?", "--json", cwd=tmp_path)
        assert states(second.stdout) == {"answered": 3, "skipped": 1}, second.stderr
        third = panvox("ask", "What is 2 + 2?", cwd=tmp_path)
        assert "$0.00 of $10.00 is left today" in third.stderr


def test_a_price_that_nobody_tells_is_set_aside_by_the_ceiling_and_told(tmp_path: Path) -> None:
    with served(invented(providers=1, models=5), tmp_path):
        priced(tmp_path, "\n[budget]\nunknown_price = 1000\n")
        done = panvox("ask", "What is 2 + 2?", "--budget", "2.50", "--max-tokens", "1000", cwd=tmp_path)
    assert "2 answered" in done.stderr
    assert (
        "and 2 more may cost: $1,000.00 per million tokens is set aside (budget.unknown_price)" in done.stderr
    )


def test_without_a_store_the_limits_hold_for_the_session_and_that_is_told(tmp_path: Path) -> None:
    with served(invented(providers=1, models=4), tmp_path):
        priced(tmp_path, TWO_DOLLARS_A_CALL)
        done = panvox("ask", "What is 2 + 2?", "--budget", "6", "--no-store", cwd=tmp_path)
    assert "3 answered" in done.stderr
    assert "1 skipped" in done.stderr
    assert "counted in this session only" in done.stderr


@pytest.mark.parametrize("amount", ["-1", "much", "nan", "inf", "0,50", ""])
def test_a_budget_that_is_no_amount_of_money_is_wrong_usage(amount: str, tmp_path: Path) -> None:
    done = panvox("ask", "x", f"--budget={amount}", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        f"--budget {amount!r} is not a number of US dollars from 0 to 1,000,000, such as 0.50" in done.stderr
    )


def test_a_tag_that_no_setting_could_name_is_wrong_usage(tmp_path: Path) -> None:
    done = panvox("ask", "x", "--tag", "", cwd=tmp_path)
    assert done.returncode == 2, "money would be counted for no tag, and its limit would not hold"
    done = panvox("ask", "x", "--tag", "My Project", cwd=tmp_path)
    assert done.returncode == 2
    assert "--tag 'My Project' is not a name" in done.stderr
