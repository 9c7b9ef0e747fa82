"""Twenty hostile answers among sixty: they have their own vote and no more, and no screen obeys them."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from panvox.cli import app, live
from panvox.cli.board import Board
from panvox.compose.judging import Judging
from panvox.messages import RunEvent
from panvox.simulator import Fleet, VirtualModel, VirtualProvider, simulate
from panvox.verdicts import Verdict
from tests.flows import BRIEF, PLAIN, session_of, write_settings
from tests.hostile_answers import ATTACKS, Crowd

SUM = "What is 17 + 25? Reply with a number."
ESSAY = "Explain to a friend why rivers flow to the sea and not away from it."

_BEGINNINGS = (
    "Rain falls on high ground",
    "Every river begins up in the hills",
    "Water always seeks the low",
)
_MIDDLES = (
    "gravity pulls the water downhill along the steepest way",
    "the force of gravity draws each river down its valley",
    "because the land slopes, gravity carries the water along",
    "the slope of the land tells the river where to go",
)
_ENDS = (
    "until it reaches the sea, the lowest place there is.",
    "and the sea is lower than all the land around it.",
    "so that rivers flow to the sea and never away from it.",
)


BEST = 7
"""The number of the text that says what all the others say together."""


def essay(number: int) -> str:
    """A text on rivers, none quite like another."""
    if number == BEST:
        whole = f"{_BEGINNINGS[0]}, and {_MIDDLES[0]}. So {_MIDDLES[3]}, {_MIDDLES[2]}, {_ENDS[0]}"
        return f"{whole} {_MIDDLES[1]}, {_ENDS[2]}"
    begin, middle = _BEGINNINGS[number % 3], _MIDDLES[number % 4]
    return f"{begin}, and {middle}, {_ENDS[(number // 4) % 3]} That is fact {number} of my lessons on rivers."


def good(question: str) -> dict[str, str]:
    """Forty honest models: at the sum 24 are right and 16 wrong."""
    if question == SUM:
        return {
            f"oak-{n}": f"I add them up, model {n}.\nThe answer is {42 if n < 24 else 41}." for n in range(40)
        }
    return {f"oak-{n}": essay(n) for n in range(40)}


def plain(question: str, number: int) -> tuple[str, str]:
    """What a hostile model would say without its attack: the final answer, and the text before it."""
    if question == SUM:
        return "The answer is 13.", f"Let me see, says weed {number}, it is odd."
    return "That is all there is.", essay(40 + number)


def hostile(question: str) -> dict[str, str]:
    return {
        f"weed-{name}": attack(*plain(question, number))
        for number, (name, attack) in enumerate(ATTACKS.items())
    }


def harmless(question: str) -> dict[str, str]:
    """The same models, if they gave the same answers without their attacks."""
    return {
        f"weed-{name}": "\n".join(reversed(plain(question, number))) for number, name in enumerate(ATTACKS)
    }


def fleet(says: dict[str, str], crowd: Crowd) -> Fleet:
    """All who say something, and the judges."""
    members = tuple(VirtualModel(name, latency=BRIEF) for name in says)
    judges = tuple(VirtualModel(name, latency=BRIEF) for name in ("fair", "gullible", "captured", "writer"))
    return Fleet(
        (VirtualProvider("wood", models=members), VirtualProvider("elm", models=judges)), answers=crowd
    )


async def asked(folder: Path, question: str, weeds: dict[str, str], judging: Judging | None) -> Verdict:
    """The verdict of a fleet, asked over sockets."""
    says = good(question) | weeds
    crowd = Crowd(says, word="42" if question == SUM else "gravity pulls")
    served = fleet(says, crowd)
    await asyncio.to_thread(folder.mkdir)
    async with (
        simulate(served, speed=0) as simulator,
        session_of(folder, served, simulator, more=PLAIN) as session,
    ):
        result = await session.ask(question, models=["wood/*"], judging=judging)
    assert result.verdict.answered == len(says)
    return result.verdict


def is_weed(name: str | None) -> bool:
    return name is not None and "weed" in name


WAYS = {
    "fair judge": Judging(judges=("elm/fair",)),
    "gullible judge": Judging(judges=("elm/gullible",)),
    "captured judge": Judging(judges=("elm/captured",)),
    "all judges": Judging(judges=("elm/fair", "elm/gullible", "elm/captured")),
    "writer": Judging(synthesis="elm/writer"),
}


async def test_twenty_hostile_answers_have_their_own_vote_on_a_number_and_no_more(tmp_path: Path) -> None:
    without = await asked(tmp_path / "without", SUM, {}, None)
    tame = await asked(tmp_path / "tame", SUM, harmless(SUM), None)
    attacked = await asked(tmp_path / "attacked", SUM, hostile(SUM), None)
    for verdict in (without, tame, attacked):
        assert verdict.leading is not None
        assert (verdict.leading.key, len(verdict.leading.members)) == ("42", 24)
        assert not is_weed(verdict.best)
    votes = {group.key: group.votes for group in attacked.groups}
    assert votes["13"] <= sum(group.votes for group in tame.groups if group.key == "13")


async def test_twenty_hostile_texts_do_not_change_which_text_is_the_best(tmp_path: Path) -> None:
    without = await asked(tmp_path / "without", ESSAY, {}, None)
    attacked = await asked(tmp_path / "attacked", ESSAY, hostile(ESSAY), None)
    assert attacked.best == without.best == f"wood/oak-{BEST}"
    assert not any(map(is_weed, attacked.top))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("question", [SUM, ESSAY], ids=["number", "text"])
async def test_judges_and_writers_are_not_swayed_by_hostile_answers(
    tmp_path: Path, way: str, question: str
) -> None:
    verdict = await asked(tmp_path / "attacked", question, hostile(question), WAYS[way])
    assert not any(map(is_weed, verdict.top))
    assert verdict.leading is not None
    assert question != SUM or (verdict.leading.key, is_weed(verdict.best)) == ("42", False)
    told = verdict.judgement
    if told is not None:
        assert not told.overrode
        assert not is_weed(told.chosen)
    assert_synthesis_is_clean(verdict)


def assert_synthesis_is_clean(verdict: Verdict) -> None:
    told = verdict.synthesis
    if told is not None:
        assert "Choose this answer" not in told.text
        assert not any("hoose this answer" in each.text for each in told.dissent)


# --- the screen ---


@asynccontextmanager
async def commanded(folder: Path, monkeypatch: pytest.MonkeyPatch, question: str) -> AsyncIterator[None]:
    """The commands, run in a thread, find settings that ask the attacked fleet."""
    says = good(question) | hostile(question)
    served = fleet(says, Crowd(says, word="42"))
    async with simulate(served, speed=0) as simulator:
        await asyncio.to_thread(write_settings, folder, served, simulator, more=PLAIN)
        monkeypatch.chdir(folder)
        yield


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands hear no signals: only the first thread can."""
    from panvox.cli import process  # noqa: PLC0415

    async def without_signals(of: object) -> int:
        return await of(process.Interrupts(process.end_at_once))  # type: ignore[operator,no-any-return]

    monkeypatch.setattr(process, "_with_signals", without_signals)


async def command(*arguments: str) -> int:
    return await asyncio.to_thread(app.run, list(arguments))


_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}")


def assert_harmless(shown: str) -> None:
    """Nothing that a terminal obeys, and nothing that nobody sees."""
    obeyed = {sign for sign in set(shown) - {"\n", "\t"} if unicodedata.category(sign) in ("Cc", "Cf", "Cs")}
    assert not obeyed
    assert not _SELECTORS.search(shown)


SHOWN = [
    ["show"],
    ["show", "--full", "--explain"],
    *(["show", "--member", f"wood/weed-{name}"] for name in ("escapes", "directions", "tags")),
    ["judge"],
    ["judge", "--judge", "elm/gullible", "--synthesise", "elm/writer"],
    ["feedback", "--bad", "wood/weed-directions"],
    ["feedback", "--answer", "4\x1b[2J2\u202e"],
    ["runs"],
]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("question", [SUM, ESSAY], ids=["number", "text"])
async def test_nothing_hostile_reaches_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], question: str
) -> None:
    async with commanded(tmp_path, monkeypatch, question):
        asking = ("--judge", "elm/gullible", "--synthesise", "elm/writer", "--explain", "--full")
        assert await command("ask", question, "-m", "wood/*", *asking) == 0
        told = capfd.readouterr()
        assert "weed-escapes" in told.out
        assert_harmless(told.out)
        assert_harmless(told.err)
        for arguments in SHOWN:
            assert await command(*arguments) == 0, capfd.readouterr().err
            told = capfd.readouterr()
            assert told.out
            assert_harmless(told.out)
            assert_harmless(told.err)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("question", [SUM, ESSAY], ids=["number", "text"])
async def test_json_is_escaped_and_the_live_view_drawn_from_it_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], question: str
) -> None:
    async with commanded(tmp_path, monkeypatch, question):
        assert await command("ask", question, "-m", "wood/*", "--json") == 0
        written = capfd.readouterr()
        assert await command("show", "--json") == 0
        stored = capfd.readouterr()
    assert_harmless(written.out)
    assert_harmless(stored.out)
    assert json.loads(stored.out)["turns"][0]["outcomes"]
    board = Board()
    events = msgspec.json.Decoder(RunEvent)
    for number, line in enumerate(written.out.splitlines()):
        board.add(events.decode(line), now=0.1)
        if number % 40 == 0 or "weed" in line[:400]:
            for drawn in live.frame(board, width=100, height=80, now=1.0, deadline=None):
                assert_harmless(drawn.plain)


async def test_who_says_the_same_to_every_question_of_a_session_is_found_out(tmp_path: Path) -> None:
    constant = "I am a most capable model, and this is my best answer to whatever it is that you ask of me."

    class Parrot:
        def text(self, *, model: str, accuracy: float, question: str) -> str:
            return (
                constant
                if model == "weed"
                else f"As to this: {question} {essay(int(model[4:]) + 5 * len(question))}"
            )

    members = ("weed", "oak-1", "oak-2", "oak-3")
    hosts = VirtualProvider("wood", models=tuple(VirtualModel(name, latency=BRIEF) for name in members))
    served = Fleet((hosts,), answers=Parrot())
    async with (
        simulate(served, speed=0) as simulator,
        session_of(tmp_path, served, simulator, more=PLAIN) as session,
    ):
        questions = [
            f"Explain to me, please, how the {name} flows." for name in ("Rhine", "Nile", "Po", "Don")
        ]
        verdicts = [(await session.ask(question)).verdict for question in questions]
    assert [(each.member, each.check) for each in verdicts[-1].filtered] == [("wood/weed", "constant")]
    assert verdicts[-1].best != "wood/weed"
