"""Whether a call that failed is tried again, and after which pause: decisions alone, times are given.

rule_for      settings and a name → the rule for that model
Rule.pause    the facts of a failure → seconds until the next attempt, or None
RetryBudget   how many retries a provider is given in a minute
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from fnmatch import translate
from functools import lru_cache
from typing import Any

import msgspec

from panvox.errors import Category, Fault, Retry
from panvox.messages import Event, Reasoning, Text, ToolCallDelta, UsageReport
from panvox.settings.schema import Retries, RetryRule

SLACK = 0.04
"""Seconds at most between the time that a provider named and the next attempt. Chance decides, so that those
who were told the same time do not all come at once."""

LEAST_JITTER = 0.25
"""The least part of a pause that chance decides; with less, those who failed together come again together."""

WINDOW = 60.0
"""Seconds over which the budget of retries counts."""

ALWAYS_ALLOWED = 10
"""Retries of a provider within `WINDOW` that need no calls to stand beside."""

_FIELDS = ("attempts", "base", "cap", "jitter", "never")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of one model are tried again.

    `attempts` in all; `base` seconds before the second, doubled each time up to `cap`; `jitter` is the part
    of a pause that chance decides. Who asks us to wait longer than `patience` seconds is not waited for.
    Categories in `never` are not tried again.
    """

    attempts: int = 3
    base: float = 1.0
    cap: float = 60.0
    jitter: float = 1.0
    never: frozenset[str] = frozenset()
    patience: float = 120.0

    def back_off(self, failed: int, chance: float) -> float:
        """Seconds after so many failed attempts, `chance` from 0 to 1."""
        longest = min(self.cap, self.base * 2.0 ** (failed - 1))
        return longest * (1 - max(LEAST_JITTER, self.jitter) * chance)

    def pause(self, fault: Fault, failed: int, chance: float) -> float | None:
        """Seconds until the next attempt, after so many failed; None where there is none to be made."""
        if failed >= self.attempts or fault.retry is not Retry.LATER or fault.category in self.never:
            return None
        if fault.wait is None:
            return self.back_off(failed, chance)
        return fault.wait + SLACK * chance if fault.wait <= self.patience else None


def rule_for(name: str, retries: Retries, *, vendor_base: float = 1.0) -> Rule:
    """The rule for the model called `name`; of rules whose name or glob means it, the later win.

    `vendor_base` is the `retry_base` of its vendor's row.
    """
    said = _said(retries)
    for pattern, narrower in retries.models.items():
        if means(pattern, name):
            said |= _said(narrower)
    return Rule(
        attempts=said["attempts"],
        base=said.get("base", vendor_base),
        cap=said["cap"],
        jitter=said["jitter"],
        never=frozenset(said["never"]),
        patience=retries.patience,
    )


def means(pattern: str, name: str) -> bool:
    """Whether a name or glob of the settings means the model called `name`; in any case of letters."""
    return _compiled(pattern).match(name) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.IGNORECASE)


def _said(rule: RetryRule) -> dict[str, Any]:
    return {field: value for field in _FIELDS if (value := getattr(rule, field)) is not None}


def passing(fault: Fault) -> bool:
    """Whether the same model may answer soon: nobody is waited for who cannot even be reached."""
    return fault.retry is Retry.LATER and fault.category is not Category.UNREACHABLE


def leaves_a_trace(event: Event) -> bool:
    """Whether a fold keeps it, so that another attempt has to begin with `Restarted`."""
    return isinstance(event, Text | Reasoning | ToolCallDelta | UsageReport)


def in_short(message: str, *, limit: int = 80) -> str:
    """A failure's message in one line of at most `limit` characters."""
    line = " ".join(message.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class RetryBudget:
    """Retries within a minute: a share of the calls of the same provider, or ten if that is more.

    It keeps an outage from multiplying the load on whoever has it. Times are in seconds of any clock that
    does not go back.
    """

    def __init__(self, share: float = 0.2) -> None:
        self._share = share
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._retries: defaultdict[str, deque[float]] = defaultdict(deque)

    def called(self, provider: str, now: float) -> None:
        """A call that is no retry goes out to `provider`."""
        self._recent(self._calls, provider, now).append(now)

    def spend(self, provider: str, now: float) -> bool:
        """Take one retry; whether there was one."""
        retries = self._recent(self._retries, provider, now)
        calls = self._recent(self._calls, provider, now)
        if len(retries) >= max(ALWAYS_ALLOWED, int(self._share * len(calls))):
            return False
        retries.append(now)
        return True

    @staticmethod
    def _recent(times: defaultdict[str, deque[float]], provider: str, now: float) -> deque[float]:
        recent = times[provider]
        while recent and recent[0] <= now - WINDOW:
            recent.popleft()
        return recent
