"""The generateContent dialect of Google's Gemini API.

    Gemini().request(prompt, model, base_url=…, key=…)   the call; `base_url` ends with the version, `/v1beta`
    Gemini().decoder(content_type)                      its reply: server-sent events, or one JSON array
    Gemini().failure(status, headers, body)             a reply with another status
    Gemini().listings(body)                             a page of the provider's models

Thoughts are not asked for: `thinkingConfig` is refused by models that do not think, and the call is the same
for all of them. Those that come are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from panvox.dialects import json_array, refusals
from panvox.dialects.calls import address, key_headers, step
from panvox.dialects.foreign import excerpt
from panvox.dialects.gemini.encoding import encode
from panvox.dialects.gemini.listings import read_listings
from panvox.dialects.gemini.reading import EventReading
from panvox.dialects.replies import ReplyDecoder
from panvox.errors import Failure, UnknownModel
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request

_KEY_HEADER = "x-goog-api-key"
_LARGEST_PAGE = 1000
_PLACES = ("models/", "tunedModels/")
_IN_NO_NAME = ("..", "?", "&")
_SPLITTERS = {b"[": json_array.Splitter}  # the stream as it comes without `alt=sse`


class Gemini(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor."""

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "gemini"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; raises `PromptError` for a prompt that cannot be written."""
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **self._headers(key)}
        path = f"{_path(model)}:streamGenerateContent"
        url = address(base_url, path, "alt=sse", self.quirks.query)
        return Request(method="POST", url=url, headers=headers, body=encode(prompt, model, self.quirks))

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200.

        Every type is taken: one that cannot be read makes the decoder raise `Malformed`, with an excerpt.
        """
        return ReplyDecoder(content_type, EventReading(), splitters=_SPLITTERS)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means. A `RateLimited` has as code what there was too much of."""
        return refusals.failure(status, headers, body)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """None: Google tells of limits only in the refusal of a call."""
        return ()

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models; `page` is the token of a page after the first."""
        size = f"pageSize={self.quirks.page_size or _LARGEST_PAGE}"
        token = f"pageToken={quote(page, safe='')}" if page else ""
        url = address(base_url, "models", size, token, self.quirks.query)
        return Request(method="GET", url=url, headers={"Accept": "application/json", **self._headers(key)})

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The models on a page; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """None: the list tells all there is to know."""
        return None

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing as it is."""
        return listing

    def _headers(self, key: str | None) -> dict[str, str]:
        return key_headers(key, self.quirks, usual=_KEY_HEADER)


def _path(model: str) -> str:
    """Where a model stands: under `models/`, unless its name says so itself, or that it is a tuned one.

    Raises `UnknownModel` for what Google's own client (`google.genai`) takes for no name.
    """
    if any(mark in model for mark in _IN_NO_NAME):
        raise UnknownModel(f"{excerpt(model, limit=100)!r} cannot be the name of a model of Google's.")
    name = step(model, safe="/:@.-_~")
    return name if name.startswith(_PLACES) else f"models/{name}"
