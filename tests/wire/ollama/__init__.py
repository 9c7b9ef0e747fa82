"""Replies as Ollama sends them, and how to write more of them."""

from __future__ import annotations

import json

HEAD = {"model": "m-1", "created_at": "2026-09-14T08:12:07.918273645Z"}


def line(content: str = "", /, **more: object) -> dict[str, object]:
    """The next piece of an answer."""
    return {**HEAD, "message": {"role": "assistant", "content": content, **more}, "done": False}


def done(reason: str | None = "stop", /, **more: object) -> dict[str, object]:
    """The last line."""
    told = {} if reason is None else {"done_reason": reason}
    return {**line(), "done": True, **told, "total_duration": 4883583458, **more}


def stream(*values: object) -> bytes:
    """Lines; bytes are put in as they are."""
    pieces = [value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n" for value in values]
    return b"".join(pieces)
