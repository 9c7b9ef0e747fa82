"""`panvox review`: files in, every model's review out."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import panvox
from panvox.cli.exits import Exit
from panvox.cli.options import dollars_of, load_settings, warn, with_budget, without_store
from panvox.cli.process import Interrupts, run
from panvox.cli.reader import Manner, follow
from panvox.cli.review_options import (
    FileOptions,
    LimitOptions,
    ReviewerOptions,
    SecretOptions,
    ViewOptions,
    bounds_of,
)
from panvox.cli.review_report import ReviewReport, write, write_json
from panvox.compose.keys import key_warnings
from panvox.compose.review import Reviewing, ReviewTurn
from panvox.compose.session import Session
from panvox.errors import UsageError
from panvox.review.brief import Brief, brief_of
from panvox.review.fitting import Oversize
from panvox.review.gathering import Wanted, gather, topic_of
from panvox.review.instructions import find_instructions
from panvox.settings import Settings
from panvox.settings.places import instructions_folder

DEFAULT_INSTRUCTIONS = "review"

Open = Callable[[Session], AbstractAsyncContextManager[ReviewTurn]]
"""What opens a review, new or resumed."""


def review(
    paths: Annotated[
        tuple[str, ...],
        Parameter(help="Files, folders and globs to review.", show_default=False),
    ] = (),
    /,
    *,
    instructions: Annotated[
        str | None,
        Parameter(
            name=("--instructions", "-i"),
            metavar="WHAT",
            help="What to do with them: the name of a set (`panvox instructions` lists them), the path of a "
            "file, or the words themselves. Without it: review.",
        ),
    ] = None,
    files: FileOptions = FileOptions(),  # noqa: B008 - frozen
    secrets: SecretOptions = SecretOptions(),  # noqa: B008 - frozen
    reviewers: ReviewerOptions = ReviewerOptions(),  # noqa: B008 - frozen
    limits: LimitOptions = LimitOptions(),  # noqa: B008 - frozen
    view: ViewOptions = ViewOptions(),  # noqa: B008 - frozen
) -> int:
    """Let every model review files: a folder with a page for each, a synthesis and a summary."""
    view.check()
    limits.check()
    if reviewers.max_tokens is not None and reviewers.max_tokens < 1:
        raise UsageError(f"--max-tokens {reviewers.max_tokens} is not a number greater than 0")
    asked = Reviewing(
        models=reviewers.patterns,
        synthesis=reviewers.writer,
        deadline=limits.deadline,
        fallback=reviewers.fallback,
        fresh=reviewers.fresh,
        tag=limits.tag or "",
    )
    settings = load_settings(view.settings)
    if limits.budget is not None:
        settings = with_budget(settings, dollars_of(limits.budget))
    if not view.store:
        settings = without_store(settings)
    if view.resume is not None:
        _check_resume(paths, instructions, files, reviewers)
        path = view.resume
        return run(
            lambda interrupts: _follow(
                lambda session: session.resuming(path, **asked), settings, limits, view, interrupts
            )
        )
    brief = _brief(paths, instructions, files, secrets, reviewers, settings)
    if view.dry_run:
        return run(lambda _: _plan(brief, settings, asked, limits, view))
    return run(
        lambda interrupts: _follow(
            lambda session: session.reviewing(brief, parent=view.output, **asked),
            settings,
            limits,
            view,
            interrupts,
        )
    )


def _check_resume(
    paths: tuple[str, ...], instructions: str | None, files: FileOptions, reviewers: ReviewerOptions
) -> None:
    if paths or instructions is not None or files.given:
        raise UsageError(
            "--resume goes on with the files and instructions of then: leave out paths, --instructions, "
            "--diff, --range and --stdin"
        )
    if reviewers.oversize is not None or reviewers.max_tokens is not None:
        raise UsageError("--resume goes on as it began: leave out --oversize and --max-tokens")


def _brief(
    paths: tuple[str, ...],
    instructions: str | None,
    files: FileOptions,
    secrets: SecretOptions,
    reviewers: ReviewerOptions,
    settings: Settings,
) -> Brief:
    """What is reviewed and how, without secrets. Raises `UsageError`."""
    found = find_instructions(instructions or DEFAULT_INSTRUCTIONS, instructions_folder())
    if not paths and not files.given:
        raise UsageError(
            "there is nothing to review: name files or folders, --diff for what is not committed, or - for "
            "standard input"
        )
    bounds = bounds_of(settings)
    stdin = _stdin(bounds.bytes) if files.stdin else None
    wanted = files.wanted(paths, stdin)
    material = gather(wanted, where=Path.cwd(), bounds=bounds)
    return brief_of(
        found,
        material,
        topic=topic_of(_named(wanted), Path.cwd()),
        oversize=Oversize(reviewers.oversize or settings.review.oversize),
        max_tokens=reviewers.max_tokens or settings.review.max_tokens,
        screening=secrets.screening,
    )


def _stdin(limit: int) -> bytes:
    data = sys.stdin.buffer.read(limit + 1) if sys.stdin else b""
    if len(data) > limit:
        raise UsageError(
            f"standard input has more than {limit:,} bytes: pass less of it, or raise review.max_bytes"
        )
    return data


def _named(wanted: Wanted) -> tuple[str, ...]:
    """What the folder of the review is called after."""
    return tuple(f"diff {each}" for each in wanted.diffs) or wanted.paths or ("-",)


async def _follow(
    opened: Open, settings: Settings, limits: LimitOptions, view: ViewOptions, interrupts: Interrupts
) -> int:
    async with panvox.open(settings, overrides=limits.overrides(settings)) as session:
        catalogue = await session.catalogue()
        warn(problem.message for problem in catalogue.problems)
        warn(key_warnings(settings))
        async with opened(session) as turn:
            deadline = limits.deadline or settings.review.deadline
            manner = Manner(json=view.json, quiet=view.quiet, deadline=deadline, votes=False)
            board, now = await follow(turn, manner, interrupts)
        # The folder is closed: what could not be written until now never will be.
        report = ReviewReport.of(board, turn, now=now, resume=_again(turn.folder.path, view))
        report = await asyncio.to_thread(report.once_closed, turn.folder.problem)
        if view.json:
            write_json(report)
        else:
            write(report, quiet=view.quiet, verbose=view.verbose)
        kept = session.store.problem if settings.store.enabled else None
        warn(filter(None, [kept, turn.money_problem, session.cache.problem]))
    warn(session.notes.untold)
    return _exit(report, interrupts, partial_ok=view.partial_success_ok)


def _again(folder: Path, view: ViewOptions) -> str:
    """The command that goes on where this one ended."""
    settings = ["--settings", str(view.settings)] if view.settings else []
    return shlex.join(["panvox", "review", *settings, "--resume", str(folder)])


def _exit(report: ReviewReport, interrupts: Interrupts, *, partial_ok: bool) -> int:
    if interrupts.heard:
        return Exit.INTERRUPTED
    if not report.answered:
        return Exit.NOTHING
    return Exit.PARTIAL if report.missing and not partial_ok else Exit.ANSWERED


async def _plan(
    brief: Brief, settings: Settings, asked: Reviewing, limits: LimitOptions, view: ViewOptions
) -> int:
    from panvox.cli.review_plan import show_plan  # noqa: PLC0415

    async with panvox.open(settings, overrides=limits.overrides(settings)) as session:
        fitted = await session.fitted(brief, **asked)
        await show_plan(
            session,
            fitted,
            json=view.json,
            verbose=view.verbose,
            tag=limits.tag or "",
            deadline=limits.deadline or settings.review.deadline,
        )
    return Exit.ANSWERED
