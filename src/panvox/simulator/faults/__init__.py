"""The ways to go wrong, one row each: below the dialect, within it, and in how it is spelled.

acts         what a fault does, as values
connection   silence, broken connections, foreign pages
refusals     every kind of refusal, in the dialect's words
openai …     deviations of servers that speak a dialect, each called like the dialect
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from panvox.errors import UsageError
from panvox.simulator.faults import anthropic, cherry, gemini, ollama, openai, responses
from panvox.simulator.faults.acts import Act, Bomb, Break, Deviate, Drip, Fault, Hang, Nothing, Refuse, Way
from panvox.simulator.faults.connection import CONNECTION
from panvox.simulator.faults.refusals import REFUSALS

__all__ = [
    "FAULTS",
    "Act",
    "Bomb",
    "Break",
    "Deviate",
    "Drip",
    "Fault",
    "Hang",
    "Nothing",
    "Refuse",
    "Way",
    "find_fault",
]

_DIALECTS = (openai, responses, anthropic, gemini, ollama, cherry)
_DEVIATIONS = tuple(fault for dialect in _DIALECTS for fault in dialect.DEVIATIONS)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*CONNECTION, *REFUSALS, *_DEVIATIONS)}
"""Every fault by its name."""


def find_fault(name: str) -> Fault:
    """The fault called `name`; raises `UsageError` that names the nearest."""
    if name not in FAULTS:
        near = get_close_matches(name, FAULTS, n=1)
        meant = f"did you mean {near[0]}?" if near else "`panvox simulate --list-faults` shows them"
        raise UsageError(f"there is no fault {name!r}; {meant}")
    return FAULTS[name]
