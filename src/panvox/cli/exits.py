"""Exit codes."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says."""

    ANSWERED = 0
    NOTHING = 1
    USAGE = 2
    PARTIAL = 3
    INTERRUPTED = 130
