"""What users tell of answers: what follows for each answer, how weights move, and what is kept."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from inline_snapshot import snapshot

import panvox
import panvox.compose.opening  # what the first use would load, and read from disk, inside the loop
from panvox.cli import app
from panvox.compose.feedback import heard, strength_of, weights_in_force
from panvox.curation import Curator, Expect
from panvox.curation.ballots import Heard
from panvox.curation.hearing import Kind, judged, task_of
from panvox.curation.weights import TaskWeights, Weights
from panvox.errors import StoreError, UsageError
from panvox.messages import Answer, Finish, Identity, Outcome, Prompt, RunEnded, State
from panvox.settings import Settings
from panvox.store import NullJournal, SqlJournal
from panvox.store.feedback import in_force
from panvox.verdicts import Feedback, Mark, Verdict

QUESTION = "What is the capital of Australia?"
CITIES = {"oak/a": "Canberra", "oak/b": "Canberra", "elm/c": "Sydney", "elm/d": "Perth"}
RUN = "20261121-035812-4f7a"


def member(name: str, lineage: str = "") -> Identity:
    provider, _, model = name.partition("/")
    return Identity(name=name, provider=provider, model=model, lineage=lineage or model)


def answered(name: str, text: str, lineage: str = "") -> Outcome:
    return Outcome(
        member=member(name, lineage),
        state=State.ANSWERED,
        answer=Answer(text=text, finish=Finish.STOP),
        duration=1.0,
    )


FAILED = Outcome(member=member("elm/e"), state=State.RATE_LIMITED, duration=1.0)
OUTCOMES = (*(answered(name, f"The capital is {city}.") for name, city in CITIES.items()), FAILED)
ESSAYS = tuple(
    answered(
        f"oak/{n}", f"{word} is what I would look at first, and then at all the rest of it, slowly.\nSo."
    )
    for n, word in enumerate(("Rent", "Food", "Travel"))
)


def verdict_of(outcomes: Sequence[Outcome], question: str = QUESTION) -> Verdict:
    curator = Curator(question, [outcome.member for outcome in outcomes])
    for outcome in outcomes:
        curator.add(outcome)
    return curator.verdict()


def marks(
    kind: Kind, said: str, outcomes: Sequence[Outcome] = OUTCOMES, question: str = QUESTION
) -> dict[str, bool]:
    verdict = verdict_of(outcomes, question)
    return judged(kind, said, verdict=verdict, outcomes=outcomes, question=question)


# --- what follows for answers ---


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("best", "oak/a", {"oak/a": True, "oak/b": True, "elm/c": False, "elm/d": False}),
        ("best", "elm/c", {"oak/a": False, "oak/b": False, "elm/c": True, "elm/d": False}),
        ("bad", "oak/b", {"oak/a": False, "oak/b": False}),
        ("answer", "canberra", {"oak/a": True, "oak/b": True, "elm/c": False, "elm/d": False}),
        (
            "answer",
            "The capital is **Sydney**.",
            {"oak/a": False, "oak/b": False, "elm/c": True, "elm/d": False},
        ),
        ("answer", "Hobart", dict.fromkeys(CITIES, False)),
    ],
)
def test_of_closed_answers_one_is_right_and_the_others_are_wrong(
    kind: Kind, said: str, expected: dict[str, bool]
) -> None:
    assert marks(kind, said) == expected


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("best", "oak/1", {"oak/1": True}),
        ("bad", "oak/1", {"oak/1": False}),
        ("answer", ESSAYS[2].text.upper(), {"oak/2": True}),
        ("answer", "something that nobody wrote and that is long enough to be no short answer at all", {}),
    ],
)
def test_of_free_texts_only_the_one_that_is_meant_is_judged(
    kind: Kind, said: str, expected: dict[str, bool]
) -> None:
    assert marks(kind, said, ESSAYS, "How can I save money?") == expected


def test_a_number_is_right_in_any_spelling() -> None:
    question = "How many inhabitants does it have?"
    outcomes = [answered("a/1", "It has **1,200** inhabitants."), answered("a/2", "Final answer: 1300")]
    assert marks("answer", "1200.0", outcomes, question) == {"a/1": True, "a/2": False}
    assert task_of(verdict_of(outcomes, question)) is Expect.NUMBER


def test_what_could_not_be_read_stays_unjudged_beside_answers_that_could() -> None:
    rambling = answered("elm/z", "Well, there is much to be said about it, much of it long,\n" * 3)
    assert "elm/z" not in marks("answer", "Canberra", (*OUTCOMES, rambling))
    assert marks("bad", "elm/z", (*OUTCOMES, rambling)) == {"elm/z": False}


# --- what holds ---


def said(kind: str, *marks: Mark, at: float = 0.0) -> Feedback:
    return msgspec.convert(
        {"kind": kind, "said": "x", "at": at, "task": "number", "marks": marks},
        Feedback,
        from_attributes=True,
    )


def test_undo_takes_back_the_last_that_holds() -> None:
    first, second = said("best", at=1), said("bad", at=2)
    undo = said("undo", at=3)
    assert in_force([first, second]) == (first, second)
    assert in_force([first, second, undo]) == (first,)
    assert in_force([first, undo, second]) == (second,)
    assert in_force([first, undo, undo, undo]) == ()


def test_what_was_told_last_of_an_answer_is_what_is_heard() -> None:
    a, not_a, b = Mark("oak/a", "A", True), Mark("oak/a", "A", False), Mark("elm/b", "B", False)
    told = {("run", 0): (said("best", a, b, at=1), said("bad", not_a, at=2))}
    assert sorted(heard(told), key=lambda each: each.voter) == [
        Heard("A", Expect.NUMBER, False, 2),
        Heard("B", Expect.NUMBER, False, 1),
    ]


def test_several_answers_of_one_voter_to_a_prompt_are_heard_once() -> None:
    names = ("h1/m", "h2/m", "h3/m")
    told = {("run", 0): (said("answer", *(Mark(name, "M", name != "h3/m") for name in names), at=1),)}
    assert heard(told) == [Heard("M", Expect.NUMBER, True, 1)]
    split = {("run", 0): (said("answer", Mark("h1/m", "M", True), Mark("h2/m", "M", False)),)}
    assert heard(split) == []


# --- through the session ---


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[panvox.Session]:
    """A session whose store has one run of two turns: capitals, and essays."""
    settings = Settings.model_validate({"local": {"enabled": False}, "store": {"path": tmp_path / "runs.db"}})
    await keep(tmp_path / "runs.db")
    async with panvox.open(settings) as opened:
        yield opened


async def keep(place: Path) -> None:
    async with SqlJournal.open(place) as journal:
        for turn, (question, outcomes) in enumerate((("How can I save?", ESSAYS), (QUESTION, OUTCOMES))):
            await journal.begin(RUN, turn, Prompt.of(question), tuple(o.member for o in outcomes))
            for outcome in outcomes:
                await journal.outcome(RUN, turn, outcome)
            verdict = verdict_of(outcomes, question)
            await journal.finish(RunEnded(run=RUN, turn=turn, verdict=verdict, states={}, duration=1))


async def test_feedback_is_kept_with_its_run_and_moves_the_weights(session: panvox.Session) -> None:
    heeded = await session.feedback("last", best="oak/a")
    assert (heeded.run, heeded.turn, heeded.right, heeded.wrong) == (RUN, 1, 2, 2)
    assert {move.voter: move.by > 0 for move in heeded.moved} == {
        "a": True, "b": True, "c": False, "d": False
    }  # fmt: skip
    stored = await session.store.run(RUN)
    assert [turn.feedback for turn in stored.turns] == [(), (heeded.said,)]

    weights = await weights_in_force(session.store)
    a, c, stranger = (strength_of(weights, Expect.SHORT, voter) for voter in ("a", "c", "x"))
    assert a is not None
    assert c is not None
    assert a > 0.5 > c
    assert stranger is None


async def test_constant_texts_are_remembered_while_a_session_is_open(session: panvox.Session) -> None:
    first, second = await session.rules(), await session.rules()
    assert first.constants is second.constants is not None


async def test_what_is_taken_back_moves_the_weights_back(session: panvox.Session) -> None:
    told = await session.feedback(RUN[:12], answer="Canberra")
    back = await session.feedback(RUN, undo=True)
    assert back.said == told.said
    assert [(move.voter, round(move.by, 6)) for move in back.moved] == [
        (move.voter, round(-move.by, 6)) for move in told.moved
    ]
    assert await weights_in_force(session.store) == Weights()
    with pytest.raises(UsageError, match="no feedback on turn 1"):
        await session.feedback(RUN, undo=True)


async def test_feedback_on_an_earlier_turn_is_judged_by_its_own_answers(session: panvox.Session) -> None:
    heeded = await session.feedback(RUN, best="oak/1", turn=0)
    assert heeded.said.marks == (Mark("oak/1", "1", True),)
    assert heeded.said.task == "text"


async def test_what_contradicts_earlier_feedback_wins_and_says_so(session: panvox.Session) -> None:
    await session.feedback(RUN, best="oak/a")
    heeded = await session.feedback(RUN, bad="oak/b")
    assert heeded.replaced == ("oak/a", "oak/b")
    weights = await weights_in_force(session.store)
    strength = strength_of(weights, Expect.SHORT, "a")
    assert strength is not None
    assert strength < 0.5


async def test_feedback_goes_with_its_run(session: panvox.Session) -> None:
    await session.feedback(RUN, best="oak/a")
    await session.store.forget(RUN)
    assert await session.store.told() == {}


async def test_without_a_store_what_was_learnt_holds_and_nothing_can_be_told() -> None:
    store = NullJournal("the store is switched off")
    known = Weights(tasks={Expect.TEXT: TaskWeights(task=Expect.TEXT, weights={"m": 2.0})})
    assert await weights_in_force(store, known) == known
    with pytest.raises(StoreError, match="switched off"):
        await store.tell(RUN, 0, said("best"))


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({}, "give --best MODEL, --bad MODEL, --answer TEXT or --undo"),
        ({"best": "oak/a", "bad": "elm/c"}, "--best and --bad are two things"),
        ({"best": "oak/a", "undo": True}, "--best and --undo are two things"),
        ({"answer": "  "}, "--answer is empty"),
        ({"best": ""}, "--best is empty"),
        ({"best": "oak/aa"}, "'oak/aa' was not asked in this turn; did you mean oak/a"),
        ({"best": "elm/e"}, r"elm/e did not answer \(rate limited\)"),
        ({"best": "oak/a", "turn": 7}, "has no turn 7; it has turns 0 to 1"),
        ({"best": "oak/a", "turn": 0}, "'oak/a' was not asked in this turn"),
    ],
)
async def test_what_cannot_be_meant_says_what_to_do(
    session: panvox.Session, told: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        await session.feedback(RUN, **told)  # type: ignore[arg-type]
    assert await session.store.told() == {}


async def test_an_unknown_run_names_those_that_are_there(session: panvox.Session) -> None:
    with pytest.raises(StoreError, match=f"no run 'nope'; there are {RUN}"):
        await session.feedback("nope", best="oak/a")


# --- the command ---


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and a store with one run of two turns."""
    import asyncio  # noqa: PLC0415 - the only place that runs a loop of its own

    (tmp_path / "panvox.toml").write_text("local.enabled = false\n[store]\npath = 'runs.db'\n")
    asyncio.run(keep(tmp_path / "runs.db"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> int:
    return app.run(list(arguments))


@pytest.mark.usefixtures("folder")
def test_the_command_shows_whom_it_moves(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("feedback", "last", "--best", "a") == 0
    assert capsys.readouterr().out == snapshot("""\
Told of 20261121-035812-4f7a, turn 1: oak/a was right
  2 answers right, 2 wrong · kind of task: short

model  strength
a      - → 60 %  ▲ 10
b      - → 60 %  ▲ 10
c      - → 40 %  ▼ 10
d      - → 40 %  ▼ 10
""")
    assert command("feedback", "--bad", "oak/b") == 0
    assert "Told before: the opposite of oak/a, oak/b. What was told last holds." in capsys.readouterr().out
    assert command("feedback", "--undo") == 0
    assert capsys.readouterr().out.startswith(f"Taken back of {RUN}, turn 1: oak/b was wrong\n")


@pytest.mark.usefixtures("folder")
def test_the_command_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("feedback", "last", "--answer", "Canberra", "--json") == 0
    heeded = json.loads(capsys.readouterr().out)
    assert heeded["said"]["kind"] == "answer"
    assert [mark["right"] for mark in heeded["said"]["marks"]] == [True, True, False, False]


@pytest.mark.usefixtures("folder")
def test_feedback_is_shown_with_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    command("feedback", "--answer", "\x1b[2JCanberra")
    command("show", RUN)
    told = capsys.readouterr()
    assert re.search(r"Feedback +the right answer is Canberra", told.err)
    assert "\x1b[2J" not in told.out + told.err


@pytest.mark.usefixtures("folder")
def test_wrong_usage_of_the_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("feedback", "last") == 2
    assert capsys.readouterr().err.startswith("panvox: there is nothing said: give --best MODEL")
    assert command("feedback", "nope", "--best", "a") == 1
