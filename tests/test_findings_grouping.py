"""Findings of many reviews become issues: who tells the same, how many lineages do, and where."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from panvox.review.findings import (
    Finding,
    Findings,
    Issue,
    Places,
    Severity,
    closeness,
    findings_of,
    grouped,
    read_findings,
)
from panvox.review.instructions import find_instructions
from panvox.review.prompting import prompt_of
from panvox.simulator.reviewing import matter_of, reviewed
from tests.finding_issues import CHOSEN_ON, MEASURED_ON, Files
from tests.pair_figures import crowd_of, figures
from tests.pair_figures import findings_of as all_findings
from tests.review_texts import FILES, file


def _finding(
    model: str, title: str, *, lineage: str = "", path: str = "src/a.py", line: int | None = 5, **more: object
) -> Finding:
    finding = Finding(model=model, lineage=lineage or model, title=title, path=path, line=line)
    return replace(finding, **more)


def _grouped(*told: Finding, also: Sequence[str] = ()) -> Findings:
    found: dict[str, list[Finding]] = {model: [] for model in also}
    for each in told:
        found.setdefault(each.model, []).append(each)
    lineages = {each.model: each.lineage for each in told}
    return grouped(found, {model: lineages.get(model, model) for model in found})


def _only(findings: Findings) -> Issue:
    [issue] = findings.issues
    return issue


def test_what_two_models_tell_in_other_words_is_one_issue() -> None:
    issue = _only(
        _grouped(
            _finding("a", "SQL injection through the user name", line=12),
            _finding("b", "The query is open to SQL injection", line=13),
        )
    )
    assert (issue.lineages, issue.members, issue.share) == (2, ("a", "b"), 1.0)


def test_the_same_words_about_two_files_are_two_issues() -> None:
    found = _grouped(
        _finding("a", "Bare except hides errors"), _finding("b", "Bare except hides errors", path="src/b.py")
    )
    assert [issue.path for issue in found.issues] == ["src/a.py", "src/b.py"]


def test_the_same_words_far_apart_are_told_apart_where_one_model_tells_both() -> None:
    told = [_finding(model, "Bare except hides errors", line=line) for model in "ab" for line in (10, 300)]
    found = _grouped(*told)
    assert [(issue.lineages, issue.line) for issue in found.issues] == [(2, 10), (2, 300)]


def test_models_of_one_lineage_have_one_vote() -> None:
    title = "The total is wrong for an empty cart"
    told = [
        _finding("a", title, lineage="x"),
        _finding("b", title, lineage="x"),
        _finding("c", title, lineage="y"),
    ]
    found = _grouped(*told, also=("d", "e"))
    issue = _only(found)
    assert (issue.lineages, issue.members, found.lineages, found.reviews) == (2, ("a", "b", "c"), 4, 5)
    assert issue.share == pytest.approx(2 / 4)


def test_reviews_that_could_not_be_read_do_not_count_as_silent() -> None:
    told = {"a": [_finding("a", "Wrong total")], "b": [], "c": []}
    found = grouped(told, {"a": "a", "b": "b", "c": "c"}, unread=["c"])
    assert (found.reviews, found.lineages, found.unread, _only(found).share) == (2, 2, ("c",), 0.5)


def test_severity_is_the_median_and_the_line_what_most_lineages_name() -> None:
    title = "SQL injection in the query of users"
    told = [
        _finding("a", title, line=12, severity=Severity.CRITICAL),
        _finding("b", title, line=12, severity=Severity.HIGH),
        _finding("c", title, line=13, end_line=14, severity=Severity.HIGH),
        _finding("d", title, line=None, severity=Severity.LOW),
        _finding("e", title, line=12),
    ]
    issue = _only(_grouped(*told))
    assert (issue.severity, issue.line, issue.end_line) == (Severity.HIGH, 12, None)


def test_what_names_no_file_joins_what_names_the_same_symbol_there() -> None:
    issue = _only(
        _grouped(
            _finding("a", "`find_user` is open to SQL injection"),
            _finding("b", "SQL injection in `find_user`", path="", line=None),
        )
    )
    assert (issue.path, issue.line, issue.lineages) == ("src/a.py", 5, 2)


def test_what_most_lineages_tell_comes_first_and_what_one_tells_is_kept() -> None:
    told = [_finding(model, "SQL injection through the user name") for model in "abc"]
    told += [_finding(model, "No timeout of the request", path="src/b.py") for model in "ab"]
    told += [_finding("c", "Typing error in a comment", path="src/c.py", severity=Severity.LOW)]
    told += [_finding("d", "Passwords are logged in clear", path="src/d.py", severity=Severity.CRITICAL)]
    found = _grouped(*told)
    assert [(issue.lineages, issue.path) for issue in found.issues] == [
        (3, "src/a.py"),
        (2, "src/b.py"),
        (1, "src/d.py"),
        (1, "src/c.py"),
    ]


def test_reviews_without_findings_give_no_issues() -> None:
    assert grouped({"a": ()}, {"a": "x"}) == Findings(issues=(), reviews=1, lineages=1)
    assert grouped({}, {}) == Findings(issues=(), reviews=0, lineages=0)


_LINEAGES = {"a": "x", "b": "x", "c": "y", "d": "y", "e": "z", "f": ""}
_TOLD = st.lists(
    st.builds(
        Finding,
        model=st.sampled_from("abcdef"),
        lineage=st.just(""),
        title=st.sampled_from(
            [
                "SQL injection",
                "Injection through the query",
                "`run` has no timeout",
                "No timeout",
                "Timeout of `run` is missing",
            ]
        ),
        text=st.sampled_from(["", "Use parameters.", "Wait no longer than a second."]),
        severity=st.none() | st.sampled_from(Severity),
        path=st.sampled_from(["", "a.py", "b.py"]),
        line=st.none() | st.integers(1, 40),
    ).map(lambda each: replace(each, line=each.line if each.path else None, lineage=_LINEAGES[each.model])),
    max_size=25,
)


@given(_TOLD, st.randoms(use_true_random=False))
def test_the_order_of_models_and_findings_changes_nothing(
    told: list[Finding], shuffle: random.Random
) -> None:
    first = _grouped(*told)
    shuffle.shuffle(told)
    assert _grouped(*told) == first


@given(_TOLD)
def test_every_finding_is_in_exactly_one_issue_and_lineages_are_counted(told: list[Finding]) -> None:
    found = _grouped(*told)
    kept = sorted((each for issue in found.issues for each in issue.findings), key=repr)
    assert kept == sorted(told, key=repr)
    assert len({issue.id for issue in found.issues}) == len(found.issues)
    for issue in found.issues:
        assert issue.lineages == len({each.lineage or each.model for each in issue.findings})
        assert issue.members == tuple(sorted({each.model for each in issue.findings}))
        assert {each.path for each in issue.findings} <= {issue.path, ""}
        assert issue.title in {each.title for each in issue.findings}
        assert 0 < issue.share <= 1


@settings(max_examples=25)
@given(_TOLD, st.integers(2, 5))
def test_blocks_of_any_size_lose_no_finding(told: list[Finding], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closeness, "BLOCK", block)
        found = _grouped(*told)
    assert sorted((each for issue in found.issues for each in issue.findings), key=repr) == sorted(
        told, key=repr
    )


def test_blocks_are_put_together_where_they_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [_finding(f"m{at}", "SQL injection through the user name") for at in range(40)]
    monkeypatch.setattr(closeness, "BLOCK", 7)
    assert _only(_grouped(*told)).lineages == 40


@pytest.mark.parametrize(
    ("files", "models", "precision", "recall"),
    [
        (CHOSEN_ON, 0, 0.95, 0.95),
        (CHOSEN_ON, 100, 0.95, 0.95),
        (MEASURED_ON, 0, 0.9, 0.85),
        (MEASURED_ON, 100, 0.95, 0.9),
    ],
)
def test_pairs_are_put_together_as_people_would(
    files: Files, models: int, precision: float, recall: float
) -> None:
    issues = crowd_of(files, models, seed=1) if models else all_findings(files)
    found = figures(issues)
    assert found.precision >= precision
    assert found.recall >= recall


_CODE = """\
def load(x=[]):
    try:
        return eval(x)
    except:
        pass


def run(command):
    subprocess.run(command, shell=True)


def same(a):
    return a == None
"""


def test_what_two_hundred_simulated_models_find_comes_first_and_each_once() -> None:
    files = [file(f"src/part{number}.py", f"{_CODE}x = {number}\n") for number in range(4)]
    prompt = prompt_of(find_instructions("review", None), files).question
    matter = matter_of(prompt)
    assert matter is not None
    reviews = [
        (
            f"m{number}",
            f"lineage{number // 2}",
            reviewed(matter, model=f"m{number}", accuracy=0.4 + 0.05 * (number % 10)),
        )
        for number in range(200)
    ]
    found = findings_of(reviews, files)
    there = {(issue.path, issue.line) for issue in matter.issues}
    assert {(issue.path, issue.line) for issue in found.issues[: len(there)]} == there
    assert (found.reviews, found.lineages, found.unread) == (200, 100, ())


def test_reviews_that_say_nothing_are_told_apart_from_those_that_find_nothing() -> None:
    reviews = [
        ("a", "x", "- [high] src/shop/cart.py:2: Division by zero"),
        ("b", "y", "No findings."),
        ("c", "z", "I like turtles."),
    ]
    found = findings_of(reviews, FILES)
    assert (found.reviews, found.lineages, found.unread) == (2, 2, ("c",))
    assert read_findings("a", "x", reviews[0][2], Places.of(FILES)) == _only(found).findings
