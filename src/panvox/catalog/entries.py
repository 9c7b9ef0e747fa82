"""The values of the catalogue."""

from __future__ import annotations

import msgspec

from panvox.errors import Fault
from panvox.protocols import Listing


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked. `name` is `provider/model`, made safe to show and to type.

    `model` is the name that the provider knows, to the letter; models of one `lineage` share weights;
    `free` tells that asking it costs nothing, as far as is known; `listing` is what the provider says of it.
    """

    name: str
    provider: str
    model: str
    lineage: str
    free: bool = False
    listing: Listing | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why models of a provider are missing, as a sentence; `fault` has the facts where a call failed."""

    provider: str
    message: str
    fault: Fault | None = None


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The models that were found, provider by provider, and what went wrong on the way."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
