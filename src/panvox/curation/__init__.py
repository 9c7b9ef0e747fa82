"""From answers to one answer: extract the final answer, judge its quality, group equal ones, count votes.

    expect ─► extract ─► checks ─► grouping ─► tally ─► verdict
                                   meaning       ▲        └─► choice (best, top)  judging (asked for)
    ballots ─► learning ─► weights ──────────────┘

Pure: texts in, values out; nothing here waits, reads or writes. The names are loaded when they are first
used: a command that only has to know the kinds of answers does not compile the patterns that read them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panvox.curation.curate import Curator
    from panvox.curation.expect import Expect
    from panvox.curation.extract import Extract
    from panvox.curation.rules import Method, Rules

_HOMES = {
    "Curator": "panvox.curation.curate",
    "Expect": "panvox.curation.expect",
    "Extract": "panvox.curation.extract",
    "Method": "panvox.curation.rules",
    "Rules": "panvox.curation.rules",
}

__all__ = ["Curator", "Expect", "Extract", "Method", "Rules"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'panvox.curation' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
