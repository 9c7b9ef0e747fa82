"""Which of the entries that are offered to them the pickers of the selection language take, and why."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import msgspec

from panvox.catalog.entries import Entry, Life
from panvox.catalog.selection.conditions import NUMBERS, Proofs, figure, price
from panvox.catalog.selection.terms import Cheapest, Drawn, OneVoice, Picker, Strongest


class Picked(msgspec.Struct, frozen=True):
    """What a picker took, in the order of the catalogue; `words` tells why an entry was taken, or why not."""

    taken: Sequence[Entry]
    names: frozenset[str]
    words: Callable[[Entry], str]


def pick(picker: Picker, entries: Sequence[Entry], proofs: Proofs, seed: int) -> Picked:
    """What `picker` takes of `entries`; `seed` is for chance where the picker has none of its own."""
    match picker:
        case OneVoice():
            return _one_voice(entries, proofs)
        case Strongest(count=count):
            return _best(entries, count, "strongest", needs(picker))
        case Cheapest(count=count):
            return _best(entries, count, "cheapest", needs(picker))
        case Drawn(count=count):
            return _drawn(entries, count, seed if picker.seed is None else picker.seed)


def needs(picker: Picker) -> str:
    """What must be known of an entry for `picker` to take it."""
    match picker:
        case Strongest(task="general"):
            return "strength"
        case Strongest(task=task):
            return f"strength.{task}"
        case Cheapest():
            return "price"
        case OneVoice() | Drawn():
            return ""


def _one_voice(entries: Sequence[Entry], proofs: Proofs) -> Picked:
    best: dict[str, tuple[tuple[float, ...], Entry]] = {}
    for entry in entries:
        rank = _rank(entry, proofs)
        held = best.get(entry.lineage or entry.name)
        if held is None or rank < held[0]:
            best[entry.lineage or entry.name] = (rank, entry)
    names = frozenset(entry.name for _, entry in best.values())

    def words(entry: Entry) -> str:
        if entry.name in names:
            return f"for its lineage {entry.lineage}"
        return f"another offer of its lineage was taken: {best[entry.lineage][1].name}"

    return Picked([entry for entry in entries if entry.name in names], names, words)


def _rank(entry: Entry, proofs: Proofs) -> tuple[float, ...]:
    """The less, the better an offer: alive, then free, then cheap; what failed its probe comes last."""
    life, cost = proofs.of(entry), price(entry)
    alive = 0 if life is Life.ANSWERS else 1 if life is None else 2
    return alive, not entry.free, float("inf") if cost is None else cost


def _best(entries: Sequence[Entry], count: int, kind: str, field: str) -> Picked:
    """The first by a field; what is equal keeps the order of the catalogue, what is unknown is not taken."""
    read, sign = NUMBERS[field], 1 if kind == "cheapest" else -1
    known = [(sign * value, at) for at, entry in enumerate(entries) if (value := read(entry)) is not None]
    first = heapq.nsmallest(count, known)
    taken = [entries[at] for at in sorted(at for _, at in first)]
    names = frozenset(entry.name for entry in taken)

    def words(entry: Entry) -> str:
        value = read(entry)
        if value is None:
            return f"{field} is not known, so it is not among the {count} {kind}"
        if entry.name in names:
            return f"among the {count} {kind} ({field} {figure(value)})"
        last = f"the {_ordinal(count)} has {figure(abs(first[-1][0]))}"
        return f"not among the {count} {kind} ({field} {figure(value)}; {last})"

    return Picked(taken, names, words)


def _drawn(entries: Sequence[Entry], count: int, seed: int) -> Picked:
    """Each entry draws a lot from the seed and its name, so that a new model hardly changes who is taken."""
    from hashlib import blake2b  # noqa: PLC0415 - only chance pays for loading OpenSSL

    def lot(at: int) -> bytes:
        return blake2b(f"{seed} {entries[at].name}".encode(errors="replace"), digest_size=8).digest()

    taken = [entries[at] for at in sorted(heapq.nsmallest(count, range(len(entries)), key=lot))]
    names = frozenset(entry.name for entry in taken)

    def words(entry: Entry) -> str:
        return f"{'' if entry.name in names else 'not '}among the {count} that chance took"

    return Picked(taken, names, words)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
