"""Doubles and contract checks for those who write models, and for our own tests.

ScriptedModel   says what it is told to, when it is told to, and counts who is listening
MemoryJournal   keeps what a run writes down
MemoryCache     keeps answers as long as it lives
check_model     the promises of `panvox.protocols.Model`, as assertions
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from panvox.errors import Failure
from panvox.messages import Answer, End, Event, Finish, Identity, Outcome, Prompt, RunEnded, Text
from panvox.protocols import Kept, Model


class ScriptedModel:
    """A model that follows a script: events are sent, numbers are seconds to wait, failures are raised."""

    def __init__(self, name: str, script: Sequence[Event | Failure | Exception | float]) -> None:
        self.name = name
        self.prompts: list[Prompt] = []
        self.listening = 0
        self.cancelled = 0
        self._script = tuple(script)

    @classmethod
    def saying(cls, name: str, text: str, *, after: float = 0.0) -> ScriptedModel:
        """A model that answers `text` after so many seconds."""
        return cls(name, (after, Text(text), End(Finish.STOP)))

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Follow the script; see `Model`."""
        self.prompts.append(prompt)
        self.listening += 1
        events = self._follow()
        try:
            yield events
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.listening -= 1
            await events.aclose()

    async def _follow(self) -> AsyncGenerator[Event, None]:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int | float):
                await asyncio.sleep(step)
            else:
                yield step


class MemoryJournal:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.begun: list[tuple[str, int, Prompt]] = []
        self.outcomes: list[Outcome] = []
        self.ended: list[RunEnded] = []

    async def begin(self, run: str, turn: int, prompt: Prompt, members: tuple[Identity, ...]) -> None:
        """See `Journal`."""
        self.begun.append((run, turn, prompt))

    async def outcome(self, run: str, turn: int, outcome: Outcome) -> None:
        """See `Journal`."""
        self.outcomes.append(outcome)

    async def finish(self, ended: RunEnded) -> None:
        """See `Journal`."""
        self.ended.append(ended)


class MemoryCache:
    """A cache that remembers everything, and forgets nothing."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.answers: dict[bytes, Answer] = {}

    async def get(self, key: bytes) -> Kept | None:
        """See `Cache`."""
        answer = self.answers.get(key)
        return None if answer is None else Kept(answer=answer, at=0.0)

    async def put(self, key: bytes, answer: Answer) -> None:
        """See `Cache`."""
        self.answers[key] = answer


async def check_model(
    *,
    answering: Model,
    failing: Model,
    endless: Model,
    at_rest: Callable[[], Awaitable[bool]],
    prompt: Prompt | None = None,
) -> None:
    """Assert the promises of `Model`.

    `answering` answers, `failing` ends in a `Failure`, `endless` never ends by itself; `at_rest` tells
    whether nothing is open any more: no connection, task or permit. Raises `AssertionError`.
    """
    asked = prompt or Prompt.of("What is the capital of France?")
    await _ends_once(answering, asked)
    await _two_streams_do_not_disturb_each_other(answering, asked)
    await _fails_bare(failing, asked)
    await _closes_when_left(answering, asked)
    await _closes_when_cancelled(endless, asked)
    await _lets_errors_of_its_user_out(endless, asked)
    async with asyncio.timeout(1):
        while not await at_rest():  # noqa: ASYNC110 - what closes, closes on the other side of a wire
            await asyncio.sleep(0.01)


async def _events(model: Model, prompt: Prompt) -> list[Event]:
    async with model.stream(prompt) as events:
        return [event async for event in events]


async def _ends_once(model: Model, prompt: Prompt) -> None:
    events = await _events(model, prompt)
    ends = [index for index, event in enumerate(events) if isinstance(event, End)]
    assert ends == [len(events) - 1], f"one end, and last: {events}"  # noqa: S101 - assertions are its purpose


async def _two_streams_do_not_disturb_each_other(model: Model, prompt: Prompt) -> None:
    async with model.stream(prompt) as first, model.stream(prompt) as second:
        one = [event async for event in first]
        two = [event async for event in second]
    assert isinstance(one[-1], End), one  # noqa: S101
    assert isinstance(two[-1], End), two  # noqa: S101


async def _fails_bare(model: Model, prompt: Prompt) -> None:
    try:
        await _events(model, prompt)
    except Failure:
        return
    raise AssertionError("the failing model did not fail")


async def _closes_when_left(model: Model, prompt: Prompt) -> None:
    async with model.stream(prompt):
        pass
    async with model.stream(prompt) as events:
        await anext(events)


async def _closes_when_cancelled(model: Model, prompt: Prompt) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    try:
        async with asyncio.timeout(0.2):
            await _events(model, prompt)
    except TimeoutError:
        took = loop.time() - before - 0.2
        assert took < 0.5, f"closing after a cancellation took {took:.2f} s"  # noqa: S101
        return
    raise AssertionError("the endless model ended, or swallowed the cancellation")


async def _lets_errors_of_its_user_out(model: Model, prompt: Prompt) -> None:
    class Mine(Exception):
        pass

    try:
        async with model.stream(prompt):
            raise Mine  # noqa: TRY301 - the body of a user
    except Mine:
        return
