r"""Numbers as people and models write them, and the plain decimal that they have in common.

`1,200.0`, `$1200`, `1.200,00 €`, `1.2 \times 10^3`, `2400/2`, `twelve hundred` are all `1200`.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from panvox.curation.extract.arithmetic import value_of_term
from panvox.curation.extract.markup import unwrapped
from panvox.curation.extract.number_words import names_number, spoken

DIGITS = 400
"""Digits of a number at most; longer ones are kept as they are written."""

_SPACE = "\u00a0\u2009\u202f"
_TOKEN = (
    rf"\d+(?:[,.'’{_SPACE}]\d+)*(?:[eE][-+]?\d{{1,3}}(?![\w.]))?"
    r"|(?<![\d\w])\.\d+"
)
_NUMBER = re.compile(rf"(?<![\w^_\\.,])[-+\u2212\u2013]?\s?[$€£¥₹]?\s?(?:{_TOKEN})|(?:{_TOKEN})")
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_POWER = re.compile(r"\s*(?:×|x|\*|·|⋅|\\times|\\cdot)\s*10\s*\^\s*[{(]?\s*([-+\u2212]?\d{1,3})\s*[})]?")
_TEN = re.compile(r"(?<![\d.,])10\s*\^\s*[{(]?\s*([-+\u2212]?\d{1,3})\s*[})]?")
_SCALE = re.compile(
    r"[ -]?(?:(thousand|mille|tausend|mil)|(million(?:en|s|es)?|millones|mio|mn)|(billion|"
    r"milliarden?|bn)|(trillion)|(万|萬)|(亿|億))(?![^\W\d_])",
    re.IGNORECASE,
)
_SCALES = (10**3, 10**6, 10**9, 10**12, 10**4, 10**8)
_KILO = re.compile(r"k(?![\w/])")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*(-?[\d.,]+)\s*\}|(\d))\s*(?:\{\s*(-?[\d.,]+)\s*\}|(\d))")
_OVER = re.compile(r"\s*[/\u2044\u2215]\s*(\d+)(?![\d,.]*\d*\s*/)")
_MIXED = re.compile(r"(?<![\d.,/])(-?)(\d{1,6})\s+(\d{1,4})\s*[/\u2044]\s*(\d{1,4})(?!\d)")
_ARITHMETIC = re.compile(r"[-+*/() \d.,^×÷·⋅\u2212\u2013$€£%]+")
_OPERATED = re.compile(r"[\d)]\s*[-+*/^×÷·⋅\u2212\u2013]\s*[\d(]")
_SUPERSCRIPT = re.compile(r"[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SUPER = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_VULGAR = re.compile(r"[¼-¾⅐-⅞]")
_SYMBOLIC = re.compile(
    r"\\(?:sqrt|pi|infty|ln|log|sin|cos|tan|theta|alpha|pm|begin|cup|sum|binom)|[√π∞±\u222a]|"
    r"\b(?:sqrt|log|ln|sin|cos|tan|pi)\b|"
    r"(?<![A-Za-z'’])(?:(?<!\d)\d*+|(?<=\d))[b-hj-zB-HJ-Z]\s*[-+^*/]\s*[\d(a-z]|"
    r"\d\s*i\b|\d\s*[-+*^]\s*\d*[a-z](?![a-z])|_\{?\d|\d[xyn]\b"
)
_EXPONENT = re.compile(r"(?<=\d)[eE][-+]?\d{1,3}(?![\w.])")
_RELATION = re.compile(r"[=≈≃≅]|\\(?:approx|simeq|equiv)(?![A-Za-z])")
_LETTERS = re.compile(r"[^\W\d_]")


def plain_decimal(value: Fraction) -> str:
    """`value` without exponent, separators or trailing zeros, to six decimals.

    Below a thousandth it has six significant digits instead, so that small numbers stay apart.
    """
    if value.denominator == 1:
        return str(value.numerator)
    places = 6
    smallest = Fraction(1, 1000)
    while abs(value) < smallest and places < DIGITS:
        places, smallest = places + 1, smallest / 10
    scaled = round(abs(value) * 10**places)
    whole, rest = divmod(scaled, 10**places)
    text = f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and text != "0" else text


def number(span: str) -> str | None:
    """The plain decimal of a span that is a number, at most with a unit or a currency, else None."""
    if _PLAIN.fullmatch(span):
        return span
    value = _whole(prepared(span))
    return None if value is None else plain_decimal(value)


def number_within(span: str, question: str = "") -> str | None:
    """The plain decimal of the number that a clause gives as its answer, else None.

    It is the right-hand side where there is an equation. Of several numbers it is the total, the one with a
    currency, the only one that does not follow a preposition, the only one that the question does not hold,
    the first where the clause begins with it, else the last. A clause with roots or variables has none: see
    `symbolic`.
    """
    if _PLAIN.fullmatch(span):
        return span
    whole = prepared(span)
    if not _DIGIT.search(whole) and not names_number(whole):
        return None
    text = _right_side(whole)
    value = _whole(whole)
    if value is None and text != whole:
        value = _whole(text)
    if value is not None:
        return plain_decimal(value)
    if _has_symbols(text):
        return None
    found = numbers(text)
    if not found:
        words = spoken(text)
        return None if words is None else str(words)
    return plain_decimal(found[0][1] if len(found) == 1 else _meant(text, found, question))


def _meant(text: str, found: list[tuple[int, Fraction]], question: str) -> Fraction:
    """Which of several numbers is the answer."""
    if (total := _TOTAL.search(text)) and (
        after := [value for place, value in found if place >= total.end()]
    ):
        return after[0]
    money = [value for place, value in found if text[place : place + 2].strip(" -")[:1] in _CURRENCIES]
    if len(money) == 1:
        return money[0]
    main = [(place, value) for place, value in found if not _ASIDE.search(text[max(0, place - 12) : place])]
    if len(main) == 1:
        return main[0][1]
    new = {value for _, value in found} - _given(question[-8_000:])
    if len(new) == 1:
        return new.pop()
    leads = _LETTERS.search(text[: found[0][0]]) is None
    return found[0][1] if leads else found[-1][1]


@lru_cache(maxsize=256)
def _given(end: str) -> frozenset[Fraction]:
    """The numbers that the end of a question holds."""
    return frozenset(value for _, value in numbers(prepared(end)))


def numbers(text: str) -> list[tuple[int, Fraction]]:
    """All numbers in a prepared text with their places, fractions, powers and words of scale included."""
    found: list[tuple[int, Fraction]] = []
    if not _DIGIT.search(text):
        return found
    end = 0
    for token in _NUMBER.finditer(text):
        if token.start() < end:
            continue
        read = _read_at(text, token)
        if read is not None:
            value, end = read
            found.append((token.start(), value))
    return found


def symbolic(span: str) -> str | None:
    r"""The key of an answer in symbols: `S:` and its text without spaces, set alike: `S:12\sqrt{3}`."""
    text = _right_side(unwrapped(span).strip(" \t\n.,;:$!"))
    text = re.sub(r"\\[dt]frac", r"\\frac", text)
    text = re.sub(
        r"√\s*\(([^()]*)\)|(?<![A-Za-z\\])sqrt\s*[({]([^(){}]*)[)}]",
        lambda m: rf"\sqrt{{{m[1] or m[2] or ''}}}",
        text,
    )
    text = re.sub(
        r"√\s*(\d+|\w)|\\sqrt\s+(\w)|\\sqrt(\d)", lambda m: rf"\sqrt{{{m[1] or m[2] or m[3]}}}", text
    )
    text = re.sub(r"π|(?<![A-Za-z\\])pi(?![A-Za-z])", r"\\pi", text)
    text = re.sub(
        r"\\frac\s*\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}\s*\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}", _quotient, text
    )
    text = re.sub(r"∞", r"\\infty", text)
    text = re.sub(r"\\(?:cdot|times)(?![A-Za-z])|[×·⋅*]", "*", text)
    text = re.sub(r"\s+", "", text).casefold().replace("\u2212", "-").replace("\u2013", "-")
    text = re.sub(r"(?<=[\da-z)}])\*(?=[\\a-z(])", "", text)
    text = re.sub(r"\^\{(\w)\}", r"^\1", text)
    return f"S:{text[:DIGITS]}" if text else None


def is_symbolic(span: str) -> bool:
    """Whether a span holds roots, constants or variables that keep it from being a decimal."""
    return _has_symbols(_right_side(prepared(span)))


def _has_symbols(text: str) -> bool:
    return _SYMBOLIC.search(_EXPONENT.sub("0", text)) is not None


def prepared(span: str) -> str:
    r"""`span` with layout undone and digits of all scripts, superscripts and `\frac` written plainly."""
    text = unwrapped(span)
    if not text.isascii():
        text = _SUPERSCRIPT.sub(lambda run: "^" + run[0].translate(_SUPER), text)
        text = _VULGAR.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]), text)
        text = text.replace("\u00a0", "\u202f")
        text = "".join(_plain_sign(sign) if sign > "\u2060" or sign.isdigit() else sign for sign in text)
    if "frac" in text:
        text = _FRACTION.sub(lambda part: f" {part[1] or part[2]}/{part[3] or part[4]}", text)
    return text.strip().lstrip(" ∴⇒→➜≈~>=:")


def _plain_sign(sign: str) -> str:
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    return unicodedata.normalize("NFKC", sign) if "\uff01" <= sign <= "\uff5e" else sign


def _quotient(parts: re.Match[str]) -> str:
    over, under = (
        part if re.fullmatch(r"\\?\w+", part) else f"({part})"
        for part in (parts[1].strip(), parts[2].strip())
    )
    return f"{over}/{under}"


def _right_side(text: str) -> str:
    parts = _RELATION.split(text[-2_000:])
    return next((part.strip() for part in reversed(parts) if part.strip(" .$")), "")


def _whole(text: str) -> Fraction | None:
    """The value of a text that is nothing but a number, an arithmetical term, or a number with a unit."""
    text = text.strip(" \t\n.,;:!*$()[]") if not _OPERATED.search(text) else text.strip(" \t\n.,;:!*$")
    if not text or len(text) > DIGITS:
        return None
    words = spoken(text, whole=True)
    if words is not None:
        return Fraction(words)
    if mixed := _MIXED.match(text):
        return _mixed(mixed)
    if _ARITHMETIC.fullmatch(text) and _OPERATED.search(text):
        return value_of_term(text)
    return _with_unit(text)


def _with_unit(text: str) -> Fraction | None:
    digit = _DIGIT.search(text)
    if not digit or len(text[: digit.start()].strip(" $€£¥₹-\u2212\u2013+~≈.")) > _LEAD:
        return None
    found = numbers(text)
    if len(found) != 1 or _has_symbols(text) or _RELATION.search(text):
        return None
    begin, value = found[0]
    before = text[:begin].strip(" $€£¥₹-\u2212+~≈")
    if before and (len(before) > _LEAD or before.casefold() not in _BEFORE):
        return None
    token = _NUMBER.match(text, begin)
    read = _read_at(text, token) if token else None
    after = text[read[1] :] if read else ""
    return value if len(after) <= 24 and len(after.split()) <= 3 and "\n" not in after else None


_TOTAL = re.compile(r"\b(?:total(?: of)?|altogether|in all|sum of)\b", re.IGNORECASE)
_ASIDE = re.compile(
    r"\b(?:after|in|over|within|for|per|of|from|at|on|by|every|each|during|if|with)\s+(?:the |a )?[$€£]?$",
    re.IGNORECASE,
)
_LEAD = 6
"""Characters before a number that may belong to it."""

_CURRENCIES = frozenset("$€£¥₹")
_BEFORE = {
    "usd",
    "eur",
    "gbp",
    "rs",
    "rs.",
    "us",
    "inr",
    "about",
    "~",
    "x",
    "approx",
    "cad",
    "aud",
    "rmb",
    "约",
    "circa",
    "ca.",
}


def _mixed(parts: re.Match[str]) -> Fraction | None:
    sign, whole, over, under = parts.groups()
    if not int(under):
        return None
    value = int(whole) + Fraction(int(over), int(under))
    return -value if sign else value


def _read_at(text: str, token: re.Match[str]) -> tuple[Fraction, int] | None:
    """The number that begins with `token`, with all that belongs to it, and where it ends."""
    raw, end = token[0], token.end()
    if (mixed := _MIXED.match(text, token.start())) and (value := _mixed(mixed)) is not None:
        return value, mixed.end()
    if (
        raw.endswith("10")
        and (ten := _TEN.search(text, token.start(), token.start() + 24))
        and ten.start() == end - 2
    ):
        return Fraction(10) ** int(ten[1].replace("\u2212", "-")), ten.end()
    value = _decimal(raw)
    if value is None:
        return None
    if over := _OVER.match(text, end):
        below = int(over[1][:DIGITS])
        return (value / below, over.end()) if below else None
    if power := _POWER.match(text, end):
        return value * Fraction(10) ** int(power[1].replace("\u2212", "-")), power.end()
    if scale := _SCALE.match(text, end):
        return value * _SCALES[(scale.lastindex or 1) - 1], scale.end()
    if kilo := _KILO.match(text, end):
        return value * 1000, kilo.end()
    return value, end


def _decimal(raw: str) -> Fraction | None:
    if _PLAIN.fullmatch(raw):
        return Fraction(int(raw))
    negative = raw.lstrip()[:1] in {"-", "\u2212", "\u2013"}
    text = raw.lstrip(" -+\u2212\u2013$€£¥₹").strip()
    text = re.sub(rf"['’{_SPACE}\s]", "", text)
    mantissa, _, exponent = text.lower().partition("e")
    mantissa = _separated(mantissa)
    if len(mantissa) > DIGITS or mantissa.count(".") > 1:
        return None
    try:
        value = Fraction(mantissa) * Fraction(10) ** (int(exponent) if exponent else 0)
    except (ValueError, ZeroDivisionError):
        return None
    return -value if negative else value


def _separated(text: str) -> str:
    """`text` with a point for its decimals and nothing for thousands: English, Indian, Swiss or European."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        return text.replace(".", "").replace(",", ".") if comma > point else text.replace(",", "")
    if comma >= 0:
        grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d{4,}(?:,\d{3})+", text)
        return text.replace(",", "") if grouped or text.count(",") > 1 else text.replace(",", ".")
    return text.replace(".", "") if re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}", text) else text
