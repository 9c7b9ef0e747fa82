"""Whether a stream is a terminal, and what may be sent to it."""

from __future__ import annotations

import shutil
import sys
from typing import TextIO

from panvox.settings.places import environment


def colour(stream: TextIO) -> bool:
    """Whether colours may be used: in a terminal that knows them, unless NO_COLOR forbids it."""
    variables = environment()
    return stream.isatty() and not variables.get("NO_COLOR") and variables.get("TERM") != "dumb"


def width() -> int | None:
    """Cells of a line of standard output; None where it is no terminal and lines may be of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Passing:
    """A line on standard error that says what is waited for, and is gone when something else is printed.

    Shown only where both streams are terminals that understand it.
    """

    def __init__(self) -> None:
        self._shown = False
        self._wanted = colour(sys.stderr) and sys.stdout.isatty()

    def show(self, text: str) -> None:
        """Show `text`, in place of what was there."""
        if self._wanted:
            self.clear()
            cells = max(20, shutil.get_terminal_size().columns - 1)
            sys.stderr.write(f"\x1b[2m{text[:cells]}\x1b[0m")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
