"""What passes between the wire and the fleet: a call, what is said, what is declined; in nobody's spelling.

bytes ──► Call ──► Speech ──► Utterance ──► bytes
             └───► Complaint ──► Page ────► bytes
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from panvox.simulator.limits import Excess


def count_tokens(text: str) -> int:
    """Tokens of `text` as the simulator counts them: four characters each."""
    return math.ceil(len(text) / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a client asks for. `tokens` are those of the whole conversation."""

    model: str
    question: str
    tokens: int
    stream: bool = False
    usage: bool = False
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What a model is about to say: `pieces` joined are the text, each comes as one event."""

    id: str
    model: str
    created: int
    pieces: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    cut: bool = False
    stream: bool = True
    usage: bool = False

    @property
    def text(self) -> str:
        """The pieces, joined."""
        return "".join(self.pieces)


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


Render = Callable[[Speech], Utterance]
"""How a speech is put into bytes."""


class Reason(StrEnum):
    """Why a call is declined; limits have reasons of their own, see `Excess`."""

    INVALID = "invalid"
    CONTEXT = "context"
    UNAUTHORISED = "unauthorised"
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
    """A call is declined. `message` replaces the wording that is usual for the reason."""

    reason: Reason | Excess
    model: str = ""
    message: str = ""


class Declined(Exception):
    """Raised where a call cannot be answered, and turned into a reply by the server."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message or str(complaint.reason))
        self.complaint = complaint
