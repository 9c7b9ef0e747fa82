"""Findings on the way: what was told in which part of a review, put together. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from panvox.review.findings.findings import Finding, Severity
from panvox.review.findings.heads import TEXT, TITLE, Head, filling, label_of, plain
from panvox.review.findings.places import Place, Places
from panvox.review.findings.words import finds_none, severity_of


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A finding before its place is held against the file; what nobody told is None or empty."""

    title: str = ""
    text: str = ""
    severity: Severity | None = None
    place: Place | None = None

    def told(self, labels: Draft) -> Draft:
        """With what labelled lines tell in the place of what is missing."""
        placed = self.place is not None and self.place.line is not None
        place = self.place if placed or labels.place is None else labels.place
        return Draft(
            title=labels.title if filling(self.title) and labels.title else self.title,
            text=self.text,
            severity=labels.severity or self.severity,
            place=place,
        )


def draft_of(head: Head, text: str, severity: Severity | None, path: str) -> Draft:
    """What a first line tells, with what its section says of severity and file."""
    place = head.place or (Place(path, None, None) if path else None)
    return Draft(title=head.title, text=text, severity=head.severity or severity, place=place)


def told_by_labels(lines: Iterable[str], places: Places, within: str) -> Draft:
    """What labelled lines such as `Location: src/a.py:12` tell; the first of each kind counts."""
    told: dict[str, str] = {}
    for line in lines:
        if (label := label_of(line)) is not None:
            told.setdefault(label[0], label[1])
    severity = severity_of(told.get("severity", ""))
    place = places.find(told.get("place", ""))
    within = place.path if place is not None else within
    if within and (place is None or place.line is None):
        spoken = " ".join(
            f"line {told[kind]}" if kind == "line" else told[kind]
            for kind in ("place", "line")
            if kind in told
        )
        place = places.within(within, spoken) if spoken else place
    return Draft(title=plain(told.get("title", ""))[:TITLE], severity=severity, place=place)


def finding_of(draft: Draft, model: str, lineage: str, places: Places) -> Finding | None:
    """The finding, at the line that it quotes; None where nothing is said."""
    if filling(draft.title) or finds_none(draft.title):
        return None
    text = draft.text.strip()[:TEXT]
    place = draft.place
    if place is not None:
        place = places.corrected(place, f"{draft.title}\n{text}")
    return Finding(
        model=model,
        lineage=lineage,
        title=draft.title,
        text=text,
        severity=draft.severity,
        path=place.path if place else "",
        line=place.line if place else None,
        end_line=place.end_line if place else None,
    )
