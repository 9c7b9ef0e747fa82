"""The cloud form of Cherry Studio's API: the model stands in the address, the answer comes in one piece.

    GET  {base}/models                {"models": [{"id", "name", "provider", "endpoint", "cost"}]}
    POST {base}/models/{id}/chat      {"messages", "temperature", "max_tokens"}
                                      {"text" or "content", "usage": {"total_tokens"}}

A stream, and a reply that OpenAI would give, are read as well. Addresses that a list gives as a model's
`endpoint` are never followed: the key belongs to the host that the settings name.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.dialects import refusals
from panvox.dialects.calls import address, key_headers, step
from panvox.dialects.cherry.encoding import encode
from panvox.dialects.cherry.reading import CherryReading
from panvox.dialects.model_lists import read_listings
from panvox.dialects.replies import ReplyDecoder
from panvox.errors import Failure
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request


class Cherry(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor."""

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "cherry"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The call that asks `model`; raises `InvalidRequest` for what this form has no words for."""
        return Request(
            method="POST",
            url=address(base_url, f"models/{step(model)}/chat", self.quirks.query),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                **key_headers(key, self.quirks),
            },
            body=encode(prompt, self.quirks),
        )

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200; see `ReplyDecoder` for types that cannot be read."""
        return ReplyDecoder(content_type, CherryReading())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means."""
        return refusals.failure(status, headers, body)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """None: it tells of no limits."""
        return ()

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models, which has no pages."""
        return Request(
            method="GET",
            url=address(base_url, "models", self.quirks.query),
            headers={"Accept": "application/json", **key_headers(key, self.quirks)},
        )

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The chat models in a list; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """None: the list tells all there is to know."""
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing as it is."""
        return listing
