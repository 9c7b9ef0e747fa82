"""`panvox keys`: which keys there are, where each is kept, and whether it works; never a key itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter
from rich.text import Text

from panvox.cli import outlet
from panvox.cli.columns import Cell, Column
from panvox.cli.exits import Exit
from panvox.cli.models import Json, table
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.process import run
from panvox.cli.terminal import Awaited
from panvox.cli.text import json_line, one_line
from panvox.compose.keys import NamedKey, key_warnings, named_keys
from panvox.errors import UsageError
from panvox.figures import plural
from panvox.keys import utc_now
from panvox.keys.key import WARNED_AHEAD
from panvox.settings import Settings

if TYPE_CHECKING:  # brings network libraries
    from panvox.compose.key_trials import Trial

app = App(
    name="keys", help="List the keys that are used, and test whether they work.", group_parameters="Options"
)

_NONE = (
    "no key is set: put one into the environment, such as OPENAI_API_KEY, or name its variable or file in "
    "the settings (providers[].keys)"
)


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key, but for the key; `env` or `file` is where it is kept, `days` how many it has left."""

    provider: str
    label: str
    state: str
    account: str
    priority: int
    backup: bool = False
    env: str = ""
    file: str = ""
    expires: str = ""
    days: int | None = None


@app.command(name="list", usage="Usage: panvox keys list [OPTIONS]")
def list_(*, json: Json = False, settings: SettingsFile = None) -> int:
    """List the keys that are used: whose each is, where it is kept, and how long it is valid."""
    today = utc_now().date()
    rows = [_row(named, today) for named in named_keys(load_settings(settings))]
    if json:
        for row in rows:
            print(json_line(row))
    elif rows:
        table(_COLUMNS, [_cells(row) for row in rows])
    else:
        print(f"panvox: {_NONE}", file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED if rows else Exit.NOTHING


def _row(named: NamedKey, today: date) -> Row:
    section = named.section
    expires = date.fromisoformat(section.expires) if section.expires else None
    days = None if expires is None else (expires - today).days
    return Row(
        provider=named.source.provider,
        label=named.label,
        state=_state(missing=named.key is None, days=days),
        account=section.account,
        priority=section.priority,
        backup=section.backup,
        env=named.env,
        file=str(named.file or ""),
        expires=section.expires or "",
        days=days,
    )


def _state(*, missing: bool, days: int | None) -> str:
    if missing:
        return "missing"
    if days is None or days > WARNED_AHEAD:
        return "usable"
    if days < 0:
        return "expired"
    return "expires today" if days == 0 else f"expires in {plural(days, 'day')}"


_COLUMNS = (
    Column("provider"),
    Column("key", flexible=True),
    Column("state"),
    Column("account"),
    Column("priority", right=True),
    Column("kept in", flexible=True, style="dim", least=20),
    Column("expires"),
)


def _cells(row: Row) -> tuple[str | Cell, ...]:
    style = {"usable": "green", "missing": "red", "expired": "red"}.get(row.state, "yellow")
    return (
        one_line(row.provider),
        one_line(row.label),
        Cell(row.state, style),
        row.account,
        "backup" if row.backup else str(row.priority),
        one_line(f"file {row.file}" if row.file else f"variable {row.env}"),
        row.expires,
    )


@app.command(name="test", usage="Usage: panvox keys test [PROVIDER…] [OPTIONS]")
def try_(
    *providers: Annotated[str, Parameter(name="PROVIDER", help="Only the keys of these providers.")],
    key: Annotated[
        tuple[str, ...],
        Parameter(
            name="--key", metavar="LABEL", negative="", show_default=False, help="Only the keys called so."
        ),
    ] = (),
    json: Json = False,
    settings: SettingsFile = None,
) -> int:
    """Test each key at its provider: whether it works, is refused or has expired.

    Each asks for the list of models. Where anybody is given that list, one cheap model is asked for a word.
    The exit code is 0 if all work and 1 if one does not.
    """
    loaded = load_settings(settings)
    chosen = _chosen(named_keys(loaded), providers, key)
    if not chosen:
        print(f"panvox: {_NONE}", file=sys.stderr)
        return Exit.NOTHING
    code = run(lambda _: _test(loaded, chosen, json=json))
    warn(key_warnings(loaded))
    return code


def _chosen(keys: Sequence[NamedKey], providers: Sequence[str], labels: Sequence[str]) -> list[NamedKey]:
    """Raises `UsageError` for a provider or a label that has no key."""
    _check(providers, {named.source.provider for named in keys}, "there is no provider with a key called")
    of_providers = [named for named in keys if not providers or named.source.provider in providers]
    _check(labels, {named.label for named in of_providers}, "there is no key called")
    return [named for named in of_providers if not labels or named.label in labels]


def _check(words: Sequence[str], known: set[str], said: str) -> None:
    for word in words:
        if word not in known:
            near = get_close_matches(word, known, n=1)
            meant = f"did you mean {near[0]}?" if near else "`panvox keys list` lists all keys"
            raise UsageError(f"{said} {word!r}; {meant}")


async def _test(settings: Settings, keys: Sequence[NamedKey], *, json: bool) -> int:
    from panvox.compose.key_trials import Verdict, try_keys  # noqa: PLC0415 - brings network libraries

    well = True
    waiting = Awaited(f"{named.source.provider} {named.label}" for named in keys)

    def hear(trial: Trial) -> None:
        nonlocal well
        well = well and trial.verdict is Verdict.WORKS
        with waiting.heard(f"{trial.provider} {trial.label}"):
            if json:
                print(json_line(trial), flush=True)
            else:
                _say(trial, works=trial.verdict is Verdict.WORKS)

    await try_keys(settings, keys, heard=hear)
    waiting.clear()
    return Exit.ANSWERED if well else Exit.NOTHING


def _say(trial: Trial, *, works: bool) -> None:
    symbol, style = ("✓", "green") if works else ("✗", "red")
    line = Text.assemble(
        (f"{symbol} ", style), (one_line(f"{trial.provider} {trial.label}").ljust(24), "bold")
    )
    line.append(f"  {trial.verdict.value}: {one_line(trial.said)}")
    if trial.hint:
        line.append(f"\n    → {one_line(trial.hint)}")
    outlet.console().print(line, soft_wrap=True)
    sys.stdout.flush()
