"""What follows for the answers to a prompt from what a user told of them.

    best MODEL     answers of its group are right; those of other groups are wrong where there is one right
                   answer, and stay unjudged where there are many: code and free text
    bad MODEL      answers of its group are wrong
    answer TEXT    answers that say the same are right, all others wrong that could be read

What nobody could read a final answer from stays unjudged, unless it is the model that is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from panvox.curation.expect import Expect
from panvox.curation.extract import canonical, extract
from panvox.messages import Outcome
from panvox.verdicts import Group, Verdict

Kind = Literal["best", "bad", "answer"]

OPEN = frozenset({Expect.CODE, Expect.JSON, Expect.TEXT})
"""Kinds of tasks to which two different answers may both be right."""


def task_of(verdict: Verdict) -> Expect:
    """The kind of task that a verdict is on; guessed from its groups where it does not say."""
    try:
        return Expect(verdict.expect)
    except ValueError:
        pass
    read = [group for group in verdict.groups if group.extracted]
    if 2 * sum(len(group.members) for group in read) < max(verdict.answered, 1):
        return Expect.TEXT
    number = canonical(read[0].answer)
    return Expect.NUMBER if number and number.key.lstrip("-").replace(".", "", 1).isdigit() else Expect.SHORT


def judged(
    kind: Kind, said: str, *, verdict: Verdict, outcomes: Sequence[Outcome], question: str
) -> dict[str, bool]:
    """By member, whether its answer is right; those of whom nothing follows are not in it.

    `said` is a member, or for "answer" the right answer, as people write it.
    """
    if kind == "answer":
        return dict(_by_answer(said, verdict, outcomes, question))
    group = next((group for group in verdict.groups if said in group.members), None)
    if group is None or not group.extracted:
        return {said: kind == "best"}
    marks = dict.fromkeys(group.members, kind == "best")
    if kind == "best" and task_of(verdict) not in OPEN:
        others = (each for each in verdict.groups if each is not group and each.extracted)
        marks |= {member: False for each in others for member in each.members}
    return marks


def _by_answer(
    said: str, verdict: Verdict, outcomes: Sequence[Outcome], question: str
) -> Iterator[tuple[str, bool]]:
    texts = {outcome.member.name: outcome.text for outcome in outcomes if outcome.answered}
    found = extract(said, question) or canonical(said)
    words = _words(said)
    for group in verdict.groups:
        same = any(_words(texts.get(member, "")) == words for member in group.members)
        if group.extracted:
            same = same or (found is not None and found.key in _keys(group, texts, question))
        if same or (group.extracted and task_of(verdict) not in OPEN):
            yield from ((member, same) for member in group.members)


def _keys(group: Group, texts: dict[str, str], question: str) -> Iterator[str]:
    """All forms of the answer of a group: as it is shown, and as its members gave it."""
    if group.key:
        yield group.key
    if shown := canonical(group.answer):
        yield shown.key
    for member in group.members:
        if found := extract(texts.get(member, ""), question):
            yield found.key


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
