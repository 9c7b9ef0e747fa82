"""Entries of the catalogue as rows: which columns there are, how they are sorted and written."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from panvox.catalog.entries import Entry, Life, Probe, Record
from panvox.catalog.selection.conditions import NUMBERS
from panvox.cli.columns import Cell, Column
from panvox.cli.text import json_line, one_line
from panvox.errors import UsageError
from panvox.figures import age, seconds, short

Rows = Iterable[Sequence[str | Cell]]

LIVES = {
    Life.ANSWERS: ("answers", "green"),
    Life.REFUSES: ("refuses", "yellow"),
    Life.GONE: ("gone", "red"),
    Life.SILENT: ("silent", "red"),
}


class Field(NamedTuple):
    """Something that a list can be sorted by; None sorts last."""

    value: Callable[[Entry, Probe | None], float | str | None]
    falling: bool = False


def _number(name: str) -> Callable[[Entry, Probe | None], float | str | None]:
    read = NUMBERS[name]
    return lambda entry, _: read(entry)


FIELDS: Mapping[str, Field] = {
    "name": Field(lambda entry, _: entry.name.lower()),
    "provider": Field(lambda entry, _: entry.provider),
    "lineage": Field(lambda entry, _: entry.lineage),
    **{name: Field(_number(name), falling=not name.startswith("price")) for name in NUMBERS},
    "released": Field(lambda entry, _: entry.released or None, falling=True),
    "latency": Field(lambda _, probe: probe.latency if probe else None),
    "first-token": Field(lambda _, probe: probe.first_token if probe else None),
}
"""What `--sort` takes. What is better when it is more comes with the most first."""


def ordered(entries: Sequence[Entry], probes: Mapping[str, Probe], by: str) -> list[Entry]:
    """The entries sorted by a field of `FIELDS`; a minus before it turns the order around.

    What is not known comes last in either order. Raises `UsageError` for anything else.
    """
    if not by:
        return list(entries)
    name = by.removeprefix("-")
    if name not in FIELDS:
        raise UsageError(f"models cannot be sorted by {name!r}; there are {', '.join(FIELDS)}")
    field = FIELDS[name]
    known = [(field.value(entry, probes.get(entry.name)), entry) for entry in entries]
    told = [(value, entry) for value, entry in known if value is not None]
    told.sort(key=lambda pair: pair[0], reverse=field.falling != by.startswith("-"))
    return [entry for _, entry in told] + [entry for value, entry in known if value is None]


# --- as columns --------------------------------------------------------------------------------------

COLUMNS = (
    Column("model", flexible=True),
    Column("context", right=True),
    Column("$ in", right=True),
    Column("$ out", right=True),
    Column("$ a call", right=True),
    Column("strength", right=True),
    Column("can", flexible=True, style="dim"),
    Column("last probe"),
)


_SHOWN_ANYWAY = ("name", "provider", "context", "price", "price.in", "price.out", "strength")


def table(
    entries: Sequence[Entry], probes: Mapping[str, Probe], sorted_by: str = ""
) -> tuple[tuple[Column, ...], Rows]:
    """Headings, and a row for each entry; what they are sorted by is among them."""
    by = sorted_by.removeprefix("-")
    if not by or by in _SHOWN_ANYWAY:
        return COLUMNS, rows(entries, probes)
    read = FIELDS[by].value
    values = (read(entry, probes.get(entry.name)) for entry in entries)
    heads = (COLUMNS[0], Column(by, right=True), *COLUMNS[1:])
    return heads, [
        (row[0], _told(value), *row[1:]) for row, value in zip(rows(entries, probes), values, strict=True)
    ]


def _told(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,.12g}"


def rows(entries: Iterable[Entry], probes: Mapping[str, Probe]) -> Iterator[tuple[str | Cell, ...]]:
    """A row for each entry; prices are in USD per million tokens."""
    now = time.time()
    for entry in entries:
        strength = entry.strengths.get("general")
        yield (
            one_line(entry.name),
            short(entry.context) if entry.context else "",
            Cell("free", "green") if entry.free else dollars(entry.prices.input),
            "" if entry.free else dollars(entry.prices.output),
            "" if entry.free else dollars(entry.prices.request or None),
            "" if strength is None else f"{strength:.2f}",
            " ".join(word for word in entry.capabilities if word not in ("text", "free")),
            life(probes.get(entry.name), now),
        )


def life(probe: Probe | None, now: float) -> Cell:
    """What a probe found, and how long ago."""
    if probe is None:
        return Cell("")
    word, style = LIVES[probe.life]
    return Cell(f"{word}, {age(now - probe.at)} ago", style)


def heard(each: Probe) -> str:
    """A probe in words."""
    since = time.time() - each.at
    ago = f", {age(since)} ago" if since >= 60 else ""
    took = "" if each.latency is None else f" in {seconds(each.latency)}"
    first = f", first token after {seconds(each.first_token)}" if each.first_token is not None else ""
    if each.life is Life.ANSWERS:
        return f"answered{took}{first} ({each.form}){ago}"
    return f"{each.state.replace('_', ' ')}{took}: {one_line(each.said)}{ago}"


def dollars(price: float | None) -> str:
    """A price with as many digits as it needs: `15`, `0.4`, `0.075`."""
    if price is None:
        return ""
    return f"{price:.10f}".rstrip("0").rstrip(".") if price < 1000 else f"{price:,.0f}"


# --- as data -----------------------------------------------------------------------------------------


def as_json(known: Entry | Record, probe: Probe | None) -> str:
    """What is known of a model, and its probe if there is one, as a line of JSON."""
    value = msgspec.to_builtins(known)
    if probe is not None:
        value["probe"] = msgspec.to_builtins(unmarked(probe))
    return json_line(value)


def unmarked(probe: Probe) -> Probe:
    """A probe without the mark of the address and key that were used, which means nothing to others."""
    return msgspec.structs.replace(probe, mark="")


CSV_FIELDS = (
    *(
        "name",
        "provider",
        "model",
        "lineage",
        "title",
        "free",
        "context",
        "max_output",
        "price_in",
        "price_out",
    ),
    *("price_cached", "price_reasoning", "price_request", "inputs", "outputs", "capabilities", "released"),
    *("retires", "strength", "strength_code", "strength_math", "probe", "latency", "first_token"),
)


def csv_text(entries: Iterable[Entry], probes: Mapping[str, Probe]) -> str:
    """The entries as CSV (RFC 4180) with a heading; lists joined by spaces, prices in USD per million."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(CSV_FIELDS)
    for entry in entries:
        writer.writerow(_csv_row(entry, probes.get(entry.name)))
    return file.getvalue()


def _csv_row(entry: Entry, probe: Probe | None) -> tuple[object, ...]:
    prices, strengths = entry.prices, entry.strengths
    return (
        *(_inert(text) for text in (entry.name, entry.provider, entry.model, entry.lineage, entry.title)),
        *("yes" if entry.free else "no", entry.context, entry.max_output),
        *(prices.input, prices.output, prices.cached, prices.reasoning, prices.request),
        *(" ".join(words) for words in (entry.inputs, entry.outputs, entry.capabilities)),
        *(entry.released, entry.retires),
        *(strengths.get("general"), strengths.get("code"), strengths.get("math")),
        *((probe.life.value, probe.latency, probe.first_token) if probe else ("", "", "")),
    )


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    shown = one_line(text)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
