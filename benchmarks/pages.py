"""Sections of BENCHMARKS.md: each stands between two comments of its name, and is replaced as a whole."""

from __future__ import annotations

import textwrap
from pathlib import Path


def section(name: str, text: str) -> str:
    """`text` between the comments of `name`."""
    return f"{_begin(name)}\n{text.strip()}\n{_end(name)}"


def filled(text: str, *, hanging: str = "") -> str:
    """`text` in lines of a page's width, those after the first behind `hanging`."""
    return textwrap.fill(
        text.strip(), 110, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def point(text: str) -> str:
    """`text` as a point of a list."""
    return filled(f"- {text}", hanging="  ")


def write(file: Path, name: str, text: str) -> None:
    """Put `text` into the file as the section `name`, in the place of the last one."""
    before, _, rest = file.read_text().partition(_begin(name))
    _, _, after = rest.partition(_end(name))
    file.write_text(before + section(name, text) + after)


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->"
