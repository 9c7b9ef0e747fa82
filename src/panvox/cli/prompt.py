"""What is asked: an argument, a file, standard input, or an argument with text below it."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from panvox.errors import PromptError
from panvox.figures import size

PATIENCE = 2.0
"""Seconds of silence on standard input after which a person is told what is being waited for."""

_MARKS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_prompt(
    argument: str | None,
    file: str | None,
    *,
    limit: int,
    from_stdin: bool = False,
    stdin: BinaryIO | None = None,
) -> str:
    """The prompt, whichever way it comes: the argument first, below it the file, below it standard input.

    Standard input is read where it is a pipe or a file, or where `from_stdin` or a `file` of `-` asks for it.
    `limit` is in bytes. Raises `PromptError`.
    """
    stdin = stdin or (sys.stdin.buffer if sys.stdin else None)
    from_stdin = from_stdin or file == "-"
    parts = []
    if argument is not None:
        parts.append(_checked(_encoded(argument), "the prompt", limit))
    if file is not None and file != "-":
        parts.append(_checked(_read_file(Path(file), limit), file, limit))
    if stdin and (from_stdin or _is_piped(stdin)):
        parts.append(_checked(_read_stdin(stdin, limit, parts=len(parts)), "standard input", limit))
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise PromptError(_empty(from_stdin=from_stdin, given=argument is not None or file is not None))
    if len(text.encode()) > limit:
        raise PromptError(_too_large("the prompt", size(len(text.encode())), limit))
    return text


def _empty(*, from_stdin: bool, given: bool) -> str:
    if from_stdin:
        return "the prompt is empty: nothing came on standard input"
    if given:
        return "the prompt is empty: it holds no more than spaces and line ends"
    return 'there is no prompt: panvox ask "…", panvox ask --file PATH, or … | panvox ask'


def _encoded(argument: str) -> bytes:
    # Bytes that were no UTF-8 on the command line arrive as lone surrogates; here they are bytes again.
    return argument.encode("utf-8", "surrogateescape")


def _is_piped(stdin: BinaryIO) -> bool:
    try:
        mode = os.fstat(stdin.fileno()).st_mode
    except (OSError, ValueError):  # closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _read_stdin(stdin: BinaryIO, limit: int, *, parts: int) -> bytes:
    if parts and not select.select([stdin], [], [], PATIENCE)[0]:
        print(
            "panvox: waiting for the rest of the prompt on standard input; "
            "add </dev/null if there is none (Ctrl-C ends panvox)",
            file=sys.stderr,
        )
    return stdin.read(limit + 1)


def _read_file(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as opened:
            length = os.fstat(opened.fileno()).st_size
            if length > limit:
                raise PromptError(_too_large(str(path), size(length), limit))
            return opened.read(limit + 1)
    except OSError as error:
        raise PromptError(f"the prompt cannot be read from {path}: {error.strerror}") from None


def _checked(data: bytes, source: str, limit: int) -> str:
    if len(data) > limit:
        known = size(len(data)) if source == "the prompt" else f"more than {size(limit)}"
        raise PromptError(_too_large(source, known, limit))
    if data.startswith(_MARKS_OF_UTF16):
        raise PromptError(f"{source} is UTF-16; panvox reads UTF-8: iconv -f UTF-16 -t UTF-8 converts it")
    if (offset := data.find(b"\0")) >= 0:
        raise PromptError(f"{source} is not text: there is a NUL byte at byte {offset:,}")
    try:
        return data.decode("utf-8").removeprefix("\ufeff").rstrip("\r\n")
    except UnicodeDecodeError as error:
        found = data[error.start]
        raise PromptError(
            f"{source} is not UTF-8: byte {error.start:,} is 0x{found:02x}; iconv -t UTF-8 converts it"
        ) from None


def _too_large(source: str, length: str, limit: int) -> str:
    return (
        f"{source} is {length} long, and a prompt may have {size(limit)}; "
        "shorten it, or raise run.max_prompt_bytes in panvox.toml"
    )
