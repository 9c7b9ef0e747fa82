"""The values of the catalogue.

Entry ── what can be asked, with everything that is known of it, one value a field
Record ─ an entry with its claims: who says what of each field, and since when
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from panvox.errors import Fault
from panvox.protocols import Capability, Prices

LOCAL = "local"
"""The provider of the model that panvox itself runs on this machine."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that can be asked. `name` is `provider/model`, made safe to show and to type.

    - `model`: the name that the provider knows, to the letter.
    - `lineage`: models with the same one share weights; models with the same `kin` descend from one.
    - `free`: asking it costs nothing, as far as is known. Prices are USD per million tokens; `reserve` has
      the highest that anybody claims, by which money is set aside.
    - `context`, `max_output`: tokens. `released`, `retires`: ISO dates; `retires` may be "yes".
    - `strengths`: 0 to 1, by task kind ("general", "code", "math").
    """

    name: str
    provider: str
    model: str
    lineage: str
    kin: str = ""
    title: str = ""
    free: bool = False
    context: int | None = None
    max_output: int | None = None
    prices: Prices = Prices()
    reserve: Prices = Prices()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    released: str = ""
    retires: str = ""
    strengths: Mapping[str, float] = {}


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What one source says of one field. `at` is when it said so, in seconds since 1970; None if unknown.

    `source` is a word such as "settings", "probe", "list", "models.dev", "genai-prices" or "name"; `note`
    says where in the source it stands, or why it follows.
    """

    value: str | int | float | bool | tuple[str, ...]
    source: str
    at: float | None = None
    note: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its provenance.

    `claims` has for each field (`context`, `prices.input`, `capabilities.tools`, …) all that is said of it,
    the claim that holds first.
    """

    entry: Entry
    claims: Mapping[str, tuple[Claim, ...]] = {}


class Life(StrEnum):
    """What came of a probe."""

    ANSWERS = "answers"
    REFUSES = "refuses"  # the model is there, but does not answer us: access, money, quota, a filter
    GONE = "gone"  # the provider has no such model
    SILENT = "silent"  # nothing that could be read came of it: too slow, broken, unreachable


class Probe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A proof of life: a tiny real request, and what came of it.

    `at` is in seconds since 1970; `mark` is that of the address and the key that were used; `latency` and
    `first_token` are seconds; `state` is the word of the ledger; `form` is how the answer came ("exact",
    "wordy", "fenced", …); `said` quotes the provider or the answer.
    """

    model: str
    life: Life
    at: float
    mark: str = ""
    state: str = ""
    latency: float | None = None
    first_token: float | None = None
    form: str = ""
    said: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why models of a provider are missing, as a sentence; `fault` has the facts where a call failed."""

    provider: str
    message: str
    fault: Fault | None = None


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The models that were found, provider by provider, and what went wrong on the way.

    `ages` tells when each provider was asked for its list, in seconds since 1970; `marks` has for each a word
    for its address and key, which probes carry, too.
    """

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    ages: Mapping[str, float] = {}
    marks: Mapping[str, str] = {}
