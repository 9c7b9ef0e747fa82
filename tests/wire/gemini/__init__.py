"""Replies as Google's API sends them, and how to write more of them."""

from __future__ import annotations

import json

from tests.wire import data


def event(*parts: object, finish: str | None = None, **more: object) -> dict[str, object]:
    """One event as Google spells it; a part that is text is the next piece of the answer."""
    spelled = [{"text": part} if isinstance(part, str) else part for part in parts]
    candidate = {"content": {"role": "model", "parts": spelled}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "m-1", **more}


def usage(prompt: int, candidates: int, **more: int) -> dict[str, object]:
    """The totals so far."""
    return {
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": candidates,
            "totalTokenCount": prompt + candidates,
            **more,
        }
    }


def stream(*values: object) -> bytes:
    """Server-sent events; bytes are put in as they are."""
    return b"".join(value if isinstance(value, bytes) else data(value) for value in values)


def array(*values: object) -> bytes:
    """The same as one JSON array, which is how the stream comes without `alt=sse`."""
    return b"[" + b",\r\n".join(json.dumps(value, indent=2).encode() for value in values) + b"\n]"
