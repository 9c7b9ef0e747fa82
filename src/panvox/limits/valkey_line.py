"""What one process says to a server of permits: operations of `permits.lua`, in order, many in a trip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from panvox.errors import SettingsError
from panvox.redaction import masked_address

if TYPE_CHECKING:
    from redis.asyncio import Redis

PATIENCE = 1.0
"""Seconds in which the server must take a connection, and reply."""

LOST = object()
"""In place of a reply that has not come; whether the server has heard the question is not known."""

UNKNOWN = [b"unknown"]
"""The reply to a process that the server does not know, or not any more."""

Reply = Any
"""What the script gives: bytes, whole numbers, and lists of them."""

_ROOT = "{panvox}"  # begins every key; in braces, so that a cluster keeps all of them on one node
_SCRIPT = files("panvox.limits").joinpath("permits.lua").read_text(encoding="utf-8")
_SCHEMES = {"valkey": "redis", "valkeys": "rediss"}  # words of ours for those that redis-py knows
_TOGETHER = 256  # operations in one round trip


@dataclass(slots=True)
class _Operation:
    """One call of the script; `answered` gets its reply, or `LOST`."""

    name: str
    arguments: bytes
    answered: Callable[[Reply], None]


class Line:
    """One connection, and what waits to be said on it.

    `trouble` is what `greet` and `call` raise when the server cannot be used. Raises `SettingsError` for what
    is no address.
    """

    def __init__(self, url: str) -> None:
        self.address = masked_address(url)
        self._client, self.trouble = _client(url)
        self._queue: list[_Operation] = []
        self._queued = asyncio.Event()
        self._digest = ""

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def greet(self) -> None:
        """See that the server is there and knows the script; on a connection that is new."""
        await self._client.connection_pool.disconnect()
        self._digest = await self._client.script_load(_SCRIPT)

    def say(self, name: str, *arguments: object, answered: Callable[[Reply], None] | None = None) -> None:
        """Queue an operation. A call has a few, and a server that takes none is given up in a second."""
        self._queue.append(_Operation(name, msgspec.msgpack.encode(arguments), answered or ignore))
        self._queued.set()

    async def ask(self, name: str, *arguments: object) -> Reply:
        """Queue an operation, and wait for its reply; `LOST` if there will be none."""
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def answered(value: Reply) -> None:
            if not reply.done():
                reply.set_result(value)

        self.say(name, *arguments, answered=answered)
        return await reply

    async def call(self, name: str, *arguments: object) -> Reply:
        """Say something past the queue."""
        (reply,) = await self._sent([_Operation(name, msgspec.msgpack.encode(arguments), ignore)])
        return reply

    async def marks(self) -> dict[str, float]:
        """All that processes have marked, and for how many more seconds; past the queue."""
        start = f"{_ROOT}:mark:"
        found = [key async for key in self._client.scan_iter(match=f"{start}*", count=_TOGETHER)]
        left = [await self._client.pttl(key) for key in found]
        return {
            key.decode().removeprefix(start): milliseconds / 1000
            for key, milliseconds in zip(found, left, strict=True)
            if milliseconds > 0
        }

    async def converse(self) -> str:
        """Say what is queued, and wait for more, until that is of no use; gives the reason as words."""
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                operations, self._queue = self._queue[:_TOGETHER], self._queue[_TOGETHER:]
                try:
                    replies = await self._sent(operations)
                except self.trouble as error:
                    self._queue = operations + self._queue
                    return words_of(error)
                for operation, reply in zip(operations, replies, strict=True):
                    operation.answered(reply)
                if UNKNOWN in replies:
                    return "it has forgotten this process"

    async def hear(self, channel: str, heard_of: Callable[[str], None]) -> None:
        """Tell what is published on a channel of ours, over a connection of its own; raises `trouble`."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as heard:
            await heard.subscribe(f"{_ROOT}:{channel}")
            if (task := asyncio.current_task()) is not None and task.cancelling():
                # redis-py takes a cancellation that comes while it connects for a timeout of its own.
                raise asyncio.CancelledError
            while True:
                message = await heard.get_message(timeout=None)
                if message is not None:
                    heard_of(message["data"].decode())

    def drop(self) -> None:
        """What is queued will not be said."""
        operations, self._queue = self._queue, []
        for operation in operations:
            operation.answered(LOST)

    async def _sent(self, operations: list[_Operation]) -> list[Reply]:
        # No transaction, since each operation is one already.
        pipeline = self._client.pipeline(transaction=False)
        for operation in operations:
            pipeline.execute_command("EVALSHA", self._digest, 1, _ROOT, operation.name, operation.arguments)
        # Raised from here instead of there, an error would show the arguments.
        replies: list[Reply] = await pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies


def _client(url: str) -> tuple[Redis, tuple[type[Exception], ...]]:
    """A client that never tries again by itself, and what it raises when the server cannot be used."""
    from redis.asyncio import Redis  # noqa: PLC0415 - takes a quarter of a second, and few share limits
    from redis.asyncio.retry import Retry  # noqa: PLC0415 - as above
    from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
    from redis.exceptions import RedisError  # noqa: PLC0415 - as above

    scheme, separator, rest = url.partition("://")
    try:
        client = Redis.from_url(
            _SCHEMES.get(scheme, scheme) + separator + rest,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,  # it would read its own version from the disk for each connection
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
        )
        # Opens nothing; it finds words behind the ? that mean nothing.
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py has no type for it
    except (ValueError, TypeError):
        raise SettingsError(
            f"limits.url: {masked_address(url)} is no address of a Valkey server, or what follows its ? "
            "means nothing; write valkey://HOST:PORT, valkeys://HOST:PORT (with TLS) or unix:///PATH"
        ) from None
    # uvloop raises RuntimeError where the server closes a connection while redis-py writes to it.
    return client, (RedisError, OSError, RuntimeError)


def words_of(error: Exception) -> str:
    """Why the server cannot be used; names hosts and ports, and no passwords."""
    return str(error).rstrip(".") or type(error).__name__


def ignore(_: object) -> None:
    """Do nothing with a reply, or a sentence."""
