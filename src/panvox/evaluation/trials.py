"""One recorded prompt, heard as `panvox ask` would hear it: texts in a random order, the same `Curator`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from panvox.curation import Curator, Expect, Rules
from panvox.curation.ballots import Ballot, Poll
from panvox.curation.curate import lineage_of
from panvox.curation.extract import extract, truth_key
from panvox.errors import Empty
from panvox.evaluation.datasets import Question, Response
from panvox.messages import Answer, Finish, Identity, Outcome, State
from panvox.verdicts import Verdict

Stop = Literal["certain", "likely", "never"]
"""When the rest of the answers is not waited for; `panvox.verdicts.Outlook` tells what the words mean."""

STOPS: tuple[Stop, ...] = get_args(Stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a prompt.

    `verdict` is the one after `waited` of the answers, `full` the one after all, which is the same where
    nothing was stopped. `keys` are the canonical answers of those models that gave a readable one, in the
    order in which they came, `guessed` names those whose texts do not mark it; `truth` is the right one in
    the same form, None where nobody knows. `expect` is the kind of answer as the verdict says, else the
    rules, else the set.
    """

    question: Question
    verdict: Verdict
    full: Verdict
    waited: int
    asked: tuple[Identity, ...]
    keys: Mapping[str, str]
    truth: str | None
    expect: Expect | None
    guessed: frozenset[str] = frozenset()

    def poll(self) -> Poll:
        """What there is to learn from it."""
        voters = {member.name: lineage_of(member) for member in self.asked}
        return Poll(
            prompt=self.question.prompt_id,
            task=self.expect or Expect.SHORT,
            asked=tuple(voters.values()),
            ballots=tuple(
                Ballot(voters[model], key, guessed=model in self.guessed) for model, key in self.keys.items()
            ),
            truth=self.truth,
        )


def hear(
    question: Question,
    said: Sequence[tuple[Identity, Response]],
    rules: Rules,
    *,
    seed: int = 0,
    stop: Stop = "never",
) -> Trial:
    """Hear what was said to a prompt, in an order that `seed` and the prompt decide.

    Under `stop` the verdict is the one at which the rest was no longer needed; all are heard to the end in
    any case, to tell whether it would have changed.
    """
    order = list(said)
    random.Random(f"{seed}/{question.prompt_id}").shuffle(order)  # noqa: S311 - an order, not a secret
    members = tuple(member for member, _ in said)
    curator = Curator(question.prompt, members, rules)
    early: Verdict | None = None
    waited = len(order)
    for number, (member, response) in enumerate(order, 1):
        changed = curator.add(outcome_of(member, response.text or "", at=float(number)))
        if changed and number < len(order) and early is None and _is_over(curator, stop):
            early, waited = curator.verdict(), number
    full = curator.verdict()
    expect = Expect(full.expect) if full.expect else rules.expect or question.expect
    return Trial(
        question=question,
        verdict=early or full,
        full=full,
        waited=waited,
        asked=members,
        keys=_keys(question, order, full, rules.expect),
        truth=truth_of(question, expect),
        expect=expect,
        guessed=frozenset(vote.member for vote in full.votes if vote.guessed),
    )


def outcome_of(member: Identity, text: str, *, at: float = 0.0) -> Outcome:
    """How a member ended that said `text`; nothing is a failure, as it is on the wire. `at` in seconds."""
    if not text.strip():
        fault = Empty("the recorded answer is empty").fault
        return Outcome(member=member, state=State.EMPTY, fault=fault, duration=at)
    answer = Answer(text=text, finish=Finish.STOP)
    return Outcome(member=member, state=State.ANSWERED, answer=answer, duration=at)


def rules_for(rules: Rules, question: Question, expect: Expect | Literal["prompt"] | None) -> Rules:
    """The rules with the kind of answer: what is said, else what the set records.

    With "prompt" it is left to be found from the prompt, as `panvox ask` does.
    """
    return rules if expect == "prompt" else replace(rules, expect=expect or question.expect)


def truth_of(question: Question, expect: Expect | None) -> str | None:
    """The right answer in the form of a group's `key`."""
    right = question.right
    return None if right is None else truth_key(right, expect or Expect.SHORT)


def _is_over(curator: Curator, stop: Stop) -> bool:
    if stop == "never":
        return False
    state = curator.outlook().state
    return state == "certain" or (stop == "likely" and state == "likely")


def _keys(
    question: Question,
    order: Sequence[tuple[Identity, Response]],
    full: Verdict,
    expect: Expect | None,
) -> dict[str, str]:
    """By model; whoever stands in no group was not let vote, and is read here."""
    grouped = {member: group for group in full.groups for member in group.members}
    keys: dict[str, str] = {}
    for member, response in order:
        group = grouped.get(member.name)
        if group is not None:
            key = group.key
        else:
            found = extract(response.text or "", question.prompt, expect)
            key = found.key if found else ""
        if key:
            keys[member.name] = key
    return keys


Progress = Callable[[str, int, int], None]
"""Is told what is done, and how many of how many prompts are."""


def silent(what: str, done: int, of: int) -> None:
    """Progress that nobody wants to see."""
