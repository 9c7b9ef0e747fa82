"""A recorded set is read as it is, and what is wrong with one is told with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation import Expect
from panvox.errors import UsageError
from panvox.evaluation.datasets import Question, folds, halves, read
from tests.recorded_sets import write_set

PROMPTS: list[dict[str, Any]] = [
    {"prompt_id": "1", "prompt": "One?"},
    {"prompt_id": "2", "prompt": "Two?", "truth": 2},
]
MODELS: list[dict[str, Any]] = [{"model": "a", "canonical": "alpha"}, {"model": "b"}]
SAID: list[dict[str, Any]] = [{"prompt_id": "1", "model": "a", "text": "one"}]


@pytest.mark.parametrize("packed", [True, False])
def test_a_set_needs_only_ids_and_texts(tmp_path: Path, *, packed: bool) -> None:
    found = read(write_set(tmp_path / "small", packed=packed, prompts=PROMPTS, models=MODELS, responses=SAID))
    assert found.name == "small"
    assert [question.right for question in found.questions] == [None, "2"]
    assert found.models["a"].identity.lineage == "alpha"
    assert found.models["b"].identity.lineage == "b"
    assert [len(found.said_to(question)) for question in found.questions] == [1, 0]
    assert found.prefers == ()


def test_labels_of_one_kind_are_taken_from_the_first_judge_that_gave_one(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = [
        {"prompt_id": "1", "model": "a", "text": "one", "labels": {"ae2_fn": 0.2, "ae2_cot": 0.7, "ae1": 1}},
        {"prompt_id": "1", "model": "b", "text": "1", "labels": {"ae2": None, "ae2_fn": 0.4}, "chars": 9000},
    ]
    found = read(write_set(tmp_path, prompts=PROMPTS, models=MODELS, responses=said))
    first, second = found.said_to(found.questions[0])
    assert (first.label("ae2"), first.label("ae1"), first.length) == (0.7, 1, 3)
    assert (second.label("ae2"), second.label("ae1"), second.length) == (0.4, None, 9000)
    assert found.prefers == ("ae2", "ae1")


def extra(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [*SAID, row]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompts": []}, r"prompts\.jsonl\.zst is empty"),
        ({"models": []}, r"models\.jsonl\.zst is empty"),
        ({"prompts": [*PROMPTS, {"prompt": "no id"}]}, r"prompts\.jsonl\.zst, line 3 .*`prompt_id`"),
        ({"prompts": [*PROMPTS, PROMPTS[0]]}, r"line 3: prompt_id '1' is there twice"),
        ({"responses": extra({"prompt_id": "9", "model": "a", "text": ""})}, "line 2: a response to .*'9'"),
        (
            {"responses": extra({"prompt_id": "9", "model": "a", "text": "", "labels": {"ae2": 1}})},
            "line 2: labels for the prompt '9', which prompts.jsonl.zst does not have",
        ),
        ({"responses": extra({"prompt_id": "1", "model": "c", "text": ""})}, "line 2: the model 'c' is not"),
        ({"responses": extra(SAID[0])}, "line 2: a second response of 'a'"),
        ({"responses": extra({"prompt_id": "1", "model": "b", "text": 7})}, "line 2 .*`str"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(
    tmp_path: Path, change: dict[str, list[dict[str, Any]]], message: str
) -> None:
    files: dict[str, Any] = {"prompts": PROMPTS, "models": MODELS, "responses": SAID}
    folder = write_set(tmp_path, **(files | change))
    with pytest.raises(UsageError, match=message):
        read(folder)


def test_a_folder_of_several_sets_names_them(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_set(tmp_path / name, prompts=PROMPTS, models=MODELS, responses=SAID)
    with pytest.raises(UsageError, match="several sets, name one: first, second"):
        read(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_set(tmp_path / "set", prompts=PROMPTS, models=MODELS)
    with pytest.raises(UsageError, match=r"it has no responses\.jsonl\.zst or responses\.jsonl"):
        read(tmp_path / "set")
    with pytest.raises(UsageError, match="there is no folder"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("data", [b"{", b"not packed at all", b"\x28\xb5\x2f\xfd broken"])
def test_what_is_no_packed_file_of_json_is_refused(tmp_path: Path, data: bytes) -> None:
    folder = write_set(tmp_path, prompts=PROMPTS, models=MODELS, responses=SAID)
    (folder / "responses.jsonl.zst").write_bytes(data)
    with pytest.raises(UsageError, match=r"responses\.jsonl\.zst"):
        read(folder)


@given(st.sets(st.text(max_size=6), max_size=40), st.integers(1, 7), st.integers(0, 9))
def test_folds_are_a_partition_of_even_size(prompts: set[str], count: int, seed: int) -> None:
    parts = folds(prompts, count, seed=seed)
    assert sorted(prompt for part in parts for prompt in part) == sorted(prompts)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts == folds(sorted(prompts), count, seed=seed)


def test_halves_do_not_depend_on_the_order_of_a_set() -> None:
    prompts = [f"p{number}" for number in range(11)]
    first, second = halves(prompts, seed=3)
    assert halves(reversed(prompts), seed=3) == (first, second)
    assert {len(first), len(second)} == {5, 6}


@pytest.mark.parametrize(
    ("kind", "expect"),
    [("mcq", Expect.CHOICE), ("freeform", Expect.TEXT), ("code", Expect.CODE), ("riddle", None), ("", None)],
)
def test_the_kind_that_a_set_records_is_understood_or_left_open(kind: str, expect: Expect | None) -> None:
    assert Question(prompt_id="1", prompt="?", kind=kind).expect is expect
