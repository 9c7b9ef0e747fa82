"""The seams, on one page, with their promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

import msgspec

from panvox.errors import Failure
from panvox.messages import Event, Identity, Outcome, Prompt, RunEnded


@runtime_checkable
class Model(Protocol):
    """Whatever answers a prompt: a vendor's model, a policy around one, a panel, an agent.

    `stream` is entered, then iterated. Promises of every implementation, checked by
    `panvox.testing.check_model`:

    - Events come in order; exactly one `End` comes last, and nothing after it.
    - What goes wrong is raised bare, as a `Failure`, on entering or while iterating; never in a group.
    - Leaving the context closes everything: connections, tasks, permits; on every way out, and within
      half a second when cancelled. `CancelledError` is never swallowed.
    - Two streams of one model do not disturb each other.
    """

    @property
    def name(self) -> str:
        """The name people use for it, such as `openai/gpt-5`."""
        ...

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Ask; the events come as they are produced."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. The body is the concatenation of `body`, so that members can share long pieces."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: tuple[bytes, ...] = ()


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider lists, as far as it tells: context in tokens, prices in USD per token."""

    id: str
    name: str = ""
    context: int | None = None
    max_output: int | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
    kind: str = "chat"
    created: int | None = None


class Decoder(Protocol):
    """Bytes of one reply in, events out; holds the state between pieces. Has never heard of a socket."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events completed by `data`. Any split of the bytes gives the same events.

        Raises a `Failure` in the place where the stream tells of one; events before it come first.
        """
        ...

    def close(self) -> Iterator[Event]:
        """The bytes have ended: the last events, or the `Failure` that the missing end means."""
        ...


class Dialect(Protocol):
    """How a family of vendors spells prompts, events, errors and model lists; pure."""

    @property
    def name(self) -> str:
        """The word for it in settings."""
        ...

    def request(self, prompt: Prompt, model: str, *, base_url: str, key: str | None) -> Request:
        """The streaming call that asks `model`; the encoded conversation is shared between models."""
        ...

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for a reply with status 200; raises `Malformed` for a type that cannot be read."""
        ...

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What a reply with another status means."""
        ...

    def listing_request(self, *, base_url: str, key: str | None) -> Request:
        """The call that lists models."""
        ...

    def listings(self, body: bytes) -> list[Listing]:
        """The models in a list; one bad item never drops the others. Raises `Malformed`."""
        ...


class Reply(Protocol):
    """The head of an HTTP reply; its body comes in pieces."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Case-insensitive."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Pieces of the unpacked body as they arrive; raises a `Failure` when the connection breaks."""
        ...


class Transport(Protocol):
    """Sends requests. Shared by all models of a process; has no limit of its own on connections.

    Certificates are verified, redirects are not followed, sizes are capped. Foreign errors are translated
    to `Unreachable`, `TimedOut` or `Malformed` here and nowhere else.
    """

    def send(self, request: Request, *, connect_timeout: float) -> AbstractAsyncContextManager[Reply]:
        """The reply, once its head is here; leaving the context gives the connection back or closes it."""
        ...


class Journal(Protocol):
    """Where runs are written down as they happen.

    None of these raise: a journal that cannot write says so once, through `problem`, and the run goes on.
    """

    @property
    def problem(self) -> str | None:
        """Why runs are not being kept, as a sentence; None when they are."""
        ...

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """A turn of a run starts."""
        ...

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """A member has ended."""
        ...

    async def finish(self, ended: RunEnded) -> None:
        """The turn is over. Returns when everything of it is on disk, or cannot be."""
        ...
