"""What was encoded stays for those who are asked the same: a few conversations, more where they are short."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from panvox.remembering import remembered

ALWAYS = 4
"""Conversations that are kept, however long they are."""

MOST = 256
"""Conversations at most."""

MOST_BYTES = 1 << 23
"""Bytes of all but the `ALWAYS` kept: hundreds of models are asked the same parts, each at its own pace."""

P = ParamSpec("P")


def kept(encode: Callable[P, bytes]) -> Callable[P, bytes]:
    """`encode`, whose results are given again; where there are too many, the least recently used goes.

    Arguments must be hashable. What is raised is not kept.
    """
    return remembered(_bytes, most=MOST, room=MOST_BYTES, always=ALWAYS)(encode)


def _bytes(encoded: bytes, *_: object, **__: object) -> int:
    return len(encoded)
