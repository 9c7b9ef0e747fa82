"""The folder of one review: what went in, a page for each model as it lands, and what came of all of them.

    run.json       the contract, see `panvox.review.contract`
    prompt.md      the text that was sent, to the letter
    ledger.jsonl   one outcome a line, on disk before anything else tells of it; resuming reads it
    models/*.md    a page a model
    synthesis.md, summary.md, findings.json, findings.sarif     once all have ended

Nothing is overwritten: a new review makes a new folder, and one process at a time writes to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from panvox.messages import Identity, Outcome, Prompt, RunEnded
from panvox.review.contract import RunFile
from panvox.review.fitting import Fit


class Folder:
    """An open folder: a `Journal`, to which outcomes are written as they land.

    `kept` are the outcomes that were there when it was opened, the last one of each model; `problem` tells
    why something could not be written, as a sentence.
    """

    def __init__(self, path: Path, record: RunFile, prompt: str, kept: tuple[Outcome, ...] = ()) -> None:
        self.path = path
        self.record = record
        self.prompt = prompt
        self.kept = kept
        self.problem: str | None = None
        self._fits: Mapping[str, Fit] = {}

    @classmethod
    @contextmanager
    def create(cls, parent: Path, record: RunFile, prompt: str) -> Iterator[Self]:
        """A new folder in `parent`, named by time and topic, locked while inside. Raises `UsageError`."""
        path = parent / f"{record.started}-{record.topic}"
        path.mkdir(parents=True)
        yield cls(path, record, prompt)

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """The folder of an earlier review, locked while inside.

        Raises `UsageError` where it is none, another process writes to it, or its prompt was changed.
        """
        yield cls(path, RunFile(), "")

    def fitted(self, fits: Mapping[str, Fit]) -> None:
        """How the prompt was made to fit each model, by name; told in its page and in `run.json`."""
        self._fits = fits

    # --- as a journal ---

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """A turn of a run starts."""

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """A member has ended. What was kept already is not written again."""

    async def finish(self, ended: RunEnded) -> None:
        """All have ended: summary and `run.json`; returns when they are on disk, or cannot be."""
