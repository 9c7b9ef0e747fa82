"""The limits that hold where nobody set any: rows of `data/defaults.csv`, each with its source.

`provider` is a glob of vendors, `model` one of model names at a provider, whatever their case. Rows of scope
`account` hold for each account there, those of scope `model` for each model by itself. Where several rows
fit, the later ones win field by field.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from panvox.limits.terms import NOTHING, Terms
from panvox.protocols import Unit, Window
from panvox.settings.values import window_in


class Default(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what holds of which models of which vendors, and who says so."""

    provider: str
    model: str
    scope: Literal["account", "model"]
    terms: Terms
    source: str

    def fits(self, vendor: str, model: str) -> bool:
        """Whether it is about this model of this vendor."""
        return fnmatchcase(vendor, self.provider) and fnmatchcase(model.lower(), self.model)


@cache
def defaults() -> tuple[Default, ...]:
    """All rows, as they stand in the table."""
    text = files("panvox.limits").joinpath("data/defaults.csv").read_text(encoding="utf-8")
    return tuple(map(_row, csv.DictReader(text.splitlines())))


def account_default(vendor: str) -> Terms:
    """What holds for an account at a vendor."""
    return _together(row for row in defaults() if row.scope == "account" and row.fits(vendor, ""))


def model_default(vendor: str, model: str) -> Terms:
    """What holds for one model of a vendor; `vendor` is empty for a provider that is none of the known."""
    return _together(row for row in defaults() if row.scope == "model" and row.fits(vendor, model))


def _together(rows: Iterable[Default]) -> Terms:
    terms = NOTHING
    for row in rows:
        terms = row.terms.over(terms)
    return terms


def _row(cells: Mapping[str, str]) -> Default:
    terms = Terms(
        requests=_windows("requests", cells["requests"]),
        tokens=_windows("tokens", cells["tokens"]),
        slots=int(cells["slots"]) if cells["slots"] else None,
        spacing=float(cells["spacing"]) if cells["spacing"] else None,
        loaded=int(cells["loaded"]) if cells["loaded"] else None,
    )
    row = {"provider": cells["provider"], "model": cells["model"], "scope": cells["scope"]}
    return msgspec.convert({**row, "terms": terms, "source": cells["source"]}, Default)


def _windows(unit: Unit, cell: str) -> tuple[Window, ...] | None:
    return tuple(Window(unit, *window_in(text)) for text in cell.split()) or None
