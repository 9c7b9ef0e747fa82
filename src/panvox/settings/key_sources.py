"""Where keys are kept: a variable of the environment, or a file that its owner alone can read.

A further place, such as a sealed vault, is one more `KeySource` in the table of `loading`, and the field of
`KeySection` that names what is kept there.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

_MOST_BYTES = 16_384  # of a file with a key; tokens with claims have two or three thousand
_OTHERS = 0o077  # what group and others may do
UNSENDABLE = "holds characters that no key has, such as a line break; copy it anew"


class KeySource(Protocol):
    """A place that keeps keys, each under a name."""

    def secret(self, name: str) -> SecretStr | None:
        """The key of this name; None where there is none.

        Raises `ValueError` with what is wrong, and what to do, for one that must not or cannot be used.
        """
        ...


class EnvironmentKeys:
    """Keys in variables; an empty one is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def secret(self, name: str) -> SecretStr | None:
        """See `KeySource`; `name` is a variable."""
        text = self._environ.get(name, "").strip()
        return _checked(text) if text else None


class KeyFiles:
    """Keys in files, one each; whoever else could read it could use it, so that such a file is refused."""

    def secret(self, name: str) -> SecretStr | None:
        """See `KeySource`; `name` is a path. A file that is not there is an error, too: it was named."""
        data = _content(Path(name))
        try:
            text = data.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError(UNSENDABLE) from None
        if not text:
            raise ValueError("is empty; write the key into it, and nothing else")
        return _checked(text)


def _checked(text: str) -> SecretStr:
    if not re.fullmatch(r"[ -~]+", text):
        raise ValueError(UNSENDABLE)
    return SecretStr(text)


def _content(path: Path) -> bytes:
    """What a file of our own holds. Raises `ValueError`; its words name the path only where there is a file.

    It is judged once it is open, so that it cannot be another one by the time it is read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ValueError("must be the path of a file with the key, never the key; there is no file") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    with os.fdopen(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("must be a plain file, with nothing in it but the key")
        if status.st_mode & _OTHERS:
            mode, command = stat.S_IMODE(status.st_mode), shlex.join(("chmod", "600", str(path)))
            raise ValueError(f"can be read or changed by others (its mode is {mode:04o}); run: {command}")
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"is larger than {_MOST_BYTES // 1024} KiB; is it a key?")
    return data
