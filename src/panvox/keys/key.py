"""One key as a value, and what its date means."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

import msgspec
from pydantic import SecretStr

WARNED_AHEAD = 14
"""Days before a key expires from which that is told."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was found. `label` is what people call it; `expires` is its last day, by UTC.

    The keys of one `account` share its limits, its quotas and its money. Those with the lowest `priority`
    number are used first, a `backup` only when no other can be.
    """

    label: str
    secret: SecretStr
    account: str = "main"
    priority: int = 0
    backup: bool = False
    expires: date | None = None

    @property
    def rank(self) -> tuple[bool, int]:
        """The lower, the sooner it is used."""
        return self.backup, self.priority

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and self.expires < today

    def days_left(self, today: date) -> int | None:
        """Days until its last one, which is 0; None for a key without a date."""
        return None if self.expires is None else (self.expires - today).days


def utc_now() -> datetime:
    """What days are counted by."""
    return datetime.now(UTC)


def first_usable(keys: Iterable[Key], today: date) -> Key | None:
    """The key to ask with where one has to do: the first by rank that has not expired."""
    return min((key for key in keys if not key.expired(today)), key=lambda key: key.rank, default=None)


def expiry_warnings(provider: str, keys: Iterable[Key], today: date) -> tuple[str, ...]:
    """A sentence for each key that has expired, or soon will."""
    return tuple(filter(None, (_expiry_warning(provider, key, today) for key in keys)))


def _expiry_warning(provider: str, key: Key, today: date) -> str:
    left = key.days_left(today)
    if left is None or left > WARNED_AHEAD:
        return ""
    said = f"the key {key.label} of {provider}"
    advice = "get a new one from the provider, and change its date in the settings"
    if left < 0:
        return f"{said} expired on {key.expires} and is not used; {advice}"
    when = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days, on {key.expires}"
    return f"{said} expires {when}; {advice}"
