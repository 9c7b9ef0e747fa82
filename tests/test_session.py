"""A session against a simulated fleet: many providers, one answer, a ledger in which nobody is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

import panvox
import panvox.compose.opening  # what the first use would load, and read from disk, inside the loop
from panvox.compose.dialects import DIALECTS
from panvox.errors import PromptError, SelectionError, StoreError
from panvox.messages import Message, Prompt, RunEnded, State, TextPart
from panvox.settings import Settings, load
from panvox.simulator import (
    FAULTS,
    SPELLINGS,
    Fleet,
    Invented,
    Recording,
    Simulator,
    VirtualModel,
    VirtualProvider,
    find_fault,
    invented,
    replayed,
    settings_for,
    simulate,
    some_faulty,
)
from tests.flows import host, served

SUM = "What is 17 + 25?"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    fleet = invented(providers=3, models=4)
    async with simulate(fleet, speed=0) as running:
        yield running


async def settings_of(fleet: Fleet, simulator: Simulator, folder: Path, *, more: str = "") -> Settings:
    """The settings that the simulator writes, with a store in `folder` and `more` lines after them."""
    file = folder / "panvox.toml"
    file.write_text(f"{settings_for(fleet, url=simulator.url)}\n[store]\npath = 'runs.db'\n{more}")
    return await asyncio.to_thread(load, explicit=file, environ={})


ONCE = "[retry]\nattempts = 1\n"
"""What a call comes to by itself, without what is made of it."""


@pytest.fixture
async def settings(simulator: Simulator, tmp_path: Path) -> Settings:
    return await settings_of(invented(providers=3, models=4), simulator, tmp_path)


async def test_every_model_of_every_provider_is_asked_and_the_provider_counts_the_same(
    settings: Settings, simulator: Simulator
) -> None:
    result = await panvox.ask(SUM, settings=settings)
    assert len(result.outcomes) == 12
    assert result.states == {"answered": 12}
    assert result.verdict.asked == 12
    assert result.verdict.groups[0].answer == "42"
    assert simulator.stats().total.requests == 12


async def test_a_run_is_kept_and_can_be_continued(settings: Settings) -> None:
    async with panvox.open(settings) as session:
        first = await session.ask(SUM)
        second = await session.ask("And 8 more?", continue_run="last")
        stored = await session.store.run(first.run)
    assert second.run == first.run
    assert [turn.prompt.question for turn in stored.turns] == [SUM, "And 8 more?"]
    assert [len(turn.outcomes) for turn in stored.turns] == [12, 12]
    assert stored.turns[0].ended is not None
    assert stored.turns[0].ended.verdict == first.verdict


async def test_a_conversation_sends_each_model_what_it_said(settings: Settings, simulator: Simulator) -> None:
    async with panvox.run(settings=settings, models=["*"]) as conversation:
        await conversation.ask(SUM)
        before = simulator.stats().total.prompt_tokens
        await conversation.ask("And 8 more?")
    assert simulator.stats().total.prompt_tokens > 2 * before


async def test_events_can_be_followed_and_left(settings: Settings) -> None:
    async with panvox.stream(SUM, settings=settings, wait="first") as turn:
        events = [event async for event in turn]
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert sum(ended.states.values()) == 12


async def test_a_selection_asks_only_those(settings: Settings) -> None:
    async with panvox.open(settings) as session:
        name = (await session.catalogue()).entries[0].name
    result = await panvox.ask(SUM, settings=settings, models=[name])
    assert [outcome.member.name for outcome in result.outcomes] == [name]


async def test_every_list_of_every_dialect_is_read_to_its_last_page(tmp_path: Path) -> None:
    made = invented(providers=len(SPELLINGS), models=45, dialects=tuple(SPELLINGS))
    fleet = replace(made, providers=tuple(replace(each, page_size=20) for each in made.providers))
    async with simulate(fleet, speed=0) as simulator:
        settings = await settings_of(fleet, simulator, tmp_path)
        async with panvox.open(settings) as session:
            entries = (await session.catalogue()).entries
    assert {entry.name for entry in entries} == set(fleet.names())


async def test_every_fault_of_every_dialect_ends_in_its_state_and_disturbs_nobody(tmp_path: Path) -> None:
    # Each at a provider of its own: what one says of its limits holds for all that it hosts.
    faulty = [
        VirtualProvider(f"{dialect}-{name}", models=(VirtualModel(name, fault=fault),), dialect=dialect)
        for dialect in DIALECTS
        for name, fault in FAULTS.items()
        if fault.fits(dialect)
    ]
    good = VirtualProvider("good", models=(VirtualModel("model"),))
    fleet = Fleet((*faulty, good), answers=Invented(seed=0))
    patience = "\n[network]\nfirst_token_timeout = 4.0\nidle_timeout = 4.0\ntotal_timeout = 12.0\n" + ONCE
    async with simulate(fleet, speed=0) as simulator:
        result = await panvox.ask(SUM, settings=await settings_of(fleet, simulator, tmp_path, more=patience))
    assert sum(result.states.values()) == fleet.size
    told = {outcome.member.name: outcome for outcome in result.outcomes}
    expected = {
        f"{provider.name}/{model.name}": State(model.fault.expects or "answered")
        for provider in faulty
        for model in provider.models
        if model.fault
    }
    assert {name: told[name].state for name in expected} == expected
    assert told["good/model"].state is State.ANSWERED
    for outcome in result.outcomes:
        if outcome.fault:
            assert outcome.fault.message
            assert outcome.fault.hint


@pytest.mark.data
@pytest.mark.parametrize("share", [0.0, 1 / 3])
async def test_228_recorded_models_end_in_228_typed_outcomes(
    recorded: Path, tmp_path: Path, share: float
) -> None:
    recording = await asyncio.to_thread(Recording.load, recorded)
    fleet = some_faulty(replayed(recording), share)
    patience = "\n[network]\nfirst_token_timeout = 5.0\nidle_timeout = 2.0\ntotal_timeout = 20.0\n" + ONCE
    async with simulate(fleet, speed=0) as simulator:
        settings = await settings_of(fleet, simulator, tmp_path, more=patience)
        question = "What are the names of some famous actors that started their careers on Broadway?"
        result = await panvox.ask(question, settings=settings)
    assert sum(result.states.values()) == len(result.outcomes) == 228
    assert all(outcome.answered or outcome.fault for outcome in result.outcomes)
    if not share:
        assert result.states == {"answered": 228}
        best = result.best
        assert best is not None
        assert best.member.model != "NullModel"


PROMISE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: keep-alive\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
SAID = b'data: {"choices":[{"delta":{"content":"42"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def test_a_local_server_may_promise_to_keep_its_connection_and_close_it(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(PROMISE + b"%x\r\n%b\r\n0\r\n\r\n" % (len(SAID), SAID))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        provider = {"id": "mine", "base_url": f"http://127.0.0.1:{port}/v1", "models": ["model"]}
        settings = Settings.model_validate({"providers": [provider], "store": {"enabled": False}})
        async with panvox.open(settings) as session:
            for _ in range(3):
                result = await session.ask(SUM)
                assert result.states == {"answered": 1}


async def test_a_key_that_a_provider_repeats_is_not_shown(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"error": {"message": "Incorrect API key provided: canary-9d1f."}}'
        head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: "
        writer.write(head + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        file = tmp_path / "panvox.toml"
        file.write_text(
            f"[store]\npath = 'runs.db'\n[[providers]]\nid = 'mine'\nkey_env = 'MINE_KEY'\n"
            f"base_url = 'http://127.0.0.1:{port}/v1'\nmodels = ['model']\n"
        )
        settings = await asyncio.to_thread(load, explicit=file, environ={"MINE_KEY": "canary-9d1f"})
        result = await panvox.ask(SUM, settings=settings)
    fault = result.outcomes[0].fault
    assert fault is not None
    assert fault.message == "Incorrect API key provided: ***."
    assert b"canary" not in (tmp_path / "runs.db").read_bytes()


# --- what cannot be done ---


@pytest.mark.parametrize("prompt", ["", " \n\t"])
async def test_an_empty_prompt_is_refused(settings: Settings, prompt: str) -> None:
    with pytest.raises(PromptError, match="empty"):
        await panvox.ask(prompt, settings=settings)


async def test_a_prompt_of_10_mb_is_refused_with_its_size_and_the_limit(settings: Settings) -> None:
    with pytest.raises(PromptError, match=r"10,000,000 bytes and the limit is 4,194,304"):
        await panvox.ask("x" * 10_000_000, settings=settings)


async def test_half_a_character_is_refused(settings: Settings) -> None:
    with pytest.raises(PromptError, match="position 3"):
        await panvox.ask("abc\ud800", settings=settings)
    broken = Prompt(messages=(Message("user", (TextPart("\udfff"),)),))
    with pytest.raises(PromptError):
        await panvox.ask(broken, settings=settings)


async def test_an_unknown_model_is_refused_with_the_nearest_names(settings: Settings) -> None:
    async with panvox.open(settings) as session:
        name = (await session.catalogue()).entries[0].name
    with pytest.raises(SelectionError, match=name.replace(".", r"\.")):
        await panvox.ask(SUM, settings=settings, models=[name + "x"])


async def test_a_run_that_is_not_there_cannot_be_continued(settings: Settings) -> None:
    async with panvox.open(settings) as session:
        with pytest.raises(StoreError, match="20200101"):
            await session.ask(SUM, continue_run="20200101-000000-ffff")


async def test_without_any_model_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    settings = Settings.model_validate({"local": {"enabled": False}, "store": {"enabled": False}})
    async with panvox.open(settings) as session:
        found = await session.catalogue()
        if found.entries:
            pytest.skip("a model server runs on this machine")
        with pytest.raises(SelectionError, match="OPENAI_API_KEY"):
            await session.ask(SUM)


async def test_a_dead_provider_is_a_problem_and_the_others_are_asked(
    simulator: Simulator, tmp_path: Path
) -> None:
    fleet = invented(providers=3, models=4)
    dead = "[[providers]]\nid = 'dead'\nbase_url = 'http://127.0.0.1:9/v1'\n"
    settings = await settings_of(fleet, simulator, tmp_path, more=dead)
    async with panvox.open(settings) as session:
        catalogue = await session.catalogue()
        result = await session.ask(SUM)
    assert [problem.provider for problem in catalogue.problems] == ["dead"]
    assert result.states == {"answered": 12}


async def test_the_store_may_be_out_of_order_and_the_answer_still_comes(
    simulator: Simulator, tmp_path: Path
) -> None:
    fleet = invented(providers=3, models=4)
    settings = await settings_of(fleet, simulator, tmp_path)
    below_a_file = settings.store.model_copy(update={"path": tmp_path / "panvox.toml" / "runs.db"})
    async with panvox.open(settings.model_copy(update={"store": below_a_file})) as session:
        result = await session.ask(SUM)
        assert session.store.problem
    assert result.states == {"answered": 12}


def test_the_public_names_are_there_and_are_all() -> None:
    assert all(getattr(panvox, name) for name in panvox.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = panvox.nothing


async def test_who_asks_at_once_waits_for_one_catalogue_and_all_get_the_same(tmp_path: Path) -> None:
    async with served(tmp_path, Fleet((host("oak"),))) as (session, _):
        async with asyncio.TaskGroup() as tasks:
            made = [tasks.create_task(session.assembled()) for _ in range(3)]
        first, *others = (task.result() for task in made)
    assert all(other is first for other in others)


async def test_deadlines_that_change_hold_for_what_is_asked_next(tmp_path: Path) -> None:
    mute = replace(host("oak"), models=(VirtualModel("m", fault=find_fault("hang-before-head")),))
    more = "[retry]\nattempts = 1\n[network]\nfirst_token_timeout = 600\n"
    async with served(tmp_path, Fleet((mute,)), more=more) as (session, _):
        network = session.settings.network.model_copy(update={"first_token_timeout": 0.2})
        session.reload(session.settings.model_copy(update={"network": network}))
        (outcome,) = (await session.ask(SUM, deadline=30)).outcomes
    assert outcome.fault is not None
    assert "run's deadline" not in outcome.fault.message


async def test_the_model_on_this_machine_stays_what_it_is_when_settings_change(tmp_path: Path) -> None:
    async with served(tmp_path, Fleet((host("oak"),))) as (session, _):
        before = session.settings.local
        other = before.model_copy(update={"weights": tmp_path / "other.gguf", "context": 1024})
        session.reload(session.settings.model_copy(update={"local": other}))
        assert session.settings.local == before
