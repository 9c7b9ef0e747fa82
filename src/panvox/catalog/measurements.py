"""Results of benchmarks, as a table of lines: the shipped one of published results, and the user's own."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from panvox.catalog.lineage import lineage
from panvox.errors import SettingsError

_NEEDED = ("model", "kind", "benchmark", "score")
_COLUMNS = (*_NEEDED, "date", "source")
_DATE = re.compile(r"20\d\d(-[01]\d(-[0-3]\d)?)?")


class TaskKind(StrEnum):
    """What a model is asked to do, where models differ in how well they do it."""

    GENERAL = "general"
    CODE = "code"
    MATH = "math"


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What a model scored in a benchmark; more is better, and the unit is the benchmark's own.

    `date` is that of the result or of its publication, as precise as the source tells (`2025`, `2025-04` or
    `2025-04-16`); `source` says where the number was read.
    """

    model: str
    kind: TaskKind
    benchmark: str
    score: float
    date: str = ""
    source: str = ""

    @property
    def lineage(self) -> str:
        """The weights that were measured."""
        return lineage(self.model)


@cache
def published() -> tuple[Measurement, ...]:
    """The results that are shipped, each with the public file in which it was read."""
    text = files("panvox.catalog").joinpath("data/strengths.csv").read_text(encoding="utf-8")
    return _measurements(io.StringIO(text, newline=""), "strengths.csv")


def read_measurements(file: Path) -> tuple[Measurement, ...]:
    """The user's own results: a CSV file with the columns model, kind, benchmark, score, and date, source.

    Raises `SettingsError` with a line for each thing that is wrong.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: is not UTF-8: {error.reason} at byte {error.start}.") from error
    return _measurements(io.StringIO(text, newline=""), str(file))


def _measurements(lines: Iterable[str], name: str) -> tuple[Measurement, ...]:
    reader = csv.DictReader(lines, strict=True)
    found: list[Measurement] = []
    problems: list[str] = []
    try:
        missing = [column for column in _NEEDED if column not in (reader.fieldnames or ())]
        if missing:
            raise SettingsError(
                f"{name}:1: has no column {', '.join(missing)}; the first line names the columns: "
                f"{','.join(_COLUMNS)}."
            )
        for row in reader:
            wrong = list(_wrong(row))
            problems += (f"{name}:{reader.line_num}: {reason}" for reason in wrong)
            if not wrong:
                found.append(_measurement(row, name))
    except csv.Error as error:
        problems.append(f"{name}:{reader.line_num}: is not CSV: {error}.")
    if problems:
        raise SettingsError("\n".join(problems))
    return tuple(found)


def _wrong(row: Mapping[str | None, str | None]) -> Iterator[str]:
    """What is wrong with a line, as sentences without its place."""
    if None in row:
        yield "has more fields than the first line has columns; put quotes around a field with commas."
    value = _values(row)
    for column in _NEEDED:
        if not value[column]:
            yield f"{column} is empty."
    if value["kind"] and value["kind"] not in list(TaskKind):
        yield f"kind = {value['kind']!r} is not one of {', '.join(TaskKind)}."
    if value["score"] and not _is_number(value["score"]):
        yield f"score = {value['score']!r} is not a number."
    if value["date"] and not _DATE.fullmatch(value["date"]):
        yield f"date = {value['date']!r} is not a date; write 2025-04-16, 2025-04 or 2025."


def _values(row: Mapping[str | None, str | None]) -> dict[str, str]:
    return {column: (row.get(column) or "").strip() for column in _COLUMNS}


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _measurement(row: Mapping[str | None, str | None], name: str) -> Measurement:
    value = _values(row)
    return Measurement(
        model=value["model"],
        kind=TaskKind(value["kind"]),
        benchmark=value["benchmark"],
        score=float(value["score"]),
        date=value["date"],
        source=value["source"] or name,
    )
