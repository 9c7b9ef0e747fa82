"""What several commands have in common: the settings file, and the wording of warnings.

Settings load when they are asked for: checking them takes longer than some commands may.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import panvox.settings
from panvox.cli.text import one_line

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
