"""The folder of one review: what went in, a page for each model as it lands, and what came of all of them.

    run.json       the contract, see `panvox.review.contract`
    prompt.md      the text that was sent, to the letter
    ledger.jsonl   one outcome a line, on disk before anything else tells of it; resuming reads it
    models/*.md    a page a model
    synthesis.md, summary.md, findings.json, findings.sarif     once all have ended

Nothing is overwritten: a new review makes a new folder, and one process at a time writes to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from panvox import whole_files
from panvox.errors import UsageError
from panvox.messages import Identity, Outcome, Prompt, RunEnded
from panvox.review import contract, ledger_file, lock
from panvox.review.contract import RunFile
from panvox.review.fitting import Fit
from panvox.review.ledger_file import LedgerFile, Line
from panvox.review.names import folder_name
from panvox.review.writing import Writer
from panvox.verdicts import Verdict

RUN = "run.json"
PROMPT = "prompt.md"
LEDGER = "ledger.jsonl"


class Folder:
    """An open folder: a `Journal`, to which outcomes are written as they land, in a thread of its own.

    `prompt` is the text that was sent, `kept` the reviews that were there when it was opened, the last one of
    each model, and `notes` are sentences on what of it could not be read.
    """

    def __init__(
        self,
        path: Path,
        prompt: str,
        writer: Writer,
        thread: ThreadPoolExecutor,
        *,
        kept: tuple[Outcome, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.prompt = prompt
        self.kept = kept
        self.notes = notes
        self._writer = writer
        self._thread = thread
        self._landed: deque[Outcome] = deque()
        self._fit_notes: Mapping[str, str] = {}

    @classmethod
    @contextmanager
    def create(cls, parent: Path, record: RunFile, prompt: str) -> Iterator[Self]:
        """A new folder in `parent`, named by time and topic, locked while inside.

        For nobody else to read, since what is reviewed may be private. Raises `UsageError` where it cannot be
        made.
        """
        data = prompt.encode("utf-8", "surrogatepass")
        record = replace(record, prompt_sha256=_sha256(data))
        with ExitStack() as stack:
            with _told("no folder for the review can be made in", parent):
                path = _made(parent, folder_name(record.started, record.topic))
                stack.enter_context(lock.held(path))
                try:
                    whole_files.write(path / PROMPT, data, durable=True)
                    whole_files.write(path / RUN, contract.encode(record), durable=True)
                    folder = stack.enter_context(cls._writing(path, record, prompt))
                except OSError:
                    shutil.rmtree(path, ignore_errors=True)
                    raise
            yield folder

    @classmethod
    @contextmanager
    def resume(cls, path: Path) -> Iterator[Self]:
        """The folder of an earlier review, locked while inside; pages that are missing are written again.

        Raises `UsageError` where it is none, another process writes to it, or its prompt was changed.
        """
        with ExitStack() as stack:
            with _told("the review cannot be resumed in", path):
                if not (path / RUN).is_file():
                    raise UsageError(_no_review(path))
                stack.enter_context(lock.held(path))
                record = _record_in(path)
                prompt = _prompt_in(path, record)
                lines, notes = _lines_in(path)
                record = replace(record, ended="", stopped="", problem="")
                folder = stack.enter_context(cls._writing(path, record, prompt, lines, notes))
            yield folder

    @classmethod
    @contextmanager
    def _writing(
        cls,
        path: Path,
        record: RunFile,
        prompt: str,
        lines: Sequence[Line] = (),
        notes: Sequence[str] = (),
    ) -> Iterator[Self]:
        stand = _standing(lines)
        with (
            closing(LedgerFile(path / LEDGER)) as ledger,
            ThreadPoolExecutor(1, thread_name_prefix="panvox review") as thread,
        ):
            writer = Writer(path, record, lines, ledger)
            writer.restore(stand)
            kept = tuple(line.outcome for line in stand.values() if line.answered)
            folder = cls(path, prompt, writer, thread, kept=kept, notes=tuple(notes))
            try:
                yield folder
            finally:
                folder._submit(writer.leave)

    @property
    def record(self) -> RunFile:
        """What `run.json` tells."""
        return self._writer.record

    @property
    def problem(self) -> str | None:
        """What is not on the disk, and why, as a sentence; None when all is."""
        return self._writer.problem

    def fitted(self, fits: Mapping[str, Fit]) -> None:
        """How the prompt was made to fit each model, by name; told in its page and in `run.json`."""
        self._fit_notes = {name: fit.note for name, fit in fits.items() if fit.note}

    # --- as a journal ---

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """A turn of a run starts."""
        await self._do(partial(self._writer.begin, run, members, self._fit_notes))

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """A member has ended: it is written as soon as the disk is free, together with others that land.

        What was kept already is not written again.
        """
        self._landed.append(outcome)
        self._submit(self._take)

    async def finish(self, ended: RunEnded) -> None:
        """All have ended: summary and `run.json`; returns when they are on disk, or cannot be."""
        await self._do(partial(self._writer.end, ended))

    async def conclude(
        self,
        verdict: Verdict,
        *,
        findings: bytes | None = None,
        sarif: bytes | None = None,
        section: str = "",
    ) -> None:
        """What the reviews amount to is known: `synthesis.md`, `findings.json` and `findings.sarif`.

        `section` tells of the findings in `summary.md`, as Markdown.

        From now on the review has ended. Returns when all is on disk, or cannot be; never raises. May be
        called again when the review was resumed.
        """
        await self._do(partial(self._writer.conclude, verdict, findings, sarif, section))

    def _take(self) -> None:
        landed = [self._landed.popleft() for _ in range(len(self._landed))]
        if landed:
            self._writer.add(landed)

    async def _do(self, job: Callable[[], None]) -> None:
        future = self._submit(job)
        if future is not None:
            await asyncio.shield(asyncio.wrap_future(future))

    def _submit(self, job: Callable[[], None]) -> Future[None] | None:
        try:
            return self._thread.submit(self._safely, job)
        except RuntimeError:
            self._writer.fail("closed", f"{self.path} was closed before the review had ended")
            return None

    def _safely(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on and its user is told
            said = f"{type(error).__name__}: {error}"
            self._writer.fail("defect", f"{self.path} is not kept whole, by a defect in panvox: {said}")


# --- opening ---


@contextmanager
def _told(what: str, path: Path) -> Iterator[None]:
    """Errors of the disk as sentences for people."""
    try:
        yield
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        where = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
        raise UsageError(f"{what} {path}: {said}{where}") from None


def _made(parent: Path, name: str) -> Path:
    """A folder that was not there; a number tells it from others with its name."""
    parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        whole_files.sync_folder(parent)
        return path
    raise AssertionError("numbers do not end")


def _no_review(path: Path) -> str:
    if not path.exists():
        return f"there is no folder {path}; `panvox review` says at its end where it wrote to"
    if not path.is_dir():
        return f"{path} is a file: name the folder of a review, which has a {RUN}"
    return f"{path} is not the folder of a review: it has no {RUN}"


def _record_in(path: Path) -> RunFile:
    try:
        return contract.decode((path / RUN).read_bytes())
    except UsageError as error:
        raise UsageError(f"{path / RUN} {error}") from None


def _prompt_in(path: Path, record: RunFile) -> str:
    try:
        data = (path / PROMPT).read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"{path / PROMPT}, the text that was sent, is missing: put it back, or start a new review"
        ) from None
    if _sha256(data) != record.prompt_sha256:
        raise UsageError(
            f"{path / PROMPT} is not what was sent, so that answers to it would be about something else: "
            "put the old one back, or start a new review"
        )
    return data.decode("utf-8", "surrogatepass")


def _lines_in(path: Path) -> tuple[list[Line], list[str]]:
    try:
        return ledger_file.read(path / LEDGER)
    except FileNotFoundError:
        return [], [f"{path / LEDGER} is missing: all models are asked again"]


def _standing(lines: Iterable[Line]) -> dict[str, Line]:
    """The line of each model that counts: that of its review, else its last."""
    stand: dict[str, Line] = {}
    for line in lines:
        known = stand.get(line.member.name)
        if known is None or not known.answered:
            stand[line.member.name] = line
    return stand


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
