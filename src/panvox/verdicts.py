"""What answers amount to: a verdict, the groups and votes behind it, and what judges made of them.

    Verdict ── groups ─► members      votes ─► what each answer counted, and why
        ├─ filtered     answers that were not let vote, with the reason
        ├─ outlook      what members that have not ended could still change
        ├─ saved        what was not spent because the rest was not waited for
        └─ judgement, synthesis      where models of the user's choice were asked

All values are frozen and can be written as JSON; fields that were added later have defaults, so that stored
verdicts of earlier versions can be read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Members that gave the same answer.

    `answer` is the extracted answer as people read it, or an excerpt where none could be read (`extracted` is
    then false); `key` is its canonical form, by which answers are compared, empty where there is none.
    `votes` is the sum of what its answers count, `share` its part of all votes given, `lineages` how many
    different weights stand behind it.
    """

    answer: str
    extracted: bool
    members: tuple[str, ...]
    votes: float
    share: float
    representative: str
    lineages: int = 0
    key: str = ""


class Vote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one answer counted, and why.

    `group` is the place of its group among those of the verdict, `weight` its votes. It is the product of
    what is known of the model at tasks of this kind, of its `part` of the vote that near copies share, and of
    the `factor` (0 to 1) that the answer itself counts: less than 1 under some methods, and where its text
    does not mark its answer (`guessed`). `strength` is the estimated probability that the model is right,
    None where nothing is known; `quality` runs from 0 to 1.
    """

    member: str
    group: int
    weight: float
    strength: float | None = None
    part: float = 1.0
    quality: float | None = None
    factor: float = 1.0
    guessed: bool = False


class Filtered(msgspec.Struct, frozen=True):
    """An answer that does not vote: which `check` it failed, and a sentence for people."""

    member: str
    check: str
    reason: str


class Outlook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What those who have not ended could still change.

    `state` is "certain" where they cannot change who leads whatever they say, "likely" where they would with
    a probability of at most `risk`, else "open". `votes` is what they could bring together at most, `change`
    a sentence such as "17 open models with 3.1 votes could make it 42".
    """

    state: Literal["open", "likely", "certain"]
    risk: float
    votes: float = 0.0
    change: str = ""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What was not spent because the rest was not waited for: calls, USD, and seconds by estimate."""

    calls: int
    money: Decimal
    seconds: float | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What models made of the answers when they were asked to judge.

    `chosen` is the member whose answer they prefer, None where the judgement failed (`failed` tells why, and
    the verdict stands without it). `overrode` tells whether it stands against the vote, which takes stated
    `evidence`, words of the answers; the verdict is then without consensus and confidence. `note` tells why
    the vote stands although they prefer another answer. `position_bias` is by how much the share of wins of
    the answer shown first exceeds one half, `self_preference` by how much judges favour their own lineage,
    each None where it could not be measured. `comparisons` counts rulings that could be read.
    """

    judges: tuple[str, ...]
    chosen: str | None = None
    reason: str = ""
    evidence: str = ""
    overrode: bool = False
    comparisons: int = 0
    position_bias: float | None = None
    self_preference: float | None = None
    cost: Decimal | None = None
    note: str = ""
    failed: str = ""


class Sentence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sentence of a synthesis, the members whose answers support it and those that contradict it.

    `lineages` is how many different weights support it.
    """

    text: str
    supporters: tuple[str, ...] = ()
    opponents: tuple[str, ...] = ()
    lineages: int = 0


class Synthesis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One text made of many answers, by the model `by`.

    `dissent` holds what a minority says otherwise. `dropped` counts sentences that the answers they named did
    not support. `failed` tells why there is no text.
    """

    by: str
    text: str = ""
    sentences: tuple[Sentence, ...] = ()
    dissent: tuple[Sentence, ...] = ()
    calls: int = 0
    dropped: int = 0
    cost: Decimal | None = None
    failed: str = ""


class Mark(msgspec.Struct, frozen=True):
    """What feedback makes of the answer of `member`: whether it was `right`. `voter` names its weights."""

    member: str
    voter: str
    right: bool


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What a user told of a turn, `at` a time in seconds since 1970.

    `said` is the member that is meant, or the right answer. `task` is the kind of the task, `marks` what
    follows for each answer. "undo" takes back the last that holds.
    """

    kind: Literal["best", "bad", "answer", "undo"]
    said: str
    at: float
    task: str = ""
    marks: tuple[Mark, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers amount to. Groups come largest first; the minority is kept.

    - `consensus` is the answer of the leading group if more than half of all votes given are in it and at
      least two members gave it, else None.
    - `confidence` is the calibrated probability that the leading answer is right, None where nothing can be
      said; `calibrated` tells whether it was learnt from answers with known truth.
    - `best` and `fastest` are member names, `top` up to ten of the best, the best first.
    - `lineages` counts the different weights that answered, `effective` the independent votes that they are
      worth. `asked` never shrinks.
    - `method` names how votes were made, `basis` a sentence on what the weights rest on.
    """

    asked: int
    answered: int
    lineages: int = 0
    groups: tuple[Group, ...] = ()
    consensus: str | None = None
    best: str | None = None
    fastest: str | None = None
    confidence: float | None = None
    calibrated: bool = False
    top: tuple[str, ...] = ()
    effective: float | None = None
    expect: str = ""
    method: str = ""
    basis: str = ""
    filtered: tuple[Filtered, ...] = ()
    votes: tuple[Vote, ...] = ()
    outlook: Outlook | None = None
    saved: Saved | None = None
    judgement: Judgement | None = None
    synthesis: Synthesis | None = None

    @property
    def leading(self) -> Group | None:
        """The largest group."""
        return self.groups[0] if self.groups else None

    @property
    def missing(self) -> int:
        """How many of those asked gave no answer."""
        return self.asked - self.answered
