"""The dialects that the simulator speaks, and the table of them.

openai · vendor_lists · compatible   chat completions: their spelling, the lists of vendors, their addresses
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from panvox.errors import UsageError
from panvox.simulator.spelling import Spelling
from panvox.simulator.spellings.compatible import Compatible

_SPELLINGS: tuple[Spelling, ...] = (
    Compatible(name="openai"),
    Compatible(name="openrouter", root="/api/v1", author="acme/"),
    Compatible(name="together", author="acme/"),
    Compatible(name="groq"),
    Compatible(name="mistral"),
    Compatible(name="vllm"),
)

SPELLINGS: Mapping[str, Spelling] = {spelling.name: spelling for spelling in _SPELLINGS}
"""Every dialect, and every vendor's variant of one, by its name."""


def find_spelling(name: str) -> Spelling:
    """The dialect called `name`; raises `UsageError` that names the nearest."""
    if name not in SPELLINGS:
        near = get_close_matches(name, SPELLINGS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(SPELLINGS)}"
        raise UsageError(f"the simulator speaks no dialect {name!r}; {meant}")
    return SPELLINGS[name]
