"""Which kind of answer a prompt asks for, and in which form it wants it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from panvox.curation.frames import Frame, example_of, fields_of, frames_of
from panvox.curation.options import Option, listed, several
from panvox.remembering import remembered


class Expect(StrEnum):
    """The kinds of answers; tasks of one kind share what is known of the models' strength."""

    NUMBER = "number"
    CHOICE = "choice"  # the letter of one of the options that the prompt lists
    YES_NO = "yes-no"
    DATE = "date"
    LITERAL = "literal"  # a value as programs write it: a list, a string, a mapping
    CODE = "code"
    JSON = "json"
    SHORT = "short"  # a name, a word, a short sentence
    TEXT = "text"  # free text, of which no two are equal


class Asked(NamedTuple):
    """What a prompt asks for.

    `options` are those that it lists, `several` tells whether more than one may be chosen. `fields` are
    names of the JSON field that is to hold the answer, `frames` what is to stand around it. `poles` are the
    words for yes and no, `day_first` how a date such as 03/04/2020 is to be read, None where that is open.
    """

    kind: Expect
    question: str
    options: tuple[Option, ...] = ()
    several: bool = False
    fields: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    poles: tuple[str, str] = ("yes", "no")
    day_first: bool | None = None


HEAD = 60_000
"""Characters of a prompt that are looked at, from its end: what is asked stands there, documents before."""

_LITERAL = re.compile(
    r"\b(?:output|return(?:s|ed)?(?: value)?|evaluates? to|value of|result of|prints?)\b|输出|"
    r"返回|ausgabe|salida|sortie",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"^[ \t]*(?:def \w+\(|class \w+[:(]|assert \w|print\(|>>> )|\bassert \w+\(|\blambda \w+:|"
    r"```(?:python|py)\b",
    re.MULTILINE,
)
_WRITE_CODE = re.compile(
    r"\b(?:write|implement|create|develop|code|fix|refactor)\b[^.\n]{0,60}"
    r"(?:\b(?:function|program|code|regex|snippet|subroutine|sql)\b|"
    r"\b(?:python|java|javascript|bash|shell|rust|go|c\+\+|c#|sql|php|"
    r"ruby)\b[^.\n]{0,20}\b(?:script|method|class|query)\b)|"
    r"编写|写一个?(?:函数|程序|脚本)|実装して|関数を書|escrib[ea] (?:una función|un programa)|"
    r"schreibe? (?:eine funktion|ein programm)",
    re.IGNORECASE,
)
_WANTS_JSON = re.compile(
    r"\b(?:as|in|return|output|respond with|reply with|produce|valid|only)\b[^.\n]{0,30}\bjson\b|以\s*json",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:what|which|on what) (?:is the )?(?:exact )?date\b|\bwhen (?:was|is|did|were|will)\b|\bwhat time\b|"
    r"\b(?:yyyy-mm-dd|mm/dd/yyyy|dd/mm/yyyy|dd\.mm\.yyyy)\b|哪一天|什么日期|几月几日",
    re.IGNORECASE,
)
_TRUE_FALSE = re.compile(
    r"\btrue or false\b|\btrue/false\b|\b(?:wahr oder falsch|vrai ou faux|"
    r"verdadero o falso)\b|对还是错|判断.{0,6}(?:对错|正误)",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"\byes or no\b|\byes/no\b|\bja oder nein\b|\boui ou non\b|\bs[ií] o no\b|\bsim ou não\b|"
    r"да или нет|是否|是或否|はいかいいえ|예 ?또는 ?아니",
    re.IGNORECASE,
)
_POLAR = re.compile(
    r"^(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|"
    r"must)\s+(?!you\b|i\b|we\b)[^?\n]{3,200}\?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(
    r"\bhow (?:many|much(?! of a\b)|long|far|old|tall|fast|big|heavy|deep|high|large)\b|"
    r"\bwhat (?:percent(?:age)?|fraction|number|is the number)\b|"
    r"\b(?:what|find|determine|give|is the)\b[^.?\n]{0,60}\b(?:sum|total|value|product|"
    r"average|mean|median|probability|area|volume|distance|perimeter|remainder|"
    r"quotient|difference|length|radius|speed|cost|price|profit|ratio|determinant|number) of\b|"
    r"\bwhat is the (?:sum|total|value|product|average|probability|area|volume|distance|"
    r"perimeter|remainder)\b|"
    r"\b(?:greatest|least|smallest|largest|maximum|minimum) (?:possible )?(?:value|number|"
    r"integer|prime|multiple|positive)\b|"
    r"\d\s*[+*×÷^=]\s*\(?\d|\d\s+[-/x]\s+\(?\d|\b(?:calculate|compute|evaluate|solve for|"
    r"find the (?:value|number|sum|smallest|largest))\b|"
    r"多少|几个|几只|计算|求|いくつ|いくら|何(?:個|人|本|円|匹|時間)|얼마|몇|сколько|wie ?viele?\b|combien\b|"
    r"cu[aá]nt[oa]s?\b|quant[oaie]s?\b|হিসাব|เท่าไ|গুলি",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(
    r"\bhow (?:many|much(?! of a\b))\b|多少|几个|いくつ|몇|сколько|wie ?viele?\b|combien\b|"
    r"cu[aá]ntos?\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"\b(?:what|find|determine)\b[^.?\n]{0,80}\b(?:weighs?|weight|age|height|width|depth|"
    r"costs?|price|salary|wage|grade|bill|"
    r"balance|total|differences?|rate|percentage|score|speed|distance|time|term|digits?|"
    r"divisor|measure|degree|result|number|"
    r"revenue|profit|amount|share|size|capacity|volume|area|length|perimeter|temperature|"
    r"population|integer|average)\b",
    re.IGNORECASE,
)
_MATHEMATICS = re.compile(
    r"\$[^$\n]{0,400}[\\^=+<>_][^$\n]{0,400}\$|\\\[|\\\(|\$\$|\\begin\{(?:align|equation|"
    r"cases)"
)
_ASKS = re.compile(r"\b(?:find|what|determine|compute|calculate|evaluate|solve|for which)\b", re.IGNORECASE)
_PROVES = re.compile(r"\b(?:prove|show) that\b", re.IGNORECASE)
_DIGITS = re.compile(r"\d[\d,.]*")
_FREE = re.compile(
    r"\b(?:write|compose|draft|explain|describe|discuss|summari[sz]e|rewrite|translate|"
    r"outline|brainstorm|suggest|recommend|"
    r"tell me (?:a|about)|give me (?:a|an|some|tips|ideas)|how (?:do|can|should|would) (?:i|"
    r"you|we|one)|why|essay|poem|story|"
    r"email|letter|blog|recipe|list (?:of|some|the|\d+)|what are (?:some|the)|pros and cons|"
    r"create|generate|make (?:a|me))\b|"
    r"解释|写一|描述|总结|翻译|介绍|为什么|erkläre|schreibe|expli(?:que|ca)|écri|escrib|опиши|объясни|напиши|説明|설명",
    re.IGNORECASE,
)
_DAY_FIRST = re.compile(r"\bdd[/.-]mm", re.IGNORECASE)
_MONTH_FIRST = re.compile(r"\bmm[/.-]dd", re.IGNORECASE)


def infer(question: str) -> Expect:
    """The kind of answer that a prompt asks for, by what it lists, prescribes and says."""
    return asked(question).kind


@remembered(lambda _, question, *__: len(question))
def asked(question: str, expect: Expect | None = None) -> Asked:
    """What a prompt asks for; `expect` is the kind where it is known."""
    prompt = question[-HEAD:]
    fields, frames = fields_of(prompt), frames_of(prompt)
    shown = _kind_of_example(example_of(prompt)) if expect is None else expect
    options = listed(prompt) if shown in {None, Expect.CHOICE} else ()
    kind = shown or (Expect.CHOICE if options else _kind(prompt, bool(fields), bool(frames)))
    truth = _TRUE_FALSE.search(prompt)
    order = True if _DAY_FIRST.search(prompt) else False if _MONTH_FIRST.search(prompt) else None
    return Asked(
        kind=kind,
        question=question,
        options=options,
        several=several(prompt),
        fields=fields,
        frames=frames,
        poles=("true", "false") if truth else ("yes", "no"),
        day_first=order,
    )


def _kind_of_example(example: str) -> Expect | None:
    """The kind of an answer that the prompt shows as an example."""
    if re.fullmatch(r"[$€£]?-?\d[\d,.]*%?", example):
        return Expect.NUMBER
    return Expect.CHOICE if re.fullmatch(r"\(?[A-H]\)?", example) else None


def _asks_number(prompt: str) -> bool:
    """Whether a prompt asks for a number: by its words, as a sum with several numbers, or in mathematics."""
    if _NUMBER.search(prompt):
        return True
    if _QUANTITY.search(prompt) and len(_DIGITS.findall(prompt)) > 1:
        return True
    return bool(_MATHEMATICS.search(prompt) and _ASKS.search(prompt) and not _PROVES.search(prompt))


def _kind(prompt: str, field: bool, frame: bool) -> Expect:
    closed = field or frame
    if _PROGRAM.search(prompt) and _LITERAL.search(prompt) and (closed or not _WRITE_CODE.search(prompt)):
        return Expect.LITERAL
    if not closed and _WRITE_CODE.search(prompt):
        return Expect.CODE
    calls = not closed and _FREE.match(prompt.lstrip()) is not None
    if not calls and _HOW_MANY.search(prompt):
        return Expect.NUMBER
    if _TRUE_FALSE.search(prompt) or _YES_NO.search(prompt):
        return Expect.YES_NO
    if not calls and _asks_number(prompt):
        return Expect.NUMBER
    if _DATE.search(prompt):
        return Expect.DATE
    if not closed:
        if _WANTS_JSON.search(prompt):
            return Expect.JSON
        if _FREE.search(prompt):
            return Expect.TEXT
    return Expect.YES_NO if _POLAR.search(prompt) else Expect.SHORT
