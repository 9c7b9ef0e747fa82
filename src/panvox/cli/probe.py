"""`panvox models probe`: who answers today."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from panvox.catalog.entries import Entry, Life, Probe
from panvox.cli import listing, terminal
from panvox.cli.catalogue import found
from panvox.cli.columns import styled
from panvox.cli.exits import Exit
from panvox.cli.models import Json, Selection, chosen
from panvox.cli.options import SettingsFile, load_settings, warn, without_store
from panvox.cli.process import run
from panvox.cli.terminal import Awaited
from panvox.cli.text import json_line, one_line
from panvox.errors import UsageError
from panvox.figures import plural
from panvox.messages import Outcome


def probe(
    *selection: Selection,
    deadline: Annotated[float, Parameter(metavar="SECONDS", help="What is slower counts as silent.")] = 60.0,
    json: Json = False,
    yes: Annotated[
        bool, Parameter(negative="", show_default=False, help="Do not ask before models that may cost money.")
    ] = False,
    settings: SettingsFile = None,
) -> int:
    """Ask models for a word, and remember who answers.

    Each is sent a tiny prompt as any other prompt is sent. What it comes to is kept for a week (see
    catalogue.probe_age) and is what the selection `alive` means. The exit code is 1 if none of them answers.
    """
    if not selection:
        raise UsageError("say which models; 'free' means all that cost nothing, '*' means all")
    if not 0 < deadline <= 3600:
        raise UsageError(f"a deadline of {deadline:g} s is not between 0 and 3600")
    there = found(settings)
    entries = chosen(selection, there)
    paid = [entry for entry in entries if not entry.free]
    if paid and not yes and not _agreed(len(paid)):
        print("panvox: nobody was asked", file=sys.stderr)
        return Exit.NOTHING
    heard = _asked(entries, settings, deadline, json=json)
    if not json:
        print(f"\n{_summary(entries, heard)}", file=sys.stderr)
    return Exit.ANSWERED if any(each.life is Life.ANSWERS for each in heard) else Exit.NOTHING


def _agreed(paid: int) -> bool:
    """Whether the user says so; who cannot be asked has to say --yes."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"{plural(paid, 'model')} of these may cost a little money: say --yes if that is meant"
        )
    print(
        f"{plural(paid, 'model')} of these may cost a little money. Go on? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _asked(entries: Sequence[Entry], file: Path | None, deadline: float, *, json: bool) -> list[Probe]:
    from panvox.compose.opening import open_session  # noqa: PLC0415 - brings network and database

    loaded = without_store(load_settings(file))
    heard: list[Probe] = []
    waiting = Awaited(entry.name for entry in entries)
    width = max(len(one_line(entry.name)) for entry in entries)

    def hear(_: Outcome, each: Probe) -> None:
        heard.append(each)
        line = json_line(listing.unmarked(each)) if json else _line(each, len(heard), len(entries), width)
        with waiting.heard(each.model):
            print(line, flush=True)

    async def ask() -> int:
        async with open_session(loaded) as session:
            if not await session.probe(entries, heard=hear, deadline=deadline):
                warn(["what the probes found cannot be kept: the cache folder cannot be written"])
        return 0

    code = run(lambda _: ask())
    waiting.clear()
    if code == Exit.INTERRUPTED:
        print(f"panvox: interrupted; {plural(len(heard), 'probe')} kept", file=sys.stderr)
        raise KeyboardInterrupt
    return heard


def _line(each: Probe, number: int, of: int, width: int) -> str:
    word, style = listing.LIVES[each.life]
    count = f"{number:>{len(str(of))}}/{of}"
    colour = terminal.colour(sys.stdout)
    return (
        f"{styled(count, 'dim', colour=colour)}  {styled(word.ljust(7), style, colour=colour)}  "
        f"{one_line(each.model).ljust(width)}  {listing.heard(each)}"
    )


def _summary(entries: Sequence[Entry], heard: Sequence[Probe]) -> str:
    """How many came to what; those that came to nothing are counted too."""
    counts = {life: sum(each.life is life for each in heard) for life in Life}
    told = ", ".join(f"{number:,} {life.value}" for life, number in counts.items() if number)
    left = len(entries) - len(heard)
    return f"{plural(len(entries), 'model')} asked: {told or 'no word of any'}" + (
        f", {left:,} not asked to the end" if left else ""
    )
