"""How the tables came to be what they are: one module in `versions` for each step, run by alembic.

A step is plain SQLAlchemy without anything from `panvox.store.schema`, since that goes on changing.
"""

from __future__ import annotations

import threading

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that is running in module globals."""


def configuration() -> Config:
    """Alembic's configuration: the scripts are those of this package."""
    config = Config()
    config.set_main_option("script_location", "panvox.store:migrations")
    return config


def revisions() -> tuple[str, ...]:
    """The steps that this version of panvox knows, newest first."""
    scripts = ScriptDirectory.from_config(configuration())
    return tuple(script.revision for script in scripts.walk_revisions())


def upgrade(connection: Connection) -> None:
    """Take the steps that are missing, within the transaction of `connection`; blocks."""
    config = configuration()
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        command.upgrade(config, "head")
