"""Which answers are the same answer.

    final answer found ─► equal keys
    tool calls ─────────► equal names and arguments
    short text ─────────► the nearest groups by their vectors; the first whose first text says the same
    long text ──────────► nearly the same vector and words
    settle ─────────────► short texts that name the answer of a group; close calls, by a better embedder

A text that cannot be told to be the same stays apart: groups are too many rather than wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from panvox.curation.extract import Extract
from panvox.curation.meaning import claims, contradiction
from panvox.curation.meaning.claims import Claim, answer_in, claim_of, question_of
from panvox.curation.meaning.contradiction import compare, same_answer
from panvox.messages import ToolCall
from panvox.protocols import Embedder

if TYPE_CHECKING:  # numpy is imported with the first text that has no key
    from panvox.curation.meaning.similarity import Rows, Words

SHORT = 600
"""Characters up to which a text is compared by what it claims."""

NEAREST = 16
"""Groups that a text is compared with at most, the nearest first."""

NEAR = 0.2
"""The cosine from which a short text is compared with a group at all; the rules decide."""

COPY = 0.98
"""The cosine from which long texts may be the same."""

COMMON = 0.8
"""The part of all their words that long texts must share (Jaccard's index) to be the same."""

CLOSE = 0.9
"""The cosine of the better embedder from which texts that differ only in their wording are the same.

All pairs of recorded short answers that had it were the same, on the prompts that it was chosen on and on
others."""

CLOSEST = 24
"""Groups that the better embedder reads at most."""


class Merge(NamedTuple):
    """All of the group `gone` belongs to the group `into` from now on."""

    into: int
    gone: int


class _Group:
    """A group of texts without a key, by its first text."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self.text = text
        self.size = 1
        self._claim: Claim | None = None
        self._answer: Claim | None = None

    @property
    def short(self) -> bool:
        return len(self.text) <= SHORT

    @property
    def claim(self) -> Claim:
        if self._claim is None:
            self._claim = claim_of(self.text)
        return self._claim

    def answer(self, question: claims.Question) -> Claim:
        if self._answer is None:
            self._answer = answer_in(self.text, question)
        return self._answer


class Grouping:
    """Puts answers into groups as they land; see the module for the rules.

    `embedder` finds groups that are near; without one, only equal texts share a group. `closer` is a better
    one for close calls, which `settle` decides. `question` is what was asked: its words say nothing where
    answers repeat them.
    """

    def __init__(
        self, embedder: Embedder | None = None, *, question: str = "", closer: Embedder | None = None
    ) -> None:
        self._embedder = embedder
        self._closer = closer
        self._question = question_of(question)
        self._numbers: dict[str, int] = {}
        self._count = 0
        self._keyed: dict[int, Claim] = {}
        self._free: list[_Group] = []
        self._moved: dict[int, int] = {}
        self._settled: dict[bool, int] = {}
        self._rows: Rows | None = None
        self._words: Words | None = None

    def place(self, text: str, found: Extract | None, *, calls: Sequence[ToolCall] = ()) -> int:
        """The number of the group that the answer belongs to; numbers count up from 0.

        `found` is its final answer, if any; `calls` are the tools that it calls instead of answering.
        """
        key = _key(text, found, calls)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = (
                self._new(text, found) if found or not text.strip() else self._near(text)
            )
        return self._now(number)

    def settle(self, *, closely: bool = False) -> list[Merge]:
        """Merge groups of short texts into those that give the same answer, now that all are known.

        Looked at `closely`, with a better embedder, it computes up to `CLOSEST` vectors: do that once,
        before a verdict that is to last, and in a thread. What was merged is not told again.
        """
        if self._settled.get(closely) == self._count:
            return []
        self._settled[closely] = self._count
        merges: list[Merge] = []
        for settled in (self._settled_by_key, *([self._settled_by_vectors] if closely else [])):
            found = list(settled())
            self._moved.update((merge.gone, merge.into) for merge in found)
            merges += found
        return merges

    # --- as they land ---

    def _new(self, text: str, found: Extract | None) -> int:
        number, self._count = self._count, self._count + 1
        if found is not None:
            self._keyed[number] = claim_of(found.shown)
        return number

    def _now(self, number: int) -> int:
        while number in self._moved:
            number = self._moved[number]
        return number

    def _near(self, text: str) -> int:
        """The group of a text without a key: one that says the same, else a new one."""
        if self._embedder is None:
            return self._new(text, None)
        rows, words = self._numeric(self._embedder)
        vector = self._embedder.embed([text])[0]
        group = _Group(self._count, text)
        for at, cosine in rows.nearest(vector, most=NEAREST, least=NEAR if group.short else COPY):
            other = self._free[at]
            if self._same(group, other, cosine, words):
                other.size += 1
                return other.number
        rows.add(vector)
        self._free.append(group)
        return self._new(text, None)

    def _numeric(self, embedder: Embedder) -> tuple[Rows, Words]:
        if self._rows is None or self._words is None:
            from panvox.curation.meaning.similarity import Rows, Words  # noqa: PLC0415 - imports numpy

            self._rows, self._words = Rows(), Words(embedder)
        return self._rows, self._words

    def _same(self, one: _Group, other: _Group, cosine: float, words: Words) -> bool:
        if one.short != other.short:
            return False
        if not one.short:
            return cosine >= COPY and _copies(one.claim, other.claim)
        if contradiction.numbers_conflict(one.claim, other.claim, self._question):
            return False
        return compare(one.claim, other.claim, words.pairs).same or (
            bool(self._question.words)
            and same_answer(
                one.answer(self._question), other.answer(self._question), self._question, words.pairs
            )
        )

    # --- before a verdict ---

    def _settled_by_key(self) -> Iterator[Merge]:
        """Short texts that name the answer of exactly one group with a key."""
        for group in self._free:
            if not group.short or group.number in self._moved:
                continue
            named = [number for number, key in self._keyed.items() if self._names(group, key)]
            if len(named) == 1:
                yield Merge(self._now(named[0]), group.number)

    def _names(self, group: _Group, key: Claim) -> bool:
        """Whether a text gives this answer and no other: it has all its words, and names nothing else."""
        answer = group.answer(self._question)
        if answer.open or answer.negators or group.claim.negators or not (key.words or key.numbers):
            return False
        if key.words and not _telling(key, self._question):
            return False
        others = (answer.names | {answer.first}) - key.bag - self._question.words - {""}
        numbers = answer.numbers - self._question.words
        return key.bag <= answer.bag and not others and numbers == key.numbers - self._question.words

    def _settled_by_vectors(self) -> Iterator[Merge]:
        """Groups that differ in nothing but their wording, where the better embedder finds them near."""
        if self._closer is None or self._words is None:
            return
        groups = [group for group in self._free if group.short and group.number not in self._moved]
        groups = sorted(groups, key=lambda group: (-group.size, group.number))[:CLOSEST]
        pairs = [
            (one, other)
            for at, one in enumerate(groups)
            for other in groups[at + 1 :]
            if compare(one.claim, other.claim, self._words.pairs).close
        ]
        read = list({group.number: group for pair in pairs for group in pair}.values())
        if not read:
            return
        vectors = dict(
            zip((group.number for group in read), self._closer.embed([g.text for g in read]), strict=True)
        )
        gone: set[int] = set()
        for one, other in pairs:
            near = float(vectors[one.number] @ vectors[other.number]) >= CLOSE
            if near and gone.isdisjoint((one.number, other.number)):
                gone.add(other.number)
                yield Merge(one.number, other.number)


def _telling(key: Claim, question: claims.Question) -> bool:
    """Whether its words are not found in a text by chance, as letters and words of the question are."""
    return any(len(word) > 1 for word in key.words) and not key.bag <= question.words


def _copies(one: Claim, other: Claim) -> bool:
    """Whether two long texts are the same but for a few words that change nothing."""
    if one.numbers != other.numbers or len(one.bag & other.bag) < COMMON * len(one.bag | other.bag):
        return False
    return not (contradiction.denied(one, other) or contradiction.stances_differ(one, other))


def _key(text: str, found: Extract | None, calls: Sequence[ToolCall]) -> str:
    """What is equal for answers that are the same without a doubt."""
    if found is not None:
        return f"={found.key}"
    if calls and not text.strip():
        return f"({calls_key(calls)}"
    return f"~{' '.join(text.split())}"


def calls_key(calls: Sequence[ToolCall]) -> str:
    """Tool calls in canonical form: the order of calls, of keys and of white space makes no difference."""
    return json.dumps(sorted([call.name, _canonical(call.arguments)] for call in calls))


def _canonical(arguments: str) -> str:
    try:
        value: Any = json.loads(arguments or "{}", parse_int=_number, parse_float=_number)
        return json.dumps(value, sort_keys=True)
    except (ValueError, RecursionError):
        return " ".join(arguments.split())


def _number(number: str) -> int | float | str:
    """`1.0` and `1` are one number; one that no float holds exactly stays as it is written."""
    try:
        value = float(number)
    except (ValueError, OverflowError):
        return number
    return int(value) if value.is_integer() and abs(value) < 2**53 else (value if "." in number else number)
