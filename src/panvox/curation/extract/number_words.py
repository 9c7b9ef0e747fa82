"""Numbers in words: English up to trillions, and Chinese numerals."""

from __future__ import annotations

import re

_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ALL = "|".join(sorted([*_UNITS, *_TENS, *_SCALES, "hundred"], key=len, reverse=True))
_RUN = re.compile(
    rf"(?<![A-Za-z])(?:minus |negative )?(?:{_ALL})(?:(?:[ -]|, | and )(?:{_ALL}))*(?![A-Za-z])",
    re.IGNORECASE,
)
_HAN = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "\u3007": 0}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}
_HAN_RUN = re.compile(r"[零\u3007一二两三四五六七八九十百千万]+")
_FEW_WORDS = re.compile(r"\s*(?:[^\W\d_]+\s*){0,2}[.!]?\s*")


def names_number(text: str) -> bool:
    """Whether there is a number in words at all."""
    return _RUN.search(text) is not None or _HAN_RUN.search(text) is not None


def spoken(text: str, *, whole: bool = False) -> int | None:
    """The last number in words of a text, None where there is none.

    With `whole` the text must be that number, at most with two words after it, such as a unit.
    """
    text = text[-400:]
    if whole:
        run = _RUN.match(text) or _HAN_RUN.match(text)
        return _of(run[0]) if run and _FEW_WORDS.fullmatch(text, run.end()) else None
    runs = _RUN.findall(text) or [run for run in _HAN_RUN.findall(text) if len(run) > 1 or len(text) < 12]
    return _of(runs[-1]) if runs else None


def _of(run: str) -> int | None:
    return _english(run) if run.isascii() else _chinese(run)


def _english(run: str) -> int:
    total = part = 0
    words = re.findall(r"[a-z]+", run.lower())
    for word in words:
        if word in _UNITS or word in _TENS:
            part += _UNITS.get(word, _TENS.get(word, 0))
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALES:
            total, part = total + (part or 1) * _SCALES[word], 0
    value = total + part
    return -value if words[0] in {"minus", "negative"} else value


def _chinese(run: str) -> int | None:
    total = part = digit = 0
    for sign in run:
        if sign in _HAN:
            digit = _HAN[sign]
        elif sign == "万":
            total, part, digit = (total + part + digit) * 10_000, 0, 0
        else:
            part, digit = part + (digit or 1) * _HAN_SCALES[sign], 0
    return total + part + digit
