"""What a short text claims, in pieces that can be compared: words, numbers, agreement, negation.

"No, a spider doesn't have 6 legs."  →  stance no, words (spider, leg), numbers {6}, negators 1
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

import msgspec

from panvox.curation.meaning import vocabulary
from panvox.curation.meaning.stems import stem

EXCERPT = 2_000
"""Characters of a text that are read."""

_BY_CHARACTER = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f\uf900-\ufaff"
_LETTER = rf"(?![{_BY_CHARACTER}])[^\W_]"
_TOKEN = re.compile(
    rf"(?P<number>(?:(?<!{_LETTER})[-+\u2212])?(?<!{_LETTER})\d[\d.,]*)|(?P<characters>[{_BY_CHARACTER}]+)|"
    rf"(?P<word>(?!\d){_LETTER}(?:{_LETTER})*)|(?P<stop>[.!?。！？\n]+)"
)
_NOT = re.compile(r"(?i)(?:\b(?:ca|wo|sha))?n't\b")
_CANNOT = re.compile(r"(?i)\bcannot\b")
_STANCE = re.compile(r"^[\s*_\"'“«>#-]*([^\W\d_]+)[*_\"'”»]*\s*(?:[,.!:;\u2013\u2014，。、！：،]|-\s|\n|$)")
_ROOT = attrgetter("root")
_OF_COURSE = re.compile(r"(?i)^\W*of course\b")
_PERCENT = re.compile(r"(?i)\bper\s?cent\b|\bprozent\b|\bpour cent\b|\bpor ciento\b")


_SENTENCE = re.compile(r"(?<=[.!?])\s+|[。！？\n]+")
_WORD = re.compile(r"[^\W\d_]+")
_EMPHASIS = re.compile(r"[\"“«„`]([^\"“”«»„`\n]{1,40})[\"”»“`]|\*\*([^*\n]{1,40})\*\*")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it is compared.

    - `words`: stems of what carries meaning, in order; single characters where a script has no spaces.
      `bag` is the same in no order, `poles` the sides on which those stand that have an opposite, `first` the
      one that begins the text with a capital, which may be a name or not.
    - `numbers`: every number as a plain decimal, with its sign.
    - `stance`: "yes" or "no" where the text begins with that, else empty.
    - `negators`: how many words negate something.
    - `names`: those of `words` that were written with a capital within a sentence, or in quotes or bold.
    - `listing`: whether it lists things, so that their order says nothing; `open`: whether it leaves open
      which of several things is meant, or takes something back.
    - `spoken`: whether it has function words of a language that is known, or characters.
    - `characters`: the text in scripts without spaces, where opposites are looked for by their spelling.
    """

    words: tuple[str, ...] = ()
    numbers: frozenset[str] = frozenset()
    stance: str = ""
    negators: int = 0
    names: frozenset[str] = frozenset()
    listing: bool = False
    open: bool = False
    spoken: bool = False
    characters: str = ""

    bag: frozenset[str] = frozenset()
    poles: frozenset[tuple[str, int]] = frozenset()
    first: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What answers repeat without saying anything: words and numbers of the question.

    `asks_name`: somebody or a place is asked for; `asks_number`: a time or a number is, as in most questions
    that have numbers themselves.
    """

    words: frozenset[str] = frozenset()
    asks_name: bool = False
    asks_number: bool = False


def question_of(text: str) -> Question:
    """What `text` asks, as far as its words tell; its last `EXCERPT` characters count."""
    asked = frozenset(_WORD.findall(text[-EXCERPT:].casefold()))
    claim = claim_of(text[-EXCERPT:])
    named = not asked.isdisjoint(vocabulary.ASKS_NAME)
    number = not asked.isdisjoint(vocabulary.ASKS_NUMBER) or (bool(claim.numbers) and not named)
    return Question(words=claim.bag | claim.numbers, asks_name=named and not number, asks_number=number)


def claim_of(text: str) -> Claim:
    """What `text` claims; its first `EXCERPT` characters count. Linear in their number."""
    text = unicodedata.normalize("NFKC", text[:EXCERPT]).replace("’", "'")
    stance, rest = _stance(text)
    rest = _PERCENT.sub(" % ", _CANNOT.sub("can not", _NOT.sub(" not ", rest)))
    reader = _Reader(frozenset(_emphasised(rest)))
    for token in _tokens(rest):
        reader.take(*token)
    raw, words = "".join(reader.raw), reader.words
    roots = tuple(map(_ROOT, words))
    bag = frozenset(roots)
    return Claim(
        words=roots,
        bag=bag,
        poles=frozenset(vocabulary.POLES[root] for root in bag if root in vocabulary.POLES),
        first=next((word.root for word in words[:1] if word.first), ""),
        numbers=frozenset(reader.numbers),
        stance=stance,
        negators=reader.negators + sum(map(raw.count, vocabulary.NEGATING_CHARACTERS)),
        names=frozenset(word.root for word in words if word.name),
        listing=reader.listing or "," in rest or "、" in rest or "," in rest,
        open=reader.open,
        spoken=reader.spoken or bool(raw),
        characters=raw,
    )


def answer_in(text: str, question: Question) -> Claim:
    """What the sentence claims that answers `question`: the first that has most of its words.

    A sentence without a name or number of its own answers nothing. Where a later sentence takes back what was
    said and has names of its own, the claim is `open`. The whole text where no sentence stands out.
    """
    stance, rest = _stance(text[:EXCERPT])
    asked = question.words
    claims = [claim_of(sentence) for sentence in _SENTENCE.split(rest) if sentence.strip()]
    telling = [claim for claim in claims if (claim.names | claim.numbers) - asked]
    if not telling:
        return claim_of(text)
    best = max(telling, key=lambda claim: len(claim.bag & asked))
    taken_back = any(claim.open and claim.names - asked - best.bag for claim in claims if claim is not best)
    return msgspec.structs.replace(best, stance=stance or best.stance, open=best.open or taken_back)


def _stance(text: str) -> tuple[str, str]:
    """Whether the text begins with a yes or a no, and what follows that."""
    if found := _OF_COURSE.match(text):
        return "yes", text[found.end() :]
    found = _STANCE.match(text)
    stance = vocabulary.STANCE_OF.get(found[1].casefold(), "") if found else ""
    return (stance, text[found.end() :]) if found and stance else ("", text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind is not None:
            yield kind, found[0]


def _emphasised(text: str) -> Iterator[str]:
    for found in _EMPHASIS.finditer(text):
        yield from _WORD.findall((found[1] or found[2]).casefold())


class _Word(NamedTuple):
    """A stem, the languages that have it as a function word, and how it was written.

    `name`: with a capital within a sentence; `first`: with one at the beginning.
    """

    root: str
    languages: int = 0
    name: bool = False
    first: bool = False


class _Signs(dict[str, _Word | None]):
    """Characters that stand for themselves, as words; None for numbers and for those that only give form."""

    def __missing__(self, character: str) -> _Word | None:
        silent = character in vocabulary.CHARACTER_NUMBERS or character in vocabulary.FORM_CHARACTERS
        found = self[character] = None if silent else _Word(character)
        return found


_SIGNS = _Signs()


class _Reader:
    """Takes the tokens of a text one by one."""

    def __init__(self, emphasised: frozenset[str]) -> None:
        self._emphasised = emphasised
        self.numbers: list[str] = []
        self.raw: list[str] = []
        self.negators = 0
        self.listing = False
        self.open = False
        self._words: list[_Word] = []
        self._languages: Counter[int] = Counter()
        self._begins = True

    def take(self, kind: str, token: str) -> None:
        match kind:
            case "number":
                self.numbers.append(plain(token))
            case "characters":
                self._characters(token)
            case "word":
                self._word(token)
            case _:
                pass
        self._begins = kind == "stop"

    @property
    def words(self) -> list[_Word]:
        """What is no function word of the language whose function words are the most."""
        if not self._languages:
            return self._words
        bit = max(self._languages, key=lambda each: (self._languages[each], -each))
        return [word for word in self._words if not word.languages & bit]

    @property
    def spoken(self) -> bool:
        return bool(self._languages)

    def _characters(self, run: str) -> None:
        self.raw.append(run)
        numbers = vocabulary.CHARACTER_NUMBERS
        if not numbers.keys().isdisjoint(run):
            self.numbers += [numbers[sign] for sign in run if sign in numbers]
        self._words += filter(None, map(_SIGNS.__getitem__, run))

    def _word(self, token: str) -> None:
        word = token.casefold()
        languages = vocabulary.FUNCTION.get(word, 0)
        for bit in _bits(languages):
            self._languages[bit] += 1
        self.listing = self.listing or word in vocabulary.AND
        self.open = self.open or word in vocabulary.CHOICES or word in vocabulary.TURNS
        if word in vocabulary.NEGATORS:
            self.negators += 1
        elif word in vocabulary.NUMBERS:
            self.numbers.append(vocabulary.NUMBERS[word])
        elif (root := stem(word)) not in vocabulary.FILLER:
            capital = token[0].isupper()
            name = word in self._emphasised or (capital and not self._begins)
            self._words.append(_Word(root, languages, name, capital and self._begins))


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield mask & -mask
        mask &= mask - 1


def plain(number: str) -> str:
    """A number as written (`1,200.0`) as a plain decimal (`1200`).

    A comma is a decimal point where other than three digits follow the last one.
    """
    sign = "-" if number[0] in "-\u2212" else ""
    number = number.lstrip("+-\u2212").rstrip(".,")
    head, comma, tail = number.rpartition(",")
    if comma and len(tail) != 3 and "." not in number:
        number = f"{head.replace(',', '')}.{tail}"
    number = number.replace(",", "")
    whole, point, decimals = number.partition(".")
    if "." in decimals:  # a date, a version or thousands set apart by points
        return sign + number
    decimals = decimals.rstrip("0")
    return f"{sign}{whole.lstrip('0') or '0'}{'.' + decimals if point and decimals else ''}"
