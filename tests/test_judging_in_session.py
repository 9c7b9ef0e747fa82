"""Judges in a whole session: who is appointed, what is kept, what it costs, and the commands for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import panvox
from panvox.cli import app
from panvox.compose.judging import Judging
from panvox.compose.session import Session
from panvox.errors import SelectionError, UsageError
from panvox.messages import Note, RunEnded
from panvox.simulator import Fleet, Simulator, VirtualModel, VirtualProvider, find_fault, simulate
from panvox.store import SqlJournal
from tests.bench import Court
from tests.flows import BRIEF, PLAIN, host, session_of, write_settings

QUESTION = "How many days does it take?"
RIGHT = "Counting each of the weeks, the answer is 42."
SAYS = {"right": RIGHT, "mute": "The answer is 41."}
MODELS = ("wrong", "false", "right")


def court() -> Court:
    return Court(SAYS)


def fleet(answers: Court, *judges: str, fault: str = "") -> Fleet:
    """Three members at oak, of which two are wrong, and judges at elm."""
    elm = VirtualProvider(
        "elm",
        models=tuple(
            VirtualModel(name, latency=BRIEF, fault=find_fault(fault) if fault else None) for name in judges
        )
        or (VirtualModel("fair", latency=BRIEF),),
    )
    return Fleet((host("oak", *MODELS), elm), answers=answers)


@asynccontextmanager
async def opened(
    tmp_path: Path, served: Fleet, *, more: str = "", rows: dict[str, str] | None = None
) -> AsyncIterator[tuple[Session, Simulator]]:
    async with (
        simulate(served) as simulator,
        session_of(tmp_path, served, simulator, more=f"{PLAIN}{more}", rows=rows) as session,
    ):
        yield session, simulator


JUDGED = Judging(judges=("elm/fair",))


# --- asking ---


async def test_judges_are_heard_after_a_turn_and_their_verdict_is_kept(tmp_path: Path) -> None:
    answers = court()
    async with opened(tmp_path, fleet(answers)) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=JUDGED)
        stored = await session.store.run(result.run)
    told = result.verdict.judgement
    assert told is not None
    assert told.overrode
    assert told.judges == ("elm/fair",)
    assert result.verdict.best == "oak/right"
    assert result.text == RIGHT
    (turn,) = stored.turns
    assert turn.ended is not None
    assert turn.ended.verdict.judgement is None  # what the votes said stays as it was
    assert turn.verdict == result.verdict
    assert not any("oak/" in sheet for sheet in answers.sheets)


async def test_the_last_event_of_a_judged_turn_holds_the_later_verdict(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, fleet(court())) as (session, _),
        session.run(models=["oak/*"], judging=JUDGED) as conversation,
        conversation.stream(QUESTION) as turn,
    ):
        events = [event async for event in conversation.judged(turn)]
    ended = [event for event in events if isinstance(event, RunEnded)]
    assert len(ended) == 1
    assert events[-1] is ended[0]
    assert ended[0].verdict.best == "oak/right"
    assert Note("asking elm/fair to judge, for 60 s at most") in events


async def test_the_next_turn_goes_on_from_what_the_judges_chose(tmp_path: Path) -> None:
    async with opened(tmp_path, fleet(court())) as (session, _):
        async with session.run(models=["oak/*"], judging=JUDGED) as conversation:
            first = await conversation.ask(QUESTION)
            assert first.verdict.best == "oak/right"
        stored = await session.store.run(first.run)
    assert panvox.compose.conversation.past_of(stored)[0].chosen == RIGHT


@pytest.mark.parametrize("fault", ["server-error", "html-200", "empty-text", "close-mid-stream"])
async def test_a_judge_that_fails_leaves_the_verdict_of_the_votes(tmp_path: Path, fault: str) -> None:
    rules = "[retry]\nattempts = 1\n"
    async with opened(tmp_path, fleet(court(), "fair", fault=fault), more=rules) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=JUDGED)
    told = result.verdict.judgement
    assert told is not None
    assert told.chosen is None
    assert "elm/fair" in told.failed
    assert result.verdict.consensus == "41"


async def test_a_judge_that_returns_nonsense_leaves_the_verdict_of_the_votes(tmp_path: Path) -> None:
    async with opened(tmp_path, fleet(court(), "mute")) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=Judging(judges=("elm/mute",)))
    told = result.verdict.judgement
    assert told is not None
    assert "no JSON object with a winner" in told.failed
    assert result.verdict.consensus == "41"


async def test_a_synthesis_is_made_by_the_model_that_is_named(tmp_path: Path) -> None:
    answers = Court(SAYS, text="The answer is 41.")
    async with opened(tmp_path, fleet(answers)) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=Judging(synthesis="elm/fair"))
    told = result.verdict.synthesis
    assert told is not None
    assert (told.by, told.failed) == ("elm/fair", "")
    assert told.text.startswith("The answer is 41. [2 models")
    assert [sentence.supporters for sentence in told.dissent] == [("oak/right",)]
    assert result.verdict.judgement is None


async def test_a_wish_that_asks_nobody_is_told_what_to_add(tmp_path: Path) -> None:
    async with opened(tmp_path, fleet(court())) as (session, _):
        with pytest.raises(UsageError, match=r"judges=\(\) asks the usual judge"):
            await session.ask(QUESTION, models=["oak/*"], judging=Judging(when="low"))


async def test_where_confidence_is_high_enough_nobody_is_asked(tmp_path: Path) -> None:
    answers = court()
    low = Judging(judges=("elm/fair",), when="low")
    async with opened(tmp_path, fleet(answers), more="[judge]\nbelow = 0.4\n") as (session, _):
        trusted = await session.ask(QUESTION, models=["oak/*"], judging=low)
        agreed = await session.ask(QUESTION, models=["oak/wrong", "oak/false"], judging=low)
    assert trusted.verdict.judgement is agreed.verdict.judgement is None
    async with opened(tmp_path, fleet(answers)) as (session, _):  # two against one, with nothing learnt
        doubted = await session.ask(QUESTION, models=["oak/*"], judging=low)
        agreed = await session.ask(QUESTION, models=["oak/wrong", "oak/false"], judging=low)
    assert doubted.verdict.judgement is not None
    assert agreed.verdict.judgement is None


async def test_an_interrupted_judging_keeps_what_had_arrived(tmp_path: Path) -> None:
    async with (
        opened(tmp_path, fleet(court(), "fair", fault="hang-mid-stream")) as (session, _),
        session.run(models=["oak/*"], judging=JUDGED) as conversation,
        conversation.stream(QUESTION) as turn,
    ):
        source = conversation.judged(turn)
        ended = None
        async for event in source:
            if isinstance(event, Note):
                asyncio.get_running_loop().call_later(0.05, source.stop, "interrupted")
            ended = event
    assert isinstance(ended, RunEnded)
    assert ended.verdict.judgement is not None
    assert ended.verdict.judgement.failed == "interrupted"
    assert ended.verdict.consensus == "41"


# --- who is appointed ---


async def test_without_a_name_the_strongest_free_member_judges(tmp_path: Path) -> None:
    more = (
        "[models.'oak/false']\nstrength = 0.9\nfree = true\n"
        "[models.'oak/right']\nstrength = 0.99\nfree = false\n"
    )
    async with opened(tmp_path, fleet(court()), more=more) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=Judging(judges=()))
    assert result.verdict.judgement is not None
    assert result.verdict.judgement.judges == ("oak/false",)


async def test_settings_name_judges_and_writer(tmp_path: Path) -> None:
    more = "[judge]\nmodels = ['elm/*']\nsynthesis_model = 'elm/fair'\n"
    async with opened(tmp_path, fleet(court()), more=more) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=Judging(judges=(), synthesis=""))
    assert result.verdict.judgement is not None
    assert result.verdict.synthesis is not None
    assert result.verdict.judgement.judges == ("elm/fair",)
    assert result.verdict.synthesis.by == "elm/fair"


@pytest.mark.parametrize(
    ("judging", "why"),
    [
        (Judging(judges=("elm/nobody",)), "elm/nobody"),
        (Judging(judges=("elm/*",)), "means 12 judges, and 9 are the most"),
        (Judging(synthesis="elm/*"), "means 12 models, such as elm/"),
    ],
)
async def test_judges_that_cannot_be_are_refused_before_anybody_is_asked(
    tmp_path: Path, judging: Judging, why: str
) -> None:
    served = fleet(court(), *(f"j{n}" for n in range(12)))
    async with opened(tmp_path, served) as (session, simulator):
        with pytest.raises(SelectionError, match=why):
            await session.ask(QUESTION, models=["oak/*"], judging=judging)
        assert simulator.stats().total.requests == 0


async def test_a_stream_without_a_place_for_judges_says_where_there_is_one(tmp_path: Path) -> None:
    async with opened(tmp_path, fleet(court())) as (session, _):
        with pytest.raises(UsageError, match=r"Conversation\.judged"):
            async with session.stream(QUESTION, judging=JUDGED):
                pass


# --- money ---

PAID = "[models.'elm/*']\nprice_in = 0\nprice_out = 0\nprice_request = 2\nfree = false\n"


async def costs(session: Session, by: str = "tag") -> dict[str, Decimal]:
    assert isinstance(session.store, SqlJournal)
    found = await session.store.money.costs(
        by,  # type: ignore[arg-type]
        since="2000-01-01",
        now=datetime.now(UTC).timestamp(),
    )
    return {each.key: each.spent + each.held for each in found}


async def test_what_judges_cost_is_counted_under_their_tag_and_told(tmp_path: Path) -> None:
    rows = {"elm": "free = false"}
    async with opened(tmp_path, fleet(court()), more=PAID, rows=rows) as (session, _):
        result = await session.ask(QUESTION, models=["oak/*"], judging=JUDGED, tag="thesis")
        assert await costs(session) == {"judge": Decimal(4)}
        assert await costs(session, "model") == {"elm/fair": Decimal(4)}
    assert result.verdict.judgement is not None
    assert result.verdict.judgement.cost == 4


async def test_without_a_budget_nothing_is_spent_on_judges_and_the_verdict_says_so(tmp_path: Path) -> None:
    rows = {"elm": "free = false"}
    more = f"[budget]\nrun = 0\n{PAID}"
    async with opened(tmp_path, fleet(court()), more=more, rows=rows) as (session, simulator):
        result = await session.ask(QUESTION, models=["oak/*"], judging=JUDGED)
        assert await costs(session) == {}
        assert simulator.stats().total.requests == 3
    assert result.verdict.judgement is not None
    assert "budget: nothing may be spent" in result.verdict.judgement.failed
    assert result.verdict.consensus == "41"


# --- the commands ---


@asynccontextmanager
async def commanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Fleet) -> AsyncIterator[None]:
    """The commands, run in a thread, find settings that ask the fleet."""
    async with simulate(served) as simulator:
        await asyncio.to_thread(write_settings, tmp_path, served, simulator, more=PLAIN)
        monkeypatch.chdir(tmp_path)
        yield


async def command(*arguments: str) -> int:
    """A command, on a loop of its own in another thread; without signals, which only the first one has."""
    return await asyncio.to_thread(app.run, list(arguments))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands hear no signals: other threads cannot."""
    from panvox.cli import process  # noqa: PLC0415

    async def without_signals(of: object) -> int:
        return await of(process.Interrupts(process.end_at_once))  # type: ignore[operator,no-any-return]

    monkeypatch.setattr(process, "_with_signals", without_signals)


@pytest.mark.usefixtures("quiet")
async def test_the_report_tells_what_judges_made_of_it_and_show_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async with commanded(tmp_path, monkeypatch, fleet(court())):
        assert await command("ask", QUESTION, "-m", "oak/*", "--judge", "elm/fair") == 0
        asked = capfd.readouterr()
        assert await command("show") == 0
        shown = capfd.readouterr()
    assert asked.out == f"{RIGHT}\n"
    assert shown.out == asked.out
    for said in (asked.err, shown.err):
        assert "⚖ Judges, against the vote: 42" in said
        assert "elm/fair prefers oak/right" in said
        assert f"evidence: {RIGHT}" in said
        assert "2 comparisons" in said


@pytest.mark.usefixtures("quiet")
async def test_a_synthesis_takes_the_place_of_the_answer_and_dissent_stands_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    served = fleet(Court(SAYS, text="The answer is 41."))
    async with commanded(tmp_path, monkeypatch, served):
        assert await command("ask", QUESTION, "-m", "oak/*", "--synthesize=elm/fair", "--json") == 0
        lines = capfd.readouterr().out.splitlines()
        assert await command("show") == 0
    shown = capfd.readouterr()
    assert json.loads(lines[-1])["verdict"]["synthesis"]["by"] == "elm/fair"
    assert shown.out.startswith("The answer is 41. [2 models")
    assert "Dissent" in shown.err
    assert "42 [1 model]" in shown.err


@pytest.mark.usefixtures("quiet")
async def test_a_stored_run_is_judged_again_without_asking_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    served = fleet(court())
    async with simulate(served) as simulator:
        await asyncio.to_thread(write_settings, tmp_path, served, simulator, more=PLAIN)
        monkeypatch.chdir(tmp_path)
        assert await command("ask", QUESTION, "-m", "oak/*") == 0
        assert simulator.stats().total.requests == 3
        capfd.readouterr()

        assert await command("judge", "last", "--method", "majority", "--json") == 0
        again = json.loads(capfd.readouterr().out)
        assert (again["before"]["consensus"], again["after"]["consensus"], again["kept"]) == (
            "41",
            "41",
            False,
        )
        assert simulator.stats().total.requests == 3

        assert await command("judge", "--judge", "elm/fair") == 0
        judged = capfd.readouterr()
        assert simulator.stats().total.requests == 5
        assert await command("show") == 0
    assert "oak/right ←" in judged.err
    assert judged.out == f"{RIGHT}\n"
    assert "⚖ Judges, against the vote: 42" in capfd.readouterr().err


@pytest.mark.usefixtures("quiet")
async def test_runs_that_cannot_be_judged_are_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    served = fleet(court(), "fair", fault="unauthorised")
    async with commanded(tmp_path, monkeypatch, served):
        for arguments, code, why in (
            (["judge"], 1, "the store is empty"),
            (["ask", QUESTION, "-m", "elm/fair"], 1, "Nothing answered"),
            (["judge"], 2, "nobody answered turn 0 of the run"),
            (["judge", "--turn", "7"], 2, "has no turn 7: it has 1 turn, counted from 0"),
            (["judge", "nonsense"], 1, "There is no run 'nonsense'"),
            (["ask", "x", "--judge-when", "low"], 2, "add --judge or --synthesise"),
            (["ask", "x", "--synthesise", "oak/*"], 2, "means 3 models, such as oak/"),
        ):
            assert await command(*arguments) == code, arguments
            assert why in capfd.readouterr().err.replace("\n", " ")
