"""Wait policies: what they mean, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from panvox.errors import UsageError
from panvox.waiting import Wait, parse_wait


@dataclass(frozen=True)
class Standing:
    elapsed: float = 5.0
    open: int = 6
    answered: int = 4
    leading_votes: float = 4.0
    votes: int = 10


@pytest.mark.parametrize(
    ("policy", "met"),
    [
        ("all", False),
        ("first", True),
        ("first:4", True),
        ("first:5", False),
        ("deadline:5", True),
        ("deadline:5.1", False),
        ("quorum", False),
        ("quorum:0.3", True),
        ("fast:4", True),
        ("fast", False),
    ],
)
def test_a_policy_looks_at_progress_and_decides(policy: str, met: bool) -> None:
    assert parse_wait(policy).met(Standing()) is met


def test_every_policy_is_met_when_nobody_is_open() -> None:
    for policy in ("all", "first:99", "deadline:99", "quorum:.9", "fast"):
        assert parse_wait(policy).met(Standing(open=0))


def test_a_quorum_counts_all_who_were_asked_not_only_those_who_answered() -> None:
    assert not Wait(kind="quorum").met(Standing(leading_votes=5.0))
    assert Wait(kind="quorum").met(Standing(leading_votes=5.5))


def test_fast_waits_for_a_first_answer() -> None:
    assert not parse_wait("fast:1").met(Standing(answered=0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "some",
        "first:0",
        "first:x",
        "first:-1",
        "deadline",
        "deadline:-3",
        "quorum:1.5",
        "all:3",
        "fast:nan",
    ],
)
def test_what_is_not_a_policy_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(UsageError, match="first:COUNT") as caught:
        parse_wait(text)
    assert repr(text) in str(caught.value)
