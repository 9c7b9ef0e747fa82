r"""The places of a text that mark their answer, the clearest kind first.

1. the frame that the prompt prescribes          `[正确答案]C<eoa>`, `VERDICT >> C`
2. a field of JSON                               `{"reasoning": …, "answer": "42"}`
3. a box, a tag, a sign                          `\boxed{42}`, `<answer>B</answer>`, `[答案]B`, `#### 42`
4. a phrase that announces an answer             `Final answer: 42`, `la respuesta es 42`, `答案是 42`
5. a phrase that announces a result or an end    `Result → 42`, `final: 42`, `Therefore, … 42.`

Within a kind the last one comes first. Texts are searched from their end by plain words, and patterns are
only tried at what was found: so reading takes time in proportion to the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from panvox.curation.expect import Asked
from panvox.curation.extract.fields import fields
from panvox.curation.extract.markup import balanced
from panvox.curation.frames import Frame

TRIES = 4
"""Of marks of one kind, this many are tried from the end."""

_SPAN = 400
_OPENING = re.compile(r"\s{0,9}\{")
_ALIKE = tuple(zip("【】\uff3b\uff3d：（）\uff1d", "[][]:()=", strict=True))
_TAGS = (
    "answer", "final_answer", "finalanswer", "final-answer", "result", "solution", "final", "output",
    "value", "choice",
)  # fmt: skip
_BRACKETS = ("[正确答案]", "[答案]", "[answer]", "[final answer]", "[回答]", "[答え]", "[정답]", "[ответ]")
_ASCII_ANSWER = (
    "answer", "antwort", "respuesta", "resposta", "risposta", "antwoord", "jawaban",
    "vastaus", "cevap",
    "odpowiedz", "svar", "reponse", "ans:",
)  # fmt: skip
_OTHER_ANSWER = (
    "réponse", "答案", "答え", "解答", "正解", "回答", "답", "ответ",
    "відповідь", "đáp án",
    "उत्तर", "الجواب", "الإجابة", "odpowiedź", "故选", "应选", "选择", "本题选", "คำตอบ", "উত্তর", "απάντηση",
    "jibu", "సమాధానం", "válasz", "yan\u0131t",
)  # fmt: skip
_ASCII_RESULT = (
    "result", "solution", "conclusion", "output", "final", "ergebnis", "resultado", "risultato",
    "resultat", "the total", "therefore", "thus", "hence", "careful thought",
    "correct option", "correct choice",
    "best option", "best choice", "my choice", "verdict", "returns", "evaluates to", "in total",
    "choose", "we get", "daher", "also ", "donc", "por lo tanto", "portanto", "quindi",
)  # fmt: skip
_OTHER_RESULT = (
    "lösung", "résultat", "结果", "所以", "因此", "综上", "結果", "したがって", "따라서", "결과",
    "結論", "结论",
    "итого", "результат",
    "следовательно", "tổng", "共", "一共", "合計", "總共",
)  # fmt: skip
_LINK = re.compile(
    r"(?P<to>[^\n:=?.。{}\[('\"]{0,50}?)(?P<link>:+|=+>?|[-=]+>|[→⇒➜➔⟹]|\|| - | \u2013 | — |"
    r"(?<!\w)(?:is|are|was|be|ist|lautet|beträgt|est|es|é|è|és|jest|adalah|är|er|equals|"
    r"remains)(?!\w)|"
    r"应?该?(?:是|为|選|选)|は|が|은|는|là|คือ|это|равен|равно|составляет|هو|هي|है)",
    re.IGNORECASE,
)
_EMPTY = re.compile(r"[\s:*_$`\"'“‘>→⇒|=\\\[({（「]*")
_ONLY_LAYOUT = re.compile(r"[\s*_$`|#\-\\\[\](){}:>=]*(?:json|python|text|latex)?[\s`]*")
_CLAUSE_END = re.compile(
    r"(?<![\d\W])[.](?=\s|$|[*\"'<)])|(?<=[\d)}\]$*\"'%])\.(?=\s|$|[*<])|[。；;](?=\s|\D|$)|"
    r"(?<=\w)[!?](?=\s|$)|<eoa>|<\|?e[no]|\s\((?:confidence|certainty|conf\.|probability)"
)
_PLURAL = re.compile(r"(?:e?s|ed|ing|en)\b")
_VERBAL = re.compile(r"(?:\bto|\bcan(?:not)?|\bwill|'ll|’ll|\bplease|\bmust|\bshould|not|n't|need to) $")


class Mark(NamedTuple):
    """A span that is marked as the answer, and the rule that found it."""

    rule: str
    span: str


def marks(text: str, asked: Asked) -> Iterator[Mark]:
    """All that a text marks as its answer, the clearest first; none of it is empty."""
    low = alike(text)
    yield from prescribed(text, asked, low)
    yield from _signs(text, low)
    ascii_only = text.isascii()
    for span in _announced(text, low, _ASCII_ANSWER if ascii_only else _ASCII_ANSWER + _OTHER_ANSWER):
        yield Mark("announced", span)
    for span in _announced(text, low, _ASCII_RESULT if ascii_only else _ASCII_RESULT + _OTHER_RESULT):
        yield Mark("result", span)


def prescribed(text: str, asked: Asked, low: str | None = None) -> Iterator[Mark]:
    """What stands in the form that the prompt prescribes: frames, and fields of JSON."""
    if asked.frames:
        for span in _framed(text, alike(text) if low is None else low, asked.frames):
            yield Mark("frame", span)
    for span in fields(text, asked.fields):
        yield Mark("field", span)


def alike(text: str) -> str:
    """`text` in lower case with Chinese brackets and colons as the others, of the same length."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(sign if len(sign.lower()) != 1 else sign.lower() for sign in text)
    if low.isascii():
        return low
    for wide, narrow in _ALIKE:
        low = low.replace(wide, narrow)
    return low


def _framed(text: str, low: str, frames: tuple[Frame, ...]) -> Iterator[str]:
    for frame in frames:
        before, after = alike(frame.before), alike(frame.after)
        for begin in _answer_first(low, before):
            end = low.find(after, begin, begin + _SPAN * 10) if after else -1
            span = text[begin:end] if end >= 0 else _clause(text, begin)
            if span.strip():
                yield span.strip()


def _answer_first(low: str, sign: str) -> Iterator[int]:
    """As `_last_places`; but of a text that begins with the sign, what stands there comes first.

    Who answers before anything else explains afterwards, or goes on with other questions.
    """
    first = low.find(sign, 0, len(sign) + 12)
    if first >= 0:
        yield first + len(sign)
    yield from _last_places(low, sign)


def _last_places(low: str, sign: str) -> Iterator[int]:
    """Where the text goes on after the last occurrences of a sign, the last first."""
    end = len(low)
    for _ in range(TRIES):
        at = low.rfind(sign, 0, end)
        if at < 0:
            return
        yield at + len(sign)
        end = at


def _signs(text: str, low: str) -> Iterator[Mark]:
    if "\\boxed" in text or "\\fbox" in text:
        yield from _boxes(text, low)
    if "</" in text:
        yield from _tags(text, low)
    if "]" in low:
        for bracket in _BRACKETS:
            for begin in _answer_first(low, bracket):
                if span := _clause(text, begin):
                    yield Mark("tag", span)
    if "####" in text:
        for begin in _last_places(low, "####"):
            if text[begin : begin + 1] != "#" and (span := _clause(text, begin)):
                yield Mark("sign", span)


def _boxes(text: str, low: str) -> Iterator[Mark]:
    for begin in _last_places(low, "boxed" if "\\boxed" in text else "fbox"):
        opening = _OPENING.match(text, begin)
        span = balanced(text, opening.end()) if opening else text[begin : begin + 40].strip().split(" ")[0]
        if span.strip():
            yield Mark("box", span)


def _tags(text: str, low: str) -> Iterator[Mark]:
    for tag in _TAGS:
        for begin in _last_places(low, f"<{tag}>"):
            end = low.find(f"</{tag}>", begin, begin + 4_000)
            if end >= 0 and text[begin:end].strip():
                yield Mark("tag", text[begin:end].strip())


def _announced(text: str, low: str, words: tuple[str, ...]) -> Iterator[str]:
    """What phrases with one of the words announce, the last phrase first."""
    places = sorted(
        (place - len(word), place) for word in words if word in low for place in _last_places(low, word)
    )
    for at, begin in reversed(places[-3 * TRIES :]):
        if _VERBAL.search(low[max(0, at - 9) : at]) or _PLURAL.match(low, begin):
            continue
        link = _LINK.match(low, begin, begin + 80)
        start = link.end() if link else begin
        if span := _clause(text, start):
            yield span


def _clause(text: str, begin: int) -> str:
    """The clause that begins there; that of the next line with words where this one holds only layout."""
    end = min(len(text), begin + _SPAN)
    piece = text[begin:end]
    for line in piece.split("\n"):
        if _ONLY_LAYOUT.fullmatch(line):
            continue
        start = _EMPTY.match(line)
        stop = _CLAUSE_END.search(line, start.end() + 1 if start else 0)
        clause = line[: stop.start()] if stop else line
        return clause.strip()
    return ""
