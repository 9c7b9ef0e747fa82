"""Files to review, tame and hostile, for tests of prompts and of how they are made to fit."""

from __future__ import annotations

import hashlib
from typing import Literal

from hypothesis import strategies as st

from panvox.review.instructions import Instructions
from panvox.review.material import InputFile

REVIEW = Instructions(name="review", title="Review", text="Review the files.\n", source="given")


def file(path: str, text: str, kind: Literal["file", "stdin", "diff"] = "file") -> InputFile:
    """A text as gathering would hand it on."""
    data = text.encode()
    return InputFile(
        path=path, text=text, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), kind=kind
    )


def lines(path: str, count: int, width: int = 40) -> InputFile:
    """A file of numbered lines, all of one width."""
    return file(path, "".join(f"line {number}".ljust(width - 1, ".") + "\n" for number in range(count)))


PIECES = st.sampled_from(
    (
        *("a", "word ", "\n", "\n\n", "\r\n", "\r", "\u2028", "x" * 90, "def f():\n    return 1\n"),
        *("`", "```", "```python\n", "````\n", "`" * 39, "`" * 41, "\n" + "`" * 60 + "\n", "~~~\n"),
        *("## src/a.py\n\n", "# Heading\n", "<<<", ">>>\n", "These were the files.", "é", "語", "🦉"),
    )
)
TEXTS = st.lists(PIECES, max_size=60).map("".join)
PATHS = st.one_of(
    st.sampled_from(
        ("src/a.py", "README.md", "<stdin>", "<diff main..HEAD>", "a b/c (line 3).py", "```", "x\ny.py")
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
)
FILES = st.lists(st.builds(file, PATHS, TEXTS), min_size=1, max_size=8)
