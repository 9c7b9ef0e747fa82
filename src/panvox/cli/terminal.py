"""Whether a stream is a terminal, and what may be sent to it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TextIO

from panvox.cli.text import one_line
from panvox.settings.places import environment

_NAMED = 20  # names of those that are waited for; no line has room for more


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


class Awaited:
    """Those that are waited for, named on a passing line."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)
        self._line = Passing()
        self._show()

    @contextmanager
    def heard(self, name: str) -> Iterator[None]:
        """`name` is not waited for any more; inside, there is room to print what came of it."""
        self._names.pop(name, None)
        self._line.clear()
        yield
        self._show()

    def clear(self) -> None:
        """Nobody is waited for any more."""
        self._line.clear()

    def _show(self) -> None:
        if self._names:
            named = ", ".join(map(one_line, islice(self._names, _NAMED)))
            self._line.show(f"waiting for {len(self._names):,}: {named}")
