"""Whether a text is an answer at all, and how good it looks.

A check that fails takes an answer's vote only where no final answer can be read in it, or where the text
cannot have been meant as an answer: nothing, or the prompt again. A right answer that is thrown out costs
more than a bad one that stays: bad ones have the vote against them.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import msgspec

from panvox.curation.checks.factors import (
    COHERENCE,
    CONFIDENCE,
    DEFAULTS,
    LENGTH,
    RELEVANCE,
    STRENGTH,
    Factors,
)
from panvox.curation.checks.injection import sign_of_injection, visible, without_template
from panvox.curation.checks.language import is_wrong_language, language
from panvox.curation.checks.loops import share_repeated
from panvox.curation.checks.refusals import is_refusal
from panvox.curation.expect import Expect
from panvox.messages import Finish
from panvox.remembering import remembered


class Check(StrEnum):
    """What can be wrong with an answer that arrived whole."""

    EMPTY = "empty"
    CUT = "cut"
    REFUSAL = "refusal"
    ECHO = "echo"
    LANGUAGE = "language"
    REPETITION = "repetition"
    FORMAT = "format"
    CONSTANT = "constant"
    OFF_TOPIC = "off-topic"
    INJECTION = "injection"


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    `failed` is the check for which the answer does not vote, None where it does, and `reason` the
    sentence for people. `flags` are all checks it fails: an answer may vote and still not be fit to be
    the best. `factors` and `score` run from 0 to 1.
    """

    failed: Check | None = None
    reason: str = ""
    flags: tuple[Check, ...] = ()
    factors: dict[str, float] = {}
    score: float = 1.0

    @property
    def barred(self) -> bool:
        """Whether the answer may never be the best, nor reach a judge unescaped."""
        return not _NEVER_BEST.isdisjoint(self.flags)


_NEVER_BEST = frozenset({Check.EMPTY, Check.ECHO, Check.CONSTANT, Check.INJECTION})
_SPOILS_ANY = frozenset({Check.EMPTY, Check.ECHO})
"""For these an answer loses its vote even where a final answer can be read in it."""

_NEVER_PARDONED = frozenset({Check.EMPTY, Check.CONSTANT, Check.INJECTION})

_CLOSED = {
    Expect.NUMBER: "number",
    Expect.CHOICE: "option",
    Expect.YES_NO: "yes or no",
    Expect.DATE: "date",
    Expect.LITERAL: "value",
}
"""Kinds whose answers can be read or not, and what is missing then."""

_ANY_LANGUAGE = frozenset({Expect.CODE, Expect.JSON, *_CLOSED})

_LOOPS = 0.4
"""Share of a text that a loop must make up to spoil it."""

CONSTANT_AT = 2
"""Other questions at which a model must have given the same text for it to be constant."""


def inspect(
    text: str,
    *,
    question: str,
    expect: Expect,
    read: bool,
    finish: Finish | None = None,
    strength: float | None = None,
    confidence: float | None = None,
    seen: int = 0,
    typical: float | None = None,
    counted: Mapping[str, int] | None = None,
    factors: Factors = DEFAULTS,
) -> Quality:
    """What is wrong with a text, and its score. Linear in the length of the text.

    `read` tells whether a final answer was found, `strength` what is known of the model and `confidence` what
    the answer says of itself (0 to 1 each), `seen` at how many other questions the model gave the same text
    (see `Constants`), `typical` the usual length of the other answers in characters. `counted` are the words
    of the text (see `centre.words`), which spare a pass where they have been counted already.
    """
    bare = visible(text).strip()
    if not bare:
        reason = "there is no text in it"
        return Quality(failed=Check.EMPTY, reason=reason, flags=(Check.EMPTY,), score=0.0)
    looped = share_repeated(without_template(bare))
    circumstances = _Case(question, expect, read, finish is Finish.LENGTH and not read, seen, counted)
    findings = dict(_findings(text, bare, looped, circumstances))
    failed = next((check for check in findings if check in _SPOILS_ANY or not read), None)
    known = {
        LENGTH: length_factor(len(bare), typical),
        COHERENCE: _coherence(bare, looped, cut=Check.CUT in findings),
        RELEVANCE: 1.0 if read and expect in _CLOSED else _relevance(bare, question),
        STRENGTH: strength,
        CONFIDENCE: confidence,
    }
    present = {name: value for name, value in known.items() if value is not None}
    return Quality(
        failed=failed,
        reason=findings[failed] if failed else "",
        flags=tuple(findings),
        factors=present,
        score=factors.score(present),
    )


class _Case(NamedTuple):
    """What is known of an answer beside its text."""

    question: str
    expect: Expect
    read: bool
    cut: bool
    seen: int
    counted: Mapping[str, int] | None


def _findings(text: str, bare: str, looped: float, case: _Case) -> Iterable[tuple[Check, str]]:
    """The checks that fail, gravest first, each with its reason."""
    if sign := sign_of_injection(text, case.question, case.counted):
        yield Check.INJECTION, sign
    if _is_echo(bare, case.question):
        yield Check.ECHO, "it only repeats the prompt"
    if is_refusal(bare):
        yield Check.REFUSAL, "the model declines to answer"
    if case.seen >= CONSTANT_AT:
        yield Check.CONSTANT, f"the model gave the same text to {case.seen} other prompts"
    if looped > _LOOPS:
        yield Check.REPETITION, "it repeats itself over and over"
    if case.cut:
        yield Check.CUT, "it was cut before it ended"
    if not case.read and (missing := _missing(bare, case.expect)):
        yield Check.FORMAT, f"no {missing} could be read in it"
    if case.expect not in _ANY_LANGUAGE and is_wrong_language(bare, case.question):
        yield Check.LANGUAGE, f"it is written in another language than the prompt ({language(bare)})"


def pardoned(failed: Iterable[Check | None]) -> frozenset[Check]:
    """The checks that more than half of all answers fail; `failed` is for each answer the one it failed.

    What most answers do says more of the prompt than of them: it was one to refuse, or asked for another
    language. Such answers vote after all. Empty and constant texts and those that sway judges are never
    pardoned.
    """
    counts = Counter(failed)
    most = counts.total() / 2
    return frozenset(
        check for check, n in counts.items() if check and n > most and check not in _NEVER_PARDONED
    )


def length_factor(chars: int, typical: float | None) -> float:
    """1 within half and twice the typical length, 0 at a thirty-second or at 32 times.

    Between these it falls with the logarithm. Where no typical length is known, 1 from three characters on.
    """
    if not typical:
        return min(1.0, chars / 3)
    halvings = abs(math.log2(max(chars, 1) / typical))
    return max(0.0, min(1.0, (5 - halvings) / 4))


# --- single checks ---------------------------------------------------------------------------------


_SPACES = re.compile(r"\W+")


class _Prompt(NamedTuple):
    """A question as checks need it: its words in one line, and the words that tell what it is about."""

    flat: str
    topic: tuple[str, ...]


_TOPIC_WORDS = 24
_TOPIC_WORD = re.compile(r"[^\W\d_]{4,}")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]{2}")
_EMPTY_WORDS = frozenset(
    [
        "about",
        "above",
        "after",
        "also",
        "answer",
        "because",
        "been",
        "before",
        "below",
        "between",
        "both",
        "could",
        "does",
        "each",
        "following",
        "from",
        "give",
        "have",
        "here",
        "how",
        "into",
        "just",
        "like",
        "make",
        "many",
        "more",
        "most",
        "much",
        "must",
        "only",
        "other",
        "over",
        "please",
        "provide",
        "question",
        "should",
        "some",
        "such",
        "tell",
        "than",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "under",
        "using",
        "very",
        "want",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "write",
        "your",
    ]
)


@remembered(lambda _, question: len(question), most=64)
def _prompt(question: str) -> _Prompt:
    lowered = question[:20_000].casefold()
    found = dict.fromkeys(word[:6] for word in _TOPIC_WORD.findall(lowered) if word not in _EMPTY_WORDS)
    if not question.isascii():
        found = dict.fromkeys((*_UNSPACED.findall(lowered), *(w for w in found if not _UNSPACED.search(w))))
    return _Prompt(_SPACES.sub(" ", question.casefold()).strip(), tuple(found)[:_TOPIC_WORDS])


def _is_echo(text: str, question: str) -> bool:
    """Whether a text is the question again, from its beginning to its end, and little else."""
    asked = _prompt(question).flat
    if len(asked) < 20 or not 0.8 * len(question) < len(text) < 1.3 * len(question) + 40:
        return False
    said = _SPACES.sub(" ", text.casefold()).strip()
    return said == asked or (asked in said and len(said) < 1.2 * len(asked) + 20)


def _missing(text: str, expect: Expect) -> str | None:
    """What the prompt asked for and the text does not hold."""
    if expect in _CLOSED:
        return _CLOSED[expect]
    if expect is Expect.JSON and not _holds_json(text):
        return "JSON"
    if expect is Expect.CODE and not _CODE_LINE.search(text[:20_000]):
        return "code"
    return None


_CODE_LINE = re.compile(
    r"```|^[ \t]*(?:def |class |import |from \w|#include|function |const |let |var |public |"
    r"private |fn |func |"
    r"package |use |SELECT |INSERT |UPDATE |CREATE |WITH |return\b|for ?\(|while ?\(|if ?\(|"
    r"<\w+)|[;{}][ \t]*$|"
    r"\w\([^()\n]*\)|^[ \t]*\w+ *=",
    re.MULTILINE | re.IGNORECASE,
)
_JSON_START = re.compile(r"[\[{]")
_JSON_TRIES = 8


def _holds_json(text: str) -> bool:
    """Whether an object or array, or the whole text, is JSON; the first eight openings are tried."""
    decoder = json.JSONDecoder()
    starts = [match.start() for _, match in zip(range(_JSON_TRIES), _JSON_START.finditer(text), strict=False)]
    for start in (0, *starts):
        try:
            decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return True
    return False


# --- factors ---------------------------------------------------------------------------------------


_ENDS = frozenset(".!?…。！？:;)]}>\"'”’»`*_~|$%।؟")
_GARBAGE = re.compile("[\ufffd\ue000-\uf8ff]")


def _coherence(text: str, looped: float, *, cut: bool) -> float:
    """Whole sentences, without loops and without characters that stand for nothing."""
    unfinished = 0.3 if cut or (len(text) > 200 and text[-1] not in _ENDS and text[-1].isalpha()) else 0.0
    garbage = 0.0 if text.isascii() else _garbage(text)
    return max(0.0, 1.0 - unfinished - looped - garbage)


def _garbage(text: str) -> float:
    """20 times the share of characters that stand for nothing, 1 at most: beyond that nobody counts on."""
    enough = len(text) // 20 + 1
    return min(1.0, 20 * sum(1 for _ in islice(_GARBAGE.finditer(text), enough)) / len(text))


def _relevance(text: str, question: str) -> float | None:
    """How many of the question's words come back; a quarter is enough. None where it has too few."""
    topic = _prompt(question).topic
    if len(topic) < 3:
        return None
    lowered = text[:20_000].casefold()
    shared = sum(word in lowered for word in topic) / len(topic)
    return 0.4 + 0.6 * min(1.0, 4 * shared)
