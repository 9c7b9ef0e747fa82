"""Who answers every question with the same text."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b

from panvox.remembering import remembered

SHORTEST = 40
"""Characters below which the same text at many questions is nothing strange: `Yes.`, `B`, `I do not know.`"""

_PART = 400
"""Characters at the beginning or the end of a longer text by which it is known again."""

_KEPT = 128
_QUESTIONS = 8
_DIGITS = dict.fromkeys(range(ord("0"), ord("9") + 1))


class Constants:
    """Remembers, by digest, which texts each model gave to which questions.

    Texts count as the same where their first or their last 400 characters are equal but for digits, white
    space and the question itself: so a template with the question filled in, or with a random end, is
    known again. For each model the last 128 digests are kept, of 64 texts at least, each with eight questions
    at most: some 60 kB.
    """

    def __init__(self) -> None:
        self._texts: dict[str, OrderedDict[bytes, set[bytes]]] = {}

    def seen(self, model: str, question: str, text: str) -> int:
        """At how many other questions `model` gave this text before.

        Remembers that it gave it to this one.
        """
        if len(text) < SHORTEST:
            return 0
        asked, bare = _asked(question)
        return max(self._book(model, asked, key) for key in _keys(bare, text))

    def _book(self, model: str, asked: bytes, key: bytes) -> int:
        texts = self._texts.setdefault(model, OrderedDict())
        questions = texts.setdefault(key, set())
        texts.move_to_end(key)
        others = len(questions - {asked})
        if len(questions) < _QUESTIONS:
            questions.add(asked)
        if len(texts) > _KEPT:
            texts.popitem(last=False)
        return others


@remembered(lambda _, question: len(question))
def _asked(question: str) -> tuple[bytes, str]:
    """The digest of a question and its text without white space around: hundreds of models get the same."""
    return _digest(question), question.strip()


def _keys(question: str, text: str) -> tuple[bytes, ...]:
    own = text.replace(question, "") if len(question) > 8 else text
    if len(own) < SHORTEST:
        return (_digest(text),)
    head = _digest("".join(own[:_PART].translate(_DIGITS).split()))
    if len(own) <= _PART:
        return (head,)
    return head, _digest("".join(own[-_PART:].translate(_DIGITS).split()), kind=b"end")


def _digest(text: str, *, kind: bytes = b"") -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=kind).digest()
