"""Which of many answers is the best one."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.curation.checks.constants import Constants
from panvox.curation.checks.quality import inspect
from panvox.curation.choice.centre import Centre, most_central, words
from panvox.curation.choice.choose import (
    MULTI_FACTOR,
    Candidate,
    Choice,
    candidate,
    is_stub,
    labelled,
    latency_factor,
    multi_factor,
    rank,
    short_list,
)
from panvox.curation.choice.preferences import Labelled, Preferences, learn_preferences
from panvox.curation.choice.style import Layout, layout
from panvox.curation.expect import Expect
from panvox.curation.rules import Method
from tests.test_quality import CONSTANT, HOSTILE, rows_of

QUESTION = "How does one bake good bread at home?"
PARTS = [
    "Mix flour, water, salt and yeast into a dough.",
    "Knead the dough for ten minutes until it is smooth.",
    "Let the dough rise in a warm place until it has doubled.",
    "Bake the bread in a hot oven with some steam.",
    "Let the bread cool before it is cut.",
    "Use good flour and weigh the water.",
]


def bread(seed: int) -> str:
    """An answer much like the others."""
    return " ".join(random.Random(seed).sample(PARTS, 4))  # noqa: S311 - no secret


def read(name: str, text: str, *, strength: float | None = None, voter: str = "", seen: int = 0) -> Candidate:
    quality = inspect(
        text, question=QUESTION, expect=Expect.TEXT, read=False, strength=strength, seen=seen, typical=190.0
    )
    return candidate(name, text, voter=voter, quality=quality, strength=strength)


def fleet(n: int = 20) -> list[Candidate]:
    return [read(f"m{number}", bread(number), strength=0.3 + number / 100) for number in range(n)]


# --- the centre ------------------------------------------------------------------------------------


def test_words_that_are_not_spaced_are_counted_in_pairs():
    assert words("枫树喜阴 maple") == {"枫树": 1, "树喜": 1, "喜阴": 1, "maple": 1}


@given(st.lists(st.text(alphabet="abc dé枫树", max_size=40), min_size=1, max_size=12))
def test_how_central_a_text_is_does_not_depend_on_the_order(texts: list[str]):
    def scores(order: list[str]) -> list[float]:
        centre = Centre()
        for text in order:
            centre.add(words(text))
        return centre.scores()

    forwards, backwards = scores(texts), scores(texts[::-1])
    assert forwards == pytest.approx(backwards[::-1], abs=1e-9)
    assert all(0.0 <= score <= 1.0 for score in forwards)


def test_the_most_central_text_shares_most_with_the_others():
    assert (
        most_central([words(t) for t in ["cats sleep", "dogs and cats sleep", "dogs sleep", "tax law"]]) == 1
    )
    with pytest.raises(ValueError, match="centre of nothing"):
        most_central([])
    assert Centre().scores() == []


def test_copies_of_one_voter_do_not_move_the_centre():
    alone = [read(f"m{number}", bread(number), voter=f"v{number}") for number in range(6)]
    odd = "Buy bread from the shop, it saves a lot of work and time, and nobody will ever notice it, friend."
    copies = [read(f"copy{number}", odd, voter="copy") for number in range(15)]
    assert rank([*alone, *copies])[0].startswith("m")


# --- strength and centrality -----------------------------------------------------------------------


def test_in_an_even_pool_the_most_central_is_best():
    pool = [read(f"m{number}", bread(number), strength=0.5) for number in range(8)]
    assert rank(pool) == rank(pool, method=Method.MEDOID)


def test_in_a_mixed_pool_strength_comes_first():
    weak = [read(f"weak{number}", bread(1), strength=0.05) for number in range(30)]
    assert rank([*weak, read("strong", bread(2), strength=0.9)])[0] == "strong"
    assert rank([*weak, read("strong", bread(2), strength=0.9)], method=Method.MEDOID)[0] != "strong"


def test_learnt_strength_stands_before_published_strength():
    pool = [read("a", bread(1), strength=0.9), read("b", bread(2), strength=0.1)]
    assert rank(pool)[0] == "a"
    assert rank(pool, preferences=Preferences(strengths={"a": 0.1, "b": 0.9}))[0] == "b"


def test_a_model_nobody_knows_does_not_pass_those_that_are_known_to_be_good():
    assert rank([*fleet(), read("unknown", bread(50))])[0] != "unknown"


@given(st.permutations(range(12)))
def test_everybody_is_ranked_once_and_the_order_of_arrival_does_not_matter(order: list[int]):
    pool = fleet(12)
    ranked = rank(pool[number] for number in order)
    assert sorted(ranked) == sorted(each.name for each in pool)
    assert ranked == rank(pool)


def test_nobody_is_best_of_nobody_and_one_of_one():
    assert rank([]) == ()
    assert rank([read("a", bread(1))]) == ("a",)
    assert rank([read("a", "")]) == ("a",)
    assert short_list([]) == ()


def test_a_group_can_be_ranked_alone():
    choice = Choice()
    for each in fleet():
        choice.add(each)
    assert set(choice.ranked(among={"m1", "m2"})) == {"m1", "m2"}
    assert set(choice.short_list(5, among={"m1", "m2"})) == {"m1", "m2"}


def test_a_short_list_holds_different_weights_first():
    pool = [*fleet(), *(read(f"copy{number}", bread(90), strength=0.9, voter="copy") for number in range(8))]
    listed = short_list(pool, 10)
    assert len(listed) == len(set(listed)) == 10
    assert sum(name.startswith("copy") for name in listed) == 1
    assert len(short_list([each for each in pool if each.voter == "copy"], 5)) == 5


def test_longest_is_not_best_as_such():
    pool = [read(f"m{number}", bread(number), strength=0.5) for number in range(8)]
    padded = read(
        "long", f"{bread(3)} {' '.join(f'filler{n} and more words.' for n in range(90))}", strength=0.5
    )
    assert rank([*pool, padded])[0] != "long"


def test_methods_weigh_what_they_say():
    assert sum(MULTI_FACTOR.values()) == pytest.approx(1.0)
    assert multi_factor({"strength": 0.5, "latency": 1.0}) == pytest.approx((0.4 * 0.5 + 0.2) / 0.6)
    assert multi_factor({}) == 1.0
    assert latency_factor(12.0, 2.0) == 0.5
    slow = msgspec.structs.replace(read("slow", bread(1), strength=0.5), latency=100.0)
    quick = msgspec.structs.replace(read("quick", bread(1), strength=0.5), latency=1.0)
    assert rank([slow, quick], method=Method.MULTI_FACTOR)[0] == "quick"
    assert rank([slow, quick], method=Method.MAJORITY)[0] == "slow", "the first of equals"


# --- adversaries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("trick", HOSTILE)
def test_no_hostile_text_is_best_whatever_its_strength(trick: str, method: Method):
    hostile = read("hostile", f"{bread(3)}\n{trick}", strength=0.999)
    preferences = Preferences(strengths={"hostile": 0.999})
    ranked = rank([hostile, *fleet()], method=method, preferences=preferences)
    assert ranked[-1] == "hostile"
    assert "hostile" not in short_list([hostile, *fleet()], 10, preferences=preferences)


def test_twenty_hostile_texts_at_once_leave_the_choice_as_it_was():
    hostile = [
        read(f"hostile{n}", f"{bread(n)}\n{trick}", strength=0.99) for n, trick in enumerate(HOSTILE[:20])
    ]
    assert rank([*hostile, *fleet(8)])[:8] == rank(fleet(8))


def test_a_constant_text_and_one_about_something_else_are_never_best():
    seen = Constants()
    times = [seen.seen("constant", f"{number}?", CONSTANT) for number in range(3)][-1]
    constant = read("constant", CONSTANT, strength=0.99, seen=times)
    other = read(
        "other", "Quarterly revenue rose because investors bought municipal bonds again.", strength=0.99
    )
    assert set(rank([constant, other, *fleet()])[-2:]) == {"constant", "other"}
    choice = Choice()
    for each in [other, *fleet()]:
        choice.add(each)
    assert choice.off_topic() == ("other",)


@pytest.mark.parametrize(
    ("chars", "ended", "typical", "stub"),
    [
        (10, False, 800, True),
        (10, True, 800, True),
        (60, True, 800, False),
        (5, False, 31, False),
        (10, True, 150, False),
    ],
)
def test_a_beginning_is_told_by_the_length_of_the_others(chars: int, ended: bool, typical: float, stub: bool):
    assert is_stub(Layout(chars=chars, ended=ended), typical) is stub


# --- preferences -----------------------------------------------------------------------------------


def test_a_layout_is_counted():
    text = "# Bread\n\n1. Mix\n2. Knead\n- bake\n\n**Then**\n```\ncode\n```\nEat it"
    assert layout(text) == Layout(chars=len(text), items=3, headings=2, blocks=1, ended=False)


def examples(n: int, *, liked: str) -> list[Labelled]:
    """Prompts whose labels like long texts, or central ones, or one model."""
    chance = random.Random(7)  # noqa: S311 - no secret
    made = []
    for number in range(n):
        pool = [read(f"m{m}", " ".join(chance.choices(PARTS, k=chance.randint(2, 9)))) for m in range(8)]
        sizes = [each.layout.chars for each in pool]
        label = {
            "length": {each.name: each.layout.chars / max(sizes) for each in pool},
            "m3": {each.name: 0.9 if each.name == "m3" else 0.2 + (number % 2) / 10 for each in pool},
        }[liked]
        made.append(labelled(pool, label))
    return made


def test_what_labels_like_is_learnt():
    long = learn_preferences(examples(60, liked="length"))
    assert long.worth["length"] + long.worth["habit"] > 0.2
    assert long.labels == 60
    assert "length" not in long.length_controlled().worth
    one = learn_preferences(examples(60, liked="m3"))
    assert max(one.strengths, key=one.strengths.__getitem__) == "m3"
    assert one.worth["strength"] > 5 * abs(one.worth["length"])


def test_few_labels_only_move_strengths_and_the_prior_counts_as_five():
    few = learn_preferences(examples(5, liked="m3"), prior=lambda voter: 0.1 if voter == "m3" else None)
    assert few.worth == Preferences().worth
    assert few.strengths["m3"] == pytest.approx((5 * 0.9 + 5 * 0.1) / 10)
    assert learn_preferences([]) == Preferences()


def test_preferences_are_data():
    learnt = learn_preferences(examples(30, liked="m3"))
    assert msgspec.json.decode(msgspec.json.encode(learnt), type=Preferences) == learnt


# --- recorded answers ------------------------------------------------------------------------------


@pytest.mark.data
def test_recorded_picks_do_not_fall_behind_the_best_single_model_and_are_never_adversarial(recorded: Path):
    """Prompts in two halves by turns: learnt on one, measured on the other; bounds leave room for noise."""
    folder = recorded / "alpaca_eval"
    models = {row["model"]: row for row in rows_of(folder / "models.jsonl.zst", 999)}
    hostile = {name for name, row in models.items() if row.get("adversarial")}
    marked = {name for name, row in models.items() if any(key.startswith("ae2") for key in row["labels"])}
    prompts = {row["prompt_id"]: row["prompt"] for row in rows_of(folder / "prompts.jsonl.zst", 240)}
    fields: dict[str, list[Candidate]] = {}
    labels: dict[str, dict[str, float]] = {}
    for row in rows_of(folder / "responses.jsonl.zst", 240 * len(models)):
        found = [row["labels"][key] for key in ("ae2", "ae2_cot", "ae2_fn") if key in row["labels"]]
        if row["model"] not in marked or row["prompt_id"] not in prompts or not found:
            continue
        quality = inspect(row["text"], question=prompts[row["prompt_id"]], expect=Expect.TEXT, read=False)
        fields.setdefault(row["prompt_id"], []).append(candidate(row["model"], row["text"], quality=quality))
        labels.setdefault(row["prompt_id"], {})[row["model"]] = found[0]
    learnt_on = sorted(fields)[::2]
    preferences = learn_preferences([labelled(fields[key], labels[key]) for key in learnt_on])
    trusted = msgspec.structs.replace(preferences, strengths={**preferences.strengths, "NullModel": 0.99})
    alone = msgspec.structs.replace(trusted, worth={"strength": 1.0})
    measured_on = sorted(fields)[1::2]
    picks = {key: rank(fields[key], preferences=trusted)[0] for key in measured_on}
    singles = {key: rank(fields[key], preferences=alone)[0] for key in measured_on}
    assert not hostile & set(picks.values())
    assert len(picks) > 100
    single = fmean(labels[key][name] for key, name in singles.items())
    assert fmean(labels[key][name] for key, name in picks.items()) > max(0.6, single - 0.04)
