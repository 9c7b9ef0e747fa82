"""Streams and replies as servers send them, and how to read one cut into any pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from panvox.dialects.openai import OpenAI
from panvox.errors import Failure, Fault
from panvox.messages import Answer, Event, Fold
from panvox.protocols import Dialect

FOLDER = Path(__file__).parent


def data(value: object) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(finish: str | None = None, /, **delta: object) -> dict[str, object]:
    """One chunk as OpenAI spells it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]}


def stream(*values: object, done: bool = True) -> bytes:
    """A stream of chunks; bytes are put in as they are."""
    pieces = [value if isinstance(value, bytes) else data(value) for value in values]
    return b"".join(pieces) + (b"data: [DONE]\n\n" if done else b"")


def decode(
    pieces: Iterable[bytes], content_type: str = "text/event-stream", *, dialect: Dialect | None = None
) -> tuple[list[Event], Fault | None]:
    """All events of a reply, and the fault that it ended with; without a `dialect`, in OpenAI's."""
    decoder = (dialect or OpenAI()).decoder(content_type)
    events: list[Event] = []
    try:
        for piece in pieces:
            events.extend(decoder.feed(piece))
        events.extend(decoder.close())
    except Failure as failure:
        return [*events, *decoder.feed(b"data: {}\n\n"), *decoder.close()], failure.fault
    return events, None


def fold(events: Iterable[Event]) -> Answer:
    """What the events amount to."""
    folding = Fold()
    for event in events:
        folding.add(event)
    return folding.answer


def json_values(*names: str) -> st.SearchStrategy[object]:
    """JSON of any shape, with these names for its fields."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5)
        ),
        max_leaves=20,
    )
