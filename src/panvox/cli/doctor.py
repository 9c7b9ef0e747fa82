"""`panvox doctor`: does it work, with a real answer from every provider as the proof."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter
from rich.text import Text

import panvox
from panvox.catalog.entries import Catalogue, Entry, Life, Probe
from panvox.catalog.selection.conditions import price
from panvox.catalog.selection.language import parse
from panvox.cli import outlet
from panvox.cli.catalogue import NONE_FOUND
from panvox.cli.exits import Exit
from panvox.cli.options import SettingsFile, load_settings, without_store
from panvox.cli.process import run
from panvox.cli.terminal import Awaited
from panvox.cli.text import json_line, one_line
from panvox.errors import Category, SelectionError, SettingsError
from panvox.figures import plural, seconds
from panvox.messages import Outcome
from panvox.settings import Settings, WayOut

if TYPE_CHECKING:  # `panvox.open` brings it
    from panvox.compose.session import Session

DEADLINE = 60.0
HINTS = {
    Category.TIMED_OUT: f"It was given {DEADLINE:g} s: it may be busy, or gone. Ask again later.",
    Category.UNAUTHORISED: "Check the key of this provider: `panvox providers` names its variable.",
}
"""Where the usual advice is to call the doctor, or to use an option that only others have."""

EXCERPT = 24
ENOUGH_FILES = 1024
SMALL = ("nano", "mini", "lite", "flash", "small", "tiny", "haiku", "instant", "8b", "4b", "3b", "1b")
"""In the names of models that cost little, where the provider tells no prices."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was tried; `duration` in seconds."""

    subject: str
    ok: bool
    said: str
    hint: str = ""
    duration: float | None = None


def doctor(
    *,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write each check as a line of JSON.")
    ] = False,
    settings: SettingsFile = None,
) -> int:
    """Check that everything works, with a real answer from each provider.

    One cheap model of each provider is asked once for one word. The exit code is 0 if all is well, 3 if
    something is not, and 1 if no model answers.
    """
    say = _say_json if json else _say
    try:
        loaded = load_settings(settings)
    except SettingsError as error:
        say(Check(subject="settings", ok=False, said=str(error)))
        return Exit.NOTHING
    return run(lambda _: _doctor(loaded, say))


async def _doctor(settings: Settings, tell: Callable[[Check], None]) -> int:
    well = True

    def say(check: Check) -> None:
        nonlocal well
        well = well and check.ok
        tell(check)

    say(_settings(settings))
    for check in _selections(settings):
        say(check)
    say(_open_files())
    for check in _ways_out(settings):
        say(check)
    say(await _store(settings))
    async with panvox.open(without_store(settings)) as session:
        catalogue = await session.catalogue()
        for check in _listed(catalogue):
            say(check)
        answered = await _ask_each(session, cheapest(catalogue.entries, await session.probes()), say)
    return Exit.NOTHING if not answered else Exit.ANSWERED if well else Exit.PARTIAL


async def _ask_each(session: Session, chosen: Sequence[Entry], say: Callable[[Check], None]) -> bool:
    """Ask these models for a word, which is kept as a probe; whether any has answered."""
    answered = False
    waiting = Awaited(entry.name for entry in chosen)

    def hear(outcome: Outcome, _: Probe) -> None:
        nonlocal answered
        answered = answered or outcome.answered
        with waiting.heard(outcome.member.name):
            say(_asked(outcome))

    if chosen:
        await session.probe(chosen, heard=hear, deadline=DEADLINE)
    waiting.clear()
    return answered


def _settings(settings: Settings) -> Check:
    read = ", ".join(map(str, settings.files)) or "no file, which is fine: defaults and the environment hold"
    return Check(subject="settings", ok=True, said=read)


def _selections(settings: Settings) -> Iterator[Check]:
    """What is wrong with selections in the settings, which nobody may have used yet."""
    named = {"run.models": settings.run.models} | {f"panels.{n}": p for n, p in settings.panels.items()}
    for place, patterns in named.items():
        try:
            if patterns:
                parse(patterns)
        except SelectionError as error:
            yield Check(subject="settings", ok=False, said=f"{place}: {error}")


def _open_files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < ENOUGH_FILES
    return Check(
        subject="open files",
        ok=not few,
        said=f"{'no limit' if soft < 0 else f'{soft:,}'}",
        hint=f"each model asked takes one: `ulimit -n {hard}` allows more" if few else "",
    )


def _ways_out(settings: Settings) -> Iterator[Check]:
    """Where a proxy is in force, whose requests take it."""
    own = {provider.id: settings.way_out(provider.id) for provider in settings.providers if provider.proxy}
    ways = {"": settings.way_out(), **own}
    if any(way.proxy for way in ways.values()):
        said = "; ".join(f"{name}: {_way(way)}" if name else _way(way) for name, way in ways.items())
        yield Check(subject="network", ok=True, said=said)


def _way(way: WayOut) -> str:
    if way.proxy is None:
        return "straight"
    but = f", but for {', '.join(way.no_proxy)}" if way.no_proxy else ""
    return f"through {way.shown_proxy} ({way.proxy_setting}){but}"


async def _store(settings: Settings) -> Check:
    if not settings.store.enabled:
        return Check(subject="store", ok=True, said="switched off in the settings: runs are not kept")
    async with panvox.open(settings) as session:
        if session.store.problem:
            return Check(subject="store", ok=False, said=session.store.problem)
        kept = await session.store.runs(limit=1)
    return Check(
        subject="store", ok=True, said=f"the latest run is {kept[0].run}" if kept else "empty so far"
    )


def _listed(catalogue: Catalogue) -> Iterator[Check]:
    for problem in catalogue.problems:
        said = problem.message.removeprefix(f"{problem.provider}: ")
        yield Check(subject=problem.provider, ok=False, said=said)
    if catalogue.entries:
        providers = len({entry.provider for entry in catalogue.entries})
        said = f"{plural(len(catalogue.entries), 'model')} of {plural(providers, 'provider')}"
        yield Check(subject="catalogue", ok=True, said=said)
    else:
        yield Check(subject="catalogue", ok=False, said=NONE_FOUND)


def cheapest(entries: Sequence[Entry], probes: Mapping[str, Probe] | None = None) -> list[Entry]:
    """One model of each provider: one that is free, or else costs least, or else sounds small.

    One that has not answered its last probe comes after all others.
    """
    known = probes or {}
    chosen: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: _cheapness(entry, known.get(entry.name))):
        chosen.setdefault(entry.provider, entry)
    return list(chosen.values())


def _cheapness(entry: Entry, probe: Probe | None) -> tuple[bool, bool, float, bool, int]:
    failed = probe is not None and probe.life is not Life.ANSWERS
    costs = price(entry)
    name = entry.model.lower()
    small = any(word in name for word in SMALL)
    return failed, not entry.free, float("inf") if costs is None else costs, not small, len(name)


def _asked(outcome: Outcome) -> Check:
    name = one_line(outcome.member.name)
    fault = outcome.fault
    if outcome.answered:
        text = one_line(outcome.text)
        said = f"{name} answered: {text if len(text) <= EXCERPT else text[:EXCERPT] + '…'}"
    elif fault:
        said = f"{name}: {fault.category.value.replace('_', ' ')}: {fault.message}"
    else:
        said = f"{name}: {outcome.reason}"
    return Check(
        subject=outcome.member.provider,
        ok=outcome.answered,
        said=said,
        hint=HINTS.get(fault.category, fault.hint) if fault else "",
        duration=outcome.duration,
    )


def _say_json(check: Check) -> None:
    print(json_line(check), flush=True)


def _say(check: Check) -> None:
    symbol, style = ("✓", "green") if check.ok else ("✗", "red")
    line = Text.assemble((f"{symbol} ", style), (one_line(check.subject).ljust(10), "bold"), "  ")
    line.append("\n    ".join(one_line(part) for part in check.said.splitlines()))
    if check.duration is not None:
        line.append(f"  {seconds(check.duration)}", style="dim")
    if check.hint:
        line.append(f"\n    → {one_line(check.hint)}")
    outlet.console().print(line, soft_wrap=True)
    sys.stdout.flush()
