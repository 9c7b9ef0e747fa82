"""Lists of thousands of rows as plain columns: quick to print, the same in a terminal and in a file.

Tables with boxes measure every cell several times; a list that is shown at once measures it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from panvox.cli.text import shorten

GAP = "  "
_STYLES = {"dim": "\x1b[2m", "green": "\x1b[32m", "red": "\x1b[31m", "yellow": "\x1b[33m", "bold": "\x1b[1m"}
_PLAIN = "\x1b[0m"


class Column(NamedTuple):
    """One column: its heading, how it is aligned, whether it gives way where room is short, its style.

    A flexible column keeps `least` cells.
    """

    title: str
    right: bool = False
    flexible: bool = False
    style: str = ""
    least: int = 12


class Cell(NamedTuple):
    """A cell with a style of its own."""

    text: str
    style: str = ""


def lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], *, width: int | None, colour: bool
) -> Iterator[str]:
    """The heading and a line for each row, at most `width` cells wide; columns without any text are left out.

    Where the room is short flexible columns give way first, those further right before others, then columns
    are left out from the right; text is cut in its middle.
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells, width)
    shown = [index for index, cells_wide in enumerate(widths) if cells_wide]
    heading = [Cell(column.title, "dim") for column in columns]
    for row in (heading, *cells):
        pieces = [_piece(row[index], columns[index], widths[index], colour=colour) for index in shown]
        yield GAP.join(pieces).rstrip()


def styled(text: str, style: str, *, colour: bool) -> str:
    """`text` in a style, where there is colour."""
    return f"{_STYLES[style]}{text}{_PLAIN}" if colour and style and text else text


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> list[int]:
    widths = [max((cell_len(row[index].text) for row in rows), default=0) for index in range(len(columns))]
    widths = [
        max(wide, len(column.title)) if wide else 0 for wide, column in zip(widths, columns, strict=True)
    ]
    if width is None:
        return widths
    for index in reversed(range(len(columns))):
        if columns[index].flexible and (surplus := _surplus(widths, width)) > 0:
            least = max(columns[index].least, len(columns[index].title))
            widths[index] -= min(surplus, max(0, widths[index] - least))
    for index in reversed(range(1, len(columns))):
        if _surplus(widths, width) > 0:
            widths[index] = 0
    if widths and _surplus(widths, width) > 0:
        widths[0] = width
    return widths


def _surplus(widths: Sequence[int], width: int) -> int:
    """Cells that do not fit."""
    shown = sum(wide > 0 for wide in widths)
    return sum(widths) + len(GAP) * (shown - 1) - width


def _piece(cell: Cell, column: Column, width: int, *, colour: bool) -> str:
    text = cell.text
    if cell_len(text) > width:
        text = shorten(text, width) if text.isascii() else set_cell_size(text, width - 1) + "…"
    space = " " * (width - cell_len(text))
    shown = styled(text, cell.style or column.style, colour=colour)
    return space + shown if column.right else shown + space
