"""panvox asks every model at once and gives one answer you can trust.

    await panvox.ask("…")                     one prompt, one Result
    async with panvox.stream("…") as turn     the events of one prompt as they happen
    async with panvox.run() as conversation   a panel that is asked again and again
    await panvox.review_files(brief)          files that every model reviews, into a folder
    async with panvox.open() as session       what they all use; open it once to ask many times

The names are loaded when they are first used, so that `import panvox` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panvox.compose.conversation import Conversation, Result
    from panvox.compose.opening import ask, open, review_files, run, stream  # noqa: A004
    from panvox.compose.session import Session
    from panvox.errors import Failure, PanvoxError, UsageError
    from panvox.settings import Settings

_HOMES = {
    "ask": "panvox.compose.opening",
    "open": "panvox.compose.opening",
    "review_files": "panvox.compose.opening",
    "run": "panvox.compose.opening",
    "stream": "panvox.compose.opening",
    "Conversation": "panvox.compose.conversation",
    "Result": "panvox.compose.conversation",
    "Session": "panvox.compose.session",
    "Settings": "panvox.settings",
    "Failure": "panvox.errors",
    "PanvoxError": "panvox.errors",
    "UsageError": "panvox.errors",
}

__all__ = [
    "Conversation",
    "Failure",
    "PanvoxError",
    "Result",
    "Session",
    "Settings",
    "UsageError",
    "ask",
    "open",
    "review_files",
    "run",
    "stream",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'panvox' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
