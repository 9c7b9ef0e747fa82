"""Keys as the settings have them: a pool for each provider, and where each key is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from panvox.catalog.sources import Source, sources
from panvox.keys import Key, KeyPool, expiry_warnings, utc_now
from panvox.settings import Settings
from panvox.settings.schema import KeySection


class NamedKey(NamedTuple):
    """A key that a provider may have: its label, its variable or file, and itself where it is there."""

    source: Source
    label: str
    env: str
    file: Path | None
    key: Key | None
    section: KeySection

    @property
    def missing(self) -> str:
        """What lacks, as a sentence; empty for a key that is there."""
        if self.key is not None:
            return ""
        return f"{self.file} was not read" if self.file else f"the environment variable {self.env} is not set"


def pools(found: Iterable[Source]) -> dict[str, KeyPool]:
    """A pool for each provider that has keys, by its id; one pool serves all of its models."""
    return {
        source.provider: KeyPool(source.keys, provider=source.provider) for source in found if source.keys
    }


def key_warnings(settings: Settings, *, today: date | None = None) -> tuple[str, ...]:
    """A sentence for each key that has expired or will within two weeks."""
    today = today or utc_now().date()
    found = sources(settings, today=today)
    return tuple(line for source in found for line in expiry_warnings(source.provider, source.keys, today))


def named_keys(settings: Settings) -> tuple[NamedKey, ...]:
    """Every key that a provider of `settings` has, or lacks; none for one that needs no key."""
    sections = {provider.id: provider.keys for provider in settings.providers}
    found = sources(settings)
    return tuple(key for source in found for key in _named(source, sections.get(source.provider, ())))


def _named(source: Source, sections: Iterable[KeySection]) -> Iterator[NamedKey]:
    there = {key.label: key for key in source.keys}
    for section in sections or _of_vendor(source):
        label = section.name
        yield NamedKey(source, label, section.env or "", section.file, there.get(label), section)


def _of_vendor(source: Source) -> Iterator[KeySection]:
    """The one key of a provider that does not name any: in the first variable that has one, or could."""
    names = [key.label for key in source.keys] or list(source.vendor.key_env)
    if source.keys or source.vendor.key_needed:
        yield from (KeySection(env=name) for name in names[:1])
