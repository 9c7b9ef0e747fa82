"""What a value of the settings may be: types with their checks, whose sentences say what is allowed."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, Strict, ValidationInfo

from panvox.errors import Category, UsageError
from panvox.protocols import Capability
from panvox.settings.hosts import exemption
from panvox.settings.places import expanded
from panvox.settings.ways_out import NONE
from panvox.waiting import parse_stop, parse_wait


def _matching(pattern: str, sentence: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


def _wait_policy(text: str) -> str:
    try:
        parse_wait(text)
    except UsageError as error:
        raise ValueError(f"must be {str(error).partition(' is not ')[2]}") from None
    return text


def _stop_rule(text: str) -> str:
    try:
        parse_stop(text)
    except UsageError as error:
        raise ValueError(f"must be one of {str(error).partition(' is not one of ')[2]}") from None
    return text


def _api_address(url: str) -> str:
    parts = _parts(url, "https", "http")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must hold no key, query or fragment; name the variable with the key in key_env")
    return url.rstrip("/")


def _proxy_address(secret: SecretStr) -> SecretStr:
    address = secret.get_secret_value()
    if address != NONE and not _parts(address, "http", "https", "socks4", "socks5", "socks5h").port:
        raise ValueError("must name a port, such as http://proxy.example:3128")
    return secret


def address_in(proxy: SecretStr | None) -> SecretStr | None:
    """The address of a proxy; None where there is none, be it by word."""
    return None if proxy is None or proxy.get_secret_value() == NONE else proxy


def _ability(word: str) -> str:
    known = [capability.value for capability in Capability]
    if word not in known:
        near = get_close_matches(word, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"must be one of {', '.join(known)}{meant}")
    return word


def _exempted(entry: str) -> str:
    if exemption(entry) is None:
        raise ValueError(
            "must be a host name, an address, a range such as 10.0.0.0/8, each perhaps with :PORT, or *"
        )
    return entry


def _parts(url: str, *schemes: str) -> SplitResult:
    sentence = f"must be an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(sentence) from None
    try:
        _ = parts.port  # read here, since it is only checked when it is read
    except ValueError:
        port = parts.netloc.rpartition(":")[2]
        raise ValueError("must have a port from 0 to 65535" if port.isdigit() else sentence) from None
    if parts.scheme not in schemes or not parts.hostname or not re.fullmatch(r"[!-~]+", url):
        raise ValueError(sentence)
    return parts


def _within_folder(path: Path, info: ValidationInfo) -> Path:
    """A path in a settings file counts from the folder of that file."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder, expanded(path))


def _existing(path: Path, info: ValidationInfo) -> Path:
    """Only checked for what is loaded: settings that a program makes cause no access to the disk."""
    if info.context and not path.is_file():
        raise ValueError(f"must be a file; there is none at {path}")
    return path


def _iso(value: object) -> object:
    """TOML has dates of its own, without quotes."""
    return value.isoformat() if isinstance(value, date) else value


def _day(text: str) -> str:
    """The pattern alone would take the 31st of February."""
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(_DAY_SENTENCE) from None
    return text


_DAY_SENTENCE = "must be a date such as 2026-03-01"


def _shared_address(secret: SecretStr) -> SecretStr:
    # A socket on the disk has a path and no host.
    if re.fullmatch(r"unix://([!-~]*@)?/[!-~]+", secret.get_secret_value()):
        return secret
    _parts(secret.get_secret_value(), "valkey", "redis", "valkeys", "rediss", "unix")
    return secret


def _category(word: str) -> str:
    known = [category.value for category in Category]
    if word not in known:
        near = get_close_matches(word, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"must be one of {', '.join(known)}{meant}")
    return word


def _several(patterns: object) -> object:
    return (patterns,) if isinstance(patterns, str) else patterns


def _listed(entries: object) -> object:
    """Entries in one text, with commas or spaces between them, as NO_PROXY has them."""
    return tuple(entries.replace(",", " ").split()) if isinstance(entries, str) else entries


_WINDOW = re.compile(r"\s*([0-9][0-9_,]*)\s*/\s*([0-9]+(?:\.[0-9]+)?)?\s*([a-z]+)\s*", re.ASCII)
_SPANS = {"s": 1.0, "second": 1.0, "minute": 60.0, "min": 60.0, "m": 60.0, "hour": 3_600.0, "h": 3_600.0}
_SPANS |= {"day": 86_400.0, "d": 86_400.0}
_WINDOW_SENTENCE = "must be a number and a time, such as 20/minute, 1000/day or 5/10s"


def window_in(text: str) -> tuple[int, float]:
    """Amount and seconds of `20/minute`, `1000/day`, `5/10s`. Raises `ValueError` with what is allowed."""
    found = _WINDOW.fullmatch(text)
    span = _SPANS.get(found[3].removesuffix("s") or "s") if found else None
    if found is None or span is None:
        raise ValueError(_WINDOW_SENTENCE)
    amount, seconds = int(re.sub("[_,]", "", found[1])), float(found[2] or 1) * span
    if not 1 <= amount <= _MOST_PER_WINDOW or not 0.001 <= seconds <= _LONGEST_WINDOW:
        raise ValueError(f"{_WINDOW_SENTENCE}, with 1 to {_MOST_PER_WINDOW:,} in 1 ms to 31 days")
    return amount, seconds


_MOST_PER_WINDOW = 1_000_000_000_000
MOST_BY_PROVIDER = 1_000_000
"""Requests a minute, or calls at once, that may be said of a provider; more is a slip of the finger."""
_LONGEST_WINDOW = 31 * 86_400.0


def _provider_counts(text: str) -> str:
    for entry in text.split(","):
        number = re.fullmatch(r"\s*[^\s:]+\s*:\s*([0-9]{1,7})\s*", entry, re.ASCII)
        if number is None or not 1 <= int(number[1]) <= MOST_BY_PROVIDER:
            raise ValueError(
                f"must be PROVIDER:NUMBER, such as openai:1000, with a number from 1 to {MOST_BY_PROVIDER:,}"
            )
    return text


def _window(text: str) -> str:
    window_in(text)
    return text


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Tokens = Annotated[int, Field(gt=0, le=10_000_000)]
Wait = Annotated[str, AfterValidator(_wait_policy)]
Stop = Annotated[str, AfterValidator(_stop_rule)]
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
"""How providers, panels and tags may be called."""

MOST_DOLLARS = 1_000_000

Name = Annotated[
    str,
    _matching(
        NAME,
        "must be lower-case letters, digits, dots, dashes and underscores, at most 64 of them",
    ),
]
ModelName = Annotated[
    str, _matching(r"[^\s\x00-\x1f\x7f-\x9f]{1,200}", "must be 1 to 200 characters without spaces")
]
Word = Annotated[
    str, _matching(r"[a-z0-9][a-z0-9-]{0,99}", "must be lower-case letters, digits and dashes, at most 100")
]
IsoDate = Annotated[
    str,
    BeforeValidator(_iso),
    _matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", _DAY_SENTENCE),  # which Python takes in other shapes, too
    AfterValidator(_day),
]
Ability = Annotated[str, AfterValidator(_ability)]
Dollars = Annotated[float, Field(ge=0, le=MOST_DOLLARS)]
Share = Annotated[float, Field(ge=0, le=1)]
SharedAddress = Annotated[SecretStr, AfterValidator(_shared_address)]
Attempts = Annotated[int, Field(ge=1, le=4)]
Jitter = Annotated[float, Field(ge=0.25, le=1)]
Categories = Annotated[
    tuple[Annotated[str, AfterValidator(_category)], ...], Strict(strict=False), BeforeValidator(_several)
]
Slots = Annotated[int, Field(ge=1, le=100_000)]
Spacing = Annotated[float, Field(ge=0, le=86_400)]
Windows = Annotated[
    tuple[Annotated[str, AfterValidator(_window)], ...], Strict(strict=False), BeforeValidator(_several)
]
Pattern = Annotated[str, Field(min_length=1, max_length=1000)]
Patterns = Annotated[tuple[Pattern, ...], Strict(strict=False), BeforeValidator(_several)]
ProviderCounts = Annotated[
    tuple[Annotated[Pattern, AfterValidator(_provider_counts)], ...],
    Strict(strict=False),
    BeforeValidator(_several),
]
# Keys hold lower-case letters or dashes and names of variables by custom do not, so that a key which was put
# here by mistake is always noticed.
Variable = Annotated[
    str,
    _matching(
        r"[A-Z_][A-Z0-9_]*",
        "must be the name of an environment variable, such as OPENAI_API_KEY, and never the key itself",
    ),
]
ApiAddress = Annotated[str, AfterValidator(_api_address)]
ProxyAddress = Annotated[SecretStr, AfterValidator(_proxy_address)]
Exempted = Annotated[str, AfterValidator(_exempted)]
Exemptions = Annotated[tuple[Exempted, ...], Strict(strict=False), BeforeValidator(_listed)]
SomeFile = Annotated[Path, Strict(strict=False), AfterValidator(_within_folder)]
ExistingFile = Annotated[SomeFile, AfterValidator(_existing)]
