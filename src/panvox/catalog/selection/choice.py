"""Selecting: which models of the catalogue a few patterns mean, and why.

    openai/gpt-5            that model
    gpt-5                   that model, at whichever provider
    openrouter/*:free       a glob, over `provider/model`; case does not matter
    !*-mini   or  -*-mini   without these
    code price<1            those that fit both
    code strongest:20       the twenty strongest of those
    @fast                   what the panel of this name selects
    a, b                    the same as a and b given one after the other

Everything that is included counts, less everything that is excluded, in whatever order they are given; with
exclusions alone it is everything less those. The order of the catalogue is kept and nothing comes twice. The
whole language is in `panvox.catalog.selection.language`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

import msgspec

from panvox.catalog.entries import Entry, Probe
from panvox.catalog.selection.conditions import Check, Proofs, bounds, check_of
from panvox.catalog.selection.language import read_terms
from panvox.catalog.selection.names import Names
from panvox.catalog.selection.pickers import Picked, needs, pick
from panvox.catalog.selection.terms import Condition, InPanel, Named, Not, Of, Picker, Term, in_turn
from panvox.errors import SelectionError

Panels = Mapping[str, Sequence[str]]

PROBES_LAST = 604_800.0  # seconds; the default of `catalogue.probe_age` in the settings

_NOTHING_FOUND = "no models were found; `panvox doctor` tells where they were looked for"
_MOST_REASONS = 3


class Explanation(msgspec.Struct, frozen=True):
    """Whether an entry is chosen, and why."""

    entry: Entry
    chosen: bool
    why: str

    def __str__(self) -> str:
        return f"{'in' if self.chosen else 'out'}: {self.why}"


def select(
    patterns: Sequence[str],
    entries: Sequence[Entry],
    *,
    panels: Panels | None = None,
    probes: Mapping[str, Probe] | None = None,
    probes_last: float = PROBES_LAST,
    now: float | None = None,
    seed: int | None = None,
    as_given: bool = False,
) -> tuple[Entry, ...]:
    """The entries that `patterns` mean; see `docs/selection.md` for the language.

    `probes` are the last ones by the names of entries, good for `probes_last` seconds; `now` is in seconds
    since 1970; `seed` decides what chance takes, anew each time if it is None. With `as_given` they come in
    the order of the patterns that add them, and only those of one pattern in that of the catalogue.

    Raises `SelectionError` with a line for each term that cannot be read or that nothing fits: the nearest
    names, what there is, or which condition left nothing over. An exclusion that nothing fits is fine: what
    it keeps out may just not be there today.
    """
    proofs = Proofs(probes or {}, time.time() if now is None else now, probes_last)
    outcome = _World(entries, panels, proofs, seed).outcome(patterns)
    if not outcome.chosen:
        raise SelectionError(outcome.shortfall(patterns))
    return tuple(outcome.as_given() if as_given else outcome.chosen)


def explain(
    patterns: Sequence[str],
    entries: Sequence[Entry],
    *,
    panels: Panels | None = None,
    probes: Mapping[str, Probe] | None = None,
    probes_last: float = PROBES_LAST,
    now: float | None = None,
    seed: int | None = None,
) -> tuple[Explanation, ...]:
    """For each entry whether `select` would choose it, and why.

    Raises `SelectionError` for what cannot be read and for names that nobody has; where conditions leave
    nothing over, unlike `select`, it tells so entry by entry.
    """
    proofs = Proofs(probes or {}, time.time() if now is None else now, probes_last)
    outcome = _World(entries, panels, proofs, seed, lenient=True).outcome(patterns)
    names = {entry.name for entry in outcome.chosen}
    return tuple(Explanation(entry, entry.name in names, outcome.words(entry)) for entry in entries)


def default_selection(entries: Sequence[Entry], *, paid_limit: int) -> tuple[Entry, ...]:
    """What is asked when nobody chose: all free models, and the others too if they are at most `paid_limit`.

    Raises `SelectionError` where they are more, since asking them all would be a bill that nobody ordered.
    """
    if not entries:
        raise SelectionError(_NOTHING_FOUND)
    paid = [entry for entry in entries if not entry.free]
    if len(paid) <= paid_limit:
        return tuple(entries)
    providers = ", ".join(dict.fromkeys(entry.provider for entry in paid))
    offered = any(entry.name.endswith(":free") for entry in entries)
    example = "*:free" if offered else f"{paid[0].provider}/*"
    raise SelectionError(
        f"{len(paid)} models at {providers} are available and asking all may cost money: "
        f"choose with --models '{example}', or '*' for all"
    )


class _World:
    """What a selection is made from."""

    def __init__(
        self,
        entries: Sequence[Entry],
        panels: Panels | None,
        proofs: Proofs,
        seed: int | None,
        *,
        lenient: bool = False,
    ) -> None:
        if not entries:
            raise SelectionError(_NOTHING_FOUND)
        self.entries, self.proofs, self.lenient = entries, proofs, lenient
        self.names = Names(entries)
        self._panels = panels or {}
        self._seed = int.from_bytes(os.urandom(8), "big") if seed is None else seed
        self._outcomes: dict[str, _Outcome] = {}

    def outcome(self, patterns: Sequence[str], outer: tuple[str, ...] = ()) -> _Outcome:
        """What comes of `patterns`; `outer` are the panels that these are part of."""
        adding: list[_Adding] = []
        exclusions: list[Check] = []
        pickers: list[Picker] = []
        problems: list[str] = []
        for term in read_terms(patterns):
            try:
                if isinstance(term, SelectionError):
                    raise term
                checks = [self._check(condition, outer) for condition in term.conditions]
                if term.adds:
                    adding.append(_Adding(term, checks, self))
                else:
                    exclusions += checks
                    pickers += term.pickers
            except SelectionError as error:
                problems.append(str(error))
        if problems:
            raise SelectionError("\n".join(problems))
        return _Outcome(adding, exclusions, in_turn(pickers), self)

    def picked(self, pickers: Sequence[Picker], entries: Sequence[Entry]) -> list[Picked]:
        """What each of `pickers` takes of what the one before it left."""
        stages: list[Picked] = []
        for picker in pickers:
            stages.append(pick(picker, stages[-1].taken if stages else entries, self.proofs, self._seed))
        return stages

    def _check(self, condition: Condition, outer: tuple[str, ...]) -> Check:
        if isinstance(condition, Not):
            return _opposite(condition, self._check(condition.condition, outer))
        if isinstance(condition, InPanel):
            return self._panel(condition, outer)
        return check_of(condition, self.names, self.proofs)

    def _panel(self, condition: InPanel, outer: tuple[str, ...]) -> Check:
        panel = condition.panel
        if panel in outer:
            raise SelectionError(f"the panel @{panel} contains itself: @{' → @'.join((*outer, panel))}")
        if panel not in self._panels:
            there = (
                f"there are @{', @'.join(self._panels)}" if self._panels else "there are none in the settings"
            )
            raise SelectionError(f"there is no panel @{panel}; {there}")
        if panel not in self._outcomes:
            try:
                self._outcomes[panel] = self.outcome(self._panels[panel], (*outer, panel))
            except SelectionError as error:
                lines = str(error).splitlines()
                raise SelectionError("\n".join(f"in the panel @{panel}: {line}" for line in lines)) from None
        outcome = self._outcomes[panel]
        names = {entry.name for entry in outcome.chosen}

        def words(entry: Entry) -> str:
            return f"{'' if entry.name in names else 'not '}{condition} ({outcome.words(entry)})"

        return Check(lambda entry: entry.name in names, words, among=outcome.chosen)


class _Adding:
    """A term that adds models, and those that it adds."""

    def __init__(self, term: Term, checks: Sequence[Check], world: _World) -> None:
        self._checks = checks
        fitting = self._fitting(world.entries)
        self._stages = world.picked(term.pickers, fitting)
        self.names = {entry.name for entry in (self._stages[-1].taken if self._stages else fitting)}
        if not self.names:
            self._complain(term, world, fitting)

    def words(self, entry: Entry) -> str:
        """Why the term adds an entry, or why not."""
        if missed := next((check for check in self._checks if not check.fits(entry)), None):
            return missed.words(entry)
        return _joined([check.words(entry) for check in self._checks], self._stages, entry)

    def _fitting(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        left = min(
            (check.among for check in self._checks if check.among is not None), key=len, default=entries
        )
        for check in sorted(self._checks, key=lambda check: check.costly):
            left = list(filter(check.fits, left))
        return left

    def _complain(self, term: Term, world: _World, fitting: Sequence[Entry]) -> None:
        unknown = [
            world.names.complaint(condition)
            for condition, check in zip(term.conditions, self._checks, strict=True)
            if isinstance(condition, Named | Of) and not any(map(check.fits, world.entries))
        ]
        single = len(term.conditions) == 1
        if unknown:
            raise SelectionError("\n".join(line if single else f"in '{term}': {line}" for line in unknown))
        if world.lenient:
            return
        if fitting:
            raise SelectionError(
                f"nothing fits '{term}': {_unpicked(term.pickers, self._stages, len(fitting))}"
            )
        raise SelectionError(self._emptied(term, world))

    def _emptied(self, term: Term, world: _World) -> str:
        """Which condition left nothing over."""
        left, before = world.entries, Term()
        for condition, check in zip(term.conditions, self._checks, strict=True):
            kept = list(filter(check.fits, left))
            if not kept:
                hint = bounds(condition, left, world.proofs)
                if not before.conditions:
                    return f"no model fits '{condition}'{hint}"
                return (
                    f"nothing fits '{term}': {_fit(len(left))} '{before}', but none also '{condition}'{hint}"
                )
            left, before = kept, Term((*before.conditions, condition))
        return f"nothing fits '{term}'"


class _Outcome:
    """What the terms choose together."""

    def __init__(
        self,
        adding: Sequence[_Adding],
        exclusions: Sequence[Check],
        pickers: Sequence[Picker],
        world: _World,
    ) -> None:
        self._adding, self._exclusions, self._pickers = adding, exclusions, pickers
        names = set().union(*(term.names for term in adding))
        self._left = [entry for entry in world.entries if entry.name in names] if adding else world.entries
        for check in exclusions:
            self._left = list(filter(check.fits, self._left))
        self._stages = world.picked(pickers, self._left)
        self.chosen = self._stages[-1].taken if self._stages else self._left

    def as_given(self) -> list[Entry]:
        """The chosen ones in the order of the terms that add them."""
        places = {name: place for place, term in reversed([*enumerate(self._adding)]) for name in term.names}
        return sorted(self.chosen, key=lambda entry: places.get(entry.name, 0))

    def words(self, entry: Entry) -> str:
        """Why an entry is chosen, or why not."""
        taker = next((term for term in self._adding if entry.name in term.names), None)
        if self._adding and not taker:
            return self._untaken(entry)
        if excluder := next((check for check in self._exclusions if not check.fits(entry)), None):
            return excluder.words(entry)
        reasons = [taker.words(entry)] if taker else ["not excluded"] if self._exclusions else []
        return _joined(reasons, self._stages, entry)

    def shortfall(self, patterns: Sequence[str]) -> str:
        """Why nothing is chosen."""
        if self._left:
            reason = _unpicked(self._pickers, self._stages, len(self._left))
            return f"nothing is left of {', '.join(patterns)}: {reason}"
        return f"all models of {', '.join(patterns)} are excluded again; '*' means every model"

    def _untaken(self, entry: Entry) -> str:
        reasons = dict.fromkeys(term.words(entry) for term in self._adding[:_MOST_REASONS])
        more = len(self._adding) - _MOST_REASONS
        return "; ".join([*reasons, *([f"nor does it fit {more} more terms"] if more > 0 else [])])


def _opposite(condition: Not, check: Check) -> Check:
    def words(entry: Entry) -> str:
        told = check.words(entry)
        if not check.fits(entry):
            return told
        detail = "" if told == str(condition.condition) else f" ({told})"
        return f"excluded by {condition}{detail}"

    return Check(lambda entry: not check.fits(entry), words, costly=check.costly)


def _joined(reasons: Sequence[str], stages: Sequence[Picked], entry: Entry) -> str:
    """The reasons and what each picker says; where one did not take the entry, that alone."""
    said: list[str] = []
    for stage in stages:
        if entry.name not in stage.names:
            return stage.words(entry)
        said.append(stage.words(entry))
    return ", ".join([*reasons, *said])


def _unpicked(pickers: Sequence[Picker], stages: Sequence[Picked], count: int) -> str:
    """Why `pickers` took none of `count` entries."""
    idle = next(picker for picker, stage in zip(pickers, stages, strict=True) if not stage.taken)
    return f"{_fit(count)} before {idle}, but the {needs(idle)} of none is known"


def _fit(count: int) -> str:
    return "1 model fits" if count == 1 else f"{count:,} models fit"
