"""What is written to the store is what is read from it."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, event

from panvox.errors import Fault, OutOfQuota, StoreError
from panvox.messages import (
    Answer,
    Attempt,
    Finish,
    Identity,
    Outcome,
    Prompt,
    RunEnded,
    State,
    ToolCall,
    Usage,
)
from panvox.protocols import Journal
from panvox.store import NullJournal, RunSummary, SqlJournal, StoredTurn, default_path, open_journal, schema
from panvox.verdicts import Feedback, Group, Verdict

PANEL = tuple(
    Identity(name=f"cloud/model-{number}", provider="cloud", model=f"model-{number}", lineage="model")
    for number in range(3)
)
QUOTA = OutOfQuota("You exceeded your quota", status=429, wait=30.0, code="quota", request_id="req-1").fault
OUTCOMES = (
    Outcome(
        member=PANEL[0],
        state=State.ANSWERED,
        answer=Answer(
            text="Paris",
            reasoning="The capital of France …",
            tool_calls=(ToolCall("call-1", "look_up", '{"country": "France"}'),),
            finish=Finish.STOP,
            usage=Usage(
                prompt_tokens=12, completion_tokens=3, cached_tokens=4, cost=Decimal("0.000012345678901")
            ),
            model="model-0-2026",
        ),
        attempts=(
            Attempt(started=0.5, duration=1.0, state=State.OVERLOADED, status=503, message="busy", wait=1.0),
            Attempt(
                started=2.5,
                duration=1.5,
                state=State.ANSWERED,
                status=200,
                in_flight=3,
                request_id="x",
                model="other/model-0",
                key="main",
                cost=Decimal("0.0000001"),
                waited=1.25,
                cached=True,
            ),
        ),
        started=0.5,
        first_token=2.75,
        duration=3.5,
        stand_in=Identity(name="other/model-0", provider="other", model="model-0", lineage="weights"),
    ),
    Outcome(member=PANEL[1], state=State.OUT_OF_QUOTA, fault=QUOTA, answer=Answer(text="Pa"), duration=0.25),
    Outcome(member=PANEL[2], state=State.CANCELLED, reason="Enough had answered."),
)


def ending(run: str, turn: int = 0, *, consensus: str | None = "Paris", stopped: str = "") -> RunEnded:
    group = Group(
        answer="Paris",
        extracted=True,
        members=(PANEL[0].name,),
        votes=1,
        share=1.0,
        representative=PANEL[0].name,
    )
    return RunEnded(
        run=run,
        turn=turn,
        verdict=Verdict(asked=3, answered=1, groups=(group,), consensus=consensus, best=PANEL[0].name),
        states={"answered": 1, "out_of_quota": 1, "cancelled": 1},
        duration=3.75,
        stopped=stopped,
    )


async def keep(journal: Journal, run: str, turn: int = 0, *, question: str = "Where?") -> None:
    """Write one whole turn."""
    await journal.begin(run, turn, Prompt.of(question), PANEL)
    for outcome in OUTCOMES:
        await journal.outcome(run, turn, outcome)
    await journal.finish(ending(run, turn))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "data" / "panvox.db"


@pytest.fixture
async def journal(place: Path) -> AsyncIterator[SqlJournal]:
    async with SqlJournal.open(place) as opened:
        yield opened
        assert opened.problem is None


def rows(place: Path, query: str) -> list[tuple[object, ...]]:
    """What any other program sees."""
    connection = sqlite3.connect(place)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@contextmanager
def listening(target: type[Engine], name: str, listener: Callable[..., object]) -> Iterator[None]:
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


# --- what is written is what is read ----------------------------------------------------------------


async def test_a_run_reads_as_it_was_written(journal: SqlJournal) -> None:
    await keep(journal, "20261121-035812-4f7a")

    stored = await journal.run("20261121-035812-4f7a")

    (turn,) = stored.turns
    assert stored.run == "20261121-035812-4f7a"
    assert turn == StoredTurn(
        turn=0,
        prompt=Prompt.of("Where?"),
        started=turn.started,
        members=PANEL,
        outcomes=OUTCOMES,
        ended=ending("20261121-035812-4f7a"),
    )


async def test_outcomes_come_in_the_order_of_members_whoever_was_first(journal: SqlJournal) -> None:
    await journal.begin("r", 0, Prompt.of("?"), PANEL)
    for outcome in reversed(OUTCOMES):
        await journal.outcome("r", 0, outcome)
    await journal.finish(ending("r"))

    assert (await journal.run("r")).turns[0].outcomes == OUTCOMES


async def test_turns_of_a_conversation_stay_together(journal: SqlJournal) -> None:
    await keep(journal, "a", 0, question="Where is it?")
    await keep(journal, "b", 0, question="Who was it?")
    await keep(journal, "a", 1, question="And when?")

    assert [turn.turn for turn in (await journal.run("a")).turns] == [0, 1]
    latest, other = await journal.runs()
    assert latest == RunSummary(
        run="a",
        started=latest.started,
        question="And when?",
        turns=2,
        asked=3,
        answered=1,
        consensus="Paris",
        stopped="",
        duration=3.75,
    )
    assert (other.run, other.question, other.turns) == ("b", "Who was it?", 1)
    assert latest.started <= other.started  # by last turn, though the run itself is older


async def test_a_run_that_never_ended_is_shown_so(journal: SqlJournal, place: Path) -> None:
    await journal.begin("stopped", 0, Prompt.of("?"), PANEL)
    await journal.outcome("stopped", 0, OUTCOMES[0])
    await keep(journal, "whole")  # is written after the other, and waits for the disk

    unfinished = next(summary for summary in await journal.runs() if summary.run == "stopped")
    assert (unfinished.duration, unfinished.asked, unfinished.answered, unfinished.stopped) == (
        None,
        3,
        1,
        "",
    )
    (turn,) = (await journal.run("stopped")).turns
    assert (turn.ended, turn.members, turn.outcomes) == (None, PANEL, OUTCOMES[:1])


async def test_a_turn_without_members_is_kept(journal: SqlJournal) -> None:
    await journal.begin("r", 0, Prompt.of("?"), ())
    end = RunEnded(run="r", turn=0, verdict=Verdict(asked=0, answered=0), states={}, duration=0.0)
    await journal.finish(end)

    assert (await journal.run("r")).turns[0].ended == end


async def test_lists_are_as_long_as_asked_for_and_cut_long_questions(journal: SqlJournal) -> None:
    for number in range(4):
        await keep(journal, f"r{number}", question="x" * 5000)

    assert [summary.run for summary in await journal.runs(limit=2)] == ["r3", "r2"]
    assert await journal.runs(limit=0) == await journal.runs(limit=-1) == []
    (summary,) = await journal.runs(1)
    assert summary.question == "x" * 1000
    assert (await journal.run("r3")).turns[0].prompt.question == "x" * 5000


async def test_long_prompts_and_answers_are_kept_whole(journal: SqlJournal) -> None:
    answer = Answer(text="ä" * 1_000_000, reasoning="€" * 700_000)
    await journal.begin("r", 0, Prompt.of("ö" * 2_000_000), PANEL)
    for member in PANEL:
        await journal.outcome("r", 0, Outcome(member=member, state=State.ANSWERED, answer=answer))
    await journal.finish(ending("r"))

    (turn,) = (await journal.run("r")).turns
    assert turn.prompt.question == "ö" * 2_000_000
    assert [outcome.answer for outcome in turn.outcomes] == [answer] * 3


# --- whatever models send ---------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=()), max_size=20)
SECONDS = st.floats(0, 1e9)
COUNT = st.integers(0, 2**63 - 1)
FAULTS = st.builds(Fault, message=TEXT, hint=TEXT, code=TEXT, request_id=TEXT, wait=st.none() | SECONDS)
USAGES = st.builds(
    Usage,
    prompt_tokens=COUNT,
    completion_tokens=COUNT,
    reasoning_tokens=COUNT,
    cached_tokens=COUNT,
    cost=st.none() | st.decimals(allow_nan=False),
)
ANSWERS = st.builds(
    Answer,
    text=TEXT,
    reasoning=TEXT,
    tool_calls=st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT), max_size=2).map(tuple),
    finish=st.none() | st.sampled_from(Finish),
    usage=st.none() | USAGES,
    model=TEXT,
)
ATTEMPTS = st.builds(
    Attempt,
    started=SECONDS,
    duration=SECONDS,
    state=st.sampled_from(State),
    status=st.none() | COUNT,
    message=TEXT,
    wait=st.none() | SECONDS,
    in_flight=COUNT,
    request_id=TEXT,
)
IDENTITIES = st.builds(Identity, name=TEXT, provider=TEXT, model=TEXT, lineage=TEXT)
ANY_OUTCOME = st.builds(
    Outcome,
    member=IDENTITIES,
    state=st.sampled_from(State),
    answer=st.none() | ANSWERS,
    fault=st.none() | FAULTS,
    reason=TEXT,
    attempts=st.lists(ATTEMPTS, max_size=2).map(tuple),
    started=SECONDS,
    first_token=st.none() | SECONDS,
    duration=SECONDS,
)


def storable(value: object) -> object:
    """What is left of a value when halves of surrogate pairs are replaced."""
    match value:
        case str():
            return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in value)
        case dict():
            return {key: storable(item) for key, item in value.items()}
        case list() | tuple():
            return type(value)(storable(item) for item in value)
        case _:
            return value


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outcomes=st.lists(ANY_OUTCOME, max_size=4, unique_by=lambda outcome: storable(outcome.member.name)))
async def test_no_outcome_loses_anything(
    outcomes: list[Outcome], tmp_path_factory: pytest.TempPathFactory
) -> None:
    members = tuple(outcome.member for outcome in outcomes)
    prompt = Prompt.of("".join(outcome.reason for outcome in outcomes))
    async with SqlJournal.open(tmp_path_factory.mktemp("store") / "panvox.db") as journal:
        await journal.begin("r", 0, prompt, members)
        for outcome in outcomes:
            await journal.outcome("r", 0, outcome)
        await journal.finish(ending("r"))
        assert journal.problem is None
        (turn,) = (await journal.run("r")).turns

    expected = storable(msgspec.to_builtins([prompt, members, outcomes]))
    assert msgspec.to_builtins([turn.prompt, turn.members, list(turn.outcomes)]) == expected


async def test_what_no_database_holds_is_replaced(journal: SqlJournal) -> None:
    usage = Usage(prompt_tokens=10**30, cost=Decimal("1E+999999"))
    answer = Answer(text="half \ud83d and NUL \x00", usage=usage)
    await journal.begin("r", 0, Prompt.of("half \ud83d"), PANEL)
    await journal.outcome("r", 0, Outcome(member=PANEL[0], state=State.ANSWERED, answer=answer))
    await journal.finish(ending("r"))

    (turn,) = (await journal.run("r")).turns
    assert turn.prompt.question == "half \ufffd"
    kept = turn.outcomes[0].answer
    assert kept is not None
    assert kept.text == "half \ufffd and NUL \ufffd"
    assert kept.usage == Usage(prompt_tokens=2**63 - 1, cost=Decimal("1E+999999"))


# --- finding and forgetting -------------------------------------------------------------------------


async def test_a_run_is_found_by_its_id_its_beginning_or_as_the_last(journal: SqlJournal) -> None:
    for run in ("20261120-090000-aaaa", "20261121-100000-bbbb", "20261121-100000-bbbb-2"):
        await keep(journal, run)

    assert (await journal.run("20261120")).run == "20261120-090000-aaaa"
    assert (
        await journal.run("20261121-100000-bbbb")
    ).run == "20261121-100000-bbbb"  # though another begins so
    assert (await journal.run("last")).run == "20261121-100000-bbbb-2"


@pytest.mark.parametrize("reference", ["20261121-035812-4f7b", "%", "_", "half \ud83d", "LAST"])
async def test_an_unknown_run_is_an_error_that_names_near_ones(journal: SqlJournal, reference: str) -> None:
    for run in ("20261121-035812-4f7a", "20261121-035815-77aa"):
        await keep(journal, run)

    with pytest.raises(StoreError, match=r"There is no run .*; there are .*20261121-035812-4f7a"):
        await journal.run(reference)


@pytest.mark.parametrize("reference", ["2026", ""])
async def test_a_beginning_that_fits_two_runs_is_an_error_that_names_both(
    journal: SqlJournal, reference: str
) -> None:
    for run in ("20261121-a", "20261121-b"):
        await keep(journal, run)

    with pytest.raises(StoreError, match=r"More than one run .*: 20261121-a, 20261121-b\. Write more of it"):
        await journal.run(reference)


async def test_an_empty_store_says_so(journal: SqlJournal) -> None:
    assert await journal.runs() == []
    for call in (journal.run, journal.forget):
        with pytest.raises(StoreError, match="the store is empty"):
            await call("last")


async def test_a_forgotten_run_leaves_no_trace(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await keep(journal, "private-1", question="The launch code is 0000-SECRET")
        await keep(journal, "other-1")
        for run in ("private-1", "other-1"):
            await journal.tell(run, 0, Feedback(kind="answer", said="Paris", at=1.0))
            await journal.judged(run, 0, ending(run, 0).verdict)
        assert b"0000-SECRET" in b"".join(file.read_bytes() for file in place.parent.iterdir())

        assert await journal.forget("private") == "private-1"

        with pytest.raises(StoreError, match="There is no run"):
            await journal.run("private-1")
        assert (await journal.run("other-1")).turns[0].outcomes == OUTCOMES

    assert b"0000-SECRET" not in b"".join(file.read_bytes() for file in place.parent.iterdir())
    for table in schema.metadata.sorted_tables:
        if table is schema.spendings:  # money stays counted; tests of the purse see to it
            continue
        key = "id" if table.name == "runs" else "run"
        assert {row[0] for row in rows(place, f"SELECT {key} FROM {table.name}")} == {"other-1"}  # noqa: S608 - our own names


# --- tables that answer questions -------------------------------------------------------------------


async def test_money_and_failures_are_there_for_any_query(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await keep(journal, "a")
        await keep(journal, "b")

    failures = rows(place, "SELECT member, owner, status, message FROM outcomes WHERE state = 'out_of_quota'")
    assert failures == [("cloud/model-1", "key", 429, "You exceeded your quota")] * 2
    assert rows(place, "SELECT SUM(CAST(cost AS NUMERIC)) FROM answers") == [
        (pytest.approx(2.4691357802e-05),)
    ]
    assert rows(place, "SELECT run, consensus, stopped FROM endings") == [
        ("a", "Paris", ""),
        ("b", "Paris", ""),
    ]
    assert rows(place, "SELECT COUNT(*) FROM attempts WHERE status = 503") == [(2,)]


@pytest.mark.parametrize(
    ("value", "table"),
    [
        (Identity, schema.members),
        (Fault, schema.outcomes),
        (Outcome, schema.outcomes),
        (Answer, schema.answers),
        (Usage, schema.answers),
        (Attempt, schema.attempts),
        (RunEnded, schema.endings),
    ],
)
def test_every_field_has_its_column(value: type[msgspec.Struct], table: Table) -> None:
    elsewhere = {"answer", "fault", "attempts", "usage"}  # these have rows or columns of their own
    assert set(value.__struct_fields__) - elsewhere <= set(table.columns.keys())


# --- groups, order and the way out ------------------------------------------------------------------


async def test_a_thousand_outcomes_are_a_few_commits(journal: SqlJournal) -> None:
    panel = tuple(Identity(name=str(number)) for number in range(1000))
    commits: list[object] = []
    with listening(Engine, "commit", commits.append):
        await journal.begin("r", 0, Prompt.of("?"), panel)
        for member in panel:
            await journal.outcome(
                "r", 0, Outcome(member=member, state=State.ANSWERED, answer=Answer(text="42"))
            )
        await journal.finish(ending("r"))

    assert len((await journal.run("r")).turns[0].outcomes) == 1000
    assert len(commits) <= 40


async def test_runs_of_one_process_at_the_same_time_do_not_disturb_each_other(journal: SqlJournal) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(keep(journal, f"r{number:02}"))

    assert len(await journal.runs(limit=100)) == 30
    for number in range(30):
        assert (await journal.run(f"r{number:02}")).turns[0].outcomes == OUTCOMES


async def test_a_reader_sees_one_moment(journal: SqlJournal) -> None:
    """Whoever sees the end of a turn sees all of it."""
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(keep(journal, "r"))
        while not writing.done():
            for summary in await journal.runs():
                (turn,) = (await journal.run(summary.run)).turns
                assert turn.members == PANEL
                assert turn.ended is None or turn.outcomes == OUTCOMES


async def test_leaving_writes_what_is_left(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await journal.begin("r", 0, Prompt.of("?"), PANEL)
        for outcome in OUTCOMES:
            await journal.outcome("r", 0, outcome)

    async with SqlJournal.open(place) as journal:
        assert (await journal.run("r")).turns[0].outcomes == OUTCOMES


async def test_an_error_comes_out_bare_and_nothing_is_lost(place: Path) -> None:
    async def ask() -> None:
        async with open_journal(place) as journal:
            await journal.begin("r", 0, Prompt.of("?"), PANEL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask()
    assert rows(place, "SELECT run, turn FROM turns") == [("r", 0)]


async def test_a_cancelled_run_keeps_what_has_arrived(place: Path) -> None:
    async def ask() -> None:
        async with SqlJournal.open(place) as journal:
            await journal.begin("r", 0, Prompt.of("?"), PANEL)
            for outcome in OUTCOMES:
                await journal.outcome("r", 0, outcome)
            arrived.set()
            await asyncio.Event().wait()

    arrived = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(ask())
        await arrived.wait()
        asking.cancel()

    assert asking.cancelled()
    async with SqlJournal.open(place) as journal:
        assert (await journal.run("r")).turns[0].outcomes == OUTCOMES


async def test_a_reader_may_be_cancelled(journal: SqlJournal) -> None:
    await keep(journal, "r")
    for hops in range(12):
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(journal.run("r"))
            for _ in range(hops):
                await asyncio.sleep(0)
            reading.cancel()

    assert (await journal.run("r")).turns[0].outcomes == OUTCOMES


async def test_a_closed_store_says_so_and_keeps_nobody_waiting(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        pass

    await keep(journal, "late")

    assert journal.problem == f"Run late is not kept whole: the store {place} was closed before it ended."


# --- around it --------------------------------------------------------------------------------------


async def test_prompts_are_for_the_user_alone(place: Path, journal: SqlJournal) -> None:
    await keep(journal, "r")

    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.parent.iterdir()} == {0o600}
    assert {file.name for file in place.parent.iterdir()} == {"panvox.db", "panvox.db-wal", "panvox.db-shm"}


async def test_both_journals_are_journals(place: Path) -> None:
    async with open_journal(place) as opened:
        journals: list[Journal] = [opened, NullJournal("The store is switched off.")]
        assert [journal.problem for journal in journals] == [None, "The store is switched off."]
        assert repr(opened) == f"<SqlJournal {place}>"


async def test_the_stand_in_takes_everything_and_gives_nothing() -> None:
    journal = NullJournal("The store is switched off.")
    await keep(journal, "r")

    for call in (journal.runs(), journal.run("r"), journal.forget("r")):
        with pytest.raises(StoreError, match=r"^The store is switched off\.$"):
            await call


def test_the_store_is_in_the_users_data_folder(tmp_path: Path) -> None:
    assert default_path() == tmp_path / "home" / "data" / "panvox" / "panvox.db"


def test_a_store_that_is_up_to_date_opens_without_the_machinery_for_migrations(place: Path) -> None:
    script = (
        "import asyncio, sys\nfrom panvox.store import SqlJournal\n"
        "async def main():\n"
        "    async with SqlJournal.open(sys.argv[1]): print('alembic' in sys.modules)\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", script, str(place)]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said == ["True\n", "False\n"]


async def test_a_later_verdict_stands_beside_the_first_and_the_latest_holds(place: Path) -> None:
    first = ending("a", 0).verdict
    overridden = msgspec.structs.replace(first, consensus=None, best="other")
    async with SqlJournal.open(place) as journal:
        await keep(journal, "a")
        (turn,) = (await journal.run("a")).turns
        assert (turn.judged, turn.verdict) == ((), first)
        for verdict in (msgspec.structs.replace(first, consensus="else"), overridden):
            await journal.judged("a", 0, verdict)
        (turn,) = (await journal.run("a")).turns
        assert turn.ended is not None
        assert turn.ended.verdict == first
        assert len(turn.judged) == 2
        assert turn.verdict == overridden
        assert [summary.consensus for summary in await journal.runs()] == [None]


async def test_a_later_verdict_of_a_run_that_is_gone_is_lost_and_told(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await journal.judged("nobody", 0, ending("nobody", 0).verdict)
        assert journal.problem is not None
