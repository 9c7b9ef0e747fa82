"""What differs between two catalogues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from panvox.catalog.entries import Entry


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference: a model that is new or gone, or a field that was something else."""

    model: str
    kind: Literal["new", "gone", "changed"]
    field: str = ""
    was: str = ""
    now: str = ""


_FIELDS: dict[str, Callable[[Entry], object]] = {
    "free": lambda entry: "yes" if entry.free else "no",
    "price in": lambda entry: entry.prices.input,
    "price out": lambda entry: entry.prices.output,
    "price per call": lambda entry: entry.prices.request,
    "context": lambda entry: entry.context,
    "max output": lambda entry: entry.max_output,
    "lineage": lambda entry: entry.lineage,
    "retires": lambda entry: entry.retires,
    "can": lambda entry: " ".join(entry.capabilities),
}


def changes(before: Iterable[Entry], now: Iterable[Entry]) -> Iterator[Change]:
    """New models, then those that are gone, then those that are otherwise; each in the order of its list."""
    known = {entry.name: entry for entry in before}
    there = {entry.name: entry for entry in now}
    yield from (Change(model=name, kind="new") for name in there if name not in known)
    yield from (Change(model=name, kind="gone") for name in known if name not in there)
    for name, entry in there.items():
        if name in known:
            yield from _differences(known[name], entry)


def _differences(before: Entry, now: Entry) -> Iterator[Change]:
    for field, read in _FIELDS.items():
        was, is_now = _told(read(before)), _told(read(now))
        if was != is_now:
            yield Change(model=now.name, kind="changed", field=field, was=was, now=is_now)


def _told(value: object) -> str:
    return "unknown" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
