"""Recorded calls of 33 models through 17 providers are read without a loss, whole and as streams."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zstandard

from panvox.errors import Category
from panvox.messages import Finish, Usage
from tests.wire import data, decode, fold

pytestmark = pytest.mark.data

FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH, None: Finish.OTHER}
PIECES = 7  # of a text, when a reply is told as a stream


def replies(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as packed:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), encoding="utf-8"):
            yield filled(json.loads(line)["response"])


def filled(value: Any) -> Any:
    """The long texts, which the recording keeps only as a length."""
    match value:
        case {"chars": int(length)}:
            return ("wörter, " * (length // 8 + 1))[:length]
        case dict():
            return {name: filled(field) for name, field in value.items()}
        case list():
            return [filled(item) for item in value]
        case _:
            return value


def reasoning_of(message: dict[str, Any]) -> str:
    plain = message.get("reasoning_content") or message.get("reasoning")
    details = message.get("reasoning_details") or []
    return plain or "".join(detail.get("text") or detail.get("summary") or "" for detail in details)


def usage_of(usage: dict[str, Any]) -> Usage:
    inside = usage.get("completion_tokens_details") or {}
    before = usage.get("prompt_tokens_details") or {}
    cost = usage.get("cost", usage.get("estimated_cost"))
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        reasoning_tokens=inside.get("reasoning_tokens") or usage.get("reasoning_tokens") or 0,
        cached_tokens=before.get("cached_tokens") or usage.get("cached_tokens") or 0,
        cost=None if cost is None else Decimal(str(cost)),
    )


def check(reply: dict[str, Any], wire: bytes, content_type: str) -> str:
    """Compare what was decoded with the recording; the category of the failure, or ""."""
    choice = reply["choices"][0]
    message = choice["message"]
    events, fault = decode([wire], content_type)
    answer = fold(events)
    assert answer.text == (message["content"] or "")
    assert answer.reasoning == reasoning_of(message)
    assert answer.usage == usage_of(reply["usage"])
    if answer.text:
        assert (answer.finish, answer.model, fault) == (
            FINISHES[choice["finish_reason"]],
            reply["model"],
            None,
        )
        return ""
    assert fault is not None
    assert f"{reply['usage']['completion_tokens']:,} tokens on reasoning" in fault.message
    return fault.category


def streamed(reply: dict[str, Any], *, done: bool) -> bytes:
    """The reply as its provider would have streamed it: thinking, text, finish, usage."""
    choice = reply["choices"][0]
    message = choice["message"]
    head = {name: reply.get(name) for name in ("id", "provider", "model", "created")}
    deltas = [*thoughts(message), *({"content": piece} for piece in pieces(message["content"] or ""))]
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", **delta}}]} for delta in deltas
    ]
    ending = {"delta": {}, "finish_reason": choice["finish_reason"], "native_finish_reason": "x"}
    chunks += [{**head, "choices": [ending]}, {**head, "choices": [], "usage": reply["usage"]}]
    return b": PROCESSING\n\n".join(map(data, chunks)) + (b"data: [DONE]\n\n" if done else b"")


def thoughts(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Thinking in the very fields in which it was recorded, which may be two at once."""
    fields = [name for name in ("reasoning", "reasoning_content") if message.get(name)]
    details = message.get("reasoning_details") or []
    for piece in pieces(message[fields[0]]) if fields else ():
        told = [{"type": "reasoning.text", "text": piece, "index": 0}] if details else None
        yield {"content": "", **dict.fromkeys(fields, piece), "reasoning_details": told}
    for detail in details:
        if not fields or "data" in detail:
            yield {"content": None, "reasoning": None, "reasoning_details": [detail]}


def pieces(text: str) -> list[str]:
    size = len(text) // PIECES + 1
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("name", "calls", "empty"),
    [("calls.jsonl.zst", 5278, 80), ("examples.jsonl.zst", 66, None)],
)
def test_every_recorded_call_is_read_without_a_loss(
    recorded: Path, name: str, calls: int, empty: int | None
) -> None:
    categories: Counter[str] = Counter()
    for reply in replies(recorded / "openrouter_wire" / name):
        whole = check(reply, json.dumps(reply).encode(), "application/json")
        assert check(reply, streamed(reply, done=True), "text/event-stream") == whole
        categories[whole] += 1
    assert sum(categories.values()) == calls
    assert set(categories) <= {"", Category.EMPTY}
    assert empty is None or categories[Category.EMPTY] == empty


def test_a_recorded_call_without_a_finish_is_truncated_when_its_stream_just_closes(recorded: Path) -> None:
    seen = 0
    for reply in replies(recorded / "openrouter_wire" / "calls.jsonl.zst"):
        if reply["choices"][0]["finish_reason"] is None:
            _, fault = decode([streamed(reply, done=False)])
            assert fault is not None
            assert fault.category is Category.TRUNCATED
            seen += 1
    assert seen == 10
