"""Leaves a model alone that fails again and again, and finds out in the background when it is back.

Breaking   a Model that refuses at once while its circuit is not closed
Breakers   all circuits, and the probes that close them again; off the path of those who ask
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from panvox.errors import CircuitOpen, Failure, Fault, Internal, TimedOut
from panvox.messages import End, Event, Prompt, Waiting
from panvox.policies.circuit import PROBE_LIMIT, Circuit, CircuitRule, CircuitState
from panvox.policies.pauses import in_short
from panvox.policies.policy import Policy
from panvox.protocols import Model

PROBE = Prompt.of("What is the capital of France? Answer in one word.", max_tokens=16)
"""What a probe asks."""

_LOOK_UP = 0.1  # seconds that finding a mark may keep a call waiting


class Marks(Protocol):
    """Where processes tell each other which circuits are open; without it each finds out by itself."""

    async def mark(self, name: str, seconds: float) -> None:
        """`name` is left alone for so many seconds; 0 takes the mark away."""
        ...

    async def marked(self, name: str) -> float:
        """Seconds for which `name` is still left alone; 0 where nobody says so."""
        ...


class Unshared:
    """The marks of a process that is alone."""

    async def mark(self, name: str, seconds: float) -> None:
        """See `Marks`."""

    async def marked(self, name: str) -> float:
        """See `Marks`."""
        return 0.0


class _Watched(NamedTuple):
    circuit: Circuit
    model: Model


class Breakers:
    """The circuits of a process: a model with one key each. While it is entered, open ones are probed.

    A probe asks the model itself, so limits hold for it too. Leaving cancels the probes on their way.
    """

    def __init__(self, rule: CircuitRule | None = None, *, marks: Marks | None = None) -> None:
        self._rule = rule or CircuitRule()
        self._marks = marks or Unshared()
        self._watched: dict[str, _Watched] = {}
        self._news: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._keeping: AbstractAsyncContextManager[None] | None = None

    def __repr__(self) -> str:
        return f"Breakers({[state for state in self.states() if state.state != 'closed']})"

    def around(self, model: Model, name: str) -> Breaking:
        """`model`, left alone while the circuit called `name` is open; the circuit outlives the model."""
        known = self._watched.get(name)
        circuit = known.circuit if known else Circuit(name, self._rule)
        self._watched[name] = _Watched(circuit, model)
        return Breaking(model, circuit, self)

    def states(self) -> tuple[CircuitState, ...]:
        """How all circuits stand, by name."""
        now = asyncio.get_running_loop().time()
        return tuple(self._watched[name].circuit.state(now) for name in sorted(self._watched))

    async def __aenter__(self) -> Self:
        self._keeping = self._kept()
        await self._keeping.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping:
            await keeping.__aexit__(None, None, None)  # told of no error, it lets the user's own out bare

    async def refusal(self, circuit: Circuit, now: float) -> float | None:
        """None if the model may be asked, else the seconds until it is tried again."""
        left = circuit.refused(now)
        if left is None:
            return await self._marked(circuit.name) or None
        self._changed.set()
        return left

    def opened(self, circuit: Circuit, now: float) -> None:
        """A circuit has opened."""
        self._news[circuit.name] = circuit.state(now).until + PROBE_LIMIT
        self._changed.set()

    @asynccontextmanager
    async def _kept(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(self._keep(), name="probes of open circuits")
            yield
            keeper.cancel()

    async def _keep(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                for name, seconds in self._news.items():
                    tasks.create_task(self._tell(name, seconds))
                self._news.clear()
                for watched in self._due(asyncio.get_running_loop().time()):
                    watched.circuit.probe()
                    tasks.create_task(self._probe(watched), name=f"probe of {watched.circuit.name}")
                await self._wait_for_news_until(self._next())

    def _due(self, now: float) -> list[_Watched]:
        moments = ((watched, watched.circuit.probe_at()) for watched in self._watched.values())
        return [watched for watched, moment in moments if moment is not None and moment <= now]

    def _next(self) -> float | None:
        moments = (watched.circuit.probe_at() for watched in self._watched.values())
        return min((moment for moment in moments if moment is not None), default=None)

    async def _wait_for_news_until(self, moment: float | None) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._changed.wait()
        except TimeoutError:
            pass  # a probe is due

    async def _probe(self, watched: _Watched) -> None:
        fault = await _asked(watched.model)
        circuit, now = watched.circuit, asyncio.get_running_loop().time()
        circuit.probed(fault, now)
        still = circuit.state(now)
        self._news[circuit.name] = still.until + PROBE_LIMIT if still.state == "open" else 0.0
        self._changed.set()

    async def _tell(self, name: str, seconds: float) -> None:
        try:
            await self._marks.mark(name, seconds)
        except Exception:  # noqa: BLE001 - what tells the others must never stop the probes
            return

    async def _marked(self, name: str) -> float:
        try:
            async with asyncio.timeout(_LOOK_UP):
                return await self._marks.marked(name)
        except Exception:  # noqa: BLE001 - what others know must never cost a call
            return 0.0


class Breaking(Policy):
    """A `Model` that is not asked while its circuit is open: then `CircuitOpen` is raised at once.

    Its `wait` is the time until the model is tried again.
    """

    def __init__(self, model: Model, circuit: Circuit, breakers: Breakers) -> None:
        self.name = model.name
        self._model = model
        self._circuit = circuit
        self._breakers = breakers

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        clock = asyncio.get_running_loop().time
        left = await self._breakers.refusal(self._circuit, clock())
        if left is not None:
            raise CircuitOpen(self._why(left), wait=left)
        try:
            events = await stack.enter_async_context(self._model.stream(prompt))
            async for event in events:
                if isinstance(event, End):
                    self._circuit.answered(clock())
                yield event
        except Failure as failure:
            if self._circuit.failed(failure.fault, clock()):
                self._breakers.opened(self._circuit, clock())
            raise

    def _why(self, left: float) -> str:
        last = f"; the last time with: {in_short(self._circuit.last)}" if self._circuit.last else "."
        again = f"It is tried again in {left:.0f} s." if left >= 1 else "It is being tried again now."
        return f"{self._circuit.name} was not asked, since it failed again and again{last} {again}"


async def _asked(model: Model) -> Fault | None:
    """Ask the tiny question: the fault of no answer. Time in a line for a permit is not the model's."""
    clock = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(PROBE_LIMIT) as limit, model.stream(PROBE) as events:
            async for event in events:
                held = isinstance(event, Waiting)
                limit.reschedule(None if held else clock() + PROBE_LIMIT)
    except Failure as failure:
        return failure.fault
    except TimeoutError:
        return TimedOut(f"no sign of life within the {PROBE_LIMIT:g} s of a probe").fault
    except Exception as error:  # noqa: BLE001 - a defect in one model must not end the probes of the others
        return Internal(f"{type(error).__name__} in {model.name}: {error}").fault
    return None
