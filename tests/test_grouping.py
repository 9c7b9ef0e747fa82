"""Answers that say the same share a group, those that do not never do, and what is unclear stays apart."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from panvox.curation.extract import Extract, canonical
from panvox.curation.grouping import CLOSEST, Grouping, Merge
from panvox.curation.meaning.claims import EXCERPT, claim_of, plain, question_of
from panvox.curation.meaning.contradiction import Opposed, compare
from panvox.curation.meaning.similarity import Rows, Words
from panvox.embedding import ContextualEmbedder, HashedEmbedder, StaticEmbedder
from panvox.messages import ToolCall
from panvox.protocols import Embedder
from tests.meaning_pairs import DIFFERENT, SAME, Pair

STATIC = StaticEmbedder.load()
WORDS = Words(STATIC)
HELD_OUT = [pair for pair in SAME if pair.held_out], [pair for pair in DIFFERENT if pair.held_out]

CAPITAL = "What is the capital of France?"


def grouped(texts: Iterable[str], *, question: str = "", embedder: Embedder | None = STATIC) -> list[int]:
    grouping = Grouping(embedder, question=question)
    return [grouping.place(text, None) for text in texts]


def together(pair: Pair, embedder: Embedder = STATIC) -> bool:
    one, other = grouped([pair.one, pair.other], embedder=embedder)
    return one == other


# --- what is the same, and what is not --------------------------------------------------------------


@pytest.mark.parametrize("pair", DIFFERENT, ids=lambda pair: f"{pair.language} {pair.kind}")
def test_what_differs_stays_apart(pair: Pair) -> None:
    assert not together(pair)


@pytest.mark.parametrize("pair", DIFFERENT, ids=lambda pair: f"{pair.language} {pair.kind}")
def test_what_differs_stays_apart_also_without_a_table(pair: Pair) -> None:
    assert not together(pair, HashedEmbedder())


def test_most_of_what_is_the_same_is_found() -> None:
    same, different = HELD_OUT
    assert min(len(same), len(different)) >= 30
    found = sum(together(pair) for pair in same)
    wrong = sum(together(pair) for pair in different)
    assert found / len(same) >= 0.7
    assert found / (found + wrong) >= 0.95


@pytest.mark.parametrize("embedder", [STATIC, HashedEmbedder()], ids=lambda each: each.name)
@settings(deadline=None)
@given(pair=st.sampled_from(SAME + DIFFERENT))
def test_it_makes_no_difference_who_was_first(embedder: Embedder, pair: Pair) -> None:
    turned = Pair(pair.language, pair.kind, pair.other, pair.one)
    assert together(pair, embedder) == together(turned, embedder)


@settings(deadline=None)
@given(one=st.text(max_size=60), other=st.text(max_size=60))
def test_claims_compare_alike_both_ways(one: str, other: str) -> None:
    there = compare(claim_of(one), claim_of(other), WORDS.pairs)
    back = compare(claim_of(other), claim_of(one), WORDS.pairs)
    assert (there.opposed, there.missing, there.added) == (back.opposed, back.added, back.missing)


@pytest.mark.parametrize(
    ("one", "other", "opposed"),
    [
        ("Yes, it is.", "No, it is.", Opposed.STANCE),
        ("It is safe.", "It is not safe.", Opposed.NEGATION),
        ("It is safe.", "It is unsafe.", Opposed.NEGATION),
        ("Prices rise and that is safe.", "Prices fall and that is dangerous.", Opposed.NEGATION),
        ("It costs 5 euros.", "It costs 6 euros.", Opposed.NUMBERS),
        ("It costs 5 euros.", "It costs euros.", Opposed.NUMBERS),
        ("Only adults pay.", "Adults pay.", Opposed.QUALIFIERS),
        ("Bob paid Alice.", "Alice paid Bob.", Opposed.ROLES),
        ("It is Bob.", "It is Bob or Alice.", Opposed.CHOICE),
        ("It is copper.", "It is silver.", Opposed.WORDS),
        ("It is copper.", "Copper it is.", None),
    ],
)
def test_what_speaks_against_it_is_told(one: str, other: str, opposed: Opposed | None) -> None:
    assert compare(claim_of(one), claim_of(other), WORDS.pairs).opposed == opposed


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1,200", "1200"), ("1200.0", "1200"), ("007", "7"), ("2,5", "2.5"), ("-3", "-3"), ("\u22123", "-3"),
        ("1.2.2024", "1.2.2024"), ("0.50", "0.5"), ("5.", "5"), ("1,234,567.8", "1234567.8"),
    ],
)  # fmt: skip
def test_numbers_are_compared_as_decimals(written: str, number: str) -> None:
    assert plain(written) == number


# --- how groups grow ---------------------------------------------------------------------------------


def test_equal_keys_are_one_group_whatever_the_texts() -> None:
    grouping = Grouping(STATIC)
    assert grouping.place("x", Extract("42", "42")) == grouping.place("y", Extract("42", "42.0")) == 0
    assert grouping.place("x", Extract("43", "43")) == 1


def test_without_an_embedder_only_equal_texts_share_a_group() -> None:
    assert grouped(["It is  Paris.", "It is Paris.", "Paris it is."], embedder=None) == [0, 0, 1]


@settings(deadline=None)
@given(texts=st.lists(st.sampled_from([text for pair in SAME + DIFFERENT for text in pair[2:]]), max_size=20))
def test_numbers_count_up_and_a_text_finds_its_group_again(texts: list[str]) -> None:
    numbers = grouped([*texts, *texts])
    assert numbers[: len(texts)] == numbers[len(texts) :]
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(len(firsts)))


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(max_size=80) | st.text("01ab是. \n'\"*-", max_size=300), max_size=8))
def test_any_text_has_a_group(texts: list[str]) -> None:
    assert len(grouped(texts, question="Who?")) == len(texts)


@pytest.mark.parametrize(
    "text",
    ["no " * 400_000, "1" * 10**6, "'" * 10**6, "不" * 10**6, "**" * 10**6, "." * 10**6, "A. " * 300_000],
    ids=lambda text: text[:3],
)
def test_megabytes_are_read_in_part(text: str) -> None:
    assert grouped([text, text + "x", "Paris"], question=text)[0] == 0
    assert len(claim_of(text).words) <= EXCERPT


def test_long_copies_share_a_group_and_other_long_texts_do_not() -> None:
    copy = (
        "The committee met in spring. It heard reports on water, roads and schools, and voted for all. " * 9
    )
    numbers = grouped([copy, copy.replace("spring", "the spring"), copy.replace("voted", "never voted")])
    assert numbers == [0, 0, 1]
    assert grouped([copy + "It costs 5.", copy + "It costs 6."]) == [0, 1]


def test_a_minority_keeps_its_group() -> None:
    numbers = grouped(["Paris is the capital of France."] * 40 + ["Lyon is the capital of France."])
    assert numbers.count(0) == 40
    assert numbers[-1] == 1


# --- with the question -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "one", "other", "same"),
    [
        (
            "Who is the president?",
            "The president is Ada Moss, elected in 2017.",
            "As of 2023, Ada Moss is.",
            True,
        ),
        ("Who is the president?", "The president is Ada Moss.", "The president is Max Stone.", False),
        ("Who is the president?", "The president is Ada Moss.", "The president isn't Ada Moss.", False),
        (
            "When was Ada Moss elected?",
            "Ada Moss was elected in 2017.",
            "In 2018 Ada Moss was elected.",
            False,
        ),
        ("Where is the tower?", "The tower is in Rome, Italy.", "It is in the old town of Rome.", True),
        (
            "Where is the tower?",
            "The tower is in Rome.",
            "Some say Rome. However, the tower is in Pisa.",
            False,
        ),
        ("What is 3 times 4?", "3 times 4 is 12, of course.", "Well, 3 times 4 makes 13.", False),
        ("Was it Rome or Pisa?", "It was Rome, in all likelihood.", "It was clearly Pisa.", False),
    ],
)
def test_answers_are_the_same_when_they_name_the_same(
    question: str, one: str, other: str, same: bool
) -> None:
    first, second = grouped([one, other], question=question)
    assert (first == second) is same


def test_what_a_question_asks_for_is_told_by_its_words() -> None:
    assert question_of("Who wrote it?").asks_name
    assert question_of("Wie viele Beine hat eine Spinne?").asks_number
    assert question_of("What is 2 + 2?").asks_number
    assert not question_of("Who won in 1998?").asks_number


# --- tools -------------------------------------------------------------------------------------------


def call(name: str, arguments: str) -> ToolCall:
    return ToolCall("id", name, arguments)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([call("f", '{"a": 1, "b": 2}')], [call("f", '{"b":2,"a":1.0}')], True),
        ([call("f", "{}")], [call("f", "")], True),
        ([call("f", "{}"), call("g", "{}")], [call("g", "{}"), call("f", "{}")], True),
        ([call("f", '{"a": 1}')], [call("f", '{"a": "1"}')], False),
        ([call("f", '{"a": 1}')], [call("g", '{"a": 1}')], False),
        ([call("f", "{}")], [call("f", "{}"), call("f", "{}")], False),
        ([call("f", "{broken")], [call("f", "{broken ")], True),
        ([call("f", '{"a": 9007199254740993}')], [call("f", '{"a": 9007199254740992}')], False),
        ([call("f", "[" * 100_000)], [call("f", "{}")], False),
    ],
)
def test_calls_are_grouped_by_name_and_arguments(
    one: Sequence[ToolCall], other: Sequence[ToolCall], same: bool
) -> None:
    grouping = Grouping(STATIC)
    assert (grouping.place("", None, calls=one) == grouping.place("", None, calls=other)) is same


# --- settling ----------------------------------------------------------------------------------------


def settled(
    texts: Sequence[str], key: str, question: str = CAPITAL, closer: Embedder | None = None
) -> tuple[list[Merge], Grouping]:
    grouping = Grouping(STATIC, question=question, closer=closer)
    for text in texts:
        grouping.place(text, None)
    grouping.place(key, canonical(key))
    return grouping.settle(closely=closer is not None), grouping


@pytest.mark.parametrize(
    ("text", "key", "joins"),
    [
        ("That would be Paris, on the river Seine.", "Seine Paris", True),
        ("That would be Paris, I am rather certain.", "Paris", True),
        ("It has been Paris since the middle ages, to be sure.", "Paris", True),
        ("That would be Paris or Lyon, I am rather certain.", "Paris", False),
        ("That would not be Paris, whatever people say.", "Paris", False),
        ("That would be Lyon, which beat Paris.", "Paris", False),
        ("In all likelihood you mean the city of lights.", "Paris", False),
        ("It has 42 towers, whoever counts.", "42", True),
        ("It has 42 towers, of which 3 are high.", "42", False),
        ("Whoever says A must say B.", "B", False),
        ("The capital, in France, is large.", "France", False),
    ],
)
def test_a_text_joins_the_answer_that_it_alone_names(text: str, key: str, joins: bool) -> None:
    merges, grouping = settled([text], key)
    assert merges == ([Merge(1, 0)] if joins else [])
    assert grouping.place(text, None) == (1 if joins else 0)
    assert grouping.settle() == []


def test_a_text_that_names_two_answers_joins_none() -> None:
    grouping = Grouping(STATIC, question=CAPITAL)
    grouping.place("They say it must be Paris, on the Seine.", None)
    for key in ("Paris", "Seine"):
        grouping.place(key, canonical(key))
    assert grouping.settle() == []


class Counting:
    """An embedder that finds all texts equal, and counts them."""

    name = "counting"

    def __init__(self) -> None:
        self.read = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += len(texts)
        return np.ones((len(texts), 1), dtype=np.float32)


def test_close_calls_are_decided_by_the_better_embedder_on_few_texts() -> None:
    closer = Counting()
    nouns = ["ant", "bee", "cow", "dog", "eel", "fly"]
    texts = [
        f"The {a} sleeps beneath the old {b} near our {c}" for a, b, c in itertools.permutations(nouns, 3)
    ]
    merges, grouping = settled(texts, "Paris", closer=closer)
    assert 0 < closer.read <= CLOSEST
    assert merges
    gone = {merge.gone for merge in merges}
    assert gone.isdisjoint(merge.into for merge in merges)
    assert gone.isdisjoint(grouping.place(text, None) for text in texts)


def test_a_group_is_merged_once() -> None:
    texts = [
        "It must surely be Paris, folks keep telling",
        "Paris, my old neighbour always claimed, nothing else",
    ]
    merges, _ = settled([*texts, "My neighbour keeps telling old tales"], "Paris", closer=Counting())
    assert Merge(3, 0) in merges
    assert len({merge.gone for merge in merges}) == len(merges)
    assert {merge.gone for merge in merges}.isdisjoint(merge.into for merge in merges)


@pytest.mark.parametrize("pair", DIFFERENT, ids=lambda pair: f"{pair.language} {pair.kind}")
def test_even_an_embedder_that_finds_all_equal_merges_no_opposites(pair: Pair) -> None:
    grouping = Grouping(STATIC, closer=Counting())
    numbers = grouping.place(pair.one, None), grouping.place(pair.other, None)
    if compare(claim_of(pair.one), claim_of(pair.other), WORDS.pairs).opposed is not Opposed.WORDS:
        assert grouping.settle() == []
    assert numbers == (0, 1)


# --- parts -------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=70))
def test_the_nearest_rows_come_first(points: list[tuple[float, float]]) -> None:
    rows = Rows()
    for number, point in enumerate(points):
        assert rows.add(np.array(point, dtype=np.float32)) == number
    found = rows.nearest(np.array([1, 0], dtype=np.float32), most=5, least=0.0)
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)
    assert len(found) == min(5, sum(np.float32(x) >= 0 for x, _ in points))


# --- recorded answers --------------------------------------------------------------------------------

Labelled = tuple[tuple[int, str], tuple[int, str]]

TOLD = {
    "ae424": ("steinmeier", "scholz", "merkel", "gauck"),
    "ae332": ("pacific", "atlantic"),
    "ae071": ("slick", "mickey thomas", "balin"),
    "ae024": ("chihuahua", "yorkshire|yorkie"),
    "ae034": ("siegel|shuster", "stan lee"),
    "ae404": (r"\bred|reddish", r"\bbrown"),
    "ae249": ("elizabeth|countess", "sc[aá]thach", "sister|violet|misty|fiona|constance"),
    "ae597": ("bonsoir", "bonne soir", "bonne nuit"),
    "ae385": ("assault|automatic rifle", "semi-?automatic"),
    "ae698": (r"\bm\b|mature", r"\bt\b|\bteen\b", r"\bao\b|adults only"),
}
"""For questions with a short answer, what tells which answer a text gives."""


def rows_of(path: Path) -> Iterable[dict[str, str]]:
    with path.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf8"):
            yield json.loads(line)


def recorded_pairs(recorded: Path, wanted: Callable[[str], bool]) -> tuple[int, int, int]:
    """Pairs of recorded answers: rightly together, wrongly apart, wrongly together."""
    folder = recorded / "alpaca_eval"
    questions = {row["prompt_id"]: row["prompt"] for row in rows_of(folder / "prompts.jsonl.zst")}
    texts: dict[str, set[str]] = {prompt: set() for prompt in TOLD if wanted(prompt)}
    for row in rows_of(folder / "responses.jsonl.zst"):
        if row["prompt_id"] in texts and 0 < len(row["text"]) <= 300:
            texts[row["prompt_id"]].add(row["text"])
    right = missed = wrong = 0
    for prompt, said in texts.items():
        labelled = [(labels[0], text) for text in sorted(said) if len(labels := labels_of(prompt, text)) == 1]
        pairs = list(itertools.combinations(labelled, 2))
        for (label, one), (other_label, other) in chosen(pairs):
            first, second = grouped([one, other], question=questions[prompt])
            right += first == second and label == other_label
            missed += first != second and label == other_label
            wrong += first == second and label != other_label
    return right, missed, wrong


def chosen(pairs: list[Labelled]) -> list[Labelled]:
    """The same 200 whenever it is asked, spread evenly."""
    return pairs[:: max(1, len(pairs) // 200)]


def labels_of(prompt: str, text: str) -> list[int]:
    return [at for at, told in enumerate(TOLD[prompt]) if re.search(told, text, re.IGNORECASE)]


@pytest.mark.data
@pytest.mark.parametrize("held_out", [False, True])
def test_recorded_answers_that_say_the_same_are_found(recorded: Path, held_out: bool) -> None:
    right, missed, wrong = recorded_pairs(
        recorded, lambda prompt: (sha256(prompt.encode()).digest()[0] % 2 == 1) is held_out
    )
    assert right / (right + wrong) >= 0.95
    assert right / (right + missed) >= 0.65


def test_the_better_embedder_tells_pairs_apart_better() -> None:
    def area(embedder: Embedder) -> float:
        same, different = (
            [float(a @ b) for a, b in (embedder.embed([pair.one, pair.other]) for pair in pairs)]
            for pairs in (SAME, DIFFERENT)
        )
        return float(np.mean([one > other for one in same for other in different]))

    assert area(ContextualEmbedder.load()) > area(STATIC) > 0.7
