"""Failures outlived by a whole session: who stands in, who is left alone, and what the ledger says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from panvox.compose import panels
from panvox.compose.conversation import Result
from panvox.compose.session import Session
from panvox.errors import SelectionError
from panvox.messages import Note, Outcome
from panvox.policies.chains import Candidate, Chain, chain_for
from panvox.simulator import Fleet, Simulator, VirtualProvider, find_fault, simulate, with_outages
from tests.flows import PLAIN, SUM, host, served, session_of, until

NOVA = "nova-1-large"
ONCE = "[retry]\nattempts = 1\n"


def named(*providers: VirtualProvider) -> dict[str, str]:
    """Rows that name the models: a provider that is out has no list."""
    return {
        each.name: f"models = [{', '.join(repr(model.name) for model in each.models)}]" for each in providers
    }


def fleet_of(*providers: VirtualProvider, out: Sequence[str] = ()) -> Fleet:
    return with_outages(Fleet(providers), (f"{name}:0-9999" for name in out))


def requests(simulator: Simulator) -> dict[str, int]:
    return {name: tally.requests for name, tally in simulator.stats().providers.items()}


def by_name(result: Result) -> dict[str, Outcome]:
    return {outcome.member.name: outcome for outcome in result.outcomes}


# --- others stand in ---


@pytest.mark.parametrize("how", ["", ":gone"])
async def test_a_member_whose_provider_is_out_is_answered_by_the_same_weights_elsewhere(
    tmp_path: Path, how: str
) -> None:
    oak, elm, ash = host("oak", NOVA), host("elm", NOVA), host("ash", "opal-1-pro")
    fleet = with_outages(Fleet((oak, elm, ash)), [f"oak:0-9999{how}"])
    async with served(tmp_path, fleet, rows=named(oak, elm, ash)) as (session, _):
        async with session.stream(SUM, models=["oak/*", "ash/*"]) as turn:
            notes = [event.text async for event in turn if isinstance(event, Note)]
        stored = await session.store.run(turn.run)
    assert turn.ended is not None
    assert turn.ended.states == {"answered": 2}
    outcome = turn.outcomes[0]
    assert outcome.member.name == f"oak/{NOVA}"
    assert outcome.stand_in is not None
    assert outcome.stand_in.name == f"elm/{NOVA}"
    assert [each.model for each in outcome.attempts] == ["", f"elm/{NOVA}"]
    assert [each.state for each in outcome.attempts][1:] == ["answered"]
    assert stored.turns[0].outcomes[0].stand_in == outcome.stand_in
    assert [note for note in notes if note.startswith(f"elm/{NOVA} stands in for oak/{NOVA}")] == notes
    assert (turn.ended.verdict.asked, turn.ended.verdict.answered) == (2, 2)


async def test_who_stands_in_is_told_to_the_turn_in_which_that_happens_and_to_no_other(
    tmp_path: Path,
) -> None:
    oak, elm, ash = host("oak", NOVA), host("elm", NOVA), host("ash", "opal-1-pro")
    fleet = fleet_of(oak, elm, ash, out=["oak"])
    async with (
        served(tmp_path, fleet, rows=named(oak, elm, ash)) as (session, _),
        session.stream(SUM, models=["ash/*"]) as calm,
    ):
        async with session.stream(SUM, models=["oak/*"]) as turn:
            told = [event.text async for event in turn if isinstance(event, Note)]
        assert [event.text async for event in calm if isinstance(event, Note)] == []
    assert [note for note in told if note.startswith(f"elm/{NOVA} stands in for oak/{NOVA}")] == told != []


async def test_who_stands_in_is_looked_for_once_however_often_a_panel_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Candidate | None] = []

    def counted(asked: Candidate | None, candidates: Sequence[Candidate], **options: Any) -> Chain:
        looked.append(asked)
        return chain_for(asked, candidates, **options)

    monkeypatch.setattr(panels, "chain_for", counted)
    oak, elm, ash = host("oak", NOVA), host("elm", NOVA), host("ash", "opal-1-pro")
    async with served(tmp_path, fleet_of(oak, elm, ash), rows=named(oak, elm, ash)) as (session, _):
        for _ in range(3):
            await session.ask(SUM, models=["oak/*", "ash/*"])
        assert len(looked) == 2
        await session.ask(SUM, models=["elm/*", "ash/*"])
        assert len(looked) == 4


async def test_weights_that_vote_already_have_one_vote_whoever_answers_for_them(tmp_path: Path) -> None:
    oak, elm, fir = host("oak", NOVA), host("elm", NOVA), host("fir", NOVA)
    ash = host("ash", "opal-1-pro")
    fleet = fleet_of(oak, elm, fir, ash, out=["oak"])
    async with served(tmp_path, fleet, rows=named(oak, elm, fir, ash)) as (session, _):
        result = await session.ask(SUM, models=["oak/*", "elm/*", "ash/*"])
    assert result.states == {"answered": 3}
    assert by_name(result)[f"oak/{NOVA}"].speaker.name == f"fir/{NOVA}"  # elm votes for itself
    assert result.verdict.lineages == 2
    assert sum(group.votes for group in result.verdict.groups) == pytest.approx(2)


@pytest.mark.parametrize("how", ["asking", "settings"])
async def test_without_fallback_the_failure_is_that_of_the_member(tmp_path: Path, how: str) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = fleet_of(oak, elm, out=["oak"])
    more = ONCE + ("[fallback]\nenabled = false\n" if how == "settings" else "")
    async with served(tmp_path, fleet, rows=named(oak, elm), more=more) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"], fallback=how == "settings")
    assert result.states == {"overloaded": 1}
    assert requests(simulator) == {"oak": 1, "elm": 0}


async def test_a_chain_of_the_settings_is_gone_down_in_its_order(tmp_path: Path) -> None:
    oak, elm, ash = host("oak", "a"), host("elm", "b"), host("ash", "c")
    fleet = fleet_of(oak, elm, ash, out=["oak", "elm"])
    more = "[fallback.chains]\nmine = [{model = 'oak/*'}, {model = 'elm/*'}, {model = 'ash/*'}]\n"
    async with served(tmp_path, fleet, rows=named(oak, elm, ash), more=more) as (session, simulator):
        result = await session.ask(SUM, chain="mine")
        with pytest.raises(SelectionError, match="did you mean mine"):
            await session.ask(SUM, chain="mime")
    (outcome,) = result.outcomes
    assert outcome.answered
    assert [each.model for each in outcome.attempts] == ["", "elm/b", "ash/c"]
    assert requests(simulator) == {"oak": 1, "elm": 1, "ash": 1}


async def test_the_shipped_chain_goes_on_without_what_is_not_on_offer(tmp_path: Path) -> None:
    oak, elm = host("oak", "moonshotai/kimi-k2-0905"), host("elm", "glm-4.7")
    fleet = fleet_of(oak, elm, out=["oak"])
    async with (
        served(tmp_path, fleet, rows=named(oak, elm)) as (session, _),
        session.stream(SUM, chain="default") as turn,
    ):
        notes = [event.text async for event in turn if isinstance(event, Note)]
    (outcome,) = turn.outcomes
    assert outcome.speaker.name == "elm/glm-4.7"
    assert any("*llama*3*70b*" in note for note in notes)


@pytest.mark.parametrize(
    ("models", "fallback", "speaker", "asked"),
    [
        ([], True, "elm/nova-1-large", {"oak": 1, "elm": 1, "ash": 0}),
        (["ash/*"], True, "ash/opal-1-pro", {"oak": 1, "elm": 0, "ash": 1}),
        (["ash/*, elm/*"], True, "ash/opal-1-pro", {"oak": 1, "elm": 0, "ash": 1}),
        ([], False, "", {"oak": 1, "elm": 0, "ash": 0}),
    ],
)
async def test_a_preferred_model_is_asked_alone_and_others_only_stand_in(
    tmp_path: Path, models: list[str], fallback: bool, speaker: str, asked: dict[str, int]
) -> None:
    oak, elm, ash = host("oak", NOVA), host("elm", NOVA), host("ash", "opal-1-pro")
    fleet = fleet_of(oak, elm, ash, out=["oak"])
    async with served(tmp_path, fleet, rows=named(oak, elm, ash), more=ONCE) as (session, simulator):
        result = await session.ask(SUM, preferred=f"oak/{NOVA}", models=models, fallback=fallback)
    (outcome,) = result.outcomes
    assert outcome.member.name == f"oak/{NOVA}"
    assert (outcome.speaker.name if outcome.answered else "") == speaker
    assert requests(simulator) == asked


async def test_models_that_are_named_stand_in_for_the_preferred_one_in_the_order_of_their_names(
    tmp_path: Path,
) -> None:
    trees = [host(name, "a", "b") for name in ("oak", "elm", "fir", "ash")]
    fleet = fleet_of(*trees, out=["oak", "elm", "fir"])
    patterns = ["fir/*,!fir/b", "elm/*", "ash/b", "*/a"]
    async with served(tmp_path, fleet, rows=named(*trees), more=ONCE) as (session, _):
        result = await session.ask(SUM, preferred="oak/a", models=patterns)
    (outcome,) = result.outcomes
    assert [each.model for each in outcome.attempts] == ["", "fir/a", "elm/a", "elm/b", "ash/b"]


async def test_a_refusal_is_stood_in_for_without_waiting_for_its_end(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    limited = replace(oak, models=(replace(oak.models[0], fault=find_fault("rate-limited")),))
    fleet = Fleet((limited, elm))
    async with served(tmp_path, fleet) as (session, simulator):
        result = await session.ask(SUM, models=["oak/*"], deadline=15)  # it asks for more than that
    (outcome,) = result.outcomes
    assert outcome.speaker.name == f"elm/{NOVA}"
    assert requests(simulator) == {"oak": 1, "elm": 1}


async def test_dead_providers_one_after_the_other_are_told_of_in_one_failure(tmp_path: Path) -> None:
    trees = [host(name, NOVA) for name in ("oak", "elm", "fir", "ash")]
    fleet = with_outages(Fleet(tuple(trees)), (f"{tree.name}:0-9999:gone" for tree in trees))
    async with served(tmp_path, fleet, rows=named(*trees), more=ONCE) as (session, _):
        result = await session.ask(SUM, models=["oak/*"])
    (outcome,) = result.outcomes
    assert outcome.fault is not None
    assert "3 stood in and failed as well" in outcome.fault.message


# --- who fails again and again is left alone ---


async def ask_often(session: Session, times: int) -> list[str]:
    results = [await session.ask(SUM, fallback=False) for _ in range(times)]
    return [next(iter(result.states)) for result in results]


async def test_a_model_that_fails_five_times_is_left_alone_until_it_is_back(tmp_path: Path) -> None:
    well = Fleet((host("oak", NOVA),))
    ill = well.with_faults({f"oak/{NOVA}": find_fault("overloaded")})
    more = f"{ONCE}{PLAIN}[breaker]\npause = 0.3\n"
    async with AsyncExitStack() as outage:
        simulator = await outage.enter_async_context(simulate(ill))
        async with session_of(tmp_path, ill, simulator, more=more) as session:
            assert await ask_often(session, 8) == ["overloaded"] * 5 + ["circuit_open"] * 3
            assert simulator.stats().total.requests == 5
            port = simulator.port
            await outage.aclose()
            async with simulate(well, port=port) as repaired:
                await until(lambda: repaired.stats().total.answered == 1)  # a probe, and nobody's question
                await until_answered(session)


async def test_while_a_model_is_left_alone_others_stand_in_without_asking_it(tmp_path: Path) -> None:
    oak, elm = host("oak", NOVA), host("elm", NOVA)
    fleet = Fleet((oak, elm)).with_faults({f"oak/{NOVA}": find_fault("overloaded")})
    more = f"{PLAIN}[breaker]\nfailures = 2\npause = 60\n"
    async with served(tmp_path, fleet, more=more) as (session, simulator):
        results = [await session.ask(SUM, models=["oak/*"]) for _ in range(5)]
    assert [result.states for result in results] == [{"answered": 1}] * 5
    assert requests(simulator) == {"oak": 2, "elm": 5}


async def test_a_callers_own_mistakes_leave_nobody_alone(tmp_path: Path) -> None:
    fleet = Fleet((host("oak", NOVA),)).with_faults({f"oak/{NOVA}": find_fault("bad-request")})
    more = f"{PLAIN}[breaker]\nfailures = 2\n"
    async with served(tmp_path, fleet, more=more) as (session, _):
        assert await ask_often(session, 5) == ["invalid_request"] * 5


async def until_answered(session: Session) -> None:
    """Ask until somebody answers: a probe has ended a moment before that is known."""
    async with asyncio.timeout(20):
        while await ask_often(session, 1) != ["answered"]:  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(0.01)
