"""What was learnt, on the disk: JSON that people can read, copy and delete. Everything here blocks.

Several processes may learn at the same time: each reads what is there, changes its own kinds of task and puts
the whole in its place, one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from panvox import whole_files
from panvox.curation.checks.factors import NAMES
from panvox.curation.choice.preferences import Preferences
from panvox.curation.expect import Expect
from panvox.curation.weights import TaskWeights, Weights
from panvox.errors import PanvoxError, UsageError

FORM = 1
"""Counted up when what is kept changes its shape; a file of another form is not read."""

_MOST_BYTES = 64 * 2**20


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    form: int
    tasks: dict[Expect, TaskWeights] = {}
    preferences: Preferences | None = None


def load_weights(path: Path) -> Weights:
    """What is kept at `path`; nothing where there is no file.

    Raises `UsageError`, naming the file and what to do, for one that cannot be used.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return Weights()
    except OSError as error:
        raise UsageError(
            f"the weights cannot be read from {path} ({error.strerror}); make it readable, or move it away"
        ) from None
    return _decoded(data, path)


def export_weights(weights: Weights, path: Path) -> None:
    """Write all of them to `path`, whole or not at all. Raises `PanvoxError` where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_files.write(path, _encoded(weights))
    except OSError as error:
        raise PanvoxError(f"the weights cannot be written to {path}: {error.strerror}") from None


def save_weights(path: Path, learnt: Weights) -> Weights:
    """Put what was learnt in the place of what was known at the same kinds of task; all that is kept now.

    Preferences stay unless others were learnt. Raises `PanvoxError` where it cannot be written, `UsageError`
    where what is there cannot be used.
    """
    return _change(
        path,
        lambda known: Weights(
            tasks={**known.tasks, **learnt.tasks}, preferences=learnt.preferences or known.preferences
        ),
    )


def reset_weights(path: Path, task: Expect | None = None) -> Weights:
    """Forget one kind of task, or all of them, a damaged file included; what is kept now.

    With texts go the preferences.
    """
    if task is None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise PanvoxError(f"{path} cannot be removed: {error.strerror}") from None
        return Weights()
    return _change(
        path,
        lambda known: Weights(
            tasks={kind: each for kind, each in known.tasks.items() if kind is not task},
            preferences=None if task is Expect.TEXT else known.preferences,
        ),
    )


def _change(path: Path, change: Callable[[Weights], Weights]) -> Weights:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_files.alone(path):
            weights = change(load_weights(path))
            whole_files.write(path, _encoded(weights))
    except OSError as error:
        raise PanvoxError(f"the weights cannot be kept in {path}: {error.strerror}") from None
    return weights


def _encoded(weights: Weights) -> bytes:
    document = _Document(form=FORM, tasks=dict(weights.tasks), preferences=weights.preferences)
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def _decoded(data: bytes, path: Path) -> Weights:
    hint = "`panvox weights reset` begins anew, or put an exported file in its place with `weights import`"
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} holds no weights, or is damaged ({error}); {hint}") from None
    if document.form != FORM:
        raise UsageError(f"{path} was written by another version of panvox; {hint}")
    for task, known in document.tasks.items():
        if known.task is not task:
            raise UsageError(f"{path}: what is kept for {task} was learnt at {known.task}; {hint}")
        _check(_figures(known), f"at {task} is", path, hint)
    if document.preferences is not None:
        _check(_figures_of_texts(document.preferences), "for texts is", path, hint)
    return Weights(tasks=document.tasks, preferences=document.preferences)


Figure = tuple[str, float, float, float]
"""What a figure is, the figure, and the least and the most that it can be."""


def _check(figures: Iterable[Figure], where: str, path: Path, hint: str) -> None:
    for what, value, least, most in figures:
        if not least <= value <= most:
            raise UsageError(f"{path}: {what} {where} {value:g}, not from {least:g} to {most:g}; {hint}")


MOST = 1e6
"""The largest figure that can have been learnt: the strongest voter has about one vote."""
STEEPEST = 1e60
"""The largest factor of a curve: high powers of small strengths are made up for by it."""


def _figures_of_texts(known: Preferences) -> Iterator[Figure]:
    yield "the number of labels", known.labels, 0, math.inf
    for voter, strength in known.strengths.items():
        yield f"the strength of {voter!r}", strength, 0, 1
    for voter, size in known.sizes.items():
        yield f"the usual size of {voter!r}", size, 0, 100
    for factor in (*NAMES, "threshold"):
        yield f"the quality's {factor}", getattr(known.factors, factor), 0, 1
    for feature, worth in known.worth.items():
        yield f"the worth of {feature!r}", worth, -MOST, MOST


def _figures(known: TaskWeights) -> Iterator[Figure]:
    yield "the number of labels", known.labels, 0, math.inf
    yield "the number of polls", known.polls, 0, math.inf
    yield "the weight of others", known.unseen, 0, MOST
    yield "the strength of others", known.unseen_strength or 0.0, 0, 1
    yield "the correlation", known.correlation, -1, 1
    for voter, weight in known.weights.items():
        yield f"the weight of {voter!r}", weight, 0, MOST
    for voter, strength in known.strengths.items():
        yield f"the strength of {voter!r}", strength, 0, 1
    for voter, part in (*known.guesses.items(), ("others", known.unseen_guess)):
        yield f"what a guess of {voter!r} counts", part, 0, 1
    for voter, more in known.beyond.items():
        yield f"what was added to {voter!r}", more, -STEEPEST, STEEPEST
    for voter, record in known.records.items():
        yield f"how often {voter!r} was asked", record.asked, 0, math.inf
        yield f"how often {voter!r} was right", record.right, 0, record.asked + 1e-6
    for term in known.curve:
        yield "an exponent of the curve", term.exponent, 0, 100
        yield "a factor of the curve", term.factor, -STEEPEST, STEEPEST
    if (sure := known.calibration) is not None:
        yield "how often nobody was right", sure.none, 0, 1
        for what, figure in (
            ("scale", sure.scale),
            ("slope", sure.slope),
            ("share", sure.share),
            ("lead", sure.lead),
            ("shift", sure.shift),
        ):
            yield f"the {what} of the calibration", figure, -MOST, MOST
