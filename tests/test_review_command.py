"""`panvox review`, as people call it: files in, a folder out, exit codes, and going on after the worst."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import panvox.compose.opening  # what commands would load inside the loop
import panvox.store  # noqa: F401
from panvox.cli import app
from panvox.review.instructions import find_instructions
from panvox.simulator import Fleet, Latency, Simulator, VirtualModel, VirtualProvider, find_fault
from tests.command import PANVOX, served
from tests.command import panvox as command
from tests.flows import until

CODE = "import os\n\n\ndef run(command, seen=[]):\n    # TODO: quote it\n    os.system(command)\n"
KEY = "sk-proj-" + "Ab3dE5gH7jK9mN1p" * 3
SWIFT = Latency(first_token=0.001, spread=0, slow_share=0, rate=40_000)
ONCE = "\n[retry]\nattempts = 1\n[breaker]\nenabled = false\n[cache]\nenabled = false\n"


def model(name: str, **told: object) -> VirtualModel:
    return VirtualModel(name, **{"accuracy": 1.0, "latency": SWIFT, **told})  # type: ignore[arg-type]


def oak(*models: VirtualModel) -> Fleet:
    return Fleet((VirtualProvider("oak", models=models),))


def calls_of(simulator: Simulator) -> dict[str, int]:
    return {name: tally.requests for name, tally in simulator.stats().providers["oak"].models.items()}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project, which is the current one."""
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text(CODE)
    (folder / "src" / "b.py").write_text("x = 1\n")
    monkeypatch.chdir(folder)
    return folder


def write_once(project: Path, more: str = ONCE) -> None:
    """Settings by which a call is tried once."""
    with (project / "panvox.toml").open("a") as settings:
        settings.write(more)


@pytest.fixture
def fleet(project: Path) -> Iterator[Callable[..., Simulator]]:
    """Serves a fleet for the rest of the test; settings in the project try once and keep no cache."""
    with ExitStack() as stack:

        def serve(*models: VirtualModel, more: str = ONCE) -> Simulator:
            simulator = stack.enter_context(served(oak(*models), project))
            write_once(project, more)
            return simulator

        yield serve


def folders(project: Path) -> list[Path]:
    return sorted(path for path in (project / "panvox-reviews").iterdir() if path.is_dir())


Serve = Callable[..., Simulator]


# --- what comes out ---


def test_a_review_leaves_a_folder_and_tells_where(
    fleet: Serve, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet(model("m"), model("n"))
    assert app.run(["review", "src"]) == 0
    told = capsys.readouterr()
    (folder,) = folders(project)
    assert told.out == f"panvox-reviews/{folder.name}\n"
    assert "2 of 2 models reviewed" in told.err
    assert "models/ with 2 pages" in told.err
    assert "synthesis.md" in told.err
    assert {each.name for each in (folder / "models").iterdir()} == {"oak_m.md", "oak_n.md"}
    assert (project / "panvox-reviews" / ".gitignore").read_text() == "*\n"


def test_the_folder_can_be_somewhere_else_and_is_all_that_is_printed_where_that_is_wished(
    fleet: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet(model("m"))
    assert app.run(["review", "src", "--output", str(tmp_path / "out"), "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert Path(told.out.strip()).parent == tmp_path / "out"
    assert not (tmp_path / "out" / ".gitignore").exists()


def test_json_tells_every_event_and_in_the_end_the_folder(project: Path) -> None:
    with served(oak(model("m"), model("n", fault=find_fault("forbidden"))), project):
        done = command("review", "src", "--json", cwd=project)
    assert done.returncode == 3, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines].count("member_ended") == 2
    assert lines[0]["question"] == "Review: 2 files"
    last = lines[-1]
    assert last["type"] == "review_ended"
    assert (last["asked"], last["answered"]) == (2, 1)
    assert Path(last["folder"]).name == folders(project)[0].name
    assert last["resume"].startswith("panvox review --resume ")


def test_who_failed_is_told_with_status_words_attempts_and_what_to_do(
    fleet: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet(model("m"), model("broken", fault=find_fault("unauthorised")))
    assert app.run(["review", "src", "--verbose"]) == 3
    told = capsys.readouterr().err
    assert "1 unauthorised  oak/broken" in told
    assert "HTTP 401: " in told
    assert "1 attempt in " in told
    assert "in flight" in told
    assert "→ " in told
    assert "panvox review --resume panvox-reviews/" in told
    assert "oak/m 1/1: answered" in told


@pytest.mark.parametrize(
    ("faults", "options", "code"),
    [
        ((None, None), (), 0),
        ((None, "forbidden"), (), 3),
        ((None, "forbidden"), ("--partial-success-ok",), 0),
        (("forbidden", "forbidden"), (), 1),
        (("forbidden", "forbidden"), ("--partial-success-ok",), 1),
    ],
)
def test_the_exit_code_tells_whether_all_reviewed(
    fleet: Serve, faults: tuple[str | None, ...], options: tuple[str, ...], code: int
) -> None:
    fleet(*(model(f"m{at}", fault=find_fault(f) if f else None) for at, f in enumerate(faults)))
    assert app.run(["review", "src", *options]) == code


def test_a_model_that_is_too_small_counts_as_one_that_did_not_review(
    fleet: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet(model("m"), model("small"), more=f'{ONCE}\n[models]\n"oak/small" = {{ context = 400 }}\n')
    assert app.run(["review", "src"]) == 3
    assert "1 skipped  oak/small" in capsys.readouterr().err


# --- what goes in ---


def test_models_are_named_one_by_one_by_pattern_or_all(fleet: Serve) -> None:
    simulator = fleet(model("m"), model("n"), model("o"))
    assert app.run(["review", "src", "--model", "oak/m", "--model", "oak/n", "--no-synthesis"]) == 0
    assert calls_of(simulator) == {"m": 1, "n": 1, "o": 0}
    assert app.run(["review", "src", "-m", "oak/*,!oak/m", "--no-synthesis"]) == 0
    assert calls_of(simulator) == {"m": 1, "n": 2, "o": 1}
    assert app.run(["review", "src", "--all-models", "--no-synthesis"]) == 0
    assert calls_of(simulator) == {"m": 2, "n": 3, "o": 2}


@pytest.mark.parametrize("given", ["security", "own.md", "Look for races, nothing else."])
def test_instructions_are_a_set_a_file_or_words(fleet: Serve, project: Path, given: str) -> None:
    fleet(model("m"))
    (project / "own.md").write_text("# Own\n\nFind typing errors.\n")
    assert app.run(["review", "-i", given, "src"]) == 0
    sent = (folders(project)[0] / "prompt.md").read_text()
    told = {"security": find_instructions("security", None).text.strip(), "own.md": "Find typing errors."}
    assert told.get(given, given) in sent


def test_standard_input_is_reviewed(project: Path) -> None:
    with served(oak(model("m")), project):
        done = command("review", "-", "--quiet", stdin=b"print(1)\n", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "## <stdin>" in (project / done.stdout.strip() / "prompt.md").read_text()


def test_what_is_not_committed_is_reviewed(fleet: Serve, project: Path) -> None:
    fleet(model("m"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q"], ["add", "src"], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *arguments], check=True, cwd=project)
    (project / "src" / "b.py").write_text("x = 2\n")
    assert app.run(["review", "src", "--diff"]) == 0
    sent = (folders(project)[0] / "prompt.md").read_text()
    assert "+x = 2" in sent


def test_a_range_of_revisions_is_reviewed_and_paths_limit_it(fleet: Serve, project: Path) -> None:
    fleet(model("m"))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for number in (1, 2):
        for name in ("a", "b"):
            (project / "src" / f"{name}.py").write_text(f"{name} = {number}\n")
        for arguments in (["init", "-q"], ["add", "src"], ["commit", "-qm", f"Change {number}"]):
            subprocess.run([*git, *arguments], check=True, cwd=project)
    assert app.run(["review", "--range", "HEAD~1..HEAD", "src/b.py"]) == 0
    sent = (folders(project)[0] / "prompt.md").read_text()
    assert "+b = 2" in sent
    assert "+a = 2" not in sent
    assert CODE not in sent


def test_secrets_stop_a_review_before_anything_is_sent(
    fleet: Serve, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = fleet(model("m"))
    (project / "src" / "c.py").write_text(f'key = "{KEY}"\n')
    assert app.run(["review", "src"]) == 2
    told = capsys.readouterr()
    assert "src/c.py:1" in told.err
    assert KEY not in told.err
    assert simulator.stats().total.requests == 0
    assert not (project / "panvox-reviews").exists()
    assert app.run(["review", "src", "--mask-secrets"]) == 0
    assert KEY not in (folders(project)[0] / "prompt.md").read_text()


def test_a_plan_sends_nothing_and_makes_no_folder(
    fleet: Serve, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = fleet(model("m"))
    assert app.run(["review", "src", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "src/a.py" in told
    assert "oak/m" in told
    assert simulator.stats().total.requests == 0
    assert not (project / "panvox-reviews").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "there is nothing to review"),
        (["nowhere.py"], "nowhere.py"),
        (["src", "-i", "revew"], "revew"),
        (["src", "--oversize", "shrink"], "shrink"),
        (["src", "--deadline", "0"], "--deadline 0"),
        (["src", "--max-tokens", "0"], "--max-tokens 0"),
        (["src", "--budget", "much"], "much"),
        (["src", "--tag", "A B"], "A B"),
        (["src", "--json", "--quiet"], "leave out --quiet"),
        (["src", "--verbose", "--quiet"], "leave out --verbose"),
        (["src", "--all-models", "--model", "oak/m"], "--all-models"),
        (["src", "--no-synthesis", "--synthesis-model", "oak/m"], "contradict"),
        (["src", "--synthesis-model", " "], "names nobody"),
        (["src", "--model", "oak/nobody"], "oak/nobody"),
        (["src", "--provider-rpm", "oak"], "oak"),
        (["src", "--diff"], "git"),
        (["--resume", "nowhere"], "nowhere"),
        (["--resume", "src"], "src"),
        (["src", "--resume", "src"], "leave out paths"),
        (["-i", "review", "--resume", "src"], "--instructions"),
        (["--resume", "src", "--oversize", "split"], "--oversize"),
        (["--resume", "src", "--output", "x"], "--output"),
        (["--resume", "src", "--dry-run"], "--resume"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    arguments: list[str], why: str, fleet: Serve, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = fleet(model("m"))
    assert app.run(["review", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert why in told.err
    assert "unexpected error" not in told.err
    assert simulator.stats().total.requests == 0
    assert not (project / "panvox-reviews").exists()


# --- going on ---


def test_a_resumed_review_asks_only_who_is_missing(
    fleet: Serve, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = fleet(model("m"), model("late", fault=find_fault("unavailable"), faulty=1), model("joins"))
    assert app.run(["review", "src", "-m", "oak/m,oak/late", "--no-synthesis"]) == 3
    (folder,) = folders(project)
    (project / "src" / "a.py").write_text("changed\n")
    assert app.run(["review", "--resume", str(folder), "--model", "oak/joins", "--no-synthesis"]) == 0
    assert calls_of(simulator) == {"m": 1, "late": 2, "joins": 1}
    assert "3 of 3 models reviewed" in capsys.readouterr().err
    assert folders(project) == [folder]


async def started(*arguments: str, cwd: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *PANVOX, "review", *arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def landed(project: Path) -> list[str]:
    """The models whose outcome is on the disk."""
    ledgers = (project / "panvox-reviews").glob("*/ledger.jsonl")
    lines = (line for ledger in ledgers for line in ledger.read_text().split("\n")[:-1])
    return [json.loads(line)["member"]["name"] for line in lines]


async def test_a_review_that_was_killed_goes_on_and_asks_nobody_twice_who_had_answered(
    project: Path,
) -> None:
    quick = [model(f"m{number}") for number in range(6)]
    silent = [model(f"s{number}", fault=find_fault("hang-before-head"), faulty=1) for number in range(6)]
    with served(oak(*quick, *silent), project) as simulator:
        write_once(project)
        process = await started("src", "--no-synthesis", cwd=project)
        await until(lambda: len(landed(project)) == 6 and min(calls_of(simulator).values()) == 1)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        (folder,) = folders(project)
        again = await started("--resume", str(folder), "--no-synthesis", cwd=project)
        _, told = await again.communicate()
        assert again.returncode == 0, told.decode()
        assert calls_of(simulator) == {each.name: 1 for each in quick} | {each.name: 2 for each in silent}
    assert len(list((folder / "models").iterdir())) == 12


async def test_ctrl_c_keeps_what_arrived_and_tells_how_to_go_on(project: Path) -> None:
    models = (model("quick"), model("silent", fault=find_fault("hang-before-head"), faulty=1))
    with served(oak(*models), project) as simulator:
        write_once(project)
        process = await started("src", "--no-synthesis", cwd=project)
        await until(lambda: len(landed(project)) == 1 and calls_of(simulator) == {"quick": 1, "silent": 1})
        process.send_signal(signal.SIGINT)
        out, told = await process.communicate()
        assert process.returncode == 130
        assert b"interrupted; what had arrived is kept" in told
        assert b"panvox review --resume panvox-reviews/" in told
        again = await started("--resume", out.decode().strip(), "--no-synthesis", cwd=project)
        _, told = await again.communicate()
        assert again.returncode == 0, told.decode()
        assert calls_of(simulator) == {"quick": 1, "silent": 2}
