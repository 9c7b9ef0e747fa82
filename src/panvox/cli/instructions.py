"""`panvox instructions`: what models can be told to do with files, shipped and of one's own."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from panvox.cli.columns import Column
from panvox.cli.exits import Exit
from panvox.cli.models import Json, table
from panvox.cli.text import clean, json_line, one_line
from panvox.errors import UsageError
from panvox.review.instructions import SHIPPED, Instructions, find_instructions, instruction_sets
from panvox.settings.places import instructions_folder

app = App(
    name="instructions",
    help="List and show the sets of instructions for reviews, shipped and your own.",
    usage="Usage: panvox instructions [OPTIONS]\n       panvox instructions COMMAND",
    group_parameters="Options",
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A set; `source` is "shipped" or the path of its file, `findings` whether it asks for a list of them."""

    name: str
    title: str
    purpose: str
    findings: bool
    source: str


@app.default
def instructions(*, json: Json = False) -> int:
    """List the sets of instructions for `panvox review`.

    A file NAME.md in your own folder is a set as well; with the name of a shipped one it takes its place.
    """
    found = instruction_sets(instructions_folder())
    if json:
        for each in found:
            print(json_line(_row(each)))
    else:
        table(_COLUMNS, [_cells(_row(each)) for each in found])
        print(
            f"\nYour own go into {instructions_folder()} as NAME.md; "
            "panvox instructions show NAME prints one.",
            file=sys.stderr,
        )
    sys.stdout.flush()
    return Exit.ANSWERED


@app.command(usage="Usage: panvox instructions show NAME [OPTIONS]")
def show(
    name: Annotated[str, Parameter(name="NAME", help="Such as review, or a file.")], /, *, json: Json = False
) -> int:
    """Print the text of a set, to be read or to make one of your own of it."""
    if len(name.split()) != 1:
        raise UsageError("name one set: panvox instructions lists them")
    found = find_instructions(name, instructions_folder())
    if json:
        print(json_line({**msgspec.to_builtins(_row(found)), "text": found.text}))
    elif sys.stdout.isatty():
        print(clean(found.text).rstrip("\n"))
    else:
        sys.stdout.write(found.text)
    sys.stdout.flush()
    return Exit.ANSWERED


@app.command(usage="Usage: panvox instructions where")
def where() -> int:
    """Print the folder where your own sets are looked for."""
    print(instructions_folder())
    return Exit.ANSWERED


def _row(found: Instructions) -> Row:
    return Row(
        name=found.name,
        title=found.title,
        purpose=found.purpose,
        findings=found.findings,
        source=found.source,
    )


_COLUMNS = (
    Column("name"),
    Column("title", flexible=True, style="dim"),
    Column("gives"),
    Column("source", flexible=True, style="dim"),
    Column("what it is for", flexible=True, least=30),
)


def _cells(row: Row) -> tuple[str, ...]:
    source = row.source if row.source == SHIPPED else f"yours: {row.source}"
    gives = "findings" if row.findings else "text"
    return tuple(map(one_line, (row.name, row.title, gives, source, row.purpose)))
