"""`panvox weights`: what was learnt of models, to be read, carried elsewhere, and forgotten."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from panvox.cli.columns import Column
from panvox.cli.exits import Exit
from panvox.cli.models import Json, table
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.text import json_line, one_line
from panvox.curation.checks.factors import NAMES
from panvox.curation.choice.preferences import Preferences
from panvox.curation.expect import Expect
from panvox.curation.weights import TaskWeights
from panvox.errors import UsageError
from panvox.evaluation.weights_file import (
    export_weights,
    load_weights,
    reset_weights,
    save_weights,
)
from panvox.figures import percent, plural
from panvox.settings.places import weights_file

app = App(
    name="weights",
    help="Show, export, import or reset what was learnt of models.",
    usage="Usage: panvox weights [TASK] [OPTIONS]\n       panvox weights COMMAND",
    group_parameters="Options",
)

Task = Annotated[
    str | None,
    Parameter(name="TASK", help="Only this kind of task: number, choice, code, json, text, …"),
]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one model at one kind of task.

    `weight` is its votes, `strength` the estimated probability that it is right; it was right `right` times
    of `asked`. `source` tells what this rests on.
    """

    task: str
    model: str
    weight: float
    strength: float | None
    right: float | None
    asked: float | None
    source: str


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit of a feature of a free text adds to its worth."""

    task: str
    feature: str
    worth: float
    source: str


@app.default
def weights(task: Task = None, /, *, json: Json = False, settings: SettingsFile = None) -> int:
    """Show what was learnt of models: how strong each is at a kind of task, and what its answer counts.

    `panvox learn` learns it, `panvox ask` counts by it.
    """
    wanted = None if task is None else _kind(task)
    learnt = load_weights(weights_file(load_settings(settings).store.path))
    known = learnt.tasks
    chosen = [each for kind, each in known.items() if wanted in {None, kind}]
    rows = [row for each in chosen for row in rows_of(each)]
    features = list(features_of(learnt.preferences)) if wanted in {None, Expect.TEXT} else []
    if json:
        for row in (*rows, *features):
            print(json_line(row))
    elif rows or features:
        _show(chosen)
        _show_features(features)
    else:
        print(_nothing(task, known), file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED


@app.command(name="export", usage="Usage: panvox weights export FILE [OPTIONS]")
def export(
    file: Annotated[Path, Parameter(name="FILE", help="Where to write them, as JSON.")],
    /,
    *,
    settings: SettingsFile = None,
) -> int:
    """Write all that was learnt to a file, to be used elsewhere."""
    known = load_weights(weights_file(load_settings(settings).store.path))
    if not known.tasks:
        raise UsageError("there are no weights to export: panvox learn makes some")
    export_weights(known, file)
    print(f"{plural(len(known.tasks), 'kind')} of task written to {file}", file=sys.stderr)
    return Exit.ANSWERED


@app.command(name="import", usage="Usage: panvox weights import FILE [OPTIONS]")
def import_(
    file: Annotated[Path, Parameter(name="FILE", help="What `panvox weights export` wrote.")],
    /,
    *,
    settings: SettingsFile = None,
) -> int:
    """Take what was learnt from a file; kinds of task that it does not have stay as they are."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    taken = load_weights(file)
    save_weights(weights_file(load_settings(settings).store.path), taken)
    print(f"taken over: {', '.join(taken.tasks) or 'nothing, the file is empty'}", file=sys.stderr)
    return Exit.ANSWERED


@app.command(usage="Usage: panvox weights reset [TASK] [OPTIONS]")
def reset(task: Task = None, /, *, settings: SettingsFile = None) -> int:
    """Forget what was learnt, of one kind of task or of all, so that it is learnt anew."""
    kind = None if task is None else _kind(task)
    file = weights_file(load_settings(settings).store.path)
    if kind is not None and kind not in load_weights(file).tasks:
        raise UsageError(_nothing(task, load_weights(file).tasks))
    reset_weights(file, kind)
    print(f"forgotten: {kind or 'all weights'}", file=sys.stderr)
    return Exit.ANSWERED


def rows_of(known: TaskWeights) -> Iterator[Row]:
    """The models of a kind of task, those that count most first."""
    for model, weight in sorted(known.weights.items(), key=lambda item: (-item[1], item[0])):
        record = known.records.get(model)
        yield Row(
            task=known.task.value,
            model=model,
            weight=round(weight, 6),
            strength=known.strengths.get(model),
            right=record.right if record else None,
            asked=record.asked if record else None,
            source=known.method or known.basis,
        )


def features_of(known: Preferences | None) -> Iterator[Feature]:
    """The features of free texts that count, those that add most first."""
    if known is None:
        return
    for name, worth in sorted(known.worth.items(), key=lambda item: -item[1]):
        yield Feature(task=Expect.TEXT.value, feature=name, worth=worth, source=known.basis)
    for name in (*NAMES, "threshold"):
        worth = getattr(known.factors, name)
        yield Feature(
            task=Expect.TEXT.value, feature=f"quality: {name}", worth=worth, source=known.factors.basis
        )


def _kind(word: str) -> Expect:
    if word in {kind.value for kind in Expect}:
        return Expect(word)
    raise UsageError(
        f"there is no kind of task {word!r}; there are {', '.join(kind.value for kind in Expect)}"
    )


def _nothing(task: str | None, known: object) -> str:
    if task is None or not isinstance(known, dict) or not known:
        return "nothing was learnt yet: panvox learn DATASET, or panvox learn all for your runs"
    return f"nothing was learnt for {task}; there is something for {', '.join(sorted(known))}"


LEAST_SHOWN = 0.001
"""Votes below which no model makes a difference."""

_COLUMNS = (
    Column("model", flexible=True, least=20),
    Column("strength", right=True),
    Column("weight", right=True, style="bold"),
    Column("right", right=True),
    Column("of", right=True, style="dim"),
)


def _show(chosen: list[TaskWeights]) -> None:
    for number, known in enumerate(chosen):
        if number:
            print()
        print(f"{known.task}: {one_line(known.basis)}", flush=True)
        table(_COLUMNS, [_cells(row) for row in rows_of(known)])


def _weight(votes: float) -> str:
    return f"{votes:.3f}" if votes >= LEAST_SHOWN or not votes else f"<{LEAST_SHOWN}"


_FEATURE_COLUMNS = (Column("feature of a text", least=20), Column("worth of one unit", right=True))


def _show_features(features: list[Feature]) -> None:
    if features:
        print(flush=True)
        table(_FEATURE_COLUMNS, [(one_line(each.feature), f"{each.worth:+.3f}") for each in features])


def _cells(row: Row) -> tuple[str, ...]:
    return (
        one_line(row.model),
        "-" if row.strength is None else percent(row.strength),
        _weight(row.weight),
        "" if row.right is None else f"{row.right:,.6g}",
        "" if row.asked is None else f"{row.asked:,.6g}",
    )
