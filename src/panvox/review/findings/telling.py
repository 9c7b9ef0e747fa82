"""Issues as files and as a section of a page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from panvox.plain_text import one_line
from panvox.protocols import Embedder
from panvox.review.findings.findings import Finding, Findings, Issue
from panvox.review.findings.grouping import grouped
from panvox.review.findings.places import Places
from panvox.review.findings.reading import read_findings, says_none
from panvox.review.markdown import inline
from panvox.review.material import InputFile


def findings_of(
    reviews: Iterable[tuple[str, str, str]], files: Sequence[InputFile], *, embedder: Embedder | None = None
) -> Findings:
    """The issues that reviews tell: each is a model, its lineage and its text. CPU time: call it in a thread.

    A review of which nothing could be read, and that does not say that there is nothing, is `unread`.
    """
    places = Places.of(files)
    found: dict[str, tuple[Finding, ...]] = {}
    lineages: dict[str, str] = {}
    unread = []
    for model, lineage, text in reviews:
        found[model] = read_findings(model, lineage, text, places)
        lineages[model] = lineage
        if not found[model] and not says_none(text):
            unread.append(model)
    return grouped(found, lineages, unread=unread, embedder=embedder)


def encode(findings: Findings) -> bytes:
    """The bytes of `findings.json`, which `Findings` documents."""
    return msgspec.json.format(msgspec.json.encode(findings), indent=1) + b"\n"


def place_of(issue: Issue) -> str:
    """`src/a.py:12-20`, as far as it is known; empty for an issue of no file."""
    if not issue.path or not issue.line:
        return issue.path
    return f"{issue.path}:{issue.line}" + (f"-{issue.end_line}" if issue.end_line else "")


def agreement(issue: Issue, findings: Findings) -> str:
    """`9 of 31 lineages`."""
    return (
        f"{issue.lineages:,} of {findings.lineages:,} {'lineage' if findings.lineages == 1 else 'lineages'}"
    )


def findings_section(findings: Findings, *, most: int = 20) -> str:
    """A section of Markdown: what most lineages tell first, at most `most` issues; nothing in it is obeyed."""
    lines = ["## Findings", "", _counts(findings), ""]
    for issue in findings.issues[:most]:
        severity = issue.severity.value if issue.severity else ""
        parts = (f"**{agreement(issue, findings)}**", severity, inline(place_of(issue)), inline(issue.title))
        lines.append("- " + " · ".join(filter(None, parts)))
    if len(findings.issues) > most:
        lines.append(f"- and {len(findings.issues) - most:,} more in `findings.json`")
    if findings.unread:
        named = ", ".join(inline(one_line(model)) for model in findings.unread[:most])
        more = f" and {len(findings.unread) - most:,} more" if len(findings.unread) > most else ""
        lines += ["", f"Reviews without a list that could be read: {named}{more}."]
    return "\n".join(lines).rstrip() + "\n"


def _counts(findings: Findings) -> str:
    alone = sum(issue.lineages == 1 for issue in findings.issues)
    told = f"{len(findings.issues):,} {'issue' if len(findings.issues) == 1 else 'issues'}"
    reviews = f"{findings.reviews:,} {'review' if findings.reviews == 1 else 'reviews'}"
    return f"{told} in {reviews}, {alone:,} of them told by one lineage alone."
