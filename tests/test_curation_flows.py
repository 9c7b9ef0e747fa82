"""Curation as people meet it: a fleet on real sockets, `panvox ask`, a verdict, and what is done with it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import panvox.compose.opening  # noqa: F401 - what the first use would read from disk, inside the loop
from panvox.cli import app, process
from panvox.curation import Expect
from panvox.curation.weights import TaskWeights, Weights
from panvox.evaluation.weights_file import export_weights
from panvox.simulator import Fleet, Latency, Simulator, VirtualModel, VirtualProvider, simulate
from tests.flows import BRIEF, PLAIN, write_settings

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands hear no signals: only the first thread can."""

    async def without_signals(of: Any) -> int:
        return int(await of(process.Interrupts(process.end_at_once)))

    monkeypatch.setattr(process, "_with_signals", without_signals)


class Said:
    """The answers of a fleet: what each model says to a question that holds some words, the longest first."""

    def __init__(self, says: Mapping[str, Mapping[str, str]]) -> None:
        self._says = sorted(says.items(), key=lambda item: -len(item[0]))

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        """See `Answers`."""
        return next(texts[model] for word, texts in self._says if word in question)


def fleet(
    says: Mapping[str, Mapping[str, str]], *, slow: Sequence[str] = (), paid: Sequence[str] = ()
) -> Fleet:
    """The models of `says` at oak, those in `paid` at elm; the `slow` ones do not answer within a minute."""
    names = list(dict.fromkeys(name for texts in says.values() for name in texts))
    never = Latency(first_token=600, spread=0, slow_share=0, rate=10)

    def provider(name: str, models: Sequence[str]) -> VirtualProvider:
        offered = (VirtualModel(each, latency=never if each in slow else BRIEF) for each in models)
        return VirtualProvider(name, models=tuple(offered))

    providers = [provider("oak", [name for name in names if name not in paid])]
    if paid:
        providers.append(provider("elm", paid))
    return Fleet(tuple(providers), answers=Said(says))


class Desk:
    """Commands in a folder with settings that ask a fleet."""

    def __init__(self, simulator: Simulator, capfd: pytest.CaptureFixture[str]) -> None:
        self._simulator = simulator
        self._capfd = capfd

    @property
    def requests(self) -> int:
        """How often the fleet was asked."""
        return self._simulator.stats().total.requests

    async def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """Standard output and standard error of a command."""
        self._capfd.readouterr()
        assert await asyncio.to_thread(app.run, list(arguments)) == code, self._capfd.readouterr().err
        told = self._capfd.readouterr()
        return told.out, told.err

    async def ask(self, question: str, *options: str) -> dict[str, Any]:
        """The last event of a run, as JSON."""
        out, _ = await self.run("ask", question, "--json", *options)
        ended = json.loads(out.splitlines()[-1])
        assert ended["type"] == "run_ended"
        return dict(ended)


@asynccontextmanager
async def desk(
    served: Fleet,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    *,
    more: str = PLAIN,
    rows: Mapping[str, str] | None = None,
) -> AsyncIterator[Desk]:
    async with simulate(served) as simulator:
        await asyncio.to_thread(write_settings, folder, served, simulator, more=more, rows=rows)
        monkeypatch.chdir(folder)
        yield Desk(simulator, capfd)


# --- answers of every kind ---

KINDS = {
    "number": (
        "How many eggs are three and a half dozen?",
        ("That makes\n\n**42 eggs**.", "Answer: 42", "The answer is 41."),
        "42",
    ),
    "number in German": (
        "Wie viele Kilometer sind es?",
        ("Es sind **1.042,5 Kilometer**.", "Antwort: 1042,5", "Antwort: 1.024,5"),
        "1042.5",
    ),
    "choice": (
        "Which planet is the hottest?\n\nA) Mars\nB) Venus\nC) Mercury",
        ("It keeps its heat, so the answer is (B).", "B) Venus", "**Answer: C**"),
        "B",
    ),
    "yes-no": (
        "Does water boil at 100 degrees?",
        ("Yes, it does.", "**Yes.** At sea level.", "No, never."),
        "yes",
    ),
    "yes-no in German": (
        "Kocht Wasser bei 100 Grad? Antworte mit Ja oder Nein.",
        ("Ja, das tut es.", "**Ja.** Auf Meereshöhe.", "Nein, nie."),
        "yes",
    ),
    "json": (
        "Give me the Swiss capital and its rank as JSON with the keys city and rank.",
        (
            '```json\n{"city": "Bern", "rank": 1}\n```',
            'Sure: {"rank": 1, "city": "Bern"}',
            '{"city": "Basel", "rank": 1}',
        ),
        '{"city":"Bern","rank":1}',
    ),
    "short": (
        "What is the capital of Australia?",
        ("The capital is **Canberra**.", "Canberra", "Sydney"),
        "canberra",
    ),
    "short in German": (
        "Wie heißt die Hauptstadt von Australien?",
        ("Die Hauptstadt ist **Canberra**.", "Canberra", "Sydney"),
        "canberra",
    ),
}


@pytest.mark.parametrize("case", KINDS)
async def test_answers_in_different_forms_become_one(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    question, texts, key = KINDS[case]
    async with desk(
        fleet({question: dict(zip("abc", texts, strict=True))}), tmp_path, monkeypatch, capfd
    ) as here:
        ended = await here.ask(question)
    verdict = ended["verdict"]
    first, second = verdict["groups"]
    assert verdict["expect"] == case.split(" in ", maxsplit=1)[0]
    assert (first["key"], first["extracted"], sorted(first["members"])) == (key, True, ["oak/a", "oak/b"])
    assert second["members"] == ["oak/c"]
    assert verdict["consensus"] == first["answer"]
    assert verdict["best"] in first["members"]
    assert 0 < verdict["confidence"] < 1
    assert not verdict["calibrated"]
    assert ended["states"] == {"answered": 3}


async def test_programs_that_differ_in_layout_are_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = {
        "a": "Here you are:\n```python\ndef double(n):\n    return 2 * n\n```",
        "b": "```python\ndef double(n):  # twice\n    return 2*n\n```\nIt doubles.",
        "c": "```python\ndef double(n):\n    return n ** 2\n```",
    }
    async with desk(fleet({"double": says}), tmp_path, monkeypatch, capfd) as here:
        verdict = (await here.ask("Write a Python function double(n) that returns twice n."))["verdict"]
    assert verdict["expect"] == "code"
    assert [sorted(group["members"]) for group in verdict["groups"]] == [["oak/a", "oak/b"], ["oak/c"]]


FREE = {
    "How can I save money?": (
        "Write down what you spend, then set money aside on pay day, before you spend any of it.",
        "First write down what you spend for a month. Then set a sum aside on pay day, before you spend.",
        "Cook at home, walk more, and sell what you have not used for a year.",
    ),
    "Erkläre mir ausführlich, wie ich Geld sparen kann.": (
        "Schreibe auf, was du ausgibst, und lege am Zahltag Geld zurück, bevor du etwas ausgibst.",
        "Schreibe einen Monat lang auf, was du ausgibst. Lege dann am Zahltag einen Betrag zurück.",
        "Koche zu Hause, gehe mehr zu Fuß und verkaufe, was du ein Jahr nicht benutzt hast.",
    ),
}


@pytest.mark.parametrize("question", FREE)
async def test_of_free_texts_the_most_central_is_the_best_and_none_is_called_right(
    question: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = {question: dict(zip("abc", FREE[question], strict=True))}
    async with desk(fleet(says), tmp_path, monkeypatch, capfd) as here:
        verdict = (await here.ask(question, "--method", "medoid"))["verdict"]
    assert verdict["expect"] == "text"
    assert verdict["best"] in {"oak/a", "oak/b"}
    assert set(verdict["top"]) == {"oak/a", "oak/b", "oak/c"}
    assert (verdict["confidence"], verdict["consensus"]) == (None, None)
    assert sorted(name for group in verdict["groups"] for name in group["members"]) == sorted(verdict["top"])


# --- what does not vote ---


async def test_answers_that_do_not_vote_are_named_with_the_reason_and_stay_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    question = "What is the capital of Australia?"
    says = {
        "a": "Canberra",
        "b": "The capital is **Canberra**.",
        "c": "Sydney",
        "mute": "I'm sorry, but I can't help with that.",
        "loop": "Sydney is what I say, and I say it again. " * 60,
        "muter": "Es tut mir leid, dabei kann ich nicht helfen.",
    }
    async with desk(fleet({question: says}), tmp_path, monkeypatch, capfd) as here:
        ended = await here.ask(question)
        _, told = await here.run("show")
        stored = json.loads((await here.run("show", "--json"))[0])
    filtered = {each["member"]: each for each in ended["verdict"]["filtered"]}
    assert {name: each["check"] for name, each in filtered.items()} == {
        "oak/mute": "refusal",
        "oak/loop": "repetition",
        "oak/muter": "refusal",
    }
    assert all(each["reason"] for each in filtered.values())
    assert ended["states"] == {"answered": 6}
    assert ended["verdict"]["answered"] == 6
    assert filtered.keys().isdisjoint(vote["member"] for vote in ended["verdict"]["votes"])
    assert ended["verdict"]["consensus"] == "Canberra"
    for each in filtered.values():
        assert each["member"] in told
    assert "6 answered" in told
    outcomes = {each["member"]["name"]: each for each in stored["turns"][-1]["outcomes"]}
    assert outcomes["oak/mute"]["answer"]["text"] == says["mute"]


# --- who wins, and what moves it ---

EGGS = "How many eggs are three and a half dozen?"
DAYS = "How many days are six weeks?"
OUTVOTED = {"a": "The answer is 41.", "b": "It is **41**.", "wise": "Answer: 42"}


async def test_learnt_weights_change_who_wins_and_a_stored_run_can_be_judged_by_other_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    weights = TaskWeights(
        task=Expect.NUMBER,
        basis="60 labelled prompts",
        weights={"a": 0.1, "b": 0.2, "wise": 1.0},
        strengths={"a": 0.4, "b": 0.5, "wise": 0.9},
        labels=60,
        polls=60,
    )
    await asyncio.to_thread(export_weights, Weights(tasks={Expect.NUMBER: weights}), tmp_path / "learnt.json")
    async with desk(fleet({"": OUTVOTED}), tmp_path, monkeypatch, capfd) as here:
        assert (await here.ask(EGGS))["verdict"]["groups"][0]["key"] == "41"
        await here.run("weights", "import", "learnt.json")
        learnt = (await here.ask(EGGS))["verdict"]
        asked = here.requests

        assert learnt["groups"][0]["members"] == ["oak/wise"]
        assert (learnt["best"], learnt["basis"]) == ("oak/wise", "60 labelled prompts")
        assert learnt["consensus"] is None  # one model alone is none
        assert learnt["groups"][0]["share"] == pytest.approx(1 / 1.3)

        again = json.loads((await here.run("judge", "last", "--method", "majority", "--json"))[0])
        assert (again["before"], again["kept"]) == (learnt, False)
        assert (again["after"]["consensus"], again["after"]["method"]) == ("41", "majority")
        assert json.loads((await here.run("show", "--json"))[0])["turns"][-1]["ended"]["verdict"] == learnt

        _, compared = await here.run("judge", "last", "--method", "majority", "--keep")
        assert "41 ←" in compared
        assert "Consensus: 41" in (await here.run("show"))[1]
        assert here.requests == asked

        await here.run("weights", "reset")
        assert (await here.ask(EGGS))["verdict"]["groups"][0]["key"] == "41"


async def test_feedback_changes_who_wins_at_the_next_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = {EGGS: OUTVOTED, DAYS: OUTVOTED}
    async with desk(fleet(says), tmp_path, monkeypatch, capfd) as here:
        assert (await here.ask(EGGS))["verdict"]["consensus"] == "41"
        for _ in range(4):
            await here.ask(EGGS)
            told, _ = await here.run("feedback", "last", "--answer", "42")
            assert "wise" in told
        moved = (await here.ask(DAYS))["verdict"]
        strengths = {vote["member"]: vote["strength"] for vote in moved["votes"]}
        assert strengths["oak/wise"] > 0.5 > strengths["oak/a"]
        assert moved["groups"][0]["members"] == ["oak/wise"]
        assert moved["basis"] == "feedback on 12 answers"


# --- not asked, or not waited for ---


async def test_a_prompt_in_other_words_is_answered_by_the_semantic_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = {"France": {"a": "Paris", "b": "It is **Paris**."}, "Spain": {"a": "Madrid", "b": "**Madrid**"}}
    more = "[cache]\nsemantic = 0.85\n"
    async with desk(fleet(says), tmp_path, monkeypatch, capfd, more=more) as here:
        first = await here.ask("What is the capital of France?")
        second = await here.ask("What's the capital of France, please?")
        assert here.requests == 2
        other = await here.ask("What is the capital of Spain?")
        assert here.requests == 4
    assert second["states"] == {"answered": 2}
    assert second["verdict"]["consensus"] == first["verdict"]["consensus"] == "Paris"
    assert other["verdict"]["consensus"] == "Madrid"


async def test_once_the_answer_is_certain_the_rest_is_cancelled_and_the_report_tells_what_that_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = dict.fromkeys(("a", "b", "c", "late", "later"), "The answer is 42.")
    served = fleet({EGGS: says}, slow=("late", "later"))
    async with desk(served, tmp_path, monkeypatch, capfd) as here:
        ended = await here.ask(EGGS, "--stop", "certain")
        _, told = await here.run("show")
    assert ended["stopped"] == "decided"
    assert ended["states"] == {"answered": 3, "cancelled": 2}
    assert ended["verdict"]["saved"]["calls"] == 2
    assert ended["verdict"]["outlook"]["state"] == "certain"
    assert "2 cancelled" in told
    assert re.search(r"^Saved +2 calls", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("second", "states"), [("42", {"answered": 2, "skipped": 1}), ("41", {"answered": 3})]
)
async def test_a_cascade_pays_only_where_the_free_models_do_not_agree(
    second: str,
    states: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    says = {"a": "The answer is 42.", "b": f"The answer is {second}.", "dear": "The answer is 42."}
    served = fleet({EGGS: says}, paid=("dear",))
    more = f"{PLAIN}[models.'elm/*']\nprice_in = 0\nprice_out = 0\nprice_request = 2\nfree = false\n"
    async with desk(served, tmp_path, monkeypatch, capfd, more=more, rows={"elm": "free = false"}) as here:
        ended = await here.ask(EGGS, "--cascade", "-m", "*")
    assert ended["states"] == states
    assert ended["verdict"]["consensus"] == "42"
    saved = ended["verdict"].get("saved")
    assert (saved["calls"], float(saved["money"])) == (1, 2.0) if "skipped" in states else saved is None


# --- shown again ---


async def test_a_stored_run_is_shown_again_as_it_was_told_and_its_votes_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = {**OUTVOTED, "mute": "I'm sorry, but I can't help with that."}
    async with desk(fleet({EGGS: says}), tmp_path, monkeypatch, capfd) as here:
        out, told = await here.run("ask", EGGS, "--explain")
        shown, again = await here.run("show", "--explain")
        verdict = json.loads((await here.run("show", "--json"))[0])["turns"][-1]["ended"]["verdict"]
    assert shown == out
    report = told[told.index("✓ Consensus") :].rstrip()
    assert report in again
    weights = [0.0] * len(verdict["groups"])
    for vote in verdict["votes"]:
        weights[vote["group"]] += vote["weight"]
    assert weights == pytest.approx([group["votes"] for group in verdict["groups"]])
    written = [
        float(line.split()[-1])
        for line in report.splitlines()
        if line.startswith("  oak/") and line[-1].isdigit()
    ]
    heads = [float(line.split()[-1]) for line in report.splitlines() if "of the vote from" in line]
    total = next(float(line.split()[-1]) for line in report.splitlines() if line.startswith("all 3 answers"))
    assert sum(heads) == pytest.approx(total) == sum(written)
