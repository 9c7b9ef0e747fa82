"""`panvox models`: what can be asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

import panvox
from panvox.catalog.entries import Entry
from panvox.catalog.selection import select
from panvox.cli import outlet
from panvox.cli.figures import plural
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.process import Exit, run
from panvox.cli.text import one_line, safe_json
from panvox.settings import Settings

NONE_FOUND = """\
No model was found. Any one of these is enough:
  - set a key in the environment, such as OPENAI_API_KEY or OPENROUTER_API_KEY
  - start a server on this machine: Ollama, LM Studio, llama.cpp or vLLM
  - panvox local install    a small model that runs on this machine
  - panvox init             a settings file in which providers are named\
"""


def models(
    *patterns: Annotated[
        str, Parameter(help="Only these: names, globs such as 'openai/*', exclusions such as '!*mini*'.")
    ],
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write each model as a line of JSON.")
    ] = False,
    settings: SettingsFile = None,
) -> int:
    """List the models that can be asked."""
    loaded = load_settings(settings)
    return run(lambda _: _models(patterns, loaded, json=json))


async def _models(patterns: tuple[str, ...], settings: Settings, *, json: bool) -> int:
    async with panvox.open(settings) as session:
        catalogue = await session.catalogue()
    entries = catalogue.entries
    if patterns and entries:
        entries = select(patterns, entries, panels=settings.panels)
    if json:
        for entry in entries:
            print(safe_json(msgspec.json.encode(entry).decode()))
    elif entries:
        console = outlet.console()
        outlet.show(console, _filled(outlet.listing(console), entries))
        providers = len({entry.provider for entry in entries})
        print(f"\n{plural(len(entries), 'model')} of {plural(providers, 'provider')}", file=sys.stderr)
    else:
        print(NONE_FOUND, file=sys.stderr)
    sys.stdout.flush()
    warn(problem.message for problem in catalogue.problems)
    return Exit.ANSWERED if entries else Exit.NOTHING


def _filled(table: Table, entries: Sequence[Entry]) -> Table:
    table.add_column("model", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("lineage", no_wrap=True, overflow="ellipsis", style="dim", ratio=2)
    table.add_column("context", justify="right", no_wrap=True, min_width=9)
    table.add_column("USD per million tokens", justify="right", no_wrap=True, min_width=22)
    for entry in entries:
        name = Text(f"{one_line(entry.provider)}/", style="dim").append(
            one_line(entry.model), style="default"
        )
        context = f"{entry.context:,}" if entry.context else ""
        table.add_row(name, one_line(entry.lineage), context, _price(entry))
    return table


def _price(entry: Entry) -> Text:
    """Prices of the tokens that go in and of those that come out."""
    if entry.free:
        return Text("free", style="green")
    if entry.prices.input is None or entry.prices.output is None:
        return Text("")
    return Text(f"{entry.prices.input:.2f} in, {entry.prices.output:.2f} out")
