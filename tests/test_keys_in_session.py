"""Keys kept alive by a whole session: another one is used at once, and none is ever shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from panvox.compose.conversation import Result
from panvox.compose.session import Session
from panvox.messages import MemberWaiting, RunEvent
from panvox.simulator import Fleet, Limits, Simulator, Tells, VirtualProvider, Window, simulate
from tests.flows import PLAIN, SUM, attempts_of, host, session_of, sums

GOOD, BAD = "sk-canary-good-5f2e81", "sk-canary-bad-90c3aa"
DAY, HOUR = 86_400.0, 3_600.0
TWO_ACCOUNTS = (
    'keys = [{env = "FIRST", label = "work", account = "one"}, '
    '{env = "SECOND", label = "home", account = "two", priority = 1}]'
)


@asynccontextmanager
async def keyed(
    folder: Path,
    *providers: VirtualProvider,
    rows: dict[str, str] | None = None,
    more: str = "",
    first: str = BAD,
    second: str = GOOD,
) -> AsyncIterator[tuple[Session, Simulator]]:
    """A session in which the provider `oak` has two keys, unless `rows` say otherwise."""
    fleet = Fleet(providers)
    keys = {"FIRST": first, "SECOND": second}
    async with (
        simulate(fleet) as simulator,
        session_of(
            folder, fleet, simulator, rows=rows or {"oak": TWO_ACCOUNTS}, more=more, environ=keys
        ) as session,
    ):
        yield session, simulator


def used(result: Result) -> list[tuple[str, str]]:
    """Each attempt: the label of its key, and how it ended."""
    return [(attempt.key, attempt.state) for attempt in attempts_of([result])]


async def test_where_one_key_is_refused_the_other_is_used_at_once_and_the_first_never_again(
    tmp_path: Path,
) -> None:
    async with keyed(tmp_path, replace(host("oak"), key=GOOD), more=PLAIN) as (session, simulator):
        results = [await session.ask(SUM, fallback=False) for _ in range(3)]
        stored = await session.store.run(results[0].run)
    assert [result.states for result in results] == [{"answered": 1}] * 3
    assert used(results[0]) == [("work", "unauthorised"), ("home", "answered")]
    assert used(results[1]) == used(results[2]) == [("home", "answered")]
    assert [attempt.key for attempt in stored.turns[0].outcomes[0].attempts] == ["work", "home"]
    assert simulator.stats().total.rejected == {"unauthorised": 1}


@pytest.mark.parametrize(
    ("truth", "state"),
    [
        (Limits(requests=(Window(1, HOUR),)), "rate_limited"),
        (Limits(requests=(Window(1, DAY),)), "out_of_quota"),
        (Limits(credit=30), "out_of_money"),
    ],
)
@pytest.mark.parametrize("learn", ["true", "false"])
@pytest.mark.parametrize("tells", list(Tells))
async def test_where_the_account_of_one_key_has_no_more_that_of_the_other_is_used_at_once(
    tmp_path: Path, truth: Limits, state: str, tells: Tells, learn: str
) -> None:
    oak = replace(host("oak"), key_limits=truth, tells=tells)
    more = f"[limits]\nlearn = {learn}\n"
    row = {"oak": f"{TWO_ACCOUNTS}\nfree = false"}
    passing = state != "out_of_money"
    async with keyed(tmp_path, oak, more=more, rows=row, first="sk-1", second="sk-2") as (session, _):
        results = [await session.ask(question, deadline=20) for question in sums(2)]
    assert used(results[0]) == [("work", "answered")]
    *before, last = used(results[1])
    assert last == ("home", "answered")
    if (tells, learn) == (Tells.ALL, "true") and state != "out_of_money":
        assert before == []  # its headers had told that there is no more
    else:
        assert before == [("work", "rate_limited" if tells is Tells.NOTHING and passing else state)]


async def test_keys_of_one_account_share_its_limits_and_those_of_two_do_not(tmp_path: Path) -> None:
    truth = Limits(requests=(Window(2, HOUR),))
    limits = "account_limits = {requests = '2/hour'}"
    keys = 'keys = [{env = "FIRST", account = "one"}, {env = "SECOND", account = "%s"}]\n'
    for account, answered in (("one", 2), ("two", 4)):
        folder = tmp_path / account
        folder.mkdir()
        oak = replace(host(f"oak-{account}"), key_limits=truth)
        rows = {oak.name: keys % account + limits}
        async with keyed(folder, oak, rows=rows, first="sk-1", second="sk-2") as (session, simulator):
            results = [await session.ask(question, deadline=20) for question in sums(5)]
        assert [result.states for result in results].count({"answered": 1}) == answered
        assert simulator.stats().violations == 0


async def test_while_one_account_has_no_room_the_other_is_used_and_only_then_is_waited(
    tmp_path: Path,
) -> None:
    rows = {"oak": f"{TWO_ACCOUNTS}\naccount_limits = {{requests = '1/minute'}}"}
    oak = replace(host("oak"), key_limits=Limits(requests=(Window(1, 60.0),)))
    async with keyed(tmp_path, oak, rows=rows, first="sk-1", second="sk-2") as (session, simulator):
        one, two, three = sums(3)
        assert used(await session.ask(one)) == [("work", "answered")]
        async with session.stream(two) as turn:
            events = [event async for event in turn]
        assert not any(isinstance(event, MemberWaiting) for event in events)
        assert [attempt.key for outcome in turn.outcomes for attempt in outcome.attempts] == ["home"]
        async with session.stream(three) as turn:
            wait = await anext(event async for event in turn if isinstance(event, MemberWaiting))
        assert wait.reason.startswith("oak/one")  # it was used first, and so it is free first
    assert simulator.stats().violations == 0


async def test_a_backup_is_used_when_nothing_else_is_left(tmp_path: Path) -> None:
    row = 'keys = [{env = "FIRST", label = "spare", backup = true}, {env = "SECOND", label = "usual"}]'
    oak = replace(host("oak"), key=GOOD)
    async with keyed(tmp_path, oak, rows={"oak": row}, first=GOOD, second=GOOD) as (session, _):
        assert used(await session.ask(SUM)) == [("usual", "answered")]
    async with keyed(tmp_path, oak, rows={"oak": row}, more=PLAIN, first=GOOD, second=BAD) as (session, _):
        assert used(await session.ask(SUM)) == [("usual", "unauthorised"), ("spare", "answered")]


async def test_a_key_that_has_expired_is_not_tried(tmp_path: Path) -> None:
    past = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
    row = f'keys = [{{env = "FIRST", label = "old", expires = "{past}"}}, {{env = "SECOND", label = "new"}}]'
    async with keyed(tmp_path, replace(host("oak"), key=GOOD), rows={"oak": row}) as (session, simulator):
        result = await session.ask(SUM)
    assert used(result) == [("new", "answered")]
    assert simulator.stats().total.rejected == {}


async def test_where_all_keys_are_dead_the_failure_names_them_and_others_stand_in(tmp_path: Path) -> None:
    oak, elm = replace(host("oak", "nova-1-large"), key=GOOD), host("elm", "nova-1-large")
    rows = {"oak": f"{TWO_ACCOUNTS}\nmodels = ['nova-1-large']"}
    async with keyed(tmp_path, oak, elm, rows=rows, second="sk-also-bad") as (session, simulator):
        alone = await session.ask(SUM, models=["oak/*"], fallback=False)
        again = await session.ask(SUM, models=["oak/*"], fallback=False)
        helped = await session.ask(SUM, models=["oak/*"])
    assert alone.states == again.states == {"unauthorised": 1}
    fault = alone.outcomes[0].fault
    assert fault is not None
    assert "work was refused" in fault.message
    assert "home was refused" in fault.message
    assert "panvox keys test oak" in fault.hint
    assert simulator.stats().providers["oak"].requests == 2  # each key once, and never again
    assert helped.outcomes[0].speaker.name == "elm/nova-1-large"


async def test_no_key_is_in_the_store_the_events_the_files_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[RunEvent] = []
    more = "[retry]\nattempts = 1\n"
    oak = replace(host("oak"), key=GOOD)
    async with keyed(tmp_path, oak, host("elm"), more=more) as (session, _):
        async with session.stream(SUM) as turn:
            heard += [event async for event in turn]
        async with session.stream(SUM, fresh=True, fallback=False) as turn:
            heard += [event async for event in turn]
        shown = f"{session.settings!r} {vars(session)!r} {turn!r} {session.keeping.limiter.standing()!r}"
        pools = [f"{pool!r} {pool.standing()!r} {pool.keys!r}" for pool in session._pools.values()]
    told = msgspec.json.encode(heard).decode()
    written = await asyncio.to_thread(
        lambda: b"".join(
            each.read_bytes() for each in tmp_path.rglob("*") if each.is_file() and each.suffix != ".toml"
        )
    )
    assert '"work"' in told
    for text in (told, shown, *pools, caplog.text, written.decode("latin-1"), repr(heard)):
        assert "canary" not in text
