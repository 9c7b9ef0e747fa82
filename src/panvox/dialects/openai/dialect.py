"""The chat-completions dialect of OpenAI, as OpenAI speaks it and as all the others do.

    OpenAI().request(prompt, model, base_url=…, key=…)   the call
    OpenAI().decoder(content_type)                      its reply, as events
    OpenAI().failure(status, headers, body)             a reply with another status
    OpenAI().listings(body)                             the provider's models

Deviations that are read without a word: the tests of this dialect list them in a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from panvox.dialects import refusals
from panvox.dialects.calls import address, key_headers
from panvox.dialects.chunk_reading import ChunkReading
from panvox.dialects.model_lists import read_listings
from panvox.dialects.openai.encoding import encode
from panvox.dialects.openai.rate_headers import RATES
from panvox.dialects.rates import read_rates
from panvox.dialects.replies import ReplyDecoder
from panvox.errors import Failure, Forbidden
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request

_SENTENCES = (
    refusals.Sentence(  # OpenRouter, with a 404
        pattern=re.compile(r"no endpoints .{0,40}(data policy|privacy|guardrail)", re.IGNORECASE),
        kind=Forbidden,
        hint="Your privacy settings at the relay leave none of the model's providers; change them there, or "
        "leave the model out.",
    ),
)


class OpenAI(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor."""

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "openai"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; raises `PromptError` for a prompt that is not text.

        The token limit goes out as `max_tokens`, but as `max_completion_tokens` to the families o1, o3, o4
        and gpt-5, which refuse the older name; or as the vendor's quirks call it. What models refuse that
        think by themselves is not sent to them.
        """
        return Request(
            method="POST",
            url=address(base_url, "chat/completions", self.quirks.query),
            headers={
                "Content-Type": "application/json",
                "Accept": "text/event-stream",
                **key_headers(key, self.quirks),
            },
            body=encode(prompt, model, self.quirks),
        )

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200.

        Every type is taken: one that cannot be read makes the decoder raise `Malformed`, with an excerpt.
        """
        return ReplyDecoder(content_type, ChunkReading())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means. A `RateLimited` has as code what there was too much of."""
        return refusals.failure(status, headers, body, sentences=_SENTENCES)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """The limits that the headers of any reply tell of."""
        return read_rates(headers, RATES, now=now, windows=self.quirks.windows)

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models; `page` is the number of those that were listed before."""
        size = self.quirks.page_size
        asked = (f"limit={size}" if size else "", f"offset={page}" if page else "")
        return Request(
            method="GET",
            url=address(base_url, "models", self.quirks.query, *asked),
            headers={"Accept": "application/json", **key_headers(key, self.quirks)},
        )

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The chat models on a page of a list; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body, asked=page)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """None: the list tells all there is to know."""
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing as it is."""
        return listing
