"""Made-up prompts and answers for the measurements of curation: one kind of answer each.

Answers are prose of common and rare words, in sentences and paragraphs, with an end of their kind: the same
for every seed. Nothing in them was written by a model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

LENGTH = 1_400
"""Characters of an answer."""

_PROSE = (
    "the a of to and in that so because then we have must first second since which gives each number value "
    "answer option step therefore result means total remains consider compute compare"
)
_COMMON = _PROSE.split()
_RARE = [f"{head}{tail}" for head in ("har", "mel", "tor", "vin", "sal", "gre") for tail in _COMMON]
_SIGNS = [chr(code) for code in range(0x4E00, 0x4E00 + 1_500)]
_TERMS = (
    r"$x = \frac{%d}{%d}$", r"\[\sum_{i=1}^{%d} a_i = %d\]", r"$\sqrt{%d} \cdot %d$", r"$a^{%d} + b_{%d}$",
    r"\(\int_{%d}^{%d} f(t)\,dt\)", r"$$\begin{aligned} y &= %d \\ z &= %d \end{aligned}$$",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of prompt and its answers: how they end, what they are made of, and how long they are."""

    name: str
    question: str
    end: Callable[[random.Random], str]
    body: Callable[[random.Random, int], str]
    length: int = LENGTH

    def text(self, chance: random.Random) -> str:
        """One answer."""
        end = self.end(chance)
        return f"{self.body(chance, self.length - len(end))}{end}"


def prose(chance: random.Random, length: int) -> str:
    """Sentences in paragraphs, with a figure here and there."""
    return _filled(_sentence, chance, length)


def _sentence(chance: random.Random) -> str:
    words = [
        chance.choice(_COMMON if chance.random() < 0.6 else _RARE) for _ in range(chance.randrange(6, 20))
    ]
    if chance.random() < 0.3:
        words.append(str(chance.randrange(1_000)))
    return f"{' '.join(words).capitalize()}.{chance.choice((' ', ' ', ' ', chr(10), chr(10) * 2))}"


def chinese(chance: random.Random, length: int) -> str:
    """The same in Chinese."""
    return _filled(
        lambda each: (
            f"{''.join(each.choices(_SIGNS, k=each.randrange(8, 30)))}{each.choice('，，。。' + chr(10))}"
        ),
        chance,
        length,
    )


def latex(chance: random.Random, length: int) -> str:
    """Prose, half of which is formulas."""

    def sentence(each: random.Random) -> str:
        term = each.choice(_TERMS) % (each.randrange(1, 99), each.randrange(1, 99))
        return f"{_sentence(each).strip()} Then {term}, so {term}.\n"

    return _filled(sentence, chance, length)


def program(chance: random.Random, length: int) -> str:
    """Words, and a program whose names differ."""
    name = chance.choice(_RARE)
    lines = [f"def {name}(values):", "    total = 0", "    for value in values:"]
    lines += [f"        total += value * {number % 7}" for number in range(20 + chance.randrange(3))]
    code = "\n".join([*lines, "    return total"])
    return f"{prose(chance, max(0, length - len(code) - 16))}\n```python\n{code}\n```\n"


def data(chance: random.Random, length: int) -> str:
    """An object of JSON in a fence."""
    rows = [f'    {{"name": "{word}", "value": {len(word)}}}' for word in _RARE[: max(1, length // 48)]]
    rows[0] = f'    {{"name": "first", "value": {chance.choice((1, 1, 1, 2))}}}'
    return '```json\n{{"rows": [\n{}\n]}}\n```\n'.format(",\n".join(rows))


def nothing(_chance: random.Random, _length: int) -> str:
    """No body: the end is all."""
    return ""


def _filled(part: Callable[[random.Random], str], chance: random.Random, length: int) -> str:
    found = ""
    while len(found) < length:
        found += part(chance)
    return f"{found[: max(0, length - 1)]}\n"


_OPTIONS = "Which one is prime?\nA. four\nB. seven\nC. nine\nD. fifteen"
_CASES = "关于诉讼时效，下列哪一选项是正确的？\nA. 三年\nB. 二年\nC. 一年\nD. 五年"


def _short(chance: random.Random) -> str:
    name = chance.choice(("Ada Lovelace", "Ada Lovelace", "Lovelace", "Charles Babbage", "Alan Turing"))
    return chance.choice(
        (
            f"I believe that it was {name} who {chance.choice(_RARE)} it.",
            f"The first one to do so, as far as is known, was {name}, in {chance.randrange(1800, 1900)}.",
            f"{name} is said to have been the {chance.choice(_RARE)} of it; others came later.",
        )
    )


KINDS = (
    Kind("numbers", "How many eggs has she left?", lambda chance: f"The answer is {_number(chance)}.", prose),
    Kind(
        "numbers in LaTeX",
        r"Find $x$ if $x^2 - 9x = 0$ and $x > 0$.",
        lambda chance: rf"$$\boxed{{{_number(chance)}}}$$",
        latex,
    ),
    Kind("choices", _OPTIONS, lambda chance: f"The answer is ({chance.choice('BBBACD')}).", prose),
    Kind(
        "choices, unmarked",
        _OPTIONS,
        lambda chance: f"It can only be {chance.choice(('seven', 'seven', 'nine'))}, all in all.",
        prose,
    ),
    Kind("choices, never said", _OPTIONS, lambda _: "That is how it is done.", prose),
    Kind("choices in Chinese", _CASES, lambda chance: f"所以答案是{chance.choice('BBBACD')}。", chinese),
    Kind("the same, unmarked", _CASES, lambda _: "以上供参考。", chinese),
    Kind(
        "values of programs",
        "What does this program print?\n```python\nprint([1, 2] + [3])\n```\nGive the value.",
        lambda chance: f"The output is `[1, 2, {chance.choice((3, 3, 3, 4))}]`.",
        prose,
    ),
    Kind("code", "Write a Python function that adds up values.", lambda _: "", program),
    Kind("JSON", "List the rows as JSON, with name and value.", lambda _: "", data),
    Kind("short answers", "Who wrote the first program?", _short, prose),
    Kind("short answers, a sentence", "Who wrote the first program?", _short, nothing),
    Kind("free text", "Write a letter to a friend who has moved to another town.", lambda _: "Yours.", prose),
    Kind("free text in Chinese", "写一封信给搬到另一个城市的朋友。", lambda _: "祝好。", chinese),
)


def _number(chance: random.Random) -> int:
    return chance.choice((18, 18, 18, 20, chance.randrange(99)))
