"""What became of every member that was asked: counted, and why some did not answer or do not vote."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from panvox.cli.text import one_line
from panvox.cli.wording import NAMES_SHOWN, names
from panvox.engine.panel import total_usage
from panvox.figures import money, plural, seconds
from panvox.messages import Outcome, State
from panvox.verdicts import Filtered

SEEN = 0.05
"""Seconds of a wait that counts as one."""
LONG = 1.0
"""Seconds of waits in all that are worth a line."""


def word(state: State) -> str:
    """A state as people read it."""
    return state.value.replace("_", " ")


def ledger(outcomes: Sequence[Outcome], *, asked: int, width: int) -> Iterator[RenderableType]:
    """All of them counted, how answers came about, and why there are none."""
    states = Counter(outcome.state for outcome in outcomes)
    counts = [f"{count:,} {word(state)}" for state, count in states.most_common()]
    if asked > len(outcomes):
        counts.append(f"{asked - len(outcomes):,} open")
    yield Text(f"{asked:,} asked: {', '.join(counts)}")
    for line in _ways(outcomes):
        yield Text(line, style="dim")
    by_state: defaultdict[State, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
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
    if len({o.reason for o in outcomes}) == 1 and _spared(example):
        yield Text.assemble((count, style), (f"  {one_line(example.reason)}", "dim"))
        return
    yield _counted(count, style, [o.member.name for o in outcomes], width)
    message = one_line(fault.message if fault else example.reason)
    status = f"HTTP {fault.status}: " if fault and fault.status else ""
    if message or status:
        # One line is enough to know it again; `panvox show RUN --member NAME` has all of it.
        yield _beneath(f"{status}{message}")
    if fault and fault.hint:
        yield Padding(Text(f"→ {one_line(fault.hint)}"), (0, 0, 0, 4))


def _spared(outcome: Outcome) -> bool:
    """Whether it was left out on purpose, so that the reason says more than the name."""
    return outcome.fault is None and outcome.state in (State.CANCELLED, State.SKIPPED)


def _most_common(outcomes: Sequence[Outcome]) -> Outcome:
    said = Counter(o.fault.message if o.fault else o.reason for o in outcomes)
    message = said.most_common(1)[0][0]
    return next(o for o in outcomes if (o.fault.message if o.fault else o.reason) == message)


def filtered_out(filtered: Sequence[Filtered], width: int) -> Iterator[RenderableType]:
    """Answers that do not vote: by the check that they failed, who, and why."""
    by_check: defaultdict[str, list[Filtered]] = defaultdict(list)
    for each in filtered:
        by_check[each.check].append(each)
    for check, those in sorted(by_check.items(), key=lambda item: (-len(item[1]), item[0])):
        count = f"■ {len(those):,} {one_line(check).replace('_', ' ')}"
        yield _counted(count, "yellow", [each.member for each in those], width)
        reason = Counter(each.reason for each in those).most_common(1)[0][0]
        if reason:
            yield _beneath(one_line(reason))


def _counted(count: str, style: str, of: Sequence[str], width: int) -> Text:
    return Text.assemble((count, style), "  ", names(of, width - len(count) - 2))


def _beneath(said: str) -> Padding:
    return Padding(Text(said, style="dim", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 4))


# --- money and tokens -------------------------------------------------------------------------------


def used(outcomes: Sequence[Outcome]) -> str:
    """What all of it cost, and the tokens; empty where nothing is known."""
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
