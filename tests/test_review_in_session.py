"""Reviews against a simulated fleet: everybody is asked what fits, everything that came is in the folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

import panvox
from panvox.errors import SelectionError, UsageError
from panvox.messages import MemberEnded, Note, RunEnded, RunStarted, State
from panvox.review.brief import Brief, Screening, brief_in, brief_of, instructions_digest
from panvox.review.contract import RunFile
from panvox.review.findings import Findings
from panvox.review.fitting import Oversize
from panvox.review.folder import Folder
from panvox.review.gathering import Bounds, Wanted, gather
from panvox.review.instructions import Instructions, find_instructions
from panvox.review.material import InputFile, Material
from panvox.simulator import Fleet, Limits, Simulator, VirtualModel, VirtualProvider, find_fault, invented
from tests.flows import BRIEF, PLAIN, host, served

REVIEW, SECURITY, EXPLAIN = (find_instructions(name, None) for name in ("review", "security", "explain"))
CODE = "import os\n\n\ndef run(command, seen=[]):\n    # TODO: quote it\n    os.system(command)\n"
KEY = "sk-proj-" + "Ab3dE5gH7jK9mN1p" * 3


def file(path: str, text: str = CODE) -> InputFile:
    return InputFile(path=path, text=text, sha256=path, bytes=len(text.encode()))


def brief(*files: InputFile, **said: object) -> Brief:
    material = Material(files=files or (file("src/a.py"),))
    return brief_of(REVIEW, material, topic="src", **said)  # type: ignore[arg-type]


brief()  # loads what looks for secrets, which must not happen inside the loop


def model(name: str, **told: object) -> VirtualModel:
    return VirtualModel(name, **{"accuracy": 1.0, "latency": BRIEF, **told})  # type: ignore[arg-type]


def oak(*models: VirtualModel, **provider: object) -> Fleet:
    return Fleet((VirtualProvider("oak", models=models, **provider),))  # type: ignore[arg-type]


def record_in(folder: Path) -> RunFile:
    return msgspec.json.decode((folder / "run.json").read_bytes(), type=RunFile)


def calls_of(simulator: Simulator, provider: str = "oak") -> dict[str, int]:
    return {name: tally.requests for name, tally in simulator.stats().providers[provider].models.items()}


async def test_every_model_reviews_and_a_page_of_each_is_in_the_folder(tmp_path: Path) -> None:
    fleet = Fleet((host("oak", "m", "n"), host("elm", "m")))
    async with served(tmp_path, fleet, more=PLAIN) as (session, _):
        done = await session.review(brief(), parent=tmp_path / "reviews")
    assert {outcome.member.name for outcome in done.outcomes if outcome.answered} == {
        "oak/m",
        "oak/n",
        "elm/m",
    }
    assert done.folder.parent == tmp_path / "reviews"
    assert len(list((done.folder / "models").iterdir())) == 3
    assert (done.folder / "summary.md").exists()
    record = record_in(done.folder)
    assert record.states == done.states == {"answered": 3}
    assert record.ended
    assert record.runs == (done.run,)
    assert [each.path for each in record.inputs] == ["src/a.py"]
    assert done.problem is None


async def test_a_review_is_kept_in_the_store_as_well(tmp_path: Path) -> None:
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, _):
        done = await session.review(brief(), parent=tmp_path)
        stored = await session.store.run(done.run)
    assert [outcome.member.name for outcome in stored.turns[0].outcomes] == ["oak/m"]


async def test_the_prompt_holds_instructions_and_every_file_and_is_what_the_folder_says_was_sent(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, _):
        done = await session.review(brief(file("a.py"), file("b.py", "x = 1\n")), parent=tmp_path)
    sent = (done.folder / "prompt.md").read_text()
    assert REVIEW.text.strip() in sent
    assert CODE in sent
    assert "## b.py" in sent


async def test_listeners_are_told_what_is_reviewed_in_a_line_and_the_end_once_all_is_on_the_disk(
    tmp_path: Path,
) -> None:
    seen: list[object] = []
    async with (
        served(tmp_path, oak(model("m"), model("n")), more=PLAIN) as (session, _),
        session.reviewing(brief(file("a.py"), file("b.py")), parent=tmp_path) as turn,
    ):
        async for event in turn:
            seen.append(event)
            if isinstance(event, RunEnded):
                assert await asyncio.to_thread((turn.folder.path / "summary.md").exists)
    started = next(event for event in seen if isinstance(event, RunStarted))
    assert started.question == "Review: 2 files"
    assert sum(isinstance(event, MemberEnded) for event in seen) == 2


async def test_issues_that_reviews_list_are_found_counted_and_put_into_the_folder(tmp_path: Path) -> None:
    fleet = Fleet(tuple(host(name, "m") for name in ("oak", "elm", "fir")))
    bad = "import subprocess\n\n\ndef run(names):\n    subprocess.run(names[0], shell=True)\n"
    async with served(tmp_path, fleet, more=PLAIN) as (session, _):
        done = await session.review(brief(file("src/bad.py", bad)), parent=tmp_path, synthesis=None)
    assert done.findings is not None
    told = msgspec.json.decode((done.folder / "findings.json").read_bytes(), type=Findings)
    assert told == done.findings
    assert any((issue.path, issue.line) == ("src/bad.py", 5) for issue in told.issues)
    assert told.reviews == 3
    log = msgspec.json.decode((done.folder / "findings.sarif").read_bytes())
    assert len(log["runs"][0]["results"]) == len(told.issues)
    assert "## Findings" in (done.folder / "summary.md").read_text()


async def test_no_issues_are_looked_for_where_nobody_was_asked_for_any(tmp_path: Path) -> None:
    explain = brief_of(EXPLAIN, Material(files=(file("a.py"),)), topic="a")
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, _):
        done = await session.review(explain, parent=tmp_path)
    assert done.findings is None
    assert not (done.folder / "findings.json").exists()


# --- the synthesis ---


async def test_the_strongest_that_has_answered_writes_the_synthesis(tmp_path: Path) -> None:
    models = (model("gpt-5", fault=find_fault("forbidden")), model("m"), model("n"))
    async with served(tmp_path, oak(*models), more=PLAIN) as (session, _):
        done = await session.review(brief(), parent=tmp_path)
    assert done.verdict.synthesis is not None
    assert done.verdict.synthesis.by in {"oak/m", "oak/n"}


async def test_nobody_writes_a_synthesis_of_one_review_or_where_none_is_wanted(tmp_path: Path) -> None:
    fleet = oak(model("m"), model("n"))
    async with served(tmp_path, fleet, more=PLAIN) as (session, simulator):
        one = await session.review(brief(), parent=tmp_path, models=["oak/m"])
        none = await session.review(brief(file("b.py")), parent=tmp_path, synthesis=None)
    assert one.verdict.synthesis is None
    assert none.verdict.synthesis is None
    assert simulator.stats().total.requests == 3


async def test_a_synthesis_by_a_model_that_is_named_is_asked_of_it(tmp_path: Path) -> None:
    fleet = Fleet((host("oak", "m", "n"), host("elm", "writer")))
    async with served(tmp_path, fleet, more=PLAIN) as (session, simulator):
        done = await session.review(brief(), parent=tmp_path, models=["oak/*"], synthesis="elm/writer")
    assert done.verdict.synthesis is not None
    assert done.verdict.synthesis.by == "elm/writer"
    assert calls_of(simulator, "elm")["writer"] >= 1


# --- who cannot take it ---


async def test_a_model_that_is_too_small_is_left_out_with_the_reason(tmp_path: Path) -> None:
    small = '[models]\n"oak/small" = { context = 500 }\n'
    fleet = oak(model("small"), model("large"))
    async with served(tmp_path, fleet, more=PLAIN + small) as (session, simulator):
        done = await session.review(brief(), parent=tmp_path)
    states = {outcome.member.name: outcome.state for outcome in done.outcomes}
    assert states == {"oak/small": State.SKIPPED, "oak/large": State.ANSWERED}
    assert calls_of(simulator)["small"] == 0
    left_out = next(outcome for outcome in done.outcomes if outcome.state is State.SKIPPED)
    assert "has room for" in left_out.reason


async def test_files_are_split_for_a_model_that_is_too_small_where_that_is_wished(tmp_path: Path) -> None:
    small = '[models]\n"oak/small" = { context = 4000 }\n'
    files = [file(f"src/{number}.py", CODE * 40) for number in range(4)]
    async with served(tmp_path, oak(model("small"), model("large")), more=PLAIN + small) as (
        session,
        simulator,
    ):
        done = await session.review(brief(*files, oversize=Oversize.SPLIT), parent=tmp_path, synthesis=None)
    calls = calls_of(simulator)
    assert done.states == {"answered": 2}
    assert calls["large"] == 1
    assert calls["small"] == len(done.fits["oak/small"].prompts) > 1
    assert {each.model: each.note for each in record_in(done.folder).models}["oak/small"]


async def test_everybody_who_can_answer_does_among_faults_limits_and_a_model_of_one_slot(
    tmp_path: Path,
) -> None:
    passing = model("passing", fault=find_fault("unavailable"), faulty=2)
    fleet = Fleet(
        (
            VirtualProvider(
                "oak",
                models=(passing, model("wrong-key", fault=find_fault("unauthorised")), model("m")),
            ),
            VirtualProvider("elm", models=(model("one-slot", limits=Limits(concurrency=1)), model("n"))),
            host("fir", "m", "n", "o", limits=Limits(concurrency=1)),
        )
    )
    quick = "[retry]\nbase = 0.01\n"
    async with served(tmp_path, fleet, more=PLAIN + quick) as (session, _):
        done = await session.review(brief(), parent=tmp_path)
    answered = {outcome.member.name for outcome in done.outcomes if outcome.answered}
    assert answered == {outcome.member.name for outcome in done.outcomes} - {"oak/wrong-key"}
    failed = next(outcome for outcome in done.outcomes if not outcome.answered)
    assert failed.state is State.UNAUTHORISED


# --- going on ---


async def test_a_resumed_review_asks_only_who_has_not_answered(tmp_path: Path) -> None:
    models = (model("m"), model("n"), model("late", fault=find_fault("unavailable"), faulty=1))
    once = "[retry]\nattempts = 1\n[breaker]\nenabled = false\n"
    async with served(tmp_path, oak(*models), more=PLAIN + once) as (session, simulator):
        first = await session.review(brief(), parent=tmp_path, synthesis=None)
        assert first.states == {"answered": 2, "overloaded": 1}
        async with session.resuming(first.folder, synthesis=None) as turn:
            second = await turn.wait_ended()
        assert calls_of(simulator) == {"m": 1, "n": 1, "late": 2}
    assert second.states == {"answered": 3}
    assert second.folder == first.folder
    record = record_in(first.folder)
    assert record.states == {"answered": 3}
    assert record.runs == (first.run, second.run)


async def test_a_finished_review_that_is_resumed_asks_nobody(tmp_path: Path) -> None:
    async with served(tmp_path, oak(model("m"), model("n")), more=PLAIN) as (session, simulator):
        first = await session.review(brief(), parent=tmp_path, synthesis=None)
        async with session.resuming(first.folder, synthesis=None) as turn:
            second = await turn.wait_ended()
        assert simulator.stats().total.requests == 2
    assert [outcome.text for outcome in second.outcomes] == [outcome.text for outcome in first.outcomes]


async def test_models_can_join_a_review_that_is_resumed(tmp_path: Path) -> None:
    async with served(tmp_path, oak(model("m"), model("n")), more=PLAIN) as (session, simulator):
        first = await session.review(brief(), parent=tmp_path, models=["oak/m"])
        async with session.resuming(first.folder, models=["oak/n"], synthesis=None) as turn:
            second = await turn.wait_ended()
        assert calls_of(simulator) == {"m": 1, "n": 1}
    assert second.states == {"answered": 2}


async def test_a_review_of_a_model_that_is_gone_stays_and_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    fleet = oak(model("m"), model("broken", fault=find_fault("forbidden")), model("gone"))
    async with served(tmp_path / "one", fleet, more=PLAIN) as (session, _):
        first = await session.review(brief(), parent=tmp_path, synthesis=None)
    async with (
        served(tmp_path / "two", oak(model("m")), more=PLAIN) as (session, simulator),
        session.resuming(first.folder, synthesis=None) as turn,
    ):
        second = await turn.wait_ended()
        assert simulator.stats().total.requests == 0
    states = {outcome.member.name: outcome for outcome in second.outcomes}
    assert states["oak/gone"].answered
    assert states["oak/broken"].state is State.SKIPPED
    assert "catalogue" in states["oak/broken"].reason


async def test_nobody_is_asked_in_place_of_models_that_are_all_gone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with served(tmp_path / "one", oak(model("m")), more=PLAIN) as (session, _):
        first = await session.review(brief(), parent=tmp_path)
    async with served(tmp_path / "two", oak(model("other")), more=PLAIN) as (session, simulator):
        with pytest.raises(SelectionError, match="--model"):
            async with session.resuming(first.folder):
                pass
        assert simulator.stats().total.requests == 0


async def test_what_had_arrived_when_a_review_was_stopped_is_kept_and_not_asked_for_again(
    tmp_path: Path,
) -> None:
    fleet = oak(model("quick"), model("silent", fault=find_fault("hang-before-head"), faulty=1))
    async with served(tmp_path, fleet, more=PLAIN) as (session, simulator):
        async with session.reviewing(brief(), parent=tmp_path, synthesis=None) as turn:
            async for event in turn:
                if isinstance(event, MemberEnded) and event.outcome.answered:
                    turn.stop("interrupted")
        assert turn.reviewed is not None
        assert turn.reviewed.states == {"answered": 1, "interrupted": 1}
        async with session.resuming(turn.reviewed.folder, synthesis=None) as again:
            done = await again.wait_ended()
        assert calls_of(simulator)["quick"] == 1
    assert done.states == {"answered": 2}


async def test_a_review_ends_at_its_deadline_with_what_there_is(tmp_path: Path) -> None:
    fleet = oak(model("quick"), model("silent", fault=find_fault("hang-before-head")))
    async with served(tmp_path, fleet, more=PLAIN) as (session, _):
        done = await session.review(brief(), parent=tmp_path, deadline=1.0)
    assert done.stopped == "deadline"
    assert done.states == {"answered": 1, "timed_out": 1}
    assert record_in(done.folder).stopped == "deadline"


async def test_one_folder_takes_one_review_at_a_time(tmp_path: Path) -> None:
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, _):
        first = await session.review(brief(), parent=tmp_path)
        async with session.resuming(first.folder):
            with pytest.raises(UsageError, match=first.folder.name):
                async with session.resuming(first.folder):
                    pass


async def test_two_reviews_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    async with (
        served(tmp_path, oak(model("m")), more=PLAIN) as (session, _),
        asyncio.TaskGroup() as tasks,
    ):
        both = [tasks.create_task(session.review(brief(), parent=tmp_path)) for _ in range(2)]
    first, second = (task.result() for task in both)
    assert first.folder != second.folder
    assert first.states == second.states == {"answered": 1}


# --- what is not sent ---


async def test_nothing_is_sent_and_no_folder_made_for_a_plan(tmp_path: Path) -> None:
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, simulator):
        fitted = await session.fitted(brief())
        assert simulator.stats().total.requests == 0
    assert fitted.fits["oak/m"].how == "whole"
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*/run.json")))


async def test_more_bytes_than_the_settings_allow_are_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    few = "[review]\nmax_bytes = 10\n"
    async with served(tmp_path, oak(model("m")), more=PLAIN + few) as (session, simulator):
        with pytest.raises(UsageError, match=r"review\.max_bytes"):
            await session.review(brief(), parent=tmp_path)
        assert simulator.stats().total.requests == 0


def test_a_brief_with_a_secret_is_refused_and_the_value_is_not_told() -> None:
    with pytest.raises(UsageError) as refused:
        brief(file("src/a.py", f'key = "{KEY}"\n'))
    assert "src/a.py:1" in str(refused.value)
    assert KEY not in str(refused.value)


def test_secrets_are_masked_or_let_through_where_that_is_wished() -> None:
    secret = file("src/a.py", f'key = "{KEY}"\n')
    clean = brief(secret, screening=Screening(mask=True))
    assert KEY not in clean.material.files[0].text
    assert any("masked" in note for note in clean.notes)
    for screening in (Screening(everything=True), Screening(allowed=("src/a.py:1",))):
        assert KEY in brief(secret, screening=screening).material.files[0].text


def test_a_secret_in_the_instructions_is_found_and_masked_as_well() -> None:
    told = Instructions(name="given", title="Given", text=f"Use the key {KEY} and review.", source="given")
    material = Material(files=(file("a.py"),))
    with pytest.raises(UsageError, match="instructions"):
        brief_of(told, material, topic="a")
    masked = brief_of(told, material, topic="a", screening=Screening(mask=True))
    assert KEY not in masked.instructions.text
    assert [each.path for each in masked.material.files] == ["a.py"]


def test_an_allowance_that_allows_nothing_is_told() -> None:
    made = brief(screening=Screening(allowed=("nowhere.py",)))
    assert any("nowhere.py" in note for note in made.notes)


async def test_a_brief_comes_back_out_of_its_folder_as_it_went_in(tmp_path: Path) -> None:
    files = (file("a.md", "```\n## b.py\n```\n\n"), file("b.py", "\n\nThe files follow.\n"), file("c", ""))
    told = Instructions(name="given", title="Own", text="\n# Own\n\nLook.\n\nAgain.\n", source="given")
    went_in = brief_of(told, Material(files=files), topic="t", oversize=Oversize.SPLIT, max_tokens=900)
    async with served(tmp_path, oak(model("m")), more=PLAIN) as (session, _):
        done = await session.review(went_in, parent=tmp_path)

    def read() -> Brief:
        with Folder.resume(done.folder) as folder:
            return brief_in(folder.record, folder.prompt)

    came_back = await asyncio.to_thread(read)
    assert came_back.material.files == files
    assert came_back.instructions.text == told.text.strip()
    assert (came_back.oversize, came_back.max_tokens, came_back.title) == (
        Oversize.SPLIT,
        900,
        went_in.title,
    )


def test_a_prompt_whose_instructions_were_changed_is_no_brief() -> None:
    record = RunFile(
        panvox="0",
        topic="t",
        started="",
        instructions="given",
        instructions_source="given",
        instructions_sha256=instructions_digest("Look."),
        prompt_sha256="",
    )
    with pytest.raises(UsageError, match="instructions were changed"):
        brief_in(record, "Obey.\n\nThe files follow.")


async def test_a_note_of_the_brief_is_told_to_whoever_follows(tmp_path: Path) -> None:
    let_through = brief(screening=Screening(everything=True))
    notes = []
    async with (
        served(tmp_path, oak(model("m")), more=PLAIN) as (session, _),
        session.reviewing(let_through, parent=tmp_path) as turn,
    ):
        notes = [event.text async for event in turn if isinstance(event, Note)]
    assert any("--allow-secrets" in note for note in notes)


async def test_the_public_functions_review_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(CODE)
    fleet = invented(providers=1, models=2)
    material = await asyncio.to_thread(
        lambda: gather(Wanted(paths=("src",)), where=tmp_path, bounds=Bounds())
    )
    made = brief_of(SECURITY, material, topic="src")
    async with served(tmp_path, fleet, more=PLAIN) as (session, _):
        done = await panvox.review_files(
            made, parent=tmp_path / "out", settings=session.settings, synthesis=None
        )
    assert done.verdict.asked == 2
