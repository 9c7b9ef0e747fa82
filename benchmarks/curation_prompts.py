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
_SIGNS = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发"
    "当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身"
    "者被高已亲其进此话常与活正感"
)
_SELDOM = [chr(0x4E00 + 37 * number) for number in range(300)]
_WORDS = [
    *(one + other for one in _SIGNS[::4] for other in _SIGNS[1::6]),
    *(one + other for one, other in zip(_SIGNS * 3, _SELDOM, strict=False)),
]
_PAIRS = random.Random(1).sample(_WORDS, len(_WORDS))
_OFTEN = [1 / (number + 5) for number in range(len(_PAIRS))]
"""How often each word of two characters comes, as Zipf found."""
_TERMS = (
    r"$x = \frac{%d}{%d}$", r"\[\sum_{i=1}^{%d} a_i = %d\]", r"$\sqrt{%d} \cdot %d$", r"$a^{%d} + b_{%d}$",
    r"\(\int_{%d}^{%d} f(t)\,dt\)", r"$$\begin{aligned} y &= %d \\ z &= %d \end{aligned}$$",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of prompt and its answers: how they end, what comes before, if anything, and their length."""

    name: str
    question: str
    end: Callable[[random.Random], str]
    body: Callable[[random.Random, int], str] | None
    length: int = LENGTH

    def text(self, chance: random.Random) -> str:
        """One answer."""
        end = self.end(chance)
        return f"{self.body(chance, self.length - len(end))}{end}" if self.body else end


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
    """The same in characters, in words of two."""

    def clause(each: random.Random) -> str:
        words = each.choices(_PAIRS, _OFTEN, k=each.randrange(4, 15))
        return f"{''.join(words)}{each.choice(('，', '，', '。', chr(10)))}"

    return _filled(clause, chance, length)


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
    rows = [f'    {{"name": "first", "value": {chance.choice((1, 1, 1, 2))}}}']
    while sum(map(len, rows)) + 2 * len(rows) < length - 24:
        word = _RARE[len(rows) % len(_RARE)]
        rows.append(f'    {{"name": "{word}", "value": {len(rows)}}}')
    return '```json\n{{"rows": [\n{}\n]}}\n```\n'.format(",\n".join(rows))


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
    Kind("choices, in Chinese", _CASES, lambda chance: f"所以答案是{chance.choice('BBBACD')}。", chinese),
    Kind("choices, in Chinese, never said", _CASES, lambda _: "以上供参考。", chinese),
    Kind(
        "values of programs",
        "What does this program print?\n```python\nprint([1, 2] + [3])\n```\nGive the value.",
        lambda chance: f"The output is `[1, 2, {chance.choice((3, 3, 3, 4))}]`.",
        prose,
    ),
    Kind("code", "Write a Python function that adds up values.", lambda _: "", program),
    Kind("JSON", "List the rows as JSON, with name and value.", lambda _: "", data),
    Kind("short answers", "Who wrote the first program?", _short, prose),
    Kind("short answers, a sentence", "Who wrote the first program?", _short, None),
    Kind("free text", "Write a letter to a friend who has moved to another town.", lambda _: "Yours.", prose),
    Kind("free text, in Chinese", "写一封信给搬到另一个城市的朋友。", lambda _: "祝好。", chinese),
)


def _number(chance: random.Random) -> int:
    return chance.choice((18, 18, 18, 20, chance.randrange(99)))
