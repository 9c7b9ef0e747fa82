"""The model on this machine: an engine in a child process of ours, asked over HTTP like any other model.

LocalServer   the child process: started by the first call, ended with the server, the parent, or by itself
LocalModel    a `Model` that asks it; several of them are samples of one set of weights
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import msgspec

from panvox.dialects.openai import OpenAI
from panvox.errors import InvalidRequest, LocalUnavailable, Unreachable
from panvox.messages import Event, ImagePart, Message, Prompt, TextPart
from panvox.protocols import Transport
from panvox.providers import local_server
from panvox.providers.http import Deadlines, HttpModel
from panvox.providers.local_server import Order
from panvox.providers.unpooled import Unpooled
from panvox.providers.weights import ENGINE, check_weights, find_weights

_LOADING = 300.0  # seconds that weights may take to load; the largest files come from slow disks
_LOG_KEPT = 1 << 14  # bytes of the engine's words that are remembered
_LONGEST = 300  # characters of them that are quoted
_DYING = 0.5  # seconds in which a process that answers no more is gone, if it is dying
_CLOSING = 2.0  # seconds that the end of a killed process is waited for
_STANDARD_OUTPUT = 1
_KILLED = -9  # Windows has no name for it
_ILLEGAL_INSTRUCTION = (-signal.SIGILL, 0xC000001D)  # Windows has its own number

# Found by asking SmolLM2 facts and for lists and stories: without a system message its template puts in one
# that it answers worse to (capitals come out in French); with the penalty half as many answers run in circles
# to their limit, and no fewer are right. Other weights are left as they are.
_SYSTEM = Message("system", (TextPart("You are a helpful assistant."),))
_FREQUENCY_PENALTY = 0.1
_TEMPERATURE = 0.4  # of all samples but the first


class LocalServer:
    """Serves one set of weights to this process alone, from a child process that starts when it is needed.

    `weights` is a GGUF file, the installed SmolLM2 if None; `context` is in tokens of each of the `slots`
    that are served at the same time; `threads` None means all cores but one, eight at most. The child ends
    when the server is left, and also when this process dies, however it does. One that crashed is started
    again by the next call.
    """

    def __init__(
        self,
        *,
        weights: Path | None = None,
        context: int = 2048,
        slots: int = 5,
        threads: int | None = None,
    ) -> None:
        self._weights = weights
        self._context = context
        self._slots = slots
        self._threads = threads
        self._child: Child | None = None
        self._open = False
        self._spawning = asyncio.Lock()  # so that callers who come at the same time start one child

    def __repr__(self) -> str:
        child = self._child
        state = f"pid={child.pid}" if child and child.alive else "not running"
        return f"LocalServer({state}, slots={self._slots}, context={self._context})"

    @property
    def pid(self) -> int | None:
        """The process id of the child, while it runs."""
        return self._child.pid if self._child and self._child.alive else None

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        async with self._spawning:
            child, self._child = self._child, None
        if child is not None:
            await child.end("The local server was closed.")

    async def started(self) -> Child:
        """The running child; starts it if need be. Raises `LocalUnavailable`, for all who wait for it."""
        async with self._spawning:
            if not self._open:
                raise RuntimeError("the local server is not entered, or was left")
            child = self._child
            if child is None or not child.alive:
                child = self._child = await self._spawn()
        await child.wait_serving()
        return child

    async def _spawn(self) -> Child:
        weights = await asyncio.to_thread(_find, self._weights)
        order = Order(
            weights=str(weights),
            model=weights.stem,
            context=self._context,
            slots=self._slots,
            threads=self._threads,
            frequency_penalty=0.0 if self._weights else _FREQUENCY_PENALTY,
            key=secrets.token_urlsafe(32),
            parent=os.getpid(),
        )
        # -P: the folder of the program has an `http.py`, the present one may have anything.
        program = (sys.executable, "-P", local_server.__file__)
        loop = asyncio.get_running_loop()
        try:
            _, child = await loop.subprocess_exec(
                lambda: Child(order, installed=self._weights is None), *program
            )
        except OSError as error:
            raise LocalUnavailable(
                f"The process for the model on this machine cannot be started: {error.strerror or error}.",
                hint="Check the limits of processes and memory of this machine.",
            ) from error
        return child


class Child(asyncio.SubprocessProtocol):
    """The child process as the parent sees it.

    `model` is what the server calls its model, `key` what it asks for; `installed` tells whether the weights
    are those that panvox installs. `alive` turns false when it ends.
    """

    def __init__(self, order: Order, *, installed: bool) -> None:
        self.model = order["model"]
        self.key = order["key"]
        self.installed = installed
        self.alive = True
        self._order = order
        self._report = bytearray()
        self._log = bytearray()
        self._settled = asyncio.Event()  # it serves, or is gone
        self._gone = asyncio.Event()
        self._ended_because = ""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._transport.get_pid()

    @property
    def base_url(self) -> str:
        """Where it serves."""
        return f"{json.loads(self._report)['address']}/v1"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it the order. The pipe stays open: its end would mean ours."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        order = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        order.write(json.dumps(self._order).encode() + b"\n")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep its report, and the end of its log."""
        if fd != _STANDARD_OUTPUT:
            self._log += data
            del self._log[:-_LOG_KEPT]
            return
        self._report += data
        if self._report.endswith(b"\n"):
            self._settled.set()

    def process_exited(self) -> None:
        """See that it has ended."""
        self.alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, and everything it said is here."""
        self._transport.close()
        self._gone.set()
        self._settled.set()

    async def wait_serving(self) -> None:
        """Return once the model is loaded. Raises `LocalUnavailable`."""
        try:
            async with asyncio.timeout(_LOADING):
                await self._settled.wait()
        except TimeoutError:
            await self.end(f"The model {self.model} was not loaded after {_LOADING:g} s.")
        if self._ended_because or not self._report:
            raise self.failure()

    async def wait_gone(self, within: float) -> bool:
        """Whether it is gone, `within` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._gone.wait()
        return self._gone.is_set()

    async def end(self, reason: str) -> None:
        """End it at once: it holds nothing that is worth a goodbye."""
        self._ended_because = self._ended_because or reason
        with suppress(ProcessLookupError):
            self._transport.kill()
        if not await self.wait_gone(within=_CLOSING):
            self._transport.close()

    def failure(self) -> LocalUnavailable:
        """Why it is gone, in its own last words where it had any."""
        if self._ended_because:
            return LocalUnavailable(self._ended_because)
        status = self._transport.get_returncode() or 0
        if status in _ILLEGAL_INSTRUCTION:
            return LocalUnavailable(
                "The engine of the model on this machine needs instructions that the processor lacks.",
                hint="Set local.enabled = false; another local server, such as Ollama, may work.",
            )
        if status == _KILLED:
            return LocalUnavailable(
                f"The model {self.model} on this machine was killed, as happens when memory runs out.",
                hint="Lower local.context or local.samples, or choose a smaller GGUF file.",
            )
        words = _last_words(self._log.decode("utf-8", "replace"), serving=bool(self._report))
        return LocalUnavailable(f"The model {self.model} on this machine ended {_how(status)}{words}.")


def _find(named: Path | None) -> Path:
    """The weights to serve, checked, with an engine to serve them. Raises `LocalUnavailable`."""
    weights = named or find_weights()
    if weights is None:
        raise LocalUnavailable("The weights of the model on this machine are not installed.")
    check_weights(weights)
    if find_spec(ENGINE) is None:
        raise LocalUnavailable(f"The engine of the model on this machine, {ENGINE}, is not installed.")
    return weights


def _last_words(log: str, *, serving: bool) -> str:
    """The line of the log that says most, after a colon.

    While it loads, the engine complains of the cause first; later, and in Python, what comes last matters.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    complaints = [] if serving else [words for line in lines if (words := line.partition(" E ")[2])]
    words = (complaints or lines[-1:] or [""])[0][:_LONGEST].rstrip(".")
    return f": {words}" if words else ""


def _how(status: int) -> str:
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"with status {status}"


class LocalModel:
    """A `Model` that asks a `LocalServer`; `sample` counts from 0.

    The first sample always takes the likeliest word, the others choose among likely ones, each with a seed of
    its own, unless the prompt says otherwise. `max_tokens` bounds answers to prompts that name no bound.
    """

    def __init__(
        self,
        *,
        name: str,
        server: LocalServer,
        transport: Transport,
        sample: int = 0,
        max_tokens: int = 512,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.name = name
        self._server = server
        self._transport = Unpooled(transport)
        self._sample = sample
        self._max_tokens = max_tokens
        self._deadlines = deadlines

    def __repr__(self) -> str:
        return f"LocalModel(name={self.name!r}, sample={self._sample}, server={self._server!r})"

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Ask; see `Model`.

        Raises `LocalUnavailable` where the server cannot be started, `InvalidRequest` for a prompt with
        images.
        """
        if any(isinstance(part, ImagePart) for message in prompt.messages for part in message.parts):
            raise InvalidRequest(
                "The model on this machine reads no images.",
                hint="Choose a model that does, or ask in words.",
            )
        async with AsyncExitStack() as stack:
            yield await self._entered(stack, prompt)

    async def _entered(
        self, stack: AsyncExitStack, prompt: Prompt, *, again: bool = True
    ) -> AsyncIterator[Event]:
        """The stream of a child that answers; one that has died since it was last heard of is replaced."""
        child = await self._server.started()
        model = HttpModel(
            name=self.name,
            model=child.model,
            dialect=OpenAI(),
            transport=self._transport,
            base_url=child.base_url,
            key=child.key,
            deadlines=self._deadlines,
        )
        try:
            return await stack.enter_async_context(model.stream(self._asked(prompt, child)))
        except Unreachable as failure:
            unreachable = failure
        if not await child.wait_gone(within=_DYING):
            raise unreachable
        if again:
            return await self._entered(stack, prompt, again=False)
        raise child.failure() from unreachable

    def _asked(self, prompt: Prompt, child: Child) -> Prompt:
        temperature = _TEMPERATURE if self._sample else 0.0
        has_system = any(message.role == "system" for message in prompt.messages)
        return msgspec.structs.replace(
            prompt,
            messages=(_SYSTEM, *prompt.messages) if child.installed and not has_system else prompt.messages,
            max_tokens=self._max_tokens if prompt.max_tokens is None else prompt.max_tokens,
            temperature=temperature if prompt.temperature is None else prompt.temperature,
            seed=(prompt.seed or 0) + self._sample,
        )
