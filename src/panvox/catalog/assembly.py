"""From offers to the catalogue: a record for each model, a sentence for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from panvox.catalog.discovery import Offer
from panvox.catalog.entries import Catalogue, Problem, Record
from panvox.catalog.merge import Merging
from panvox.catalog.sources import Source

_LONGEST_NAME = 200


class Assembled(msgspec.Struct, frozen=True, kw_only=True):
    """All records, provider by provider, and all problems; `ages` and `marks` as in the catalogue."""

    records: tuple[Record, ...] = ()
    problems: tuple[Problem, ...] = ()
    ages: Mapping[str, float] = {}
    marks: Mapping[str, str] = {}

    @property
    def catalogue(self) -> Catalogue:
        """The entries, without their provenance."""
        return Catalogue(
            entries=tuple(record.entry for record in self.records),
            problems=self.problems,
            ages=self.ages,
            marks=self.marks,
        )


def assemble(offers: Iterable[tuple[Source, Offer]], merging: Merging) -> Assembled:
    """The records of all offers, in their order."""
    records: list[Record] = []
    problems: list[Problem] = []
    for source, offer in offers:
        found, wrong = _records(source, offer, merging)
        records += found.values()
        if offer.problem is not None:
            problems.append(_with_age(offer))
        elif wrong:
            problems.append(Problem(provider=source.provider, message=f"{source.provider}: {wrong}"))
    return Assembled(records=tuple(records), problems=tuple(problems))


def _records(source: Source, offer: Offer, merging: Merging) -> tuple[Mapping[str, Record], str]:
    """The records by name, and what is wrong with the list."""
    chat = [listing for listing in offer.listings if listing.kind == "chat"]
    usable = [listing for listing in chat if _usable(listing.id)]
    named: dict[str, Record] = {}
    defects: list[str] = []
    for listing in usable:
        try:
            record = merging.record(source, listing, at=None if source.models else offer.at)
        except Exception as error:  # noqa: BLE001 - one bad item never drops a list
            defects.append(f"{type(error).__name__}: {error}")
        else:
            named.setdefault(record.entry.name, record)
    if dropped := len(chat) - len(usable):
        return named, (
            f"{dropped} models left out: their names are too long or hold what a terminal would obey"
        )
    if defects:
        return named, f"{len(defects)} models left out by a defect in panvox, please report it: {defects[0]}"
    if not named and not source.guessed:
        return named, f"the list at {source.vendor.base_url} names no chat model"
    return named, ""


def _with_age(offer: Offer) -> Problem:
    """The problem of an offer; where an earlier list is used instead, it says so."""
    assert offer.problem is not None  # noqa: S101 - asked for only then
    message = offer.problem.message
    said = f"{offer.provider}: no models, since "
    if offer.listings and message.startswith(said):
        message = f"{offer.provider}: its last list is used, since {message.removeprefix(said)}"
    return msgspec.structs.replace(offer.problem, message=message)


def _usable(model: str) -> bool:
    """Whether a name may be shown and sent: names come from outside, and a terminal obeys escapes in them."""
    return bool(model.strip()) and len(model) <= _LONGEST_NAME and model.isprintable()
