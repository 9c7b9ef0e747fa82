"""Where packages that are installed keep their data; nothing of theirs is imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class NotInstalled(Exception):
    """What an embedder needs is not here; the message says what to install."""


def data_of(package: str, *inside: str, install: str) -> Path:
    """The file `inside` the folder of `package`; raises `NotInstalled`, which names what to `install`."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise NotInstalled(f"{package} is not installed; install it with: pip install '{install}'")
    path = Path(spec.origin).parent.joinpath(*inside)
    if not path.is_file():
        raise NotInstalled(
            f"{package} has no file {'/'.join(inside)}; install it again: pip install '{install}'"
        )
    return path
