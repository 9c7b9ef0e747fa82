"""Where settings stand, and a word that changes when they do: without reading what they say.

Checking settings takes a fifth of a second. Whoever has kept something that follows from them, such as the
catalogue, compares the word and needs to read them only when it has changed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import platformdirs

from panvox.errors import SettingsError
from panvox.settings.vendors import VENDORS

FILE_NAME = "panvox.toml"
FILE_VARIABLE = "PANVOX_SETTINGS"
PREFIX = "PANVOX_"
MOST_BYTES = 16 * 2**20
"""Of a settings file."""

_VARIABLE = re.compile(rb"[A-Z_][A-Z0-9_]+")  # what may be the name of one, in any text
_KEY_FILE = re.compile(rb"""\bfile["']?\s*=\s*["']+([^"'\r\n]+)""")  # what may name one, in any text
PROXY_VARIABLES = ("PROXY_URL", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
NO_PROXY_VARIABLES = ("no_proxy", "NO_PROXY")


def files(
    explicit: Path | None = None, *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Path]:
    """The settings files that hold in the folder `cwd`, the farthest first; those named may not be there."""
    environ = environment() if environ is None else environ
    places = candidates(explicit, cwd=cwd, environ=environ)
    if explicit is not None or environ.get(FILE_VARIABLE):
        return places
    user, *projects = places
    project = next(filter(_is_there, projects), user)
    return [file for file in dict.fromkeys((user, project)) if _is_there(file)]


def candidates(
    explicit: Path | None = None, *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Path]:
    """Where settings files are looked for, there or not: at the user's place, then from `cwd` upwards."""
    environ = environment() if environ is None else environ
    cwd = current_folder() if cwd is None else cwd.absolute()
    if explicit is None and environ.get(FILE_VARIABLE):
        explicit = Path(environ[FILE_VARIABLE])
    if explicit is not None:
        return [cwd / expanded(explicit)]
    user = platformdirs.user_config_path("panvox") / FILE_NAME
    return [user, *(folder / FILE_NAME for folder in _project(cwd))]


def environment() -> Mapping[str, str]:
    """The variables of this process; settings are the only reader of them."""
    return os.environ  # noqa: TID251 - the one place that reads it


def current_folder() -> Path:
    """The folder of this process. Raises `SettingsError` where it is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError(f"the current folder is gone ({error.strerror}); change to another one") from None


def catalogue_folder() -> Path:
    """Where lists of models and what follows from them are kept; all of it can be had again."""
    try:
        return platformdirs.user_cache_path("panvox") / "catalogue"
    except RuntimeError:
        raise SettingsError(
            "there is no home folder in which lists of models could be kept; set HOME, or XDG_CACHE_HOME"
        ) from None


def instructions_folder() -> Path:
    """Where people keep instructions of their own for reviews; it may not be there."""
    try:
        return platformdirs.user_config_path("panvox") / "instructions"
    except RuntimeError:
        raise SettingsError(
            "there is no home folder in which instructions could be kept; set HOME, or XDG_CONFIG_HOME"
        ) from None


def learnt_limits_file() -> Path:
    """Where what was learnt of limits is kept; all of it can be learnt again."""
    try:
        return platformdirs.user_state_path("panvox", appauthor=False) / "limits.json"
    except RuntimeError:
        raise SettingsError(
            "there is no home folder in which learnt limits could be kept; set HOME, or XDG_STATE_HOME"
        ) from None


def weights_file(store: Path | None = None) -> Path:
    """Where weights are kept: beside the database of runs, which is at `store` where the settings say so."""
    if store is not None:
        return expanded(store).absolute().parent / "weights.json"
    try:
        return platformdirs.user_data_path("panvox", appauthor=False) / "weights.json"
    except RuntimeError:
        raise SettingsError(
            "there is no home folder in which weights could be kept; set HOME, or XDG_DATA_HOME"
        ) from None


def expanded(path: Path) -> Path:
    """`path` with `~` put in full; as it is where there is no such home, and so no such file."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def fingerprint(explicit: Path | None = None) -> str:
    """A word that is the same as long as no settings file and no variable that may matter has changed.

    Empty where settings come from what can be read only once, such as a pipe. It is a digest: neither
    settings nor keys can be read from it.
    """
    environ = environment()
    digest, here = blake2b(digest_size=16), current_folder()
    words = {*PROXY_VARIABLES, *NO_PROXY_VARIABLES}
    words |= {name for vendor in VENDORS.values() for name in (*vendor.looked_for, *vendor.key_env)}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    texts = [os.fsencode(value) for value in ours.values()]
    kept = [(here, text) for text in texts]
    for file, content in contents(explicit, cwd=here, environ=environ):
        if content is None:
            return ""
        texts.append(content)
        kept.append((file.parent, content))
        digest.update(b"%b\0%b\0" % (os.fsencode(file), content))
    words |= {word.decode() for text in texts for word in _VARIABLE.findall(text)}
    for name in sorted((words & environ.keys()) | ours.keys()):
        digest.update(os.fsencode(f"{name}\0{environ[name]}\0"))
    for folder, text in kept:
        for path in _KEY_FILE.findall(text):
            digest.update(_stamp(folder / expanded(Path(os.fsdecode(path)))))
    return digest.hexdigest()


def _stamp(file: Path) -> bytes:
    """What is another once a file has been written anew; keys are not read for it."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return b"\0"
    return b"%d %d %d\0" % (status.st_mtime_ns, status.st_ino, status.st_size)


def contents(
    explicit: Path | None = None, *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> tuple[tuple[Path, bytes | None], ...]:
    """The settings files that hold and what each says; None where that can be read only once."""
    return tuple((file, _content(file)) for file in files(explicit, cwd=cwd, environ=environ))


def _content(file: Path) -> bytes | None:
    """What a file holds, empty if it is not there; None where reading it would use it up or never end."""
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return None if file.exists() else b""
        return file.read_bytes()
    except OSError:
        return b""


def _project(cwd: Path) -> list[Path]:
    """The folders of a project, from `cwd` up to the one that holds `.git`, or home.

    Outside of both only `cwd` itself counts: a file that somebody left in a parent such as /tmp must not
    decide where keys are sent.
    """
    folders = [cwd, *cwd.parents]
    home = expanded(Path("~"))
    tops = (index for index, folder in enumerate(folders) if folder == home or _is_there(folder / ".git"))
    return folders[: next(tops, 0) + 1]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
