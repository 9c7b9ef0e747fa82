"""What several commands have in common: the settings file, and the wording of warnings.

Settings load when they are asked for: checking them takes longer than some commands may.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import panvox.settings
from panvox.cli.text import one_line, shorten
from panvox.errors import UsageError

SettingsFile = Annotated[
    Path | None,
    Parameter(
        name="--settings",
        negative="",
        help="Read this settings file instead of panvox.toml in this folder and the user's.",
    ),
]


def load_settings(file: Path | None) -> panvox.settings.Settings:
    """The settings of this call. Raises `SettingsError`."""
    return panvox.settings.load(explicit=file)


def without_store(settings: panvox.settings.Settings) -> panvox.settings.Settings:
    """The same settings, keeping no runs and no answers."""
    off = {"enabled": False}
    sections = {"store": settings.store, "cache": settings.cache}
    return settings.model_copy(
        update={name: section.model_copy(update=off) for name, section in sections.items()}
    )


def with_budget(settings: panvox.settings.Settings, amount: float) -> panvox.settings.Settings:
    """The same settings, with so many US dollars for one prompt."""
    return settings.model_copy(update={"budget": settings.budget.model_copy(update={"run": amount})})


def warn(problems: Iterable[str]) -> None:
    """What went wrong beside the matter, on standard error."""
    for problem in problems:
        print(f"panvox: warning: {one_line(problem)}", file=sys.stderr)


def dollars_of(text: str) -> float:
    """The US dollars that `--budget` names. Raises `UsageError`."""
    from panvox.settings.values import MOST_DOLLARS  # noqa: PLC0415 - brings pydantic

    try:
        amount = float(text.strip().removeprefix("$"))
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= MOST_DOLLARS:
        raise UsageError(
            f"--budget {shorten(text, 80)!r} is not a number of US dollars from 0 to {MOST_DOLLARS:,}, "
            "such as 0.50"
        )
    return amount


def check_tag(tag: str | None) -> None:
    """Raise `UsageError` for what is no name."""
    from panvox.settings.values import NAME  # noqa: PLC0415 - brings pydantic

    if tag is not None and not re.fullmatch(NAME, tag):
        raise UsageError(
            f"--tag {shorten(tag, 80)!r} is not a name: lower-case letters, digits, dots, dashes and "
            "underscores, 1 to 64 of them"
        )
