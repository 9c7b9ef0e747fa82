"""`panvox learn`: how far each model can be trusted, from recorded sets and from stored runs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

import panvox
from panvox.cli.evaluation_options import Counting, Labels, Seed, parse_kind, parse_labels
from panvox.cli.exits import Exit
from panvox.cli.options import SettingsFile, load_settings
from panvox.cli.process import run
from panvox.cli.text import one_line
from panvox.curation import Expect
from panvox.errors import PanvoxError, StoreError, UsageError
from panvox.evaluation.datasets import Dataset, read
from panvox.evaluation.evaluate import Plan, lessons_of
from panvox.evaluation.learning import Lesson, weights_from, with_labels
from panvox.evaluation.published import published_strength
from panvox.evaluation.runs import lesson_of
from panvox.evaluation.weights_file import save_weights
from panvox.figures import plural
from panvox.messages import Identity
from panvox.settings import Settings
from panvox.settings.places import weights_file

if TYPE_CHECKING:  # the session brings the store when it opens one
    from panvox.store import StoredRun

MOST_RUNS = 10_000
"""Stored runs that `all` means at most, the latest."""


def learn(
    *source: Annotated[
        str,
        Parameter(
            name="DATASET|RUN",
            help="Folders of recorded sets, and stored runs: ids or their beginnings, last, or all.",
        ),
    ],
    labels: Labels = "all",
    task: Annotated[
        str | None,
        Parameter(
            metavar="KIND",
            show_default=False,
            help="The kind of task that all prompts are: number, choice, code, json, text, …; `prompt` finds "
            "it from each prompt. What a set records by default.",
        ),
    ] = None,
    seed: Seed = 0,
    settings: SettingsFile = None,
) -> int:
    """Learn how far each model can be trusted, from recorded answers or runs.

    With right answers by how often it was right; without any, as with runs, by how often others agree. What
    is learnt takes the place of what was known at the same kind of task; `panvox ask` counts by it from then
    on, and `panvox weights` shows it.
    """
    count, kind = parse_labels(labels), parse_kind(task, "--task")
    if not source:
        raise UsageError("there is nothing to learn from: name the folder of a recorded set, a run, or `all`")
    loaded = load_settings(settings)
    sets = [read(Path(word)) for word in source if _is_folder(word)]
    references = [word for word in source if not _is_folder(word)]
    lessons: list[Lesson] = []
    for dataset in sets:
        lessons += _of_set(dataset, Plan(expect=kind, seed=seed))
    if references:
        expect = kind if isinstance(kind, Expect) else None
        code = run(lambda _: _of_runs(loaded, references, expect, lessons))
        if code:
            return code
    found = weights_from(with_labels(lessons, count, seed=seed), _published)
    if not found.tasks:
        raise PanvoxError(
            "nothing could be learnt: there are no right answers, no labels, and no prompt that two models "
            "answered in a way that can be compared"
        )
    file = weights_file(loaded.store.path)
    save_weights(file, found)
    for kind_of, each in found.tasks.items():
        names = plural(len(each.weights), "model")
        print(f"learnt for {kind_of}: {one_line(each.basis)}; weights of {names}")
    print(f"kept in {file}\n`panvox weights` shows them", file=sys.stderr)
    return Exit.ANSWERED


def _is_folder(word: str) -> bool:
    return Path(word).is_dir() or "/" in word


def _published(voter: str, task: Expect) -> float | None:
    return published_strength(Identity(name=voter), task)


def _of_set(dataset: Dataset, plan: Plan) -> list[Lesson]:
    counting = Counting()
    try:
        return lessons_of(dataset, plan, counting)
    finally:
        counting.clear()


async def _of_runs(
    settings: Settings, references: Sequence[str], expect: Expect | None, lessons: list[Lesson]
) -> int:
    """Add what the named runs teach to `lessons`."""
    passed: Counter[str] = Counter()
    async with panvox.open(settings) as session:
        for reference in await _named(session, references):
            stored = await session.store.run(reference)
            for turn in stored.turns:
                name = f"{stored.run}/{turn.turn}"
                lesson = lesson_of(name, turn.prompt, turn.outcomes, expect=expect)
                passed["taught" if lesson else "not"] += 1
                if lesson:
                    lessons.append(lesson)
    if passed["not"]:
        count = plural(passed["not"], "prompt")
        print(f"{count} taught nothing: no two answers that can be compared", file=sys.stderr)
    return Exit.ANSWERED


async def _stored(session: panvox.Session, reference: str) -> StoredRun:
    """The run that is meant. Raises `StoreError` for what is neither a folder nor a run."""
    try:
        return await session.store.run(reference)
    except StoreError as error:
        raise StoreError(f"there is no folder {reference!r}. {error}") from None


async def _named(session: panvox.Session, references: Sequence[str]) -> list[str]:
    """The ids of the runs that are meant, each once."""
    found: dict[str, None] = {}
    for reference in references:
        if reference == "all":
            found.update(dict.fromkeys(each.run for each in await session.store.runs(limit=MOST_RUNS)))
        else:
            found[(await _stored(session, reference)).run] = None
    return list(found)
