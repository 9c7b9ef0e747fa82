"""What each answer counted, as people see it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from rich.cells import cell_len

import panvox.compose.opening  # noqa: F401 - what the first use would read from disk, inside the loop
from panvox.cli import app
from panvox.cli.explain import UNKNOWN, votes_table
from panvox.messages import Prompt, RunEnded
from panvox.store import SqlJournal
from panvox.verdicts import Filtered, Group, Verdict, Vote
from tests.test_live_view import HOSTILE, OBEYED, answered
from tests.verdicts import OUTCOMES, VERDICT

RUN = "20261121-035812-4f7a"


def plain(verdict: Verdict = VERDICT, *, width: int = 80) -> str:
    text = votes_table(verdict, OUTCOMES, width=width).plain
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_each_vote_stands_under_its_answer_and_all_are_summed_up() -> None:
    assert plain() == snapshot("""\
model                       lineage  strength   part  quality    votes
42  80 % of the vote from 3 models, 2 lineages                    2.00
  elm/large                 large        90 %    1/2     0.80     0.75
  oak/large                 large        90 %    1/2     0.95     0.75
  oak/small                 small        55 %      1        -     0.50
41  20 % of the vote from 1 model                                 0.50
  ash/other                 other        60 %      1     0.90     0.50
all 4 answers, worth 2.4 independent votes                        2.50

1 answer did not vote
  fir/mute                  refusal  says that it would rather not answer\
""")


def test_a_narrow_window_leaves_out_the_lineage() -> None:
    assert "lineage" in plain(width=60)
    assert "lineage" not in plain(width=45)


def test_where_nothing_is_known_of_votes_it_says_so() -> None:
    assert plain(Verdict(asked=3, answered=2)) == UNKNOWN


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """Verdicts in which every text may be hostile."""
    texts = st.text(max_size=40) | st.just(HOSTILE) | st.just("漢字かな" * 20)
    names = draw(st.lists(texts, min_size=1, max_size=12, unique=True))
    cuts = draw(st.integers(1, len(names)))
    votes = [
        Vote(
            member=name,
            group=draw(st.integers(0, 1)),
            weight=draw(st.floats(0, 9)),
            strength=draw(st.none() | st.floats(0, 1)),
            part=draw(st.floats(0, 1)),
            quality=draw(st.none() | st.floats(0, 1)),
        )
        for name in names[:cuts]
    ]
    groups = [
        Group(
            answer=draw(texts),
            extracted=True,
            members=tuple(vote.member for vote in votes if vote.group == number),
            votes=1.0,
            share=0.5,
            representative=names[0],
            lineages=draw(st.integers(0, 5)),
        )
        for number in (0, 1)
    ]
    return Verdict(
        asked=len(names),
        answered=len(names),
        groups=tuple(groups),
        votes=tuple(votes),
        effective=draw(st.none() | st.floats(0, 5)),
        filtered=tuple(Filtered(name, draw(texts), draw(texts)) for name in names[cuts:]),
    )


@given(verdicts(), st.integers(20, 200))
def test_every_vote_is_a_line_that_fits_and_holds_nothing_a_terminal_obeys(
    verdict: Verdict, width: int
) -> None:
    outcomes = [answered(vote.member, "x", lineage=HOSTILE) for vote in verdict.votes]
    lines = votes_table(verdict, outcomes, width=width).plain.split("\n")
    assert [line for line in lines if cell_len(line) > width] == []
    assert [line for line in lines if OBEYED.search(line)] == []
    groups = len({vote.group for vote in verdict.votes})
    apart = 2 + len(verdict.filtered) if verdict.filtered else 0
    assert len(lines) == 1 + groups + len(verdict.votes) + 1 + apart


@given(verdicts())
def test_the_votes_of_the_groups_come_to_the_total(verdict: Verdict) -> None:
    lines = votes_table(verdict, (), width=160).plain.split("\n")
    total = next(line for line in lines if line.startswith("all "))
    assert float(total.rsplit(maxsplit=1)[1]) == pytest.approx(
        sum(v.weight for v in verdict.votes), abs=0.006
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and a store with one run."""
    (tmp_path / "panvox.toml").write_text("local.enabled = false\n[store]\npath = 'runs.db'\n")
    asyncio.run(_keep(tmp_path / "runs.db"))
    monkeypatch.chdir(tmp_path)


async def _keep(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        await journal.begin(RUN, 0, Prompt.of("What is 6 * 7?"), tuple(o.member for o in OUTCOMES))
        for outcome in OUTCOMES:
            await journal.outcome(RUN, 0, outcome)
        await journal.finish(
            RunEnded(run=RUN, turn=0, verdict=VERDICT, states={}, duration=2.0, stopped="decided")
        )


@pytest.mark.usefixtures("folder")
def test_a_stored_run_shows_its_votes_when_asked_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["show", "last"]) == 0
    brief = capsys.readouterr().err
    assert app.run(["show", "last", "--explain"]) == 0
    explained = capsys.readouterr().err
    assert explained.startswith(brief.rstrip("\n"))
    assert re.search(r"oak/large +large +90 % +1/2 +0\.95 +0\.75", explained)
    assert re.search(r"all 4 answers, worth 2\.4 independent votes +2\.50", explained)


@pytest.mark.usefixtures("folder")
def test_as_json_a_stored_run_has_its_votes_anyway(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["show", "last", "--json"]) == 0
    (turn,) = msgspec.json.decode(capsys.readouterr().out)["turns"]
    assert turn["ended"]["verdict"]["votes"][0]["weight"] == 0.75


def test_quiet_and_explain_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["ask", "6 * 7?", "--quiet", "--explain"]) == 2
    assert "leave out --explain" in capsys.readouterr().err
