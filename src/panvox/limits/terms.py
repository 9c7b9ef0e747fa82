"""What is allowed, field by field: said here, left open there, and laid over what others said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from panvox.protocols import Limits, Unit, Window

UNITS: tuple[Unit, ...] = get_args(Unit)

Field = Literal["requests", "tokens", "input_tokens", "output_tokens", "slots", "spacing", "loaded"]
"""What can be said of a limit by itself."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of which each field may be left open (None); empty windows say that there is no limit."""

    requests: tuple[Window, ...] | None = None
    tokens: tuple[Window, ...] | None = None
    input_tokens: tuple[Window, ...] | None = None
    output_tokens: tuple[Window, ...] | None = None
    slots: int | None = None
    spacing: float | None = None
    loaded: int | None = None

    @property
    def said(self) -> frozenset[Field]:
        """The fields that are not left open."""
        return frozenset(name for name in get_args(Field) if getattr(self, name) is not None)

    def over(self, below: Terms) -> Terms:
        """These, with what they leave open as `below` has it."""
        return msgspec.structs.replace(below, **{name: getattr(self, name) for name in self.said})

    def without(self, fields: Iterable[Field]) -> Terms:
        """These, with `fields` left open."""
        return msgspec.structs.replace(self, **dict.fromkeys(fields))

    @property
    def limits(self) -> Limits:
        """The limits that they are; what is left open is not limited."""
        return Limits(
            windows=tuple(window for unit in UNITS for window in getattr(self, unit) or ()),
            slots=self.slots,
            spacing=self.spacing or 0.0,
            loaded=self.loaded,
        )


NOTHING = Terms()
"""All is left open."""
