"""What was learnt and used is there for the next process, whatever others write meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import panvox
from panvox.limits.estimates import Estimates
from panvox.limits.learnt_file import ALIVE, Known, LearntFile
from panvox.limits.lessons import Lesson
from panvox.limits.standings import Entries, Live, LiveScope
from panvox.messages import Prompt, Usage
from panvox.protocols import Scope
from panvox.settings.places import learnt_limits_file

NOW = 1_800_000_000.0
DAY = 86_400.0
ACCOUNT = Scope("account", "acme/main")
OTHER = Scope("model", "acme/large-5")


def slots(amount: int, *, at: float = NOW) -> Lesson:
    return Lesson(matter="slots", amount=amount, at=at)


def used(*log: tuple[float, int], seconds: float = DAY, scope: Scope = ACCOUNT) -> Entries:
    return Entries(scope=scope, unit="requests", seconds=seconds, log=log)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "limits.json"


def opened(path: Path) -> LearntFile:
    return LearntFile(path, max_age=7 * DAY)


def test_what_is_saved_is_there_for_the_next_process_and_for_nobody_else(path: Path) -> None:
    lessons = {
        ACCOUNT: (
            Lesson(matter="requests", amount=20, seconds=60.0, at=NOW),
            Lesson(matter="requests", amount=50, seconds=60.0, at=NOW, told=True),
            slots(3),
        ),
        OTHER: (Lesson(matter="pause", amount=NOW + 100, at=NOW),),
    }
    entries = (used((NOW - 30, 4), (NOW - 20, 1)), used((NOW - 5, 2), seconds=60.0))
    assert opened(path).save(lessons, entries, now=NOW) == ""
    known = opened(path).load(now=NOW)
    assert known.lessons == lessons
    assert sorted(known.entries, key=lambda each: -each.seconds) == list(entries)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in path.parent.iterdir()) == ["limits.json", "limits.lock"]


def test_without_a_file_nothing_is_known_and_that_is_no_problem(path: Path) -> None:
    assert opened(path).load(now=NOW) == Known()


def test_what_is_too_old_is_not_known_and_goes_from_the_file(path: Path) -> None:
    entries = (used((NOW, 1)), used((NOW, 1), seconds=60.0))
    pause = Lesson(matter="pause", amount=NOW + 100, at=NOW)
    opened(path).save({ACCOUNT: (slots(3), pause)}, entries, now=NOW)
    later = opened(path).load(now=NOW + 100)
    assert later.lessons == {ACCOUNT: (slots(3),)}
    assert later.entries == (used((NOW, 1)),)
    assert opened(path).load(now=NOW + 7 * DAY) == Known()
    opened(path).save({}, now=NOW + 7 * DAY)
    assert json.loads(path.read_bytes()) == {
        "form": 1,
        "learnt": [],
        "used": [],
        "estimates": {},
        "processes": [],
    }


def test_what_models_have_taught_of_tokens_is_there_for_the_next_process(path: Path) -> None:
    clock = [NOW]
    estimates = Estimates(clock=lambda: clock[0])
    prompt = Prompt.of("x" * 3600)
    estimates.learn("acme/large-5", prompt, Usage(prompt_tokens=800, completion_tokens=70))
    opened(path).save({}, estimated=estimates.known, now=NOW)
    opened(path).save({ACCOUNT: (slots(3),)}, now=NOW)  # a process that learnt of no tokens
    opened(path).forget()
    known = opened(path).load(now=NOW)
    assert Estimates(known.estimates).of("acme/large-5", prompt) == estimates.of("acme/large-5", prompt)
    clock[0] += 60
    estimates.learn("acme/large-5", prompt, Usage(prompt_tokens=900, completion_tokens=90))
    opened(path).save({}, estimated=estimates.known, now=NOW + 60)
    opened(path).save({}, estimated=known.estimates, now=NOW + 61)  # which knows less
    assert opened(path).load(now=NOW + 61).estimates == estimates.known
    assert opened(path).load(now=NOW + 8 * DAY).estimates == {}


def test_a_process_at_work_is_known_until_it_ends_or_says_nothing_for_a_while(path: Path) -> None:
    one, other = opened(path), opened(path)
    for slots_now in (9, 2):
        one.save({}, live=Live(scopes=(LiveScope(scope=ACCOUNT, slots=slots_now, waiting=1),)), now=NOW)
    away = {"acme/large-5": NOW + 30}
    other.save({}, live=Live(scopes=(LiveScope(scope=ACCOUNT, slots=3),), circuits=away), now=NOW + 5)
    together = (LiveScope(scope=ACCOUNT, slots=5, waiting=1),)
    assert opened(path).load(now=NOW + 5).live == Live(scopes=together, circuits=away)
    assert opened(path).load(now=NOW + ALIVE).live.scopes == (LiveScope(scope=ACCOUNT, slots=3),)
    other.save({}, now=NOW + 6)
    assert opened(path).load(now=NOW + 6).live == Live(scopes=(LiveScope(scope=ACCOUNT, slots=2, waiting=1),))
    opened(path).save({}, now=NOW + 100)
    assert json.loads(path.read_bytes())["processes"] == []


def test_a_file_without_estimates_is_readable(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"form": 1, "learnt": [], "used": []}')
    assert opened(path).load(now=NOW) == Known()


def test_entries_of_a_clock_that_went_back_count_from_now(path: Path) -> None:
    opened(path).save({}, (used((NOW, 3), seconds=60.0),), now=NOW)
    assert opened(path).load(now=NOW - 1000).entries == (used((NOW - 1000, 3), seconds=60.0),)


def test_two_processes_keep_what_each_of_them_learnt_and_used(path: Path) -> None:
    opened(path).save({ACCOUNT: (slots(9, at=NOW - 50),)}, (used((NOW - 50, 5)),), now=NOW - 50)
    one, two = opened(path), opened(path)
    had = one.load(now=NOW).entries + two.load(now=NOW).entries[:0]
    one.save({ACCOUNT: (slots(2, at=NOW + 1),)}, (used(*had[0].log, (NOW + 1, 1)),), now=NOW + 2)
    two.save({ACCOUNT: (slots(4, at=NOW),), OTHER: (slots(1),)}, (used((NOW + 1, 1)),), now=NOW + 3)
    known = opened(path).load(now=NOW + 4)
    assert known.lessons == {ACCOUNT: (slots(2, at=NOW + 1),), OTHER: (slots(1),)}
    assert known.entries == (used((NOW - 50, 5), (NOW + 1, 2)),)


def test_a_process_that_saves_again_does_not_count_its_calls_twice(path: Path) -> None:
    process = opened(path)
    process.load(now=NOW)
    process.save({}, (used((NOW + 1.5, 2)),), now=NOW + 2)
    # The limiter may tell the same entries with slightly other times, as its clock is another.
    process.save({}, (used((NOW + 1.501, 2), (NOW + 3, 1)),), now=NOW + 4)
    assert opened(path).load(now=NOW + 4).entries == (used((NOW + 1.501, 2), (NOW + 3, 1)),)


@given(st.lists(st.lists(st.integers(1, 9), max_size=4), min_size=1, max_size=5))
def test_nothing_that_was_used_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[int]]
) -> None:
    path = tmp_path_factory.mktemp("state") / "limits.json"
    total, now = 0, NOW
    for amounts in rounds:
        process = opened(path)
        log = [pair for each in process.load(now=now).entries for pair in each.log]
        for amount in amounts:
            now += 1
            log.append((now, amount))
            total += amount
            assert process.save({}, (used(*log),), now=now) == ""
    known = opened(path).load(now=now).entries
    assert sum(amount for each in known for _, amount in each.log) == total


def test_many_that_save_at_once_lose_nothing(path: Path) -> None:
    def save(number: int) -> None:
        scope = Scope("account", f"acme/{number}")
        opened(path).save({scope: (slots(number),)}, (used((NOW, number), scope=scope),), now=NOW)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = opened(path).load(now=NOW)
    assert [int(lesson.amount) for several in known.lessons.values() for lesson in several] == [*range(1, 9)]
    assert len(known.entries) == 8


_PROCESS = """
import sys, pathlib
from panvox.limits.learnt_file import Entries, LearntFile
from panvox.protocols import Scope
file = LearntFile(pathlib.Path(sys.argv[1]), max_age=1e6)
for number in range(20):
    now = 1_800_000_000.0 + number
    log = tuple((1_800_000_000.0 + each, 1) for each in range(number + 1))
    scope = Scope("account", "acme/main")
    assert not file.save({}, (Entries(scope=scope, unit="requests", seconds=86_400.0, log=log),), now=now)
"""


def test_processes_side_by_side_count_what_all_of_them_used(path: Path) -> None:
    command = [sys.executable, "-c", _PROCESS, str(path)]
    here = {"PYTHONPATH": str(Path(panvox.__file__).parents[1])}
    processes = [subprocess.Popen(command, env=here) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    (entries,) = opened(path).load(now=NOW + 20).entries
    assert entries == used(*((NOW + number, 3) for number in range(20)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b'{"form": 1, "learnt": [{"scope": {"kind": "galaxy", "name": "x"}, "lessons": []}]}', "is damaged"),
        (b'{"form": 99}', "another version of panvox"),
    ],
)
def test_a_damaged_file_is_said_ignored_and_written_anew(path: Path, content: bytes, said: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    known = opened(path).load(now=NOW)
    assert (known.lessons, known.entries) == ({}, ())
    assert said in known.problem
    assert str(path) in known.problem
    assert opened(path).save({ACCOUNT: (slots(2),)}, now=NOW) == ""
    assert opened(path).load(now=NOW) == Known(lessons={ACCOUNT: (slots(2),)})


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    problem = opened(tmp_path / "file" / "limits.json").save({}, now=NOW)
    assert problem.startswith("what was learnt of limits cannot be kept in ")


def test_what_was_learnt_can_be_forgotten_and_what_was_used_stays(path: Path) -> None:
    lessons = {ACCOUNT: (slots(2),), OTHER: (slots(1),)}
    opened(path).save(lessons, (used((NOW, 1)),), now=NOW)
    assert opened(path).forget([OTHER]) == ""
    assert opened(path).load(now=NOW).lessons == {ACCOUNT: (slots(2),)}
    assert opened(path).forget() == ""
    assert opened(path).load(now=NOW) == Known(entries=(used((NOW, 1)),))


def test_it_stands_in_the_folder_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert learnt_limits_file() == tmp_path / "panvox" / "limits.json"
