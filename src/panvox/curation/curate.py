"""The verdict on a turn, at any time: answers go in as they land.

    add ─► extract ─► inspect ─► place ─► tally       once for each answer, as it lands
    verdict ─► groups ─► confidence, outlook          at any time, a pass over the groups
            └► rank ─► best, top, votes               in the end, from what was kept of each answer

No text is read again after it was added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from panvox.curation.checks.factors import DEFAULTS
from panvox.curation.checks.quality import Check, Quality, inspect, pardoned
from panvox.curation.checks.stated import stated_confidence
from panvox.curation.choice.centre import words
from panvox.curation.choice.choose import LATENCY, SHORT_LIST, Choice, candidate, latency_factor, multi_factor
from panvox.curation.expect import Expect, asked, infer
from panvox.curation.extract import Extract, read
from panvox.curation.gathering import Gatherings, Landed
from panvox.curation.grouping import Grouping
from panvox.curation.rules import Method, Rules
from panvox.curation.tally import Tally
from panvox.messages import Identity, Outcome, State
from panvox.verdicts import Filtered, Group, Outlook, Verdict

EXCERPT = 120
"""Characters of a text that stand for it where no final answer could be read."""

TOP = SHORT_LIST
"""Members that a verdict names as the best ones: those that a judge would compare."""

NAMED = 40
"""Characters of an answer in a sentence."""

MEANT = frozenset({Expect.SHORT, Expect.YES_NO, Expect.TEXT})
"""Kinds of answers that are compared by what they mean where no final answer could be read."""

_OFF_TOPIC = "it has next to nothing in common with the other answers"

_ANYTHING = frozenset(Check)

_SPARED = frozenset({State.CANCELLED, State.INTERRUPTED})


def lineage_of(member: Identity) -> str:
    """The weights behind a member; one whose weights are unknown is a lineage of its own."""
    return member.lineage or member.name


def needs_vectors(question: str, rules: Rules) -> bool:
    """Whether answers to `question` are compared by what they mean, as far as nothing is read from them."""
    return (rules.expect or infer(question)) in MEANT


class Curator:
    """Extracts, checks, groups and counts answers as they land; says what they amount to at any time.

    An answer that fails a check does not vote, unless most answers fail the same one.
    """

    def __init__(self, question: str, members: Sequence[Identity], rules: Rules | None = None) -> None:
        self._question = question
        self._rules = rules = rules or Rules()
        self._asked_for = asked(question, rules.expect)
        self.kind = self._asked_for.kind
        self._asked = len(members)
        self._open = {member.name: lineage_of(member) for member in members}
        self._spared: dict[str, str] = {}
        self._fastest: Outcome | None = None
        self._voters = {lineage_of(member): member for member in members}
        means = self.kind in MEANT
        self._grouping = Grouping(
            rules.embedder if means else None,
            question=question,
            closer=rules.closer if means else None,
        )
        self._landed: list[tuple[Landed, int]] = []
        self._failed: list[Check | None] = []
        self._pooled = rules.weights.pooled(self.kind)
        self._kept = Gatherings(self._tally())
        self._pardoned: tuple[frozenset[Check], Gatherings, int] = frozenset(), Gatherings(self._tally()), 0
        preferences = rules.weights.preferences if self.kind is Expect.TEXT else None
        self._choice = Choice(method=rules.method, preferences=preferences)
        self._factors = preferences.factors if preferences else DEFAULTS
        self.votes_asked = self._kept.tally.outlook(set(self._voters)).votes

    def _tally(self) -> Tally:
        rules, voters = self._rules, self._voters
        if rules.method is Method.MAJORITY:
            return Tally(voters)
        known = rules.weights.among(self.kind, voters, self._published)
        return Tally(voters, known, strength=self._published)

    def _published(self, voter: str) -> float | None:
        member = self._voters.get(voter)
        strength = self._rules.strength(member, self.kind) if member else None
        return strength if strength is not None and 0 <= strength <= 1 else None

    def _strength(self, voter: str) -> float | None:
        """What was learnt of a voter, else published, else what other kinds of task tell."""
        known = self._rules.weights.of(self.kind)
        if known and voter in known.strengths:
            return known.strengths[voter]
        published = self._published(voter)
        if published is not None:
            return published
        other = known if known and known.unseen_strength is not None else self._pooled
        return other.strength(voter) if other else None

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
        if self._fastest is None or _arrival(outcome) < _arrival(self._fastest):
            self._fastest = outcome
        self._take(outcome)
        return True

    @property
    def answered(self) -> int:
        """How many have answered."""
        return len(self._landed)

    def _take(self, outcome: Outcome) -> None:
        calls = () if outcome.text or outcome.answer is None else outcome.answer.tool_calls
        text = outcome.text or ", ".join(f"{call.name}({call.arguments})" for call in calls)
        reading = read(text, self._asked_for) if outcome.text else None
        found = reading.answer if reading else None
        guessed = found is not None and reading is not None and not reading.clear
        voter = lineage_of(outcome.speaker)
        counted = words(text)
        quality = self._inspected(outcome, text, found, counted)
        landed = Landed(
            name=outcome.member.name,
            voter=voter,
            quality=quality,
            key=found.key if found else None,
            shown=found.shown if found else _excerpt(text),
            factor=self._factor(quality, outcome) * (self._kept.tally.guess(voter) if guessed else 1.0),
            arrival=_arrival(outcome),
            guessed=guessed,
        )
        self._choice.add(
            candidate(
                landed.name,
                text,
                voter=voter,
                quality=quality,
                strength=self._strength(voter),
                latency=outcome.duration,
                counted=counted,
            )
        )
        number = self._grouping.place(text, found, calls=calls)
        self._landed.append((landed, number))
        self._failed.append(quality.failed)
        if quality.failed is None:
            self._kept.add(landed, number)

    def _inspected(
        self, outcome: Outcome, text: str, found: Extract | None, counted: Mapping[str, int]
    ) -> Quality:
        constants = self._rules.constants
        return inspect(
            text,
            question=self._question,
            expect=self.kind,
            read=found is not None or not outcome.text,
            finish=outcome.answer.finish if outcome.answer else None,
            strength=self._strength(lineage_of(outcome.speaker)),
            counted=counted,
            confidence=stated_confidence(text),
            seen=constants.seen(outcome.member.name, self._question, text) if constants else 0,
            factors=self._factors,
        )

    def _factor(self, quality: Quality, outcome: Outcome) -> float:
        """What the method makes of an answer: under multi-factor, latency, confidence, quality and length."""
        if self._rules.method is not Method.MULTI_FACTOR:
            return 1.0
        return multi_factor({**quality.factors, LATENCY: latency_factor(outcome.duration, 0.0)})

    # --- what they amount to ---

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        counted = self._counted()
        return max((counted.tally.votes(number) for number in counted.groups), default=0.0)

    def _counted(self, off_topic: Sequence[str] = ()) -> Gatherings:
        """The votes: of all answers that failed no check, or one that most of them failed; else of all."""
        pardon = pardoned(self._failed)
        if off_topic:
            counted = Gatherings(self._tally())
            for landed, number in self._landed:
                if landed.name not in off_topic and landed.quality.failed in {None, *pardon}:
                    counted.add(landed, number)
            return counted if counted.landed else self._with(_ANYTHING)
        if not pardon and self._kept.landed:
            return self._kept
        return self._with(pardon or _ANYTHING)

    def _with(self, pardon: frozenset[Check]) -> Gatherings:
        """The votes of all who failed nothing, or only what is pardoned, counted on as they land."""
        before, counted, seen = self._pardoned
        if before != pardon:
            counted, seen = Gatherings(self._tally()), 0
        for landed, number in self._landed[seen:]:
            if landed.quality.failed is None or landed.quality.failed in pardon:
                counted.add(landed, number)
        self._pardoned = pardon, counted, len(self._landed)
        return counted

    @property
    def has_close_calls(self) -> bool:
        """Whether to look closely could make one of several groups."""
        return self._rules.closer is not None and self.kind in MEANT and len(self._kept.groups) > 1

    def settle(self, *, closely: bool = False) -> None:
        """Make one of the groups that turn out to be the same: before a verdict that is to last.

        To look `closely` takes a fraction of a second where there is a better embedder; do it in a thread.
        """
        merges = self._grouping.settle(closely=closely)
        for into, gone in merges:
            for gathered in (self._kept, self._pardoned[1]):
                gathered.merge(into, gone)
            self._landed = [(landed, into if number == gone else number) for landed, number in self._landed]

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
            found = Outlook(state="open", risk=1.0, votes=sum(map(tally.weight, dict.fromkeys(still))))
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
        count = "1 vote" if round(votes, 1) == 1 else f"{round(votes, 1):,g} votes"
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
        off_topic = self._choice.off_topic() if self.kind is Expect.TEXT and not provisional else ()
        counted = self._counted(off_topic)
        groups = counted.told()
        leading = groups[0] if groups else None
        agreed = leading is not None and leading.share > 0.5 and len(leading.members) > 1
        first = tuple(group.representative for group in groups[:1])
        top = first if provisional else self._top(counted, groups)
        if top and leading and not provisional:
            groups = (replace(leading, representative=_first(top, leading)), *groups[1:])
        sure = (
            counted.tally.confidence(counted.ranked()[0]) if leading and self._can_be_right(leading) else None
        )
        return Verdict(
            asked=self._asked,
            answered=self.answered,
            lineages=counted.tally.voters,
            groups=groups,
            consensus=leading.answer if leading and agreed else None,
            best=top[0] if top else None,
            fastest=self._fastest.member.name if self._fastest else None,
            confidence=sure,
            calibrated=counted.tally.calibrated,
            top=top,
            effective=counted.tally.effective,
            expect=self.kind.value,
            method=self._rules.method.value,
            basis=self._basis(counted),
            filtered=self._filtered(counted, off_topic),
            votes=() if provisional else tuple(counted.votes()),
            outlook=self.outlook(),
        )

    def _can_be_right(self, leading: Group) -> bool:
        return leading.extracted and self.kind is not Expect.TEXT

    def _top(self, counted: Gatherings, groups: Sequence[Group]) -> tuple[str, ...]:
        """The best answers: of the leading group, then of the others; of all where texts are not counted."""
        ranked = partial(self._choice.ranked, pardoned=True)
        voting = {landed.name for landed, _ in counted.landed}
        leads = groups[0] if groups else None
        if leads is None or self.kind is Expect.TEXT or not (leads.extracted or len(leads.members) > 1):
            return ranked(voting)[:TOP]
        first = ranked(frozenset(leads.members))[:TOP]
        return (*first, *(group.representative for group in groups[1:] if len(first) < TOP))[:TOP]

    def _filtered(self, counted: Gatherings, off_topic: Sequence[str]) -> tuple[Filtered, ...]:
        if len(counted.landed) == len(self._landed):
            return ()
        voting = {landed.name for landed, _ in counted.landed}
        found = []
        for landed, _ in self._landed:
            if landed.name in voting:
                continue
            quality = landed.quality
            if quality.failed is not None:
                found.append(Filtered(landed.name, quality.failed.value, quality.reason))
            elif landed.name in off_topic:
                found.append(Filtered(landed.name, Check.OFF_TOPIC.value, _OFF_TOPIC))
        return tuple(found)

    def _basis(self, counted: Gatherings) -> str:
        """What the weights rest on, as a sentence."""
        basis = counted.tally.basis
        if counted is self._kept:
            return basis
        checks = Counter(landed.quality.failed.value for landed, _ in counted.landed if landed.quality.failed)
        if not checks:
            return basis
        told = ", ".join(f"{count:,} {check}" for check, count in checks.most_common())
        who = "every answer" if checks.total() == self.answered else "most answers"
        return f"{basis}; {who} failed a check ({told}), so they vote all the same"


def _first(top: Sequence[str], group: Group) -> str:
    """The best answer of a group, where it is among the best."""
    return next((name for name in top if name in group.members), group.representative)


def _arrival(outcome: Outcome) -> float:
    return outcome.started + outcome.duration


def _excerpt(text: str) -> str:
    line = " ".join(text[: 4 * EXCERPT].split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
