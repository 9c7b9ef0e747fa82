"""On which line of a TOML text each key stands; tomllib reads values and forgets their places."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict

KeyPath = tuple[str | int, ...]

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # the last two quotes of five belong to the text
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OTHER_VALUE = re.compile(r"[^,\]}#\n]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")


def line_numbers(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each key, table and array item of `text` first appears.

    A path is made of keys and, for items of arrays, their index: `("providers", 0, "id")`. `text` has to be
    TOML that tomllib accepts.
    """
    return _Scanner(text).document()


class _Scanner:
    """Walks over a text once. Each method starts at the thing it is called after, and ends behind it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._lines: dict[KeyPath, int] = {}
        self._items: defaultdict[KeyPath, int] = defaultdict(int)

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._take(_GAP)
        while self._at < len(self._text):
            if self._skip("[["):
                table = self._header(item=True)
            elif self._skip("["):
                table = self._header(item=False)
            else:
                self._pair(table)
            self._take(_GAP)
        return self._lines

    def _header(self, *, item: bool) -> KeyPath:
        self._take(_GAP)
        path = self._key(())
        self._take(_GAP)
        if not item:
            self._skip("]")
            return path
        self._skip("]]")
        self._items[path] += 1
        return self._mark((*path, self._items[path] - 1))

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self._take(_GAP)
        self._skip("=")
        self._value(path)

    def _key(self, path: KeyPath) -> KeyPath:
        """A dotted key; on its way a name of an array of tables means the last table of it."""
        while True:
            if count := self._items.get(path):
                path = (*path, count - 1)
            path = self._mark((*path, self._name()))
            if not self._take(_DOT):
                return path

    def _name(self) -> str:
        if bare := self._take(_BARE_KEY):
            return bare
        quoted = self._take(_STRING)
        return next(iter(tomllib.loads(f"{quoted} = 0")))

    def _value(self, path: KeyPath) -> None:
        self._take(_GAP)
        if self._skip("["):
            self._sequence("]", path)
        elif self._skip("{"):
            self._sequence("}", path)
        else:
            _ = self._take(_STRING) or self._take(_OTHER_VALUE)

    def _sequence(self, end: str, path: KeyPath) -> None:
        index = 0
        self._take(_GAP)
        while not self._skip(end):
            if end == "}":
                self._pair(path)
            else:
                self._value(self._mark((*path, index)))
            index += 1
            self._take(_GAP)
            self._skip(",")
            self._take(_GAP)

    def _mark(self, path: KeyPath) -> KeyPath:
        self._lines.setdefault(path, self._line)
        return path

    def _skip(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        taken = match.group() if match else ""
        self._at += len(taken)
        self._line += taken.count("\n")
        return taken
