"""What is counted: who answered what, and what was right."""

from __future__ import annotations

import msgspec

from panvox.curation.expect import Expect


class Ballot(msgspec.Struct, frozen=True):
    """An answer that can be compared: `voter` names the weights; equal answers are equal words.

    `guessed` tells that the text does not mark it as its answer (see `extract.Reading.clear`).
    """

    voter: str
    answer: str
    guessed: bool = False


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """All answers to one prompt. `truth` is the right answer in the same form, None where it is not known.

    One voter may have several ballots (samples, or hosts of the same weights). Voters without a readable
    answer have none; `asked` names everybody. `wrong` are answers that are known to be wrong where the right
    one is not known.
    """

    prompt: str
    task: Expect
    asked: tuple[str, ...]
    ballots: tuple[Ballot, ...]
    truth: str | None = None
    wrong: tuple[str, ...] = ()


class Heard(msgspec.Struct, frozen=True):
    """What a user told of one answer of `voter`: whether it was right, `at` a time in seconds since 1970."""

    voter: str
    task: Expect
    right: bool
    at: float
