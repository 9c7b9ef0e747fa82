"""The measurements measure what they say: all contestants do the whole work. No clock is looked at here."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from benchmarks import (
    catalogue,
    contest,
    curation,
    fanout,
    fifteen,
    limits,
    pages,
    permits,
    review,
    review_fleet,
    review_soak,
    soak,
    trouble,
)
from benchmarks.limited_fleet import (
    FREE,
    Host,
    Plan,
    Planned,
    job_of,
    limits_of,
    minimum,
    served,
    shares,
    starts,
)
from benchmarks.peers import ours
from benchmarks.peers.job import Allowed
from hypothesis import given
from hypothesis import strategies as st

from panvox.compose.dialects import DIALECTS, dialect_of
from panvox.limits.limiter import MemoryLimiter, MemoryPermit
from panvox.messages import Prompt
from panvox.protocols import Demand, Limiter, Limits, Quirks
from panvox.settings import VENDORS, load
from panvox.simulator import Stats, Tally
from panvox.simulator.limits import Gate


async def test_all_contestants_hear_every_call_to_its_end() -> None:
    with fanout.server(1) as port:
        rounds = await fanout.compared(20, fanout.Layout(port, 1, 5), 1)
    assert set(rounds) == {(name, warmth) for name in fanout.CONTESTANTS for warmth in ("first", "warm")}
    assert all(len(found.first_tokens) == 20 for several in rounds.values() for found in several)
    line = fanout.row(20, 1, rounds, "warm")
    assert line.count("|") == 9


def test_a_new_section_takes_the_place_of_the_last(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{pages.section('x', 'old')}\n{pages.section('y', 'other')}\nafter\n")
    pages.write(page, "x", "new")
    assert page.read_text() == f"before\n{pages.section('x', 'new')}\n{pages.section('y', 'other')}\nafter\n"


def test_discovery_finds_all_but_what_is_dead_or_broken(tmp_path: Path) -> None:
    with catalogue.served(15, 12) as text:
        file = tmp_path / "panvox.toml"
        file.write_text(f"{text}\n[catalogue]\ndeadline = 1\n")
        settings = load(explicit=file)
        ours = asyncio.run(catalogue.discovered(settings))
    assert (ours.models, ours.problems) == (13 * 12, 2)


@pytest.mark.parametrize("name", DIALECTS)
def test_three_hundred_members_of_one_dialect_cost_one_encoding(name: str) -> None:
    assert catalogue.encoded(DIALECTS[name](Quirks()), Prompt.of("What is 17 * 3?"), 300) == 1


def test_vendors_that_speak_one_dialect_share_one_encoding_whatever_their_quirks() -> None:
    asked = Prompt.of("What is 17 * 3?", system="Be brief.", max_tokens=100)
    prompt = Prompt(messages=asked.messages, max_tokens=100, temperature=0.5, seed=7, stop=("END",))
    rows = [row for row in VENDORS.values() if row.dialect == "openai"]
    bodies = [
        dialect_of(row).request(prompt, model, base_url="https://x.example/v1", key=None).body
        for row in rows
        for model in ("m", "o3", "gpt-5")
    ]
    assert len(rows) > 20
    assert len({id(body[-1]) for body in bodies}) == 1


# --- curation ---


@pytest.mark.parametrize("case", curation.CASES, ids=lambda case: case.name)
def test_what_is_curated_is_as_long_as_said_and_of_its_kind(case: curation.Case) -> None:
    kind = case.kind
    outcomes = curation.answers(kind, 40, shared=2)
    assert all(0.95 * kind.length <= len(each.text) <= kind.length + 60 for each in outcomes if kind.body)
    verdict = curation.verdict_on(case, outcomes)
    assert (verdict.answered, verdict.lineages) == (40, 20)
    assert {"numbers": "number", "choices": "choice", "code": "code", "JSON": "json"}.get(
        kind.name.split()[0].strip(","), verdict.expect
    ) == verdict.expect


def test_the_costs_of_curation_are_told_for_each_answer_and_each_look() -> None:
    case = curation.CASES[-1]
    costs = curation.measured(case, 20)
    assert {len(costs.adding), len(costs.provisional), len(costs.looking)} == {20}
    assert curation.row(case.name, [costs]).count("|") == 8
    assert 0 < curation.kept(case, 10) < 10


# --- limits ----------------------------------------------------------------------------------------

PYTHON = Path(sys.executable)
allowances = st.builds(
    Allowed, st.integers(1, 9) | st.none(), st.integers(1, 64).map(float), st.integers(1, 5) | st.none()
)


def fits(times: list[float], allowed: Allowed, latency: float) -> bool:
    """Whether a provider lets in calls that start at these times, each as long as the others."""
    gate = Gate(limits_of(allowed, Plan(hosts=(), clock=1)))
    ends = [(time + latency, 0) for time in times]
    for now, starting in sorted(ends + [(time, 1) for time in times]):
        if not starting:
            gate.leave()
        elif gate.excess(now, tokens=1, ceiling=1) is not None:
            return False
        else:
            gate.enter(now, tokens=1)
    return True


@given(st.integers(1, 40), allowances, st.integers(1, 32).map(float))
def test_the_minimum_is_a_schedule_that_the_provider_lets_in_and_no_call_could_start_sooner(
    calls: int, allowed: Allowed, latency: float
) -> None:
    times = starts(calls, allowed, latency=latency)
    assert fits(times, allowed, latency)
    for last in range(1, calls):
        sooner = times[last] - 0.5
        before = times[:last]
        assert sooner < before[-1] or not fits([*before, sooner], allowed, latency)


def test_the_minimum_of_a_plan_is_that_of_its_slowest_scope() -> None:
    assert minimum(limits.PLAN) == pytest.approx(12.6)
    single = Host(name="x", allowed=FREE, models=(Planned(name="a", calls=3, allowed=Allowed(1, 60.0, 1)),))
    assert minimum(Plan(hosts=(single,), clock=1)) == pytest.approx(121)
    assert minimum(fifteen.FIFTEEN) == pytest.approx(fifteen.SLOWEST / 10)


OPEN = Plan(
    hosts=(
        Host(name="wide", allowed=FREE, models=(Planned(name="a", calls=4), Planned(name="b", calls=3))),
        Host(name="narrow", allowed=Allowed(20, 60.0, 8), models=(Planned(name="a", calls=2),)),
    ),
    clock=100,
)


def test_several_processes_share_all_calls_and_no_question_is_asked_twice() -> None:
    job = job_of(OPEN, "http://127.0.0.1:1", patience=1)
    parts = shares(job, 2)
    assert sorted(call.question for part in parts for call in part.calls) == sorted(
        {call.question for call in job.calls}
    )
    assert [len(part.calls) for part in parts] == [5, 4]
    assert Counter(call.name for call in job.calls) == {"wide/a": 4, "wide/b": 3, "narrow/a": 2}


def test_panvox_is_told_the_limits_that_hold_and_none_where_it_should_learn_them(tmp_path: Path) -> None:
    file = tmp_path / "panvox.toml"
    job = job_of(limits.PLAN, "http://127.0.0.1:1", patience=1)
    file.write_text(ours.settings(job))
    told = load(explicit=file)
    assert {p.id: (p.limits.requests, p.limits.slots) for p in told.providers} == {
        "wide": (("500/6s",), 10),
        "middle": (("60/6s",), 5),
        "narrow": (("20/6s",), 3),
    }
    single = told.models["narrow/single"].limits
    assert single is not None
    assert (single.requests, single.slots) == (("4/6s",), 1)
    file.write_text(ours.settings(replace(job, learn=True)))
    assert all(provider.limits.requests is None for provider in load(explicit=file).providers)


@pytest.mark.parametrize("module", ["ours", "by_hand", "openai_sdk"])
def test_a_contestant_makes_every_call_once(module: str) -> None:
    contestant = contest.Contestant(module, module, ours=module == "ours")
    row = limits.race(contestant, OPEN, peers=PYTHON, patience=60)
    assert (row.answered, row.calls, row.requests, row.violations) == (9, 9, 9, 0)
    assert "| 100.0% | 0 | 1.00 |" in limits.line(contestant.title, [row]).replace("*", "")


def test_who_is_not_installed_is_said_to_be() -> None:
    for contestant, peers in (
        (contest.OTHERS[0], Path("/nowhere")),
        (contest.Contestant("x", "nobody"), PYTHON),
    ):
        with pytest.raises(contest.NotInstalled):
            limits.race(contestant, OPEN, peers=peers)


def test_one_prompt_goes_to_all_models_of_a_panel(tmp_path: Path) -> None:
    with served(OPEN) as fleet:
        job = job_of(OPEN, fleet.url, patience=60)
        told = contest.raced(fifteen.PANEL, (job,), home=tmp_path)
        assert told.answered == 3
        assert fleet.stats().total.answered == 3


def test_the_prompt_for_fifteen_models_is_a_file_of_338_lines() -> None:
    lines = fifteen.prompt().splitlines()
    assert len(lines) == 338 + 2
    assert len(set(lines)) == len(lines)
    assert sum(model.calls for host in fifteen.FIFTEEN.hosts for model in host.models) == 15


def test_fifteen_models_answer_and_none_is_refused_though_one_host_has_three_slots_for_five() -> None:
    ran = list(fifteen.runs(2, msgspec.structs.replace(fifteen.FIFTEEN, clock=100)))
    assert [(run.answered, run.violations) for run in ran] == [(15, 0)] * 2


@pytest.mark.parametrize("contestant", review.CONTESTANTS)
def test_both_put_the_long_text_to_every_model(contestant: str) -> None:
    assert review.measured(contestant, 10, 100_000).answered == 10


def test_what_is_told_of_the_limits_of_a_troubled_fleet_is_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "panvox.toml"
    file.write_text(review.settings_text(review_soak.PLAN, "http://127.0.0.1:9"))
    told = {source.id: source.limits for source in load(explicit=file).providers}
    fleet = review_fleet.fleet_of(review_soak.PLAN)
    for provider in fleet.providers:
        known = told[provider.name]
        assert known.slots == provider.limits.concurrency
        for said, true in (
            (known.requests, provider.limits.requests),
            (known.tokens, provider.limits.tokens),
        ):
            assert list(said or ()) == [f"{each.amount}/{each.seconds:g}s" for each in true]


def test_a_soak_of_reviews_complains_of_whoever_did_not_end_as_it_should() -> None:
    def complaints(states: dict[str, int], refused: int = 0, *, limits: bool = True) -> int:
        stats = Stats(seconds=1, total=Tally(violations={"tokens": refused}), providers={})
        end = review_soak.Ended(states=states, seconds=1.0, slowest=(1.0, "a/m"))
        return len(review_soak.complaints(end, stats, limits=limits))

    well = {"answered": 199, "unauthorised": 1, "unknown_model": 1}
    assert complaints(well) == 0
    assert complaints({**well, "skipped": 0}) == 0
    assert complaints({**well, "answered": 198, "timed_out": 1}) == 1
    assert complaints({"answered": 201}) == 1
    assert complaints(well, refused=1) == 1
    assert complaints(well, refused=1, limits=False) == 0


def test_a_soak_complains_of_refusals_lost_calls_and_calls_that_never_end() -> None:
    def stats(**counts: int) -> Stats:
        refused = {"requests": counts.get("refused", 0)}
        answered, in_flight = counts["answered"], counts.get("in_flight", 0)
        total = Tally(answered=answered, in_flight=in_flight, violations=refused)
        return Stats(seconds=1, total=total, providers={})

    def complaints(answered: int, ended: Counter[str], told: Stats) -> int:
        return len(soak.Soaked(10, answered, ended, told, 1).complaints())

    assert complaints(8, Counter(cancelled=2), stats(answered=9)) == 0
    assert complaints(8, Counter(cancelled=2), stats(answered=9, refused=1)) == 1
    assert complaints(8, Counter(cancelled=1), stats(answered=9)) == 1
    assert complaints(8, Counter(cancelled=2), stats(answered=7)) == 1
    assert complaints(8, Counter(cancelled=2), stats(answered=9, in_flight=1)) == 1


class CountedLimiter(MemoryLimiter):
    asked = 0

    def permit(self, demand: Demand) -> MemoryPermit:
        self.asked += 1
        return super().permit(demand)


@pytest.mark.parametrize(
    ("measured", "limits_of_all"), [(permits.alone, permits.ROOMY), (permits.in_line, permits.NARROW)]
)
async def test_every_permit_is_given_and_given_back_while_its_cost_is_measured(
    measured: Callable[[Limiter, int], Awaitable[float]], limits_of_all: Limits
) -> None:
    limiter = CountedLimiter(lambda _: limits_of_all)
    await measured(limiter, 50)
    assert limiter.asked == 50
    assert [(standing.slots, standing.waiting) for standing in limiter.standing()] == [(0, 0)] * 3


def test_requests_during_an_outage_are_told_by_question() -> None:
    shaky = trouble.Traffic(4, Counter(answered=2, overloaded=2), [0.2, 0.2], [1.0, trouble.OUT[1] + 2])
    steady = trouble.Traffic(4, Counter(answered=4), [0.2, 0.2, 0.2, 0.3], [1.0, 2.0, 3.0, 4.0])
    point = " ".join(trouble.of_outage({"shaky": shaky, "steady": steady}, {"shaky": 5, "steady": 4}).split())
    assert "**1.25** requests a question" in point
    assert "answered 4 of 4, the slowest in 1.5 times its median" in point
    assert "came 2.0 s behind its end" in point
