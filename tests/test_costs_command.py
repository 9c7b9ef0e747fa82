"""`panvox costs`: what was spent, told exactly."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from panvox.budget import Ceilings, LimitedPurse
from panvox.messages import Attempt, Identity, Outcome, State
from panvox.protocols import Want
from panvox.store import SqlJournal
from tests.command import PANVOX, panvox

DAY = 86_400.0


def outcome(member: Identity, cost: str, *, calls: int, state: State) -> Outcome:
    failed = Attempt(started=0, duration=1, state=State.OVERLOADED)
    last = Attempt(started=1, duration=1, state=state, cost=Decimal(cost))
    return Outcome(member=member, state=state, attempts=(*[failed] * (calls - 1), last))


async def spend(place: Path, now: float) -> None:
    """Two runs yesterday and one today, of which one call is still under way."""
    async with SqlJournal.open(place) as journal:
        for run, at, calls in (
            ("run-1", now - DAY, [("oak/large", "0.30", 1, State.ANSWERED)]),
            ("run-2", now - DAY, [("oak/large", "0.10", 2, State.OVERLOADED)]),
            (
                "run-3",
                now,
                [("oak/large", "0.20", 3, State.ANSWERED), ("elm/small", "0.0004", 1, State.ANSWERED)],
            ),
        ):
            purse = LimitedPurse(journal.money, Ceilings(), clock=lambda at=at: at)  # type: ignore[misc]
            purse.begin(run=run, turn=0, tag="tests" if run == "run-3" else "")
            for name, cost, several, state in calls:
                member = Identity(name=name, provider=name.partition("/")[0], model=name)
                await purse.reserve([Want(member, Decimal(1))])
                await purse.settle([outcome(member, cost, calls=several, state=state)])
            if run == "run-3":
                waiting = Identity(name="elm/slow", provider="elm", model="slow")
                await purse.reserve([Want(waiting, Decimal("0.05"))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings and a store in which something was spent."""
    (tmp_path / "panvox.toml").write_text(
        "local.enabled = false\n[store]\npath = 'money.db'\n"
        "[budget]\nmonth = 50\nproviders = { oak = 2 }\ntags = { tests = 1 }\n"
    )
    asyncio.run(spend(tmp_path / "money.db", time.time()))
    return tmp_path


def lines(text: str) -> list[str]:
    """With the days of the test by name."""
    today = datetime.now(UTC).date()
    text = text.replace(f"{today}", "today     ").replace(f"{today - timedelta(days=1)}", "yesterday ")
    return text.rstrip("\n").splitlines()


def test_by_day_it_shows_what_an_answer_came_to_with_all_failed_attempts_in_it(folder: Path) -> None:
    done = panvox("costs", cwd=folder)
    assert done.returncode == 0
    assert lines(done.stdout) == snapshot(
        [
            "day         spent  set aside  calls  answers  an answer",
            "yesterday   $0.40                 3        1      $0.40",
            "today       $0.20     $0.050      4        2      $0.10",
        ]
    )
    told = lines(done.stderr)
    assert told[:2] == snapshot(["", "$0.60 for 7 calls and 3 answers, $0.20 an answer"])
    assert told[2] == "today: $0.25 of $10.00"
    assert re.fullmatch(r"this month: \$0\.(25|65) of \$50\.00", told[3]), "on the first of a month less"
    assert told[4:] == snapshot(["oak today: $0.20 of $2.00", "tests today: $0.25 of $1.00"])


@pytest.mark.parametrize("by", ["provider", "model", "run", "tag"])
def test_by_anything_else_the_dearest_or_the_latest_comes_first(by: str, folder: Path) -> None:
    keys = [line.split()[0] for line in panvox("costs", "--by", by, cwd=folder).stdout.splitlines()[1:]]
    assert (
        keys
        == {
            "provider": ["oak", "elm"],
            "model": ["oak/large", "elm/slow", "elm/small"],
            "run": ["run-3", "run-2", "run-1"],
            "tag": ["-", "tests"],
        }[by]
    )


def test_bars_are_as_long_as_their_part_of_the_most(folder: Path) -> None:
    done = panvox("costs", "--by", "run", "--plot", cwd=folder)
    assert [line.count("━") for line in done.stdout.splitlines()] == [0, 27, 13, 40]


@pytest.mark.parametrize(("width", "longest"), [(140, 40), (80, 28), (60, 8), (59, 0)])
def test_bars_take_the_room_that_the_figures_leave(width: int, longest: int, folder: Path) -> None:
    heading, *rows = in_a_terminal("costs", "--by", "run", "--plot", width=width, cwd=folder)
    assert heading.endswith("an answer"), "what an answer comes to is what one looks for"
    assert max(row.count("━") for row in rows) == longest


def in_a_terminal(*arguments: str, width: int, cwd: Path) -> list[str]:
    """What the command prints on a terminal of this width, without colours."""
    reader, writer = os.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "NO_COLOR": "1", "PAGER": "cat"}  # noqa: TID251 - the cleaned one of the test
    with subprocess.Popen(
        [*PANVOX, *arguments], stdout=writer, stderr=subprocess.DEVNULL, cwd=cwd, env=environment
    ) as process:
        os.close(writer)
        said = b""
        with suppress(OSError):  # which is how the end of a terminal reads
            while more := os.read(reader, 4096):
                said += more
        os.close(reader)
        assert process.wait() == 0
    return said.decode().splitlines()


def test_json_has_the_same_to_the_last_digit(folder: Path) -> None:
    done = panvox("costs", "--by", "provider", "--json", cwd=folder)
    assert [json.loads(line) for line in done.stdout.splitlines()] == snapshot(
        [
            {
                "by": "provider",
                "key": "elm",
                "spent": "0.0004",
                "held": "0.05",
                "calls": 1,
                "answers": 1,
                "per_answer": "0.0004",
            },
            {
                "by": "provider",
                "key": "oak",
                "spent": "0.6",
                "held": "0",
                "calls": 6,
                "answers": 2,
                "per_answer": "0.3",
            },
        ]
    )
    assert done.stderr == ""


def test_days_before_those_that_were_asked_for_are_left_out(folder: Path) -> None:
    done = panvox("costs", "--days", "1", "--by", "run", cwd=folder)
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["run-3"]


def test_where_nothing_was_spent_it_says_so_and_how_the_limits_stand(tmp_path: Path) -> None:
    done = panvox("costs", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == snapshot(
        ["nothing was spent in 30 days", "today: $0 of $10.00", "this month: $0, without a limit"]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--days", "0"], "--days 0 is not a number from 1 to 36,500"),
        (["--by", "month"], "invalid value"),
        (["--json", "--plot"], "--json and --plot exclude each other"),
    ],
)
def test_what_cannot_be_shown_is_wrong_usage(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = panvox("costs", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_a_store_there_is_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "panvox.toml").write_text("[store]\nenabled = false\n")
    done = panvox("costs", cwd=tmp_path)
    assert done.returncode == 1
    assert "the store is switched off (store.enabled)" in done.stderr
