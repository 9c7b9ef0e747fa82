"""Waves: free models first, dearer ones only while those before are not sure enough."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.budget import Ceilings, LimitedPurse, MemoryBook
from panvox.cli.report import Report
from panvox.curation import Method, Rules
from panvox.engine import Member, Run, Turn, parse_wait
from panvox.engine.waves import FREE_FIRST, STEP, SURE, Cascade, agreement, tiers
from panvox.errors import Overloaded, UsageError
from panvox.messages import End, Finish, Identity, Outcome, Prompt, RunEnded, Text, Usage, UsageReport
from panvox.protocols import Refusal, Want
from panvox.settings.schema import Run as SettingsOfRun
from panvox.simulator import Fleet
from panvox.testing import MemoryJournal, ScriptedModel
from panvox.verdicts import Group, Verdict
from panvox.waiting import parse_stop
from tests.flows import SUM, host, served
from tests.test_failures_in_session import requests
from tests.test_money_in_session import costs, paid, reasons
from tests.test_run import virtual

QUESTION = Prompt.of("What is the capital of France?")
CASCADE = Cascade()


def member(
    name: str, text: str = "Paris", *, cost: str | None = None, after: float = 1.0, spent: str | None = None
) -> Member:
    """A member that answers, or fails where its text is empty."""
    identity = Identity(name=name, provider="p", model=name, lineage=f"weights of {name}")
    told = () if cost is None else (UsageReport(Usage(cost=Decimal(spent or cost))),)
    said = (Text(text), *told, End(Finish.STOP)) if text else (Overloaded("busy"),)
    model = ScriptedModel(name, (after, *said))
    return Member(identity, model, cost=(lambda _: Decimal(cost)) if cost is not None else None)


class Noting(LimitedPurse):
    """A purse that remembers for whom money was set aside together."""

    wanted: list[list[str]]

    async def reserve(self, wants: Sequence[Want]) -> Mapping[str, Refusal]:
        """See `Purse`."""
        self.wanted = [*getattr(self, "wanted", []), [want.member.name for want in wants]]
        return await super().reserve(wants)


async def ask(
    members: Sequence[Member],
    *,
    cascade: Cascade = CASCADE,
    budget: str | None = None,
    stop: str = "never",
    wait: str = "all",
    deadline: float | None = None,
    rules: Rules | None = None,
    interrupt_after: float | None = None,
) -> tuple[RunEnded, Turn, list[list[str]]]:
    """The last event, the turn, and for whom money was set aside together."""
    ceilings = Ceilings(run=None if budget is None else Decimal(budget))
    async with Noting.open(MemoryBook(), ceilings) as purse:
        run = Run(members, journal=MemoryJournal(), purse=purse, cascade=cascade, rules=rules)
        async with run.turn(
            QUESTION, wait=parse_wait(wait), stop=parse_stop(stop), deadline=deadline
        ) as turn:
            if interrupt_after is not None:
                asyncio.get_running_loop().call_later(interrupt_after, turn.stop, "interrupted")
            ended = await turn.wait_ended()
        wanted = getattr(purse, "wanted", [])
    assert sum(ended.states.values()) == len(members)
    return ended, turn, wanted


def by_name(turn: Turn) -> dict[str, Outcome]:
    return {outcome.member.name: outcome for outcome in turn.outcomes}


def prompts(members: Sequence[Member]) -> dict[str, int]:
    """How often each was really asked."""
    return {
        each.identity.name: len(each.model.prompts)
        for each in members
        if isinstance(each.model, ScriptedModel)
    }


# --- the waves ---

COSTS = st.dictionaries(st.text(min_size=1, max_size=3), st.decimals(0, 5, places=3), max_size=20)


@given(COSTS)
def test_every_paid_member_is_in_one_wave_the_cheaper_before_the_dearer(costs: dict[str, Decimal]) -> None:
    found = list(tiers(costs))
    assert sorted(name for tier in found for name in tier) == sorted(costs)
    for tier in found:
        prices = [costs[name] for name in tier]
        assert prices == sorted(prices)
        assert prices[-1] <= STEP * prices[0]
    for one, next_one in pairwise(found):
        assert costs[next_one[0]] > STEP * costs[one[0]]


@pytest.mark.looptime
async def test_waves_go_from_free_to_dear_and_each_waits_for_the_one_before() -> None:
    members = [
        member("dear", "A", cost="1"),
        member("free", "B", after=3),
        member("cheap", "C", cost="0.01", after=2),
        member("cheap too", "D", cost="0.04"),
        member("middle", "E", cost="0.10"),
    ]
    _, turn, wanted = await ask(members)
    assert {name: outcome.started for name, outcome in by_name(turn).items()} == {
        "free": 0.0,
        "cheap": 3.0,
        "cheap too": 3.0,
        "middle": 5.0,
        "dear": 6.0,
    }
    assert wanted == [["cheap", "cheap too"], ["middle"], ["dear"]]


@pytest.mark.looptime
async def test_nobody_is_paid_where_the_free_models_are_sure_enough_and_that_is_booked() -> None:
    members = [
        *(member(f"free {n}") for n in range(4)),
        member("cheap", cost="0.01"),
        member("dear", cost="1"),
    ]
    ended, turn, wanted = await ask(members)
    assert ended.states == {"answered": 4, "skipped": 2}
    assert {by_name(turn)[name].reason for name in ("cheap", "dear")} == {SURE}
    assert wanted == []
    assert ended.verdict.saved is not None
    assert (ended.verdict.saved.calls, ended.verdict.saved.money) == (2, Decimal("1.01"))


@pytest.mark.looptime
@pytest.mark.parametrize("number", [2, 3])
async def test_a_small_free_wave_that_agrees_is_enough_and_one_model_alone_is_not(number: int) -> None:
    members = [*(member(f"free {n}") for n in range(number)), member("paid", cost="0.01")]
    ended, _, _ = await ask(members)
    assert ended.states == {"answered": number, "skipped": 1}
    assert not ended.verdict.calibrated
    ended, _, _ = await ask(members[-2:])
    assert ended.states == {"answered": 2}


@pytest.mark.looptime
async def test_the_verdict_tells_what_those_who_were_not_asked_could_have_changed() -> None:
    members = [*(member(f"free {n}") for n in range(2)), *(member(f"m{n}", cost="1") for n in range(5))]
    ended, _, _ = await ask(members, cascade=Cascade(below=0.5))
    assert ended.states == {"answered": 2, "skipped": 5}
    assert ended.verdict.outlook is not None
    assert ended.verdict.outlook.state == "open"
    assert ended.verdict.outlook.change == (
        "5 models not waited for, with 5 votes, could have made it another answer"
    )


@pytest.mark.looptime
async def test_a_wave_is_asked_only_as_long_as_those_before_are_not_sure() -> None:
    members = [
        member("free", "Lyon"),
        *(member(f"cheap {n}", cost="0.01") for n in range(9)),
        member("dear", "Lyon", cost="1"),
    ]
    ended, turn, _ = await ask(members)
    assert by_name(turn)["dear"].reason == SURE
    assert prompts(members)["dear"] == 0
    assert ended.verdict.consensus == "Paris"


@pytest.mark.looptime
async def test_the_slow_of_a_wave_are_waited_for_before_dearer_ones_are_asked() -> None:
    members = [
        *(member(f"free {n}") for n in range(3)),
        member("slow", "Lyon", after=50),
        member("cheap", cost="0.01"),
    ]
    _, turn, _ = await ask(members)
    assert by_name(turn)["slow"].answered
    assert by_name(turn)["cheap"].started == 50.0


@pytest.mark.looptime
async def test_members_that_fail_do_not_agree() -> None:
    members = [member("a"), member("b"), member("c", ""), member("d", ""), member("paid", cost="0.01")]
    _, turn, _ = await ask(members)
    assert by_name(turn)["paid"].answered


@pytest.mark.looptime
async def test_without_free_models_the_cheapest_are_asked_at_once() -> None:
    _, turn, _ = await ask([member("dear", cost="1"), member("cheap", cost="0.01")])
    assert by_name(turn)["cheap"].started == 0.0


@pytest.mark.looptime
async def test_money_that_a_wave_did_not_spend_is_there_for_the_next() -> None:
    members = [member("cheap", "Lyon", cost="0.10", spent="0.01"), member("dear", cost="0.60")]
    ended, _, _ = await ask(members, budget="0.65")
    assert ended.states == {"answered": 2}


@pytest.mark.looptime
async def test_money_is_set_aside_for_a_wave_alone_and_who_it_does_not_reach_is_booked() -> None:
    members = [member("cheap", "Lyon", cost="0.10"), member("dear", cost="0.60"), member("dearer", cost="4")]
    ended, turn, _ = await ask(members, budget="0.65")
    assert ended.states == {"answered": 1, "skipped": 2}
    assert by_name(turn)["dear"].reason.startswith("budget: $0.55 of $0.65 is left")


@pytest.mark.looptime
async def test_a_deadline_and_an_interruption_hold_between_waves_and_inside() -> None:
    def members() -> list[Member]:
        return [
            member("free", "Lyon", after=5),
            member("cheap", cost="0.01", after=5),
            member("dear", cost="1"),
        ]

    ended, _, wanted = await ask(members(), deadline=7)
    assert ended.states == {"answered": 1, "timed_out": 2}
    assert wanted == [["cheap"]]
    ended, _, wanted = await ask(members(), interrupt_after=2)
    assert ended.states == {"interrupted": 3}
    assert wanted == []


@pytest.mark.looptime
async def test_once_the_answer_is_decided_nobody_else_is_asked() -> None:
    members = [
        *(member(f"free {n}") for n in range(4)),
        member("slow", after=60),
        member("paid", cost="0.01"),
    ]
    ended, turn, wanted = await ask(members, stop="certain")
    assert ended.duration == 1.0
    assert ended.states == {"answered": 4, "cancelled": 1, "skipped": 1}
    assert by_name(turn)["paid"].reason.startswith("decided")
    assert wanted == []


@pytest.mark.looptime
async def test_free_first_is_a_cascade_of_two_waves() -> None:
    members = [member("free", "Lyon"), member("cheap", cost="0.01"), member("dear", cost="1")]
    _, turn, wanted = await ask(members, cascade=FREE_FIRST)
    assert wanted == [["cheap", "dear"]]
    assert by_name(turn)["dear"].started == 1.0


# --- when it is enough ---


def verdict(*, share: float, lineages: int, confidence: float | None, calibrated: bool) -> Verdict:
    names = ("a", "b")
    group = Group(
        answer="7", extracted=True, members=names, votes=share * lineages, share=share, representative="a"
    )
    return Verdict(
        asked=10,
        answered=lineages,
        lineages=lineages,
        groups=(group,),
        consensus="7" if share > 0.5 else None,
        confidence=confidence,
        calibrated=calibrated,
    )


TEN = [Identity(name=str(n)) for n in range(10)]


@pytest.mark.parametrize(
    ("share", "lineages", "confidence", "calibrated", "enough"),
    [
        (0.6, 10, 0.95, True, True),  # what was learnt says so
        (1.0, 10, 0.60, True, False),
        (0.9, 10, 0.90, False, True),
        (0.9, 10, 0.70, False, True),  # an estimate is low where few were asked
        (0.6, 10, 0.90, False, False),
        (0.9, 5, 0.90, False, False),  # half of those asked have failed
        (0.9, 10, None, False, True),
        (0.6, 10, None, False, False),
    ],
)
def test_a_calibrated_confidence_decides_alone_and_agreement_where_there_is_none(
    share: float, lineages: int, confidence: float | None, calibrated: bool, enough: bool
) -> None:
    found = verdict(share=share, lineages=lineages, confidence=confidence, calibrated=calibrated)
    assert Cascade(below=0.8).is_enough(found, TEN) is enough


@given(st.floats(0, 1), st.integers(0, 12))
def test_agreement_is_a_share_and_falls_with_those_who_failed(share: float, lineages: int) -> None:
    found = agreement(verdict(share=share, lineages=lineages, confidence=None, calibrated=False), TEN)
    assert 0 <= found <= min(share, lineages / 10)


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["Paris", "Lyon", ""]),
        st.floats(0, 30),
        st.sampled_from([None, "0", "0.01", "0.03", "0.20", "1"]),
    ),
    max_size=8,
)


@given(
    CALLS,
    st.sampled_from(["never", "certain"]),
    st.sampled_from(["all", "first:2", "quorum"]),
    st.none() | st.integers(1, 60),
    st.none() | st.integers(1, 60),
    st.sampled_from([None, "0.05", "1"]),
)
@settings(max_examples=80, deadline=None)
def test_whatever_happens_everybody_ends_and_nobody_is_asked_before_all_cheaper_waves_have_ended(
    calls: list[tuple[str, float, str | None]],
    stop: str,
    wait: str,
    deadline: int | None,
    interrupt_after: int | None,
    budget: str | None,
) -> None:
    members = [member(f"m{n}", text, cost=cost, after=after) for n, (text, after, cost) in enumerate(calls)]

    async def check() -> RunEnded:
        ended, turn, _ = await ask(
            members, stop=stop, wait=wait, deadline=deadline, budget=budget, interrupt_after=interrupt_after
        )
        outcomes = by_name(turn)
        asked = prompts(members)
        costs = {each.identity.name: each.cost(QUESTION) for each in members if each.cost}
        free = tuple(name for name in asked if name not in costs)
        order = [free, *tiers(costs)]
        for place, wave in enumerate(order):
            began = [outcomes[name].started for name in wave if asked[name]]
            before = [outcomes[name] for tier in order[:place] for name in tier if asked[name]]
            assert all(each.started + each.duration <= min(began, default=1e9) + 1e-6 for each in before)
        assert all(count == 0 for name, count in asked.items() if outcomes[name].state == "skipped")
        return ended

    virtual(check)


@pytest.mark.looptime
async def test_a_run_in_which_some_were_not_needed_is_whole() -> None:
    members = [*(member(f"free {n}") for n in range(4)), member("cheap", cost="0.01")]
    for budget, partial in ((None, False), ("0", True)):
        cascade = CASCADE if budget is None else Cascade(below=1.1)  # never enough
        ended, turn, _ = await ask(members, budget=budget, cascade=cascade)
        report = Report(
            run=ended.run,
            turn=0,
            question=QUESTION.question,
            asked=5,
            outcomes=turn.outcomes,
            verdict=ended.verdict,
            duration=ended.duration,
        )
        assert ended.states == {"answered": 4, "skipped": 1}
        assert report.partial is partial


# --- the session ---


def three() -> tuple[Fleet, dict[str, str], str]:
    """Two free models, and one that costs money; rows and settings for them."""
    oak, ash, elm = host("oak"), host("ash"), host("elm", "other")
    return Fleet((oak, ash, elm)), paid(oak), costs(oak=2)


async def test_a_session_asks_in_waves_where_the_settings_or_the_caller_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANVOX_RUN__CASCADE", "true")
    monkeypatch.setenv("PANVOX_RUN__CASCADE_BELOW", "0.7")
    fleet, rows, more = three()
    async with served(tmp_path, fleet, rows=rows, more=more) as (session, simulator):
        waves = await session.ask(SUM)
        assert requests(simulator) == {"oak": 0, "ash": 1, "elm": 1}
        all_at_once = await session.ask("What is 1 + 1?", cascade=False)
    assert reasons(waves) == {"oak/m": SURE}
    assert waves.verdict.saved is not None
    assert waves.verdict.saved.money == 2
    assert all_at_once.states == {"answered": 3}


async def test_kind_method_and_rule_can_be_given_for_each_prompt(tmp_path: Path) -> None:
    fleet, rows, more = three()
    async with served(tmp_path, fleet, rows=rows, more=more) as (session, _):
        async with session.run() as conversation:
            first = await conversation.ask(SUM, expect="short", method="majority", stop="certain")
            second = await conversation.ask(SUM)
        with pytest.raises(UsageError, match="kind of answer 'nmber' is not one of number, choice"):
            await session.ask(SUM, expect="nmber")
        with pytest.raises(UsageError, match="method 'vote' is not one of weighted, majority"):
            await session.ask(SUM, method="vote")
        with pytest.raises(UsageError, match="is not one of never, certain"):
            await session.ask(SUM, stop="soon")
    assert (first.verdict.expect, first.verdict.method) == ("short", "majority")
    assert (second.verdict.expect, second.verdict.method) == ("number", "weighted")


def test_the_methods_of_the_settings_are_those_of_curation() -> None:
    allowed = get_args(SettingsOfRun.model_fields["method"].annotation)
    assert list(allowed) == [method.value for method in Method]
