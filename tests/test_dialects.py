"""What every dialect promises, whatever it speaks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from itertools import product

import pytest

from panvox.compose.dialects import DIALECTS
from panvox.errors import Malformed, UnknownModel
from panvox.messages import Prompt
from panvox.protocols import Dialect, Quirks
from tests.wire import decode

BASE = "http://127.0.0.1:9/v1"
PARIS = Prompt.of("Paris?")


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param](Quirks())


def test_a_name_that_is_not_text_is_the_name_of_no_model(dialect: Dialect) -> None:
    with pytest.raises(UnknownModel, match=r"name holds \\udcff, which is half a character"):
        dialect.request(PARIS, "m\udcff", base_url=BASE, key=None)
    if dialect.detail_request("m", base_url=BASE, key=None) is not None:
        with pytest.raises(UnknownModel, match="half a character"):
            dialect.detail_request("m\udcff", base_url=BASE, key=None)


NESTS = {
    "unknown fields": b'{"a": %b}',
    "a relay's errors": b'{"error": {"metadata": {"raw": %b}}}',
    "an upstream's errors": b'{"metadata": {"raw": %b}}',
    "errors": b'{"error": %b}',
    "places": b'{"error": {"metadata": {"raw": {"loc": [%b]}}}}',
    "arguments of Anthropic": b'{"type": "message", "content": [{"type": "tool_use", "input": %b}]}',
    "arguments of Google": b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "a", "args": %b'
    b"}}]}}]}",
    "arguments of Ollama": b'{"message": {"tool_calls": [{"function": {"name": "a", "arguments": %b}}]}}',
    "arguments of OpenAI": b'{"choices": [{"delta": {"tool_calls": [{"function": {"arguments": %b}}]}}]}',
    "thoughts": b'{"choices": [{"delta": {"content": [{"thinking": %b}]}}]}',
}
"""Where a value may stand that is nested deeply."""
LAYERS = [(b"[", b"]"), (b'{"a":', b"}"), (b'{"thinking":[', b"]}"), (b'{"metadata":{"raw":', b"}}")]
ROOM = 90  # frames


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """Let the stack grow by a few frames alone, so that all depths near its end can be tried."""
    limit, frame, depth = sys.getrecursionlimit(), sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + ROOM)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("nest", NESTS)
def test_what_is_nested_too_deeply_is_a_failure(dialect: Dialect, nest: str) -> None:
    for (opened, closed), depth in product(LAYERS, [*range(1, ROOM), 100_000]):
        value = NESTS[nest] % (opened * depth + b'"x"' + closed * depth)
        with little_room():
            for wire in (value, b"data: " + value + b"\n\n", b"[" + value + b"]"):
                decode([wire], "", dialect=dialect)  # raises what is no failure
            assert dialect.failure(429, {}, value).fault.message
            with contextlib.suppress(Malformed):
                dialect.listings(value)
