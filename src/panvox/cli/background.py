"""A turn in a process of its own, which goes on when the reader has left.

The child is this very command with `--json --detached`, in a session of its own so that closing the terminal
does not reach it. The prompt goes through a pipe: everybody on the machine can read command lines.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import IO

import msgspec

from panvox.cli.exits import Exit
from panvox.cli.process import Interrupts
from panvox.cli.reader import Manner, read
from panvox.cli.text import clean
from panvox.messages import RunEnded, RunEvent, WaitMet

LONGEST_EVENT = 2**30
"""Bytes of one line of JSON. Only bounds the damage: the transport caps answers long before."""

LONGEST_SAID = 2**20
"""Bytes of the child's standard error that are passed on."""


class Child:
    """The process that asks. Iterate it for its events."""

    def __init__(self, options: Sequence[str], prompt: str) -> None:
        # A file and not a pipe: it takes what the child says after its reader has left.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the child's, to its end
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "panvox", "ask", "-", "--json", "--detached", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,
        )
        self._prompt = prompt
        self._stopped = False
        self.sent_verdict = False

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        """The events, until the child ends."""
        await asyncio.to_thread(self._send_prompt)
        decode = msgspec.json.Decoder(RunEvent).decode
        reader = asyncio.StreamReader(limit=LONGEST_EVENT)
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout
        )
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                event = decode(line)
                self.sent_verdict = self.sent_verdict or isinstance(event, WaitMet | RunEnded)
                yield event
        finally:
            pipe.close()

    def _send_prompt(self) -> None:
        stdin = self._process.stdin
        with suppress(BrokenPipeError):  # it ended before it had read: its exit code and words tell why
            if stdin:
                stdin.write(self._prompt.encode())
                stdin.close()

    def stop(self, why: str = "stopped") -> None:
        """Interrupt the child, which then sends its last events."""
        del why  # a signal has no words
        if not self._stopped:
            self._stopped = True  # a second one would end it without its last events
            self._process.send_signal(signal.SIGINT)

    def said(self) -> str:
        """What it has written on standard error."""
        # Read without moving the place at which the child goes on writing.
        written = os.pread(self._said.fileno(), LONGEST_SAID, 0)
        return clean(written.decode("utf-8", "replace"))

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.to_thread(self._process.wait)


async def ask_in_background(
    options: Sequence[str], prompt: str, manner: Manner, interrupts: Interrupts
) -> int:
    """Start a child that asks, show what it sends until the wait policy is met, and leave it to the rest."""
    child = Child(options, prompt)
    code = await read(child, manner, interrupts)
    if interrupts.heard:
        return code
    sys.stderr.write(child.said())
    if child.sent_verdict:
        return code
    return await child.wait() or Exit.NOTHING
