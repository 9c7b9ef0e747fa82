"""Whether two short texts say the same: opposites, other numbers, names and things speak against it.

Vectors put "interest rates rise" beside "interest rates fall"; what is compared here is what each text says
that the other does not. When in doubt, texts are different.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import StrEnum

import msgspec

from panvox.curation.meaning import vocabulary
from panvox.curation.meaning.claims import Claim, Question
from panvox.curation.meaning.stems import kin

Pairs = Callable[[Collection[str], Collection[str]], Collection[tuple[str, str]]]
"""Which of some words and which of others mean nearly the same."""

_MATCHED = 12
"""Where each text has more words of its own than so many, they say different things: none is matched."""

_COVERED = 0.4
"""The part of all words that two texts must share: what only adds something may not add everything."""


class Opposed(StrEnum):
    """What speaks against two texts saying the same."""

    STANCE = "stance"  # yes and no
    NEGATION = "negation"  # one denies what the other says, or says the opposite
    NUMBERS = "numbers"
    QUALIFIERS = "qualifiers"  # only, almost, must
    ROLES = "roles"  # who did it to whom
    CHOICE = "choice"  # one leaves open, or takes back, what the other says
    WORDS = "words"  # each says something that the other does not


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How two claims compare.

    `shared` counts words that both have, `missing` and `added` those that only the first and only the second
    has. `named`: each names something that the other does not.
    """

    opposed: Opposed | None
    shared: int = 0
    missing: int = 0
    added: int = 0
    named: bool = False

    @property
    def same(self) -> bool:
        """Whether they say the same, or one says the same and little more."""
        return self.opposed is None and self.shared > _COVERED * (self.shared + self.missing + self.added)

    @property
    def close(self) -> bool:
        """Whether nothing but their wording speaks against it, and they differ in more than a word.

        One word in the place of another, in texts that are the same for the rest, is another answer.
        """
        return self.opposed is Opposed.WORDS and self.missing + self.added > 2 and not self.named


def alike_in_spelling(ones: Collection[str], others: Collection[str]) -> Collection[tuple[str, str]]:
    """Pairs of stems that are forms of one word by their spelling: what can be told without vectors."""
    return [(one, other) for one in ones for other in others if one[0] == other[0] and kin(one, other)]


def compare(one: Claim, other: Claim, pairs: Pairs = alike_in_spelling) -> Comparison:
    """Compare two claims; `pairs` tells which of their words mean the same.

    Linear in the words, and quadratic in at most `_MATCHED` of those that only one of them has.
    """
    if opposed := _opposed(one, other):
        return Comparison(opposed=opposed)
    ones, others = one.bag, other.bag
    missing, added = _unmatched(ones - others, others - ones, pairs)
    missing = {word for word in missing if not _related(word, other)}
    added = {word for word in added if not _related(word, one)}
    strange = not (one.spoken or other.spoken)  # a word too many may be a negator of that language
    return Comparison(
        opposed=Opposed.WORDS if (missing and added) or (strange and (missing or added)) else None,
        shared=len(ones) - len(missing),
        missing=len(missing),
        added=len(added),
        named=not missing.isdisjoint(one.names) and not added.isdisjoint(other.names),
    )


def same_answer(one: Claim, other: Claim, question: Question, pairs: Pairs = alike_in_spelling) -> bool:
    """Whether two claims name the same thing, whatever else they say of it.

    They share a name or a number that the question has not, not each has names of its own, and nothing speaks
    against it. Where somebody or a place is asked for, numbers and months are no matter; where a number is
    asked for, they must be equal.
    """
    if numbers_conflict(one, other, question):
        return False
    if stances_differ(one, other) or one.open or other.open or denied(one, other):
        return False
    passed_over = question.words | vocabulary.MONTHS if question.asks_name else question.words
    names = (one.names | other.names) - passed_over
    ours, theirs = names & one.bag, names & other.bag
    if not question.asks_name and not _nested(one.numbers, other.numbers):
        return False
    lacking, added = _unmatched(ours - theirs, theirs - ours, pairs)
    if lacking and added:
        return False
    return bool(ours & theirs) or (one.numbers == other.numbers and not one.numbers <= question.words)


def _opposed(one: Claim, other: Claim) -> Opposed | None:
    if stances_differ(one, other):
        return Opposed.STANCE
    if denied(one, other):
        return Opposed.NEGATION
    if bool(one.numbers) != bool(other.numbers) or not _nested(one.numbers, other.numbers):
        return Opposed.NUMBERS
    if one.bag & vocabulary.QUALIFIERS != other.bag & vocabulary.QUALIFIERS:
        return Opposed.QUALIFIERS
    if one.open != other.open:
        return Opposed.CHOICE
    return Opposed.ROLES if _roles_differ(one, other) else None


def numbers_conflict(one: Claim, other: Claim, question: Question) -> bool:
    """Whether a number is asked for, and they give others besides those of the question."""
    return question.asks_number and one.numbers - question.words != other.numbers - question.words


def _nested(ones: frozenset[str], others: frozenset[str]) -> bool:
    return ones <= others or others <= ones


def stances_differ(one: Claim, other: Claim) -> bool:
    """Whether one begins with a yes and the other with a no."""
    return bool(one.stance and other.stance and one.stance != other.stance)


def denied(one: Claim, other: Claim) -> bool:
    """Whether one denies what the other says, or says the opposite; to deny the opposite is to agree."""
    more = abs(one.negators - other.negators)
    return more > 1 or more != max(_flips(one, other), _flips(other, one)) + _character_flips(one, other)


def _flips(one: Claim, other: Claim) -> int:
    """How many words of one say the opposite of the other; what a text says both ways does not count."""
    left, right = one.bag - other.bag, other.bag - one.bag
    return sum(1 for word in left if not _contrary(word, one) and _contrary(word, other, right))


def _character_flips(one: Claim, other: Claim) -> int:
    return sum(
        (first in one.characters, second in one.characters)
        == (second in other.characters, first in other.characters)
        and (first in one.characters) != (second in one.characters)
        for first, second in vocabulary.CHARACTER_OPPOSITES
    )


def _related(word: str, claim: Claim) -> bool:
    """Whether a claim has the opposite of a word, which is a flip and no difference, or one of its pole."""
    pole = vocabulary.POLES.get(word)
    return _contrary(word, claim) or (pole is not None and pole in claim.poles)


def _contrary(word: str, claim: Claim, among: Collection[str] | None = None) -> bool:
    words = claim.bag if among is None else among
    if any(each in words for each in _contraries(word)):
        return True
    pole = vocabulary.POLES.get(word)
    return pole is not None and (pole[0], -pole[1]) in claim.poles


def contrary_words(one: str, other: str) -> bool:
    """Whether two stems are opposites, by their spelling or by the list."""
    pole, its = vocabulary.POLES.get(one), vocabulary.POLES.get(other)
    return other in _contraries(one) or (
        pole is not None and its is not None and pole[0] == its[0] and pole[1] != its[1]
    )


_PREFIXES = ("un", "in", "im", "il", "ir", "dis", "non", "не")


def _contraries(word: str) -> Iterator[str]:
    """How the opposite of a word may be spelt: `legal` and `illegal`, `harmful` and `harmless`."""
    for prefix in _PREFIXES:
        if len(word) >= 4:
            yield prefix + word
        if word.startswith(prefix) and len(word) - len(prefix) >= 4:
            yield word[len(prefix) :]
    if word.endswith("less"):
        yield word[:-4] + "ful"
    if word.endswith("ful"):
        yield word[:-3] + "less"


def _roles_differ(one: Claim, other: Claim) -> bool:
    """Whether the same words come in the same order but for two that changed places around another.

    "France defeated Germany", and the other way round. A list has no order.
    """
    if one.listing or other.listing or len(one.words) != len(other.words):
        return False
    moved = [at for at, (a, b) in enumerate(zip(one.words, other.words, strict=True)) if a != b]
    if len(moved) != 2 or moved[1] - moved[0] < 2:
        return False
    first, second = moved
    return one.words[first] == other.words[second] and one.words[second] == other.words[first]


def _unmatched(ones: frozenset[str], others: frozenset[str], pairs: Pairs) -> tuple[set[str], set[str]]:
    """Those of each side that no word of the other side means nearly the same as."""
    if not ones or not others or min(len(ones), len(others)) > _MATCHED:
        return set(ones), set(others)
    found = pairs(sorted(ones), sorted(others))
    return set(ones) - {one for one, _ in found}, set(others) - {other for _, other in found}
