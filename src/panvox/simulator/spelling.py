"""The seam of the dialects: how a kind of API is addressed, and how it spells what passes through it.

A dialect is one module in `spellings`, one line in its table, and the rows of its own deviations in `faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from panvox.simulator.exchange import Asked, Call, Complaint, Page, Render
from panvox.simulator.limits import Meter, Unit, tightest
from panvox.simulator.offer import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What replies tell beside their answer: the request's id, and its limits at `now` (unix seconds)."""

    request: str
    now: float
    meters: tuple[Meter, ...] = ()

    def tightest(self, unit: Unit, seconds: float | None = None) -> Meter | None:
        """The limit on a unit with the least part left, in windows of this length if it is given."""
        return tightest(self.meters, unit, seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How answers and refusals are spelled, by functions that do nothing else.

    - `name`: the word by which faults name it.
    - `stream_type`: the content type of its streams.
    - `render`: a speech as a stream or, if that was asked for, whole.
    - `complain`: a refusal of any kind as a reply.
    - `headers`: what every reply carries.
    """

    name: str
    stream_type: str
    render: Render
    complain: Callable[[Complaint], Page]
    headers: Callable[[Standing], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Chat:
    """An address at which models are asked. `read` makes a call of a body, or raises `Declined` (400)."""

    voice: Voice
    read: Callable[[bytes], Call]


@dataclass(frozen=True, slots=True)
class Look:
    """An address that tells something. `page` makes it of the offer and a body, or raises `Declined`.

    `open` to those who have no key.
    """

    voice: Voice
    page: Callable[[Offer, bytes], Page]
    open: bool = False


Door = Chat | Look


class Spelling(Protocol):
    """How one kind of provider is addressed; pure."""

    @property
    def name(self) -> str:
        """The word for it in `panvox simulate --dialect`."""
        ...

    @property
    def dialect(self) -> str:
        """The word in panvox's settings for what it speaks."""
        ...

    @property
    def root(self) -> str:
        """Where the address that panvox is given ends, after the name of the provider: empty, or `/…`."""
        ...

    @property
    def lists(self) -> str:
        """Where its models are listed, after that address."""
        ...

    @property
    def voice(self) -> Voice:
        """How it declines what has no door of its own."""
        ...

    def key(self, asked: Asked) -> str:
        """The key that a request brings; empty where it brings none."""
        ...

    def door(self, asked: Asked) -> Door:
        """What is to be found at an address. Raises `Declined` (404) where there is nothing."""
        ...

    def named(self, name: str) -> str:
        """The id that a made-up model has here."""
        ...
