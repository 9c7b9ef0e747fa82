"""The selection language: which models of the catalogue a few patterns mean.

    openai/gpt-5            that model
    gpt-5                   that model, at whichever provider
    openrouter/*:free       a glob, over `provider/model`; case does not matter
    !*-mini   or  -*-mini   without these
    @fast                   what the panel of this name selects
    a, b                    the same as a and b given one after the other

Everything that is included counts, less everything that is excluded, in whatever order they are given; with
exclusions alone it is everything less those. The order of the catalogue is kept and nothing comes twice.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate
from typing import Never

from panvox.catalog.entries import Entry
from panvox.errors import SelectionError

Panels = Mapping[str, Sequence[str]]

_NOTHING_FOUND = "no models were found; `panvox doctor` tells where they were looked for"


def select(
    patterns: Sequence[str], entries: Sequence[Entry], *, panels: Panels | None = None
) -> tuple[Entry, ...]:
    """The entries that `patterns` mean; see the module for the language.

    Raises `SelectionError` with a line for each pattern that nothing fits: the nearest names, or what there
    is. An exclusion that nothing fits is fine: what it keeps out may just not be there today.
    """
    if not entries:
        raise SelectionError(_NOTHING_FOUND)
    chosen = _Selection(entries, panels or {}).names(patterns, ())
    if not chosen:
        raise SelectionError(f"all models of {', '.join(patterns)} are excluded again; '*' means every model")
    return tuple(entry for entry in entries if entry.name in chosen)


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


class _Selection:
    """The names that patterns mean among `entries`."""

    def __init__(self, entries: Sequence[Entry], panels: Panels) -> None:
        self._panels = panels
        self._providers = Counter(entry.provider for entry in entries)
        # A pattern without a slash is tried on the model alone too, with and without its author.
        self._forms: dict[str, tuple[str, str, str]] = {
            entry.name: (entry.name, entry.model, entry.model.rpartition("/")[2]) for entry in entries
        }
        self._whole: defaultdict[str, set[str]] = defaultdict(set)
        self._any: defaultdict[str, set[str]] = defaultdict(set)
        for name, forms in self._forms.items():
            self._whole[name.casefold()].add(name)
            for form in forms:
                self._any[form.casefold()].add(name)

    def names(self, patterns: Sequence[str], outer: tuple[str, ...]) -> set[str]:
        """The names for `patterns`; `outer` are the panels that these are part of."""
        included: list[set[str]] = []
        excluded: set[str] = set()
        problems: list[str] = []
        for term in _terms(patterns):
            try:
                if term[0] in "!-":
                    excluded |= self._matching(term[1:].strip(), outer)
                else:
                    included.append(self._matching(term, outer) or self._complain(term))
            except SelectionError as error:
                problems.append(str(error))
        if problems:
            raise SelectionError("\n".join(problems))
        return (set().union(*included) if included else set(self._forms)) - excluded

    def _matching(self, term: str, outer: tuple[str, ...]) -> set[str]:
        if term.startswith("@"):
            return self._panel(term[1:], outer)
        whole = "/" in term
        found = (self._whole if whole else self._any).get(term.casefold(), set())
        if found or not re.search(r"[*?[]", term):
            return found
        fits = re.compile(translate(term), re.IGNORECASE).match
        tried = slice(1) if whole else slice(None)
        return {name for name, forms in self._forms.items() if any(map(fits, forms[tried]))}

    def _panel(self, panel: str, outer: tuple[str, ...]) -> set[str]:
        if panel in outer:
            raise SelectionError(f"the panel @{panel} contains itself: @{' → @'.join((*outer, panel))}")
        if panel not in self._panels:
            known = (
                f"there are @{', @'.join(self._panels)}" if self._panels else "there are none in the settings"
            )
            raise SelectionError(f"there is no panel @{panel}; {known}")
        try:
            return self.names(self._panels[panel], (*outer, panel))
        except SelectionError as error:
            lines = str(error).splitlines()
            raise SelectionError("\n".join(f"in the panel @{panel}: {line}" for line in lines)) from None

    def _complain(self, term: str) -> Never:
        if count := self._providers.get(term):
            raise SelectionError(f"{term!r} is a provider: write '{term}/*' for all of its {count} models")
        if near := self._nearest(term):
            raise SelectionError(f"there is no model {term!r}; nearest: {', '.join(near)}")
        largest = self._providers.most_common(8)
        more = f" and {len(self._providers) - 8} more providers" if len(self._providers) > 8 else ""
        there = ", ".join(f"{provider} ({count})" for provider, count in largest)
        raise SelectionError(f"no model fits {term!r}; there are {there}{more}")

    def _nearest(self, term: str) -> list[str]:
        """Up to three names like `term`, whether it is meant as the whole name or as the model alone."""
        near = get_close_matches(term.casefold(), self._any, n=6, cutoff=0.7)
        names = [
            name for form in near for name in sorted(self._any[form], key=lambda name: (len(name), name))
        ]
        return list(dict.fromkeys(names))[:3]


def _terms(patterns: Sequence[str]) -> list[str]:
    terms = [term.strip() for pattern in patterns for term in pattern.split(",") if term.strip()]
    if not terms:
        raise SelectionError("no models were selected; '*' means all")
    if empty := next((term for term in terms if term in ("!", "-")), None):
        raise SelectionError(f"{empty!r} does not say what to leave out; write '!openai/*'")
    return terms
