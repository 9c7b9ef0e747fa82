"""Results that are given again where the same is asked again: many where they are small, few where not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import ParamSpec, TypeVar

ALWAYS = 4
"""Results that are kept, however large they are."""

MOST = 256
"""Results at most."""

ROOM = 1 << 23
"""Sizes of all but the `ALWAYS` kept, added up."""

P = ParamSpec("P")
R = TypeVar("R")


def remembered(
    size: Callable[..., int], *, most: int = MOST, room: int = ROOM, always: int = ALWAYS
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that keeps results by their arguments; where there are too many, the least recent goes.

    `size` tells of a result and its arguments how much they hold together, in whatever unit `room` has. So,
    unlike `functools.lru_cache`, it keeps hundreds of short prompts, and not hundreds of megabytes.
    Arguments must be hashable. What is raised is not kept. Safe to use from several threads.
    """

    def around(work: Callable[P, R]) -> Callable[P, R]:
        known: OrderedDict[object, tuple[R, int]] = OrderedDict()
        lock, held = Lock(), 0

        @wraps(work)
        def remembering(*args: P.args, **kwargs: P.kwargs) -> R:
            nonlocal held
            key = (args, tuple(kwargs.items())) if kwargs else args
            with lock:
                found = known.get(key)
                if found is not None:
                    known.move_to_end(key)
                    return found[0]
            made = work(*args, **kwargs)
            with lock:
                replaced = known.pop(key, None)
                known[key] = made, size(made, *args, **kwargs)
                held += known[key][1] - (replaced[1] if replaced else 0)
                while len(known) > (most if held <= room else always):
                    held -= known.popitem(last=False)[1][1]
            return made

        return remembering

    return around
