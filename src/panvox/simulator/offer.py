"""What a provider offers and what it tells of it, in nobody's spelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

LISTED_SINCE = 1_700_000_000
"""When models were released that tell nothing else, in unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per million tokens. `variable` where they depend on which model answers in the end."""

    prompt: Decimal
    completion: Decimal
    cached: Decimal | None = None
    variable: bool = False

    @property
    def free(self) -> bool:
        """Whether it costs nothing."""
        return not self.variable and self.prompt == self.completion == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a model, of which each provider tells what its kind of list has room for.

    - `max_output`: tokens of an answer at most.
    - `capabilities`: of `tools`, `reasoning`, `json` and `code`.
    - `kind`: `chat`, `embedding`, `image`, `moderation` …
    - `weights`: what is behind the name, as `author/name`; `parameters` of them.
    - `expires`: the day on which it will be gone, such as `2027-01-31`.
    - `alias_of`: the model that answers in its place.
    """

    title: str = ""
    max_output: int | None = None
    prices: Prices | None = None
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    capabilities: tuple[str, ...] = ()
    kind: str = "chat"
    weights: str = ""
    parameters: int = 8_000_000_000
    created: int = LISTED_SINCE
    expires: str | None = None
    alias_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as it is listed; `context` is in tokens."""

    id: str
    context: int
    facts: Facts

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.facts.title or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Everything that a provider offers, best found by `models`.

    `page_size` is how many models a page of the list holds that asks for no number; None leaves it to the
    dialect. `loaded` are the models that were asked before; `now` is in unix seconds.
    """

    provider: str
    models: Mapping[str, Listed]
    now: float
    page_size: int | None = None
    loaded: tuple[str, ...] = ()
