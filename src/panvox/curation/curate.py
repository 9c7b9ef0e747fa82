"""The verdict on a turn, at any time: answers go in as they land.

    add ─► extract ─► inspect ─► place ─► tally       once for each answer, as it lands
    verdict ─► groups ─► confidence, outlook          at any time, a pass over the groups
            └► rank ─► best, top, votes               in the end, from what was kept of each answer

No text is read again after it was added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from panvox.curation.centre import words
from panvox.curation.choose import Candidate, rank
from panvox.curation.expect import Expect, infer
from panvox.curation.extract import Extract, extract
from panvox.curation.gathering import Gatherings, Landed
from panvox.curation.grouping import Grouping
from panvox.curation.quality import Quality, inspect
from panvox.curation.rules import Method, Rules
from panvox.curation.tally import Tally
from panvox.messages import Identity, Outcome, State
from panvox.verdicts import Filtered, Group, Outlook, Verdict

EXCERPT = 120
"""Characters of a text that stand for it where no final answer could be read."""

TOP = 5
"""Members that a verdict names as the best ones."""

NAMED = 40
"""Characters of an answer in a sentence."""

MEANT = frozenset({Expect.SHORT, Expect.YES_NO, Expect.TEXT})
"""Kinds of answers that are compared by what they mean where no final answer could be read."""

_SPARED = frozenset({State.CANCELLED, State.INTERRUPTED})


def lineage_of(member: Identity) -> str:
    """The weights behind a member; one whose weights are unknown is a lineage of its own."""
    return member.lineage or member.name


def needs_vectors(question: str, rules: Rules) -> bool:
    """Whether answers to `question` are compared by what they mean, as far as nothing is read from them."""
    return (rules.expect or infer(question)) in MEANT


class Curator:
    """Extracts, checks, groups and counts answers as they land; says what they amount to at any time.

    An answer that fails a check does not vote, unless all fail one.
    """

    def __init__(self, question: str, members: Sequence[Identity], rules: Rules | None = None) -> None:
        self._question = question
        self._rules = rules or Rules()
        self.kind = self._rules.expect or infer(question)
        self._asked = len(members)
        self._open = {member.name: lineage_of(member) for member in members}
        self._spared: dict[str, str] = {}
        self._filtered: list[Filtered] = []
        self._fastest: Outcome | None = None
        voters = {lineage_of(member): member for member in members}
        lineages = set(voters)
        self._kept, self._failed = self._gatherings(voters), self._gatherings(voters)
        self.votes_asked = self._kept.tally.outlook(lineages).votes
        self.answered = 0

    def _gatherings(self, voters: Mapping[str, Identity]) -> Gatherings:
        rules, means = self._rules, self.kind in MEANT
        grouping = Grouping(
            rules.embedder if means else None,
            question=self._question,
            closer=rules.closer if means else None,
        )
        return Gatherings(self._tally(voters), grouping)

    def _tally(self, voters: Mapping[str, Identity]) -> Tally:
        rules = self._rules
        if rules.method is Method.MAJORITY:
            return Tally(voters)
        return Tally(
            voters,
            rules.weights.of(self.kind),
            strength=lambda voter: rules.strength(voters[voter], self.kind),
        )

    # --- answers go in ---

    def add(self, outcome: Outcome, *, spared: bool = False) -> bool:
        """Take an outcome; whether it changed the verdict (only answers do).

        `spared` is a member that could have answered and was not asked, as nobody needed it. Who was
        cancelled or interrupted could have answered, too.
        """
        lineage = self._open.pop(outcome.member.name, "")
        if not outcome.answered:
            if lineage and (spared or outcome.state in _SPARED):
                self._spared[outcome.member.name] = lineage
            return False
        self.answered += 1
        if self._fastest is None or _arrival(outcome) < _arrival(self._fastest):
            self._fastest = outcome
        self._take(outcome)
        return True

    def _take(self, outcome: Outcome) -> None:
        calls = () if outcome.text or outcome.answer is None else outcome.answer.tool_calls
        text = outcome.text or ", ".join(f"{call.name}({call.arguments})" for call in calls)
        found = extract(text, self._question, self._rules.expect) if outcome.text else None
        quality = self._inspected(outcome, text, found)
        if quality.failed is not None:
            name = outcome.member.name
            self._filtered.append(Filtered(name, quality.failed.value, quality.reason))
        votes = self._kept if quality.failed is None else self._failed
        votes.add(
            Landed(
                name=outcome.member.name,
                voter=lineage_of(outcome.speaker),
                key=found.key if found else None,
                shown=found.shown if found else _excerpt(text),
                words=words(text),
                quality=quality,
                factor=quality.score if self._rules.method is Method.MULTI_FACTOR else 1.0,
                arrival=_arrival(outcome),
            ),
            votes.grouping.place(text, found, calls=calls),
        )

    def _inspected(self, outcome: Outcome, text: str, found: Extract | None) -> Quality:
        finish = outcome.answer.finish if outcome.answer else None
        return inspect(text, question=self._question, expect=self.kind, read=found is not None, finish=finish)

    # --- what they amount to ---

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        return max((self._votes.tally.votes(number) for number in self._votes.groups), default=0.0)

    @property
    def _votes(self) -> Gatherings:
        """What is counted: the answers that failed a check only where there are no others."""
        return self._kept if self._kept.landed else self._failed

    @property
    def has_close_calls(self) -> bool:
        """Whether to look closely could make one of several groups."""
        return self._rules.closer is not None and self.kind in MEANT and len(self._votes.groups) > 1

    def settle(self, *, closely: bool = False) -> None:
        """Make one of the groups that turn out to be the same: before a verdict that is to last.

        To look `closely` takes a fraction of a second where there is a better embedder; do it in a thread.
        """
        self._votes.settle(closely=closely)

    def outlook(self, *, risk: float = 0.05) -> Outlook:
        """What those who have not ended, or were not waited for, could still change.

        It is never certain for free text: no two texts are the same, so that none can be overtaken.
        """
        still = [*self._open.values(), *self._spared.values()]
        if not still:
            return Outlook(state="certain", risk=0.0)
        tally = self._kept.tally
        if self._is_closed():
            found = tally.outlook(still, risk=risk)
        else:
            found = Outlook(state="open", risk=1.0, votes=sum(map(tally.weight, set(still))))
        return replace(found, change=self._change(found.votes)) if found.state != "certain" else found

    def _is_closed(self) -> bool:
        """Whether answers are counted, and not compared by how they read."""
        leading = self._kept.leading(1)
        return self.kind is not Expect.TEXT and bool(leading) and leading[0].extracted

    def _change(self, votes: float) -> str:
        models = len(self._open) + len(self._spared)
        second = self._kept.leading(2)[1:]
        other = " ".join(second[0].shown.split()) if second and second[0].extracted else "another answer"
        other = other if len(other) <= NAMED else other[: NAMED - 1] + "…"
        who = f"{models:,} {'model' if models == 1 else 'models'}"
        count = f"{votes:.1f} votes" if votes != 1 else "1 vote"
        if self._open:
            return f"{who} still open, with {count}, could make it {other}"
        return f"{who} not waited for, with {count}, could have made it {other}"

    def verdict(self, *, provisional: bool = False) -> Verdict:
        """The verdict on what has been added so far.

        A `provisional` one costs a pass over the groups: it lists no votes, and names whoever was first in
        the leading group as the best.
        """
        if not provisional:
            self.settle()
        counted = self._votes
        order = counted.ranked()
        groups = tuple(counted.group(number) for number in order)
        leading = groups[0] if groups else None
        agreed = leading is not None and leading.share > 0.5 and len(leading.members) > 1
        top = tuple(group.representative for group in groups[:1]) if provisional else self._top(counted)
        return Verdict(
            asked=self._asked,
            answered=self.answered,
            lineages=counted.tally.voters,
            groups=groups,
            consensus=leading.answer if leading and agreed else None,
            best=top[0] if top else None,
            fastest=self._fastest.member.name if self._fastest else None,
            confidence=counted.tally.confidence(order[0])
            if leading and self._can_be_right(leading)
            else None,
            calibrated=counted.tally.calibrated,
            top=top,
            effective=counted.tally.effective,
            expect=self.kind.value,
            method=self._rules.method.value,
            basis=self._basis(),
            filtered=tuple(self._filtered) if counted is self._kept else (),
            votes=() if provisional else tuple(counted.votes(order)),
            outlook=self.outlook(),
        )

    def _can_be_right(self, leading: Group) -> bool:
        return leading.extracted and self.kind is not Expect.TEXT

    def _top(self, counted: Gatherings) -> tuple[str, ...]:
        candidates = [
            Candidate(
                name=landed.name,
                lineage=landed.voter,
                words=landed.words,
                quality=landed.quality,
                weight=counted.tally.votes(number) if landed.key is not None else None,
                arrival=landed.arrival,
            )
            for landed, number in counted.landed
        ]
        return rank(candidates, method=self._rules.method)[:TOP]

    def _basis(self) -> str:
        """What the weights rest on, as a sentence."""
        basis = self._votes.tally.basis
        if not self._filtered or self._kept.landed:
            return basis
        checks = Counter(filtered.check for filtered in self._filtered)
        told = ", ".join(f"{count:,} {check}" for check, count in checks.most_common())
        return f"{basis}; every answer failed a check ({told}), so that all vote"


def _arrival(outcome: Outcome) -> float:
    return outcome.started + outcome.duration


def _excerpt(text: str) -> str:
    line = " ".join(text[: 4 * EXCERPT].split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
