"""What models are told to do with the files: a set that ships, one of the user, a file, or the words given.

A set is a Markdown file whose first line is its title (`# Review`). One in the user's folder of instructions
takes the place of the shipped one with its name.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from panvox.errors import UsageError

SHIPPED = "shipped"


class Instructions(msgspec.Struct, frozen=True, kw_only=True):
    """What models are told. `source` is "shipped", "given", or the path of the file."""

    name: str
    title: str
    text: str
    source: str


def instruction_sets(folder: Path | None) -> tuple[Instructions, ...]:
    """All sets by name; those in `folder` in the place of shipped ones."""
    shipped = files("panvox.review") / "data" / "instructions"
    return tuple(
        Instructions(
            name=each.name.removesuffix(".md"), title=each.name, text=each.read_text("utf-8"), source=SHIPPED
        )
        for each in sorted(shipped.iterdir(), key=lambda each: each.name)
    )


def find_instructions(what: str, folder: Path | None) -> Instructions:
    """The set of this name, else the file at this path, else `what` itself where it is several words.

    Raises `UsageError` for what is none of these, with the names that there are.
    """
    found = {each.name: each for each in instruction_sets(folder)}
    if what in found:
        return found[what]
    if " " in what:
        return Instructions(name="given", title="Instructions", text=what, source="given")
    raise UsageError(f"there are no instructions called {what!r}; there are {', '.join(found)}")
