"""`panvox models`: what can be asked.

The list itself is here and loads little, so that thousands of models show at once; its other pages, in
`panvox.cli.model_pages`, load theirs.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from panvox.catalog.entries import Entry
from panvox.catalog.selection import Explanation, explain, select
from panvox.cli import columns, listing, pager, terminal
from panvox.cli.catalogue import NONE_FOUND, Found, found, told_age
from panvox.cli.exits import Exit
from panvox.cli.options import SettingsFile, warn
from panvox.cli.text import json_line, one_line
from panvox.errors import SelectionError, UsageError
from panvox.figures import plural

app = App(
    name="models",
    help="List the models that can be asked, and what is known of them.",
    usage="Usage: panvox models [SELECTION…] [OPTIONS]\n       panvox models COMMAND",
    group_parameters="Options",
)
for _page, _arguments, _summary in (
    ("model_pages:show", "MODEL…", "Show all that is known of a model, and who says so."),
    ("model_pages:conflicts", "[SELECTION…]", "List where sources contradict each other."),
    ("model_pages:diff", "", "List what has changed since the lists before."),
    ("probe:probe", "SELECTION…", "Ask models for a word, and remember who answers."),
):
    _name = _page.partition(":")[2]
    _usage = " ".join(filter(None, ("Usage: panvox models", _name, _arguments, "[OPTIONS]")))
    app.command(f"panvox.cli.{_page}", name=_name, help=_summary, usage=_usage)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Form:
    """How the list is ordered and written."""

    sort: Annotated[
        str,
        Parameter(
            metavar="FIELD",
            show_default=False,
            allow_leading_hyphen=True,
            help="Sort by name, provider, lineage, context, output, price, price.in, price.out, released, "
            "strength, strength.code, strength.math, latency or first-token; -FIELD turns the order around.",
        ),
    ] = ""
    limit: Annotated[int | None, Parameter(metavar="COUNT", help="Show so many at most.")] = None
    explain: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show why each model is in or out.")
    ] = False
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Write each model as a line of JSON.")
    ] = False
    csv: Annotated[bool, Parameter(negative="", show_default=False, help="Write CSV.")] = False
    no_pager: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print a long list in one go.")
    ] = False


Selection = Annotated[
    str,
    Parameter(
        name="SELECTION",
        help="Only these: names, globs such as 'openai/*', conditions such as 'code price<1 context>=100k', "
        "panels such as @fast, exclusions such as '!*mini*'. A comma unites, a space narrows.",
    ),
]
Json = Annotated[
    bool, Parameter(negative="", show_default=False, help="Write each of them as a line of JSON.")
]
Refresh = Annotated[
    bool,
    Parameter(
        name="--refresh", negative="", show_default=False, help="Ask all providers for their lists anew."
    ),
]


@app.default
def models(
    *selection: Selection, form: Form = Form(), refresh: Refresh = False, settings: SettingsFile = None
) -> int:
    """List the models that can be asked, and what is known of them.

    In a terminal a long list comes a screen at a time. Prices are in US dollars per million tokens.
    """
    _check(form)
    there = found(settings, refresh=refresh)
    entries = there.catalogue.entries
    if form.explain and entries:
        _explain(selection or ("*",), there, form)
    else:
        if selection and entries:
            entries = chosen(selection, there)
        _print(listing.ordered(entries, there.probes, form.sort)[: form.limit], there, form)
    warn(problem.message for problem in there.catalogue.problems)
    return Exit.ANSWERED if entries else Exit.NOTHING


def _check(form: Form) -> None:
    """Raises `UsageError` for what cannot be shown."""
    if form.limit is not None and form.limit < 1:
        raise UsageError(f"--limit {form.limit} shows nothing; give a number from 1")
    if form.json and form.csv:
        raise UsageError("--json and --csv exclude each other")
    if form.explain and (form.csv or form.sort):
        raise UsageError(f"--explain cannot be combined with {'--csv' if form.csv else '--sort'}")


def chosen(selection: tuple[str, ...], there: Found) -> tuple[Entry, ...]:
    """The entries that a selection means. Raises `SelectionError`, after what may be the reason for it."""
    try:
        return select(
            selection, there.catalogue.entries, panels=there.panels, probes=there.probes, probes_last=math.inf
        )
    except SelectionError:
        warn(problem.message for problem in there.catalogue.problems)
        raise


def _print(entries: list[Entry], there: Found, form: Form) -> None:
    if form.json:
        for entry in entries:
            print(listing.as_json(entry, there.probes.get(entry.name)))
    elif form.csv:
        sys.stdout.write(listing.csv_text(entries, there.probes))
    elif entries:
        heads, rows = listing.table(entries, there.probes, form.sort)
        table(heads, rows, paged=not form.no_pager)
        shown = (
            f"{plural(len(entries), 'model')} shown, of "
            if len(entries) < len(there.catalogue.entries)
            else ""
        )
        print(f"\n{shown}{told_age(there.catalogue)}", file=sys.stderr)
    else:
        print(NONE_FOUND, file=sys.stderr)
    sys.stdout.flush()


def table(heads: tuple[columns.Column, ...], rows: listing.Rows, *, paged: bool = True) -> None:
    """Print rows below their headings, as wide as the terminal, or as they need where there is none."""
    colour = terminal.colour(sys.stdout)
    pager.show(list(columns.lines(heads, rows, width=terminal.width(), colour=colour)), paged=paged)


def _explain(selection: tuple[str, ...], there: Found, form: Form) -> None:
    reasons = explain(
        selection, there.catalogue.entries, panels=there.panels, probes=there.probes, probes_last=math.inf
    )
    number = sum(each.chosen for each in reasons)
    told = sorted(reasons, key=lambda each: not each.chosen)[: form.limit]
    if form.json:
        for each in told:
            print(_explained(each))
        return
    heads = (columns.Column("", style="bold"), columns.Column("model"), columns.Column("why", flexible=True))
    rows = (
        (
            columns.Cell("in", "green") if each.chosen else columns.Cell("out", "dim"),
            one_line(each.entry.name),
            one_line(each.why),
        )
        for each in told
    )
    table(heads, rows, paged=not form.no_pager)
    print(f"\n{plural(number, 'model')} in, {len(reasons) - number:,} out", file=sys.stderr)


def _explained(each: Explanation) -> str:
    told = {"name": each.entry.name, "chosen": each.chosen, "why": each.why}
    return json_line(told)
