"""The word by which Markdown knows the language of a file, from the ending of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from panvox.review.material import InputFile

_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash", "sh", "zsh"),
    "c": ("c", "h"),
    "cpp": ("cc", "cpp", "cxx", "hh", "hpp"),
    "csharp": ("cs",),
    "css": ("css", "scss"),
    "csv": ("csv",),
    "dart": ("dart",),
    "diff": ("diff", "patch"),
    "elixir": ("ex", "exs"),
    "erlang": ("erl",),
    "go": ("go",),
    "haskell": ("hs",),
    "html": ("htm", "html"),
    "ini": ("cfg", "ini"),
    "java": ("java",),
    "javascript": ("cjs", "js", "jsx", "mjs"),
    "json": ("json", "jsonl"),
    "julia": ("jl",),
    "kotlin": ("kt", "kts"),
    "latex": ("tex",),
    "lua": ("lua",),
    "makefile": ("mk",),
    "markdown": ("markdown", "md"),
    "perl": ("pl", "pm"),
    "php": ("php",),
    "powershell": ("ps1",),
    "proto": ("proto",),
    "python": ("py", "pyi"),
    "r": ("r",),
    "ruby": ("rb",),
    "rust": ("rs",),
    "scala": ("scala",),
    "sql": ("sql",),
    "svelte": ("svelte",),
    "swift": ("swift",),
    "terraform": ("tf",),
    "toml": ("toml",),
    "typescript": ("cts", "mts", "ts", "tsx"),
    "vue": ("vue",),
    "xml": ("svg", "xml"),
    "yaml": ("yaml", "yml"),
}
_BY_ENDING = {ending: language for language, endings in _LANGUAGES.items() for ending in endings}
_PLACE = re.compile(r" \(lines? [^()]*\)$")
"""What `panvox.review.packing` writes behind the name of a file of which it takes a piece."""


def language_of(file: InputFile) -> str:
    """Empty where nobody can tell."""
    if file.kind == "diff":
        return "diff"
    name = _PLACE.sub("", file.path[-200:])
    return _BY_ENDING.get(name.rpartition(".")[2].lower(), "") if "." in name else ""
