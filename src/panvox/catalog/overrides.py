"""What the settings know of models, as claims: they win over every other source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import translate

from panvox.catalog.entries import Claim
from panvox.settings.schema import ModelFacts

_FIELDS = {
    "price_in": "prices.input",
    "price_out": "prices.output",
    "price_cached": "prices.cached",
    "price_reasoning": "prices.reasoning",
    "price_request": "prices.request",
    "strength": "strength.general",
    "strength_code": "strength.code",
    "strength_math": "strength.math",
}
"""What settings call otherwise than records."""


class Overrides:
    """The table `[models."NAME"]` of the settings."""

    def __init__(self, models: Mapping[str, ModelFacts]) -> None:
        self._rows = [
            (re.compile(translate(pattern), re.IGNORECASE).match, _claims(pattern, facts))
            for pattern, facts in models.items()
        ]

    def claims(self, name: str) -> dict[str, Claim]:
        """What is said of the entry called `name`, by field; later rows win."""
        found: dict[str, Claim] = {}
        for fits, claims in self._rows:
            if fits(name):
                found |= claims
        return found


def _claims(pattern: str, facts: ModelFacts) -> dict[str, Claim]:
    said = facts.model_dump(exclude_none=True, exclude={"limits"})
    return {
        _FIELDS.get(field, field): Claim(value, "settings", None, f'models."{pattern}".{field}')
        for field, value in said.items()
    }
