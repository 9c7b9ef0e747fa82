"""Findings of all reviews as issues: each with who tells it, ranked by how many lineages do. Pure.

The order of models does not matter: findings are put into an order of their own first.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from panvox.embedding import default_embedder
from panvox.protocols import Embedder
from panvox.review.findings.findings import Finding, Findings, Issue, Severity

if TYPE_CHECKING:  # a tenth of a second, loaded when there is something to group
    from panvox.review.findings.closeness import Needed, Vectors

_SEVERITIES = tuple(Severity)
_SYMBOL = re.compile(r"`(\w{3,60})(?:\(\))?`")
_EMBEDDED = 300
"""Characters of a text that its vector heeds, behind the title."""


def grouped(
    found: Mapping[str, Sequence[Finding]],
    reviewers: Mapping[str, str],
    *,
    unread: Collection[str] = (),
    embedder: Embedder | None = None,
    needed: Needed | None = None,
) -> Findings:
    """The issues that reviews tell, by model; `reviewers` has the lineage of each model that reviewed.

    A review without findings counts among those that were read, unless its model is in `unread`. Takes CPU
    time alone, about a second for some thousands of findings: call it in a thread.
    """
    told = sorted((finding for findings in found.values() for finding in findings), key=_order)
    read = {model: lineage or model for model, lineage in reviewers.items() if model not in unread}
    lineages = len(set(read.values()))
    groups = _groups(told, embedder, needed) if told else []
    issues = sorted((_issue(each, centre, lineages) for each, centre in groups), key=_rank)
    return Findings(issues=_named(issues), reviews=len(read), lineages=lineages, unread=tuple(sorted(unread)))


def _groups(
    told: Sequence[Finding], embedder: Embedder | None, needed: Needed | None
) -> list[tuple[list[Finding], Finding]]:
    """The findings of each issue, with the one that is told for all: by file, then those that name none."""
    from panvox.review.findings import closeness  # noqa: PLC0415 - imports numpy

    needed = needed or closeness.Needed()
    vectors = _vectors(told, embedder or default_embedder())
    groups: list[closeness.Group] = []
    placeless: list[int] = []
    for path, of_file in groupby(range(len(told)), key=lambda number: told[number].path):
        if path:
            groups += closeness.groups_of(told, vectors, list(of_file), needed)
        else:
            placeless = list(of_file)
    members = [list(group.members) for group in groups]
    centres = vectors[[group.centre for group in groups]]
    left = []
    named = _by_symbol(told, members)
    alike = {number: _sharing(told[number], named) for number in placeless}
    for number, group in closeness.attached(centres, vectors, placeless, needed, alike):
        if group is None:
            left.append(number)
        else:
            members[group].append(number)
    members += [list(group.members) for group in closeness.groups_of(told, vectors, left, needed)]
    return [([told[n] for n in sorted(each)], told[_central(each, told, vectors)]) for each in members]


def _by_symbol(told: Sequence[Finding], members: Sequence[Sequence[int]]) -> Mapping[str, set[int]]:
    """Which groups have a title that names a symbol, such as `find_user`."""
    named: defaultdict[str, set[int]] = defaultdict(set)
    for group, numbers in enumerate(members):
        for number in numbers:
            for symbol in _SYMBOL.findall(told[number].title):
                named[symbol].add(group)
    return named


def _sharing(finding: Finding, named: Mapping[str, set[int]]) -> Sequence[int]:
    symbols = _SYMBOL.findall(finding.title)
    return sorted(set().union(*(named[symbol] for symbol in symbols if symbol in named)))


def _vectors(told: Sequence[Finding], embedder: Embedder) -> Vectors:
    """A row for each finding; the same words are embedded once."""
    texts = [f"{finding.title}. {finding.text[:_EMBEDDED]}" for finding in told]
    rows = {text: row for row, text in enumerate(sorted(set(texts)))}
    return embedder.embed(list(rows))[[rows[text] for text in texts]]


def _central(numbers: Sequence[int], told: Sequence[Finding], vectors: Vectors) -> int:
    """The one nearest to all of a group, of those with the best place: a line, else a file, else any."""
    placed = [n for n in numbers if told[n].line] or [n for n in numbers if told[n].path] or numbers
    nearness = vectors[list(placed)] @ vectors[list(numbers)].mean(axis=0)
    return min(zip((-nearness).round(5).tolist(), placed, strict=True))[1]


def _issue(findings: Sequence[Finding], centre: Finding, reviewed: int) -> Issue:
    lineages = {_lineage(finding) for finding in findings}
    line, end_line = _lines(findings)
    return Issue(
        id="",
        title=centre.title,
        text=centre.text,
        severity=_severity(findings),
        path=centre.path,
        line=line,
        end_line=end_line,
        members=tuple(sorted({finding.model for finding in findings})),
        lineages=len(lineages),
        share=min(1.0, len(lineages) / reviewed) if reviewed else 0.0,
        findings=tuple(findings),
    )


def _lineage(finding: Finding) -> str:
    return finding.lineage or finding.model


def _severity(findings: Iterable[Finding]) -> Severity | None:
    """The median of what lineages tell, each by its own median; of two in the middle the worse one."""
    told: defaultdict[str, list[int]] = defaultdict(list)
    for finding in findings:
        if finding.severity is not None:
            told[_lineage(finding)].append(_SEVERITIES.index(finding.severity))
    medians = [_median(each) for each in told.values()]
    return _SEVERITIES[_median(medians)] if medians else None


def _median(values: Sequence[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]


def _lines(findings: Iterable[Finding]) -> tuple[int | None, int | None]:
    """The lines that most lineages name; of equals those that come first."""
    told = {(_lineage(each), each.line, each.end_line or each.line) for each in findings if each.line}
    counts = Counter((line, end) for _, line, end in told)
    if not counts:
        return None, None
    line, end = min(counts, key=lambda lines: (-counts[lines], lines[0] or 0, lines[1] or 0))
    return line, end if end != line else None


def _order(finding: Finding) -> tuple[str | int, ...]:
    severity = len(_SEVERITIES) if finding.severity is None else _SEVERITIES.index(finding.severity)
    where = (finding.path, finding.line or 0, finding.end_line or 0)
    return *where, finding.title, finding.text, severity, finding.lineage, finding.model


def _rank(issue: Issue) -> tuple[str | int, ...]:
    """Most lineages first, then the worst, then by place."""
    severity = len(_SEVERITIES) if issue.severity is None else _SEVERITIES.index(issue.severity)
    return -issue.lineages, severity, issue.path, issue.line or 0, *_order(issue.findings[0])


def _named(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """With ids that depend on path and title, so that a later review gives an issue told alike the same."""
    seen: Counter[str] = Counter()
    named = []
    for issue in issues:
        mark = hashlib.sha256(f"{issue.path}\0{issue.title.casefold()}".encode()).hexdigest()[:12]
        seen[mark] += 1
        named.append(msgspec.structs.replace(issue, id=mark if seen[mark] == 1 else f"{mark}-{seen[mark]}"))
    return tuple(named)
