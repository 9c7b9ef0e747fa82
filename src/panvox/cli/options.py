"""What several commands have in common: the settings file, and the wording of warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from panvox.cli.text import one_line
from panvox.settings import Settings, load

SettingsFile = Annotated[
    Path | None,
    Parameter(
        name="--settings",
        negative="",
        help="Read this settings file instead of panvox.toml in this folder and the user's.",
    ),
]


def load_settings(file: Path | None) -> Settings:
    """The settings of this call. Raises `SettingsError`."""
    return load(explicit=file)


def without_store(settings: Settings) -> Settings:
    """The same settings, keeping nothing."""
    return settings.model_copy(update={"store": settings.store.model_copy(update={"enabled": False})})


def warn(problems: Iterable[str]) -> None:
    """What went wrong beside the matter, on standard error."""
    for problem in problems:
        print(f"panvox: warning: {one_line(problem)}", file=sys.stderr)
