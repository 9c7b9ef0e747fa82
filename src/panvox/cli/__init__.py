"""The command line. Nothing heavy is loaded before the command that needs it is known."""

from panvox.cli.app import main

__all__ = ["main"]
