"""Where models may be found: what the settings name, or else what the environment suggests."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from panvox.protocols import Quirks
from panvox.settings import VENDORS, Provider, Settings, Vendor
from panvox.settings.hosts import is_this_machine


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as this user has it; `vendor` is its row with what the settings change.

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
        if self.vendor.key_needed and self.key is None:
            return f"the environment variable {' or '.join(self.vendor.key_env)} is not set"
        return ""

    @property
    def plain_key(self) -> str | None:
        """The key itself, for the moment in which a request is made."""
        return self.key.get_secret_value() if self.key else None


def sources(settings: Settings) -> tuple[Source, ...]:
    """The providers of the settings; without any, vendors whose key is there and servers on this machine."""
    if settings.providers:
        return tuple(_configured(provider, settings) for provider in settings.providers)
    return tuple(
        Source(
            provider=row.id,
            vendor=row,
            key=settings.key(*row.key_env),
            models=row.models,
            guessed=row.loopback,
        )
        for row in VENDORS.values()
        if row.implied and (row.loopback or settings.key(*row.key_env))
    )


def _configured(provider: Provider, settings: Settings) -> Source:
    row = provider.row or Vendor(provider.id, provider.id, "", key_needed=False)
    if provider.base_url:
        row = msgspec.structs.replace(row, base_url=provider.base_url, list_url="")
    if provider.dialect and provider.dialect != row.dialect:
        row = msgspec.structs.replace(row, dialect=provider.dialect, quirks=Quirks())
    if provider.key_env:
        row = msgspec.structs.replace(row, key_env=(provider.key_env,), key_needed=True)
    return Source(
        provider=provider.id,
        vendor=msgspec.structs.replace(row, loopback=is_this_machine(urlsplit(row.base_url).hostname or "")),
        key=settings.key(*row.key_env),
        models=provider.models or row.models,
        free=provider.free,
    )
