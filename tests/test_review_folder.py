"""What arrives is in the folder: through kill -9, full disks, deleted folders and other processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import panvox
from panvox import whole_files
from panvox.engine import Member, Run
from panvox.errors import Category, Failure, RateLimited, UsageError
from panvox.messages import (
    Answer,
    Attempt,
    End,
    Event,
    Finish,
    Identity,
    Outcome,
    Prompt,
    RunEnded,
    State,
    Text,
    Usage,
)
from panvox.review import contract, ledger_file
from panvox.review.contract import InputRecord, RunFile
from panvox.review.fitting import Fit
from panvox.review.folder import Folder
from panvox.review.ledger_file import LedgerFile, Line
from panvox.review.material import LeftOut
from panvox.testing import ScriptedModel
from panvox.verdicts import Sentence, Synthesis, Verdict

PROMPT = "# Review\r\n\n## a.py\n\n```\nprint('Zürich')\n```\n"
RECORD = RunFile(
    panvox="1.2.3",
    topic="src",
    started="2026-11-27T14:50:00+00:00",
    instructions="review",
    instructions_source="shipped",
    instructions_sha256="0" * 64,
    prompt_sha256="",
    inputs=(InputRecord(path="a.py", sha256="1" * 64, bytes=12),),
    left_out=(LeftOut("b.png", "binary"),),
)
ASKED = ("acme/one", "acme/two", "../../etc/passwd")


def member(name: str) -> Identity:
    return Identity(name=name, provider="acme", model=name, lineage=name)


def review(name: str, text: str = "Fine.", *, cost: str = "0.01") -> Outcome:
    usage = Usage(prompt_tokens=100, completion_tokens=20)
    attempt = Attempt(started=0.0, duration=1.5, state=State.ANSWERED, status=200, cost=Decimal(cost))
    return Outcome(
        member=member(name),
        state=State.ANSWERED,
        answer=Answer(text=text, finish=Finish.STOP, usage=usage, model=f"{name}-2026"),
        attempts=(attempt,),
        duration=1.5,
    )


def failure(name: str, text: str = "", *, said: str = "slow down") -> Outcome:
    fault = RateLimited(said, status=429).fault
    attempt = Attempt(
        started=0.0, duration=0.5, state=State.RATE_LIMITED, status=429, message=said, in_flight=7
    )
    answer = Answer(text=text) if text else None
    return Outcome(
        member=member(name), state=State.RATE_LIMITED, fault=fault, answer=answer, attempts=(attempt,)
    )


def ended(*outcomes: Outcome, run: str = "run-1") -> RunEnded:
    verdict = Verdict(asked=len(ASKED), answered=sum(each.answered for each in outcomes))
    return RunEnded(run=run, turn=0, verdict=verdict, states={}, duration=2.0)


@asynccontextmanager
async def entered(folder: AbstractContextManager[Folder]) -> AsyncIterator[Folder]:
    """The folder, opened and closed beside the loop."""
    opened = await asyncio.to_thread(folder.__enter__)
    try:
        yield opened
    finally:
        await asyncio.to_thread(folder.__exit__, None, None, None)


async def landing(folder: Folder, *outcomes: Outcome, run: str = "run-1") -> None:
    """A run in which these land."""
    await folder.begin(run, 0, Prompt.of("?"), tuple(map(member, ASKED)))
    for outcome in outcomes:
        await folder.outcome(run, 0, outcome)
    await folder.finish(ended(*outcomes, run=run))


async def reviewed(parent: Path, *outcomes: Outcome) -> Path:
    """A folder in which these have landed."""
    async with entered(Folder.create(parent, RECORD, PROMPT)) as folder:
        await landing(folder, *outcomes)
    return folder.path


def run_file(folder: Path) -> RunFile:
    return contract.decode((folder / "run.json").read_bytes())


def lines_of(folder: Path) -> list[Line]:
    return [ledger_file_line(data) for data in (folder / "ledger.jsonl").read_bytes().splitlines()]


def ledger_file_line(data: bytes) -> Line:
    return msgspec.json.decode(data, type=Line)


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}


# --- a new folder ---


async def test_a_review_is_in_its_folder_as_it_was_sent_and_as_it_came(tmp_path: Path) -> None:
    outcomes = (review("acme/one", "One.\n"), failure("acme/two"), review("../../etc/passwd", "Three."))
    folder = await reviewed(tmp_path / "reviews", *outcomes)
    assert folder == tmp_path / "reviews" / "20261127-145000-src"
    assert files_of(folder) == {
        "prompt.md",
        "run.json",
        "ledger.jsonl",
        "summary.md",
        "models/acme_one.md",
        "models/_.._etc_passwd.md",
    }
    assert (folder / "prompt.md").read_bytes() == PROMPT.encode()
    assert [line.outcome for line in lines_of(folder)] == list(outcomes)
    told = run_file(folder)
    assert told.prompt_sha256 == hashlib.sha256(PROMPT.encode()).hexdigest()
    assert (told.runs, told.duration, told.cost, told.ended) == (("run-1",), 2.0, Decimal("0.02"), "")
    assert told.states == {"answered": 2, "rate_limited": 1}
    one, two, _ = told.models
    assert (one.model, one.page, one.version) == ("acme/one", "acme_one.md", "acme/one-2026")
    assert (one.usage, one.cost, one.finish) == (outcomes[0].answer.usage, Decimal("0.01"), Finish.STOP)  # type: ignore[union-attr]
    assert (two.category, two.status, two.message) == (Category.RATE_LIMITED, 429, "slow down")
    assert two.attempts == outcomes[1].attempts


async def test_nobody_else_can_read_a_review(tmp_path: Path) -> None:
    folder = await reviewed(tmp_path, review("acme/one"))
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_two_reviews_at_one_time_have_folders_of_their_own(tmp_path: Path) -> None:
    async with (
        entered(Folder.create(tmp_path, RECORD, PROMPT)) as first,
        entered(Folder.create(tmp_path, RECORD, PROMPT)) as second,
    ):
        await landing(first, review("acme/one", "first"))
        await landing(second, review("acme/one", "second"))
    assert second.path.name == f"{first.path.name}-2"
    assert "first" in (first.path / "models" / "acme_one.md").read_text()
    assert "second" in (second.path / "models" / "acme_one.md").read_text()


async def test_members_that_have_not_ended_are_told_from_the_beginning(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        folder.fitted({"acme/two": Fit(tokens=9, room=1, how="skip", prompts=(), note="too small")})
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        told = run_file(folder.path)
    assert [(each.model, each.state, each.note) for each in told.models] == [
        ("acme/one", State.WAITING, ""),
        ("acme/two", State.WAITING, "too small"),
        ("../../etc/passwd", State.WAITING, ""),
    ]


async def test_how_the_prompt_was_made_to_fit_is_told(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        folder.fitted({"acme/one": Fit(tokens=9, room=5, how="split", prompts=(), note="asked in 3 parts")})
        await landing(folder, review("acme/one"))
    assert "asked in 3 parts" in (folder.path / "models" / "acme_one.md").read_text()
    assert run_file(folder.path).models[0].note == "asked in 3 parts"


async def test_a_run_that_is_cut_short_keeps_what_had_landed(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        await folder.outcome("run-1", 0, review("acme/one"))
    assert [line.member.name for line in lines_of(folder.path)] == ["acme/one"]
    assert run_file(folder.path).models[0].state is State.ANSWERED


async def test_what_lands_after_the_folder_was_closed_is_told(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await landing(folder, review("acme/one"))
    await folder.outcome("run-1", 0, review("acme/two"))
    assert folder.problem == f"{folder.path} was closed before the review had ended"


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        UsageError, match=r"no folder for the review can be made in .*file: (file exists|not a)"
    ):
        Folder.create(tmp_path / "file", RECORD, PROMPT).__enter__()


def test_a_text_that_cannot_be_spelled_loses_what_is_wrong_with_it_and_nothing_else() -> None:
    line = Line.of(review("acme/one", "a\ud800b"))
    assert ledger_file_line(ledger_file.encode(line)).text == "a?b"


# --- resuming ---


async def test_a_resumed_review_keeps_answers_asks_failures_again_and_adds_up(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"), failure("acme/two"))
    page = (first / "models" / "acme_one.md").read_bytes()
    async with entered(Folder.resume(first)) as folder:
        assert folder.prompt == PROMPT
        assert folder.kept == (review("acme/one"),)
        assert folder.record.instructions == "review"
        await landing(folder, *folder.kept, review("acme/two", cost="0.02"), run="run-2")
        await folder.conclude(Verdict(asked=3, answered=2))
    told = run_file(first)
    assert [line.member.name for line in lines_of(first)] == ["acme/one", "acme/two", "acme/two"]
    assert told.runs == ("run-1", "run-2")
    assert (told.duration, told.cost) == (4.0, Decimal("0.03"))
    assert told.states == {"answered": 2, "waiting": 1}
    assert told.ended
    assert (first / "models" / "acme_one.md").read_bytes() == page


async def test_a_resumed_run_asks_nobody_twice(tmp_path: Path) -> None:
    def asked(name: str, *script: Event | Failure) -> Member:
        return Member(Identity(name=name, lineage=name), ScriptedModel(name, script))

    one = asked("one", Text("First."), End(Finish.STOP))
    two = asked("two", RateLimited("slow down"))
    async with (
        entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder,
        Run([one, two], journal=folder).turn(Prompt.of(PROMPT)) as turn,
    ):
        await turn.wait_ended()
    two = asked("two", Text("Second."), End(Finish.STOP))
    async with entered(Folder.resume(folder.path)) as again:
        run = Run([one, two], journal=again)
        async with run.turn(Prompt.of(again.prompt), landed=again.kept) as turn:
            last = await turn.wait_ended()
    assert [len(member.model.prompts) for member in (one, two)] == [1, 1]  # type: ignore[attr-defined]
    assert last.states == {"answered": 2}
    assert [line.member.name for line in lines_of(folder.path)] == ["one", "two", "two"]
    assert [model.state for model in run_file(folder.path).models] == [State.ANSWERED] * 2


async def test_a_page_of_what_had_arrived_gives_way_to_the_review(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, failure("acme/one", "It begins"))
    page = first / "models" / "acme_one.md"
    assert "Incomplete" in page.read_text()
    async with entered(Folder.resume(first)) as folder:
        assert folder.kept == ()
        await landing(folder, review("acme/one", "It is whole."), run="run-2")
    assert "It is whole." in page.read_text()
    assert "Incomplete" not in page.read_text()


async def test_a_review_is_not_replaced_by_a_failure(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await landing(folder, review("acme/one", "It is whole."), failure("acme/one", "It beg"))
    assert "It is whole." in (folder.path / "models" / "acme_one.md").read_text()
    assert run_file(folder.path).models[0].state is State.ANSWERED


async def test_what_somebody_wrote_into_pages_stays(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"), failure("acme/two", "It begins"))
    mine = {name: f"My words on {name}\n" for name in ("acme_one.md", "acme_two.md")}
    for name, text in mine.items():
        (first / "models" / name).write_text(text)
    (first / "summary.md").write_text("My summary\n")
    async with entered(Folder.resume(first)) as folder:
        await landing(folder, *folder.kept, review("acme/two", "It is whole."), run="run-2")
    for name, text in mine.items():
        assert (first / "models" / name).read_text() == text
    assert "It is whole." in (first / "models" / "acme_two-2.md").read_text()
    assert (first / "summary.md").read_text() == "My summary\n"
    assert "acme_two-2.md" in (first / "summary-2.md").read_text()


async def test_missing_pages_are_written_again(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"), review("acme/two"))
    page = (first / "models" / "acme_one.md").read_bytes()
    shutil.rmtree(first / "models")
    async with entered(Folder.resume(first)) as folder:
        assert folder.problem is None
    assert (first / "models" / "acme_one.md").read_bytes() == page
    assert (first / "models" / "acme_two.md").is_file()


async def test_names_stay_when_a_resumed_review_asks_more(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"))
    async with entered(Folder.resume(first)) as folder:
        await folder.begin("run-2", 0, Prompt.of("?"), tuple(map(member, ("acme_one", "acme/one"))))
        await folder.outcome("run-2", 0, review("acme_one", "Another."))
        await folder.finish(ended())
    pages = {model.model: model.page for model in run_file(first).models}
    assert pages["acme/one"] == "acme_one.md"
    assert pages["acme_one"].startswith("acme_one-")
    assert "Another." in (first / "models" / pages["acme_one"]).read_text()


@pytest.mark.parametrize("torn", [b'{"member": {"name": "acme/two"', b"\0" * 4096, b"{"])
async def test_a_line_that_was_torn_is_repaired(tmp_path: Path, torn: bytes) -> None:
    first = await reviewed(tmp_path, review("acme/one"))
    ledger = first / "ledger.jsonl"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + torn)
    async with entered(Folder.resume(first)) as folder:
        assert (folder.kept, folder.notes) == ((review("acme/one"),), ())
        await landing(folder, *folder.kept, review("acme/two"), run="run-2")
    assert [line.outcome for line in lines_of(first)] == [review("acme/one"), review("acme/two")]


async def test_a_line_that_cannot_be_read_is_passed_over_and_told(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"), review("acme/two"))
    ledger = first / "ledger.jsonl"
    one, two = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(one + b'{"member": 7}\n' + two)
    async with entered(Folder.resume(first)) as folder:
        assert folder.kept == (review("acme/one"), review("acme/two"))
        (note,) = folder.notes
    assert note.startswith(f"line 2 of {ledger} cannot be read and is passed over: ")


async def test_a_missing_ledger_is_told(tmp_path: Path) -> None:
    first = await reviewed(tmp_path, review("acme/one"))
    (first / "ledger.jsonl").unlink()
    async with entered(Folder.resume(first)) as folder:
        assert folder.kept == ()
        assert folder.notes == (f"{first / 'ledger.jsonl'} is missing: all models are asked again",)


@given(
    outcomes=st.lists(st.sampled_from([review("a"), review("b", "é\n"), failure("a", "x")])),
    cut=st.integers(0),
)
def test_wherever_a_ledger_is_cut_whole_lines_are_read(
    tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome], cut: int
) -> None:
    data = [ledger_file.encode(Line.of(outcome, note="n")) for outcome in outcomes]
    whole = b"".join(data)
    cut %= len(whole) + 1
    path = tmp_path_factory.mktemp("cut") / "ledger.jsonl"
    path.write_bytes(whole[:cut])
    found, problems = ledger_file.read(path)
    ends = [sum(map(len, data[: number + 1])) for number in range(len(data))]
    assert [line.outcome for line in found] == outcomes[: sum(end - 1 <= cut for end in ends)]
    assert problems == []
    again, _ = ledger_file.read(path)
    assert again == found
    assert path.read_bytes() == b"".join(data[: len(found)])


def _without_run(folder: Path) -> None:
    (folder / "run.json").unlink()


def _damaged(folder: Path) -> None:
    (folder / "run.json").write_text('{"version": 1, "topic"')


def _newer(folder: Path) -> None:
    document = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(document | {"version": 2}))


def _changed_prompt(folder: Path) -> None:
    (folder / "prompt.md").write_text("Something else")


def _without_prompt(folder: Path) -> None:
    (folder / "prompt.md").unlink()


def _gone(folder: Path) -> None:
    shutil.rmtree(folder)


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_run, r"is not the folder of a review: it has no run\.json"),
        (_damaged, r"run\.json is damaged \(.*\): put back a copy of it, or start a new review"),
        (_newer, r"run\.json is of version 2 and this panvox reads versions up to 1: use a newer panvox"),
        (_changed_prompt, r"prompt\.md is not what was sent, .* put the old one back, or start a new review"),
        (_without_prompt, r"prompt\.md, the text that was sent, is missing"),
        (_gone, r"there is no folder "),
        (_a_file, r"is a file: name the folder of a review"),
    ],
)
async def test_what_is_no_review_that_can_go_on_is_told(tmp_path: Path, spoil: object, said: str) -> None:
    folder = await reviewed(tmp_path, review("acme/one"))
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(UsageError, match=said):
        async with entered(Folder.resume(folder)):
            pass


async def test_pages_that_a_ledger_names_elsewhere_are_not_written(tmp_path: Path) -> None:
    folder = await reviewed(tmp_path, review("acme/one"))
    line = Line.of(review("acme/two"), page="../../stolen.md", page_sha256="0")
    with (folder / "ledger.jsonl").open("ab") as ledger:
        ledger.write(ledger_file.encode(line))
    async with entered(Folder.resume(folder)) as again:
        await landing(again, *again.kept, run="run-2")
    assert not (tmp_path / "stolen.md").exists()


# --- others ---


async def test_one_process_at_a_time_writes_to_a_folder_and_the_other_is_told_who_does(
    tmp_path: Path,
) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        said = rf"is being written to by process {os.getpid()} since 2\d\d\d-.*: wait for its end, or stop it"
        with pytest.raises(UsageError, match=said):
            async with entered(Folder.resume(folder.path)):
                pass
        await landing(folder, review("acme/one"))
    async with entered(Folder.resume(folder.path)) as again:
        assert again.kept == (review("acme/one"),)


KILLED = """
import asyncio, os, sys
from pathlib import Path
from tests.test_review_folder import PROMPT, RECORD, ASKED, member, review
from panvox.messages import Prompt
from panvox.review.folder import Folder

async def main():
    with Folder.create(Path(sys.argv[1]), RECORD, PROMPT) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        await folder.outcome("run-1", 0, review("acme/one"))
        await folder.outcome("run-1", 0, review("acme/two"))
        page = folder.path / "models" / "acme_two.md"
        while not page.exists():
            await asyncio.sleep(0.01)
        print(folder.path, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_had_arrived_before_kill_9_is_there_and_the_lock_is_not(tmp_path: Path) -> None:
    def killed() -> Path:
        source = Path(panvox.__file__).parents[1]
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{Path(__file__).parents[1]}"},  # noqa: TID251
        )
        assert process.stdout is not None
        with process.stdout:
            path = Path(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
            process.wait()
        return path

    path = await asyncio.to_thread(killed)
    async with entered(Folder.resume(path)) as folder:
        assert {outcome.member.name for outcome in folder.kept} == {"acme/one", "acme/two"}
        assert [model.model for model in folder.record.models] == list(ASKED)


# --- disks that are full, and folders that go ---


@contextmanager
def no_file_longer_than(most: int) -> Iterator[None]:
    """As on a full disk: the kernel refuses whatever comes after so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_what_finds_no_room_is_told_and_what_had_arrived_is_kept(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        with no_file_longer_than(8_000):
            await folder.outcome("run-1", 0, review("acme/one"))
            await folder.outcome("run-1", 0, review("acme/two", "long " * 4_000))
            await folder.finish(ended())
            problem = folder.problem
            assert [line.member.name for line in lines_of(folder.path)] == ["acme/one"]
            assert files_of(folder.path) >= {"models/acme_one.md", "summary.md"}
            assert "models/acme_two.md" not in files_of(folder.path)
            assert run_file(folder.path).problem == problem
    assert problem == (
        f"{folder.path}/ledger.jsonl could not be written: file too large; free some space and run "
        f"`panvox review --resume {folder.path}`"
    )


async def test_what_found_no_room_is_written_once_there_is_some(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        with no_file_longer_than(8_000):
            await folder.outcome("run-1", 0, review("acme/two", "long " * 4_000))
            await folder.conclude(Verdict(asked=3, answered=1))
            before = folder.problem
        await folder.finish(ended())
        assert (before is None, folder.problem) == (False, None)
    assert [line.member.name for line in lines_of(folder.path)] == ["acme/two"]
    assert "models/acme_two.md" in files_of(folder.path)
    assert run_file(folder.path).problem == ""


async def test_on_a_disk_that_is_really_full_nothing_is_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk of its own can be mounted here")
    try:
        async with entered(Folder.create(disk, RECORD, PROMPT)) as folder:
            await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
            await folder.outcome("run-1", 0, review("acme/one"))
            await folder.outcome("run-1", 0, review("acme/two", "long " * 40_000))
            await folder.finish(ended())
            assert "no space left on device; free some space and run" in (folder.problem or "")
        async with entered(Folder.resume(folder.path)) as again:
            assert [outcome.member.name for outcome in again.kept] == ["acme/one"]
        assert not [path for path in folder.path.rglob(".*") if path.name != ".lock"]
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", str(disk)], check=True)


def test_a_write_that_ends_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    room = [10]

    def write(file: int, data: memoryview) -> int:
        written = os.write(file, data[: room[0]]) if room[0] else 0
        if not written:
            raise OSError(28, "No space left on device")
        room[0] -= written
        return written

    ledger = LedgerFile(tmp_path / "ledger.jsonl", write=write)
    ledger.append(b"12345\n")
    with pytest.raises(OSError, match="No space left"):
        ledger.append(b"67890\n")
    room[0] = 100
    ledger.append(b"abc\n")
    ledger.close()
    assert (tmp_path / "ledger.jsonl").read_bytes() == b"12345\nabc\n"


def test_a_device_that_is_full_says_so() -> None:
    ledger = LedgerFile(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        ledger.append(b"1\n")
    ledger.close()


async def test_a_folder_that_is_deleted_meanwhile_costs_no_answer_and_is_told(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        await asyncio.to_thread(shutil.rmtree, folder.path)
        await folder.outcome("run-1", 0, review("acme/one"))
        await folder.finish(ended())
        await folder.conclude(Verdict(asked=3, answered=1))
        problem = folder.problem or ""
    assert "the folder is gone; what arrived is kept in the store, see `panvox show run-1`" in problem
    assert not folder.path.exists()


async def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await folder.begin("run-1", 0, Prompt.of("?"), tuple(map(member, ASKED)))
        folder.path.chmod(0o500)
        if os.access(folder.path, os.W_OK):
            pytest.skip("nothing is denied to this user")
        await folder.outcome("run-1", 0, review("acme/one"))
        await folder.finish(ended())
        assert "permission denied; make the folder writable and run" in (folder.problem or "")
        folder.path.chmod(0o700)
    assert (folder.path / "models" / "acme_one.md").is_file()


# --- what it amounts to ---


async def test_a_review_ends_with_all_that_it_amounts_to(tmp_path: Path) -> None:
    synthesis = Synthesis(
        by="acme/writer",
        text="All is well.",
        sentences=(Sentence("All is well.", supporters=("acme/one",)),),
        calls=2,
        cost=Decimal("0.5"),
    )
    verdict = Verdict(asked=3, answered=1, synthesis=synthesis)
    async with entered(Folder.create(tmp_path, RECORD, PROMPT)) as folder:
        await landing(folder, review("acme/one"))
        await folder.conclude(verdict, findings=b'{"issues":[]}', sarif=b'{"runs":[]}')
    assert "[1](models/acme_one.md)" in (folder.path / "synthesis.md").read_text()
    assert (folder.path / "findings.json").read_bytes() == b'{"issues":[]}'
    assert (folder.path / "findings.sarif").read_bytes() == b'{"runs":[]}'
    told = run_file(folder.path)
    assert told.cost == Decimal("0.51")
    assert told.synthesis is not None
    assert told.synthesis.by == "acme/writer"
    assert "[synthesis](synthesis.md)" in (folder.path / "summary.md").read_text()
    async with entered(Folder.resume(folder.path)) as again:
        assert again.record.ended == ""
        await landing(again, *again.kept, run="run-2")
        await again.conclude(verdict, findings=b"{}")
    assert (folder.path / "findings.json").read_bytes() == b"{}"
    assert not (folder.path / "findings-2.json").exists()


async def test_run_json_keeps_to_its_schema_and_has_no_review_in_it(tmp_path: Path) -> None:
    folder = await reviewed(tmp_path, review("acme/one", "SECRET REVIEW"), failure("acme/two"))
    document = json.loads((folder / "run.json").read_bytes())
    schema = contract.schema()
    properties = schema["$defs"]["RunFile"]["properties"]
    assert document.keys() <= properties.keys()
    assert document["cost"] == "0.01"
    assert b"SECRET REVIEW" not in (folder / "run.json").read_bytes()


def test_a_file_that_outlasts_a_stopped_machine_is_written_whole(tmp_path: Path) -> None:
    whole_files.write(tmp_path / "file", b"one", durable=True)
    whole_files.write(tmp_path / "file", b"two", durable=True)
    assert (tmp_path / "file").read_bytes() == b"two"
    assert [path.name for path in tmp_path.glob("*file*")] == ["file"]
