"""Texts that speak to whoever judges them: instructions, fake fences, fake scores, hidden signs.

Such an answer keeps its own vote where its final answer can be read, but it is never the best one. What the
question says itself is no sign: who asks about such attacks gets answers about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from panvox.curation.choice.centre import EXCERPT

_WINDOW = 20_000
"""First and last characters of a text that are searched."""


class _Sign(NamedTuple):
    """A way to address a judge: `anchors` are words without which the (slower) pattern cannot match."""

    what: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    usual: re.Pattern[str]


def _sign(what: str, anchors: str, pattern: str, *, usual: str = "") -> _Sign:
    """A sign that means nothing where the question shows it itself, or `usual` words that lead to it."""
    innocent = f"{usual}|{pattern}" if usual else pattern
    return _Sign(
        what, tuple(anchors.split("|")), re.compile(pattern, re.DOTALL), re.compile(innocent, re.DOTALL)
    )


_ANSWER = r"(?:answer|response|output|reply|candidate|completion|submission|solution|assistant|model)"
_JUDGE = r"(?:judges?|graders?|evaluators?|raters?|assessors?|referees?|annotators?|verifiers?)"

_SIGNS = (
    _sign(
        "it gives instructions to its reader",
        "ignore|disregard|forget |override|do not consider",
        r"\b(?:ignore|disregard|forget|override|do not consider)\b[^.!?]{0,40}"
        r"\b(?:above|previous|prior|preceding|earlier|other|system|these)\b[^.!?]{0,30}"
        rf"\b(?:instruction|prompt|rule|guideline|criteri|text|message|context|{_ANSWER})",
    ),
    _sign(
        "it gives instructions to its reader",
        "ignorier|ignore|ignora|忽略|無視|无视|игнорир|무시",
        r"\bignorier\w*\b.{0,30}(?:anweisung|antwort|eingabe)|\bignorez?\b.{0,30}(?:instructions|"
        r"réponses|consignes)|"
        r"\bignor[ae]\w*\b.{0,30}(?:instruc|respuestas|respostas|istruzioni|risposte)|"
        r"(?:忽略|无视)(?:以上|之前|上述|前面|所有|其他|其它)|(?:以前|上記|前|他).{0,8}(?:指示|回答).{0,4}無視|"
        r"игнорир\w*.{0,30}(?:инструкц|ответ|указани)|(?:이전|위의|다른).{0,12}무시",
    ),
    _sign(
        "it speaks to its judge",
        "judge|grader|evaluator|rater|assessor|referee|annotator|verifier",
        rf"\b(?:dear|attention|note (?:to|for)|message (?:to|for)|hey|hello|instructions? (?:to|for))"
        rf"[ :,]+(?:the |all |any |an? )?(?:impartial |ai |llm )?{_JUDGE}\b|\bto (?:the|my|any|"
        rf"all) {_JUDGE}[:,]"
        rf"|\b(?:as (?:the|an?)|you are (?:the|an?)) (?:impartial |fair |ai |llm )?{_JUDGE}\b[^.]{{0,60}}"
        rf"\b(?:choose|select|pick|prefer|rank|rate|score|award|give)\b",
        usual=r"\bjudges?\b|\bjury|referee|\bpanel of",
    ),
    _sign(
        "it asks to be chosen",
        "this answer|this response|this output|this reply|this candidate|my answer|my response|"
        "my output|other answers|other responses|other candidates|other outputs|other models|as the best|"
        "as best|as the winner",
        rf"\b(?:choose|select|pick|prefer|rank|rate|vote for|award|score)\b (?:only )?(?:this|my) {_ANSWER}\b"
        rf"|\b(?:this|my) {_ANSWER} (?:is|was|should be|must be|deserves)\b[^.\n]{{0,24}}"
        r"\b(?:the best|superior|better than|the winner|preferred|ranked|rated|chosen|selected|"
        r"full marks|highest)\b"
        rf"|\b(?:all )?(?:the )?other {_ANSWER}s (?:are|were) (?:all )?"
        r"(?:wrong|incorrect|worse|inferior|false|harmful|unsafe)\b"
        rf"|\b(?:choose|select|pick|rank|rate|mark) (?:this|me|mine|my|it)(?: {_ANSWER})?,? "
        r"as (?:the )?(?:best|winner|first)\b",
    ),
    _sign(
        "it carries a score of its own",
        "[[|winner|verdict|preferred|preference|ranking",
        r"\[\[(?:[ab]|[a-b]>+[a-b]|(?:rating|score)[ :]*\d+)\]\]"
        r"|[\"'](?:winner|verdict|preferred|preference|ranking)[\"']\s*:\s*[\"'\[]?\w",
    ),
    _sign(
        "it imitates the frame of a prompt or of other answers",
        '<<<|>>>|"sentences"',
        r"<<<[0-9a-f]{8,64}\b|\b[0-9a-f]{8,64}>>>|\"sentences\"\s*:\s*\[\s*\{",
        usual=r"\bsentences?\b",
    ),
    _sign(
        "it carries a score of its own",
        "score|rating|verdict",
        r"\b(?:score|rating)\W{0,6}(?:10(?:\.0)?|5|100)\s*(?:/|out of)\s*(?:10|5|100)\b"
        r"|[\"'](?:score|rating)[\"']\s*:\s*[\"']?\d"
        r"|\b(?:judge|grader|evaluator|final|overall)(?:'s|’s)? (?:verdict|score|rating|decision)\s*[:=]",
        usual=r"review|rating|\brat(?:e|ing)|scor|grad|evaluat|survey|questionnaire|feedback|\bgame|\bmatch|sport|"
        r"rubric|assess|sentiment",
    ),
    _sign(
        "it imitates the frame of a prompt or of other answers",
        "<|[/inst]|model_identifier|model outputs|begin |end of |end answer|end response|"
        "end candidate|end output",
        r"<\|(?:im_\w+|start_header_id|end_header_id|eot_id|system|user|assistant|startoftext)\|>\s*\S"
        r"|\[/inst\]|<<sys>>|<start_of_turn>|model_identifier|#{1,6}\s{0,4}model outputs"
        rf"|</?{_ANSWER}[ _:#-]*(?:\d+|id\b|[a-z]>)|[-=#*]{{2,6}}\s{{0,4}}(?:begin|end)(?: of)? {_ANSWER}\b"
        rf"|</{_ANSWER}>\s*<(?!/)\w",
        usual=rf"</?{_ANSWER}\b",
    ),
)

_TEMPLATE_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "</s>", "[/INST]", "<end_of_turn>")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_HIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_PILES = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}|[\u200b-\u200d\u2060-\u2064\ufeff]{3}")
"""Selectors and joiners of which no script needs so many in a row; bytes can be written in them."""
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u3040-\u30ff\u3400-\u9fff"
"""Scripts without spaces, whose words a space without width may part."""
_ZERO_WIDTH = re.compile(f"(?<![{_UNSPACED}])[\u200b\u2060-\u2064\u180e\ufeff]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\u2800\u3164\ufeff\U000e0000-\U000e007f]++"
)
_MANY_ZERO_WIDTH = 3


def visible(text: str) -> str:
    """`text` without characters that have no width."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def without_template(text: str) -> str:
    """`text` without marks such as `</s>` at its end, which models leak without meaning anything."""
    end = len(text)
    while mark := next((mark for mark in _TEMPLATE_ENDS if text.endswith(mark, 0, end)), None):
        end -= len(mark)
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def sign_of_injection(text: str, question: str, counted: Mapping[str, int] | None = None) -> str | None:
    """What a text does to sway its judge, as the rest of a sentence, or None.

    `counted` are its words (see `centre.words`), where they have been counted: most need no closer look.
    """
    if holds_hidden(text):
        return "it holds signs that nobody sees"
    if counted is not None and _is_harmless(text, counted):
        return None
    if len(text) > 2 * _WINDOW:
        text = f"{text[:_WINDOW]}\n{text[-_WINDOW:]}"
    lowered = without_template(visible(text).rstrip()).casefold()
    for sign in _signs_unlike(question[:_WINDOW]):
        if any(map(lowered.__contains__, sign.anchors)) and sign.pattern.search(lowered):
            return sign.what
    return None


@lru_cache(maxsize=64)
def _signs_unlike(beginning: str) -> Sequence[_Sign]:
    """The signs that a question with this beginning does not show itself."""
    asked = beginning.casefold()
    return tuple(sign for sign in _SIGNS if not sign.usual.search(asked))


_TELLING_WORDS = (
    "disregard forget override judge judges grader graders evaluator evaluators rater raters assessor "
    "assessors referee referees annotator annotators verifier verifiers answer answers response responses "
    "output outputs reply replys candidate candidates models begin end winner verdict preferred preference "
    "ranking score rating model_identifier sentences"
)
_TELLING = frozenset(_TELLING_WORDS.split())
"""Words of which every sign holds one, but for those that hold one of the pieces."""

_PIECES = (
    "ignor",
    "not consider",
    "[[",
    "<",
    ">>>",
    "[/",
    "as the ",
    "as best",
    "忽略",
    "無視",
    "无视",
    "игнорир",
    "무시",
)


def _is_harmless(text: str, counted: Mapping[str, int]) -> bool:
    if len(text) > EXCERPT or not _TELLING.isdisjoint(counted):
        return False
    lowered = text.casefold()
    return not any(map(lowered.__contains__, _PIECES)) and len(visible(text)) == len(text)


def holds_hidden(text: str) -> bool:
    """Whether a text holds escapes, tags or other signs that people do not see and models or terminals do."""
    found = (_CONTROLS if text.isascii() else _HIDDEN).search(text)
    if found and (found[0] == "\x1b" or found[0] > "\U000dffff" or not _RIGHT_TO_LEFT.search(text)):
        return True
    if text.isascii():
        return False
    if _PILES.search(text):
        return True
    return sum(1 for _ in islice(_ZERO_WIDTH.finditer(text), _MANY_ZERO_WIDTH)) == _MANY_ZERO_WIDTH
