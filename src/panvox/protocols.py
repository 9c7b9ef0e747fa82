"""The seams, on one page, with their promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from panvox.errors import Failure, Fault
from panvox.messages import Answer, Event, Identity, Outcome, Prompt, Rate, ReplyBegan, RunEnded, Usage

if TYPE_CHECKING:  # a tenth of a second, for one annotation
    import numpy as np
    from numpy.typing import NDArray


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


class Capability(StrEnum):
    """What a model can do, or is."""

    TEXT = "text"  # writes text
    CODE = "code"
    MATH = "math"
    VISION = "vision"  # reads images
    IMAGE = "image"  # makes images
    MULTIMODAL = "multimodal"  # reads or writes more than text
    TOOLS = "tools"
    REASONING = "reasoning"
    JSON = "json"  # keeps to a schema
    LONG_CONTEXT = "long-context"
    FREE = "free"
    LOCAL = "local"  # computed on this machine


class Prices(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """USD per million tokens, `request` USD per call; None where nobody told.

    `cached` is for prompt tokens read from a cache, `cache_write` for those put there.
    """

    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    request: float | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model that a provider lists, as far as it tells; units are normalised here and nowhere else.

    - `kind`: "chat" for what can be talked to, else the provider's own word.
    - `weights`: what the provider says that the weights are, such as a repository or a canonical name.
    - `tiers`: the highest prices that hold for some calls alone, such as those with a long prompt.
    - `context`, `max_output`: tokens. `created`: unix seconds. `retires`: an ISO date, or "yes".
    - `inputs`, `outputs`: modalities ("text", "image", "audio", "video", "file"); empty where not told.
    - `capabilities`: what the provider claims, as words of `Capability`; `denied`: what it says it cannot.
    - `owner`: who the list says owns the model; servers name themselves there.
    - `free`: what the provider itself says of it; `remote`: served elsewhere though a local server lists it.
    - `bytes`: the size of the weights on the machine that serves them, which it needs at least in memory.
    """

    id: str
    name: str = ""
    kind: str = "chat"
    weights: str = ""
    family: str = ""
    owner: str = ""
    context: int | None = None
    max_output: int | None = None
    prices: Prices = Prices()
    tiers: Prices = Prices()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    created: int | None = None
    retires: str = ""
    free: bool | None = None
    remote: bool = False
    bytes: int | None = None


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a model list; `more` is what `listing_request` wants for the next, empty on the last."""

    listings: tuple[Listing, ...] = ()
    more: str = ""


Unit = Literal["requests", "tokens", "input_tokens", "output_tokens"]
"""What windows count."""


class Window(msgspec.Struct, frozen=True):
    """At most `amount` of `unit` within any `seconds` seconds."""

    unit: Unit
    amount: int
    seconds: float


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What something is allowed; by default, everything.

    `slots` is how many calls may be on their way at once, `spacing` the least seconds between the starts of
    two, `loaded` how many different models may be in use at once.
    """

    windows: tuple[Window, ...] = ()
    slots: int | None = None
    spacing: float = 0.0
    loaded: int | None = None


class Scope(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """What a limit is on; `name` is a provider, `provider/account`, a model, or `provider/key label`.

    An "account model" is a model for one of several accounts, `provider/account/model`: what its replies and
    refusals tell of the model holds for that account alone.
    """

    kind: Literal["provider", "account", "model", "key", "account model"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What one call takes, of all its `scopes` at once, the narrowest first; tokens are estimates."""

    scopes: tuple[Scope, ...]
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


_AWAITED = {"pause": "to take calls again", "loading": "to unload a model", "shared": "shared limits"}
"""What people read of it, where that is another word."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call waits: which scope has none left of what, and for about how many seconds.

    `certain` says that it cannot be sooner; `seconds` is None where nobody can tell. A hold that never ends
    has `seconds` infinite.
    """

    scope: Scope
    what: Literal["requests", "tokens", "slots", "spacing", "pause", "loading", "shared"]
    seconds: float | None = None
    certain: bool = False

    @property
    def reason(self) -> str:
        """What people read after "waits for": `openrouter requests`, `openrouter/team slots`."""
        name = self.scope.name
        if self.scope.kind == "account":
            name = name.removesuffix("/main")  # the only account, for most
        return f"{name} {_AWAITED.get(self.what, self.what)}"


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How one vendor differs from the dialect that it speaks, as data; hashable.

    - `key_header`: the header that carries the key; `Authorization: Bearer` if empty.
    - `headers`, `query`: what every request carries besides.
    - `body`: fields that every call carries besides, each with its value as JSON text.
    - `max_tokens_name`: what the limit of an answer's tokens is called, where it differs from the dialect.
    - `max_tokens`: the limit that is sent where the prompt has none, since the vendor's own is small.
    - `seed_name`: what the seed is called, where it differs from the dialect.
    - `usage`: whether it understands that usage is asked for in a stream.
    - `page_size`: items of a page that are asked for, where its list has pages.
    - `windows`: seconds of the window that its rate headers mean, by unit.
    """

    key_header: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    body: tuple[tuple[str, str], ...] = ()
    max_tokens_name: str = ""
    max_tokens: int | None = None
    seed_name: str = ""
    usage: bool = True
    page_size: int | None = None
    windows: tuple[tuple[str, float], ...] = ()


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

    def rates(self, headers: Mapping[str, str], *, now: float) -> tuple[Rate, ...]:
        """The limits that the headers of any reply tell of; `now` is in seconds since 1970."""
        ...

    def listing_request(self, *, base_url: str, key: str | None, page: str = "") -> Request:
        """The call that lists models; `page` is the `more` of the page before."""
        ...

    def listings(self, body: bytes, *, page: str = "") -> ListPage:
        """The models on a page of a list; one bad item never drops the others. Raises `Malformed`.

        `page` is what `listing_request` was asked with.
        """
        ...

    def detail_request(self, model: str, *, base_url: str, key: str | None) -> Request | None:
        """The call that tells more of a model than the list does; None where there is none."""
        ...

    def detailed(self, listing: Listing, body: bytes) -> Listing:
        """The listing with what the reply to `detail_request` adds; unchanged where it cannot be read."""
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

    @property
    def sent(self) -> float | None:
        """When the whole request had been written, by the clock of the loop; None where it was not."""
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


class Permit(Protocol):
    """A place in the line for everything that a demand takes, and then the right to make one call.

    Close it in every case; what was not used is given back. Calls of these never wait but `wait`.
    """

    async def wait(self) -> Hold | None:
        """None once the call may go out; a `Hold` when there is a reason, or a new one, to tell of.

        Ask again until it is None. May be cancelled at any time.
        """
        ...

    def replied(self, reply: ReplyBegan) -> None:
        """The head of the reply is here."""
        ...

    def failed(self, fault: Fault) -> None:
        """The call failed; what the fault tells of limits is learnt."""
        ...

    def used(self, usage: Usage) -> None:
        """What the provider counted, in place of the estimate."""
        ...

    def close(self, *, aborted: bool = False) -> None:
        """The call is over, or never was; `aborted` if the provider may still be at it. May be repeated."""
        ...


class Limiter(Protocol):
    """Lets calls out as early as all limits allow, and in the order in which they came, scope by scope.

    Nobody waits for a scope that is none of its own, and a large call is not passed over for ever.
    """

    def permit(self, demand: Demand) -> Permit:
        """A place in the line; the first `wait` of it tells whether there is one."""
        ...


class Want(msgspec.Struct, frozen=True):
    """USD to be set aside before a member is asked, or a `stand_in` for it: what that is expected to cost."""

    member: Identity
    amount: Decimal
    stand_in: Identity | None = None

    @property
    def asked(self) -> Identity:
        """Who gets the money."""
        return self.stand_in or self.member


class Refusal(msgspec.Struct, frozen=True):
    """Why no money is set aside: which limit, how much is left of it, and what it would take."""

    reason: str


class Purse(Protocol):
    """The money of one run, which asks one turn at a time; its limits hold for all runs together.

    Money is set aside before a call goes out, and what was not needed is given back after it. None of these
    raise: where money cannot be counted, none is spent.
    """

    @property
    def problem(self) -> str | None:
        """What could not be written down, as a sentence; None where everything was."""
        ...

    def begin(self, *, run: str, turn: int, tag: str = "") -> None:
        """A turn begins: what is set aside from now on is for its prompt, and counts for its tag."""
        ...

    async def reserve(self, wants: Sequence[Want]) -> Mapping[str, Refusal]:
        """Set money aside for all `wants` at once, the cheapest first.

        Gives those that must not be asked, by member. Nobody else's money is counted in between.
        """
        ...

    async def top_up(self, member: Identity, amount: Decimal, stand_in: Identity) -> Refusal | None:
        """Set aside so much more for a member of this turn, before `stand_in` is asked in its place.

        Nothing more for one that has money already: it only waited, or is tried again.
        """
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Members have ended: what they cost is kept, the rest given back. Who wanted nothing is passed over.

        Where nobody can tell what a call cost, all that was set aside counts as spent.
        """
        ...

    async def close(self) -> None:
        """The run is over; what was set aside and not settled counts as spent. May be repeated."""
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


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was kept, `at` a time in seconds since 1970."""

    answer: Answer
    at: float


class Cache(Protocol):
    """Where answers are kept to be given again; may forget any of them at any time.

    None of these raise: a cache that cannot be used says so, through `problem`, and is empty from then on.
    """

    @property
    def problem(self) -> str | None:
        """Why no answers are kept or found, as a sentence; None when they are, or need not be."""
        ...

    async def get(self, key: bytes) -> Kept | None:
        """What is kept under `key`, unless it is too old."""
        ...

    async def put(self, key: bytes, answer: Answer) -> None:
        """Keep `answer`, in the place of what was there."""
        ...


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was kept for another prompt, which asks the same; `prompt` is its text."""

    kept: Kept
    prompt: str


class SimilarPrompts(Protocol):
    """Finds the answer to a prompt that means the same. What prompts must share besides is their `scope`.

    None of these raise: where nothing can be kept or compared, nothing is found.
    """

    async def find(self, scope: bytes, prompt: str) -> Similar | None:
        """The answer that is kept for the nearest prompt that asks the same, if any."""
        ...

    async def put(self, scope: bytes, prompt: str, key: bytes) -> None:
        """The answer to `prompt` is kept under `key`."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors that are near where the texts mean the same."""

    @property
    def name(self) -> str:
        """Which one it is; vectors of different embedders cannot be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text; zeros for one without words. Takes CPU time alone."""
        ...
