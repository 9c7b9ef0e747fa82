"""Where models may be found: what the settings name, or else what the environment suggests."""

from __future__ import annotations

from datetime import date
from hashlib import blake2b
from itertools import islice
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from panvox.keys.key import Key, first_usable, utc_now
from panvox.protocols import Quirks
from panvox.settings import VENDORS, Provider, Settings, Vendor
from panvox.settings.hosts import is_this_machine


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as this user has it; `vendor` is its row with what the settings change.

    Variables that the environment has are put into its addresses; those that it lacks are left in them.
    `keys` are all that were found, whether or not they have expired; `key` is the one to ask with where one
    has to do.

    `free` is None where its models tell; `guessed` marks a server on this machine that nobody named, and
    whose absence therefore is no problem.
    """

    provider: str
    vendor: Vendor
    key: SecretStr | None = None
    keys: tuple[Key, ...] = ()
    models: tuple[str, ...] = ()
    free: bool | None = None
    guessed: bool = False

    @property
    def missing(self) -> str:
        """What lacks so that it cannot be asked, as a sentence; empty if nothing."""
        row = self.vendor
        names = [*row.variables]
        if row.key_needed and self.key is None:
            if self.keys:
                return f"all of its keys have expired: {', '.join(map(_expiry, self.keys))}"
            if not row.key_env:
                return "none of its keys is there"
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

    @property
    def plain_keys(self) -> tuple[str | None, ...]:
        """All keys that have not expired, best first; None alone where there are none."""
        today = utc_now().date()
        keys = sorted((key for key in self.keys if not key.expired(today)), key=lambda key: key.rank)
        return tuple(key.secret.get_secret_value() for key in keys) or (self.plain_key,)


def _expiry(key: Key) -> str:
    return f"{key.label} on {key.expires}"


def sources(settings: Settings, *, today: date | None = None) -> tuple[Source, ...]:
    """The providers of the settings; without any, vendors whose key is there and servers on this machine.

    `today` decides which keys have expired; the day by UTC if not given.
    """
    today = today or utc_now().date()
    if settings.providers:
        return tuple(_configured(provider, settings, today) for provider in settings.providers)
    rows = (row for row in VENDORS.values() if row.implied and row.unless not in settings.variables)
    found = (_implied(row, settings) for row in rows)
    return tuple(source for source in found if source.guessed or (source.key and not source.missing))


def _implied(row: Vendor, settings: Settings) -> Source:
    return Source(
        provider=row.id,
        vendor=_placed(row, settings),
        key=settings.key(*row.key_env),
        keys=_keys(row.key_env, settings),
        models=row.models,
        guessed=row.loopback,
    )


def _keys(variables: tuple[str, ...], settings: Settings) -> tuple[Key, ...]:
    """The first of those that are there, called like its variable."""
    there = (name for name in variables if name in settings.keys)
    return tuple(Key(label=name, secret=settings.keys[name]) for name in islice(there, 1))


def _several_keys(provider: Provider, settings: Settings) -> tuple[Key, ...]:
    """Those of the keys of a provider that are there."""
    return tuple(
        Key(
            label=key.name,
            secret=settings.keys[key.place],
            account=key.account,
            priority=key.priority,
            backup=key.backup,
            expires=date.fromisoformat(key.expires) if key.expires else None,
        )
        for key in provider.keys
        if key.place in settings.keys
    )


def _configured(provider: Provider, settings: Settings, today: date) -> Source:
    row = provider.row or Vendor(provider.id, provider.id, "", key_needed=False, zero_is_free=False)
    if provider.base_url:
        row = msgspec.structs.replace(row, base_url=provider.base_url, list_url="")
    if provider.dialect and provider.dialect != row.dialect:
        row = msgspec.structs.replace(row, dialect=provider.dialect, quirks=Quirks())
    if provider.key_env:
        row = msgspec.structs.replace(row, key_env=(provider.key_env,), key_needed=True)
    if provider.keys:
        variables = tuple(key.env for key in provider.keys if key.env)
        row = msgspec.structs.replace(row, key_env=variables, key_needed=True)
    keys = _several_keys(provider, settings) if provider.keys else _keys(row.key_env, settings)
    usable = first_usable(keys, today)
    return Source(
        provider=provider.id,
        vendor=_placed(row, settings),
        key=usable.secret if usable else None,
        keys=keys,
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
