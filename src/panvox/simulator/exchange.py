"""What passes between the wire and the fleet: a call, what is said, what is declined; in nobody's spelling.

Asked ──► Call ──► Speech ──► Utterance ──► bytes
             └───► Complaint ──► Page ────► bytes
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import msgspec
import orjson

from panvox.simulator.limits import Excess


def count_tokens(text: str) -> int:
    """Tokens of `text` as the simulator counts them: four characters each."""
    return math.ceil(len(text) / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The head of a request to one provider.

    `path` begins with a slash, and is what follows the name of the provider; names of headers are found in
    whatever case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def steps(self) -> tuple[str, ...]:
        """What stands between the slashes of the path."""
        return tuple(self.path.removeprefix("/").split("/"))

    @property
    def bearer(self) -> str:
        """The key in `Authorization`; empty where there is none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ").strip()

    def number(self, name: str, default: int) -> int:
        """A number of the query, from 0. Raises `Declined` (400)."""
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            raise invalid(f"Invalid '{name}': expected a whole number, got {text!r}.")
        return int(text)

    def nowhere(self) -> Declined:
        """The complaint that nothing is served at this address."""
        message = f"Unknown request URL: {self.method} {self.path}."
        return Declined(Complaint(reason=Reason.UNKNOWN_PATH, message=message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client asks for. `tokens` are those of the whole conversation.

    `array` asks for the stream as one JSON array; `shortened` lets what exceeds the model's context be left
    out in silence.
    """

    model: str
    question: str
    tokens: int
    stream: bool = False
    array: bool = False
    usage: bool = False
    max_tokens: int | None = None
    shortened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What a model is about to say: `pieces` joined are the text, each comes as one event.

    `id` is that of the answer, without what a dialect puts before it.
    """

    id: str
    model: str
    created: int
    pieces: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    cut: bool = False
    stream: bool = True
    array: bool = False
    usage: bool = False

    @property
    def text(self) -> str:
        """The pieces, joined."""
        return "".join(self.pieces)

    @property
    def first_half(self) -> tuple[str, ...]:
        """The first half of the pieces, and one at least."""
        return self.pieces[: max(1, len(self.pieces) // 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A reply with status 200: its pieces come one after the other, at the model's pace."""

    content_type: str
    pieces: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole reply that comes at once."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


JSON = "application/json"


def page_of(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Page:
    """A reply of JSON."""
    return Page(status=status, content_type=JSON, body=orjson.dumps(value), headers=headers or {})


Render = Callable[[Speech], Utterance]
"""How a speech is put into bytes."""


class Reason(StrEnum):
    """Why a call is declined; limits have reasons of their own, see `Excess`."""

    INVALID = "invalid"
    CONTEXT = "context"
    UNAUTHORISED = "unauthorised"
    NO_KEY = "no_key"
    PAYMENT = "payment"
    FORBIDDEN = "forbidden"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_PATH = "unknown_path"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A call is declined. `message` replaces the wording that is usual for the reason.

    - `context` and `tokens`: how many tokens the model takes, and how many there were, where those are more.
    - `request`: the id of the request, where a refusal repeats it. `now`: unix seconds.
    """

    reason: Reason | Excess
    model: str = ""
    message: str = ""
    context: int = 8192
    tokens: int = 9001
    request: str = ""
    now: float = 0.0


class Declined(Exception):
    """Raised where a call cannot be answered, and turned into a reply by the server."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message or str(complaint.reason))
        self.complaint = complaint


def invalid(message: str) -> Declined:
    """The complaint that a call is not as it should be."""
    return Declined(Complaint(reason=Reason.INVALID, message=message))


Body = TypeVar("Body")


def read_body(decode: Callable[[bytes], Body], data: bytes) -> Body:
    """What `decode` of msgspec makes of a request body. Raises `Declined` (400)."""
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"We could not parse the JSON body of your request: {error}") from None
