"""What names and globs mean among the entries of a catalogue, and what is near to one that means nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from functools import cache, cached_property

from panvox.catalog.entries import Entry
from panvox.catalog.selection.language import nearest
from panvox.catalog.selection.terms import FIELDS, WORDS, Attribute, Compared, Named, Of

_GLOB = re.compile(r"[*?[]")


class Names:
    """The names of `entries`; what looking one up needs is made when it is first needed."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def exactly(self, name: str) -> Sequence[Entry] | None:
        """The entries that `name` means to the letter; None where it is a glob that is nobody's name."""
        lower = name.casefold()
        if not _GLOB.search(name):
            return (self._whole if "/" in name else self._any).get(lower, ())
        forms = slice(1) if "/" in name else slice(None)
        return [entry for entry in self._odd if lower in map(str.casefold, _forms(entry)[forms])] or None

    def fitting(self, glob: str) -> Callable[[Entry], bool]:
        """Whether the name of an entry fits; a glob without a slash is tried on the model alone too."""
        fits = re.compile(translate(glob), re.IGNORECASE).match
        if "/" in glob:
            return lambda entry: fits(entry.name) is not None
        if glob.startswith("*"):  # the end of a name cannot fit without the name

            def ends(entry: Entry) -> bool:
                whole = entry.name.endswith(entry.model)
                return fits(entry.name) is not None or (not whole and any(map(fits, _forms(entry)[1:])))

            return ends
        return lambda entry: any(map(fits, _forms(entry)))

    def complaint(self, condition: Named | Of) -> str:
        """That nothing fits, and what is near or what there is."""
        if isinstance(condition, Of):
            return self._no_such(condition)
        name = condition.glob
        if count := self._providers.get(name):
            return f"{name!r} is a provider: write '{name}/*' for all of its {count} models"
        if hint := _misread(name):
            return f"there is no model {name!r}; {hint}"
        near = self._nearest(name)
        word = nearest(name, WORDS) if re.fullmatch(r"[\w-]+", name) else ""
        if near:
            return f"there is no model {name!r}; nearest: {', '.join(near)}{f', or {word}' if word else ''}"
        if word:
            return f"there is no model {name!r}; did you mean {word}?"
        return f"no model fits {name!r}; there are {_listed(self._providers, 'providers')}"

    def _no_such(self, condition: Of) -> str:
        there = Counter(word_of(condition.attribute)(entry) for entry in self._entries)
        near = nearest(condition.glob, {word.casefold() for word in there})
        known = f"did you mean {condition.attribute}:{near}?" if near else ""
        plural = "providers" if condition.attribute == "provider" else "others"
        return f"no model fits '{condition}'; {known or f'there are {_listed(there, plural)}'}"

    def _nearest(self, name: str) -> list[str]:
        """Up to three names like `name`, whether it is meant as the whole name or as the model alone."""
        from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for loading it

        near = get_close_matches(name.casefold(), self._any, n=6, cutoff=0.7)
        names = [
            entry.name
            for form in near
            for entry in sorted(self._any[form], key=lambda entry: (len(entry.name), entry.name))
        ]
        return list(dict.fromkeys(names))[:3]

    @cached_property
    def _providers(self) -> Counter[str]:
        return Counter(entry.provider for entry in self._entries)

    @cached_property
    def _whole(self) -> dict[str, list[Entry]]:
        return _table((entry.name.casefold(), entry) for entry in self._entries)

    @cached_property
    def _any(self) -> dict[str, list[Entry]]:
        return _table(
            (form, entry) for entry in self._entries for form in set(map(str.casefold, _forms(entry)))
        )

    @cached_property
    def _odd(self) -> list[Entry]:
        """The entries whose names look like globs."""
        return [
            entry
            for entry in self._entries
            if "*" in (names := entry.name + entry.model) or "?" in names or "[" in names
        ]


def globbed(glob: str) -> Callable[[str], bool]:
    """Whether a word fits `glob`; case does not matter, and a word fits itself whatever it holds."""
    lower = glob.casefold()
    if not _GLOB.search(glob):
        return lambda word: word.casefold() == lower
    fits = re.compile(translate(lower)).match
    return cache(lambda word: word.casefold() == lower or fits(word.casefold()) is not None)


def word_of(attribute: Attribute) -> Callable[[Entry], str]:
    """How to read the attribute; what has no kin is its own."""
    match attribute:
        case "provider":
            return lambda entry: entry.provider
        case "lineage":
            return lambda entry: entry.lineage
        case "kin":
            return lambda entry: entry.kin or entry.lineage


def _forms(entry: Entry) -> tuple[str, str, str]:
    """The name, the model alone, and the model without its author."""
    return entry.name, entry.model, entry.model.rpartition("/")[2]


def _table(pairs: Iterable[tuple[str, Entry]]) -> dict[str, list[Entry]]:
    table: defaultdict[str, list[Entry]] = defaultdict(list)
    for form, entry in pairs:
        table[form].append(entry)
    return dict(table)


def _listed(counts: Counter[str], plural: str) -> str:
    """The largest, with how many models each has."""
    there = ", ".join(f"{word} ({count})" for word, count in counts.most_common(8))
    return f"{there} and {len(counts) - 8} more {plural}" if len(counts) > 8 else there


def _misread(name: str) -> str:
    """What may have been meant by a name that looks like another condition."""
    head, colon, rest = name.partition(":")
    if head.casefold() in FIELDS:
        example = Compared(FIELDS[head.casefold()], "<", 0, rest if colon and rest else "…")
        return f"to compare, write for example {example}"
    words = ("provider", "capability", "lineage", "kin", "name", "strongest", "cheapest", "random")
    prefix = nearest(head, words) if colon and rest else ""
    return f"did you mean {prefix}:{rest}?" if prefix else ""
