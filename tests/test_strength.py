"""Strength from published results, one's own and the settings, on one scale that rises with the score."""
# ruff: noqa: E501 - problems are written as people see them, one line each

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from panvox.catalog.lineage import kin, lineage
from panvox.catalog.measurements import Measurement, TaskKind, published, read_measurements
from panvox.catalog.strength import AS_GENERAL, AS_KIN, FEWEST_SHARED, Scale, Strengths, strength
from panvox.errors import SettingsError

GENERAL, CODE, MATH = TaskKind.GENERAL, TaskKind.CODE, TaskKind.MATH
TABLE = Path(__file__).parent.parent / "src/panvox/catalog/data/strengths.csv"


def result(model: str, score: float, benchmark: str = "exam", kind: TaskKind = GENERAL) -> Measurement:
    return Measurement(
        model=model, kind=kind, benchmark=benchmark, score=score, date="2026-01", source="paper"
    )


def value(strengths: Strengths, model: str, kind: TaskKind = GENERAL) -> float:
    found = strengths.of(model, kind)
    assert found is not None
    return found.value


EXAM = tuple(result(f"model-{letter}", 10 * place) for place, letter in enumerate("abcdefghij"))


# --- the scale ---------------------------------------------------------------------------------------

SCORES = st.floats(min_value=-1e4, max_value=1e4, allow_nan=False)


@given(st.dictionaries(st.sampled_from("abcdefghijklmnop"), SCORES, min_size=2))
def test_more_points_in_a_benchmark_are_never_less_strength(scores: dict[str, float]) -> None:
    strengths = Strengths(results=[result(model, score) for model, score in scores.items()])
    ranked = sorted(scores, key=lambda model: scores[model])
    values = [value(strengths, model) for model in ranked]
    assert values == sorted(values)
    assert all(0 <= each <= 1 for each in values)


@given(st.floats(min_value=0.01, max_value=100), st.floats(min_value=-500, max_value=500))
def test_the_units_of_a_benchmark_make_no_difference(slope: float, shift: float) -> None:
    same = [result(each.model, slope * each.score + shift, "other units") for each in EXAM[2:8]]
    newcomer = result("newcomer", slope * 75 + shift, "other units")
    strengths = Strengths(results=[*EXAM, *same, newcomer])
    for each in EXAM:
        assert value(strengths, each.model) == pytest.approx(
            value(Strengths(results=EXAM), each.model), abs=0.05
        )
    assert value(strengths, "model-h") < value(strengths, "newcomer") < value(strengths, "model-i")


def test_a_harder_benchmark_does_not_make_its_models_weak() -> None:
    hard = [result(each.model, each.score - 60, "hard exam") for each in EXAM[5:]]
    best = result("best", 60, "hard exam")
    strengths = Strengths(results=[*EXAM, *hard, best])
    assert value(strengths, "best") > value(strengths, "model-j")


def test_several_ways_to_ask_the_same_weights_count_as_the_best() -> None:
    thinking = result("claude-sonnet-4.5:thinking", 95)
    plain = result("anthropic/claude-sonnet-4.5", 15)
    strengths = Strengths(results=[*EXAM, thinking, plain])
    assert value(strengths, "claude-sonnet-4-5") > value(strengths, "model-j")


def test_a_benchmark_that_shares_too_few_models_says_nothing() -> None:
    island = [result(f"island-{number}", number, "island") for number in range(5)]
    bridge = [result(each.model, each.score, "island") for each in EXAM[: FEWEST_SHARED - 1]]
    strengths = Strengths(results=[*EXAM, *island, *bridge])
    assert strengths.unplaced == ("island",)
    assert strengths.of("island-4") is None
    joined = Strengths(results=[*EXAM, *island, *bridge, result("model-j", 90, "island")])
    assert joined.unplaced == ()
    assert joined.of("island-4") is not None


def test_a_benchmark_without_differences_says_nothing() -> None:
    flat = [result(each.model, 50, "flat") for each in EXAM]
    assert Strengths(results=[*EXAM, result("extra", 45), *flat]).unplaced == ("flat",)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_results_makes_no_difference(order: random.Random) -> None:
    shuffled = list(published())
    order.shuffle(shuffled)
    one, other = Strengths(), Strengths(results=shuffled)
    for model in ("gpt-5.2", "claude-opus-4.5", "llama-3.1-8b-instruct", "deepseek-r1"):
        for kind in TaskKind:
            assert value(one, model, kind) == pytest.approx(value(other, model, kind), abs=1e-9)


def test_benchmarks_that_are_joined_in_a_row_are_all_placed() -> None:
    second = [result(each.model, each.score / 2, "second") for each in EXAM[6:]]
    second += [result(f"late-{number}", 50 + number, "second") for number in range(6)]
    third = [result(f"late-{number}", 7 * number, "third") for number in range(6)] + [
        result("new", 60, "third")
    ]
    scale = Scale([*third, *second, *EXAM])
    assert scale.benchmarks == {"exam", "second", "third"}
    strengths = Strengths(results=[*third, *second, *EXAM])
    assert value(strengths, "new") > value(strengths, "late-5") > value(strengths, "model-i")


# --- what wins ---------------------------------------------------------------------------------------


def test_own_results_win_over_published_ones() -> None:
    own = [result("model-a", 95)]
    assert value(Strengths(results=EXAM), "model-a") < 0.1
    assert value(Strengths(results=EXAM, own=own), "host/model-a:free") > 0.9


def test_own_results_move_nobody_else() -> None:
    own = [result(each.model, 100 - each.score, "mine") for each in EXAM] + [result("model-a", 1000)]
    before, after = Strengths(results=EXAM), Strengths(results=EXAM, own=[own[-1]])
    assert [value(before, each.model) for each in EXAM[1:]] == [value(after, each.model) for each in EXAM[1:]]


def test_an_own_benchmark_is_laid_over_the_published_scale() -> None:
    own = [result(each.model, each.score / 100, "mine") for each in EXAM[:5]] + [
        result("local", 0.85, "mine")
    ]
    strengths = Strengths(results=EXAM, own=own)
    assert value(strengths, "model-i") < value(strengths, "local") < value(strengths, "model-j")
    assert Strengths(results=EXAM, own=own[:2]).unplaced == ("mine",)


# --- what was not measured ---------------------------------------------------------------------------


def test_kin_lend_their_strength_at_a_discount() -> None:
    base = [result("Llama-3.1-70B-Instruct", 80), result("hermes-3-llama-3.1-70b", 60)]
    strengths = Strengths(results=[*EXAM, *base])
    mean = (value(strengths, "llama-3.1-70b-instruct") + value(strengths, "hermes-3-llama-3.1-70b")) / 2
    found = strengths.of("nvidia/llama-3.1-nemotron-70b-instruct")
    assert found is not None
    assert found.value == pytest.approx(AS_KIN * mean)
    assert found.via == "kin of llama-3-1-70b"
    assert found.source == "exam"


def test_general_strength_stands_in_for_a_kind_at_a_discount() -> None:
    strengths = Strengths(results=EXAM)
    found = strengths.of("model-j", CODE)
    assert found is not None
    assert found.value == pytest.approx(AS_GENERAL * value(strengths, "model-j"))
    assert (found.kind, found.via) == (CODE, "general")


def test_kin_at_the_kind_come_before_the_model_in_general() -> None:
    code = [result(each.model, each.score, "kata", CODE) for each in EXAM]
    code.append(result("gpt-4o-2024-05-13", 50, "kata", CODE))
    strengths = Strengths(results=[*EXAM, *code, result("gpt-4o-2024-11-20", 90)])
    found = strengths.of("gpt-4o-2024-11-20", CODE)
    assert found is not None
    assert found.via == "kin of gpt-4o"
    also = strengths.of("gpt-4o-2024-08-06", MATH)
    assert also is not None
    assert also.via == "general; kin of gpt-4o"
    assert also.value == pytest.approx(AS_GENERAL * AS_KIN * value(strengths, "gpt-4o-2024-11-20"))


@pytest.mark.parametrize("kind", TaskKind)
def test_a_model_that_nobody_measured_has_no_strength(kind: TaskKind) -> None:
    assert strength("gpt-9-ultra", kind) is None
    assert strength("super-strong-coder-405b", kind) is None
    assert Strengths(results=()).of("gpt-4o", kind) is None


# --- files -------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_own_results_are_read_from_a_file(tmp_path: Path) -> None:
    text = '\ufeffscore,benchmark,model,kind\n12.5,"house, exam",openai/gpt-4o,code\n'
    file = written(tmp_path, text)
    assert read_measurements(file) == (
        Measurement(
            model="openai/gpt-4o", kind=CODE, benchmark="house, exam", score=12.5, date="", source=str(file)
        ),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "",
            snapshot(
                "mine.csv:1: has no column model, kind, benchmark, score; the first line names the columns: model,kind,benchmark,score,date,source."
            ),
        ),
        (
            "model,kind,score\ngpt-4o,code,1\n",
            snapshot(
                "mine.csv:1: has no column benchmark; the first line names the columns: model,kind,benchmark,score,date,source."
            ),
        ),
        (
            "model,kind,benchmark,score,date\ngpt-4o,maths,exam,high,yesterday\n,code,exam,1,\na,code,exam,1,2,3\n",
            snapshot("""\
mine.csv:2: kind = 'maths' is not one of general, code, math.
mine.csv:2: score = 'high' is not a number.
mine.csv:2: date = 'yesterday' is not a date; write 2025-04-16, 2025-04 or 2025.
mine.csv:3: model is empty.
mine.csv:4: has more fields than the first line has columns; put quotes around a field with commas.
mine.csv:4: date = '2' is not a date; write 2025-04-16, 2025-04 or 2025.\
"""),
        ),
        (
            "model,kind,benchmark,score\na,code,exam,nan\nb,code\n",
            snapshot("""\
mine.csv:2: score = 'nan' is not a number.
mine.csv:3: benchmark is empty.
mine.csv:3: score is empty.\
"""),
        ),
        (
            'model,kind,benchmark,score\n"a,code,exam,1\n',
            snapshot("mine.csv:1: is not CSV: unexpected end of data."),
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        read_measurements(written(tmp_path, text))
    assert str(raised.value).replace(f"{tmp_path}/", "") == problem


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.csv: cannot be read: No such file"):
        read_measurements(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes(b"model\xff")
    with pytest.raises(SettingsError, match=r"latin\.csv: is not UTF-8: .* at byte 5"):
        read_measurements(tmp_path / "latin.csv")


# --- the shipped table -------------------------------------------------------------------------------


def test_the_shipped_results_can_be_read_all_have_a_source_and_a_date_and_are_all_placed() -> None:
    assert read_measurements(TABLE) == published()
    assert all("/" in each.source and each.date for each in published())
    assert Strengths().unplaced == ()


def test_the_shipped_results_cover_many_weights_and_no_result_comes_twice() -> None:
    pairs = {(each.lineage, each.kind) for each in published()}
    assert len(pairs) >= 450
    assert len({word for word, _ in pairs}) >= 200
    with TABLE.open(encoding="utf-8", newline="") as file:
        keys = [(row["model"].lower(), row["kind"], row["benchmark"]) for row in csv.DictReader(file)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("stronger", "weaker", "kind"),
    [
        ("openai/gpt-5", "openai/gpt-4o", GENERAL),
        ("anthropic/claude-opus-4.5", "anthropic/claude-3-haiku", GENERAL),
        ("meta-llama/Llama-3.1-405B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", GENERAL),
        ("deepseek/deepseek-r1", "deepseek/deepseek-v3", MATH),
        ("google/gemini-2.5-pro", "google/gemma-3-4b-it", MATH),
        ("qwen/qwen3-coder", "qwen/qwen3-32b", CODE),
        ("anthropic/claude-sonnet-4.5", "openai/gpt-oss-120b", CODE),
    ],
)
def test_the_shipped_order_is_what_the_benchmarks_found(stronger: str, weaker: str, kind: TaskKind) -> None:
    strengths = Strengths()
    assert value(strengths, stronger, kind) > value(strengths, weaker, kind) + 0.1


def test_a_model_is_placed_alike_by_the_benchmarks_that_measured_it() -> None:
    """The promise of the common scale, over all models that several benchmarks measured in general."""
    general = [each for each in published() if each.kind is GENERAL]
    scale = Scale(general)
    places: dict[str, list[float]] = {}
    for each in general:
        places.setdefault(each.lineage, []).append(scale.value([each]))
    apart = [max(found) - min(found) for found in places.values() if len(found) > 1]
    assert len(apart) > 40
    assert sum(apart) / len(apart) < 0.07


def test_what_is_guessed_from_kin_is_near_what_was_measured() -> None:
    """So that the discount is the right size: each measured model with measured kin, as if it were not."""
    strengths, errors = Strengths(), []
    general = [each for each in published() if each.kind is GENERAL]
    words = {each.lineage for each in general}
    for word in words:
        if any(kin(other) == kin(word) for other in words if other != word):
            guess = Strengths(results=[each for each in general if each.lineage != word]).of(word)
            if guess is not None:
                errors.append(abs(guess.value - value(strengths, word)))
    assert len(errors) > 50
    assert sum(errors) / len(errors) < 0.12


def test_a_strength_says_where_it_comes_from() -> None:
    found = strength("openai/gpt-4o-2024-08-06", CODE)
    assert found is not None
    assert found.source == "Aider polyglot; LiveBench 2024-11-25 Coding"
    assert found.date == "2024-12-30"
    assert lineage("gpt-4o-2024-08-06") in {each.lineage for each in published()}
    assert repr(Strengths()).startswith("Strengths(general: ")
