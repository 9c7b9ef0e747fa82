"""The messages dialect of Anthropic.

Anthropic().request(prompt, model, base_url=…, key=…)   the call
Anthropic().decoder(content_type)                      its reply, as events
Anthropic().failure(status, headers, body)             a reply with another status
Anthropic().listings(body)                             the provider's models
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args
from urllib.parse import quote

import msgspec

from panvox.dialects import refusals
from panvox.dialects.anthropic.encoding import encode
from panvox.dialects.anthropic.listings import read_listings
from panvox.dialects.anthropic.reading import MessageReading
from panvox.dialects.calls import address, key_headers
from panvox.dialects.rates import Names, Unit, read_rates
from panvox.dialects.replies import ReplyDecoder
from panvox.errors import Failure
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request

_VERSION = {"anthropic-version": "2023-06-01"}
_VERSIONED = re.compile(r"/v\d+\w*/?$")
_LARGEST_PAGE = 1000
_RATES = tuple(
    Names(
        unit=unit,
        limit=f"anthropic-ratelimit-{word}-limit",
        remaining=f"anthropic-ratelimit-{word}-remaining",
        reset=f"anthropic-ratelimit-{word}-reset",
        window=60.0,
    )
    for unit, word in ((unit, unit.replace("_", "-")) for unit in get_args(Unit))
)


class Anthropic(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor.

    An address may end in its version (`…/v1`) or before it, as the addresses do that vendors publish for
    Anthropic's own clients. The key goes out as `x-api-key`, unless the quirks name another header.
    """

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "anthropic"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; raises `PromptError` for a prompt that cannot be written."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            **_VERSION,
            **key_headers(key, self.quirks, usual="x-api-key"),
        }
        url = address(_versioned(base_url), "messages", self.quirks.query)
        return Request(method="POST", url=url, headers=headers, body=encode(prompt, model, self.quirks))

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200.

        Every type is taken: one that cannot be read makes the decoder raise `Malformed`, with an excerpt.
        """
        return ReplyDecoder(content_type, MessageReading())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means. A `RateLimited` has as code what there was too much of."""
        return refusals.failure(status, headers, body)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """The limits that the headers of any reply tell of; all of them count by the minute."""
        return read_rates(headers, _RATES, now=now, windows=self.quirks.windows)

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models, as many on a page as there can be; `page` is the last one seen."""
        headers = {
            "Accept": "application/json",
            **_VERSION,
            **key_headers(key, self.quirks, usual="x-api-key"),
        }
        size = f"limit={self.quirks.page_size or _LARGEST_PAGE}"
        after = f"after_id={quote(page, safe='')}" if page else ""
        url = address(_versioned(base_url), "models", self.quirks.query, size, after)
        return Request(method="GET", url=url, headers=headers)

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The models on a page of a list; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """None: the list tells all there is to know."""
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing as it is."""
        return listing


def _versioned(base_url: str) -> str:
    base, mark, query = base_url.partition("?")
    return base_url if _VERSIONED.search(base) else f"{base.rstrip('/')}/v1{mark}{query}"
