"""Parts of a text that belong to one file: all of it, or in a diff what is told of each file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = re.compile(r"^(?:diff --git .*|--- .*\n\+\+\+ .*)$", re.MULTILINE)
_NEW_NAME = re.compile(r"^\+\+\+ (.*)$", re.MULTILINE)
_OLD_NAME = re.compile(r"^--- (.*)$", re.MULTILINE)
_CODE = frozenset(
    (
        *(
            "c",
            "cc",
            "clj",
            "cljs",
            "cls",
            "cpp",
            "cs",
            "css",
            "cxx",
            "dart",
            "el",
            "erl",
            "ex",
            "exs",
            "fs",
            "go",
        ),
        *(
            "graphql",
            "groovy",
            "h",
            "hh",
            "hpp",
            "hs",
            "htm",
            "html",
            "ipynb",
            "java",
            "jl",
            "js",
            "json",
            "json5",
        ),
        *(
            "jsonl",
            "jsx",
            "kt",
            "kts",
            "lua",
            "m",
            "mjs",
            "cjs",
            "ml",
            "mm",
            "nim",
            "nix",
            "php",
            "pl",
            "pm",
            "proto",
        ),
        *(
            "py",
            "pyi",
            "pyx",
            "r",
            "rb",
            "rs",
            "scala",
            "scss",
            "sol",
            "sql",
            "svelte",
            "swift",
            "tf",
            "ts",
            "tsx",
        ),
        *("vb", "vue", "zig"),
    )
)


class Region(NamedTuple):
    """The characters from `start` up to `stop`; `name` is empty where nobody knows the file."""

    start: int
    stop: int
    name: str
    in_diff: bool = False

    @property
    def code(self) -> bool:
        """Whether values stand in quotes, and what does not is a name."""
        return self.name.rpartition(".")[2].lower() in _CODE


def regions(path: str, text: str, kind: str) -> list[Region]:
    """The text part by part. Only diffs, and what may be one, have several."""
    if kind == "file" and not path.endswith((".diff", ".patch")):
        return [Region(0, len(text), path)]
    starts = list(_starts(text))
    if not starts:
        return [Region(0, len(text), "")]
    first = [Region(0, starts[0], "")] if starts[0] else []
    bounds = zip(starts, (*starts[1:], len(text)), strict=True)
    return first + [Region(start, stop, _name(text, start, stop), in_diff=True) for start, stop in bounds]


def _starts(text: str) -> Iterator[int]:
    """Where the part of each file starts; a header of git has the two lines of names in it."""
    named = False
    for found in _HEADER.finditer(text):
        git = found[0].startswith("diff --git")
        if git or not named:
            yield found.start()
        named = git


def _name(text: str, start: int, stop: int) -> str:
    for pattern in (_NEW_NAME, _OLD_NAME):
        found = pattern.search(text, start, stop)
        if found and found[1].strip() != "/dev/null":
            return re.sub(r'^"?[ab]/', "", found[1].split("\t")[0].strip()).rstrip('"')
    return ""
