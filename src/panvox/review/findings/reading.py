"""From a model's review in whatever layout to its findings. Pure, linear in the text.

    text ─► JSON? ─► findings
         └► lines ─► sections ─► heading that is a finding, items, rows, paragraphs ─► drafts ─► findings

What stands in a code block is never a finding; nested items belong to the one above them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from panvox.plain_text import clean
from panvox.review.findings.drafts import Draft, draft_of, finding_of, told_by_labels
from panvox.review.findings.findings import Finding, Severity
from panvox.review.findings.heads import Head, filling, head_of, label_of, labels_only, plain
from panvox.review.findings.json_reading import drafts_in_json
from panvox.review.findings.layout import Kind, Line, lines_of
from panvox.review.findings.places import Places
from panvox.review.findings.tables import drafts_in_table
from panvox.review.findings.words import finds_none, passed_over, praises
from panvox.review.material import InputFile

MOST = 500
"""Findings that are read of one review."""


def read_findings(
    model: str, lineage: str, text: str, files: Sequence[InputFile] | Places
) -> tuple[Finding, ...]:
    """The issues that a review lists, in its order, at most `MOST`.

    Who reads many reviews gives `Places.of(files)`, which is then made once.
    """
    places = files if isinstance(files, Places) else Places.of(files)
    text = clean(text)
    drafts = drafts_in_json(text, places) or _in_markdown(text, places)
    found = (finding_of(draft, model, lineage, places) for draft in drafts)
    return tuple(islice((finding for finding in found if finding is not None), MOST))


def says_none(text: str) -> bool:
    """Whether a review says that there is nothing to tell, in a sentence or as an empty list of JSON."""
    shown = clean(text[:20_000])
    if shown.strip().strip("`").removeprefix("json").strip() in ("[]", "{}"):
        return True
    said = (plain(line.text) for line in lines_of(shown) if line.kind not in (Kind.CODE, Kind.BLANK))
    return any(finds_none(sentence.strip()) for line in said for sentence in line.split(". ")[:20])


@dataclass(slots=True)
class _Section:
    """A heading with what stands below it; `severity` and `path` hold for all of it."""

    head: Head
    depth: int
    severity: Severity | None = None
    path: str = ""
    skipped: bool = False
    filling: bool = True
    lines: list[Line] = field(default_factory=list)


def _in_markdown(text: str, places: Places) -> Iterator[Draft]:
    for section in _sections(text, places):
        if not section.skipped:
            yield from _in_section(section, places)


def _sections(text: str, places: Places) -> list[_Section]:
    """The sections of a review; what a heading above says of severity and file holds below it, too."""
    section = _Section(Head(title=""), 0)
    sections, above = [section], [section]
    for line in lines_of(text):
        if line.kind is not Kind.HEADING or labels_only(line.text) or _is_label(line):
            section.lines.append(line)
            continue
        while len(above) > 1 and above[-1].depth >= line.depth:
            above.pop()
        section = _section(line, above[-1], places)
        sections.append(section)
        above.append(section)
    return sections


def _is_label(line: Line) -> bool:
    """Whether a bold line tells one fact of a finding, such as `**Location: src/a.py:12**`."""
    label = label_of(line.text)
    return label is not None and bool(label[1].strip())


def _section(line: Line, above: _Section, places: Places) -> _Section:
    head = head_of(line.text, places, within=above.path)
    named = head.place if head.place is not None and head.place.end else None
    empty = filling(head.title)
    about_file = named is not None and (empty or plain(line.text).strip("`") == named.path)
    only = plain(line.text)
    skipped = (
        (above.skipped and not (head.severity or named))
        or passed_over(plain(head.title))
        or passed_over(only)
    )
    return _Section(
        head=head,
        depth=line.depth,
        severity=head.severity or (above.severity if above.filling else None),
        path=named.path if named is not None and about_file else above.path,
        skipped=skipped,
        filling=empty or about_file,
    )


def _in_section(section: _Section, places: Places) -> Iterator[Draft]:
    if section.filling or not _is_finding(section, places):
        yield from _items(section, places)
        return
    body = "\n".join(_shown(line) for line in section.lines)
    draft = draft_of(section.head, body, section.severity, section.path)
    labelled = told_by_labels(_plain_lines(section.lines), places, section.path)
    yield draft.told(labelled)


def _is_finding(section: _Section, places: Places) -> bool:
    """Whether a heading names one issue, rather than a topic with issues below it."""
    head = section.head
    marked = any(_marked(line, places) for line in section.lines if line.kind is Kind.ITEM and line.depth < 2)
    if head.severity is not None or (head.place is not None and head.place.line and head.place.end):
        return True
    if marked or any(line.kind is Kind.ROW for line in section.lines):
        return False
    labels = {
        label[0]
        for line in section.lines
        if line.kind in (Kind.ITEM, Kind.TEXT) and (label := label_of(line.text))
    }
    return bool(labels & {"place", "severity", "line", "title"}) or (head.numbered and bool(section.lines))


def _marked(line: Line, places: Places) -> bool:
    """Whether an item has a severity or a place of its own and is no label."""
    if label_of(line.text) is not None:
        return False
    head = head_of(line.text, places)
    return bool(head.title) and (
        head.severity is not None or (head.place is not None and head.place.line is not None)
    )


@dataclass(slots=True)
class _Item:
    """An item with the lines that belong to it, and a row of tables met on the way."""

    first: Line
    lines: list[Line] = field(default_factory=list)


def _items(section: _Section, places: Places) -> Iterator[Draft]:
    """The items, rows and paragraphs of a section that are findings of their own."""
    item: _Item | None = None
    rows: list[str] = []
    for line in (*section.lines, Line(Kind.BLANK, "")):
        if line.kind is Kind.ROW and item is None:
            rows.append(line.text)
            continue
        if rows:
            yield from drafts_in_table(rows, places, section.severity, section.path)
            rows = []
        if _begins(line, item, places):
            if item is not None:
                yield from _of_item(item, section, places)
            item = _Item(line)
        elif item is not None:
            item.lines.append(line)
    if item is not None:
        yield from _of_item(item, section, places)


def _begins(line: Line, item: _Item | None, places: Places) -> bool:
    """Whether a line begins the next finding: an item that is not nested, a paragraph marked as one."""
    if line.kind is Kind.ITEM:
        if item is None or item.first.kind is Kind.TEXT:
            return label_of(line.text) is None or item is None
        nested = line.depth > item.first.depth + 1 or (item.first.numbered and not line.numbered)
        return not nested and (label_of(line.text) is None or label_of(item.first.text) is not None)
    if line.kind is not Kind.TEXT or line.depth > 1:
        return False
    head = head_of(line.text, places)
    placed = head.place is not None and head.place.line is not None and head.place.start <= 3
    return bool(head.title) and (head.severity is not None or placed) and label_of(line.text) is None


def _of_item(item: _Item, section: _Section, places: Places) -> Iterator[Draft]:
    said = item.first.text
    if finds_none(plain(said)) or passed_over(plain(said)) or (label_of(said) is not None and not item.lines):
        return
    head = head_of(said, places, within=section.path)
    if filling(head.title) and item.lines:
        head = _titled(head, item, places)
    if filling(head.title) or (head.severity is None and head.place is None and praises(plain(said))):
        return
    body = "\n".join(_shown(line) for line in item.lines)
    draft = draft_of(head, "\n".join(filter(None, (head.rest, body))), section.severity, section.path)
    yield draft.told(told_by_labels(_plain_lines(item.lines), places, section.path))


def _titled(head: Head, item: _Item, places: Places) -> Head:
    """`head`, whose line says no more than severity and place, with the title that the next line tells."""
    following = next((line for line in item.lines if line.kind in (Kind.TEXT, Kind.ITEM)), None)
    if following is None or label_of(following.text) is not None:
        return head
    told = head_of(following.text, places)
    item.lines.remove(following)
    return Head(
        title=told.title,
        rest=told.rest,
        severity=head.severity or told.severity,
        place=head.place if head.place is not None and head.place.line else told.place or head.place,
    )


def _plain_lines(lines: Sequence[Line]) -> Iterator[str]:
    return (line.text for line in lines if line.kind in (Kind.TEXT, Kind.ITEM, Kind.HEADING))


def _shown(line: Line) -> str:
    """A line as text of its finding."""
    if line.kind is Kind.ITEM:
        return f"{' ' * min(line.depth, 12)}- {line.text}"
    return f"**{line.text}**" if line.kind is Kind.HEADING else line.text
