"""The responses dialect of OpenAI.

Responses().request(prompt, model, base_url=…, key=…)   the call
Responses().decoder(content_type)                      its reply, as events
Responses().failure(status, headers, body)             a reply with another status
Responses().listings(body)                             the provider's models
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from panvox.dialects import refusals
from panvox.dialects.calls import address, key_headers
from panvox.dialects.model_lists import read_listings
from panvox.dialects.rates import Names, read_rates
from panvox.dialects.replies import ReplyDecoder
from panvox.dialects.responses.encoding import encode
from panvox.dialects.responses.reading import ResponseReading
from panvox.errors import Failure
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request

_UNITS: tuple[Literal["requests", "tokens"], ...] = ("requests", "tokens")
_RATES = tuple(
    Names(
        unit=unit,
        limit=f"x-ratelimit-limit-{unit}",
        remaining=f"x-ratelimit-remaining-{unit}",
        reset=f"x-ratelimit-reset-{unit}",
        window=60.0,
    )
    for unit in _UNITS
)


class Responses(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor."""

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "responses"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; raises `PromptError` for a prompt that is not text.

        The provider is asked not to keep the answer, since panvox keeps the conversation itself.
        """
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **key_headers(key, self.quirks),
        }
        url = address(base_url, "responses", self.quirks.query)
        return Request(method="POST", url=url, headers=headers, body=encode(prompt, model, self.quirks))

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200.

        Every type is taken: one that cannot be read makes the decoder raise `Malformed`, with an excerpt.
        """
        return ReplyDecoder(content_type, ResponseReading())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means. A `RateLimited` has as code what there was too much of."""
        return refusals.failure(status, headers, body)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """The limits that the headers of any reply tell of."""
        return read_rates(headers, _RATES, now=now, windows=self.quirks.windows)

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models, which have one page."""
        headers = {"Accept": "application/json", **key_headers(key, self.quirks)}
        return Request(method="GET", url=address(base_url, "models", self.quirks.query), headers=headers)

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The chat models in a list; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """None: the list tells all there is to know."""
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing as it is."""
        return listing
