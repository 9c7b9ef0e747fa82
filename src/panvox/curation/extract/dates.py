"""Dates and times, brought to ISO 8601."""

from __future__ import annotations

import re
from datetime import date, time

_NAMES = (
    "jan january januar janvier enero janeiro gennaio января",
    "feb february februar février fevrier febrero fevereiro febbraio февраля",
    "mar march märz maerz mars marzo março марта",
    "apr april avril abril aprile апреля",
    "may mai mayo maio maggio мая",
    "jun june juni juin junio junho giugno июня",
    "jul july juli juillet julio julho luglio июля",
    "aug august août aout agosto августа",
    "sep sept september septembre septiembre setembro settembre сентября",
    "oct october oktober okt octobre octubre outubro ottobre октября",
    "nov november novembre noviembre novembro ноября",
    "dec december dezember dez décembre decembre diciembre dezembro dicembre декабря",
)
_MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names.split()}
_ISO = re.compile(
    r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)|(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]"
)
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|\.)?\s+(?:of |de |d'|"
    r"di )?([^\W\d_]{3,10})\.?,?\s+(?:de |of )?(\d{4})(?!\d)",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,10})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)", re.IGNORECASE)
_SLASHED = re.compile(r"(?<!\d)(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?!\d)")
_TIME = re.compile(
    r"(?<![\d:])(\d{1,2})(?:[:.h](\d{2}))?(?::(\d{2}))?\s*(?:([ap])\.?\s?m\b\.?|uhr\b)|"
    r"(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])",
    re.IGNORECASE,
)


def iso_date(span: str, *, day_first: bool | None = None) -> str | None:
    """The last date in a span as `2020-03-12`, None where there is none.

    `day_first` tells how 03/04/2020 is read; None stands for the month first with slashes, the day first with
    points, and whatever is possible where only one is.
    """
    span = span[-600:]
    found = [
        *((m.start(), _date(m[1] or m[4], m[2] or m[5], m[3] or m[6])) for m in _ISO.finditer(span)),
        *((m.start(), _named(m[3], m[2], m[1])) for m in _DAY_MONTH.finditer(span)),
        *((m.start(), _named(m[3], m[1], m[2])) for m in _MONTH_DAY.finditer(span)),
        *((m.start(), _slashed(m, day_first)) for m in _SLASHED.finditer(span)),
    ]
    dates = [(place, value) for place, value in found if value]
    return max(dates)[1] if dates else None


def iso_time(span: str) -> str | None:
    """The last time of day in a span as `14:05` or `14:05:30`, None where there is none."""
    found = list(_TIME.finditer(span[-600:]))
    if not found:
        return None
    hour, minute, second, half, *clock = found[-1].groups()
    hours = int(hour or clock[0])
    if half:
        hours = hours % 12 + (12 if half in "pP" else 0)
    try:
        value = time(hours, int(minute or clock[1] or 0), int(second or clock[2] or 0))
    except ValueError:
        return None
    return value.isoformat("seconds" if value.second else "minutes")


def _named(year: str, month: str, day: str) -> str | None:
    number = _MONTHS.get(month.casefold())
    return _date(year, str(number), day) if number else None


def _slashed(parts: re.Match[str], day_first: bool | None) -> str | None:
    first, sign, second, year = parts.groups()
    days = day_first if day_first is not None else sign == "."
    order = (first, second) if days else (second, first)
    return _date(year, order[1], order[0]) or _date(year, order[0], order[1])


def _date(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
