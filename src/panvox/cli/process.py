"""The process of a command: its event loop and its signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress

from panvox.cli.exits import Exit

GRACE = 2.7
"""Seconds from the first Ctrl-C to the end of the process, whatever happens; three are promised."""


class Interrupts:
    """Ctrl-C and SIGTERM: the first ends what is under way in good order, the second ends the process."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self.heard = False
        self._stop = stop

    @contextmanager
    def handled_by(self, stop: Callable[[], object]) -> Iterator[None]:
        """While inside, the first signal calls `stop` and cancels nothing."""
        before, self._stop = self._stop, stop
        try:
            yield
        finally:
            self._stop = before

    def hear(self) -> None:
        """A signal has come."""
        if self.heard:
            end_at_once()
        self.heard = True
        asyncio.get_running_loop().call_later(GRACE, end_at_once)
        self._stop()


def end_at_once() -> None:
    """End the process without waiting for anything, with the terminal's cursor visible."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(Exit.INTERRUPTED)


def run(command: Callable[[Interrupts], Coroutine[None, None, int]]) -> int:
    """Run an asynchronous command to its end and return its exit code; interrupted, it is 130."""
    # Nobody but a signal cancels a command.
    with asyncio.Runner(loop_factory=_loop_factory()) as runner, suppress(asyncio.CancelledError):
        return runner.run(_with_signals(command))
    return Exit.INTERRUPTED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on every system
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _with_signals(command: Callable[[Interrupts], Coroutine[None, None, int]]) -> int:
    task = asyncio.current_task()
    interrupts = Interrupts(task.cancel if task else end_at_once)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupts.hear)
    return await command(interrupts)
