"""What `panvox evaluate` and `panvox learn` have in common: how labels and kinds of answers are named."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Annotated, Literal

from cyclopts import Parameter

from panvox.cli.terminal import Passing
from panvox.curation import Expect
from panvox.errors import UsageError

Labels = Annotated[
    str,
    Parameter(
        metavar="N",
        help="Learn from the right answers, or the labels of texts, of so many prompts; `all`, or `none`: "
        "from agreement alone.",
    ),
]

Seed = Annotated[
    int, Parameter(metavar="N", help="Draws orders, folds and random pools: the same each time.")
]


def parse_labels(text: str) -> int | None:
    """How many labels: None is all of them. Raises `UsageError`."""
    if text in {"all", "none"}:
        return None if text == "all" else 0
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise UsageError(f"--labels {text!r} is no number greater than 0; write one, all, or none")


def parse_kind(text: str | None, option: str) -> Expect | Literal["prompt"] | None:
    """The kind of answer that an option names. Raises `UsageError` with those that there are."""
    if text is None:
        return None
    if text == "prompt":
        return "prompt"
    known = [kind.value for kind in Expect]
    if text in known:
        return Expect(text)
    near = get_close_matches(text, known, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, and prompt"
    raise UsageError(f"{option} {text!r} is no kind of answer; {meant}")


class Counting:
    """How far a pass over prompts is, on a passing line of standard error."""

    def __init__(self) -> None:
        self._line = Passing()
        self.done = ""

    def __call__(self, what: str, done: int, of: int) -> None:
        """So many are done."""
        self.done = f"{done:,} of {of:,}"
        if done % 10 == 0 or done == of:
            self._line.show(f"{what}: {self.done} prompts")
        if done == of:
            self._line.clear()

    def clear(self) -> None:
        """Leave the line empty."""
        self._line.clear()
        sys.stderr.flush()
