"""The values of `findings.json`."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One issue of one model's review. Lines count from 1; None where it names no place.

    `path` is that of a file that was reviewed; a name that is none of them stays in the title.
    """

    model: str
    lineage: str
    title: str
    text: str = ""
    severity: Severity | None = None
    path: str = ""
    line: int | None = None
    end_line: int | None = None


class Issue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Findings that are about the same thing, told in the words of the one nearest to all.

    `lineages` is how many different weights tell it, `share` their part of all lineages that reviewed what it
    is about. `members` are their names. `id` is made of path and title: where a later review tells the issue
    alike, it has the same. `severity` is the median of what lineages tell, the lines what most of them name.
    """

    id: str
    title: str
    text: str = ""
    severity: Severity | None = None
    path: str = ""
    line: int | None = None
    end_line: int | None = None
    members: tuple[str, ...] = ()
    lineages: int = 0
    share: float = 0.0
    findings: tuple[Finding, ...] = ()


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `findings.json`: issues by agreement, what most tell first, unique ones kept.

    `reviews` counts the reviews that were read, `lineages` the different weights behind them; `unread` names
    the models whose review lists no issue that could be read.
    """

    version: int = 1
    issues: tuple[Issue, ...]
    reviews: int
    lineages: int
    unread: tuple[str, ...] = ()
