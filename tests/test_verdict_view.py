"""What people see of a verdict: in the report, while the turn is under way, and of runs kept long ago."""

from __future__ import annotations

import io
import re
import sqlite3
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from panvox.cli import report, wording
from panvox.cli.board import Board
from panvox.cli.groups import best_five
from panvox.cli.live import frame
from panvox.cli.report import Report
from panvox.cli.wrapping import wrapped
from panvox.messages import MemberStarted, Outcome, Prompt, RunEnded, RunStarted, VerdictChanged
from panvox.store import SqlJournal
from panvox.verdicts import Feedback, Filtered, Group, Outlook, Saved, Verdict
from tests.test_live_view import HOSTILE, OBEYED
from tests.verdicts import OUTCOMES, VERDICT, answered

RUN = "20261121-035812-4f7a"


def told(
    verdict: Verdict = VERDICT,
    outcomes: tuple[Outcome, ...] = OUTCOMES,
    *,
    width: int = 80,
    stopped: str = "decided",
    feedback: tuple[Feedback, ...] = (),
) -> str:
    """What goes to standard error."""
    err = io.StringIO()
    shown = Report(
        run=RUN,
        turn=0,
        question="What is 6 * 7?",
        asked=verdict.asked,
        outcomes=outcomes,
        verdict=verdict,
        duration=9.1,
        stopped=stopped,
        feedback=feedback,
    )
    report.write(shown, out=Console(file=io.StringIO()), err=Console(file=err, width=width), full=False)
    return "\n".join(line.rstrip() for line in err.getvalue().splitlines())


def labels(text: str) -> list[str]:
    """The labels of the parts under the answer."""
    return [line.split()[0] for line in text.splitlines()[3:] if line[:1].isupper()]


# --- the report ---


def test_a_report_tells_all_that_is_known_of_the_verdict() -> None:
    assert told() == snapshot("""\
✓ Consensus: 42   very likely, 93 % sure
  80 % of 2.5 votes from 3 models, 2 lineages
  5 answers worth 2.4 independent votes · 5 of 6 models answered in 9.1 s
  ended when the answer was decided · learnt from 180 labelled prompts

oak/large  2.0 s

Groups    ━━━━━━    80 %  42  3 models, 2 lineages  oak/large, elm/large, …
          ━━        20 %  41  1 model               ash/other
Dissent   41  ash/other (strength 60 %): So 41 are left.
Best      1 oak/large · 2 elm/large · 3 oak/small
Fastest   elm/large in 1.0 s
Filtered  ■ 1 refusal  fir/mute
              says that it would rather not answer
Saved     1 call, $0.042, about 35 s
          1 open model with 0.8 votes could make it 41 (at most 3 % likely)
Ledger    6 asked: 5 answered, 1 cancelled
          ■ 1 cancelled  decided
Run       20261121-035812-4f7a  panvox show 20261121-035812-4f7a\
""")


def test_what_is_not_known_is_left_out() -> None:
    bare = Verdict(asked=6, answered=5, groups=VERDICT.groups, consensus="42", best="oak/large")
    text = told(bare, stopped="")
    assert text.splitlines()[0] == "✓ Consensus: 42"
    assert labels(text) == ["Groups", "Dissent", "Ledger", "Run"]


@pytest.mark.parametrize(
    ("confidence", "calibrated", "said"),
    [
        (0.995, True, "almost certain, 99 % sure"),
        (0.93, True, "very likely, 93 % sure"),
        (0.71, False, "likely, about 71 % sure"),
        (0.5, True, "more likely than not, 50 % sure"),
        (0.3, False, "doubtful, about 30 % sure"),
        (0.0, True, "very doubtful, 0 % sure"),
        (None, False, ""),
    ],
)
def test_confidence_is_told_in_a_word_and_a_number(
    confidence: float | None, calibrated: bool, said: str
) -> None:
    assert wording.sure(replace(VERDICT, confidence=confidence, calibrated=calibrated)) == said


@pytest.mark.parametrize(
    ("confidence", "calibrated", "basis", "said"),
    [
        (0.9, True, "180 labelled prompts", "learnt from 180 labelled prompts"),
        (0.9, True, "", "learnt from answers with known truth"),
        (0.9, False, "published strengths", "estimated from published strengths"),
        (0.9, False, "", "estimated, not learnt from known answers"),
        (None, False, "one vote a lineage", "counted by one vote a lineage"),
        (None, False, "", ""),
    ],
)
def test_whether_it_was_learnt_is_told(
    confidence: float | None, calibrated: bool, basis: str, said: str
) -> None:
    verdict = replace(VERDICT, confidence=confidence, calibrated=calibrated, basis=basis)
    assert wording.rests_on(verdict) == said


@pytest.mark.parametrize(
    ("outlook", "said"),
    [
        (None, ""),
        (Outlook(state="certain", risk=0.0), "nobody who is open can change that"),
        (Outlook(state="likely", risk=0.04), "those who are open could change that (at most 4 % likely)"),
        (Outlook(state="open", risk=1.0, votes=3.1), "those who are open have 3.1 votes"),
        (Outlook(state="open", risk=1.0), ""),
        (Outlook(state="open", risk=1.0, change="3 models could"), "3 models could"),
    ],
)
def test_what_could_still_change_is_told(outlook: Outlook | None, said: str) -> None:
    assert wording.still_open(outlook) == said


def test_of_what_could_not_have_changed_it_is_told_where_somebody_was_spared() -> None:
    certain = replace(VERDICT, outlook=Outlook(state="certain", risk=0.0))
    assert wording.could_have_changed(certain) == "those not waited for could not have changed it"
    assert wording.could_have_changed(replace(certain, saved=None)) == ""


def test_what_could_have_changed_is_told_only_where_somebody_was_not_waited_for() -> None:
    verdict = replace(VERDICT, saved=None)
    assert "Outlook" in labels(told(verdict, stopped="deadline"))
    assert "Outlook" not in labels(told(verdict, stopped=""))


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (Saved(calls=17, money=Decimal("0.042")), "17 calls, $0.042"),
        (msgspec.convert({"calls": 1, "money": "0", "seconds": 3.0}, Saved), "1 call, about 3.0 s"),
        (msgspec.convert({"calls": 0, "money": "0"}, Saved), ""),
        (None, ""),
    ],
)
def test_what_was_saved_is_told_where_anything_was(saved: Saved | None, said: str) -> None:
    assert wording.not_spent(saved) == said


def test_a_minority_speaks_through_its_strongest_model() -> None:
    weak = answered("ash/weak", "It is 41.")
    votes = (*VERDICT.votes, replace(VERDICT.votes[3], member="ash/weak", strength=0.2))
    minority = replace(VERDICT.groups[1], members=("ash/weak", "ash/other"), representative="ash/weak")
    verdict = replace(VERDICT, votes=votes, groups=(VERDICT.groups[0], minority))
    assert "Dissent   41  ash/other (strength 60 %): So 41 are left." in told(verdict, (*OUTCOMES, weak))


def test_feedback_is_told_with_the_run() -> None:
    said = (Feedback(kind="best", said="oak/large", at=1.0), Feedback(kind="answer", said="42", at=2.0))
    text = told(feedback=said)
    assert "Feedback  oak/large was right\n          the right answer is 42" in text


def test_a_long_answer_leaves_room_for_how_sure_it_is() -> None:
    long = replace(VERDICT.groups[0], answer="[" + "1, " * 500 + "1]")
    text = told(replace(VERDICT, groups=(long, VERDICT.groups[1]), consensus=long.answer))
    assert text.splitlines()[0].endswith("…   very likely, 93 % sure")
    assert max(map(cell_len, text.splitlines())) <= 80


def test_where_hardly_any_texts_are_alike_no_group_stands_for_them() -> None:
    texts = [f"{n}: {'there is much to be said ' * 6}" for n in range(12)]
    outcomes = tuple(answered(f"oak/model-with-a-long-name-{n}", text) for n, text in enumerate(texts))
    groups = tuple(
        Group(
            answer=text,
            extracted=False,
            members=(outcome.member.name, "elm/twin")[: 2 if n == 0 else 1],
            votes=1.0,
            share=1 / 12,
            representative=outcome.member.name,
        )
        for n, (text, outcome) in enumerate(zip(texts, outcomes, strict=True))
    )
    verdict = Verdict(asked=12, answered=12, lineages=12, groups=groups, best=outcomes[5].member.name)
    text = told(verdict, outcomes, stopped="")
    assert text.splitlines()[:2] == [
        "≠ No consensus: hardly any two answers are alike",
        "  12 of 12 models answered in 9.1 s",
    ]
    assert "and 9 more groups" in text
    assert standing(verdict) == ["12 answers so far, hardly any two alike"]


NAMES = st.lists(st.text("abc/-漢", min_size=1, max_size=60), min_size=1, max_size=9)


@given(NAMES, st.integers(24, 90))
def test_names_fit_and_every_one_is_named_or_counted(of: list[str], width: int) -> None:
    said = wording.names(of, width)
    counted = re.search(r" and (\d+) more$", said)
    shown = said[: counted.start()] if counted else said
    assert len(shown.split(", ")) + (int(counted[1]) if counted else 0) == len(of)
    assert cell_len(wording.some_names(of, width)) <= width
    assert cell_len(said) <= width


HOSTILE_VERDICT = replace(
    VERDICT,
    groups=tuple(replace(group, answer=HOSTILE) for group in VERDICT.groups),
    consensus=HOSTILE,
    basis=HOSTILE,
    filtered=(Filtered(HOSTILE, HOSTILE, HOSTILE),),
    top=(HOSTILE, HOSTILE),
    outlook=Outlook(state="open", risk=1.0, change=HOSTILE),
)


def test_no_part_of_a_verdict_reaches_the_terminal_as_a_command() -> None:
    said = (Feedback(kind="answer", said=HOSTILE, at=1.0),)
    text = told(HOSTILE_VERDICT, stopped=HOSTILE, feedback=said)
    assert OBEYED.findall(text.replace("\n", "")) == []


@given(st.integers(40, 220), st.sampled_from([VERDICT, HOSTILE_VERDICT]))
def test_the_groups_and_the_minority_are_seen_at_any_width(width: int, verdict: Verdict) -> None:
    lines = told(verdict, width=width).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Groups"))
    answers = ["42", "41"] if verdict is VERDICT else ["text", "text"]
    assert all(answer in line for answer, line in zip(answers, lines[at : at + 2], strict=True))
    assert "80 %" in lines[at]
    assert "20 %" in lines[at + 1]


def test_of_ten_best_answers_five_are_shown() -> None:
    names = tuple(f"oak/m{number}" for number in range(10))
    group = Group(answer="42", extracted=True, members=names, votes=10, share=1, representative=names[0])
    verdict = Verdict(asked=10, answered=10, lineages=10, groups=(group,), best=names[0], top=names)
    shown = best_five(verdict, (), 100).plain
    assert "5 oak/m4" in shown
    assert "oak/m5" not in shown


def test_of_free_texts_the_best_five_show_how_they_begin() -> None:
    outcomes = tuple(answered(f"oak/m{n}", f"Water it {n} times.\nThen wait.", took=n) for n in range(1, 4))
    groups = tuple(
        Group(
            key=outcome.text,
            answer=outcome.text,
            extracted=False,
            members=(outcome.member.name,),
            votes=1.0,
            share=1 / 3,
            representative=outcome.member.name,
        )
        for outcome in outcomes
    )
    top = tuple(outcome.member.name for outcome in outcomes)
    text = told(
        Verdict(asked=3, answered=3, lineages=3, groups=groups, best=top[0], top=top), outcomes, stopped=""
    )
    assert "Best    1 oak/m1  Water it 1 times.\n        2 oak/m2  Water it 2 times.\n" in text


@given(st.text("ab 漢-*\t", max_size=300), st.integers(20, 60))
def test_lines_of_an_answer_are_broken_between_words_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width).split("\n")
    assert " ".join(lines).split() == text.split()
    assert all(cell_len(line) <= width or len(line.split()) <= 2 for line in lines)


def test_code_is_not_broken_and_items_of_lists_keep_their_indent() -> None:
    code = "```\n" + "x = 1; " * 20 + "\n```"
    assert wrapped(code, 40) == code
    assert wrapped("- one two three four five six", 20) == "- one two three four\n  five six"


# --- while it is under way ---


def standing(verdict: Verdict, *, width: int = 120) -> list[str]:
    """The lines under the bar."""
    board = Board()
    members = tuple(outcome.member for outcome in OUTCOMES)
    board.add(RunStarted(run=RUN, turn=0, question="What is 6 * 7?", members=members), now=0.0)
    for member in members:
        board.add(MemberStarted(member.name, 0.0), now=0.1)
    board.add(VerdictChanged(verdict), now=1.0)
    lines = [line.plain for line in frame(board, width=width, height=24, now=2.0, deadline=None)]
    return lines[1 + next(number for number, line in enumerate(lines) if "0 answered" in line) :]


def test_the_live_view_tells_the_minority_how_sure_it_is_and_what_could_change() -> None:
    verdict = replace(VERDICT, confidence=0.75)
    assert standing(verdict) == snapshot(
        [
            "consensus so far: 42  80 % of 2.5 votes in 2 groups · then 41 with 20 % · likely, 75 % sure",
            "→  1 open model with 0.8 votes could make it 41 (at most 3 % likely)",
        ]
    )
    assert standing(replace(VERDICT, confidence=None, outlook=None)) == snapshot(
        ["consensus so far: 42  80 % of 2.5 votes in 2 groups · then 41 with 20 %"]
    )


def test_a_narrow_live_view_leaves_out_the_least_important_and_keeps_the_answer() -> None:
    first = [standing(VERDICT, width=width)[0][17:] for width in (40, 60, 80, 100)]
    assert first == snapshot(
        [
            " 42  80 % of 2.5 votes…",
            " 42  80 % of 2.5 votes in 2 groups",
            " 42  80 % of 2.5 votes in 2 groups · then 41 with 20 %",
            " 42  80 % of 2.5 votes in 2 groups · then 41 with 20 % · very likely, 93 % sure",
        ]
    )
    long: Group = replace(VERDICT.groups[0], answer="a very long answer " * 20)
    (line, *_) = standing(replace(VERDICT, groups=(long, VERDICT.groups[1])), width=80)
    assert "a very long answer" in line
    assert cell_len(line) <= 80


# --- runs of earlier versions ---


async def test_a_verdict_of_an_earlier_version_is_read_with_what_it_has(tmp_path: Path) -> None:
    place = tmp_path / "runs.db"
    async with SqlJournal.open(place) as journal:
        await journal.begin(RUN, 0, Prompt.of("What is 6 * 7?"), tuple(o.member for o in OUTCOMES))
        for outcome in OUTCOMES:
            await journal.outcome(RUN, 0, outcome)
        await journal.finish(RunEnded(run=RUN, turn=0, verdict=VERDICT, states={}, duration=2.0))
    _rewrite_verdict(place)
    async with SqlJournal.open(place) as journal:
        stored = await journal.run("last")
    shown = Report.of_stored(RUN, stored.turns[0])
    assert labels(told(shown.verdict, stopped="")) == ["Groups", "Dissent", "Fastest", "Ledger", "Run"]


def _rewrite_verdict(place: Path) -> None:
    """Make the verdict what the first version wrote."""
    first = {
        "asked": 6,
        "answered": 5,
        "lineages": 4,
        "groups": [
            {
                "answer": group.answer,
                "extracted": True,
                "members": list(group.members),
                "votes": group.votes,
                "share": group.share,
                "representative": group.representative,
            }
            for group in VERDICT.groups
        ],
        "consensus": "42",
        "best": "oak/large",
        "fastest": "elm/large",
    }
    connection = sqlite3.connect(place)
    with connection:
        connection.execute("UPDATE endings SET verdict = ?", (msgspec.json.encode(first).decode(),))
    connection.close()
