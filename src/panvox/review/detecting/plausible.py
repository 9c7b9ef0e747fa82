"""Whether a value can be a secret, or only stands in the place of one."""

from __future__ import annotations

import math
import re
from collections import Counter

_PLACEHOLDER = re.compile(
    r"x{4,}|\*{3,}|\.{3}|example|placeholder|change.?(?:me|it|this)|replace.?(?:me|it|this|with)|redacted"
    r"|(?:^|[^a-z0-9])(?:your|my|the|some|any|fake|dummy|sample|mock|test|testing|todo|insert|invalid|wrong|foo|bar"
    r"|foobar|demo|default|temp|tbd|none|null|nil|true|false|undefined|unset|empty|secret|password|passwd|token"
    r"|apikey|string|value)(?:[^a-z0-9]|\d{0,4}$)"
)
_STRICT_PLACEHOLDER = re.compile(
    r"x{6,}|\*{3,}|\.{3}|example|placeholder|redacted|(?:^|[-_])(?:your|fake|dummy|sample|changeme|insert)(?:[-_]|$)"
)
_TEMPLATE = re.compile(r"\$|\{\{|\{[\w.!:\[\]]*\}|%[sdr(]|<[^<>]*>|^[{\[(<%&]|#\{")
_REFERENCE = re.compile(r"[\w.]+[(\[]|::|->")
_PARTS = re.compile(r"[-_./:@+=,;|\\ ]+")
_WORDS = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}|\d{1,4}")
_ONE_WORD = re.compile(r"[a-z]{8,}+")
_LONG_WORDS = re.compile(r"[a-z]{5,}+")
_ALPHABET = re.compile(r"abcdefgh|01234567", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-fA-F]+")


def entropy(value: str) -> float:
    """Shannon's entropy of the characters, in bits for each."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())


def stands_in(value: str) -> bool:
    """Whether a value with a known format is one that manuals show: `sk-ant-your-key`, `AKIA…EXAMPLE`."""
    return bool(_STRICT_PLACEHOLDER.search(value.lower())) or len(set(value)) < 8


def password(value: str, *, quoted: bool = True) -> bool:
    """Whether `value` may be a password that somebody uses; without quotes one word is prose."""
    if not 6 <= len(value) <= 128 or _not_literal(value) or _PLACEHOLDER.search(value.lower()):
        return False
    if _REFERENCE.match(value) or value.isdigit():
        return False
    return (quoted and bool(_ONE_WORD.fullmatch(value))) or not _reads_as_name(value)


def key(value: str) -> bool:
    """Whether `value` may be a key or token: random in looks, neither a name nor a path."""
    if not 12 <= len(value) <= 512 or _not_literal(value) or _PLACEHOLDER.search(value.lower()):
        return False
    return random_looking(value, least=2.8) and not _REFERENCE.search(value)


def random_looking(value: str, *, least: float) -> bool:
    """Whether letters and digits are mixed as in no name, with `least` bits of entropy a character."""
    from detect_secrets.filters.heuristic import is_sequential_string  # noqa: PLC0415 - brings a network library

    if not any(c.isdigit() for c in value) or not any(c.isalpha() for c in value):
        return False
    if _ALPHABET.search(value):
        return False
    return not _reads_as_name(value) and entropy(value) >= least and not is_sequential_string(value)


def made_of_words(value: str) -> bool:
    """Whether three characters of ten stand in words, as in a path or the name of a class."""
    return 10 * sum(map(len, _LONG_WORDS.findall(value))) >= 3 * len(value)


def _not_literal(value: str) -> bool:
    """Whether it is prose, a template or a reference."""
    if any(c.isspace() for c in value) or not any(c.isalpha() and c.isascii() for c in value):
        return True
    return bool(_TEMPLATE.search(value)) or "://" in value or value.startswith(("/", "./", "../", "~/", "--"))


def _reads_as_name(value: str) -> bool:
    """Whether it is made of words and short numbers: `db-password-2`, `settings.API_KEY`, `getToken`."""
    return all(_word(part) for part in _PARTS.split(value) if part)


def _word(part: str) -> bool:
    if part.isdigit():
        return len(part) <= 4
    if _HEX.fullmatch(part) and len(part) >= 8 and any(c.isdigit() for c in part):
        return False
    pieces = _WORDS.findall(part)
    if "".join(pieces) != part:
        return False
    digits = sum(piece.isdigit() for piece in pieces)
    letters = [len(piece) for piece in pieces if not piece.isdigit()]
    return digits == 0 and bool(letters) and sum(letters) / len(letters) >= 3
