"""Options of `panvox ask` about models that judge the answers, and that make one text of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from panvox.compose.judging import Judging
from panvox.curation import Method
from panvox.errors import UsageError

_GROUP = Group("Judges", sort_key=2)

Judges = Annotated[
    tuple[str, ...] | None,
    Parameter(
        name="--judge",
        metavar="[MODELS]",
        negative="",
        consume_multiple=(0, 1),
        show_default=False,
        help="Let models compare the answers: these, else judge.models of the settings, else the strongest "
        "free one that was asked. A vote is overridden only with evidence from the answers.",
    ),
]

Synthesist = Annotated[
    tuple[str, ...] | None,
    Parameter(
        name=("--synthesise", "--synthesize"),
        metavar="[MODEL]",
        negative="",
        consume_multiple=(0, 1),
        show_default=False,
        help="Let a model make one text of all answers: this one, else judge.synthesis_model, else the "
        "strongest free one that was asked. Each sentence says how many support it.",
    ),
]


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True, kw_only=True)
class JudgingOptions:
    """Who judges, and when."""

    judge: Judges = None
    synthesise: Synthesist = None
    judge_when: Annotated[
        Literal["always", "low"],
        Parameter(
            metavar="WHEN",
            help="Ask them always, or only where confidence is low: below judge.below of the settings.",
        ),
    ] = "always"

    def judging(self, method: Method | None = None) -> Judging | None:
        """What is asked of them, also by the `method`; None where nothing is.

        Raises `UsageError` for what cannot be meant.
        """
        wanted = judging_of(self.judge, self.synthesise, method=method, when=self.judge_when)
        if wanted is None and self.judge_when == "low":
            raise UsageError("--judge-when says when, and nothing says what: add --judge or --synthesise")
        return wanted

    def again(self) -> Iterator[str]:
        """The same options, to be given to another process."""
        if self.judge is not None:
            yield f"--judge={','.join(self.judge)}"
        if self.synthesise is not None:
            yield f"--synthesise={','.join(self.synthesise)}"
        if self.judge_when != "always":
            yield f"--judge-when={self.judge_when}"


def judging_of(
    judges: tuple[str, ...] | None,
    synthesise: tuple[str, ...] | None,
    *,
    method: Method | None = None,
    when: Literal["always", "low"] = "always",
) -> Judging | None:
    """What these options ask for; None for nothing. Raises `UsageError` for more than one synthesist."""
    if method is Method.JUDGE and judges is None:
        judges = ()
    if judges is None and synthesise is None:
        return None
    writers = _named(synthesise)
    if writers is not None and len(writers) > 1:
        raise UsageError(f"--synthesise takes one model: {', '.join(writers)} are {len(writers)}")
    return Judging(judges=_named(judges), synthesis=None if writers is None else "".join(writers), when=when)


def _named(patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Without the empty words that `--judge=` gives."""
    return None if patterns is None else tuple(pattern for pattern in patterns if pattern.strip())
