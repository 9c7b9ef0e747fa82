"""Findings that come as JSON, bare or in a fence, with the names of fields that models use. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from panvox.review.findings.drafts import Draft
from panvox.review.findings.findings import Severity
from panvox.review.findings.heads import TITLE, head_of, plain
from panvox.review.findings.layout import LONGEST
from panvox.review.findings.places import Place, Places
from panvox.review.findings.words import severity_of

_FENCED = re.compile(r"^[ \t]{0,8}```[ \t]{0,4}(?:json5?|jsonc)?[ \t]{0,8}\n", re.MULTILINE | re.IGNORECASE)
_BARE = re.compile(r"^[\[{]", re.MULTILINE)
_LISTS = (
    "findings",
    "issues",
    "results",
    "problems",
    "vulnerabilities",
    "comments",
    "review",
    "reviews",
    "bugs",
    "items",
)
_TITLES = (
    "title",
    "issue",
    "summary",
    "message",
    "problem",
    "finding",
    "name",
    "comment",
    "description",
    "what",
)
_TEXTS = (
    *("description", "details", "detail", "explanation", "body", "why", "rationale", "impact"),
    *("recommendation", "suggestion", "fix"),
)
_SEVERITIES = ("severity", "level", "priority", "risk")
_PATHS = ("path", "file", "filename", "file_path", "filepath", "file_name", "location", "uri", "where")
_LINES = (
    "line",
    "line_number",
    "lineno",
    "start_line",
    "startline",
    "line_start",
    "linestart",
    "lines",
    "linenumber",
)
_ENDS = ("end_line", "endline", "line_end", "lineend")
_TRIED = 20
_DEEP = 4


def drafts_in_json(text: str, places: Places) -> Sequence[Draft]:
    """The findings of all lists in JSON that a review holds; none where there is no such list."""
    found: list[Draft] = []
    for document in _documents(text[:LONGEST]):
        found.extend(_draft(each, places) for each in _entries(document, _DEEP))
    return found


def _documents(text: str) -> Iterator[object]:
    for opening, _ in zip(_FENCED.finditer(text), range(_TRIED), strict=False):
        end = text.find("\n```", opening.end() - 1)
        if text[opening.end() : opening.end() + 200].lstrip()[:1] in ("[", "{"):
            yield from _decoded(text[opening.end() : end if end >= 0 else len(text)])
    if "```" not in text and (bare := _BARE.search(text)) is not None:
        end = max(text.rfind("]"), text.rfind("}"))
        yield from _decoded(text[bare.start() : end + 1])


def _decoded(document: str) -> Iterator[object]:
    try:
        yield msgspec.json.decode(document.strip())
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return


def _entries(value: object, deep: int) -> Iterator[Mapping[str, object]]:
    if deep == 0:
        return
    if isinstance(value, list):
        for each in value:
            yield from _entries(each, deep - 1)
    elif isinstance(value, dict):
        fields = {str(name).lower(): told for name, told in value.items()}
        lists = [fields[name] for name in _LISTS if isinstance(fields.get(name), list)]
        if lists:
            for each in lists:
                yield from _entries(each, deep - 1)
        elif _text(fields, _TITLES) and any(name in fields for name in (*_SEVERITIES, *_PATHS, *_LINES)):
            yield fields


def _draft(fields: Mapping[str, object], places: Places) -> Draft:
    title = _text(fields, _TITLES)
    head = head_of(title, places)
    texts = (
        str(fields[name]) for name in _TEXTS if isinstance(fields.get(name), str) and fields[name] != title
    )
    return Draft(
        title=(head.title or plain(title))[:TITLE],
        text="\n".join(filter(None, (head.rest, *texts))),
        severity=_severity(fields) or head.severity,
        place=_place(fields, places) or head.place,
    )


def _severity(fields: Mapping[str, object]) -> Severity | None:
    return severity_of(_text(fields, _SEVERITIES))


def _place(fields: Mapping[str, object], places: Places) -> Place | None:
    where = next((fields[name] for name in _PATHS if fields.get(name)), None)
    if isinstance(where, dict):
        inner = {str(name).lower(): told for name, told in where.items()}
        return _place(
            {**{name: told for name, told in fields.items() if name in (*_LINES, *_ENDS)}, **inner}, places
        )
    place = places.find(where) if isinstance(where, str) else None
    if place is None or place.line is not None:
        return place
    line, end = _text(fields, _LINES), _text(fields, _ENDS)
    told = f"{line}-{end}" if end and "-" not in line else line
    return places.within(place.path, f"line {told}") if told else place


def _text(fields: Mapping[str, object], names: Sequence[str]) -> str:
    """The first of these fields that tells something; numbers as they are, pairs of numbers as a range."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list) and 0 < len(value) <= 2 and all(isinstance(each, int) for each in value):
            return "-".join(map(str, value))
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""
