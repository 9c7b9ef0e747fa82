"""A review: a brief in, a folder out.

    opened     panel ─► fitting ─► folder ─► one turn ─► synthesis ─► findings ─► folder.conclude
    resumed    the same out of an earlier folder; who has answered is not asked again

Outcomes go to the store and to the folder as they land.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from msgspec.structs import replace

from panvox.catalog.entries import LOCAL, Entry
from panvox.compose.conversation import Calling, check_prompt
from panvox.compose.judging import JudgedTurn, Judging
from panvox.curation import Expect
from panvox.curation.curate import lineage_of
from panvox.engine import Member, Run, Turn
from panvox.errors import SelectionError, UnknownModel, UsageError
from panvox.messages import Event, Identity, Outcome, Prompt, RunEnded, RunEvent, RunStarted
from panvox.protocols import Journal, Purse
from panvox.review.brief import (
    Brief,
    brief_in,
    digest,
    inputs_of,
    instructions_digest,
    lists_issues,
)
from panvox.review.contract import ModelRecord, RunFile
from panvox.review.findings import Findings, encode, findings_of, findings_section, sarif
from panvox.review.fitting import Fit, Fitting
from panvox.review.folder import Folder
from panvox.review.material import InputFile
from panvox.review.panel import members_fitted
from panvox.verdicts import Verdict

if TYPE_CHECKING:
    from panvox.compose.session import Panel, Session

NO_WRITER = (
    "there is no synthesis, since the model on this machine is too small to write one: name another with "
    "--synthesis-model"
)
LEAST_REVIEWS = 2
"""Reviews of which a synthesis can be made."""


class Reviewing(TypedDict, total=False):
    """How a review is asked. What is left out comes from the settings.

    - `models` are patterns of the selection language; when a review is resumed, models to ask besides.
    - `synthesis` is the model that puts all reviews together, "" for the usual one, None for no synthesis.
    - `deadline` is in seconds, for all reviews together.
    - `fallback`, `fresh`, `tag`: see `panvox.compose.conversation.Calling`.
    """

    models: Sequence[str]
    synthesis: str | None
    deadline: float | None
    fallback: bool
    fresh: bool
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What came of a review: its folder, an outcome for each model, and what they amount to.

    `findings` are the issues that the reviews list, None where nobody was asked for a list, or the review was
    interrupted. `fits` tells how the files were made to fit each model, by name. `problem` is what could not
    be written down, as a sentence.
    """

    folder: Path
    run: str
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    findings: Findings | None
    fits: Mapping[str, Fit]
    states: Mapping[str, int]
    duration: float
    stopped: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A panel whose members are asked what fits them; nothing has gone out yet."""

    brief: Brief
    prompt: Prompt
    entries: tuple[Entry, ...]
    members: tuple[Member, ...]
    fits: Mapping[str, Fit]


class Both:
    """A journal that writes to two others, one after the other."""

    def __init__(self, first: Journal, second: Journal) -> None:
        self._journals = first, second

    @property
    def problem(self) -> str | None:
        """See `Journal`: that of the first that has one."""
        return next((each.problem for each in self._journals if each.problem), None)

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """See `Journal`."""
        for each in self._journals:
            await each.begin(run, turn, prompt, members)

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """See `Journal`."""
        for each in self._journals:
            await each.outcome(run, turn, outcome)

    async def finish(self, ended: RunEnded) -> None:
        """See `Journal`."""
        for each in self._journals:
            await each.finish(ended)


class ReviewTurn:
    """A review under way: iterate it for its events; the last is `RunEnded`, when the folder is complete.

    `reviewed` is what came of it, from then on.
    """

    def __init__(
        self, fitted: Fitted, folder: Folder, turn: Turn, judged: Turn | JudgedTurn, *, purse: Purse
    ) -> None:
        self.folder = folder
        self.fits = fitted.fits
        self.reviewed: Reviewed | None = None
        self._fitted = fitted
        self._turn = turn
        self._judged = judged
        self._purse = purse

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        """The events. The question is told in a line, since the whole may be megabytes."""
        async for event in self._judged:
            if isinstance(event, RunStarted):
                yield replace(event, question=self._fitted.brief.title)
            elif isinstance(event, RunEnded):
                self.reviewed = await self._concluded(event)
                yield event
            else:
                yield event

    @property
    def money_problem(self) -> str | None:
        """What of the money could not be written down, as a sentence; None where all was."""
        return self._purse.problem

    def stop(self, why: str = "stopped") -> None:
        """End the review and keep what has arrived."""
        self._judged.stop(why)

    async def wait_ended(self) -> Reviewed:
        """Pass over the events that are left; what came of it."""
        async for _ in self:
            pass
        if self.reviewed is None:
            raise RuntimeError("the review was cut short before it could end")
        return self.reviewed

    async def _concluded(self, ended: RunEnded) -> Reviewed:
        """What came of it, once all of it is in the folder."""
        outcomes = self._turn.outcomes
        findings: Findings | None = None
        if ended.stopped != "interrupted" and ended.verdict.answered and lists_issues(self._fitted.brief):
            # Who interrupts does not wait: they come when the review is resumed.
            files = self._fitted.brief.material.files
            findings, documents = await asyncio.to_thread(_found, outcomes, files)
            await self.folder.conclude(ended.verdict, **documents)
        else:
            await self.folder.conclude(ended.verdict)
        return Reviewed(
            folder=self.folder.path,
            run=ended.run,
            verdict=ended.verdict,
            outcomes=outcomes,
            findings=findings,
            fits=self.fits,
            states=ended.states,
            duration=ended.duration,
            stopped=ended.stopped,
            problem=self.folder.problem,
        )


class _Documents(TypedDict):
    findings: bytes
    sarif: bytes
    section: str


def _found(outcomes: Sequence[Outcome], files: Sequence[InputFile]) -> tuple[Findings, _Documents]:
    """The issues that the reviews list: as a value, and as they stand in the folder. Takes a while."""
    reviews = [(o.member.name, lineage_of(o.speaker), o.text) for o in outcomes if o.answered]
    findings = findings_of(reviews, files)
    return findings, _Documents(
        findings=encode(findings),
        sarif=sarif.encode(findings, files, version("panvox")),
        section=findings_section(findings),
    )


@asynccontextmanager
async def opened(
    session: Session, brief: Brief, *, parent: Path | None, asked: Reviewing
) -> AsyncIterator[ReviewTurn]:
    """A new review, in a new folder in `parent`. Raises `UsageError` before anything is sent."""
    parent = parent or session.settings.review.folder
    async with panel_of(session, asked.get("models", ()), asked) as panel:
        fitted = await fit(session, panel, brief)
        record = await asyncio.to_thread(_record, brief, fitted, asked)
        if parent is None:
            parent = await asyncio.to_thread(_usual_folder)
        async with (
            _entered(Folder.create(parent, record, fitted.prompt.question)) as folder,
            _under_way(session, panel, fitted, folder, asked) as turn,
        ):
            yield turn


@asynccontextmanager
async def resumed(session: Session, path: Path, *, asked: Reviewing) -> AsyncIterator[ReviewTurn]:
    """An earlier review goes on: models that have not answered are asked, and `models` besides.

    Raises `UsageError` where there is none at `path`, or nobody is left to ask.
    """
    async with _entered(Folder.resume(path)) as folder:
        brief = brief_in(folder.record, folder.prompt)
        names, absent = await _earlier(session, folder)
        patterns = (*names, *asked.get("models", ()))
        if not patterns:
            raise SelectionError(
                f"none of the models of {path} can be asked any more: name others with --model"
            )
        async with panel_of(session, patterns, asked) as panel:
            fitted = await fit(session, panel, brief)
            fitted = changed(fitted, members=(*fitted.members, *absent))
            async with _under_way(session, panel, fitted, folder, asked) as turn:
                yield turn


USUAL_FOLDER = Path("panvox-reviews")
"""Where reviews go if nothing else is said: in the current folder, and kept out of its repository."""


def _usual_folder() -> Path:
    try:
        USUAL_FOLDER.mkdir()
        (USUAL_FOLDER / ".gitignore").write_text("*\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise UsageError(
            f"{USUAL_FOLDER.absolute()} cannot be made: {error.strerror}; name another folder with --output"
        ) from None
    return USUAL_FOLDER


@asynccontextmanager
async def _entered(folder: AbstractContextManager[Folder]) -> AsyncIterator[Folder]:
    """The folder, whose opening and closing wait for the disk."""
    opened_folder = await asyncio.to_thread(folder.__enter__)
    try:
        yield opened_folder
    finally:
        await asyncio.to_thread(folder.__exit__, None, None, None)


@asynccontextmanager
async def panel_of(session: Session, models: Sequence[str], asked: Reviewing) -> AsyncIterator[Panel]:
    """Those who review, with whoever writes the synthesis."""
    selected = await session.select(models)
    judging = _judging(session, asked, selected)
    calling = Calling(
        fallback=asked.get("fallback", True),
        fresh=asked.get("fresh", False),
        tag=asked.get("tag", ""),
        judging=judging,
    )
    async with session.panel(models, calling) as panel:
        if judging is None and asked.get("synthesis", "") is not None:
            panel.notes.say(NO_WRITER)
        yield panel


def _judging(session: Session, asked: Reviewing, selected: Sequence[Entry]) -> Judging | None:
    """Who writes the synthesis; nobody where none is wanted, or only the model on this machine could."""
    writer, settings = asked.get("synthesis", ""), session.settings
    if writer is None:
        return None
    hosted = any(entry.provider != LOCAL for entry in selected)
    if not (writer or settings.judge.synthesis_model or hosted):
        return None
    return Judging(synthesis=writer, seconds=settings.review.synthesis_deadline, least=LEAST_REVIEWS)


async def fit(session: Session, panel: Panel, brief: Brief) -> Fitted:
    """What each member is asked. Raises `UsageError` where the files are too many, or no text."""
    most = session.settings.review.max_bytes
    if brief.material.bytes > most:
        raise UsageError(
            f"the files have {brief.material.bytes:,} bytes and the limit is {most:,}: name fewer, or raise "
            "review.max_bytes"
        )
    estimates = session.keeping.estimates

    def made() -> Fitted:
        fitting = Fitting(
            brief.instructions, brief.material.files, oversize=brief.oversize, max_tokens=brief.max_tokens
        )
        check_prompt(fitting.prompt, most=4 * most)
        members, fits = members_fitted(
            panel.members,
            {entry.name: entry for entry in panel.entries},
            fitting,
            lambda name, prompt: estimates.of(name, prompt)[0],
        )
        return Fitted(
            brief=brief,
            prompt=fitting.prompt,
            entries=panel.entries,
            members=tuple(members),
            fits=fits,
        )

    return await asyncio.to_thread(made)


@asynccontextmanager
async def _under_way(
    session: Session, panel: Panel, fitted: Fitted, folder: Folder, asked: Reviewing
) -> AsyncIterator[ReviewTurn]:
    deadline = asked.get("deadline")
    kept = {each.member.name: each for each in folder.kept if each.answered}
    folder.fitted(fitted.fits)
    rules = changed(await session.rules(panel.notes), expect=Expect.TEXT)
    if rules.embedder is not None:
        await asyncio.to_thread(rules.embedder.embed, ["ready"])  # loaded before reviews land
    run = Run(
        fitted.members,
        journal=Both(session.store, folder),
        purse=panel.purse,
        tag=asked.get("tag", ""),
        rules=rules,
    )
    for note in (*folder.notes, *fitted.brief.notes):
        panel.notes.say(note)
    async with run.turn(
        fitted.prompt,
        deadline=session.settings.review.deadline if deadline is None else deadline,
        landed=tuple(kept.values()),
    ) as turn:
        with session.notes.told_to(turn), panel.notes.told_to(turn):
            judged: Turn | JudgedTurn = turn
            if panel.bench is not None:
                judged = JudgedTurn(
                    turn,
                    panel.bench,
                    purse=panel.purse,
                    store=session.store,
                    question=fitted.brief.question,
                )
            yield ReviewTurn(fitted, folder, turn, judged, purse=panel.purse)


# --- resuming ---


class _Gone:
    """A model of an earlier review that is not in the catalogue any more; nobody asks it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """See `Model`."""
        raise UnknownModel(f"{self.name} is not in the catalogue any more")


async def _earlier(session: Session, folder: Folder) -> tuple[tuple[str, ...], tuple[Member, ...]]:
    """The models of an earlier review: names that can be asked, and members for all others."""
    known = {entry.name for entry in (await session.catalogue()).entries}
    identities = {record.model: _identity(record) for record in folder.record.models}
    identities |= {outcome.member.name: outcome.member for outcome in folder.kept}
    absent = tuple(
        Member(identity, _Gone(name), declined="it is not in the catalogue any more")
        for name, identity in identities.items()
        if name not in known
    )
    return tuple(name for name in identities if name in known), absent


def _identity(record: ModelRecord) -> Identity:
    return Identity(name=record.model, provider=record.provider, lineage=record.lineage)


# --- what is written down before anything is sent ---


def _record(brief: Brief, fitted: Fitted, asked: Reviewing) -> RunFile:
    told = brief.instructions
    return RunFile(
        panvox=version("panvox"),
        topic=brief.topic,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        instructions=told.name,
        instructions_source=told.source,
        instructions_sha256=instructions_digest(told.text),
        prompt_sha256=digest(fitted.prompt.question.encode()),
        settings={
            "title": told.title,
            "oversize": brief.oversize.value,
            "max_tokens": brief.max_tokens,
            "deadline": asked.get("deadline"),
            "synthesis": asked.get("synthesis", ""),
            "tag": asked.get("tag", ""),
        },
        inputs=inputs_of(brief.material.files),
        left_out=brief.material.left_out,
    )
