"""Whatever models are called, each has a file of its own in the folder, on every file system."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panvox.review.names import LONGEST, folded, folder_name, page_names

IDS = st.text(max_size=40) | st.sampled_from(
    ["../../x", "a:b/c", "a/b/c", "a_b_c", "..", ".", "", "CON", "con.x", "\u00c4", "A\u0308", "x" * 500]
)
DEVICES = {"CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "CONIN$"}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai/gpt-5", "openai_gpt-5.md"),
        ("openrouter/meta-llama/llama-3.1-8b-instruct:free", None),
        ("../../x", "_.._x.md"),
        ("a:b/c", "a_b_c.md"),
        ("a\\b|c?d*e", "a_b_c_d_e.md"),
        ("..", "unnamed.md"),
        ("", "unnamed.md"),
        ("-rf", "rf.md"),
        (".bashrc", "bashrc.md"),
        ("CON", "_CON.md"),
        ("nul.tar", "_nul.tar.md"),
        ("com\u00b9", "_com1.md"),
        ("two words.", "two_words.md"),
        ("\x1b[31mred\x07", "__31mred_.md"),
        ("\u202egpt", "_gpt.md"),
        ("A\u0308", "\u00c4.md"),
        ("\uff0fetc", "_etc.md"),
        ("\ud800", "_.md"),
    ],
)
def test_names_can_be_read_and_do_no_harm(model: str, name: str | None) -> None:
    expected = name or "openrouter_meta-llama_llama-3.1-8b-instruct_free.md"
    assert page_names([model]) == {model: expected}


@given(models=st.lists(IDS, max_size=12))
@example(models=["a/b", "a_b", "A/B"])
@example(models=["\u00c4", "A\u0308", "\u00e4"])
def test_every_model_has_a_name_of_its_own_and_none_is_outside(models: list[str]) -> None:
    names = page_names(models)
    assert set(names) == set(models)
    assert len({folded(name) for name in names.values()}) == len(names)
    assert len({unicodedata.normalize("NFD", name.casefold()) for name in names.values()}) == len(names)
    folder = Path("/reviews/models")
    for name in names.values():
        assert len(name.encode()) <= LONGEST
        assert (folder / name).resolve().parent == folder
        assert name[0] not in ".-"
        assert name.removesuffix(".md") == name[:-3].rstrip(". ")
        assert all(sign.isalnum() or sign in ".-+=@_" for sign in name)
        assert name.partition(".")[0].upper() not in DEVICES


@given(models=st.lists(IDS, max_size=8), seed=st.randoms(use_true_random=False))
def test_the_order_of_models_does_not_matter(models: list[str], seed: object) -> None:
    assert page_names(models) == page_names(reversed(models))


@given(models=st.lists(IDS, max_size=8), more=st.lists(IDS, max_size=8))
def test_names_stay_when_more_models_come(models: list[str], more: list[str]) -> None:
    before = page_names(models)
    after = page_names([*more, *models], before)
    assert {model: after[model] for model in before} == before
    assert set(after) == {*models, *more}
    assert len({folded(name) for name in after.values()}) == len(after)


@given(model=IDS, others=st.lists(IDS, max_size=8))
def test_a_name_depends_on_the_others_only_where_two_would_be_the_same(model: str, others: list[str]) -> None:
    alone = page_names([model])[model]
    bare = {folded(page_names([other])[other]) for other in others if other != model}
    if folded(alone) not in bare:
        assert page_names([model, *others])[model] == alone


def test_a_model_that_has_the_name_which_another_would_get_is_told_apart() -> None:
    second = page_names(["a/b", "a_b"])["a_b"].removesuffix(".md")
    names = page_names(["a/b", "a_b", second])
    assert names[second] == f"{second}.md"
    assert len(set(names.values())) == 3


def test_models_with_one_name_end_in_a_hash_and_all_others_do_not() -> None:
    names = page_names(["a/b", "a_b", "c"])
    assert names["c"] == "c.md"
    assert names["a/b"].startswith("a_b-")
    assert names["a_b"].startswith("a_b-")


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("src", "20261127-145000-src"),
        ("../../etc", "20261127-145000-_.._etc"),
        ("", "20261127-145000-review"),
        ("x" * 300, "20261127-145000-" + "x" * 60),
    ],
)
def test_a_folder_is_named_by_time_and_topic(topic: str, name: str) -> None:
    assert folder_name("2026-11-27T14:50:00+00:00", topic) == name
