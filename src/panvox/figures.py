"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal


def seconds(value: float) -> str:
    """A duration: `0.42 s`, `8.4 s`, `42 s`, `3 min 5 s`."""
    if value >= 100:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    if value < 1:
        return f"{value:.2f} s"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def money(value: Decimal | float) -> str:
    """US dollars, with at least two digits that say something: `$1.20`, `$0.013`, `$0.00042`."""
    if value == 0:
        return "$0"
    if value >= 1:
        return f"${value:,.2f}"
    digits = 2 - Decimal(value).adjusted() - 1
    return f"${value:.{min(digits, 9)}f}"


def size(count: int) -> str:
    """Bytes: `12 bytes`, `4 KiB`, `9.5 MiB`."""
    if count < 1024:
        return plural(count, "byte")
    if count < 1024**2:
        return f"{count / 1024:.3g} KiB"
    return f"{count / 1024**2:.3g} MiB" if count < 1000 * 1024**2 else f"{count / 1024**2:,.0f} MiB"


def plural(count: int, noun: str) -> str:
    """A number and its noun: `1 answer`, `1,200 answers`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def votes(value: float) -> str:
    """Votes may be fractions, since members of one lineage share one: `3 votes`, `2.5 votes`."""
    rounded = round(value, 1)
    return plural(int(rounded), "vote") if rounded == int(rounded) else f"{rounded:,} votes"


def percent(share: float) -> str:
    """A share of one: `71 %`; what is neither nothing nor all never looks so."""
    return f"{min(99, max(1, round(share * 100))) if 0 < share < 1 else round(share * 100)} %"


def short(count: int) -> str:
    """A large number in few characters: `950`, `12.3k`, `1.2M`."""
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.3g}k" if count < 999_500 else f"{count / 1e6:.3g}M"


def age(elapsed: float) -> str:
    """How long ago, roughly: `12 s`, `5 min`, `3 h`, `4 d`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if elapsed >= size:
            return f"{elapsed / size:.0f} {unit}"
    return f"{max(0, elapsed):.0f} s"
