"""Money and answers kept by a whole session: what is set aside, what is spent, what costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import panvox
from panvox.compose.conversation import Result
from panvox.compose.session import Session
from panvox.messages import Note
from panvox.simulator import Fleet, Latency, VirtualProvider, find_fault, simulate, with_outages
from panvox.store import SqlJournal
from tests.fleets import idle
from tests.flows import SUM, all_given_back, ask_all, host, served, session_of, settings_of, sums, until
from tests.test_failures_in_session import by_name, named, requests

NOVA = "nova-1-large"
PAID = "free = false"


def costs(**dollars: float) -> str:
    """Settings in which each call of a provider costs so much, and nothing by its tokens."""
    rows = (
        f"[models.'{name}/*']\nprice_in = 0\nprice_out = 0\nprice_request = {price}\nfree = false\n"
        for name, price in dollars.items()
    )
    return "".join(rows)


def paid(*providers: VirtualProvider) -> dict[str, str]:
    return {name: f"{row}\n{PAID}" for name, row in named(*providers).items()}


async def spent(session: Session) -> Decimal:
    """USD that count as spent or set aside today."""
    assert isinstance(session.store, SqlJournal)
    return (await session.store.money.sums(f"{datetime.now(UTC):%Y-%m-%d}")).day


async def held(session: Session) -> Decimal:
    """USD that are set aside for calls under way."""
    assert isinstance(session.store, SqlJournal)
    found = await session.store.money.costs("model", since="2000-01-01", now=datetime.now(UTC).timestamp())
    return sum((each.held for each in found), Decimal(0))


def reasons(result: Result) -> Mapping[str, str]:
    return {outcome.member.name: outcome.reason for outcome in result.outcomes if outcome.state == "skipped"}


# --- what may be spent ---


async def test_money_goes_to_the_cheapest_first_and_the_others_are_booked_with_the_reason(
    tmp_path: Path,
) -> None:
    oak, elm, ash = host("oak", "a", "b"), host("elm", "c"), host("ash", "d")
    fleet = Fleet((oak, elm, ash))
    more = f"[budget]\nrun = 5\n{costs(oak=2, elm=1)}"
    async with simulate(fleet) as simulator:
        async with session_of(tmp_path, fleet, simulator, rows=paid(oak, elm), more=more) as session:
            result = await session.ask(SUM)
            assert await spent(session) == 5
            assert await held(session) == 0
        async with session_of(
            tmp_path, fleet, simulator, rows=paid(oak, elm), more=more.replace("run = 5", "run = 4")
        ) as session:
            poorer = await session.ask("What is 1 + 1?")
    assert result.states == {"answered": 4}
    assert poorer.states == {"answered": 3, "skipped": 1}
    ((name, reason),) = reasons(poorer).items()
    assert name.startswith("oak/")
    assert reason.startswith("budget: $1.00 of $4.00 is left on one prompt and this model may cost $2.00")
    assert simulator.stats().total.requests == 7


async def test_a_budget_of_nothing_asks_free_models_alone(tmp_path: Path) -> None:
    oak, ash = host("oak", "a", "b"), host("ash", "d")
    fleet = Fleet((oak, ash))
    more = f"[budget]\nrun = 0\n{costs(oak=2)}"
    async with served(tmp_path, fleet, rows=paid(oak), more=more) as (session, simulator):
        result = await session.ask(SUM)
        assert await spent(session) == 0
    assert result.states == {"answered": 1, "skipped": 2}
    assert all(reason.startswith("budget: nothing may be spent") for reason in reasons(result).values())
    assert requests(simulator) == {"oak": 0, "ash": 1}


async def test_many_runs_at_once_never_spend_more_than_a_day_allows(tmp_path: Path) -> None:
    oak = host("oak")
    fleet = Fleet((oak,))
    more = f"[budget]\nday = 10\n[cache]\nenabled = false\n{costs(oak=3)}"
    async with served(tmp_path, fleet, rows=paid(oak), more=more) as (session, simulator):
        results = await ask_all(session, [f"What is {n} + 1?" for n in range(12)])
        assert await spent(session) == 9
    assert sum(result.states.get("answered", 0) for result in results) == 3
    assert simulator.stats().total.requests == 3


async def test_where_the_free_models_agree_nobody_is_paid(tmp_path: Path) -> None:
    oak, ash, elm = host("oak"), host("ash"), host("elm", "other")
    fleet = Fleet((oak, ash, elm))
    more = f"[budget]\nfree_first = true\n{costs(oak=2)}"
    async with served(tmp_path, fleet, rows=paid(oak), more=more) as (session, simulator):
        result = await session.ask(SUM)
        assert await spent(session) == 0
    assert reasons(result) == {"oak/m": "budget: the free models agree"}
    assert requests(simulator) == {"oak": 0, "ash": 1, "elm": 1}


async def test_a_price_that_nobody_tells_is_set_aside_by_the_ceiling_and_that_is_told(tmp_path: Path) -> None:
    oak = host("oak")
    fleet = Fleet((oak,))
    more = "[budget]\nrun = 1\nunknown_price = 1000000\n"
    async with (
        served(tmp_path, fleet, rows=paid(oak), more=more) as (session, simulator),
        session.stream(SUM) as turn,
    ):
        notes = [event.text async for event in turn if isinstance(event, Note)]
    assert turn.ended is not None
    assert turn.ended.states == {"skipped": 1}
    assert [note for note in notes if note.startswith("nobody tells what oak/m may cost")] == notes
    assert simulator.stats().total.requests == 0


@pytest.mark.parametrize("amount", ["1", "0"])
async def test_what_is_said_of_money_is_what_comes_about(tmp_path: Path, amount: str) -> None:
    oak = host("oak")
    more = f"[budget]\nrun = {amount}\nproviders = {{ oka = 1, oak = 1, openai = 2 }}\n"
    async with (
        served(tmp_path, Fleet((oak,)), rows=paid(oak), more=more) as (session, _),
        session.stream(SUM) as turn,
    ):
        notes = [event.text async for event in turn if isinstance(event, Note)]
    misspelt = "budget.providers limits oka, and no provider is called so: there are oak"
    assert notes[0] == misspelt, "OpenAI is known, and may just have no key today"
    assert [note.partition(" tells")[0] for note in notes[1:]] == (["nobody"] if amount == "1" else [])


# --- what stand-ins cost ---


async def test_a_stand_in_costs_what_it_costs_and_that_is_counted_for_the_member(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    more = costs(oak=1, elm=2.5)
    async with served(tmp_path, fleet, rows=paid(oak, elm), more=more) as (session, _):
        async with session.stream(SUM, models=["oak/*"]) as turn:
            notes = [event.text async for event in turn if isinstance(event, Note)]
        assert await spent(session) == Decimal("2.5")
        assert await held(session) == 0
    (outcome,) = turn.outcomes
    assert outcome.speaker.name == f"elm/{NOVA}"
    assert outcome.cost == Decimal("2.5")
    assert any("about 2.50 times as much ($2.5000)" in note for note in notes)


async def test_a_stand_in_that_the_money_does_not_reach_is_not_asked(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    more = f"[retry]\nattempts = 1\n[budget]\nrun = 2.5\n{costs(oak=1, elm=2)}"
    async with served(tmp_path, fleet, rows=paid(oak, elm), more=more) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"])
        assert await spent(session) == 0
    (outcome,) = result.outcomes
    assert outcome.state == "overloaded"
    assert outcome.fault is not None
    assert f"elm/{NOVA} (out_of_money)" in outcome.fault.message
    assert requests(simulator) == {"oak": 1, "elm": 0}


async def test_the_limit_of_a_provider_holds_for_those_who_stand_in_from_there(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    more = f"[retry]\nattempts = 1\n[budget.providers]\nelm = 3\n{costs(oak=1, elm=2)}"
    async with served(tmp_path, fleet, rows=paid(oak, elm), more=more) as (session, simulator):
        results = [await session.ask(text, models=["oak/*"]) for text in sums(2)]
        assert isinstance(session.store, SqlJournal)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        assert (await session.store.money.sums(today)).providers == {"oak": 0, "elm": 2}
    assert [result.states for result in results] == [{"answered": 1}, {"overloaded": 1}]
    fault = results[1].outcomes[0].fault
    assert fault is not None
    assert f"elm/{NOVA} (out_of_money)" in fault.message
    assert requests(simulator) == {"oak": 2, "elm": 1}


async def test_a_stand_in_that_is_asked_again_is_paid_for_once(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999", "elm:0-9999"])
    more = f"[retry]\nattempts = 2\nbase = 0.05\n[budget]\nrun = 3\n{costs(oak=1, elm=2)}"
    async with served(tmp_path, fleet, rows=paid(oak, elm), more=more) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"])
        assert await spent(session) == 0
    (outcome,) = result.outcomes
    assert outcome.fault is not None
    assert f"elm/{NOVA} (overloaded)" in outcome.fault.message
    assert requests(simulator) == {"oak": 2, "elm": 2}


async def test_a_stand_in_of_more_than_three_times_the_cost_is_refused(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    more = f"[retry]\nattempts = 1\n{costs(oak=1, elm=3.5)}"
    async with served(tmp_path, fleet, rows=paid(oak, elm), more=more) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"])
    fault = result.outcomes[0].fault
    assert fault is not None
    assert "it would cost 3.50 times as much" in fault.message
    assert requests(simulator) == {"oak": 1, "elm": 0}


async def test_a_free_model_is_never_stood_in_for_by_one_that_costs_money(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    rows = named(oak) | paid(elm)
    more = f"[retry]\nattempts = 1\n{costs(elm=1)}"
    async with served(tmp_path, fleet, rows=rows, more=more) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"])
        assert await spent(session) == 0
    assert result.states == {"overloaded": 1}
    assert requests(simulator) == {"oak": 1, "elm": 0}


# --- leaving ---


async def test_leaving_in_the_middle_settles_what_went_out_and_gives_back_what_did_not(
    tmp_path: Path,
) -> None:
    slow = Latency(first_token=60, spread=0, slow_share=0)
    oak = host("oak", "a", "b", "c")
    oak = replace(oak, models=tuple(replace(each, latency=slow) for each in oak.models))
    fleet = Fleet((oak,))
    rows = {"oak": f"{paid(oak)['oak']}\nlimits = {{slots = 1}}"}
    async with simulate(fleet) as simulator:
        async with session_of(tmp_path, fleet, simulator, rows=rows, more=costs(oak=2)) as session:
            async with session.stream(SUM) as turn:
                await until(lambda: simulator.stats().total.in_flight == 1)
                assert await held(session) == 6
                turn.stop("interrupted")
                await turn.wait_ended()
            assert await held(session) == 0
            assert await spent(session) == 2  # the provider may charge for the one that it was at
            await all_given_back(session)
        await idle(simulator)
    assert turn.ended is not None
    assert turn.ended.states == {"interrupted": 3}
    assert simulator.stats().total.requests == 1


async def test_an_ask_that_is_cancelled_leaves_no_money_set_aside(tmp_path: Path) -> None:
    slow = Latency(first_token=60, spread=0, slow_share=0)
    oak = host("oak", "a")
    fleet = Fleet((replace(oak, models=(replace(oak.models[0], latency=slow),)),))
    async with simulate(fleet) as simulator:
        async with session_of(tmp_path, fleet, simulator, rows=paid(oak), more=costs(oak=2)) as session:
            async with asyncio.TaskGroup() as tasks:
                asked = tasks.create_task(session.ask(SUM))
                await until(lambda: simulator.stats().total.in_flight == 1)
                asked.cancel()
            assert await held(session) == 0
            assert await spent(session) == 2
            await all_given_back(session)
        await idle(simulator)


# --- what was answered before ---


async def test_a_second_ask_is_answered_without_a_call_and_costs_nothing(tmp_path: Path) -> None:
    oak, elm = host("oak"), host("elm")
    fleet = Fleet((oak, elm))
    async with simulate(fleet) as simulator:
        settings = await settings_of(
            tmp_path, fleet, simulator, rows=paid(oak, elm), more=costs(oak=1, elm=1)
        )
        async with panvox.open(settings) as session:
            first = await session.ask(SUM)
        async with panvox.open(settings) as session:
            second = await session.ask(SUM)
            assert await spent(session) == 2
            assert simulator.stats().total.requests == 2
            third = await session.ask(SUM, fresh=True)
            assert await spent(session) == 4
    assert first.text == second.text
    assert [outcome.cached for outcome in second.outcomes] == [True, True]
    assert [outcome.cost for outcome in second.outcomes] == [0, 0]
    assert [outcome.cached for outcome in third.outcomes] == [False, False]
    assert simulator.stats().total.requests == 4


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    fleet = Fleet((host("oak"),)).with_faults({"oak/m": find_fault("bad-request")})
    async with served(tmp_path, fleet) as (session, simulator):
        results = [await session.ask(SUM) for _ in range(2)]
    assert [result.states for result in results] == [{"invalid_request": 1}] * 2
    assert simulator.stats().total.requests == 2


async def test_two_runs_at_once_share_one_call_and_one_of_them_pays(tmp_path: Path) -> None:
    oak = host("oak", "a", "b")
    fleet = Fleet((oak,))
    async with served(tmp_path, fleet, rows=paid(oak), more=costs(oak=1)) as (session, simulator):
        await session.catalogue()
        results = await ask_all(session, [SUM, SUM])
        assert await spent(session) == 2
        assert await held(session) == 0
    assert [result.states for result in results] == [{"answered": 2}] * 2
    assert results[0].text == results[1].text
    assert simulator.stats().total.requests == 2


async def test_what_a_stand_in_said_is_not_kept_for_the_member_it_stood_in_for(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = with_outages(Fleet((oak, elm)), ["oak:0-9999"])
    async with served(tmp_path, fleet, rows=named(oak, elm)) as (session, simulator):
        results = [await session.ask(SUM, models=["oak/*"]) for _ in range(2)]
    assert [by_name(result)[f"oak/{NOVA}"].speaker.name for result in results] == [f"elm/{NOVA}"] * 2
    assert requests(simulator) == {"oak": 2, "elm": 1}  # oak is asked anew, and elm is remembered


@pytest.mark.parametrize("section", ["enabled = false", "max_age = 0.001"])
async def test_answers_are_not_given_again_where_that_is_not_wanted(tmp_path: Path, section: str) -> None:
    fleet = Fleet((host("oak"),))
    more = f"[cache]\n{section}\n"
    async with served(tmp_path, fleet, more=more) as (session, simulator):
        for _ in range(2):
            await session.ask(SUM)
    assert simulator.stats().total.requests == 2
