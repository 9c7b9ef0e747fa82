"""Help pages that look like the front page: no boxes, two columns, the same in a terminal and in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich takes longer to load than a command may that shows no help
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

LABEL = 30
"""Cells of the left column."""


class Pages:
    """A help formatter of cyclopts."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """One group of arguments, options or commands."""
        if not panel.entries:
            return
        from rich.table import Table  # noqa: PLC0415 - see above

        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(max_width=LABEL, min_width=min(LABEL, options.max_width // 3))
        table.add_column(overflow="fold")
        for entry in panel.entries:
            table.add_row(_text(f"  {_label(entry)}", "cyan"), _meaning(entry))
        console.print(_text(f"{_plain(panel.title)}:", "bold"))
        console.print(table)
        console.print()

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:
        """The line on top."""
        del options
        console.print(_text("Usage: ", "bold").append(_plain(usage).removeprefix("Usage:").strip()))
        console.print()

    def render_description(self, console: Console, options: ConsoleOptions, description: object) -> None:
        """What the command does."""
        del options
        console.print(_text(_plain(description).strip()))
        console.print()


def _label(entry: HelpEntry) -> str:
    if entry.positional_label:
        return entry.positional_label
    names = ", ".join((*entry.positive_shorts, *entry.positive_names, *entry.negative_names))
    return f"{names} {entry.metavar}" if entry.metavar else names


def _meaning(entry: HelpEntry) -> Text:
    text = _text(_plain(entry.description))
    if entry.default:
        text.append(f" [{entry.default}]", style="dim")
    return text


def _text(plain: str, style: str = "") -> Text:
    from rich.text import Text  # noqa: PLC0415 - see above

    return Text(plain, style=style)


def _plain(text: Any) -> str:  # noqa: ANN401 - cyclopts hands over whatever rich can print
    if hasattr(text, "plain"):
        return str(text.plain)
    if hasattr(text, "primary_renderable"):
        return _plain(text.primary_renderable)
    return str(text)
