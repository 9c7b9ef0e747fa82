"""`--explain`: what each answer counted, and why.

Answers stand under their group, the weightiest first; the groups, and at the end all together, are summed up.
What was not let vote follows with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from panvox.cli import wording
from panvox.cli.text import one_line, shorten
from panvox.figures import percent, plural
from panvox.messages import Identity, Outcome
from panvox.verdicts import Filtered, Verdict, Vote

UNKNOWN = (
    "How each answer counted is not known of this turn: it was kept by an earlier version, or has not ended."
)

_STRENGTH, _PART, _QUALITY, _VOTES = 8, 5, 7, 7
"""Cells of the columns of figures."""
_ROOMY = 64
"""Cells from which a line has room for who stands behind a group."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Cells of the columns of names; 0 leaves one out."""

    member: int
    lineage: int


def votes_table(verdict: Verdict, outcomes: Sequence[Outcome], *, width: int) -> Text:
    """A line for each answer in at most `width` cells: lineage, strength, shared part, quality, votes."""
    if not verdict.votes and not verdict.filtered:
        return Text(UNKNOWN, style="dim")
    speakers = {outcome.member.name: outcome.speaker for outcome in outcomes}
    columns = _columns(verdict, speakers, min(width, 160))
    lines = [_header(columns), *_groups(verdict, speakers, columns), _total(verdict, columns)]
    if verdict.filtered:
        lines += [Text(), Text(f"{plural(len(verdict.filtered), 'answer')} did not vote", style="bold cyan")]
        lines += [_filtered(each, columns) for each in verdict.filtered]
    for line in lines:
        line.truncate(max(width, 1), overflow="ellipsis")
    return Text("\n").join(lines)


def _columns(verdict: Verdict, speakers: Mapping[str, Identity], width: int) -> _Columns:
    members = [*(vote.member for vote in verdict.votes), *(each.member for each in verdict.filtered)]
    room = width - 2 - sum(cells + 2 for cells in (_STRENGTH, _PART, _QUALITY, _VOTES))
    longest = max(cell_len(one_line(name)) for name in members)
    lineages = max(cell_len(_lineage(speakers.get(name))) for name in members)
    lineage = min(max(lineages, len("lineage")), 24, room - min(longest, 26) - 2)
    if not lineages or lineage < len("lineage"):
        lineage = 0
    room -= lineage + 2 if lineage else 0
    return _Columns(max(12, min(max(longest, 24), room)), lineage)


def _lineage(speaker: Identity | None) -> str:
    return one_line(speaker.lineage or speaker.name) if speaker else ""


def _header(columns: _Columns) -> Text:
    return Text(_cells(columns, "model", "lineage", "strength", "part", "quality", "votes"), style="dim")


def _cells(columns: _Columns, member: str, lineage: str, *of: str) -> str:
    """A line; `of` are the figures from strength to votes."""
    cells = [wording.fit(member, columns.member + 2)]
    if columns.lineage:
        cells.append(wording.fit(lineage, columns.lineage))
    widths = (_STRENGTH, _PART, _QUALITY, _VOTES)
    return "  ".join([*cells, *(figure.rjust(width) for figure, width in zip(of, widths, strict=True))])


def _groups(verdict: Verdict, speakers: Mapping[str, Identity], columns: _Columns) -> Iterator[Text]:
    width = len(_cells(columns, *[""] * 6))
    noun = "sample" if verdict.lineages == 1 < verdict.answered else "model"
    for number, group in enumerate(verdict.groups):
        here = sorted(
            (vote for vote in verdict.votes if vote.group == number),
            key=lambda vote: (-vote.weight, vote.member),
        )
        if not here:
            continue
        said = f"  {percent(group.share)} of the vote"
        if width >= _ROOMY:
            said += f" from {wording.supporters(group, noun=noun)}"
        answer = wording.fit(one_line(group.answer), max(4, width - len(said) - _VOTES - 2)).rstrip()
        line = Text.assemble((answer, "bold green" if number == 0 else "bold yellow"), (said, "dim"))
        line.append(f"{sum(vote.weight for vote in here):.2f}".rjust(width - line.cell_len), style="bold")
        yield line
        yield from (_vote(vote, speakers.get(vote.member), columns) for vote in here)


def _vote(vote: Vote, speaker: Identity | None, columns: _Columns) -> Text:
    name = f"  {shorten(one_line(vote.member), columns.member)}"
    strength = "-" if vote.strength is None else percent(vote.strength)
    quality = "-" if vote.quality is None else f"{vote.quality:.2f}"
    part = _part(vote.part)
    return Text(_cells(columns, name, _lineage(speaker), strength, part, quality, f"{vote.weight:.2f}"))


def _part(part: float) -> str:
    """The part of a vote: a fraction where it is one, such as 1/3."""
    whole = round(1 / part) if part > 0.001 else 0
    if whole and abs(part * whole - 1) < 0.005:
        return "1" if whole == 1 else f"1/{whole}"
    return f"{part:.2f}"


def _total(verdict: Verdict, columns: _Columns) -> Text:
    total = sum(vote.weight for vote in verdict.votes)
    counted = plural(len(verdict.votes), "answer")
    worth = "" if verdict.effective is None else f", worth {wording.independent_votes(verdict.effective)}"
    width = len(_cells(columns, *[""] * 6))
    said = wording.fit(f"all {counted}{worth}", width - _VOTES - 2)
    return Text(f"{said}  {f'{total:.2f}'.rjust(_VOTES)}", style="bold")


def _filtered(each: Filtered, columns: _Columns) -> Text:
    name = wording.fit(f"  {shorten(one_line(each.member), columns.member)}", columns.member + 2)
    return Text.assemble(name, (f"  {one_line(each.check)}", "yellow"), (f"  {one_line(each.reason)}", "dim"))
