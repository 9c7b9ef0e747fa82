"""Tables of findings: a row each, by the names of the columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from panvox.review.findings.drafts import Draft
from panvox.review.findings.findings import Severity
from panvox.review.findings.heads import TITLE, head_of, plain
from panvox.review.findings.layout import cells, is_separator
from panvox.review.findings.places import Place, Places
from panvox.review.findings.words import LABELS, severity_of

_TITLES = frozenset(
    "summary what bug vulnerability defect beschreibung description details comment note".split()
)


def drafts_in_table(
    rows: Sequence[str], places: Places, severity: Severity | None, path: str
) -> Iterator[Draft]:
    """The rows of a table that has a column of issues and one that tells a severity, a file or a line."""
    if len(rows) < 3 or not is_separator(rows[1]):
        return
    columns = _columns(cells(rows[0]))
    if "title" not in columns or not columns.keys() & {"severity", "place", "line"}:
        return
    for row in rows[2:]:
        told = cells(row)
        yield _draft(
            {kind: told[at] for kind, at in columns.items() if at < len(told)}, places, severity, path
        )


def _columns(names: Sequence[str]) -> Mapping[str, int]:
    """Which column tells what; the first text is the title where no column is called so."""
    found: dict[str, int] = {}
    for at, name in enumerate(names):
        words = plain(name).lower().replace("/", " ").replace("(", " ").split()
        kind = next((LABELS[word] for word in words if word in LABELS), None)
        if kind is None and any(word in _TITLES for word in words):
            kind = "text"
        if kind is not None:
            found.setdefault(kind, at)
    if "title" not in found and "text" in found:
        found["title"] = found.pop("text")
    return found


def _draft(told: Mapping[str, str], places: Places, severity: Severity | None, path: str) -> Draft:
    head = head_of(told.get("title", ""), places)
    place = places.find(told.get("place", "")) or (head.place if "place" not in told else None)
    within = place.path if place else path
    if within and (place is None or place.line is None) and told.get("line"):
        place = places.within(within, f"line {told['line'].strip('`L ')}")
    return Draft(
        title=head.title[:TITLE],
        text="\n".join(filter(None, (head.rest, told.get("text", "")))),
        severity=severity_of(told.get("severity", "")) or head.severity or severity,
        place=place or (Place(path, None, None) if path else None),
    )
