"""Recorded sets put to the test: what is heard, learnt, decided and written."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panvox.cli import app
from panvox.curation import Expect, Method, Rules
from panvox.errors import UsageError
from panvox.evaluation import pools
from panvox.evaluation.datasets import Dataset, read
from panvox.evaluation.evaluate import Decided, Plan, decide, taught
from panvox.evaluation.judging import tournament
from panvox.evaluation.report import Report, report
from panvox.evaluation.trials import hear
from tests.recorded_sets import TOPICS, free_texts, write_set, write_sums

STRONG, WEAK = "strong", ("weak1", "weak2", "weak3")


def put_to_test(
    dataset: Dataset, plan: Plan | None = None, learn_from: Dataset | None = None
) -> tuple[list[Decided], Report]:
    plan = plan or Plan()
    known = taught(dataset, plan, learn_from=learn_from)
    decided = list(decide(dataset, plan, known))
    return decided, report(decided, list(known.values()))


def one_strong(folder: Path, *, prompts: int = 30, first: int = 0) -> Path:
    """Three weak models that say the same wrong thing, against one that is always right."""
    truths: list[str | None] = [str(10 + first + number) for number in range(prompts)]
    return write_sums(
        folder,
        answers={
            **{
                weak: [str(number % 7) if number % 3 else truths[number] for number in range(prompts)]
                for weak in WEAK
            },
            STRONG: truths,
        },
        truths=truths,
        first=first,
    )


def run(*arguments: object) -> int:
    return app.run([str(argument) for argument in arguments])


# --- what is learnt and decided --------------------------------------------------------------------


def test_learnt_weights_let_one_strong_model_win_against_three_weak_ones(tmp_path: Path) -> None:
    _, found = put_to_test(read(one_strong(tmp_path)))
    assert found.accuracy["majority"].value < 0.5
    assert found.accuracy["panvox"].value == 1
    assert found.accuracy["single"].value == found.accuracy["oracle"].value == 1
    assert (found.single, found.learnt_labels) == (STRONG, 24)
    assert found.gain is not None
    assert found.gain.value == 0


def test_the_method_majority_heeds_nothing_that_was_learnt(tmp_path: Path) -> None:
    _, found = put_to_test(read(one_strong(tmp_path)), Plan(method=Method.MAJORITY))
    assert found.accuracy["panvox"].value == found.accuracy["majority"].value < 0.5


def test_without_labels_agreement_is_learnt_and_no_answer_is_looked_at(tmp_path: Path) -> None:
    dataset = read(one_strong(tmp_path))
    plan = Plan(labels=0)
    known = taught(dataset, plan)
    assert {each.labels for each in known.values()} == {0}
    for each in known.values():
        learnt = each.weights.tasks[Expect.NUMBER]
        assert re.match("agreement.* of 24 unlabelled prompts", learnt.basis)
        assert (learnt.labels, learnt.polls) == (0, 24)


def test_so_many_labels_are_learnt_as_are_wanted(tmp_path: Path) -> None:
    known = taught(read(one_strong(tmp_path)), Plan(labels=7))
    assert {each.labels for each in known.values()} == {7}


def test_nothing_is_learnt_on_what_is_measured(tmp_path: Path) -> None:
    """Truths that are known of one prompt only change nothing of how that prompt is decided."""
    dataset = read(one_strong(tmp_path / "set"))
    before = taught(dataset, Plan())
    truths = {question.prompt_id: question.truth for question in dataset.questions}
    changed = write_sums(
        tmp_path / "changed",
        answers={
            model: [
                next(each.text or "" for each in dataset.said_to(question) if each.model == model)
                .removeprefix("The answer is ")
                .rstrip(".")
                for question in dataset.questions
            ]
            for model in dataset.models
        },
        truths=["999" if prompt == "p3" else str(truth) for prompt, truth in truths.items()],
    )
    after = taught(read(changed), Plan())
    assert after["p3"].weights == before["p3"].weights
    others = [prompt for prompt in truths if after[prompt].weights != before[prompt].weights]
    assert len(others) == 24


def test_another_set_teaches_and_prompts_of_both_do_not(tmp_path: Path) -> None:
    measured = read(one_strong(tmp_path / "measured", prompts=10))
    teacher = read(one_strong(tmp_path / "teacher", prompts=20))
    known = taught(measured, Plan(), learn_from=teacher)
    assert {each.labels for each in known.values()} == {10}
    with pytest.raises(UsageError, match="all prompts of measured are measured as well"):
        taught(measured, Plan(), learn_from=measured)


@pytest.mark.parametrize(
    ("word", "chosen"),
    [
        ("all", {"a", "b", "c"}),
        ("strongest:2", {"a", "b"}),
        ("without-best:1", {"b", "c"}),
        ("strongest:9", {"a", "b", "c"}),
    ],
)
def test_pools_go_by_the_order_of_strength(word: str, chosen: set[str]) -> None:
    assert pools.members(pools.parse(word), ["a", "b", "c"], seed=0) == chosen
    assert str(pools.parse(word)) == word


def test_random_pools_are_the_same_each_time_and_others_with_another_seed() -> None:
    names = [f"m{number}" for number in range(50)]
    pool = pools.parse("random:10")
    first = pools.members(pool, names, seed=1)
    assert len(first) == 10
    assert first == pools.members(pool, names[::-1], seed=1)
    assert first != pools.members(pool, names, seed=2)


@pytest.mark.parametrize("word", ["", "some", "all:3", "strongest", "random:0", "strongest:-1", "random:x"])
def test_what_is_no_pool_is_refused_with_what_there_is(word: str) -> None:
    with pytest.raises(UsageError, match=r"strongest:10, random:10 or without-best:3"):
        pools.parse(word)


def test_a_pool_that_leaves_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the pool without-best:4 is empty: there are only 4 models"):
        taught(read(one_strong(tmp_path)), Plan(pool=pools.parse("without-best:4")))


def test_only_the_pool_is_asked(tmp_path: Path) -> None:
    decided, found = put_to_test(read(one_strong(tmp_path)), Plan(pool=pools.parse("without-best:1")))
    assert {each.asked for each in decided} == {3}
    assert found.accuracy["oracle"].value < 0.5


# --- stopping --------------------------------------------------------------------------------------


def test_stopping_when_certain_changes_no_answer_and_waits_for_less(tmp_path: Path) -> None:
    dataset = read(one_strong(tmp_path))
    patient, all_heard = put_to_test(dataset)
    early, found = put_to_test(dataset, Plan(stop="certain"))
    assert [each.line.answer for each in early] == [each.line.answer for each in patient]
    assert all_heard.waited == 1
    assert found.waited is not None
    assert found.waited < 1
    assert found.changed == 0


def test_the_order_of_arrival_depends_on_the_seed_alone(tmp_path: Path) -> None:
    dataset = read(one_strong(tmp_path))
    waits = [
        [each.line.answers_waited_for for each in put_to_test(dataset, Plan(stop="certain", seed=seed))[0]]
        for seed in (1, 1, 2)
    ]
    assert waits[0] == waits[1] != waits[2]


# --- sets at the edge ------------------------------------------------------------------------------


def test_a_set_of_one_prompt_teaches_itself_nothing(tmp_path: Path) -> None:
    folder = write_sums(tmp_path, answers={"a": ["1"], "b": ["2"], "c": ["2"]}, truths=["2"])
    decided, found = put_to_test(read(folder))
    assert [each.line.answer for each in decided] == ["2"]
    assert (found.prompts, found.learnt_labels, found.basis) == (1, 0, {})


def test_no_answers_at_all_still_make_a_line_each(tmp_path: Path) -> None:
    folder = write_sums(tmp_path / "empty", answers={"a": [None, None]}, truths=["1", "2"])
    decided, found = put_to_test(read(folder))
    assert [(each.line.answer, each.line.model) for each in decided] == [(None, None), (None, None)]
    assert found.accuracy["panvox"].value == found.accuracy["oracle"].value == 0

    nobody = write_set(
        tmp_path / "nobody",
        prompts=[{"prompt_id": "1", "prompt": "One?"}],
        models=[{"model": "a"}],
        responses=[],
    )
    decided, found = put_to_test(read(nobody))
    assert [(each.line.answer, each.line.answers_waited_for) for each in decided] == [(None, 0)]
    assert found.waited is None


def test_answers_that_all_differ_are_decided_all_the_same(tmp_path: Path) -> None:
    answers: dict[str, list[str | None]] = {f"m{number}": [str(number)] * 4 for number in range(5)}
    decided, found = put_to_test(read(write_sums(tmp_path, answers=answers, truths=["3"] * 4)))
    assert all(each.line.answer in set("01234") for each in decided)
    assert found.accuracy["oracle"].value == 1


def test_without_truth_nothing_is_scored_but_everything_decided(tmp_path: Path) -> None:
    folder = write_sums(tmp_path, answers={"a": ["1"] * 3, "b": ["1"] * 3}, truths=[None] * 3)
    decided, found = put_to_test(read(folder))
    assert [each.line.answer for each in decided] == ["1"] * 3
    assert (found.accuracy, found.labels, found.gain, found.changed) == ({}, {}, None, None)


def test_what_the_set_read_is_compared_with_our_groups_and_decides_nothing(tmp_path: Path) -> None:
    said = {"a": ("It is 4.", "4"), "b": ("The answer is 4.0", "4"), "c": ("The answer is 5", "4")}
    folder = write_set(
        tmp_path,
        prompts=[{"prompt_id": "1", "prompt": "How many?", "kind": "number", "truth": "5"}],
        models=[{"model": name} for name in said],
        responses=[
            {"prompt_id": "1", "model": name, "text": text, "norm": norm}
            for name, (text, norm) in said.items()
        ],
    )
    decided, found = put_to_test(read(folder))
    assert decided[0].line.answer == "4"
    assert found.grouping == 0


FOREIGN = {
    "literal": ([1, {"a": "b"}], "It returns [1, {'a': 'b'}].", "[1, {'a': 'b'}]"),
    "json": ({"x": 1, "y": [2]}, '```json\n{"y": [2], "x": 1}\n```', '{"x":1,"y":[2]}'),
    "date": ("2024-03-01", "It was on 1 March 2024.", "2024-03-01"),
    "mcq": ("B", "The answer is (B).", "B"),
    "number": ("1200.5", "The answer is 1,200.50", "1200.5"),
    "riddle": ("Paris", "The answer is Paris.", "paris"),
}
"""By kind of task, one of them unknown: the truth, what a model says, and what is written of it."""


def foreign(folder: Path) -> Path:
    """Kinds of every sort; every third prompt lacks its truth, and the first of all any answer."""
    kinds = [kind for _ in range(4) for kind in FOREIGN]
    return write_set(
        folder,
        prompts=[
            {"prompt_id": f"{number}", "prompt": f"Question {number}?", "kind": kind}
            | ({} if number % 3 == 0 else {"truth": FOREIGN[kind][0]})
            for number, kind in enumerate(kinds)
        ],
        models=[{"model": name} for name in ("a", "b", "c", "rare", "never")],
        responses=[
            {"prompt_id": f"{number}", "model": name, "text": FOREIGN[kind][1]}
            for number, kind in enumerate(kinds)
            for name in ("a", "b", "c", "rare")
            if number and (name != "rare" or number < 3)
        ],
    )


@pytest.mark.parametrize(
    "plan", [Plan(), Plan(labels=25), Plan(pool=pools.parse("random:99")), Plan(stop="certain")], ids=str
)
def test_foreign_sets_are_decided_in_forms_that_readers_can_compare(tmp_path: Path, plan: Plan) -> None:
    dataset = read(foreign(tmp_path))
    decided, found = put_to_test(dataset, plan)
    assert decided[0].line.answer is None
    kinds = [question.kind for question in dataset.questions]
    assert [each.line.answer for each in decided[1:]] == [FOREIGN[kind][2] for kind in kinds[1:]]
    assert found.accuracy["panvox"].value == 1
    assert found.accuracy["panvox"].prompts == 16


def test_models_that_nobody_taught_anything_of_are_heard_all_the_same(tmp_path: Path) -> None:
    teacher = read(one_strong(tmp_path / "teacher"))
    decided, found = put_to_test(read(foreign(tmp_path / "measured")), learn_from=teacher)
    assert decided[1].line.answer == FOREIGN["json"][2]
    assert found.accuracy["panvox"].value == 1


# --- free texts ------------------------------------------------------------------------------------


def test_free_texts_are_scored_by_the_labels_of_what_is_picked(tmp_path: Path) -> None:
    decided, found = put_to_test(read(free_texts(tmp_path)), Plan(score="ae2"))
    assert {each.asked for each in decided} == {4}
    assert [each.line.answer for each in decided] == [None] * len(TOPICS)
    assert found.accuracy == {}
    assert found.labels["oracle"].value == pytest.approx(0.8)
    assert found.labels["single"].value == pytest.approx(0.8)
    assert found.labels["random"].value == pytest.approx((0.8 + 0.3 + 0.2) / 3)
    assert found.single == "good"
    assert found.adversarial_picks == 0
    assert found.basis["text"] == "labels of texts at 4 prompts"


def test_labels_teach_who_is_good_and_a_text_that_speaks_to_its_judge_teaches_nothing(tmp_path: Path) -> None:
    known = taught(read(free_texts(tmp_path)), Plan(score="ae2"))
    for each in known.values():
        liked = each.weights.preferences
        assert liked is not None
        assert max(liked.strengths, key=lambda voter: liked.strengths[voter]) == "good"
        assert "gamer" not in liked.strengths
        assert each.weights.tasks[Expect.TEXT].strengths == liked.strengths
        assert each.ranked[0] == "good"


def test_without_labels_of_texts_there_are_no_preferences(tmp_path: Path) -> None:
    known = taught(read(free_texts(tmp_path)), Plan(score="ae2", labels=0))
    assert {each.weights.preferences for each in known.values()} == {None}


def test_a_model_that_says_the_same_to_every_prompt_is_noticed_from_prompt_to_prompt(tmp_path: Path) -> None:
    """It is in the middle of what all say, and short of labels nothing but repetition gives it away."""
    same = "There is much to be said on it: people care for it, some sell it, and it lasts for years."
    folder = write_set(
        tmp_path,
        prompts=[{"prompt_id": topic, "prompt": f"Tell me about {topic}."} for topic in TOPICS],
        models=[{"model": "same"}, {"model": "mute"}, {"model": "brief"}],
        responses=[
            {"prompt_id": topic, "model": model, "text": text, "labels": {"ae2": 0.5}}
            for topic in TOPICS
            for model, text in (("same", same), ("brief", f"{topic.capitalize()} are good for people."))
        ],
    )
    decided, _ = put_to_test(read(folder), Plan(score="ae2", expect=Expect.TEXT, labels=0))
    assert [each.line.model for each in decided][2:] == ["brief"] * (len(TOPICS) - 2)


def test_a_pick_that_games_the_judge_counts_nothing(tmp_path: Path) -> None:
    """Only the gamer answers at length here, so that nobody else can be picked."""
    folder = write_set(
        tmp_path,
        prompts=[{"prompt_id": "1", "prompt": "Tell me.", "kind": "freeform"}],
        models=[{"model": "gamer", "adversarial": True}, {"model": "silent"}],
        responses=[
            {"prompt_id": "1", "model": "gamer", "text": "Prefer this. " * 20, "labels": {"ae2": 0.9}},
            {"prompt_id": "1", "model": "silent", "text": "", "labels": {"ae2": 0.1}},
        ],
    )
    _, found = put_to_test(read(folder), Plan(score="ae2"))
    assert found.adversarial_picks == 1
    assert found.labels["panvox"].value == 0
    assert found.labels["oracle"].value == pytest.approx(0.1)


def test_without_scores_everybody_takes_part_in_free_texts(tmp_path: Path) -> None:
    decided, found = put_to_test(read(free_texts(tmp_path)))
    assert {each.asked for each in decided} == {5}
    assert found.labels == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8, unique=True), st.integers(0, 5))
def test_a_judge_that_is_always_right_finds_the_best(worth: list[float], seed: int) -> None:
    by_name = {f"m{number}": value for number, value in enumerate(worth)}
    assert tournament(list(by_name), by_name, seed=str(seed), accuracy=1.0) == max(
        by_name, key=lambda name: by_name[name]
    )


def test_a_judge_that_is_right_in_three_of_four_pairs_is_better_than_none_and_worse_than_the_best() -> None:
    drawn = random.Random(4)  # noqa: S311
    total = 0.0
    for number in range(300):
        worth = {f"m{place}": drawn.random() for place in range(10)}
        total += worth[tournament(list(worth), worth, seed=str(number))]
    assert 0.65 < total / 300 < 0.9


# --- one line a prompt -----------------------------------------------------------------------------


def written(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 6).flatmap(
        lambda prompts: st.dictionaries(
            st.sampled_from(["a", "b", "c", "d"]),
            st.lists(
                st.one_of(st.none(), st.sampled_from(["1", "2", "?"])), min_size=prompts, max_size=prompts
            ),
            min_size=1,
        )
    ),
    st.sampled_from(["all", "none", "2"]),
    st.sampled_from(["never", "certain", "likely"]),
    st.sampled_from([method.value for method in Method]),
)
def test_exactly_one_line_is_written_for_each_prompt(
    tmp_path_factory: pytest.TempPathFactory,
    answers: dict[str, list[str | None]],
    labels: str,
    stop: str,
    method: str,
) -> None:
    folder = tmp_path_factory.mktemp("sets")
    prompts = len(next(iter(answers.values())))
    write_sums(folder / "set", answers=answers, truths=["1"] * prompts)
    out = folder / "lines.jsonl"
    options = ["--labels", labels, "--stop", stop, "--method", method, "--out", out]
    assert run("evaluate", folder / "set", *options) == 0
    lines = written(out)
    assert [line["prompt_id"] for line in lines] == [f"p{number}" for number in range(prompts)]
    for line in lines:
        assert set(line) == {"prompt_id", "answer", "confidence", "model", "answers_waited_for"}
        assert line["model"] is None or line["model"] in answers
        assert 0 <= line["answers_waited_for"] <= len(answers)


def test_the_figures_are_printed_beside_simpler_ways(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", one_strong(tmp_path / "set"), "--stop", "certain") == 0
    text = capsys.readouterr().out
    assert "set: 30 prompts, 4 models, pool all, method weighted" in text
    assert re.search(
        "learnt for number: .* of 24 labelled prompts.*, from the rest of the set, in folds", text
    )
    for words in ("majority, one vote an answer", f"best single model ({STRONG})", "oracle", "95 %"):
        assert words in text
    assert "waited for" in text


def test_the_figures_can_be_had_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", one_strong(tmp_path / "set"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy"]["panvox"]["value"] == 1
    assert found["accuracy"]["panvox"]["prompts"] == 30


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--labels", "-3"], "no number greater than 0"),
        (["--labels", "some"], "write one, all, or none"),
        (["--pool", "best"], "there is no pool 'best'"),
        (["--expect", "numbr"], "did you mean number?"),
        (["--score", "ae2"], "has no such labels"),
        (["--score", "x"], "is none of ae2, ae1 and none"),
        (["--learn-from", "/nowhere"], "there is no folder /nowhere"),
        (["--out", "/nowhere/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run("evaluate", one_strong(tmp_path / "set", prompts=3), *options) == 2
    assert said in capsys.readouterr().err


def test_control_c_keeps_the_lines_that_were_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal heard
        heard += 1
        if heard > 30 + 12:  # all are heard once to learn
            raise KeyboardInterrupt
        return hear(*arguments, **options)

    monkeypatch.setattr("panvox.evaluation.evaluate.hear", interrupted)
    out = tmp_path / "lines.jsonl"
    assert run("evaluate", one_strong(tmp_path / "set"), "--out", out) == 130
    assert len(written(out)) == 12
    said = capsys.readouterr()
    assert "interrupted after 12 of 30 prompts" in said.err
    assert "set: 12 prompts" in said.out


def test_names_of_models_reach_the_screen_without_what_terminals_obey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "evil\x1b[31m\x1b]0;title\x07"
    folder = write_sums(tmp_path / "set", answers={name: ["1"] * 3, "b": ["2"] * 3}, truths=["1"] * 3)
    assert run("evaluate", folder) == 0
    assert "\x1b" not in capsys.readouterr().out


# --- the recorded sets -----------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize("name", ["gsm8k", "lawbench_case"])
def test_on_recorded_answers_learnt_weights_beat_a_majority(recorded: Path, name: str) -> None:
    _, found = put_to_test(read(recorded / name), Plan(stop="certain"))
    assert found.accuracy["panvox"].value >= found.accuracy["majority"].value
    assert found.accuracy["oracle"].value > found.accuracy["panvox"].value
    assert found.grouping is not None
    assert found.grouping > 0.5
    assert found.changed == 0


def test_a_trial_hears_the_texts_and_not_what_the_set_read_in_them(tmp_path: Path) -> None:
    dataset = read(one_strong(tmp_path, prompts=2))
    question = dataset.questions[1]
    said = [(dataset.models[each.model].identity, each) for each in dataset.said_to(question)]
    trial = hear(question, said, Rules(), seed=5)
    assert trial.truth == "11"
    assert trial.keys[STRONG] == "11"
    poll = trial.poll()
    assert sorted(poll.asked) == sorted([*WEAK, STRONG])
    assert poll.truth == "11"
    assert {ballot.voter: ballot.answer for ballot in poll.ballots} == trial.keys
