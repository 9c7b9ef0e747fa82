"""What each condition of the selection language means for an entry, and how to say so."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import msgspec

from panvox.catalog.entries import Entry, Life, Probe
from panvox.catalog.selection.names import Names, globbed, word_of
from panvox.catalog.selection.terms import Affirmed, Can, Compared, Condition, Named, Of, Proven
from panvox.protocols import Capability

_HOLDS: dict[str, Callable[[float | str, float | str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_DAY = 86_400.0
_1970 = date(1970, 1, 1).toordinal()


class Proofs(msgspec.Struct, frozen=True):
    """The last probes, by the name of the entry; after `lasting` seconds they prove nothing."""

    probes: Mapping[str, Probe]
    now: float
    lasting: float

    def of(self, entry: Entry) -> Life | None:
        """What the probe of an entry says today, if there is one."""
        probe = self.probes.get(entry.name)
        return probe.life if probe and self.now - probe.at <= self.lasting else None

    def words(self, entry: Entry) -> str:
        """The same in words."""
        life = self.of(entry)
        if life:
            return f"a probe says: {life}"
        return "its probe is too old" if entry.name in self.probes else "not probed"


class Check(msgspec.Struct, frozen=True):
    """A condition at work.

    `words` tells why an entry fits, or why not. Where `among` is set, no other entry can fit; `costly` checks
    are better made last.
    """

    fits: Callable[[Entry], bool]
    words: Callable[[Entry], str]
    among: Sequence[Entry] | None = None
    costly: bool = False


def price(entry: Entry) -> float | None:
    """What a model costs, in USD per million tokens of which three go in for one that comes out.

    A fee for each call is spread over a thousand tokens, as many as a short question and its answer have.
    """
    if entry.free:
        return 0.0
    prices = entry.prices
    if prices.input is None or prices.output is None:
        return None
    fee = 1000 * (prices.request or 0.0)
    return round((3 * prices.input + prices.output) / 4 + fee, 9)  # so that 0.1 and 0.4 are 0.175


# How to read each field that is a number; None where it is not known.
NUMBERS: dict[str, Callable[[Entry], float | None]] = {
    "price": price,
    "price.in": lambda entry: 0.0 if entry.free else entry.prices.input,
    "price.out": lambda entry: 0.0 if entry.free else entry.prices.output,
    "context": lambda entry: entry.context,
    "output": lambda entry: entry.max_output,
    "strength": lambda entry: entry.strengths.get("general"),
    "strength.code": lambda entry: entry.strengths.get("code"),
    "strength.math": lambda entry: entry.strengths.get("math"),
}


def check_of(condition: Named | Of | Can | Proven | Compared, names: Names, proofs: Proofs) -> Check:
    """The check that a condition asks for."""
    match condition:
        case Named(glob="*"):
            return Check(lambda _: True, lambda _: "all")
        case Named():
            return _named(condition, names)
        case Of(attribute=attribute, glob=glob):
            word, fits = word_of(attribute), globbed(glob)
            return _told(
                condition, lambda entry: fits(word(entry)), lambda entry: f"{attribute} {word(entry)}"
            )
        case Can(capability=Capability.FREE):
            return _plain(condition, lambda entry: entry.free)
        case Can(capability=capability):
            return _plain(condition, lambda entry: capability in entry.capabilities)
        case Proven():
            return _proven(condition, proofs)
        case Compared():
            return _compared(condition, proofs)


def age(entry: Entry, now: float) -> float | None:
    """The days since the release, counted from the first day that its date may mean."""
    first = entry.released + "-01-01"[max(0, len(entry.released) - 4) :] if entry.released else ""
    try:
        released = date.fromisoformat(first[:10])
    except ValueError:
        return None
    return now // _DAY + _1970 - released.toordinal()


def bounds(condition: Condition, entries: Sequence[Entry], proofs: Proofs) -> str:
    """How near `entries`, none of which fits, come to a condition: their lowest or highest value."""
    if isinstance(condition, Proven) and not proofs.probes:
        return "; nothing has been probed, `panvox models probe` does it"
    if not isinstance(condition, Compared):
        return ""
    read = _reading(condition, proofs)
    known = [value for entry in entries if (value := read(entry)) is not None]
    if not known:
        return f"; the {_title(condition)} of none is known"
    missing = len(entries) - len(known)
    unknown = f"of {missing:,} it is not known" if missing else ""
    if condition.operator in ("=", "!="):
        return f"; {unknown}" if unknown else ""
    low, high = ("earliest", "latest") if condition.field == "released" else ("lowest", "highest")
    lowest = condition.operator in ("<", "<=")
    value = sorted(known, key=_sortable)[0 if lowest else -1]
    told = f"; the {low if lowest else high} {_title(condition)} is {figure(value)}{_unit(condition)}"
    return f"{told}, {unknown}" if unknown else told


def figure(value: float | str) -> str:
    """A value for people: 131,072 or 0.40 or 0.0625; a date as it is."""
    if isinstance(value, str):
        return value
    if value % 1 == 0 and not 0 < value < 10:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if round(value, 2) == value else f"{value:.6g}"


def _plain(condition: Affirmed, fits: Callable[[Entry], bool]) -> Check:
    return Check(fits, lambda entry: str(condition) if fits(entry) else f"not {condition}")


def _told(condition: Of, fits: Callable[[Entry], bool], value: Callable[[Entry], str]) -> Check:
    return Check(
        fits,
        lambda entry: value(entry) if fits(entry) else f"{value(entry)} is not {condition.glob}",
        costly=True,
    )


def _named(condition: Named, names: Names) -> Check:
    found = names.exactly(condition.glob)
    if found is None:
        return msgspec.structs.replace(_plain(condition, names.fitting(condition.glob)), costly=True)
    known = {entry.name for entry in found}
    return msgspec.structs.replace(_plain(condition, lambda entry: entry.name in known), among=found)


def _proven(condition: Proven, proofs: Proofs) -> Check:
    states = {"alive": (Life.ANSWERS,), "gone": (Life.GONE,), "probed": tuple(Life)}[condition.state]

    def fits(entry: Entry) -> bool:
        return proofs.of(entry) in states

    return Check(
        fits, lambda entry: str(condition) if fits(entry) else f"not {condition} ({proofs.words(entry)})"
    )


def _compared(condition: Compared, proofs: Proofs) -> Check:
    read = _reading(condition, proofs)
    fits = _in_date(condition) if condition.field == "released" else _in_number(condition, read)

    def words(entry: Entry) -> str:
        value = read(entry)
        if value is None:
            return f"{_title(condition)} is not known"
        if condition.field == "released" and _vaguer(entry.released, condition.shown):
            return f"of the release date only {entry.released} is known"
        sign = f"{'' if fits(entry) else 'is not '}{condition.operator}"
        return f"{condition.field} {figure(value)}{_unit(condition)} {sign} {condition.shown}"

    return Check(fits, words)


def _in_number(condition: Compared, read: Callable[[Entry], float | str | None]) -> Callable[[Entry], bool]:
    holds, bound = _HOLDS[condition.operator], condition.bound

    def fits(entry: Entry) -> bool:
        value = read(entry)
        return value is not None and holds(value, bound)

    return fits


def _in_date(condition: Compared) -> Callable[[Entry], bool]:
    """Dates are compared as far as the one in the condition goes: in June 2025 is `released=2025-06`."""
    holds, bound = _HOLDS[condition.operator], condition.shown

    def fits(entry: Entry) -> bool:
        released = entry.released[: len(bound)]
        return not _vaguer(released, bound) and holds(released, bound[: len(released)])

    return fits


def _vaguer(date: str, bound: str) -> bool:
    """Whether a date leaves open on which side of `bound` it is."""
    return len(date) < len(bound) and bound.startswith(date)


def _reading(condition: Compared, proofs: Proofs) -> Callable[[Entry], float | str | None]:
    """How to read the field that is compared; None where it is not known."""
    match condition.field:
        case "released":
            return lambda entry: entry.released or None
        case "age":
            return lambda entry: age(entry, proofs.now)
        case field:
            return NUMBERS[field]


def _title(condition: Compared) -> str:
    return "release date" if condition.field == "released" else condition.field


def _unit(condition: Compared) -> str:
    return "d" if condition.field == "age" else ""


def _sortable(value: float | str) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (value, "")
