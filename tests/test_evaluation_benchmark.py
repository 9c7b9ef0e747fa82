"""The measurement of one answer made of many: all sets in a folder, all pools, a sentence without data."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks import aggregation

from panvox.evaluation.datasets import read
from tests.recorded_sets import write_set, write_sums


def sums(folder: Path) -> Path:
    count = 12
    truths: list[str | None] = [str(10 + number) for number in range(count)]
    weak: list[str | None] = ["5" if number % 2 else truths[number] for number in range(count)]
    answers: dict[str, list[str | None]] = {
        "strong": truths,
        "weak-1": weak,
        "weak-2": weak,
        "weak-3": weak,
        "mute": [None] * count,
    }
    return write_sums(folder, answers=answers, truths=truths)


def texts(folder: Path) -> Path:
    topics = ("bread", "rivers", "chess", "clouds")
    labels = {"good": 0.9, "fair": 0.4, "poor": 0.1}
    return write_set(
        folder,
        prompts=[
            {"prompt_id": topic, "prompt": f"Tell me about {topic}.", "kind": "freeform"} for topic in topics
        ],
        models=[{"model": model} for model in labels],
        responses=[
            {
                "prompt_id": topic,
                "model": model,
                "text": f"A {model} text on {topic}, which is long enough to be a text and no answer.",
                "labels": {"ae1": label},
            }
            for topic in topics
            for model, label in labels.items()
        ],
    )


def test_every_set_of_a_folder_has_its_place_in_the_tables(tmp_path: Path) -> None:
    sums(tmp_path / "sums")
    texts(tmp_path / "texts")
    (tmp_path / "notes.txt").write_text("no set")
    page = "\n".join(aggregation.sections(tmp_path, seeds=1, quick=False))
    assert page.startswith("Caveats first.")
    assert "| all models | sums (5) | mean |" in page
    for row in ("majority", "oracle", "without-best:3", "random:10", *aggregation.ALTERED):
        assert f"| {row} |" in page
    assert "| texts, label ae1 | **panvox** |" in page


def test_every_figure_with_a_goal_stands_beside_it(tmp_path: Path) -> None:
    sums(tmp_path / "sums")
    texts(tmp_path / "texts")
    page = "\n".join(aggregation.sections(tmp_path, seeds=1, quick=False))
    for goal in (aggregation.ALL, aggregation.HARM, aggregation.NO_LABELS, aggregation.CENTRAL):
        assert f"| {goal} | " in page
    assert "| adversarial picks | 0.0 | at most 0 | met |" in page
    found = {aggregation.PICK: 71.9, aggregation.ERROR: 0.04}
    assert list(aggregation.goals_table(found))[2:] == [
        "| ae2 pick | 71.9 | at least 72 | missed |",
        "| calibration error, mean | 0.040 | at most 0.05 | met |",
    ]


def test_copies_and_liars_are_models_of_their_own_that_answer_every_prompt(tmp_path: Path) -> None:
    dataset = read(sums(tmp_path / "sums"))
    ranked = ["strong", "weak-1", "weak-2", "weak-3", "mute"]
    copied = aggregation.with_copies(dataset, ranked)
    assert len(copied.models) == len(dataset.models) + aggregation.COPIES
    for question in copied.questions:
        said = {each.model: each.text for each in copied.said_to(question)}
        assert {said[name] for name in copied.models if name.startswith("copy-")} == {said["weak-3"]}
    lied = aggregation.with_liars(dataset, ranked)
    assert len({each.identity.lineage for each in lied.models.values()}) == len(lied.models)
    weak = aggregation.weak_half(dataset, ranked)
    assert set(weak.models) == {"strong", "weak-1", "weak-2", "weak-3", "mute"}


def test_without_data_nothing_is_measured_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("as it was")
    monkeypatch.delenv("PANVOX_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["aggregation", "--write", str(page)])
    aggregation.main()
    assert "nothing is measured" in capsys.readouterr().out
    assert page.read_text() == "as it was"
