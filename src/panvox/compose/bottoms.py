"""What stands at the bottom of a stack and asks the provider: over HTTP, or the model on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from panvox.catalog.entries import LOCAL, Entry
from panvox.catalog.sources import Source
from panvox.compose.dialects import dialect_of
from panvox.protocols import Model, Transport
from panvox.providers.http import Deadlines, HttpModel
from panvox.providers.local import LocalModel, LocalServer
from panvox.providers.transport import HttpTransport
from panvox.providers.unpooled import Unpooled
from panvox.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottoms:
    """Makes them, for the `settings` as they are now; `transports` are the ways to each provider."""

    settings: Settings
    sources: Mapping[str, Source]
    transports: Mapping[str, Transport]
    transport: HttpTransport
    local: LocalServer

    def bottom(self, entry: Entry, key: str | None) -> Model:
        """What asks the provider of `entry`, with this key."""
        if entry.provider == LOCAL:
            return self._local_model(entry)
        source, way = self.sources[entry.provider], self.transports[entry.provider]
        return HttpModel(
            name=entry.name,
            model=entry.model,
            dialect=dialect_of(source.vendor),
            transport=Unpooled(way) if source.vendor.loopback else way,
            base_url=source.vendor.base_url,
            key=key,
            deadlines=self._deadlines,
        )

    @property
    def _deadlines(self) -> Deadlines:
        network = self.settings.network
        return Deadlines(
            connect=network.connect_timeout,
            first_token=network.first_token_timeout,
            idle=network.idle_timeout,
            total=network.total_timeout,
        )

    def _local_model(self, entry: Entry) -> Model:
        sample = int(entry.name.rpartition("#")[2]) - 1
        return LocalModel(
            name=entry.name,
            server=self.local,
            transport=self.transport,
            sample=sample,
            max_tokens=self.settings.local.max_tokens,
            deadlines=self._deadlines,
        )
