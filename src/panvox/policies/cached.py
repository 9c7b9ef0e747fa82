"""An answer that is known is not asked for again, and what is being asked already is not asked twice.

    prompt ── key ── in flight? ── follow it
                  └─ kept? ─────── say it again: no call, no cost
                  └─ alike? ────── where that is wanted: say what was said to a prompt that asks the same
                  └─ else ──────── ask, let others follow, keep a whole answer

`Cached` goes around one model, and around each model of a chain of fallbacks: an answer is kept under the
name of the model that gave it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from hashlib import blake2b

import msgspec

from panvox.errors import Category, Failure, Fault, Owner, failure_from
from panvox.limits.estimates import ROOM, count_tokens
from panvox.messages import (
    Answer,
    AttemptBegan,
    AttemptEnded,
    End,
    Event,
    Finish,
    Fold,
    Identity,
    Message,
    Prompt,
    Reasoning,
    Restarted,
    Text,
    TextPart,
    ToolCallDelta,
    UsageReport,
)
from panvox.policies.flights import Flight, Flights
from panvox.policies.policy import Policy
from panvox.protocols import Cache, Kept, Model, Similar, SimilarPrompts
from panvox.remembering import remembered

__all__ = ["Cached", "Flights", "request_key"]

_FORM = 1
"""Counted up when keys come to mean something else; what was kept under the old ones is not found."""

_WHOLE = frozenset({Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS})
"""How an answer ends that is worth keeping. One that was cut at its `max_tokens` is all there is to say to
the same prompt with the same limit; what a filter cut is not an answer."""

_ANEW = "another call that asked the same was given up, and with it what it had said"

_EXCERPT = 120
"""Characters of a similar prompt that are shown."""

_FREE = AttemptEnded(cost=Decimal(0), cached=True)


class Cached(Policy):
    """A `Model` that gives the answer again that `model` gave to exactly the same prompt.

    `identity` is who answers. `mark` tells what else an answer depends on, such as the address and the
    dialect of the provider; never the key, since all keys lead to one model. Nothing is shared between two
    `scope`s, which are users. `flights` is one for all models of a process. `fresh` asks anew, and replaces
    what was kept; it shares only calls that are fresh too. `similar` finds what was said to a prompt that
    differs in nothing but the wording of its last message; without one, only equal prompts are the same.

    Calls in flight that ask the same are one call: the others hear what it hears, from its beginning, and
    what they hear costs them nothing. If it fails, all fail; if its listener leaves, has too little time to
    wait for a limit, or rests for longer than `flights.PATIENCE`, one that follows asks anew, and takes back
    what it had passed on (`Restarted`).
    """

    def __init__(
        self,
        model: Model,
        *,
        identity: Identity,
        cache: Cache,
        flights: Flights,
        mark: str = "",
        scope: str = "",
        fresh: bool = False,
        similar: SimilarPrompts | None = None,
    ) -> None:
        self.name = model.name
        self._model = model
        self._identity = identity
        self._cache = cache
        self._flights = flights
        self._mark = mark
        self._scope = scope
        self._fresh = fresh
        self._similar = similar

    def __repr__(self) -> str:
        return f"Cached({self._model!r}, scope={self._scope!r}, fresh={self._fresh})"

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        key = request_key(prompt, model=self._identity.name, mark=self._mark, scope=self._scope)
        asked = key + b"fresh" if self._fresh else key
        while (flight := self._flights.find(asked)) is not None:
            heard = 0
            while await flight.wait_beyond(heard):
                for event in self._second_hand(flight, heard):
                    yield event
                heard += 1
            if flight.fault is not None and not _in_haste(flight.fault):
                raise failure_from(flight.fault)
            if flight.ended:
                return
            self._flights.drop(asked, flight)
            if _speaks(flight.events[:heard]):
                yield Restarted(_ANEW)
        flight = self._flights.begin(asked)  # nothing waits between this and the look before it
        try:
            async for event in await self._source(key, prompt, stack):
                if type(event) is End:
                    await self._keep(key, prompt, (*flight.events, event))
                flight.add(event)
                yield event
                flight.resume()
        except Failure as failure:
            flight.fail(failure.fault)
            raise
        finally:
            flight.leave()
            self._flights.drop(asked, flight)

    async def _source(self, key: bytes, prompt: Prompt, stack: AsyncExitStack) -> AsyncIterator[Event]:
        """Where the events come from: what is kept, for this or a similar prompt, or the model."""
        known = None if self._fresh else await self._known(key, prompt)
        if known is None:
            return await stack.enter_async_context(self._model.stream(prompt))
        again = _said_again(known, self._identity)
        stack.push_async_callback(again.aclose)
        return again

    async def _known(self, key: bytes, prompt: Prompt) -> Kept | Similar | None:
        kept = await self._cache.get(key)
        if kept is not None or self._similar is None or (scope := self._frame(prompt)) is None:
            return kept
        return await self._similar.find(scope, prompt.question)

    async def _keep(self, key: bytes, prompt: Prompt, events: Sequence[Event]) -> None:
        answer = answer_to_keep(events, self._identity)
        if answer is None:
            return
        await self._cache.put(key, answer)
        if self._similar is not None and (scope := self._frame(prompt)) is not None:
            await self._similar.put(scope, prompt.question, key)

    def _frame(self, prompt: Prompt) -> bytes | None:
        """A digest of all of a call but the words of its last message; None where that is not the user's."""
        frame = frame_of(prompt)
        if frame is None:
            return None
        return request_key(frame, model=self._identity.name, mark=self._mark, scope=self._scope)

    def _second_hand(self, flight: Flight, index: int) -> Iterator[Event]:
        """An event of a call that another pays for, as those hear it who follow."""
        event = flight.events[index]
        if isinstance(event, AttemptEnded):
            yield msgspec.structs.replace(event, cost=Decimal(0), cached=event.fault is None)
            return
        if isinstance(event, End) and not any(isinstance(told, AttemptBegan) for told in flight.events):
            yield AttemptBegan(self._identity)
            yield _FREE
        yield event


def frame_of(prompt: Prompt) -> Prompt | None:
    """`prompt` without the words of its last message; None where the user did not say the last words."""
    *before, last = prompt.messages
    if last.role != "user" or not last.text.strip():
        return None
    parts = tuple(TextPart("") if isinstance(part, TextPart) else part for part in last.parts)
    return msgspec.structs.replace(prompt, messages=(*before, Message("user", parts)))


def request_key(prompt: Prompt, *, model: str, mark: str, scope: str) -> bytes:
    """A digest of all that an answer depends on, and of who may have it; nothing can be read from it.

    The prompt counts as it is, letter by letter: every field of it, and no Unicode normalisation. Only what
    no reader can tell apart is made one: white space between the tokens of a JSON Schema, and `1` and `1.0`
    as a number. The order of the keys of a schema stays, since models answer in the order of its properties.
    """
    who = json.dumps([_FORM, scope, model, mark]).encode()
    return blake2b(_digest(prompt) + who, digest_size=32).digest()


@remembered(lambda _, prompt: count_tokens(prompt), room=ROOM)
def _digest(prompt: Prompt) -> bytes:
    """Hundreds of members are asked the same, or the same parts of it: the long part is read once."""
    normal = msgspec.structs.replace(
        prompt,
        tools=tuple(msgspec.structs.replace(tool, schema=_packed(tool.schema)) for tool in prompt.tools),
        schema=None if prompt.schema is None else _packed(prompt.schema),
        temperature=None if prompt.temperature is None else float(prompt.temperature),
        top_p=None if prompt.top_p is None else float(prompt.top_p),
    )
    # The standard library's writer takes halves of surrogate pairs too, and escapes them.
    return blake2b(json.dumps(msgspec.to_builtins(normal)).encode(), digest_size=32).digest()


def _packed(schema: str) -> str:
    """JSON text without white space between its tokens; any other text as it is."""
    try:
        return msgspec.json.format(schema, indent=-1)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return schema


def answer_to_keep(events: Sequence[Event], identity: Identity) -> Answer | None:
    """What the events of a call come to, if it is a whole answer that `identity` itself gave just now."""
    speaker: Identity | None = None
    fold = Fold()
    for event in events:
        fold.add(event)
        if isinstance(event, AttemptBegan):
            speaker = event.model
        elif isinstance(event, AttemptEnded) and event.cached:
            return None  # keeping it again would make it younger than it is
    answer = fold.answer
    own = speaker is None or speaker.name == identity.name
    return answer if own and answer.finish in _WHOLE and (answer.text or answer.tool_calls) else None


async def _said_again(  # noqa: ASYNC124 - iterated in the place of a stream
    known: Kept | Similar, identity: Identity
) -> AsyncGenerator[Event, None]:
    """The events of a call that never went out; they amount to the answer that is known."""
    answer, ended = (
        (known.answer, _FREE) if isinstance(known, Kept) else (known.kept.answer, _free_like(known))
    )
    yield AttemptBegan(identity)
    if answer.reasoning:
        yield Reasoning(answer.reasoning)
    if answer.text:
        yield Text(answer.text)
    for index, call in enumerate(answer.tool_calls):
        yield ToolCallDelta(index, call.id, call.name, call.arguments)
    if answer.usage is not None:
        yield UsageReport(answer.usage)
    yield ended
    yield End(answer.finish or Finish.STOP, answer.model)


def _free_like(similar: Similar) -> AttemptEnded:
    line = " ".join(similar.prompt[: 2 * _EXCERPT].split())
    shown = line if len(line) <= _EXCERPT else line[: _EXCERPT - 1] + "…"
    return msgspec.structs.replace(_FREE, message=f"the answer to a prompt that asks the same: {shown}")


def _in_haste(fault: Fault) -> bool:
    """Whether a call was given up since whoever asked had too little time: others may have more."""
    return fault.category is Category.RATE_LIMITED and fault.owner is Owner.US


def _speaks(events: Sequence[Event]) -> bool:
    """Whether a listener who heard these has heard something of an answer."""
    return any(isinstance(event, Text | Reasoning | ToolCallDelta | UsageReport) for event in events)
