"""The groups of a verdict, the minority kept, and what the minority says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from panvox.cli.text import clean, one_line
from panvox.cli.wording import cut_name, few_alike, fit, flowed, names, some_names, supporters
from panvox.figures import percent, plural
from panvox.messages import Outcome
from panvox.verdicts import Group, Verdict

GROUPS_SHOWN = 8
FEW_SHOWN = 3
"""Groups that are shown of free texts, which are nearly all groups of one."""
LEAST_ANSWER = 12
LEAST_NAMES = 16
"""Cells that answers have, and that names need to be worth a column."""

SHOWN = 5
"""Best answers that are shown; a verdict has more for judges."""


def groups_table(verdict: Verdict, width: int) -> Table:
    """A line for each group, largest first: its share, its answer, who stands behind it."""
    groups, several = verdict.groups, verdict.lineages != 1
    most = FEW_SHOWN if few_alike(verdict) else GROUPS_SHOWN
    shown, hidden = groups[:most], groups[most:]
    bar = 12 if width >= 76 else 8
    rest = f"and {plural(len(hidden), 'more group')}" if hidden else ""
    counted = [supporters(group) for group in shown]
    shared = several and any(group.lineages not in (0, len(group.members)) for group in shown)
    counts = max(map(cell_len, counted)) + 2 if shared else 0
    if width - bar - 8 - counts < LEAST_ANSWER:
        shared, counts = False, 0
    longest = max(len(rest), *(cell_len(one_line(group.answer)) for group in shown))
    left = width - bar - 8 - counts
    answer = min(longest, max(LEAST_ANSWER, left * 6 // 10))
    named = left - answer - 2
    if shared and named < LEAST_NAMES:
        answer, named = min(longest, left), 0
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=bar)
    table.add_column(no_wrap=True, min_width=4, justify="right")
    table.add_column(no_wrap=True, min_width=answer, max_width=answer, overflow="ellipsis")
    if shared:
        table.add_column(no_wrap=True, min_width=counts - 2, style="dim")
    if named:
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
    for index, (group, count) in enumerate(zip(shown, counted, strict=True)):
        line = Text("━" * max(1, round(group.share * bar)), style="green" if index == 0 else "yellow")
        said = Text(one_line(group.answer), style="bold" if index == 0 else "")
        who = [Text(count)] if shared else []
        if named:
            who.append(Text((some_names if shared else names)(group.members, named)))
        table.add_row(line, percent(group.share), said, *who)
    if rest:
        share = percent(sum(group.share for group in hidden))
        table.add_row("", share, Text(rest, style="dim"))
    return table


def dissent(verdict: Verdict, outcomes: Sequence[Outcome], width: int) -> Text | None:
    """Who says otherwise, the strongest of them, and the end of its words; None where nobody does."""
    if len(verdict.groups) < 2 or not (verdict.groups[0].extracted and verdict.groups[1].extracted):
        return None
    minority = verdict.groups[1]
    strengths = {vote.member: vote.strength for vote in verdict.votes if vote.strength is not None}
    speaker = _strongest(minority, strengths)
    text = next((outcome.text for outcome in outcomes if outcome.member.name == speaker), "")
    who = one_line(speaker)
    if speaker in strengths:
        who += f" (strength {percent(strengths[speaker])})"
    said = one_line(minority.answer)
    line = Text.assemble((said, "bold"), f"  {who}", no_wrap=True, overflow="ellipsis")
    if (words := _last_words(text)) and not words.startswith(said):
        line.append(f": {words}", style="dim")
    line.truncate(width, overflow="ellipsis")
    return line


def best_five(verdict: Verdict, outcomes: Sequence[Outcome], width: int) -> Text:
    """The best answers, the best first: who gave them and, of free texts, how they begin."""
    leading, best = verdict.leading, verdict.top[:SHOWN]
    if leading is None or leading.extracted:
        ranked = (f"{place} {one_line(name)}" for place, name in enumerate(best, 1))
        return Text("\n".join(flowed(ranked, width)))
    texts = {outcome.member.name: outcome.text for outcome in outcomes}
    names = [cut_name(one_line(name), max(LEAST_NAMES, width // 3)) for name in best]
    longest = max(map(cell_len, names))
    lines = []
    for place, (name, member) in enumerate(zip(names, best, strict=True), 1):
        line = Text(f"{place} {fit(name, longest)}", no_wrap=True)
        line.append(f"  {_first_words(texts.get(member, ''))}", style="dim")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return Text("\n").join(lines)


def _first_words(text: str) -> str:
    """The first line of a text that says something."""
    return next((said for line in clean(text[:2_000]).splitlines() if (said := one_line(line))), "")


def _strongest(group: Group, strengths: Mapping[str, float]) -> str:
    known = [member for member in group.members if member in strengths]
    return max(known, key=strengths.__getitem__) if known else group.representative


def _last_words(text: str) -> str:
    """The last line of a text that says something."""
    lines = [one_line(line) for line in clean(text[-2_000:]).splitlines()]
    return next((line for line in reversed(lines) if any(c.isalnum() for c in line)), "")
