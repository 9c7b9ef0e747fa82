"""What was encoded stays for those who are asked the same: a few conversations, more where they are short."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

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
    known: OrderedDict[object, bytes] = OrderedDict()
    size = 0

    @wraps(encode)
    def kept_encode(*args: P.args, **kwargs: P.kwargs) -> bytes:
        nonlocal size
        key = (args, tuple(kwargs.items()))
        found = known.pop(key, None)
        if found is not None:
            known[key] = found
            return found
        made = known[key] = encode(*args, **kwargs)
        size += len(made)
        while len(known) > (MOST if size <= MOST_BYTES else ALWAYS):
            _, gone = known.popitem(last=False)
            size -= len(gone)
        return made

    return kept_encode
