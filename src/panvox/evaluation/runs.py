"""What stored runs teach: who agreed with whom. What was right is not known of them."""

from __future__ import annotations

from collections.abc import Sequence

from panvox.curation import Curator, Expect, Method, Rules
from panvox.curation.ballots import Ballot, Poll
from panvox.curation.curate import lineage_of
from panvox.evaluation.learning import Lesson
from panvox.messages import Outcome, Prompt


def lesson_of(
    name: str, prompt: Prompt, outcomes: Sequence[Outcome], *, expect: Expect | None = None
) -> Lesson | None:
    """The lesson of one turn, called `name`; None where fewer than two members gave a readable answer.

    `expect` is the kind of answers, found from the prompt where it is None.
    """
    members = [outcome.member for outcome in outcomes]
    curator = Curator(prompt.question, members, Rules(method=Method.MAJORITY, expect=expect))
    for outcome in outcomes:
        curator.add(outcome)
    verdict = curator.verdict()
    voters = {outcome.member.name: lineage_of(outcome.speaker) for outcome in outcomes}
    guessed = {vote.member for vote in verdict.votes if vote.guessed}
    ballots = [
        Ballot(voters[member], group.key, guessed=member in guessed)
        for group in verdict.groups
        if group.key
        for member in group.members
    ]
    if len({ballot.voter for ballot in ballots}) < 2:
        return None
    task = Expect(verdict.expect) if verdict.expect else expect or Expect.SHORT
    poll = Poll(prompt=name, task=task, asked=tuple(voters.values()), ballots=tuple(ballots))
    return Lesson(poll=poll, scores={}, voters=voters)
