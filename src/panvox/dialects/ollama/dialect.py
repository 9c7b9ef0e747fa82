"""The dialect that Ollama speaks under `/api`, on this machine and at ollama.com.

Ollama().request(prompt, model, base_url=…, key=…)   the call; `base_url` is the bare address
Ollama().decoder(content_type)                      its reply, which is lines of JSON
Ollama().failure(status, headers, body)             a reply with another status
Ollama().listings(body)                             the models that are there
Ollama().detailed(listing, body)                    what more it tells of one
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.dialects import ndjson
from panvox.dialects.calls import address, document, key_headers
from panvox.dialects.ollama import troubles
from panvox.dialects.ollama.encoding import encode
from panvox.dialects.ollama.listings import add_details, read_listings
from panvox.dialects.ollama.reading import LineReading
from panvox.dialects.replies import ReplyDecoder
from panvox.errors import Failure
from panvox.messages import Prompt, Rate
from panvox.protocols import Decoder, Listing, ListPage, Quirks, Request

_SPLITTERS = {b"{": ndjson.Splitter}


class Ollama(msgspec.Struct, frozen=True):
    """Implements `panvox.protocols.Dialect`; `quirks` are those of the vendor."""

    quirks: Quirks = Quirks()

    @property
    def name(self) -> str:
        """The word for it in settings."""
        return "ollama"

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; raises `PromptError` for a prompt that cannot be written.

        An image must be in the prompt itself (`data:`), since Ollama fetches none.
        """
        body = encode(prompt, model, self.quirks)
        return self._post("api/chat", base_url, key, body, accept="application/x-ndjson")

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200.

        Every type is taken: one that cannot be read makes the decoder raise `Malformed`, with an excerpt.
        """
        return ReplyDecoder(content_type, LineReading(), splitters=_SPLITTERS)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means. A model too large for memory is `LocalUnavailable`."""
        return troubles.refusal(status, headers, body)

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """None: the limits of an Ollama are its memory and its queue, and no header tells of them."""
        return ()

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models; there is one page."""
        headers = {"Accept": "application/json", **key_headers(key, self.quirks)}
        url = address(base_url, "api/tags", self.quirks.query)
        return Request(method="GET", url=url, headers=headers)

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The models that are there; one bad item never drops the others. Raises `Malformed`."""
        return read_listings(body)

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """The call that tells what a model can do and how much it can read."""
        return self._post("api/show", base_url, key, (document({"model": model}),))

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing with context and capabilities; unchanged where `body` cannot be read."""
        return add_details(listing, body)

    def _post(
        self,
        path: str,
        base_url: str,
        key: str | None,
        body: tuple[bytes, ...],
        *,
        accept: str = "application/json",
    ) -> Request:
        headers = {"Content-Type": "application/json", "Accept": accept, **key_headers(key, self.quirks)}
        url = address(base_url, path, self.quirks.query)
        return Request(method="POST", url=url, headers=headers, body=body)
