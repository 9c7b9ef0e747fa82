"""What came of a turn, told to a person: the verdict, the answer, the groups, and a ledger without gaps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.console import Group as Stack
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from panvox.cli import judgements
from panvox.cli.board import Board
from panvox.cli.figures import money, percent, plural, seconds, votes
from panvox.cli.outlet import show
from panvox.cli.text import clean, one_line
from panvox.curation import Curator
from panvox.engine.panel import total_usage
from panvox.messages import Identity, Outcome, State
from panvox.verdicts import Group, Verdict

if TYPE_CHECKING:  # SQLAlchemy takes a quarter of a second, and a report of a turn needs no store
    from panvox.store import StoredTurn

GROUPS_SHOWN = 8
NAMES_SHOWN = 3
BAR = 12
SEEN = 0.05
"""Seconds of a wait that counts as one."""
LONG = 1.0
"""Seconds of waits in all that are worth a line."""

MORE_MODELS = (
    "More models make it a vote: set a key such as OPENAI_API_KEY or OPENROUTER_API_KEY in the environment, "
    "start Ollama, or write a settings file with `panvox init`."
)

_STOPPED = {
    "wait": "ended when the wait policy was met",
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
        return any(o.state not in (State.ANSWERED, State.CANCELLED) for o in self.outcomes)

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


def headline(report: Report) -> Text:
    """The verdict: what it is, and what it stands on."""
    title, said, style = _title(report)
    line = Text.assemble((title, f"bold {style}"), (said, "bold"))
    return line.append("\n  ").append(" · ".join(_grounds(report)), style="dim")


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
    if leading and len(leading.members) > 1:
        return "≠ No consensus. Leading: ", said, "yellow"
    return "≠ No consensus: ", "no two answers are alike", "yellow"


def _grounds(report: Report) -> Iterator[str]:
    verdict, leading = report.verdict, report.verdict.leading
    if leading and len(leading.members) > 1:
        voices = sum(group.votes for group in verdict.groups)
        if report.one_model:
            said = one_line(leading.answer) if leading.extracted else "the text below"
            yield f"{len(leading.members)} of {verdict.answered} say {said}"
        else:
            yield f"{percent(leading.share)} of {votes(voices)}"
    asked = plural(report.asked, "sample" if report.one_model else "model")
    yield f"{verdict.answered:,} of {asked} answered in {seconds(report.duration)}"
    if report.stopped:
        yield _STOPPED.get(report.stopped, report.stopped)


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
    if verdict.answered > 1:
        yield "Groups", _groups(verdict.groups, width)
    yield from judgements.parts(verdict)
    if fastest := next((o for o in report.outcomes if o.member.name == verdict.fastest), None):
        yield "Fastest", Text(f"{one_line(fastest.member.name)} in {seconds(fastest.duration)}")
    yield "Ledger", Stack(*_ledger(report, width))
    if used := _used(report.outcomes):
        yield "Usage", Text(used)
    if report.kept:
        rest = f", where the other {report.open:,} will be" if report.open else ""
        yield "Run", Text.assemble(report.run, (f"  panvox show {report.run}{rest}", "dim"))
    if report.one_model and all(o.member.provider == "local" for o in report.outcomes):
        yield "More", Text(MORE_MODELS)


def _groups(groups: Sequence[Group], width: int) -> RenderableType:
    shown = groups[:GROUPS_SHOWN]
    rest = f"and {plural(len(groups) - len(shown), 'more group')}" if len(groups) > len(shown) else ""
    longest = max(len(rest), *(cell_len(one_line(group.answer)) for group in shown))
    answer = min(longest, max(12, (width - BAR - 9) * 6 // 10))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=BAR)
    table.add_column(no_wrap=True, min_width=4, justify="right")
    table.add_column(no_wrap=True, min_width=answer, max_width=answer, overflow="ellipsis")
    table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
    for index, group in enumerate(shown):
        bar = Text("━" * max(1, round(group.share * BAR)), style="green" if index == 0 else "yellow")
        names = _names(group.members, width - BAR - answer - 12)
        table.add_row(bar, percent(group.share), Text(one_line(group.answer)), names)
    if rest:
        share = percent(sum(group.share for group in groups[len(shown) :]))
        table.add_row("", share, Text(rest, style="dim"), "")
    return table


def _names(names: Sequence[str], width: int) -> Text:
    """As many names as fit, at least one, and how many more there are."""
    shown: list[str] = []
    for name in map(one_line, names[:NAMES_SHOWN]):
        if shown and cell_len(", ".join([*shown, name])) > width - len(" and 1,000 more"):
            break
        shown.append(name)
    more = len(names) - len(shown)
    return Text(", ".join(shown) + (f" and {more:,} more" if more else ""))


def _ledger(report: Report, width: int) -> Iterator[RenderableType]:
    states = Counter(outcome.state for outcome in report.outcomes)
    counts = [f"{count:,} {word(state)}" for state, count in states.most_common()]
    if report.open:
        counts.append(f"{report.open:,} open")
    yield Text(f"{report.asked:,} asked: {', '.join(counts)}")
    for line in _ways(report.outcomes):
        yield Text(line, style="dim")
    by_state: defaultdict[State, list[Outcome]] = defaultdict(list)
    for outcome in report.outcomes:
        by_state[outcome.state].append(outcome)
    for state, _ in states.most_common():
        if state is not State.ANSWERED:
            yield from _missing(state, by_state[state], width)


def _ways(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """How answers came about where it was not at the first call."""
    stood_in = [o for o in outcomes if o.stand_in is not None]
    if stood_in:
        named = ", ".join(
            f"{one_line(o.member.name)} answered by {one_line(o.speaker.name)}"
            for o in stood_in[:NAMES_SHOWN]
        )
        more = len(stood_in) - NAMES_SHOWN
        yield f"↪ {named}{f', and {more:,} more by others' if more > 0 else ''}"
    if known := sum(o.cached for o in outcomes):
        yield f"≡ {plural(known, 'answer')} from the cache; --fresh asks anew"
    tried = [sum(not attempt.cached for attempt in o.attempts) for o in outcomes]
    if again := sum(count > 1 for count in tried):
        yield f"↻ {again:,} needed more than one attempt, {sum(tried):,} calls in all"
    waits = [attempt.waited for o in outcomes for attempt in o.attempts if attempt.waited >= SEEN]
    if sum(waits) >= LONG:
        yield f"· {plural(len(waits), 'call')} waited before they went out, the longest {seconds(max(waits))}"


def _missing(state: State, outcomes: Sequence[Outcome], width: int) -> Iterator[RenderableType]:
    """Why these did not answer: how many, who, in whose words, and what to do."""
    example = _most_common(outcomes)
    fault = example.fault
    symbol, style = ("✗", "red") if fault else ("■", "yellow")
    count = f"{symbol} {len(outcomes):,} {word(state)}"
    names = _names([outcome.member.name for outcome in outcomes], width - len(count) - 2)
    yield Text.assemble((count, style), "  ", names)
    message = one_line(fault.message if fault else example.reason)
    status = f"HTTP {fault.status}: " if fault and fault.status else ""
    if message or status:
        # One line is enough to know it again; `panvox show RUN --member NAME` has all of it.
        said = Text(f"{status}{message}", style="dim", no_wrap=True, overflow="ellipsis")
        yield Padding(said, (0, 0, 0, 4))
    if fault and fault.hint:
        yield Padding(Text(f"→ {one_line(fault.hint)}"), (0, 0, 0, 4))


def _most_common(outcomes: Sequence[Outcome]) -> Outcome:
    said = Counter(o.fault.message if o.fault else o.reason for o in outcomes)
    message = said.most_common(1)[0][0]
    return next(o for o in outcomes if (o.fault.message if o.fault else o.reason) == message)


def word(state: State) -> str:
    """A state as people read it."""
    return state.value.replace("_", " ")


def _used(outcomes: Sequence[Outcome]) -> str:
    usage = total_usage(outcomes)
    known = [outcome for outcome in outcomes if outcome.cost is not None]
    untold = sum(outcome.answered and outcome.cost is None for outcome in outcomes)
    parts = [_spent(known)] if known else []
    if untold and known:
        parts.append(f"nobody tells what {plural(untold, 'answer')} came to, see `panvox costs`")
    if usage.prompt_tokens or usage.completion_tokens:
        parts.append(f"{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out")
    return " · ".join(parts)


def _spent(known: Sequence[Outcome]) -> str:
    """What all attempts cost, retries and stand-ins included, and what that makes for an answer."""
    total = sum((outcome.cost for outcome in known if outcome.cost is not None), Decimal(0))
    answers = sum(outcome.answered for outcome in known)
    each = f", {money(total / answers)} an answer" if answers > 1 and total else ""
    return f"{money(total)}{each}"


# --- the whole -------------------------------------------------------------------------------------


def write(report: Report, *, out: Console, err: Console, full: bool, quiet: bool = False) -> None:
    """Write the report: the answer to `out`, all that is about it to `err`.

    Where both are one terminal it reads as one page; where `out` goes elsewhere it holds only answers.
    """
    answer = answer_text(report)
    if not quiet:
        show(err, headline(report))
        if label := answer_label(report):
            show(err, Text("\n").append(label))
    if answer:
        out.file.write(answer + "\n")
    if full:
        write_answers(report.outcomes, out=out)
    out.file.flush()
    if not quiet:
        show(err, Text())
        show(err, details(report, width=err.width))


def write_answers(outcomes: Iterable[Outcome], *, out: Console) -> None:
    """Every text that arrived, in full, each under the name of its model."""
    for outcome in outcomes:
        if text := clean(outcome.text).strip():
            show(out, heading(outcome.member, f"{word(outcome.state)} in {seconds(outcome.duration)}"))
            out.file.write(text + "\n")


def heading(member: Identity, said: str) -> Text:
    """A line that begins what one member said."""
    return Text.assemble("\n", ("── ", "dim"), (one_line(member.name), "bold"), (f"  {said}", "dim"))
