"""Models whose attempts differ, and what is heard of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

from panvox.errors import Failure
from panvox.messages import End, Event, Finish, Fold, Prompt, Text
from panvox.protocols import Model
from panvox.testing import ScriptedModel

PROMPT = Prompt.of("What is the capital of France?")
PARIS: tuple[Event, ...] = (Text("Paris"), End(Finish.STOP))


class Attempts:
    """A model with one script for each attempt; the last one holds for all that follow."""

    def __init__(self, name: str, *scripts: Sequence[Event | Failure | float]) -> None:
        self.name = name
        self.times: list[float] = []
        self.prompts: list[Prompt] = []
        self._models = [ScriptedModel(name, script) for script in scripts]

    @property
    def listening(self) -> int:
        """Attempts that are open."""
        return sum(model.listening for model in self._models)

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Follow the next script; see `Model`."""
        model = self._models[min(len(self.times), len(self._models) - 1)]
        self.times.append(asyncio.get_running_loop().time())
        self.prompts.append(prompt)
        return model.stream(prompt)


class Weather:
    """A model that fails with `failure` while `down`, and answers at other times."""

    def __init__(self, name: str, failure: Failure, *, down: bool = True) -> None:
        self.name = name
        self.down = down
        self.asked = 0
        self._bad = ScriptedModel(name, (failure,))
        self._good = ScriptedModel(name, PARIS)

    def stream(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """See `Model`."""
        self.asked += 1
        return (self._bad if self.down else self._good).stream(prompt)


async def heard(model: Model, prompt: Prompt = PROMPT) -> tuple[list[Event], Failure | None]:
    """All events of one stream, and the failure that ended it."""
    events: list[Event] = []
    try:
        async with model.stream(prompt) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - a comprehension would lose them
    except Failure as failure:
        return events, failure
    return events, None


def said(events: Sequence[Event]) -> str:
    """The text that the events amount to."""
    fold = Fold()
    for event in events:
        fold.add(event)
    return fold.answer.text
