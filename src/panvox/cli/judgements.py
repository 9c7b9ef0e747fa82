"""What judges and a synthesist made of the answers, told to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from panvox.cli.text import clean, one_line, shorten
from panvox.curation.judging.synthesis import marker
from panvox.figures import money, percent, plural
from panvox.verdicts import Judgement, Sentence, Synthesis, Verdict

DISSENT_SHOWN = 6
ANSWER_SHOWN = 40
BIAS_SEEN = 0.05
"""A bias that is worth a word."""


def title(verdict: Verdict) -> tuple[str, str, str] | None:
    """What the verdict is called where judges have overridden the vote, what it says, and its colour."""
    told = verdict.judgement
    if told is None or not told.overrode:
        return None
    group = next((group for group in verdict.groups if told.chosen in group.members), None)
    said = one_line(group.answer) if group and group.extracted else "the text below"
    return "⚖ Judges, against the vote: ", said, "yellow"


def text_of(verdict: Verdict) -> str:
    """The synthesis, safe for a terminal; empty where there is none."""
    return clean(verdict.synthesis.text).strip() if verdict.synthesis else ""


def label_of(verdict: Verdict) -> Text | None:
    """What stands above the synthesis, where there is one."""
    told = verdict.synthesis
    if told is None or not told.text:
        return None
    made = f"  one text of {plural(verdict.answered, 'answer')}, in {plural(told.calls, 'call')}"
    return Text.assemble((one_line(told.by), "bold"), (made, "dim"))


def parts(verdict: Verdict) -> Iterator[tuple[str, RenderableType]]:
    """The rows of the report, with their labels."""
    if verdict.judgement is not None:
        yield "Judges", Stack(*_judgement(verdict.judgement, verdict))
    if verdict.synthesis is not None:
        yield "Synthesis", Stack(*_synthesis(verdict.synthesis))
        if verdict.synthesis.dissent:
            yield "Dissent", Stack(*_dissent(verdict.synthesis.dissent))


def _judgement(told: Judgement, verdict: Verdict) -> Iterator[Text]:
    judges = ", ".join(map(one_line, told.judges))
    if told.failed:
        yield Text(f"✗ {judges}: {one_line(told.failed)}", style="yellow")
        yield Text("the verdict stands without them", style="dim")
    else:
        yield Text.assemble(
            f"{judges} ",
            ("prefers" if len(told.judges) == 1 else "prefer", "dim"),
            f" {one_line(told.chosen or '')}",
            (_beside_the_vote(told, verdict), "dim"),
        )
        for word, said in (("why", told.reason), ("evidence", told.evidence)):
            if said:
                yield Text(f"{word}: {one_line(said)}", style="dim")
        if told.note:
            yield Text(one_line(told.note), style="yellow")
    if figures := " · ".join(_figures(told)):
        yield Text(figures, style="dim")


def _beside_the_vote(told: Judgement, verdict: Verdict) -> str:
    """What the answer of the judges says, and whether the vote says so too."""
    group = next((group for group in verdict.groups if told.chosen in group.members), None)
    if group is None or not group.extracted:
        return ""
    agree = "as the vote does" if group is verdict.leading else "which the vote does not"
    return f": {shorten(one_line(group.answer), ANSWER_SHOWN)}, {agree}"


def _figures(told: Judgement) -> Iterator[str]:
    if told.comparisons:
        yield plural(told.comparisons, "comparison")
    if told.position_bias is not None and abs(told.position_bias) >= BIAS_SEEN:
        first = percent(0.5 + told.position_bias)
        yield f"{first} of wins went to the answer shown first, which was taken out"
    if told.self_preference is not None and abs(told.self_preference) >= BIAS_SEEN:
        yield f"judges favour their own lineage by {percent(told.self_preference)}, which was not counted"
    yield from _cost(told.cost)


def _cost(cost: Decimal | None) -> Iterator[str]:
    if cost:
        yield money(cost)


def _synthesis(told: Synthesis) -> Iterator[Text]:
    if told.failed:
        yield Text(f"✗ {one_line(told.by)}: {one_line(told.failed)}", style="yellow")
        yield Text("the best answer is shown in its place", style="dim")
    said = [f"{plural(len(told.sentences), 'sentence')} by {one_line(told.by)}"] if told.text else []
    if told.dropped:
        said.append(f"{plural(told.dropped, 'sentence')} dropped that no answer it named supports")
    said += _cost(told.cost)
    if said:
        yield Text(" · ".join(said), style="dim")


def _dissent(dissent: Sequence[Sentence]) -> Iterator[Text]:
    ordered = sorted(dissent, key=lambda sentence: -len(sentence.supporters))
    for sentence in ordered[:DISSENT_SHOWN]:
        yield Text.assemble(one_line(sentence.text), (f" {marker(sentence)}", "dim"))
    if (more := len(ordered) - DISSENT_SHOWN) > 0:
        yield Text(f"and {plural(more, 'other voice')}; panvox show --json has them all", style="dim")
