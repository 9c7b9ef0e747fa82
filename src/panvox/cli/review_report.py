"""What came of a review, told to a person: where it is, what was found, who did not answer and what to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from panvox.cli import judgements, outlet
from panvox.cli.board import Board
from panvox.cli.findings import findings_lines
from panvox.cli.ledger import used, word
from panvox.cli.outlet import show
from panvox.cli.text import json_line, one_line
from panvox.cli.wording import fit, names
from panvox.compose.review import ReviewTurn
from panvox.figures import plural, seconds
from panvox.messages import Attempt, Outcome, State
from panvox.review.findings import Findings
from panvox.verdicts import Verdict

FINDINGS_SHOWN = 10
SYNTHESIS_SHOWN = 6
"""Lines of the synthesis; `synthesis.md` has all of it."""
FAILURES_SHOWN = 12
"""Kinds of failures; `summary.md` has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewReport:
    """A review as far as it has come; `duration` in seconds.

    `resume` is the command that asks those who are missing. `problem` is what could not be written.
    """

    folder: Path
    run: str
    asked: int
    outcomes: tuple[Outcome, ...]
    verdict: Verdict
    findings: Findings | None
    duration: float
    stopped: str
    files: tuple[str, ...]
    pages: int
    resume: str
    problem: str | None = None

    @classmethod
    def of(cls, board: Board, turn: ReviewTurn, *, now: float, resume: str) -> ReviewReport:
        """The review that `board` has followed."""
        done = turn.reviewed
        return cls(
            folder=turn.folder.path,
            run=board.run,
            asked=board.asked,
            outcomes=board.outcomes,
            verdict=(done.verdict if done else board.verdict) or Verdict(asked=board.asked, answered=0),
            findings=done.findings if done else None,
            duration=done.duration if done else now,
            stopped=done.stopped if done else "interrupted",
            files=(),
            pages=0,
            resume=resume,
        )

    def once_closed(self, problem: str | None) -> ReviewReport:
        """The same with what is in the folder now, and what could not be written there."""
        files = tuple(name for name in _FILES if (self.folder / name).is_file())
        pages = sum(1 for _ in (self.folder / "models").glob("*.md"))
        return replace(self, files=files, pages=pages, problem=problem)

    @property
    def answered(self) -> int:
        """How many reviews there are."""
        return sum(outcome.answered for outcome in self.outcomes)

    @property
    def missing(self) -> int:
        """How many of those that were to review did not."""
        return self.asked - self.answered


_FILES = ("synthesis.md", "summary.md", "findings.json", "findings.sarif", "run.json")


class ReviewEnded(msgspec.Struct, frozen=True, kw_only=True, tag="review_ended"):
    """The last line of `--json`: the folder, what is in it, and the sums. `findings` counts issues."""

    folder: str
    run: str
    asked: int
    answered: int
    states: dict[str, int]
    files: tuple[str, ...]
    duration: float
    stopped: str = ""
    findings: int | None = None
    synthesis: bool = False
    resume: str = ""
    problem: str = ""


def write_json(report: ReviewReport) -> None:
    """The last line."""
    states = Counter(outcome.state.value for outcome in report.outcomes)
    ended = ReviewEnded(
        folder=str(report.folder),
        run=report.run,
        asked=report.asked,
        answered=report.answered,
        states=dict(states),
        files=report.files,
        duration=report.duration,
        stopped=report.stopped,
        findings=len(report.findings.issues) if report.findings else None,
        synthesis=bool(report.verdict.synthesis and report.verdict.synthesis.text),
        resume=report.resume if report.missing else "",
        problem=report.problem or "",
    )
    out = outlet.console()
    out.file.write(json_line(ended) + "\n")
    out.file.flush()


def write(report: ReviewReport, *, quiet: bool = False, verbose: bool = False) -> None:
    """The folder to standard output, all that is about it to standard error."""
    out, err = outlet.console(), outlet.console(stderr=True)
    if not quiet:
        show(err, _headline(report))
    out.file.write(f"{one_line(str(report.folder))}\n")
    out.file.flush()
    if not quiet:
        show(err, _details(report, width=min(err.width, 200), verbose=verbose))


def _headline(report: ReviewReport) -> Text:
    if not report.answered:
        line = Text("✗ No model reviewed", style="bold red")
    else:
        style = "green" if not report.missing else "yellow"
        done = f"{report.answered:,} of {report.asked:,} models reviewed"
        line = Text(f"{'✓' if not report.missing else '○'} {done}", style=f"bold {style}")
    line.append(f" in {seconds(report.duration)}", style="dim")
    if report.stopped:
        line.append(f" · {_STOPPED.get(report.stopped, one_line(report.stopped))}", style="yellow")
    return line


_STOPPED = {
    "deadline": "ended at its deadline",
    "interrupted": "interrupted; what had arrived is kept",
    "stopped": "stopped before all had ended",
}


def _details(report: ReviewReport, *, width: int, verbose: bool) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, body in _parts(report, width=width - _LABELS, verbose=verbose):
        table.add_row(label, body)
    return table


_LABELS = 11  # cells of the labels and the space behind them


def _parts(report: ReviewReport, *, width: int, verbose: bool) -> Iterator[tuple[str, RenderableType]]:
    pages = (f"models/ with {plural(report.pages, 'page')}",) if report.pages else ()
    yield "Files", Text(", ".join((*pages, *report.files)) or "none")
    if written := judgements.text_of(report.verdict):
        by = report.verdict.synthesis.by if report.verdict.synthesis else ""
        yield "Synthesis", Stack(*_first_lines(written, by, width))
    elif (told := report.verdict.synthesis) is not None and told.failed:
        yield "Synthesis", Text(f"✗ {one_line(told.by)}: {one_line(told.failed)}", style="yellow")
    if report.findings is not None and report.findings.issues:
        yield "Findings", Stack(*findings_lines(report.findings, most=FINDINGS_SHOWN, width=width))
    failed = [outcome for outcome in report.outcomes if not outcome.answered]
    if failed or report.missing:
        yield "Missing", Stack(*_missing(failed, report.missing - len(failed), width))
    if verbose:
        yield "Attempts", Stack(*_attempts(report.outcomes, width))
    if spent := used(report.outcomes):
        yield "Usage", Text(spent)
    if report.problem:
        yield "Problem", Text(one_line(report.problem), style="red")
    if report.missing:
        yield "Resume", Text(report.resume)


def _first_lines(text: str, by: str, width: int) -> Iterator[Text]:
    lines = [line for line in text.splitlines() if line.strip()]
    for line in lines[:SYNTHESIS_SHOWN]:
        yield Text(fit(one_line(line), width).rstrip())
    more = f", {plural(len(lines) - SYNTHESIS_SHOWN, 'more line')}" if len(lines) > SYNTHESIS_SHOWN else ""
    yield Text(f"by {one_line(by)}{more} in synthesis.md", style="dim")


# --- who did not answer ---


def _missing(failed: Sequence[Outcome], open_: int, width: int) -> Iterator[RenderableType]:
    """Those who did not answer, by what they have in common: who, why, after what, and what to do."""
    kinds: defaultdict[tuple[State, int | None, str], list[Outcome]] = defaultdict(list)
    for outcome in failed:
        fault = outcome.fault
        same = (fault.status, fault.hint) if fault else (None, outcome.reason)
        kinds[outcome.state, *same].append(outcome)
    ordered = sorted(kinds.values(), key=lambda outcomes: -len(outcomes))
    for outcomes in ordered[:FAILURES_SHOWN]:
        yield from _kind(outcomes, width)
    if (more := len(ordered) - FAILURES_SHOWN) > 0:
        yield Text(f"and {plural(more, 'other kind')} of failures; summary.md has them all", style="dim")
    if open_ > 0:
        yield Text(f"■ {open_:,} had not ended", style="yellow")


def _kind(outcomes: Sequence[Outcome], width: int) -> Iterator[RenderableType]:
    state, fault = outcomes[0].state, outcomes[0].fault
    symbol, style = ("✗", "red") if fault else ("■", "yellow")
    count = f"{symbol} {len(outcomes):,} {word(state)}"
    yield Text.assemble(
        (count, style), "  ", names([o.member.name for o in outcomes], width - len(count) - 2)
    )
    said = Counter(one_line(o.fault.message if o.fault else o.reason) for o in outcomes)
    http = f"HTTP {fault.status}: " if fault and fault.status else ""
    others = f" (and {plural(len(said) - 1, 'other message')})" if len(said) > 1 else ""
    message = fit(f"{http}{said.most_common(1)[0][0]}", max(width - 2 - len(others), 20)).rstrip()
    if message:
        yield _beneath(f"{message}{others}")
    if tried := _tried(outcomes):
        yield _beneath(tried)
    if fault and fault.hint:
        yield Padding(Text(f"→ {one_line(fault.hint)}"), (0, 0, 0, 2))


def _tried(outcomes: Sequence[Outcome]) -> str:
    """How often, how long, and how many calls were on their way meanwhile."""
    attempts = [attempt for outcome in outcomes for attempt in outcome.attempts if not attempt.cached]
    if not attempts:
        return ""
    longest = max(outcome.duration for outcome in outcomes)
    most = max(attempt.in_flight for attempt in attempts)
    each = "" if len(outcomes) == 1 else " at most"
    flight = f", {plural(most, 'request')} in flight{each}"
    return f"{plural(len(attempts), 'attempt')} in {seconds(longest)}{each}{flight}"


def _attempts(outcomes: Sequence[Outcome], width: int) -> Iterator[Text]:
    """Each attempt of each model."""
    for outcome in outcomes:
        for number, attempt in enumerate(outcome.attempts, 1):
            style = "" if attempt.state is State.ANSWERED else "dim"
            yield Text(fit(_attempt(outcome, number, attempt), width).rstrip(), style=style)


def _attempt(outcome: Outcome, number: int, attempt: Attempt) -> str:
    who = f"{one_line(outcome.member.name)} {number}/{len(outcome.attempts)}"
    if attempt.model and attempt.model != outcome.member.name:
        who += f" by {one_line(attempt.model)}"
    parts = [word(attempt.state), seconds(attempt.duration), f"{attempt.in_flight:,} in flight"]
    if attempt.cached:
        parts[1:] = ["from the cache"]
    if attempt.status:
        parts.insert(1, f"HTTP {attempt.status}")
    if attempt.message:
        parts.append(one_line(attempt.message))
    return f"{who}: {', '.join(parts)}"


def _beneath(said: str) -> Padding:
    return Padding(Text(said, style="dim", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 2))
