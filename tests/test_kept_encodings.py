"""What was encoded is given again, as long as it does not take too much room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panvox.compose.dialects import DIALECTS
from panvox.dialects.kept import ALWAYS, MOST, MOST_BYTES, kept
from panvox.errors import PromptError
from panvox.messages import Prompt
from panvox.protocols import Quirks


class Encoding:
    """Encodes numbers as so many bytes, and remembers which."""

    def __init__(self, size: int) -> None:
        self.made: list[int] = []
        self._size = size
        self.encode = kept(self._encode)

    def _encode(self, number: int) -> bytes:
        self.made.append(number)
        return bytes(self._size)


@given(st.lists(st.integers(0, ALWAYS - 1)))
def test_a_few_conversations_are_encoded_once_however_long(asked: list[int]) -> None:
    encoding = Encoding(MOST_BYTES // ALWAYS + 1)
    for number in asked:
        encoding.encode(number)
    assert sorted(encoding.made) == sorted(set(asked))


def test_many_short_ones_are_kept_and_the_least_recently_used_goes_first() -> None:
    encoding = Encoding(100)
    for number in (*range(MOST), 0, MOST, 0):
        encoding.encode(number)
    assert encoding.made == list(range(MOST + 1))
    encoding.encode(1)
    assert encoding.made[-1] == 1


def test_long_ones_take_no_more_room_than_they_may() -> None:
    encoding = Encoding(MOST_BYTES // 8)
    for number in (*range(20), *range(12, 20)):
        encoding.encode(number)
    assert encoding.made == list(range(20))
    encoding.encode(11)
    assert encoding.made[-1] == 11


def test_what_is_raised_is_raised_again() -> None:
    @kept
    def encode(text: str) -> bytes:
        raise PromptError(text)

    for _ in range(2):
        with pytest.raises(PromptError, match="no text"):
            encode("no text")


@pytest.mark.parametrize("name", DIALECTS)
def test_all_who_are_asked_the_same_parts_share_their_bytes(name: str) -> None:
    prompts = [Prompt.of(f"part {number} " + "x" * 100_000) for number in range(20)]
    dialect = DIALECTS[name](Quirks())

    def longest(prompt: Prompt, model: str) -> bytes:
        return max(dialect.request(prompt, model, base_url="http://host", key=None).body, key=len)

    first = [longest(prompt, "gpt-4o") for prompt in prompts]
    again = [longest(prompt, "claude-3") for prompt in prompts]
    assert all(one is other for one, other in zip(first, again, strict=True))
