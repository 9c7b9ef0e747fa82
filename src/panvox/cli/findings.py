"""Issues that reviews tell, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from panvox.figures import plural
from panvox.plain_text import one_line
from panvox.review.findings import Findings, Issue, Severity
from panvox.review.findings.telling import agreement, place_of

_STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow"}


def findings_lines(findings: Findings, *, most: int, width: int) -> Iterator[Text]:
    """`9 of 31 lineages · high · src/a.py:12 · title`, cut to `width` cells; what is left out is counted."""
    shown = findings.issues[:most]
    counted = [agreement(issue, findings) for issue in shown]
    longest = max(map(cell_len, counted), default=0)
    for issue, count in zip(shown, counted, strict=True):
        line = _line(issue, count.rjust(longest))
        line.truncate(width, overflow="ellipsis")
        yield line
    if more := len(findings.issues) - len(shown):
        yield Text(f"and {plural(more, 'more issue')} in findings.json", style="dim")
    if findings.unread:
        yield Text(f"{plural(len(findings.unread), 'review')} without a list that could be read", style="dim")


def _line(issue: Issue, count: str) -> Text:
    line = Text(count, no_wrap=True, overflow="ellipsis")
    if issue.severity is not None:
        line.append(" · ").append(issue.severity.value, style=_STYLES.get(issue.severity, ""))
    if place := one_line(place_of(issue)):
        line.append(" · ").append(place, style="cyan")
    return line.append(f" · {one_line(issue.title)}")
