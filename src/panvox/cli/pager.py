"""Long lists in a terminal: one screen at a time, as people know it from other tools."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from panvox.settings.places import environment

_USUAL = "less -FRSX"
"""Ends at once if all fits, shows colours, cuts long lines, leaves the text on the screen."""


def show(text: Sequence[str], *, paged: bool) -> None:
    """Print lines; where standard output is a terminal that they do not fit, and `paged`, through a pager.

    The pager is that of the variable PAGER, or `less`. Without one that works they are printed as they are.
    """
    command = _command() if paged and sys.stdout.isatty() else []
    if command and len(text) >= shutil.get_terminal_size().lines:
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, errors="replace") as process:  # noqa: S603 - the user's own pager
            try:
                process.communicate("\n".join(text) + "\n")
            except KeyboardInterrupt:
                process.wait()
        if process.returncode == 0:
            return
    for line in text:
        print(line)
    sys.stdout.flush()


def _command() -> list[str]:
    try:
        chosen = shlex.split(environment().get("PAGER") or _USUAL)
    except ValueError:  # quotes that do not close
        return []
    return chosen if chosen and shutil.which(chosen[0]) else []
