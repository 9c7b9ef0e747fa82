r"""The final answer in a text: what two models must share to have said the same.

Rules are tried in order of how clearly the text marks its answer; the first that finds one wins:

1. a field `answer` of a JSON object, whole or broken      `{"reasoning": …, "answer": "42"}`
2. a box or a tag                                          `\boxed{42}`, `<answer>B</answer>`, `[答案]B`
3. a phrase that announces it, the last one                `Final answer: 42`, `the answer is (B)`, `#### 42`
4. where the question asks for a number, the last one      `… so she has 18 eggs left.`
5. a short text, which is its own answer                   `Paris.`
6. a sentence that repeats the question                    `The capital of France is Paris.`

What is found is brought to a canonical form, so that `1,200.0` and `$1200` are one answer.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from panvox.curation.expect import Asked, Expect, asked

SHORT = 60
"""Characters up to which a one-line text is taken as an answer as it stands."""

_TAIL = 2_000
"""Announcing phrases and numbers are looked for in this many last characters."""


class Extract(NamedTuple):
    """A final answer: `key` is equal where the answers are equal; `shown` is what people read."""

    key: str
    shown: str


_FIELD = re.compile(
    r'"(?:final[_ ]?answer|answer|result|solution)"\s*:\s*'
    r'("(?:[^"\\]|\\.)*"|-?[\d.,/]+|true|false|\[[^\]]*\])',
    re.IGNORECASE,
)
_BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_TAG = re.compile(r"<(?:final_?)?answer>\s*(.*?)\s*</(?:final_?)?answer>", re.IGNORECASE | re.DOTALL)
_BRACKET = re.compile(r"\[(?:正确答案|答案|answer)\]\s*([^\n<\[]+)", re.IGNORECASE)
_ANNOUNCED = re.compile(
    r"(?:\banswer\s*(?:is|:|=)|\bfinal answer\b\s*(?:is|:|=)?|####|"
    r"答案(?:是|为|：|:)|正确(?:选项|答案)(?:是|为|：|:))"
    r"[\s:：*_$(（\[]*([^\n]+)",
    re.IGNORECASE,
)
_MARKS = (('"', _FIELD), ("\\boxed", _BOX), ("</", _TAG), ("]", _BRACKET))
"""The kinds of mark, clearest first, each with what a text must hold to have one: most texts have none."""
_CHOICE = re.compile(
    r"^[\s(（\[*_$\\]*(?:[Oo]ption\s+|选项|[Tt]he answer is:?\s*\(?)?([A-Z])(?:[)）\].,:;：；。、*_\s$<]|$)"
)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?:\s*/\s*\d+)?", re.IGNORECASE)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d+)\}\{(-?\d+)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s+|\n")
_WORD = re.compile(r"\w+")
_COPULA = re.compile(r"\s(?:is|are|was|were)\s(?:called |named |the )?", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_DECORATION = " \t\r\n*_`\"'“”‘’.,;:!。，；：！$()（）[]{}"


def extract(text: str, question: str, expect: Expect | None = None) -> Extract | None:
    """The final answer of `text`, or None where none can be read. Linear in the length of `text`.

    `expect` is the kind of answer where that is known better than by the words of `question`.
    """
    text = text.strip()
    if not text or expect is Expect.TEXT:
        return None
    wanted = asked(question) if expect is None else Asked(expect, asked(question).options)
    if wanted.options and expect in (None, Expect.CHOICE):
        return _option(text, wanted.options)
    marked = _marked(text)
    if marked is not None:
        return canonical(marked)
    if wanted.kind is Expect.NUMBER and (numbers := _NUMBER.findall(text[-_TAIL:])):
        return canonical(numbers[-1])
    if len(text) <= SHORT and "\n" not in text:
        return canonical(_after_echo(text, question) or text)
    echoed = _after_echo(_SENTENCE_END.split(text, maxsplit=1)[0], question)
    return canonical(echoed) if echoed else None


def canonical(answer: str) -> Extract | None:
    """The canonical form of an answer: a plain decimal, or lower-case words without decoration."""
    shown = _bare(answer)
    if not shown:
        return None
    number = _number(shown)
    if number is not None:
        return Extract(number, shown)
    words = _ARTICLE.sub("", " ".join(shown.casefold().split()))
    return Extract(words, shown)


def _option(text: str, options: frozenset[str]) -> Extract | None:
    """The letter of the option chosen: in a mark, else at the edge of the text."""
    for candidate in (*reversed(_marks(text)), text.split("\n", 1)[0], text.rsplit("\n", 1)[-1]):
        found = _CHOICE.match(candidate.strip() + " ")
        if found and found[1] in options and not candidate.startswith(("I ", "A ")):
            return Extract(found[1], found[1])
    return None


def _marked(text: str) -> str | None:
    marks = _marks(text)
    return marks[-1] if marks else None


def _marks(text: str) -> list[str]:
    """Everything that the clearest kind of mark in the text marks, in order."""
    for sign, pattern in _MARKS:
        found = pattern.findall(text) if sign in text else None
        if found:
            return [str(mark).strip('"[]') for mark in found]
    return [_first_clause(clause) for clause in _ANNOUNCED.findall(text[-_TAIL:])]


def _first_clause(text: str) -> str:
    clause = re.split(r"(?<!\d)[.](?!\d)|[.](?=\s|$)|[。；;]", text, maxsplit=1)[0]
    return clause if clause.strip(_DECORATION) else text


def _after_echo(sentence: str, question: str) -> str | None:
    """What follows `is` in a sentence whose beginning only repeats words of the question."""
    parts = _COPULA.split(sentence, maxsplit=1)
    if len(parts) < 2 or len(parts[1]) > SHORT:
        return None
    asked = set(_WORD.findall(question.casefold()))
    said = set(_WORD.findall(parts[0].casefold())) - {"the", "a", "an", "it"}
    return parts[1] if said and said <= asked else None


def _bare(answer: str) -> str:
    answer = _LATEX_FRACTION.sub(r"\1/\2", answer)
    answer = re.sub(r"\\(?:text|mathrm|mathbf)\{([^}]*)\}|\\[!,;()\[\]]|\\(?:left|right)", r"\1", answer)
    for mark in ("**", "__", "`", "\\$"):
        answer = answer.replace(mark, "")
    return " ".join(answer.replace("\\%", "%").strip(_DECORATION).split())


def _number(shown: str) -> str | None:
    """The plain decimal of an answer that is a number with at most a unit, else None."""
    found = _NUMBER.search(shown)
    if not found or len(shown) - len(found[0]) > 20 or _NUMBER.search(shown, found.end()):
        return None
    if re.search(r"[=+*^\\]|\w\(", shown) or re.match(r".*[A-Za-z]$", shown[: found.start()]):
        return None
    try:
        value = Fraction(re.sub(r"[,\s+]", "", found[0]))
    except (ValueError, ZeroDivisionError):
        return None
    return plain_decimal(value)


def plain_decimal(value: Fraction) -> str:
    """`value` without exponent, separators or trailing zeros, to at most ten decimals."""
    if abs(value) >= 10**30:
        return str(value)
    text = f"{float(value):.10f}" if value.denominator != 1 else str(value.numerator)
    return text.rstrip("0").rstrip(".") if "." in text else text
