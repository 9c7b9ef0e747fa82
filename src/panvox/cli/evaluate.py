"""`panvox evaluate`: how good the answers are on recorded ones, beside simpler ways to find them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated

from cyclopts import Parameter

from panvox.cli.columns import Column
from panvox.cli.evaluation_options import Counting, Labels, Seed, parse_kind, parse_labels
from panvox.cli.exits import Exit
from panvox.cli.models import table
from panvox.cli.text import json_line, one_line
from panvox.curation import Method
from panvox.errors import UsageError
from panvox.evaluation import pools
from panvox.evaluation.datasets import PREFERENCES, Dataset, read
from panvox.evaluation.evaluate import Decided, Plan, Taught, decide, taught
from panvox.evaluation.judging import ACCURACY
from panvox.evaluation.metrics import Figure
from panvox.evaluation.report import Report, report
from panvox.evaluation.trials import Stop
from panvox.figures import percent, plural

Score = Annotated[
    str | None,
    Parameter(
        metavar="LABELS",
        show_default=False,
        help="Score free texts by these labels, ae2 or ae1, and let only texts that have one take part; "
        "`none`: all take part. The set's own by default.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How the set is put to the test."""

    learn_from: Annotated[
        Path | None,
        Parameter(
            metavar="DATASET",
            negative="",
            help="Learn from this set. Without, each fifth of DATASET is decided by what the rest teaches.",
        ),
    ] = None
    labels: Labels = "all"
    pool: Annotated[
        str,
        Parameter(
            metavar="POOL", help="Who is asked: all, strongest:N, random:N or without-best:N of the models."
        ),
    ] = "all"
    method: Annotated[
        Method,
        Parameter(
            metavar="METHOD",
            help="How the answer is found: weighted, majority, multi-factor, medoid, or judge: a simulated "
            "one, that knows the labels and prefers the better of two texts in 75 % of pairs.",
        ),
    ] = Method.WEIGHTED
    expect: Annotated[
        str | None,
        Parameter(
            metavar="KIND",
            show_default=False,
            help="The kind of answers: number, choice, code, json, text, …; `prompt` finds it from each "
            "prompt, as `panvox ask` does. What the set records by default.",
        ),
    ] = None
    score: Score = None
    stop: Annotated[Stop, Parameter(help="Stop listening once the answer is certain, or likely to stay.")] = (
        "never"
    )
    seed: Seed = 0
    out: Annotated[
        Path | None,
        Parameter(metavar="FILE", negative="", help="Write a line of JSON for each prompt there."),
    ] = None
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Write the figures as JSON.")] = (
        False
    )


_DEFAULT = Options()


def evaluate(
    dataset: Annotated[
        Path, Parameter(name="DATASET", help="The folder of a recorded set; see docs/evaluation.md.")
    ],
    /,
    *,
    options: Options = _DEFAULT,
) -> int:
    """Measure how good the answers are on recorded ones, beside simpler ways to find them.

    Hears the recorded texts in a random order as `panvox ask` would, and compares what comes of it with what
    is known to be right. A majority, the best single model and the best possible choice stand beside it.
    Nothing is learnt on what is measured.
    """
    labels, pool = parse_labels(options.labels), pools.parse(options.pool)
    expect = parse_kind(options.expect, "--expect")
    measured = read(dataset)
    teacher = read(options.learn_from) if options.learn_from else None
    plan = Plan(
        labels=labels,
        pool=pool,
        method=options.method,
        expect=expect,
        seed=options.seed,
        stop=options.stop,
        score=_score(options.score, measured),
    )
    counting, decided, known = Counting(), list[Decided](), dict[str, Taught]()
    code = Exit.ANSWERED
    with _lines_to(options.out) as out:
        try:
            known = taught(measured, plan, learn_from=teacher, progress=counting)
            for each in decide(measured, plan, known, counting):
                decided.append(each)
                if out is not None:
                    out.write(json_line(each.line) + "\n")
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
    counting.clear()
    if code is Exit.INTERRUPTED:
        count = f"{len(decided):,} of {plural(len(measured.questions), 'prompt')}"
        print(f"panvox: interrupted after {count}; the figures are of these", file=sys.stderr)
    if decided:
        unique = list({id(each): each for each in known.values()}.values())
        judge = ACCURACY if plan.method is Method.JUDGE else None
        found = report(decided, unique, seed=plan.seed, judge=judge)
        _show(found, measured, plan, teacher, json=options.json)
    return code


def _score(wanted: str | None, dataset: Dataset) -> str | None:
    """The kind of labels by which texts are scored. Raises `UsageError` where the set does not have them."""
    there = dataset.prefers
    if wanted == "none":
        return None
    if wanted is None:
        return there[0] if there else None
    if wanted not in PREFERENCES:
        raise UsageError(f"--score {wanted!r} is none of {', '.join(PREFERENCES)} and none")
    if wanted not in there:
        raise UsageError(f"--score {wanted}: {dataset.name} has no such labels")
    return wanted


def _lines_to(file: Path | None) -> AbstractContextManager[IO[str] | None]:
    if file is None:
        return nullcontext()
    try:
        return file.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {file} cannot be written: {error.strerror}") from None


# --- the figures -----------------------------------------------------------------------------------

_TITLES = {
    "panvox": "panvox",
    "majority": "majority, one vote an answer",
    "single": "best single model",
    "fallback": "best single, else the next best",
    "random": "a random model",
    "oracle": "oracle: the best there is",
}


def _show(found: Report, dataset: Dataset, plan: Plan, teacher: Dataset | None, *, json: bool) -> None:
    if json:
        print(json_line(found))
        return
    print("\n".join(_head(found, dataset, plan, teacher)) + "\n")
    word = "accuracy" if found.accuracy else f"label {plan.score}"
    rows = [
        (_title(name, found), _value(figure), f"{_value(figure, 'low')} to {_value(figure, 'high')}")
        for name, figure in (found.accuracy or found.labels).items()
    ]
    for name, value in found.length_controlled.items():
        rows.append((f"{_title(name, found)}, at equal length", f"{100 * value:.1f} %", ""))
    if rows:
        table((Column("", style="bold"), Column(word, right=True), Column("95 %", style="dim")), rows)
        print()
    print("\n".join(_foot(found)))
    sys.stdout.flush()


def _title(name: str, found: Report) -> str:
    return f"{_TITLES[name]} ({one_line(found.single)})" if name == "single" else _TITLES[name]


def _value(figure: Figure, part: str = "value") -> str:
    value = {"value": figure.value, "low": figure.low, "high": figure.high}[part]
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _head(found: Report, dataset: Dataset, plan: Plan, teacher: Dataset | None) -> Iterator[str]:
    asked = f"{plural(found.prompts, 'prompt')}, {plural(found.models, 'model')}"
    yield f"{one_line(dataset.name)}: {asked}, pool {plan.pool}, method {plan.method}"
    where = one_line(teacher.name) if teacher else "the rest of the set, in folds"
    for task, basis in found.basis.items():
        yield f"learnt for {task}: {one_line(basis)}, from {where}"
    if not found.basis:
        yield "nothing was learnt"
    if found.simulated_judge is not None:
        known = f"the labels {plan.score}" if plan.score else "what is right"
        pairs = percent(found.simulated_judge)
        yield f"the judge is simulated: it knows {known}, and prefers the better text in {pairs} of pairs"


def _foot(found: Report) -> Iterator[str]:
    if found.gain is not None:
        gain, low, high = (100 * each for each in (found.gain.value, found.gain.low, found.gain.high))
        yield f"gain over the best single model: {gain:+.1f} points ({low:+.1f} to {high:+.1f})"
    if found.calibration_error is not None:
        of = plural(found.confident, "prompt")
        yield f"calibration error: {found.calibration_error:.3f} over {of}"
    if found.grouping is not None:
        yield f"grouping: adjusted Rand index {found.grouping:.3f}"
    if found.waited is not None:
        yield f"waited for {percent(found.waited)} of the answers"
    if found.changed:
        yield f"right answers lost by stopping: {found.changed:,}"
    if found.adversarial_picks is not None:
        yield f"picks of models that game the judge: {found.adversarial_picks:,}"
