"""What came of a turn, told to a person: the verdict, the answer, the groups, and a ledger without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.console import Group as Stack
from rich.table import Table
from rich.text import Text

from panvox.cli import judgements, wording
from panvox.cli.board import Board
from panvox.cli.explain import votes_table
from panvox.cli.groups import best_five, dissent, groups_table
from panvox.cli.ledger import filtered_out, ledger, used, word
from panvox.cli.outlet import show
from panvox.cli.text import clean, one_line
from panvox.cli.wrapping import wrapped
from panvox.curation import Curator
from panvox.engine.stopping import UNNEEDED
from panvox.figures import plural, seconds
from panvox.messages import Identity, Outcome, State
from panvox.verdicts import Feedback, Verdict

if TYPE_CHECKING:  # SQLAlchemy takes a quarter of a second, and a report of a turn needs no store
    from panvox.store import StoredTurn

MORE_MODELS = (
    "More models make it a vote: set a key such as OPENAI_API_KEY or OPENROUTER_API_KEY in the environment, "
    "start Ollama, or write a settings file with `panvox init`."
)

_STOPPED = {
    "wait": "ended when the wait policy was met",
    "decided": "ended when the answer was decided",
    "deadline": "ended at its deadline",
    "interrupted": "interrupted; what had arrived is kept",
    "stopped": "stopped before all had ended",
    "unfinished": "never ended: panvox was stopped in the middle of it; what had arrived is kept",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A turn as far as it has come. `open` members are still on their way; `duration` is in seconds."""

    run: str
    turn: int
    question: str
    asked: int
    outcomes: tuple[Outcome, ...]
    verdict: Verdict
    duration: float
    stopped: str = ""
    kept: bool = True
    feedback: tuple[Feedback, ...] = ()

    @classmethod
    def of(cls, board: Board, *, now: float, kept: bool) -> Report:
        """The turn that `board` has followed; `kept` tells whether the store has it."""
        ended = board.ended
        return cls(
            run=board.run,
            turn=board.turn,
            question=board.question,
            asked=board.asked,
            outcomes=board.outcomes,
            verdict=board.verdict or Verdict(asked=board.asked, answered=0),
            duration=ended.duration if ended else now,
            stopped=ended.stopped if ended else "",
            kept=kept,
        )

    @classmethod
    def of_stored(cls, run: str, turn: StoredTurn, *, verdict: Verdict | None = None) -> Report:
        """A turn out of the store, with its latest verdict or another one.

        The verdict of a turn that never ended is made from what was kept.
        """
        ended = turn.ended
        return cls(
            run=run,
            turn=turn.turn,
            question=turn.prompt.question,
            asked=len(turn.members),
            outcomes=turn.outcomes,
            verdict=verdict or turn.verdict or _verdict(turn),
            duration=ended.duration
            if ended
            else max((o.started + o.duration for o in turn.outcomes), default=0),
            stopped=ended.stopped if ended else "unfinished",
            feedback=turn.feedback,
        )

    @property
    def open(self) -> int:
        """How many members have not ended."""
        return self.asked - len(self.outcomes)

    @property
    def best(self) -> Outcome | None:
        """The outcome whose text is shown."""
        return next((o for o in self.outcomes if o.member.name == self.verdict.best), None)

    @property
    def partial(self) -> bool:
        """Whether any member neither answered nor was left out on purpose."""
        return any(
            o.state not in (State.ANSWERED, State.CANCELLED) and o.reason not in UNNEEDED
            for o in self.outcomes
        )

    @property
    def one_model(self) -> bool:
        """Whether all answers come from the same weights."""
        return self.verdict.answered > 1 and self.verdict.lineages == 1


def _verdict(turn: StoredTurn) -> Verdict:
    curator = Curator(turn.prompt.question, turn.members)
    for outcome in turn.outcomes:
        curator.add(outcome)
    return curator.verdict()


# --- the parts -------------------------------------------------------------------------------------


def headline(report: Report, *, width: int) -> Text:
    """The verdict: what it is, how sure that is, and what it stands on."""
    title, said, style = _title(report)
    sure = "" if report.one_model else wording.sure(report.verdict)
    room = width - cell_len(title) - (cell_len(sure) + 3 if sure else 0)
    if cell_len(said) > room:
        said = wording.fit(said, max(room, 24)).rstrip()
    line = Text.assemble((title, f"bold {style}"), (said, "bold"))
    if sure:
        line.append(f"   {sure}", style=style)
    for grounds in wording.flowed(_grounds(report), min(width, 200) - 2):
        line.append(f"\n  {grounds}", style="dim")
    return line


def _title(report: Report) -> tuple[str, str, str]:
    """What the verdict is called, what it says, and its colour."""
    verdict, leading = report.verdict, report.verdict.leading
    if not verdict.answered:
        return "✗ Nothing answered", "", "red"
    if judged := judgements.title(verdict):
        return judged
    if report.one_model:
        return f"○ {plural(verdict.answered, 'sample')} of one model: ", "one voice, not a vote", "yellow"
    if verdict.answered == 1:
        return "○ One answer", "", "yellow"
    said = one_line(leading.answer) if leading and leading.extracted else "the text below"
    if verdict.consensus is not None:
        return "✓ Consensus: ", said, "green"
    if leading is None or len(leading.members) < 2:
        return "≠ No consensus: ", "no two answers are alike", "yellow"
    if wording.few_alike(verdict):
        return "≠ No consensus: ", "hardly any two answers are alike", "yellow"
    return "≠ No consensus. Leading: ", said, "yellow"


def _grounds(report: Report) -> Iterator[str]:
    verdict, leading = report.verdict, report.verdict.leading
    if not report.one_model:
        yield wording.support(verdict)
        yield wording.independent(verdict)
    elif leading and len(leading.members) > 1:
        said = one_line(leading.answer) if leading.extracted else "the text below"
        yield f"{len(leading.members)} of {verdict.answered} say {said}"
    asked = plural(report.asked, "sample" if report.one_model else "model")
    yield f"{verdict.answered:,} of {asked} answered in {seconds(report.duration)}"
    if report.stopped:
        yield _STOPPED.get(report.stopped, one_line(report.stopped))
    if not report.one_model:
        yield wording.rests_on(verdict)


def answer_label(report: Report) -> Text | None:
    """Whose answer follows, and why this one."""
    if written := judgements.label_of(report.verdict):
        return written
    best = report.best
    if best is None:
        return None
    verdict = report.verdict
    label = Text.assemble((one_line(best.member.name), "bold"), (f"  {seconds(best.duration)}", "dim"))
    if verdict.leading and len(verdict.leading.members) == 1 and verdict.answered > 2:
        label.append("  the answer closest to all the others", style="dim")
    return label


def answer_text(report: Report) -> str:
    """The synthesis or the best answer, safe for a terminal; empty where nothing answered."""
    return judgements.text_of(report.verdict) or (clean(report.best.text).strip() if report.best else "")


def details(report: Report, *, width: int) -> RenderableType:
    """Everything under the answer."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, body in _parts(report, width=min(width, 200) - 12):
        table.add_row(label, body)
    return table


def _parts(report: Report, *, width: int) -> Iterator[tuple[str, RenderableType]]:
    verdict = report.verdict
    if verdict.answered > 1 and verdict.groups:
        yield "Groups", groups_table(verdict, width)
    written = verdict.synthesis is not None and verdict.synthesis.dissent  # which tells of all minorities
    if not written and (otherwise := dissent(verdict, report.outcomes, width)) is not None:
        yield "Dissent", otherwise
    yield from judgements.parts(verdict)
    yield from _named(report, width)
    if verdict.filtered:
        yield "Filtered", Stack(*filtered_out(verdict.filtered, width))
    yield from _outlook(report, width)
    yield "Ledger", Stack(*ledger(report.outcomes, asked=report.asked, width=width))
    if spent := used(report.outcomes):
        yield "Usage", Text(spent)
    if report.feedback:
        yield "Feedback", Text("\n".join(map(wording.told, report.feedback)))
    if report.kept:
        rest = f", where the other {report.open:,} will be" if report.open else ""
        yield "Run", Text.assemble(report.run, (f"  panvox show {report.run}{rest}", "dim"))
    if report.one_model and all(o.member.provider == "local" for o in report.outcomes):
        yield "More", Text(MORE_MODELS)


def _outlook(report: Report, width: int) -> Iterator[tuple[str, RenderableType]]:
    """What was saved, and what those who were not heard could still change."""
    verdict = report.verdict
    saved = wording.not_spent(verdict.saved)
    if report.open:
        change = wording.still_open(verdict.outlook)
    else:
        change = wording.could_have_changed(verdict) if report.stopped else ""
    if saved or change:
        said = wording.flowed((saved, change), width)
        yield "Saved" if saved else "Outlook", Text("\n".join(said))


def _named(report: Report, width: int) -> Iterator[tuple[str, RenderableType]]:
    """The best, the best first, and the fastest."""
    if len(report.verdict.top) > 1 and not report.one_model:
        yield "Best", best_five(report.verdict, report.outcomes, width)
    fastest = next((o for o in report.outcomes if o.member.name == report.verdict.fastest), None)
    if fastest is not None:
        yield "Fastest", Text(f"{one_line(fastest.member.name)} in {seconds(fastest.duration)}")


# --- the whole -------------------------------------------------------------------------------------


def write(
    report: Report, *, out: Console, err: Console, full: bool, quiet: bool = False, explain: bool = False
) -> None:
    """Write the report: the answer to `out`, all that is about it to `err`; with `explain` each vote, too.

    Where both are one terminal it reads as one page; where `out` goes elsewhere it holds only answers.
    """
    answer = answer_text(report)
    if not quiet:
        show(err, headline(report, width=err.width))
        if label := answer_label(report):
            show(err, Text("\n").append(label))
    if answer:
        write_text(answer, out=out)
    if full:
        write_answers(report.outcomes, out=out)
    out.file.flush()
    if not quiet:
        show(err, Text())
        show(err, details(report, width=err.width))
        if explain:
            show(err, Text())
            show(err, votes_table(report.verdict, report.outcomes, width=err.width))


def write_answers(outcomes: Iterable[Outcome], *, out: Console) -> None:
    """Every text that arrived, in full, each under the name of its model."""
    for outcome in outcomes:
        if text := clean(outcome.text).strip():
            show(out, heading(outcome.member, f"{word(outcome.state)} in {seconds(outcome.duration)}"))
            write_text(text, out=out)


def write_text(text: str, *, out: Console) -> None:
    """Write what a model said; in a terminal, lines that do not fit are broken between words."""
    out.file.write((wrapped(text, out.width) if out.is_terminal else text) + "\n")


def heading(member: Identity, said: str) -> Text:
    """A line that begins what one member said."""
    return Text.assemble("\n", ("── ", "dim"), (one_line(member.name), "bold"), (f"  {said}", "dim"))
