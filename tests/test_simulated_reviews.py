"""Virtual models find fault with the files that are put before them."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.review.instructions import Instructions
from panvox.review.material import InputFile
from panvox.review.prompting import prompt_of
from panvox.simulator import Fleet, Invented, VirtualModel, VirtualProvider, simulate
from panvox.simulator.reviewing import matter_of, reviewed
from tests.fleets import SWIFT, body

BAD = """\
import subprocess

def greet(names=[]):
    # TODO: say hello
    subprocess.run(names[0], shell=True)
    try:
        eval(names[1])
    except:
        pass

PASSWORD = "hunter2000"
"""
FOUND = re.compile(r"- \[(critical|high|medium|low|info)\] ([^:\n]+):(\d+): [^.\n]+\. [^\n]+\.")
INSTRUCTIONS = Instructions(name="review", title="Review", text="Find what is wrong.", source="given")
PLACES = {
    ("src/a.py", 3),
    ("src/a.py", 4),
    ("src/a.py", 5),
    ("src/a.py", 7),
    ("src/a.py", 8),
    ("src/a.py", 11),
}


def asked(**files: str) -> str:
    """The prompt that puts these files under review; `__` in a name stands for a slash, `_py` ends it."""
    named = {name.replace("__", "/").replace("_py", ".py"): text for name, text in files.items()}
    inputs = [InputFile(path=path, text=text, sha256="", bytes=len(text)) for path, text in named.items()]
    return prompt_of(INSTRUCTIONS, inputs).question


def said(model: str, accuracy: float, question: str) -> str:
    return Invented().text(model=model, accuracy=accuracy, question=question)


def bullets(question: str, accuracy: float, wanted: int) -> list[str]:
    """Reviews in the form that is asked for, of different models."""
    texts = (said(f"m{number}", accuracy, question) for number in range(10_000))
    usual = (text for text in texts if FOUND.search(text) or "No findings" in text)
    return [next(usual) for _ in range(wanted)]


def places(text: str) -> set[tuple[str, int]]:
    return {(path, int(line)) for _, path, line in FOUND.findall(text)}


def test_a_model_that_is_always_right_finds_all_there_is_where_it_is() -> None:
    for text in bullets(asked(src__a_py=BAD, b_py="x = 1\n"), 1.0, 20):
        assert text.startswith("A simulated review of 2 files by m")
        assert places(text) >= PLACES


def test_stronger_models_find_more_of_the_same() -> None:
    question = asked(src__a_py=BAD)
    found = {
        accuracy: sum(len(places(text) & PLACES) for text in bullets(question, accuracy, 60))
        for accuracy in (0.0, 0.3, 0.9)
    }
    assert found[0.9] > 2 * found[0.3]
    assert found[0.3] > found[0.0]


def test_each_model_says_the_same_again_and_another_model_something_else() -> None:
    question = asked(src__a_py=BAD)
    texts = [said(f"m{number}", 0.7, question) for number in range(30)]
    assert texts == [said(f"m{number}", 0.7, question) for number in range(30)]
    assert len({text.partition("\n")[2] for text in texts}) > 25


def test_models_put_the_same_finding_in_words_of_their_own() -> None:
    question = asked(src__a_py=BAD)
    told = {
        title
        for number in range(60)
        for title in re.findall(r"src/a\.py:5: ([^.\n]+)\.", said(f"m{number}", 0.7, question))
    }
    assert len(told) >= 2


def test_some_models_use_tables_numbers_or_headings() -> None:
    question = asked(src__a_py=BAD)
    texts = [said(f"m{number}", 0.9, question) for number in range(80)]
    for form in (r"^- \[", r"^1\. \*\*", r"^### ", r"^\| Severity \|"):
        assert any(re.search(form, text, re.MULTILINE) for text in texts), form


@pytest.mark.parametrize("fence", ["```", "~~~", "`" * 9, "`" * 200])
def test_a_file_that_shows_fences_and_headings_is_one_file(fence: str) -> None:
    text = f"# Notes\n\n## other.py\n\n{fence}\neval(1)\n{fence}\n{BAD}"
    matter = matter_of(asked(notes=text))
    assert matter is not None
    assert [path for path, _ in matter.files] == ["notes"]
    assert {issue.path for issue in matter.issues} == {"notes"}


@pytest.mark.parametrize(
    "question",
    [
        "What is 17 + 25?",
        "## A heading\n\nand text, but no file.",
        "Explain this:\n```\neval(1)\n```\n",
        "",
    ],
)
def test_what_holds_no_file_is_answered_as_ever(question: str) -> None:
    assert matter_of(question) is None
    assert "simulated review" not in said("m", 1.0, question)


@given(st.text(alphabet="#` \nab/.", max_size=300))
def test_any_text_is_read_and_reviewed(text: str) -> None:
    matter = matter_of(f"x\n## a\n\n```\n{text}")
    if matter is not None:
        assert reviewed(matter, model="m", accuracy=0.5)
        assert all(issue.line >= 1 for issue in matter.issues)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), min_size=1, max_size=4))
def test_every_file_is_found_with_its_lines_whatever_it_holds(texts: list[str]) -> None:
    files = {f"f{number}": text for number, text in enumerate(texts)}
    matter = matter_of(asked(**files))
    assert matter is not None
    assert matter.files == tuple((path, text.count("\n") + 1) for path, text in files.items())


def test_hundreds_of_models_share_what_there_is_to_find_in_a_long_prompt() -> None:
    question = asked(src__a_py=BAD * 4_000)
    before = matter_of.cache_info().misses
    texts = {said(f"m{number}", 0.8, question) for number in range(300)}
    assert len(texts) > 290
    assert matter_of.cache_info().misses - before == 1
    assert max(map(len, texts)) < 10_000


async def test_a_review_comes_over_the_wire() -> None:
    fleet = Fleet((VirtualProvider("oak", models=(VirtualModel("m", accuracy=1.0, latency=SWIFT),)),))
    sent: dict[str, Any] = body("m", stream=False, text=asked(src__a_py=BAD))
    async with (
        simulate(fleet, speed=0) as server,
        aiohttp.ClientSession() as client,
        client.post(f"{server.base_url('oak')}/chat/completions", json=sent) as reply,
    ):
        told = await reply.json()
    assert "src/a.py" in told["choices"][0]["message"]["content"]
