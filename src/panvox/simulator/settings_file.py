"""The settings file that makes panvox ask the fleet; it never takes the place of a file of somebody's own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from panvox.errors import UsageError
from panvox.simulator.fleet import Fleet, VirtualProvider

MARKER = "# Written by `panvox simulate`, which replaces and removes this file: do not keep settings here."
"""The first line of every file that the simulator may replace."""

KEY_VARIABLE = "SIMULATED_API_KEY"
"""The environment variable that holds the key, where the fleet wants one."""


class SettingsFile:
    """The file at `path`. All methods block."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Raises `UsageError` where there is something that the simulator did not write."""
        if self.path.is_symlink() or (self.path.exists() and not self._ours()):
            raise UsageError(
                f"{self.path} was not written by the simulator and stays as it is; name another file with "
                "--settings, or use --no-settings"
            )

    def write(self, content: str) -> None:
        """Write `content` in place of what the simulator left there. Raises `UsageError`."""
        self.check()
        try:
            self.path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"the settings file {self.path} cannot be written ({error.strerror}); name another with "
                "--settings, or use --no-settings"
            ) from None

    def remove(self, content: str) -> None:
        """Remove it, if it still holds `content`: somebody may have taken it over."""
        with suppress(OSError, UnicodeDecodeError):
            if self.path.read_text(encoding="utf-8") == content:
                self.path.unlink()

    def _ours(self) -> bool:
        try:
            with self.path.open(encoding="utf-8") as file:
                return file.readline().rstrip("\n") == MARKER
        except (OSError, UnicodeDecodeError):
            return False


def settings_for(fleet: Fleet, *, url: str) -> str:
    """Settings in which there is nothing but `fleet`, served at `url`.

    Only its models are asked by default, so that keys in the environment bring no others in.
    """
    selection = ", ".join(f'"{provider.name}/*"' for provider in fleet.providers)
    sections = (
        MARKER,
        f"[run]\nmodels = [{selection}]",
        "[local]\nenabled = false",
        *(_section(provider, url) for provider in fleet.providers),
    )
    return "\n\n".join(sections) + "\n"


def _section(provider: VirtualProvider, url: str) -> str:
    lines = ["[[providers]]", f'id = "{provider.name}"', f'base_url = "{url}{provider.path}"', "free = true"]
    if provider.spelling.dialect != "openai":
        lines.append(f'dialect = "{provider.spelling.dialect}"')
    if provider.key is not None:
        lines.append(f'key_env = "{KEY_VARIABLE}"')
    return "\n".join(lines)
