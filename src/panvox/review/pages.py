"""The pages of a review, as Markdown: one a model, the synthesis, the summary. Pure.

Whatever models and providers wrote is made harmless on the way; see `panvox.review.markdown`.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from panvox.figures import money, plural, seconds, size
from panvox.messages import Finish, Outcome, State, Usage
from panvox.plain_text import one_line
from panvox.review.contract import InputRecord, ModelRecord, RunFile, record_of
from panvox.review.markdown import harmless, inline, link
from panvox.verdicts import Sentence, Synthesis

MODELS = "models"
"""The folder of the pages of models, seen from the pages beside it."""

_NAMED = 5
"""Reviews that are named behind a sentence; all of them stand below."""
_LISTED = 200
"""Files that the summary names; `run.json` has all of them."""


# --- a model ----------------------------------------------------------------------------------------


def model_page(outcome: Outcome, note: str = "") -> str:
    """The review of a model under a table of what is known of it.

    `note` tells how its prompt was made to fit.
    """
    record = record_of(outcome, note=note)
    head = "\n".join(_row((label, inline(said))) for label, said in _known(record))
    warned = "".join(f"> **{inline(said)}**\n\n" for said in _warnings(record))
    review = harmless(outcome.text).strip("\n")
    return f"# {inline(record.model)}\n\n| | |\n|---|---|\n{head}\n\n{warned}---\n\n{review}\n"


def _known(record: ModelRecord) -> Iterator[tuple[str, str]]:
    """What is known of a model and its answer, with labels."""
    version = record.version if record.version not in ("", record.model) else ""
    rows = (
        ("Provider", record.provider),
        ("Lineage", record.lineage),
        ("Answered as", version),
        ("Stand-in", record.stand_in and f"{record.stand_in} answered in its place"),
        ("State", _word(record.state) + (", from the cache" if record.cached else "")),
        ("Time", seconds(record.duration)),
        ("Tokens", _tokens(record.usage)),
        ("Cost", "" if record.cost is None else money(record.cost)),
        ("Prompt", record.note),
    )
    return ((label, said) for label, said in rows if said)


def _warnings(record: ModelRecord) -> Iterator[str]:
    """What a reader must know before the review."""
    if not record.answered:
        yield f"Incomplete: this is what had arrived. {_why(record)}".strip()
    elif record.finish is Finish.LENGTH:
        yield "Cut off: the model reached the limit of its tokens."


def _why(record: ModelRecord) -> str:
    said = record.message or record.reason
    status = f"HTTP {record.status}" if record.status else ""
    return ": ".join(filter(None, (_word(record.state).capitalize(), status, said)))


# --- the synthesis ----------------------------------------------------------------------------------


def synthesis_page(synthesis: Synthesis, names: Mapping[str, str], *, title: str = "Synthesis") -> str:
    """One text of all reviews, with links to those that say so; empty where there is none.

    `names` has the file of each model in `models/`.
    """
    if not synthesis.text:
        return ""
    told = (*synthesis.sentences, *synthesis.dissent)
    numbers = _numbered(told)
    parts = [f"# {inline(title)}", _made_by(synthesis)]
    if synthesis.sentences:
        parts += [_said(sentence, numbers, names) for sentence in synthesis.sentences]
    else:
        parts.append(harmless(synthesis.text).strip("\n"))
    if synthesis.dissent:
        parts.append("## Dissent")
        parts.append("\n".join(f"- {_said(each, numbers, names)}" for each in synthesis.dissent))
    if numbers:
        parts += ["## Reviews", "\n".join(_reviews(numbers, names))]
    if longer := "\n".join(_all_of(told, numbers)):
        parts += ["## Who says so", longer]
    return "\n\n".join(parts) + "\n"


def _made_by(synthesis: Synthesis) -> str:
    calls = f", in {plural(synthesis.calls, 'call')}" if synthesis.calls else ""
    cost = f", for {inline(money(synthesis.cost))}" if synthesis.cost else ""
    told = [
        f"Written by {inline(synthesis.by)}{calls}{cost}.",
        "Numbers behind a sentence are the reviews that say so.",
    ]
    if synthesis.dropped:
        told.append(f"Dropped: {plural(synthesis.dropped, 'sentence')} that no review it named supports.")
    return " ".join(told)


def _numbered(told: Iterable[Sentence]) -> dict[str, int]:
    """A number for each model that is named, in the order in which they are."""
    numbers: dict[str, int] = {}
    for sentence in told:
        for member in (*sentence.supporters, *sentence.opponents):
            numbers.setdefault(member, len(numbers) + 1)
    return numbers


def _said(sentence: Sentence, numbers: Mapping[str, int], names: Mapping[str, str]) -> str:
    text = _sentence(sentence)
    for word, members in (("", sentence.supporters), ("against: ", sentence.opponents)):
        if members:
            links = ", ".join(_link(member, numbers, names) for member in members[:_NAMED])
            more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
            text += f" ({word}{links}{more})"
    return text


def _sentence(sentence: Sentence) -> str:
    """Its text on one line; what would begin a block of code is none."""
    text = " ".join(sentence.text.split())
    return inline(text) if text.startswith(("```", "~~~")) else harmless(text)


def _link(member: str, numbers: Mapping[str, int], names: Mapping[str, str]) -> str:
    number = str(numbers[member])
    return link(number, f"{MODELS}/{names[member]}") if names.get(member) else number


def _reviews(numbers: Mapping[str, int], names: Mapping[str, str]) -> Iterator[str]:
    for member, number in numbers.items():
        page = names.get(member)
        yield f"{number}. {link(member, f'{MODELS}/{page}') if page else inline(member)}"


def _all_of(told: Iterable[Sentence], numbers: Mapping[str, int]) -> Iterator[str]:
    """Every supporter and opponent of sentences that have too many to be named behind them."""
    for sentence in told:
        if max(len(sentence.supporters), len(sentence.opponents)) > _NAMED:
            against = f"; against: {_spelled(sentence.opponents, numbers)}" if sentence.opponents else ""
            yield f"- {_sentence(sentence)} {_spelled(sentence.supporters, numbers)}{against}"


def _spelled(members: Iterable[str], numbers: Mapping[str, int]) -> str:
    """Numbers in order, neighbours as a range: `1-4, 7`."""
    ranges: list[list[int]] = []
    for number in sorted(numbers[member] for member in members):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


# --- the summary ------------------------------------------------------------------------------------


def summary_page(record: RunFile, *, folder: str, findings: str = "") -> str:
    """What was asked, what came of every model, and what to do about those that failed.

    `folder` is how people name the folder of the review, for the command that resumes it, `findings` the
    section on the issues that were found.
    """
    parts = [f"# Review of {inline(record.topic)}", _headline(record)]
    if record.problem:
        parts.append(f"> **{inline(record.problem)}**")
    parts += _asked(record)
    if findings:
        parts.append(findings.strip())
    parts += ["## Results", _results(record.models)]
    failed = [model for model in record.models if not model.answered]
    if failed:
        parts += ["## Without a review", *_failures(failed)]
    parts += ["## Totals", _totals(record)]
    if failed:
        command = f"panvox review --resume {shlex.quote(one_line(folder))}"
        parts += ["## How to go on", f"Ask those that are missing, and nobody twice:\n\n    {command}"]
    return "\n\n".join(parts) + "\n"


_STOPPED = {
    "deadline": "ended at its deadline",
    "interrupted": "interrupted",
    "decided": "ended when the rest was not needed",
    "wait": "ended when enough had answered",
    "stopped": "stopped before all had ended",
}


def _headline(record: RunFile) -> str:
    said = [f"{record.answered:,} of {plural(record.asked, 'model')} reviewed in {seconds(record.duration)}"]
    if record.stopped:
        said.append(_STOPPED.get(record.stopped, inline(record.stopped)))
    if record.synthesis is not None and not record.synthesis.failed:
        said.append("[synthesis](synthesis.md)")
    return f"{'; '.join(said)}. Started {inline(record.started)}."


def _asked(record: RunFile) -> Iterator[str]:
    source = f" ({inline(record.instructions_source)})" if record.instructions_source else ""
    total = sum(file.bytes for file in record.inputs)
    yield "## What was asked"
    yield (
        f"Instructions: {inline(record.instructions)}{source}. To the letter, with all files: "
        "[prompt.md](prompt.md)."
    )
    if record.inputs:
        rows = [_input_row(file) for file in record.inputs[:_LISTED]]
        yield f"{plural(len(record.inputs), 'input')}, {size(total)} in all:"
        yield "\n".join((_row(("Input", "Size", "SHA-256", "Masked")), "|---|--:|---|--:|", *rows))
        yield from _more(len(record.inputs))
    if record.left_out:
        yield f"{plural(len(record.left_out), 'file')} left out:"
        yield "\n".join(f"- {inline(left.path)}: {inline(left.reason)}" for left in record.left_out[:_LISTED])
        yield from _more(len(record.left_out))


def _input_row(file: InputRecord) -> str:
    return _row((inline(file.path), size(file.bytes), file.sha256[:12], str(file.masked or "")))


def _more(listed: int) -> Iterator[str]:
    if listed > _LISTED:
        yield f"And {listed - _LISTED:,} more in [run.json](run.json)."


def _results(models: Iterable[ModelRecord]) -> str:
    rows = [_row(("Model", "State", "Time", "Tokens", "Cost", "Page")), "|---|---|--:|--:|--:|---|"]
    for model in sorted(models, key=lambda model: not model.answered):
        ended = not model.state.open
        stand_in = f", by {inline(model.stand_in)}" if model.stand_in else ""
        rows.append(
            _row(
                (
                    inline(model.model),
                    _word(model.state) + stand_in,
                    seconds(model.duration) if ended else "",
                    _tokens(model.usage),
                    "" if model.cost is None else inline(money(model.cost)),
                    link("review" if model.answered else "incomplete", f"{MODELS}/{model.page}")
                    if model.page
                    else "",
                )
            )
        )
    return "\n".join(rows)


def _failures(failed: Sequence[ModelRecord]) -> Iterator[str]:
    """Those without a review, by state, the most frequent first, with what to do."""
    kinds: defaultdict[State, list[ModelRecord]] = defaultdict(list)
    for model in failed:
        kinds[model.state].append(model)
    for state, models in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
        yield f"### {_word(state).capitalize()} ({len(models):,})"
        hints = dict.fromkeys(model.hint for model in models if model.hint)
        yield from (f"What to do: {inline(hint)}" for hint in hints)
        rows = [_failure_row(model) for model in models]
        head = ("Model", "Status", "What was said", "Attempts", "Time", "In flight")
        yield "\n".join((_row(head), "|---|--:|---|--:|--:|--:|", *rows))


def _failure_row(model: ModelRecord) -> str:
    calls = [attempt for attempt in model.attempts if not attempt.cached]
    return _row(
        (
            inline(model.model),
            str(model.status or ""),
            inline(model.message or model.reason or model.note),
            str(len(calls)),
            seconds(model.duration) if not model.state.open else "",
            str(max((attempt.in_flight for attempt in calls), default="")),
        )
    )


def _totals(record: RunFile) -> str:
    states = ", ".join(f"{number:,} {_word(State(state))}" for state, number in record.states.items())
    usages = [model.usage for model in record.models if model.usage]
    lines = [
        f"{plural(record.asked, 'model')}: {states}" if states else "",
        f"{sum(len(model.attempts) for model in record.models):,} attempts",
        f"{sum(usage.prompt_tokens for usage in usages):,} tokens read and "
        f"{sum(usage.completion_tokens for usage in usages):,} written, as far as providers told"
        if usages
        else "",
        f"Cost: {inline(money(record.cost))}" if record.cost is not None else "",
        _written(record),
    ]
    return "\n".join(f"- {line}" for line in lines if line)


def _written(record: RunFile) -> str:
    told = record.synthesis
    if told is None:
        return ""
    if told.failed:
        return f"No synthesis: {inline(told.by)}: {inline(told.failed)}"
    return f"Synthesis by {inline(told.by)}" + (f", {inline(money(told.cost))} of it" if told.cost else "")


# --- words ------------------------------------------------------------------------------------------


def _word(state: State) -> str:
    return state.value.replace("_", " ")


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return ""
    return f"{usage.prompt_tokens:,} + {usage.completion_tokens:,}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
