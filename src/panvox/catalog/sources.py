"""Where models may be found: what the settings name, or else what the environment suggests."""

from __future__ import annotations

from hashlib import blake2b
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from panvox.protocols import Quirks
from panvox.settings import VENDORS, Provider, Settings, Vendor
from panvox.settings.hosts import is_this_machine


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as this user has it; `vendor` is its row with what the settings change.

    Variables that the environment has are put into its addresses; those that it lacks are left in them.

    `free` is None where its models tell; `guessed` marks a server on this machine that nobody named, and
    whose absence therefore is no problem.
    """

    provider: str
    vendor: Vendor
    key: SecretStr | None = None
    models: tuple[str, ...] = ()
    free: bool | None = None
    guessed: bool = False

    @property
    def missing(self) -> str:
        """What the environment lacks so that it cannot be asked, as a sentence; empty if nothing."""
        row = self.vendor
        names = [*row.variables]
        if row.key_needed and self.key is None:
            names.append(" or ".join(row.key_env))
        if len(names) > 1:
            return f"the environment variables {' and '.join(names)} are not set"
        return f"the environment variable {names[0]} is not set" if names else ""

    @property
    def mark(self) -> str:
        """A word for the address, the dialect and the key: what is known of one is not known of another."""
        vendor = self.vendor
        told = (vendor.base_url, vendor.list_url, vendor.dialect, self.plain_key or "", *self.models)
        return blake2b("\0".join(told).encode(), digest_size=8).hexdigest()

    @property
    def plain_key(self) -> str | None:
        """The key itself, for the moment in which a request is made."""
        return self.key.get_secret_value() if self.key else None


def sources(settings: Settings) -> tuple[Source, ...]:
    """The providers of the settings; without any, vendors whose key is there and servers on this machine."""
    if settings.providers:
        return tuple(_configured(provider, settings) for provider in settings.providers)
    rows = (row for row in VENDORS.values() if row.implied and row.unless not in settings.variables)
    found = (_implied(row, settings) for row in rows)
    return tuple(source for source in found if source.guessed or (source.key and not source.missing))


def _implied(row: Vendor, settings: Settings) -> Source:
    return Source(
        provider=row.id,
        vendor=_placed(row, settings),
        key=settings.key(*row.key_env),
        models=row.models,
        guessed=row.loopback,
    )


def _configured(provider: Provider, settings: Settings) -> Source:
    row = provider.row or Vendor(provider.id, provider.id, "", key_needed=False, zero_is_free=False)
    if provider.base_url:
        row = msgspec.structs.replace(row, base_url=provider.base_url, list_url="")
    if provider.dialect and provider.dialect != row.dialect:
        row = msgspec.structs.replace(row, dialect=provider.dialect, quirks=Quirks())
    if provider.key_env:
        row = msgspec.structs.replace(row, key_env=(provider.key_env,), key_needed=True)
    return Source(
        provider=provider.id,
        vendor=_placed(row, settings),
        key=settings.key(*row.key_env),
        models=provider.models or row.models,
        free=provider.free,
    )


def _placed(row: Vendor, settings: Settings) -> Vendor:
    """The row at the addresses that it has for this user."""
    placed = row.at(settings.variables)
    return msgspec.structs.replace(placed, loopback=is_this_machine(_host(placed.base_url)))


def _host(url: str) -> str:
    """The host of an address; empty where it cannot be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
