"""Limits kept by a whole session: settings in, and providers that count no violation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import panvox
from panvox.cli import app
from panvox.compose.session import Session
from panvox.limits.configured import Overrides
from panvox.messages import MemberWaiting, Note
from panvox.protocols import Scope
from panvox.simulator import Fleet, Latency, Limits, Simulator, Tells, VirtualProvider, Window, simulate
from tests.fleets import Parrot, idle
from tests.flows import (
    PLAIN,
    SUM,
    all_given_back,
    ask_all,
    attempts_of,
    host,
    served,
    session_of,
    settings_of,
    states_of,
    sums,
    until,
    write_settings,
)
from tests.valkey import Valkey, valkey

__all__ = ["valkey"]

HOUR = 3600.0
SILENT = "[limits]\nlearn = false\n"
# Windows are longer in the settings than in truth: how late a call arrives here is for the machine to say.


def limited(provider: VirtualProvider, **limits: object) -> VirtualProvider:
    """With these true limits of the account, at which refused calls count as well."""
    return replace(provider, limits=Limits(refused_count=True, **limits))  # type: ignore[arg-type]


async def all_kept(
    folder: Path, fleet: Fleet, *, rows: dict[str, str] | None = None, more: str = "", questions: int = 3
) -> Simulator:
    """Ask the whole fleet several questions at once: all are answered, and nothing was refused."""
    async with simulate(fleet) as simulator:
        async with session_of(folder, fleet, simulator, rows=rows, more=more + SILENT) as session:
            results = await ask_all(session, sums(questions))
            await all_given_back(session)
        await idle(simulator)
    assert states_of(results) == {"answered": questions * fleet.size}
    assert simulator.stats().violations == 0
    assert simulator.stats().total.requests == questions * fleet.size
    return simulator


# --- limits that are set ---


@pytest.mark.parametrize(
    ("row", "truth"),
    [
        ("limits = {requests = '4/0.4s'}", {"requests": (Window(4, 0.2),)}),
        (
            "account_limits = {requests = ['4/0.6s', '3/0.3s']}",
            {"requests": (Window(4, 0.4), Window(3, 0.15))},
        ),
        ("account_limits = {slots = 2}", {"concurrency": 2}),
        ("limits = {spacing = 0.1}", {"spacing": 0.02}),
    ],
)
async def test_limits_of_a_provider_and_its_account_are_kept(
    tmp_path: Path, row: str, truth: dict[str, object]
) -> None:
    fleet = Fleet((limited(host("oak", "a", "b", "c"), **truth), host("elm")))
    await all_kept(tmp_path, fleet, rows={"oak": row})


async def test_limits_of_models_by_glob_are_kept_beside_those_of_their_account(tmp_path: Path) -> None:
    oak = limited(host("oak", "a-mini", "b-mini", "c"), concurrency=4)
    minis = tuple(
        replace(each, limits=Limits(concurrency=1, spacing=0.03)) if each.name.endswith("mini") else each
        for each in oak.models
    )
    more = "[models.'*-MINI'.limits]\nslots = 1\nspacing = 0.1\n"
    rows = {"oak": "account_limits = {slots = 4}"}
    simulator = await all_kept(tmp_path, Fleet((replace(oak, models=minis),)), rows=rows, more=more)
    models = simulator.stats().providers["oak"].models
    assert {name: tally.peak_in_flight for name, tally in models.items() if name != "c"} == {
        "a-mini": 1,
        "b-mini": 1,
    }


async def test_limits_of_each_key_are_kept(tmp_path: Path) -> None:
    fleet = Fleet((replace(host("oak", "a", "b"), key_limits=Limits(concurrency=1)),))
    rows = {"oak": 'key_limits = {slots = 1}\nkeys = [{env = "A"}, {env = "B", account = "b"}]'}
    async with simulate(fleet) as simulator:
        keys = {"A": "sk-1", "B": "sk-2"}
        async with session_of(tmp_path, fleet, simulator, rows=rows, more=SILENT, environ=keys) as session:
            results = await ask_all(session, sums(4))
    assert states_of(results) == {"answered": 8}
    assert simulator.stats().violations == 0
    assert simulator.stats().total.peak_in_flight == 2
    assert {attempt.key for attempt in attempts_of(results)} == {"A", "B"}


async def test_a_model_with_one_slot_answers_every_question_one_after_the_other(tmp_path: Path) -> None:
    oak = host("oak", "shy", "bold")
    fleet = Fleet(
        (replace(oak, models=(replace(oak.models[0], limits=Limits(concurrency=1)), oak.models[1])),)
    )
    more = "[models.'oak/shy'.limits]\nslots = 1\n"
    simulator = await all_kept(tmp_path, fleet, more=more, questions=6)
    assert simulator.stats().providers["oak"].models["shy"].peak_in_flight == 1


async def test_what_the_command_line_says_wins_over_the_settings(tmp_path: Path) -> None:
    fleet = Fleet((limited(host("oak"), requests=(Window(2, HOUR),), concurrency=1),))
    async with simulate(fleet) as simulator:
        rows = {"oak": "limits = {requests = '100/minute', slots = 8}"}
        settings = await settings_of(tmp_path, fleet, simulator, rows=rows, more=PLAIN)
        overrides = Overrides(requests={"oak": 2}, slots={"oak": 1})
        async with panvox.open(settings, overrides=overrides) as session:
            results = await ask_all(session, sums(4), deadline=30)
    assert states_of(results) == {"answered": 2, "rate_limited": 2}
    assert simulator.stats().violations == 0
    assert simulator.stats().total.requests == 2


async def test_a_prompt_that_no_window_can_ever_take_is_too_large_and_is_not_sent(tmp_path: Path) -> None:
    fleet = Fleet((host("oak"), host("elm")), answers=Parrot())
    async with simulate(fleet) as simulator:
        rows = {"oak": "limits = {tokens = '1000/minute'}"}
        async with session_of(tmp_path, fleet, simulator, rows=rows) as session:
            result = await session.ask("word " * 5_000)
    assert result.states == {"too_large": 1, "answered": 1}
    fault = next(outcome.fault for outcome in result.outcomes if outcome.fault)
    assert (
        fault.message == "the call needs more tokens than provider oak may use within the time of its limit"
    )
    assert simulator.stats().providers["oak"].requests == 0


async def test_a_wait_that_ends_after_the_deadline_is_refused_at_once_and_not_sent(tmp_path: Path) -> None:
    fleet = Fleet((host("oak"), host("elm")))
    async with simulate(fleet) as simulator:
        rows = {"oak": "limits = {requests = '1/hour'}"}
        async with session_of(tmp_path, fleet, simulator, rows=rows, more=PLAIN) as session:
            await session.ask(SUM)
            async with session.stream(SUM, deadline=60) as turn:
                events = [event async for event in turn]
    assert turn.ended is not None
    assert turn.ended.states == {"rate_limited": 1, "answered": 1}
    assert turn.ended.stopped == ""
    assert not any(isinstance(event, MemberWaiting) for event in events)
    (fault,) = [outcome.fault for outcome in turn.outcomes if outcome.fault]
    assert fault.message.startswith("not asked: provider oak has no requests left for another 60 min")
    assert simulator.stats().providers["oak"].requests == 1


async def test_what_waits_says_for_what_and_for_how_long(tmp_path: Path) -> None:
    fleet = Fleet((host("oak", "a", "b", "c"),))
    rows = {"oak": "limits = {requests = '2/1s'}"}
    async with (
        simulate(fleet) as simulator,
        session_of(tmp_path, fleet, simulator, rows=rows) as session,
        session.stream(SUM) as turn,
    ):
        waits = [event async for event in turn if isinstance(event, MemberWaiting)]
    assert {(wait.member, wait.reason) for wait in waits} == {("oak/c", "oak requests")}
    assert all(wait.seconds is not None for wait in waits)
    assert all(outcome.answered for outcome in turn.outcomes)


async def test_eleven_models_of_one_local_server_are_used_one_at_a_time_and_grouped(tmp_path: Path) -> None:
    order: list[str] = []

    class Watched(Parrot):
        def text(self, *, model: str, accuracy: float, question: str) -> str:
            order.append(model)
            return super().text(model=model, accuracy=accuracy, question=question)

    names = tuple(f"m{number}:8b" for number in range(11))
    fleet = Fleet((host("ollama", *names, dialect="ollama"),), answers=Watched())
    async with simulate(fleet) as simulator:
        rows = {"ollama": "vendor = 'ollama'"}
        async with session_of(tmp_path, fleet, simulator, rows=rows) as session:
            results = await ask_all(session, sums(4))
            await all_given_back(session)
    assert states_of(results) == {"answered": 44}
    swaps = sum(before != after for before, after in pairwise(order))
    assert swaps == 10, order


# --- the same weights elsewhere ---


@pytest.mark.parametrize(
    ("limits", "truth", "most"),
    [
        ("requests = '2/600s'", {"requests": (Window(2, 600.0),)}, 2),
        (
            "slots = 1",
            {"concurrency": 1},
            7,
        ),  # it may come free while the others are still on their way to it
    ],
)
async def test_nobody_waits_for_a_provider_while_the_same_weights_are_free_elsewhere(
    tmp_path: Path, limits: str, truth: dict[str, object], most: int
) -> None:
    oak, elm = limited(host("oak", "nova-1-large"), **truth), host("elm", "nova-1-large")
    slow = Latency(first_token=0.5, spread=0, slow_share=0)
    fleet = Fleet((replace(oak, models=(replace(oak.models[0], latency=slow),)), elm))
    rows = {"oak": f"limits = {{{limits}}}"}
    async with served(tmp_path, fleet, rows=rows) as (session, simulator):
        await session.catalogue()
        results = await ask_all(session, sums(8), models=["oak/*"], deadline=3600)
        await all_given_back(session)
    spoke = [outcome.speaker.provider for result in results for outcome in result.outcomes]
    assert states_of(results) == {"answered": 8}
    tallies = simulator.stats().providers
    assert 1 <= spoke.count("oak") == tallies["oak"].requests <= most
    assert spoke.count("elm") == tallies["elm"].requests == 8 - spoke.count("oak")
    assert len(list(attempts_of(results))) == 8
    assert simulator.stats().violations == 0


# --- from session to session ---


@pytest.mark.parametrize("learn", [True, False])
async def test_two_sessions_one_after_the_other_keep_to_one_window(tmp_path: Path, learn: bool) -> None:
    fleet = Fleet((limited(host("oak"), requests=(Window(3, HOUR),)),))
    rows = {"oak": "limits = {requests = '3/hour'}"}
    async with simulate(fleet) as simulator:
        settings = await settings_of(tmp_path, fleet, simulator, rows=rows, more="" if learn else SILENT)
        async with panvox.open(settings) as first:
            one = await ask_all(first, sums(2))
        async with panvox.open(settings) as second:
            two = await ask_all(second, ["What is 1 + 1?", "What is 1 + 2?"], deadline=30)
    assert states_of(one) == {"answered": 2}
    assert states_of(two) == {"answered": 1, "rate_limited": 1}
    assert simulator.stats().violations == 0
    assert simulator.stats().total.requests == 3


async def test_what_one_session_learns_the_next_one_keeps_to(tmp_path: Path) -> None:
    oak = replace(host("oak"), limits=Limits(requests=(Window(4, 2.0),)), tells=Tells.WAITS)
    fleet = Fleet((oak,))
    async with simulate(fleet) as simulator:
        settings = await settings_of(tmp_path, fleet, simulator, more=PLAIN)
        async with panvox.open(settings) as session:
            first = await ask_all(session, sums(5))
        refused = simulator.stats().violations
        async with panvox.open(settings) as session:
            second = await ask_all(session, sums(5))
    assert states_of(first) == states_of(second) == {"answered": 5}
    assert refused <= 4
    assert simulator.stats().violations == refused


@pytest.mark.parametrize("tells", [Tells.ALL, Tells.WAITS])
async def test_a_window_that_was_found_full_is_full_for_the_next_session(
    tmp_path: Path, tells: Tells
) -> None:
    fleet = Fleet((replace(host("oak"), limits=Limits(requests=(Window(4, 60.0),)), tells=tells),))
    async with simulate(fleet) as simulator:
        settings = await settings_of(tmp_path, fleet, simulator, more=PLAIN)
        async with panvox.open(settings) as session:
            first = await ask_all(session, sums(7), deadline=20)
        simulator.reset()
        async with panvox.open(settings) as session:
            second = await ask_all(session, sums(3), deadline=20)
    assert states_of(first) == {"answered": 4, "rate_limited": 3}
    assert states_of(second) == {"rate_limited": 3}
    assert simulator.stats().total.requests == 0


async def test_what_was_learnt_is_shown_and_can_be_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = Fleet((limited(host("oak"), requests=(Window(40, HOUR),)),))
    monkeypatch.chdir(tmp_path)
    async with served(tmp_path, fleet) as (session, _):
        await ask_all(session, sums(2))

    def shown(*arguments: str) -> tuple[int, str]:
        code = app.run(["limits", *arguments])
        return code, capsys.readouterr().out

    code, lines = await asyncio.to_thread(shown, "oak", "--json")
    account = next(json.loads(line) for line in lines.splitlines() if "oak/main" in line)
    assert code == 0
    assert ("requests", 40) in {(each["matter"], each["amount"]) for each in account["learnt"]}
    assert [each["amount"] for each in account["used"] if each["unit"] == "requests"] == [2]
    assert "account oak/main" in (await asyncio.to_thread(shown, "forget", "oak"))[1]
    assert "40" not in (await asyncio.to_thread(shown, "oak"))[1]


# --- several at once ---


async def test_two_sessions_on_one_server_keep_one_limit_together(tmp_path: Path, valkey: Valkey) -> None:
    fleet = Fleet((limited(host("oak", "a", "b"), requests=(Window(5, 0.2),), concurrency=2),))
    rows = {"oak": "limits = {requests = '5/0.5s', slots = 2}"}
    async with simulate(fleet) as simulator:
        more = f"[limits]\nlearn = false\nurl = '{valkey.url}'\n{PLAIN}"
        settings = await settings_of(tmp_path, fleet, simulator, rows=rows, more=more)
        async with panvox.open(settings) as one, panvox.open(settings) as two, asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask_all(session, sums(5))) for session in (one, two)]
        await idle(simulator)
    assert [states_of(task.result()) for task in asked] == [{"answered": 10}] * 2
    assert simulator.stats().violations == 0
    assert simulator.stats().total.peak_in_flight <= 2


async def test_a_server_that_dies_in_the_middle_fails_nobody_and_is_told_once(
    tmp_path: Path, valkey: Valkey
) -> None:
    fleet = Fleet((replace(host("oak", "a", "b"), limits=Limits(concurrency=4)),))
    rows = {"oak": "limits = {slots = 4}"}
    async with simulate(fleet) as simulator:
        more = f"[limits]\nlearn = false\nurl = '{valkey.url}'\n{PLAIN}"
        settings = await settings_of(tmp_path, fleet, simulator, rows=rows, more=more)
        async with panvox.open(settings) as one, panvox.open(settings) as two:
            first = await ask_all(one, sums(2)) + await ask_all(two, sums(2))
            await asyncio.to_thread(valkey.kill)
            notes: list[str] = []
            async with one.stream(SUM) as turn:
                notes += [event.text async for event in turn if isinstance(event, Note)]
            await two.ask(SUM)
            simulator.reset()
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(ask_all(session, sums(4))) for session in (one, two)]
            shares = [session.keeping.share for session in (one, two)]
    assert turn.ended is not None
    assert turn.ended.states == {"answered": 2}
    assert states_of(first) == {"answered": 8}
    assert [states_of(task.result()) for task in asked] == [{"answered": 8}] * 2
    assert shares == [2, 2]
    assert simulator.stats().violations == 0
    assert len([note for note in notes if "share" in note]) == 1, notes


# --- settings that change ---


@pytest.fixture
def watched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings files are looked at from the start, and often."""
    monkeypatch.setattr("panvox.compose.watching.LATER", 0.0)
    monkeypatch.setattr("panvox.settings.watching.LOOK", 0.05)
    monkeypatch.setattr("panvox.settings.watching.QUIET", 0.01)


@asynccontextmanager
async def steady(folder: Path, slots: int) -> AsyncIterator[tuple[Session, Simulator, Callable[[str], None]]]:
    """A session with a provider of so many slots, whose calls last until the test ends."""
    slow = Latency(first_token=60, spread=0, slow_share=0)
    oak = host("oak", *(f"m{number}" for number in range(6)))
    fleet = Fleet((replace(oak, models=tuple(replace(each, latency=slow) for each in oak.models)),))
    async with simulate(fleet) as simulator:

        def write(row: str) -> None:
            write_settings(folder, fleet, simulator, rows={"oak": row}, more=SILENT)

        rows = {"oak": f"limits = {{slots = {slots}}}"}
        async with session_of(folder, fleet, simulator, rows=rows, more=SILENT) as session:
            yield session, simulator, write


def taken(session: Session) -> tuple[int, int]:
    """Slots that are taken at the provider, and calls that wait for one."""
    found = [each for each in session.keeping.limiter.standing() if each.scope == Scope("provider", "oak")]
    return (found[0].slots, found[0].waiting) if found else (0, 0)


@pytest.mark.usefixtures("watched_at_once")
async def test_slots_that_the_settings_add_let_waiting_calls_out_and_fewer_hold_the_next(
    tmp_path: Path,
) -> None:
    async with steady(tmp_path, 2) as (session, simulator, write):
        async with session.stream(SUM, fallback=False) as turn:
            await until(lambda: taken(session) == (2, 4))
            await asyncio.to_thread(write, "limits = {slots = 5}")
            await until(lambda: taken(session) == (5, 1))
            await until(lambda: simulator.stats().total.in_flight == 5)
            await asyncio.to_thread(write, "limits = {slots = 1}")
            await until(lambda: session.keeping.limiter.standing()[-1].effective.slots == 1)
            assert taken(session) == (5, 1)  # who is on the way is not called back
            turn.stop()
            notes = [event.text async for event in turn if isinstance(event, Note)]
        assert notes == ["the settings have changed: limits hold at once, the rest for what is asked next"]
        await idle(simulator)
        await all_given_back(session)
        async with session.stream("What is 1 + 1?", fallback=False):
            await until(lambda: taken(session) == (1, 5))
        await all_given_back(session)


@pytest.mark.usefixtures("watched_at_once")
async def test_a_settings_file_that_is_wrong_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async with steady(tmp_path, 2) as (session, _, write), session.stream(SUM, fallback=False) as turn:
        await until(lambda: taken(session) == (2, 4))
        await asyncio.to_thread(write, "limits = {slots = -5}")
        note = await anext(event.text async for event in turn if isinstance(event, Note))
        assert taken(session) == (2, 4)
        assert session.settings.providers[0].limits.slots == 2
    assert "slots" in note
    assert "-5" in note or "must" in note


# --- leaving ---


async def test_leaving_in_the_middle_gives_every_place_and_connection_back(tmp_path: Path) -> None:
    async with steady(tmp_path, 2) as (session, simulator, _):
        async with session.stream(SUM) as turn:
            await until(lambda: taken(session) == (2, 4))
            await until(lambda: simulator.stats().total.in_flight == 2)
        assert turn.ended is not None
        assert turn.ended.states == {"cancelled": 6}
        await all_given_back(session)
        await idle(simulator)
        assert simulator.stats().total.disconnects == 2


async def test_an_ask_that_is_cancelled_gives_every_place_back(tmp_path: Path) -> None:
    async with steady(tmp_path, 2) as (session, simulator, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await session.ask(SUM)
        await all_given_back(session)
        await idle(simulator)
