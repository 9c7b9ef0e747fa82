"""Which of the listed options a span or a text chooses."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from panvox.curation.expect import Asked
from panvox.curation.extract.literals import without_copula
from panvox.curation.extract.markup import bare, plain, unwrapped
from panvox.curation.extract.numbers import number, number_within
from panvox.curation.extract.words import without_preamble
from panvox.curation.options import Option

_LEAD = re.compile(
    r"[\s(（\[【{*_$\\\"'“「<>:：=→⇒-]*(?:(?:text|boxed|mathrm|mathbf)\s*\{\s*)?"
    r"(?:(?:the |an? )?(?:correct |right |best |final )?(?:option|choice|answer|letter|"
    r"alternative)(?: is)?|opci[oó]n|opção|opzione|"
    r"Option|选项|選択肢|вариант|보기|选|選)?[\s(（\[【{*_$\\\"'“「:：#.]*(?:(?:text|boxed|mathrm|mathbf)\s*\{\s*\(?)?",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[(*]{0,3}([A-Z])[)*.]{0,4}")
_LABEL = re.compile(r"([A-Za-z]|\d{1,2})(?=[)）\]】.,:;：；。、*_\s$<>\"'”’」}/|!`]|$|[^\x00-\x7f])")
_REASON = re.compile(
    r"\s*+(?:(?:because|since|as|is|was|and|or|with|for|which|due|given|in|from|by|if|so|that)\b|"
    r"[_\W]|$)"
)
_ENGLISH = re.compile(r" [a-z]")
_LETTERS = re.compile(r"(?<![A-Za-z])([A-Z])(?![A-Za-z'’])")
_RUN = re.compile(
    r"[\s(（\[*_]*([A-Z](?:[\s,，、/&+;)）(（]*(?:and|und|et|y|和|与)?[\s(（]*[A-Z])*)(?![A-Za-z])"
)
_WRONG = re.compile(
    r"not|n't|never|incorrect|wrong|false|rule[sd]? out|eliminat|"
    r"不正确|错误|不是|不对|不选|排除|不妥|不符",
    re.IGNORECASE,
)
_RIGHT = re.compile(
    r"([A-Z])[)）\]]?(?:[.、:：][^\n.。;；]{0,80}?)?\s*(?:选项)?(?:的说法)?"
    r"(?:is (?:the |therefore |thus |indeed |clearly )*(?:most |only )*(?:correct|right|best|"
    r"true|appropriate|accurate|answer)|"
    r"是?正确|为正确|是对的|符合题意|当选|ist (?:die )?richtig|es (?:la )?correcta?|est (?:la )?(?:bonne|"
    r"correcte)|верн|が正しい|이 맞)"
)
_RIGHT_LEAD = re.compile(r"(?:option |choice |选项)?[(（\[]?\Z")
_CLAUSES = re.compile(r"[.。;；!?,，\n]")
_PRAISE = (
    "correct", "right", "best", "true", "appropriate", "accurate", "answer",
    "正确", "是对", "题意", "当选", "richtig", "верн", "正しい", "맞",
)  # fmt: skip
"""One of these is in every clause that calls an option right."""
_LEANS = re.compile(
    r"(?:option|choice|answer|选项|选|故选|应为|应选|应该是|為|choose|select|pick|prefer|"
    r"go with)\s*(?:is\s*|option\s*|为|是)?[(（\[*:：\s]*([A-Z])(?![A-Za-z'’])",
    re.IGNORECASE,
)
_TAGS = re.compile(r"\A\W{0,9}</?(?:b|i|p|em|strong|span|div)>", re.IGNORECASE)
_PARENTHESISED = re.compile(r"(?<![\w)])[(（\[]([A-Za-z])[)）\]]")
_COPULA = re.compile(r"(?:\b(?:is|are|was|be|ist|est|es|é|è)\b|[:：=→⇒是为は은는])\s*", re.IGNORECASE)


_IS_THE_ANSWER = re.compile(
    r"(.{1,120}?) (?:is|are) (?:the |my )?(?:correct |right |best |final ){0,2}"
    r"(?:answer|option|choice)\W{0,4}",
    re.IGNORECASE,
)


class _Known(NamedTuple):
    labels: frozenset[str]
    written: dict[str, str]  # the text without spaces, with its signs → label
    plain: tuple[tuple[str, str], ...]  # text, label; longest text first
    numbers: dict[str, str]
    lettered: bool
    single: bool  # whether an option's text is a letter itself


@lru_cache(maxsize=256)
def _known(options: tuple[Option, ...]) -> _Known:
    texts = [(plain(option.text), option.label) for option in options]
    values = [(number(option.text), option.label) for option in options]
    once = [value for value, _ in values]
    numeric = {value: label for value, label in values if value is not None and once.count(value) == 1}
    lettered = all(len(option.label) == 1 or option.label.isdigit() for option in options)
    ordered = sorted(((text, label) for text, label in texts if text), key=lambda pair: -len(pair[0]))
    written = {_written(option.text): option.label for option in reversed(options)}
    labels = frozenset(option.label for option in options)
    single = any(len(text) == 1 and text.isalpha() for text in written)
    return _Known(labels, written, tuple(ordered), numeric, lettered, single)


def _written(text: str) -> str:
    return "".join(unwrapped(text).casefold().split()).strip(".,;:*")


def chosen(span: str, asked: Asked) -> str | None:
    """The label that a marked span gives, by letter, by the option's text, or by its value; else None."""
    known = _known(asked.options)
    alone = _ALONE.fullmatch(span)
    if alone and alone[1] in known.labels and not known.single:
        return alone[1]
    if asked.several and (run := _run(span, known)):
        return run
    span = _led(without_copula(span))
    exact = known.written.get(_written(span)) if len(span) < 1_000 else None
    return exact or _by_label(span, known) or _by_text(span, known) or _by_value(span, known)


def _led(span: str) -> str:
    """A span without arrows and words that only lead up to an answer."""
    return without_preamble(_TAGS.sub("", span) if "<" in span else span).lstrip(" ∴⇒→~>=")


def _run(span: str, known: _Known) -> str | None:
    found = _RUN.match(span)
    letters = sorted(set(re.findall(r"[A-Z]", found[1]))) if found else []
    return "".join(letters) if letters and known.labels.issuperset(letters) else None


def _by_label(span: str, known: _Known) -> str | None:
    if not known.lettered:
        return None
    lead = _LEAD.match(span)
    begin = lead.end() if lead else 0
    found = _LABEL.match(span, begin)
    if not found:
        found = _LABEL.match(span.lstrip())
        if not found:
            return None
    label = found[1]
    after = found.string[found.end() :]
    if label.islower():
        if len(span.strip(" \t\n.()*[]$`\"'")) > 1:
            return None
        label = label.upper()
    if label not in known.labels:
        return None
    if (
        label == "A"
        and after[:1] in {":", "："}
        and (other := _after_colon(label, after[1:], known)) is not None
    ):
        return other
    return None if _is_word(label, after, known) else label


def _after_colon(label: str, after: str, known: _Known) -> str | None:
    """The label that follows in `A: B`, where A stands for *answer*."""
    other = known.written.get(_written(after))
    if (
        other is None
        and (short := re.fullmatch(r"\W{0,6}([A-Z])\W{0,6}(?:\s.*)?", after))
        and short[1] in known.labels
    ):
        other = short[1]
    return other if other != label else None


def _is_word(label: str, after: str, known: _Known) -> bool:
    """Whether a letter is the English word that it also is, as in `A second view` and `I think`."""
    return label in {"A", "I"} and _ENGLISH.match(after) is not None and not _follows(label, after, known)


def _follows(label: str, after: str, known: _Known) -> bool:
    """Whether what follows a letter that is also a word shows that it is a label."""
    if _REASON.match(after):
        return not (label == "I" and re.match(r"\s*(?:was|in|from|by)\b", after))
    said = plain(after[:200])
    return any(
        label == other and said and (text.startswith(said[:30]) or said.startswith(text))
        for text, other in known.plain
    )


def _by_text(span: str, known: _Known) -> str | None:
    said = plain(span[:1_000])
    if not said:
        return None
    for text, label in known.plain:
        if text == said:
            return label
    rest, found = f" {said} ", []
    for text, label in known.plain:
        if f" {text} " in rest and (len(text) > 2 or len(said) < 12):
            rest = rest.replace(f" {text} ", "  ")
            found.append(label)
        elif text[0] > "\u2e80" and text in rest:
            rest = rest.replace(text, " ")
            found.append(label)
    if len(found) == 1:
        return found[0]
    starts = [label for text, label in known.plain if len(said) >= 12 and text.startswith(said)]
    return starts[0] if len(starts) == 1 else None


def _by_value(span: str, known: _Known) -> str | None:
    if not known.numbers:
        return None
    value = number_within(span)
    return known.numbers.get(value) if value is not None else None


def mentioned(text: str, asked: Asked) -> tuple[str, str] | None:
    """The label that a text without a marked answer chooses, and the rule that tells.

    It is the one of the first line, of a text of one sentence, the only one called right, that of the last
    line, or the only one named; at last the first one named at all.
    """
    known = _known(asked.options)
    first, last = _edges(text)
    if not known.lettered:
        found = _by_text(last, known) or _by_text(first, known)
        return (found, "option text") if found else None
    repeats = _lists(text, known)
    if (label := _at_edge(first, text, known, asked, repeats=repeats)) is not None:
        return label, "first line"
    alone = "\n" not in text
    if alone and not repeats and _is_sentence(first) and (label := _stated(first, asked)):
        return label, "sentence"
    if (label := _right(text, known)) is not None:
        return label, "called right"
    if not alone and not repeats and len(last) < 300 and (label := chosen(last, asked)):
        return label, "last line"
    return _named(text, known, repeats=repeats)


def _stated(sentence: str, asked: Asked) -> str | None:
    """The label that a sentence gives: what is called the answer, else what stands behind its last `is`."""
    called = _IS_THE_ANSWER.fullmatch(sentence.strip())
    return chosen(called[1] if called else _COPULA.split(sentence)[-1], asked)


def _edges(text: str) -> tuple[str, str]:
    """The first and the last line that hold anything."""
    head = next((line for line in text[:2_000].split("\n") if line.strip()), "")
    return head, next((line for line in reversed(text[-2_000:].split("\n")) if line.strip()), "")


def _is_sentence(line: str) -> bool:
    """Whether a line is short and does not stop in the middle."""
    return len(line) < 60 or (
        len(line) < 200 and line.rstrip().endswith((".", "!", "。", "！", ")", "*", "`", "$"))
    )


def _at_edge(line: str, text: str, known: _Known, asked: Asked, *, repeats: bool) -> str | None:
    """The label that the first line begins with, unless the text goes on to list (`repeats`) the others."""
    label = _by_label(_led(line), known)
    if label is None:
        return _by_text(line, known) if len(line) < 200 and len(text) < 400 else None
    if repeats or _WRONG.search(line[:40]):
        return None
    return _run(line, known) if asked.several and _run(line, known) else label


def _lists(text: str, known: _Known) -> bool:
    """Whether the text only repeats the list: most labels stand at the beginning of lines or clauses."""
    heads = {
        m
        for m in re.findall(r"(?:^|[\n;；、，,])\s*[(（]?([A-Z])(?=[.:：、)）;；,，\n])", text[:3_000])
        if m in known.labels
    }
    return len(heads) > 2 and len(heads) >= len(known.labels) - 1


def _right(text: str, known: _Known) -> str | None:
    tail = text[-2_000:]
    if not any(word in tail for word in _PRAISE):
        return None
    found = {said[1] for said in _RIGHT.finditer(tail) if said[1] in known.labels and not _denied(tail, said)}
    return found.pop() if len(found) == 1 else None


def _denied(text: str, said: re.Match[str]) -> bool:
    """Whether a clause that calls an option right says that it is not."""
    if _WRONG.search(said[0]):
        return True
    begin = said.start()
    if lead := _RIGHT_LEAD.search(text, max(0, begin - 9), begin):
        begin = lead.start()
    return _WRONG.search(_CLAUSES.split(text[max(0, begin - 12) : begin])[-1]) is not None


def _named(text: str, known: _Known, *, repeats: bool) -> tuple[str, str] | None:
    tail = text[-2_000:]
    leaning = [label for label in _LEANS.findall(tail) if label in known.labels]
    if leaning:
        return leaning[-1], "leaning"
    bracketed = [label.upper() for label in _PARENTHESISED.findall(tail) if label.upper() in known.labels]
    if bracketed and len(set(bracketed)) == 1:
        return bracketed[-1], "only option named"
    if repeats:
        return _first_named(text, known)
    sentence = re.split(r"(?<=[.。!?！？])\s+|\n", bare(tail[-600:]))[-1]
    if (label := _by_text(sentence, known)) is not None:
        return label, "option text"
    return _first_named(text, known)


def _first_named(text: str, known: _Known) -> tuple[str, str] | None:
    """The first letter of an option at all: no more than a guess."""
    head = text[:4_000]
    for found in _LETTERS.finditer(head):
        after = head[found.end() : found.end() + 200]
        if found[1] in known.labels and not _is_word(found[1], after, known):
            return found[1], "first named"
    return None
