"""`panvox learn` and `panvox weights`: what is learnt is kept, shown, carried elsewhere and forgotten."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from blockbuster import BlockBuster
from hypothesis import given
from hypothesis import strategies as st

from panvox.cli import app
from panvox.curation.choice.preferences import FEATURES, Preferences
from panvox.curation.expect import Expect
from panvox.curation.weights import Record, TaskWeights, Weights
from panvox.errors import UsageError
from panvox.evaluation.runs import lesson_of
from panvox.evaluation.trials import outcome_of
from panvox.evaluation.weights_file import export_weights, load_weights, reset_weights, save_weights
from panvox.messages import Identity, Prompt
from panvox.settings.places import weights_file
from panvox.simulator import VirtualModel
from tests.command import served
from tests.fleets import SWIFT, oak
from tests.recorded_sets import free_texts, write_set, write_sums

NUMBERS = TaskWeights(
    task=Expect.NUMBER,
    basis="accuracy^4 of 3 labelled prompts",
    method="accuracy",
    weights={"a": 0.9, "b": 0.1},
    strengths={"a": 0.97, "b": 0.4},
    records={"a": Record(3, 3), "b": Record(1, 3)},
    labels=3,
    polls=3,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: object) -> int:
    return app.run([str(argument) for argument in arguments])


def small_set(folder: Path) -> Path:
    """24 prompts: one model is always right, one at a quarter of them, one never."""
    truths: list[str | None] = [str(number) for number in range(1, 25)]
    bad: list[str | None] = [truths[place] if place % 4 == 1 else str(place % 3 + 50) for place in range(24)]
    worse: list[str | None] = [str(place % 5 + 80) for place in range(24)]
    return write_sums(folder, answers={"good": truths, "bad": bad, "worse": worse}, truths=truths)


# --- the file --------------------------------------------------------------------------------------

names = st.text('ab/é\n"', max_size=6)
tasks = st.builds(
    TaskWeights,
    task=st.sampled_from(Expect),
    basis=names,
    weights=st.dictionaries(names, st.floats(0, 1e6), max_size=4),
    labels=st.integers(0, 1000),
)


preferences = st.builds(
    Preferences,
    labels=st.integers(0, 1000),
    strengths=st.dictionaries(names, st.floats(0, 1), max_size=4),
    worth=st.dictionaries(st.sampled_from(FEATURES), st.floats(-9, 9)),
)


@given(st.lists(tasks, max_size=3), st.none() | preferences)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, known: list[TaskWeights], liked: Preferences | None
) -> None:
    file = tmp_path_factory.mktemp("weights") / "weights.json"
    weights = Weights(tasks={each.task: each for each in known}, preferences=liked)
    export_weights(weights, file)
    assert load_weights(file) == weights


def test_what_is_learnt_replaces_its_own_kind_of_task_only(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "weights.json"
    choices = TaskWeights(task=Expect.CHOICE, weights={"a": 2.0})
    save_weights(file, Weights(tasks={Expect.NUMBER: NUMBERS}))
    save_weights(file, Weights(tasks={Expect.CHOICE: choices}))
    assert load_weights(file).tasks == {Expect.NUMBER: NUMBERS, Expect.CHOICE: choices}
    assert reset_weights(file, Expect.NUMBER).tasks == {Expect.CHOICE: choices}
    assert reset_weights(file) == load_weights(file) == Weights()


def of_numbers(fields: str) -> str:
    """A file that has these fields at numbers."""
    return f'{{"form": 1, "tasks": {{"number": {{"task": "number", {fields}}}}}}}'


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_text(of_numbers('"weights": {"a": 1}, "later": [1]'))
    assert load_weights(file).tasks[Expect.NUMBER].weights == {"a": 1.0}


def test_preferences_stay_until_others_are_learnt_and_go_with_the_texts(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    liked = Preferences(strengths={"a": 0.7})
    save_weights(file, Weights(tasks={Expect.TEXT: TaskWeights(task=Expect.TEXT)}, preferences=liked))
    assert save_weights(file, Weights(tasks={Expect.NUMBER: NUMBERS})).preferences == liked
    other = Preferences(strengths={"a": 0.2})
    assert save_weights(file, Weights(preferences=other)).preferences == other
    assert reset_weights(file, Expect.NUMBER).preferences == other
    assert reset_weights(file, Expect.TEXT) == Weights()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "holds no weights, or is damaged"),
        ("[]", "holds no weights, or is damaged"),
        ('{"form": 99}', "was written by another version"),
        ("\x00\xff\x1f\x8b", "holds no weights, or is damaged"),
        (of_numbers('"weights": {"a": NaN}'), "holds no weights, or is damaged"),
        (of_numbers('"weights": {"a": 1e999}'), "holds no weights, or is damaged"),
        (of_numbers('"weights": {"a": "1"}'), "holds no weights, or is damaged"),
        (of_numbers('"weights": {"a": 1}')[:-9], "holds no weights, or is damaged"),
        (of_numbers('"weights": {"a": -1}'), "the weight of 'a' at number is -1, not from 0"),
        (of_numbers('"weights": {"a": 1e300}'), r"the weight of 'a' at number is 1e\+300"),
        (of_numbers('"unseen": -5'), "the weight of others at number is -5"),
        (of_numbers('"strengths": {"a": 1.5}'), "the strength of 'a' at number is 1.5, not from 0 to 1"),
        (of_numbers('"unseen_strength": -1'), "the strength of others"),
        (of_numbers('"records": {"a": {"right": 3, "asked": 2}}'), "how often 'a' was right at number is 3"),
        (of_numbers('"curve": [{"exponent": -9, "factor": 1}]'), "an exponent of the curve at number is -9"),
        (of_numbers('"curve": [{"exponent": 9, "factor": 1e99}]'), "a factor of the curve at number"),
        (of_numbers('"beyond": {"a": -1e99}'), "what was added to 'a'"),
        (of_numbers('"calibration": {"scale": 1, "slope": 1e300}'), "the slope of the calibration at number"),
        (of_numbers('"calibration": {"scale": 1, "none": 7}'), "how often nobody was right at number is 7"),
        (of_numbers('"correlation": -9'), "the correlation at number is -9"),
        (of_numbers('"polls": -4'), "the number of polls at number is -4"),
        (of_numbers('"weights": {}').replace('"number"', '"date"', 1), "was learnt at number"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "weights.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=f"weights.json.*{why}.*`panvox weights reset`"):
        load_weights(file)
    with pytest.raises(UsageError, match=why):
        save_weights(file, Weights(tasks={Expect.NUMBER: NUMBERS}))
    assert file.read_text() == text
    assert reset_weights(file) == Weights()


def test_the_file_stands_beside_the_database(tmp_path: Path) -> None:
    assert weights_file(tmp_path / "runs.db") == tmp_path / "weights.json"
    assert weights_file().name == "weights.json"


# --- the commands ----------------------------------------------------------------------------------


def test_learning_from_a_set_is_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("learn", small_set(tmp_path / "set")) == 0
    said = capsys.readouterr().out
    assert re.match("learnt for number: .* of 24 labelled prompts.*; weights of 3 models", said)
    assert run("weights") == 0
    shown = capsys.readouterr().out.splitlines()
    assert re.match("number: .* of 24 labelled prompts", shown[0])
    assert shown[1].split() == ["model", "strength", "weight", "right", "of"]
    assert [line.split()[0] for line in shown[2:]] == ["good", "bad", "worse"]
    assert shown[2].split()[-2:] == ["24", "24"]
    assert run("weights", "number", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["model"] for row in rows] == ["good", "bad", "worse"]
    assert rows[0]["weight"] > rows[1]["weight"] > rows[2]["weight"] > 0
    assert (rows[1]["right"], rows[1]["asked"]) == (6, 24)
    assert all(row["source"] for row in rows)


def test_without_labels_agreement_is_learnt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("learn", small_set(tmp_path / "set"), "--labels", "none") == 0
    assert re.search("agreement.* of 24 unlabelled prompts", capsys.readouterr().out)


def test_what_tells_a_good_text_is_learnt_shown_and_carried_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("learn", free_texts(tmp_path / "set")) == 0
    assert "learnt for text: labels of texts at 6 prompts; weights of 3 models" in capsys.readouterr().out
    assert run("weights", "text") == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:5]] == ["good", "fair", "plain"]
    assert re.search(r"strength +\+1\.000\ncentrality +\+0\.200", shown)
    assert run("weights", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    features = {row["feature"]: row for row in rows if "feature" in row}
    assert list(features)[:2] == ["strength", "centrality"]
    assert features["quality: relevance"]["source"] == "18 labelled answers"
    assert features["quality: threshold"]["worth"] <= 0.6
    file = tmp_path / "mine.json"
    assert run("weights", "export", file) == 0
    before = load_weights(weights_file())
    assert before.preferences is not None
    assert run("weights", "reset", "text") == 0
    assert load_weights(weights_file()) == Weights()
    assert run("weights", "import", file) == 0
    assert load_weights(weights_file()) == before


def test_the_kind_of_task_can_be_said(tmp_path: Path) -> None:
    assert run("learn", small_set(tmp_path / "set"), "--task", "short") == 0
    assert list(load_weights(weights_file()).tasks) == [Expect.SHORT]


def test_weights_travel_from_one_place_to_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(weights_file(), Weights(tasks={Expect.NUMBER: NUMBERS}))
    file = tmp_path / "mine.json"
    assert run("weights", "export", file) == 0
    assert run("weights", "reset") == 0
    assert load_weights(weights_file()) == Weights()
    assert run("weights", "import", file) == 0
    assert load_weights(weights_file()).tasks == {Expect.NUMBER: NUMBERS}
    assert run("weights", "reset", "number") == 0
    capsys.readouterr()
    assert run("weights") == 0
    assert "nothing was learnt yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["learn"], "there is nothing to learn from"),
        (["learn", "/nowhere/set"], "there is no folder /nowhere/set"),
        (["learn", "last", "--task", "nonsense"], "is no kind of answer"),
        (["weights", "nonsense"], "there is no kind of task 'nonsense'; there are number"),
        (["weights", "export", "x.json"], "there are no weights to export"),
        (["weights", "import", "nowhere.json"], "there is no file nowhere.json"),
        (["weights", "reset", "number"], "nothing was learnt yet"),
    ],
)
def test_what_cannot_be_done_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_set_that_teaches_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_set(
        tmp_path / "set",
        prompts=[{"prompt_id": "1", "prompt": "Tell me.", "kind": "freeform"}],
        models=[{"model": "a"}],
        responses=[{"prompt_id": "1", "model": "a", "text": "No."}],
    )
    assert run("learn", folder) == 1
    assert "nothing could be learnt" in capsys.readouterr().err
    assert not weights_file().exists()


# --- runs ------------------------------------------------------------------------------------------


def test_a_run_teaches_who_agrees_with_whom() -> None:
    said = {"a/x": "It is 42.", "b/x": "42", "c/y": "41"}
    outcomes = [
        outcome_of(Identity(name=name, lineage=name[-1]), f"The answer is {text}")
        for name, text in said.items()
    ]
    lesson = lesson_of("run/0", Prompt.of("How many?"), outcomes, expect=Expect.NUMBER)
    assert lesson is not None
    assert lesson.poll.asked == ("x", "x", "y")
    assert [(ballot.voter, ballot.answer) for ballot in lesson.poll.ballots] == [
        ("x", "42"),
        ("x", "42"),
        ("y", "41"),
    ]
    assert (lesson.poll.truth, lesson.labelled) == (None, False)
    assert lesson_of("run/1", Prompt.of("How many?"), outcomes[:2]) is None


def test_what_asks_says_where_weights_cannot_be_read_and_goes_on(
    here: Path, capsys: pytest.CaptureFixture[str], unblocked_loop: BlockBuster
) -> None:
    unblocked_loop.deactivate()  # the command loads its parts while its loop runs
    file = weights_file()
    file.parent.mkdir(parents=True)
    file.write_text("broken")
    with served(oak(VirtualModel("m", latency=SWIFT)), here):
        assert run("ask", "How many are 2 + 2?") == 0
    said = capsys.readouterr().err
    assert "models count by no learnt weights" in said
    assert "`panvox weights reset`" in said


def test_runs_teach_by_their_ids_and_all_at_once(
    here: Path, capsys: pytest.CaptureFixture[str], unblocked_loop: BlockBuster
) -> None:
    unblocked_loop.deactivate()  # the command loads its parts while its loop runs
    with served(oak(VirtualModel("m", latency=SWIFT), VirtualModel("n", latency=SWIFT)), here):
        assert run("ask", "forty-two", "--models", "oak/*") == 0
        assert run("ask", "blue", "--models", "oak/*") == 0
    capsys.readouterr()
    assert run("learn", "all", "--task", "short") == 0
    said = capsys.readouterr()
    assert re.search("learnt for short: agreement.* of 2 unlabelled prompts; weights of 2 models", said.out)
    assert run("learn", "last", "--task", "short") == 0
    assert re.search("agreement.* of 1 unlabelled prompts?", capsys.readouterr().out)
    assert run("learn", "nosuchrun") == 1
    assert "There is no run 'nosuchrun'" in capsys.readouterr().err
