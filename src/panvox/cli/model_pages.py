"""Other pages of `panvox models`: all that is known of a model, contradictions, changes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import Annotated

from cyclopts import Parameter

from panvox.catalog.changes import Change, changes
from panvox.catalog.entries import Claim, Entry, Probe, Record
from panvox.catalog.merge import conflicts as conflicts_of
from panvox.cli import listing, terminal
from panvox.cli.catalogue import NONE_FOUND, found
from panvox.cli.columns import Cell, Column, styled
from panvox.cli.exits import Exit
from panvox.cli.models import Json, Refresh, Selection, chosen, table
from panvox.cli.options import SettingsFile, load_settings, warn
from panvox.cli.text import json_line, one_line
from panvox.errors import UsageError
from panvox.figures import plural

# --- show --------------------------------------------------------------------------------------------


def show(
    *model: Annotated[str, Parameter(name="MODEL", help="A model's name, or a selection of some.")],
    json: Json = False,
    refresh: Refresh = False,
    settings: SettingsFile = None,
) -> int:
    """Show all that is known of a model, and who says so.

    For each field the value that holds comes first; what others say of it stands below.
    """
    if not model:
        raise UsageError("say which model; `panvox models` lists them")
    there = found(settings, refresh=refresh, claims=True)
    names = {entry.name for entry in chosen(model, there)} if there.catalogue.entries else set()
    records = [record for record in there.records or () if record.entry.name in names]
    for number, record in enumerate(records):
        probe = there.probes.get(record.entry.name)
        if json:
            print(listing.as_json(record, probe))
        else:
            print("\n" if number else "", end="")
            _say(record, probe)
    if not records:
        print(NONE_FOUND, file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED if records else Exit.NOTHING


def _say(record: Record, probe: Probe | None) -> None:
    entry, colour = record.entry, terminal.colour(sys.stdout)
    title = f"  {one_line(entry.title)}" if entry.title and entry.title != entry.model else ""
    print(styled(one_line(entry.name), "bold", colour=colour) + title)
    if entry.kin and entry.kin != entry.lineage:
        print(f"lineage {one_line(entry.lineage)}, kin of {one_line(entry.kin)}")
    if probe is not None:
        print(f"last probe: {listing.heard(probe)}")
    print()
    for line in _claims(record, colour=colour):
        print(line)


_FIELD, _VALUE = 27, 20
"""Cells of the first two columns."""


def _claims(record: Record, *, colour: bool) -> Iterator[str]:
    """All claims, the one that holds first; where each stands is beside it, or below if there is no room."""
    room = terminal.width() or 10_000
    for field, claims in record.claims.items():
        for number, claim in enumerate(claims):
            value, since = _shown(field, claim), "" if claim.at is None else f", {day(claim.at)}"
            name = "" if number else field
            left = f"{name:<{_FIELD}}{value:<{_VALUE}}  {one_line(claim.source)}{since}"
            said = styled(left, "dim" if number else "", colour=colour)
            note = one_line(claim.note)
            beside = len(left) + 2 + len(note) <= room
            yield f"{said}  {styled(note, 'dim', colour=colour)}" if note and beside else said
            for part in () if beside else wrap(note, max(20, room - _FIELD - 2)):
                yield " " * (_FIELD + 2) + styled(part, "dim", colour=colour)


def _shown(field: str, claim: Claim) -> str:
    match claim.value:
        case bool():
            return "yes" if claim.value else "no"
        case tuple():
            return one_line(", ".join(map(str, claim.value)))
        case float() | int() if field.startswith("prices."):
            unit = "$ a call" if field.endswith("request") else "$/M tokens"
            return f"{listing.dollars(float(claim.value))} {unit}"
        case float():
            return f"{claim.value:.2f}"
        case int():
            return f"{claim.value:,}"
        case _:
            return one_line(str(claim.value))


def day(at: float) -> str:
    """A moment as a date."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


# --- conflicts ---------------------------------------------------------------------------------------


def conflicts(
    *selection: Selection, json: Json = False, refresh: Refresh = False, settings: SettingsFile = None
) -> int:
    """List where sources contradict each other, and which of them holds.

    Prices count from a difference of 5 %; money is always reserved by the highest.
    """
    there = found(settings, refresh=refresh, claims=True)
    names = {entry.name for entry in chosen(selection, there)} if selection and there.records else None
    rows: list[tuple[str | Cell, ...]] = []
    for record in there.records or ():
        if names is not None and record.entry.name not in names:
            continue
        for field, claims in conflicts_of(record).items():
            if json:
                print(_conflict_json(record.entry.name, field, claims))
            else:
                rows.append((one_line(record.entry.name), field, *_sides(field, claims)))
    if rows:
        heads = (
            Column("model", flexible=True),
            Column("field"),
            Column("holds"),
            Column("others", flexible=True),
        )
        table(heads, rows)
    if not json:
        print(f"{plural(len(rows), 'conflict')} between sources", file=sys.stderr)
    sys.stdout.flush()
    return Exit.ANSWERED


def _sides(field: str, claims: Sequence[Claim]) -> tuple[str, str]:
    said = [f"{_shown(field, claim)} ({claim.source})" for claim in claims]
    return said[0], "; ".join(said[1:])


def _conflict_json(model: str, field: str, claims: Sequence[Claim]) -> str:
    told = [
        {"value": claim.value, "source": claim.source, "at": claim.at, "note": claim.note} for claim in claims
    ]
    return json_line({"model": model, "field": field, "claims": told})


# --- diff --------------------------------------------------------------------------------------------


def diff(*, json: Json = False, refresh: Refresh = False, settings: SettingsFile = None) -> int:
    """List what has changed since the lists before: new models, lost ones, other prices and sizes.

    With --refresh the lists of now are compared with the last ones.
    """
    there = found(settings, refresh=refresh)
    before = _before(settings)
    asked_before = {entry.provider for entry in before}
    now = [entry for entry in there.catalogue.entries if entry.provider in asked_before]
    told = list(changes(before, now))
    for change in told:
        print(json_line(change) if json else _change(change))
    if not before:
        print("there are no earlier lists to compare with yet", file=sys.stderr)
    elif not json:
        changed = {change.model.partition("/")[0] for change in told}
        print(f"{plural(len(told), 'change')} at {plural(len(changed), 'provider')}", file=sys.stderr)
    warn(problem.message for problem in there.catalogue.problems)
    sys.stdout.flush()
    return Exit.ANSWERED


def _before(settings: Path | None) -> tuple[Entry, ...]:
    from panvox.compose.catalogue import Shelf  # noqa: PLC0415 - what puts a catalogue together loads slowly

    return Shelf(load_settings(settings)).before().catalogue.entries


def _change(change: Change) -> str:
    colour = terminal.colour(sys.stdout)
    sign, style = {"new": ("+", "green"), "gone": ("-", "red")}.get(change.kind, ("~", "yellow"))
    detail = f"  {change.field}: {one_line(change.was)} → {one_line(change.now)}" if change.field else ""
    return f"{styled(sign, style, colour=colour)} {one_line(change.model)}{detail}"
