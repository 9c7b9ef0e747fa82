"""Standard output and standard error, which may be closed by their readers at any time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:  # rich takes longer to load than the front page may take
    from rich.console import Console, RenderableType
    from rich.table import Table


class Outlet:
    """A text stream that goes quiet when nobody reads it any more, instead of raising.

    `panvox ask … | head -1` must neither print a traceback nor change its exit code. What else keeps it from
    writing, such as a full disk, is a `PanvoxError`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.unread = False

    def write(self, text: str) -> int:
        """Write, or do nothing if the reader has gone."""
        return self._attempt(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Pass on what was written, or do nothing if the reader has gone."""
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[[], int | None]) -> int:
        if self.unread:
            return 0
        try:
            return action() or 0
        except BrokenPipeError:
            self._go_quiet()
            return 0
        except OSError as error:
            self._go_quiet()
            from panvox.errors import PanvoxError  # noqa: PLC0415 - brings msgspec; hardly ever needed

            raise PanvoxError(f"what there is to say cannot be written: {error.strerror}") from None

    def _go_quiet(self) -> None:
        self.unread = True
        # What is left in the buffers is written when the interpreter ends: it must find an open file.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a text stream in all other respects
        return getattr(self._stream, name)


def install() -> None:
    """Let both streams go quiet when unread, and show what their encoding cannot write as `?`."""
    _fill_gaps()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us: `>&-`
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open as long as we run
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        setattr(sys, name, cast("TextIO", Outlet(stream)))


def _fill_gaps() -> None:
    """Open what whoever started us has closed (`<&-`): else a socket would become standard input."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free, which is this one


def unread(stream: TextIO) -> bool:
    """Whether the reader of a stream has gone."""
    return getattr(stream, "unread", False)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console that shows text as it is: no markup, no guessing of what could be highlighted.

    Where it is no terminal, lines are as long as they need to be, unless `width` says otherwise.
    """
    from rich.console import Console  # noqa: PLC0415 - see above

    stream = sys.stderr if stderr else sys.stdout
    if width is None and not stream.isatty():
        width = 10_000
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def listing(console: Console) -> Table:
    """An empty table for a list; in a terminal it fills the width, so that columns with a ratio share it."""
    from rich.table import Table  # noqa: PLC0415 - see above

    return Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=console.is_terminal
    )


def show(console: Console, part: RenderableType) -> None:
    """Print without the spaces with which rich fills up its tables."""
    with console.capture() as capture:
        console.print(part)
    console.file.write("\n".join(line.rstrip(" ") for line in capture.get().split("\n")))
    console.file.flush()
