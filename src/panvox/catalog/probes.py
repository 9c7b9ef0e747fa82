"""Proofs of life: what a tiny real request came to, kept on the disk until it is too old to say anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from panvox import whole_files
from panvox.catalog.entries import Life, Probe
from panvox.catalog.files import read, write
from panvox.errors import Owner
from panvox.messages import Outcome, State

QUESTION = "Reply with one word: ready"
"""What is asked: short, and with an answer that can be checked."""

MAX_TOKENS = 512
"""Room for models that think before they say a word; a few thousandths of a dollar where one is paid."""

PASSING = 3600.0
"""Seconds after which a silence, or a refusal that passes by itself, proves nothing any more."""

_OUR_OWN = frozenset(
    {State.UNREACHABLE.value, State.LOCAL_UNAVAILABLE.value, State.INTERNAL.value, State.UNAUTHORISED.value}
)
"""What says more of the network, the key or us than of the model; told, and not remembered."""

_PASSING = frozenset({State.RATE_LIMITED.value, State.OUT_OF_QUOTA.value})
_EXCERPT = 120  # characters of what was said
_LIVES: Mapping[State, Life] = {
    State.ANSWERED: Life.ANSWERS,
    State.UNKNOWN_MODEL: Life.GONE,
    **dict.fromkeys(
        (
            State.UNAUTHORISED,
            State.FORBIDDEN,
            State.OUT_OF_MONEY,
            State.OUT_OF_QUOTA,
            State.RATE_LIMITED,
            State.TOO_LARGE,
            State.INVALID_REQUEST,
            State.REFUSED,
        ),
        Life.REFUSES,
    ),
}
"""What an outcome proves; whatever is not here proves nothing but silence."""


def probe_of(outcome: Outcome, *, at: float, mark: str = "") -> Probe | None:
    """What `outcome` proves of its member; None for one that was not asked to its end."""
    if outcome.state in (State.CANCELLED, State.INTERRUPTED, State.SKIPPED):
        return None
    thinks = _only_thought(outcome)
    said = outcome.fault.message if outcome.fault else outcome.text
    return Probe(
        model=outcome.member.name,
        life=Life.ANSWERS if thinks else _LIVES.get(outcome.state, Life.SILENT),
        at=at,
        mark=mark,
        state=outcome.state.value,
        latency=round(outcome.duration, 3),
        first_token=None if outcome.first_token is None else round(outcome.first_token, 3),
        form="reasoning only" if thinks else _form(outcome) if outcome.answered else "",
        said=" ".join(said.split())[:_EXCERPT],
    )


def _only_thought(outcome: Outcome) -> bool:
    """Whether a model thought until the few tokens of a probe were spent: it is alive, and thorough."""
    answer, fault = outcome.answer, outcome.fault
    spent = outcome.state is State.EMPTY and fault is not None and fault.owner is Owner.PROMPT
    return spent and answer is not None and bool(answer.reasoning)


def _form(outcome: Outcome) -> str:
    """How the answer came: to the word, in a fence or with more around it; and whether there was thinking."""
    text = outcome.text.strip()
    exact = text.strip(".!*_\"'` ").lower() == "ready"
    form = "fenced" if "```" in text else "exact" if exact else "wordy"
    thought = outcome.answer is not None and outcome.answer.reasoning
    return f"{form}, reasoning" if thought else form


def _lasts(probe: Probe) -> bool:
    """Whether it will be so tomorrow."""
    return probe.life is not Life.SILENT and probe.state not in _PASSING


class _Kept(msgspec.Struct, frozen=True):
    probes: dict[str, Probe]


class Probes:
    """The probes in `folder`. Everything here blocks."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "probes"

    def load(self, *, now: float, max_age: float, marks: Mapping[str, str]) -> dict[str, Probe]:
        """The probes by entry name that are not older than `max_age` seconds, an hour for passing troubles.

        `marks` are those of the providers as they are now: what another address or key came to is not told.
        """
        return {
            name: probe
            for name, probe in self._all().items()
            if 0 <= now - probe.at < (max_age if _lasts(probe) else min(max_age, PASSING))
            and probe.mark == marks.get(name.partition("/")[0], "")
        }

    def keep(self, probes: Iterable[Probe]) -> bool:
        """Add `probes` to those there, each in place of an earlier one; whether that was possible."""
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with whole_files.alone(self._file):
            added = {probe.model: probe for probe in probes if probe.state not in _OUR_OWN}
            return write(self._file, _Kept(self._all() | added))

    def _all(self) -> dict[str, Probe]:
        kept = read(self._file, _Kept)
        return kept.probes if kept is not None else {}
