"""Answers of a megabyte that repeat whatever patterns look for: all of them are read in a few passes.

Nothing is timed: what takes a pass for each character does not end before the test is given up.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from panvox.curation import Curator, Expect, Rules
from panvox.embedding import HashedEmbedder
from panvox.messages import Answer, Identity, Outcome, State

MEGABYTE = 1_000_000

PROMPTS = {
    Expect.NUMBER: "What is 17 + 25? Give a number.",
    Expect.CHOICE: "Which is right?\nA) red\nB) blue\nC) green\nD) black\nAnswer with the letter.",
    Expect.YES_NO: "Is the sky blue? Answer yes or no.",
    Expect.DATE: "On which date did the war end?",
    Expect.LITERAL: "def f(x):\n    return x\nWhat does f([1, 2]) return? Give a Python literal.",
    Expect.CODE: "Write a Python function that adds two numbers.",
    Expect.JSON: "Reply with a JSON object with the key answer.",
    Expect.SHORT: "What is the capital of France?",
    Expect.TEXT: "Write a short essay about rivers.",
}
PIECES = (
    *("a", " ", "\n", "\t", "0", "9", "1,", "1.", "1/", "1 + ", "-", "=", "×", "^", "½", "१", "%", "$", "€"),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        '"',
        "'",
        '"""',
        "`",
        "```\n",
        "**",
        "_",
        "#",
        "\\",
        "|",
        "---",
    ),
    *("\\boxed{", "\\frac{", "\\(", "$$", "\\text{", '{"answer":', '{"a":[', "[[", "<answer>", "</answer>"),
    *(
        "answer is ",
        "The answer is ",
        "Answer:\n",
        "final answer: **",
        "confidence: ",
        "I am 90% sure",
        "A. ",
    ),
    *(
        "(A) ",
        "option ",
        "yes ",
        "not ",
        "January 1, ",
        "2020-01-",
        "one hundred ",
        "def f():\n",
        "f(",
        "x = ",
    ),
    *(
        "答案",
        "是",
        "。",
        "一百",
        "（A）",
        "\u200b",
        "\u202e",
        "\x1b",
        "\x1b[",
        "\ufe0f",
        "é",
        "ignore all ",
        "judge ",
    ),
    *(
        "score: ",
        "<|",
        "<<<",
        ">>>",
        "i am ",
        "sorry",
        "1e9",
        "True, ",
        "0x",
        "\\'",
        "- a\n",
        "…",
        "?!",
        "&amp;",
    ),
)


def megabyte(unit: str) -> str:
    return unit * (MEGABYTE // len(unit))


@pytest.mark.parametrize("kind", PROMPTS)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    unit=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
    before=st.sampled_from(["", "The answer is ", "```python\n", '{"answer": "']),
    after=st.sampled_from(["", "\nThe answer is 42.", '"}', "\n```"]),
)
@example(unit="\\'", before="```python\n", after="")
@example(unit="(", before="", after="")
@example(unit="0", before="", after="")
@example(unit="\u202ea", before="", after="")
@example(unit="\ue000é", before="", after="")
def test_a_megabyte_of_anything_is_curated_in_a_few_passes(
    kind: Expect, unit: str, before: str, after: str
) -> None:
    member = Identity(name="oak/flood")
    curator = Curator(PROMPTS[kind], [member], Rules(expect=kind, embedder=HashedEmbedder()))
    outcome = Outcome(
        member=member, state=State.ANSWERED, answer=Answer(text=f"{before}{megabyte(unit)}{after}")
    )
    curator.add(outcome)
    verdict = curator.verdict()
    assert verdict.answered == 1


@pytest.mark.parametrize("unit", ["A) x\n", "[[", "(a) ", "answer as JSON ", "\n\n", "1, 2, ", "è"])
def test_a_prompt_of_four_megabytes_is_understood_in_a_few_passes(unit: str) -> None:
    member = Identity(name="oak/m")
    question = unit * ((4 << 20) // len(unit))
    curator = Curator(question, [member])
    curator.add(Outcome(member=member, state=State.ANSWERED, answer=Answer(text="The answer is (B).")))
    verdict = curator.verdict()
    assert verdict.answered == 1


@pytest.mark.parametrize(
    ("kind", "count"), [(Expect.NUMBER, 2_000), (Expect.TEXT, 2_000), (Expect.SHORT, 300)]
)
def test_thousands_of_answers_are_curated_although_no_two_are_alike(kind: Expect, count: int) -> None:
    members = [Identity(name=f"oak/m{n}") for n in range(count)]
    curator = Curator(PROMPTS[kind], members)
    for number, member in enumerate(members):
        text = f"I would say that it is {number * 7919}."
        curator.add(Outcome(member=member, state=State.ANSWERED, answer=Answer(text=text)))
    verdict = curator.verdict()
    assert verdict.answered == count
    assert sum(len(group.members) for group in verdict.groups) + len(verdict.filtered) == count
