"""`panvox simulate`: a fleet of pretended providers on this machine."""

from __future__ import annotations

import asyncio
import re
import shlex
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from panvox.catalog.cache import Lists
from panvox.catalog.index import Door
from panvox.cli.exits import Exit
from panvox.cli.process import Interrupts, run
from panvox.errors import UsageError
from panvox.figures import plural, seconds
from panvox.settings import FILE_NAME
from panvox.settings.places import catalogue_folder
from panvox.simulator import (
    FAULTS,
    KEY_VARIABLE,
    SPELLINGS,
    Fleet,
    Limits,
    Recording,
    SettingsFile,
    Stats,
    Tells,
    faulty,
    invented,
    listen,
    parse_limits,
    replayed,
    serve,
    settings_for,
    some_faulty,
    url_of,
    with_outages,
)

if sys.platform != "win32":
    import resource

_SHOWN = 12  # providers
_QUESTION = "What is 17 * 23?"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FleetOptions:
    """Who is in the fleet."""

    providers: Annotated[int, Parameter(metavar="COUNT", help="Make up so many providers.")] = 8
    models: Annotated[int, Parameter(metavar="COUNT", help="Make up so many models at each of them.")] = 10
    dialect: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="NAME",
            negative="",
            show_default=False,
            help="What the providers speak: openai, or one that --list-dialects names; repeat it, and they "
            "take turns; `all` is every one.",
        ),
    ] = ()
    seed: Annotated[int, Parameter(metavar="NUMBER", help="Another number makes up another fleet.")] = 0
    replay: Annotated[
        Path | None,
        Parameter(metavar="FOLDER", help="Make up nothing: replay the recorded models in this folder."),
    ] = None
    recorded: Annotated[str, Parameter(name="--set", metavar="NAME", help="The recorded set to replay.")] = (
        "alpaca_eval"
    )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TroubleOptions:
    """What the fleet does not allow, and what goes wrong."""

    limit: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="LIMIT",
            negative="",
            show_default=False,
            help="A limit of each provider: requests=60/minute, tokens=90000/minute (or second, hour, day, "
            "6s; input_tokens= and output_tokens= count one way only), concurrency=4, spacing=0.2 (seconds) "
            "or credit=1000000 (tokens); repeat the option for more.",
        ),
    ] = ()
    model_limit: Annotated[
        tuple[str, ...],
        Parameter(metavar="LIMIT", negative="", show_default=False, help="A limit of each model."),
    ] = ()
    key_limit: Annotated[
        tuple[str, ...],
        Parameter(metavar="LIMIT", negative="", show_default=False, help="A limit of each key."),
    ] = ()
    tells: Annotated[
        Tells, Parameter(help="What they tell of their limits: all, when to come back, or a bare 429.")
    ] = Tells.ALL
    refused_count: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Calls that limits refuse count as requests too."),
    ] = False
    outage: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="NAME:START-END",
            negative="",
            show_default=False,
            help="The provider answers 503 for this time, in seconds from now, such as alder:20-50; with "
            ":gone behind it takes no call at all. Repeat for more.",
        ),
    ] = ()
    key: Annotated[
        str | None, Parameter(metavar="TEXT", help="Take no other key than this; without it, any or none.")
    ] = None
    faulty: Annotated[
        float, Parameter(metavar="SHARE", help="Give this share of the models a fault, from 0 to 1.")
    ] = 0.0
    fault: Annotated[
        tuple[str, ...],
        Parameter(
            metavar="NAME:GLOB",
            negative="",
            show_default=False,
            help="Give this fault to the models that match, such as 'gzip-bomb:*/*-mini'; repeat for more.",
        ),
    ] = ()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ServingOptions:
    """Where and how fast the fleet is served."""

    port: Annotated[int, Parameter(metavar="PORT", help="The port to serve; 0 is any free one.")] = 8899
    host: Annotated[
        str, Parameter(metavar="ADDRESS", help="The address to serve, which only this machine can reach.")
    ] = "127.0.0.1"
    speed: Annotated[
        float,
        Parameter(
            metavar="FACTOR", help="Divide the times of all models: 10 is ten times as fast, 0 never waits."
        ),
    ] = 1.0
    settings: Annotated[
        Path, Parameter(metavar="PATH", help="Write the settings that make panvox ask this fleet here.")
    ] = Path(FILE_NAME)
    no_settings: Annotated[bool, Parameter(negative="", show_default=False, help="Write no settings.")] = (
        False
    )
    keep_settings: Annotated[
        bool, Parameter(negative="", show_default=False, help="Leave the settings there in the end.")
    ] = False


def simulate(
    *,
    fleet: FleetOptions = FleetOptions(),
    trouble: TroubleOptions = TroubleOptions(),
    serving: ServingOptions = ServingOptions(),
    list_faults: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Print every fault and what panvox reports, and end."
        ),
    ] = False,
    list_dialects: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="Print every dialect and variant of one, and end."),
    ] = False,
    list_prompts: Annotated[
        int | None, Parameter(metavar="COUNT", help="Print prompts that the recorded set answers, and end.")
    ] = None,
) -> int:
    """Serve a fleet of pretended providers on this machine, until Ctrl-C.

    Its models are slow and fast, right and wrong; its limits are enforced, and violations counted; its faults
    are those that real providers were seen to have.
    """
    if list_faults:
        return _print_faults()
    if list_dialects:
        return _print_dialects()
    recording = Recording.load(fleet.replay, name=fleet.recorded) if fleet.replay else None
    if list_prompts is not None:
        return _print_prompts(recording, list_prompts)
    made = replayed(recording, seed=fleet.seed) if recording else _invented(fleet)
    question = recording.examples(1)[0] if recording else _QUESTION
    return _serve(_with_trouble(made, trouble), serving, question)


def _invented(options: FleetOptions) -> Fleet:
    named = options.dialect or ("openai",)
    return invented(
        providers=options.providers,
        models=options.models,
        seed=options.seed,
        dialects=tuple(SPELLINGS) if "all" in named else named,
    )


def _with_trouble(fleet: Fleet, options: TroubleOptions) -> Fleet:
    fleet = fleet.with_limits(
        provider=_limits(options.limit, options),
        model=_limits(options.model_limit, options),
        key=_limits(options.key_limit, options),
    )
    fleet = with_outages(fleet.with_tells(options.tells), options.outage)
    if options.key is not None:
        fleet = fleet.with_key(options.key)
    return faulty(some_faulty(fleet, options.faulty), options.fault)


def _limits(texts: tuple[str, ...], options: TroubleOptions) -> Limits:
    return replace(parse_limits(texts), refused_count=options.refused_count)


def _print_faults() -> int:
    for fault in FAULTS.values():
        print(f"{fault.name:<33}{fault.expects or 'answered':<17}{fault.summary}")
    return Exit.ANSWERED


def _print_dialects() -> int:
    for spelling in SPELLINGS.values():
        print(f"{spelling.name:<12}{spelling.dialect:<12}…{spelling.root}{spelling.lists}")
    return Exit.ANSWERED


def _print_prompts(recording: Recording | None, count: int) -> int:
    if recording is None:
        raise UsageError("--list-prompts needs --replay FOLDER: only recorded sets have prompts of their own")
    if count < 1:
        raise UsageError(f"{count} prompts cannot be printed; write --list-prompts 10")
    print("\n".join(recording.examples(count)))
    return Exit.ANSWERED


# --- serving ---------------------------------------------------------------------------------------


def _serve(fleet: Fleet, options: ServingOptions, question: str) -> int:
    _raise_open_files()
    with listen(host=options.host, port=options.port) as listener:
        # What an earlier fleet at this address has listed is not what this one offers.
        Lists(catalogue_folder()).forget(url_of(listener))
        if options.no_settings:
            hints = _without_settings(fleet, url_of(listener))
            return _serve_until_stopped(fleet, listener, options.speed, hints)
        file = SettingsFile(options.settings)
        content = settings_for(fleet, url=url_of(listener))
        _check_alone(options.settings, url_of(listener))
        file.write(content)
        try:
            hints = _with_settings(fleet, options.settings, question)
            return _serve_until_stopped(fleet, listener, options.speed, hints)
        finally:
            if not options.keep_settings:
                file.remove(content)


def _check_alone(file: Path, url: str) -> None:
    """Raises `UsageError` where a simulator that still runs has written the settings that are there."""
    try:
        others = set(re.findall(r'base_url = "(http://[^/"]+)', file.read_text(encoding="utf-8"))) - {url}
    except (OSError, UnicodeDecodeError):
        return
    for other in sorted(others):
        if (door := Door.at(other)).open:
            raise UsageError(
                f"{file} belongs to a simulator that still runs at {door.host}:{door.port}; end that one, "
                "or name another file with --settings, or use --no-settings"
            )


def _serve_until_stopped(fleet: Fleet, listener: socket.socket, speed: float, hints: list[str]) -> int:
    async def until_stopped(interrupts: Interrupts) -> int:
        stopped = asyncio.Event()
        async with serve(fleet, listener, speed=speed) as simulator:
            print("\n".join((*_overview(fleet, simulator.url), *hints)), flush=True)
            with interrupts.handled_by(stopped.set):
                await stopped.wait()
            stats = simulator.stats()
        print(_summary(stats), flush=True)
        return Exit.ANSWERED

    return run(until_stopped)


def _raise_open_files() -> None:
    """Each call in flight is an open file; many systems begin with a limit of 1,024."""
    if sys.platform != "win32":
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(ValueError, OSError):  # some systems say "unlimited" and mean less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- words -----------------------------------------------------------------------------------------


def _overview(fleet: Fleet, url: str) -> list[str]:
    spoilt = sum(model.fault is not None for provider in fleet.providers for model in provider.models)
    size = f"{len(fleet.providers)} providers with {fleet.size} models, {spoilt} of them faulty"
    lines = [f"Serving {size}, at {url}"]
    lines += (
        f"  {url}{provider.path}  {len(provider.models)} models, {provider.models[0].name} first"
        for provider in fleet.providers[:_SHOWN]
    )
    if len(fleet.providers) > _SHOWN:
        lines.append(f"  and {len(fleet.providers) - _SHOWN} more")
    return [*lines, f"What is served is counted at {url}/stats; Ctrl-C ends it.", ""]


def _with_settings(fleet: Fleet, path: Path, question: str) -> list[str]:
    key = f"{KEY_VARIABLE}=… " if any(provider.key for provider in fleet.providers) else ""
    here = path == Path(FILE_NAME)
    option = "" if here else f"--settings {shlex.quote(str(path))} "
    where = ", in this folder" if here else ""
    return [
        f"{path} makes panvox ask these models. Try in a second terminal{where}:",
        f"  {key}panvox ask {option}{shlex.quote(question)}",
    ]


def _without_settings(fleet: Fleet, url: str) -> list[str]:
    first = fleet.providers[0]
    return ["Try in a second terminal:", f"  curl {url}{first.path}{first.spelling.lists}"]


def _summary(stats: Stats) -> str:
    total = stats.total
    counts = {
        "answered": total.answered,
        "refused by limits": stats.violations,
        "rejected": sum(total.rejected.values()),
        "with a fault": sum(total.faults.values()),
        "left by the client": total.disconnects,
    }
    told = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    lines = [f"{plural(total.requests, 'call')} in {seconds(stats.seconds)}" + (f": {told}" if told else "")]
    for kind, number in total.violations.items():
        lines.append(f"  {plural(number, 'violation')} of the limit on {kind.replace('_', ' ')}")
    tokens = f"Tokens: {total.prompt_tokens:,} in, {total.completion_tokens:,} out"
    return "\n".join((*lines, f"In flight at most: {total.peak_in_flight:,}. {tokens}."))
