"""The verdict on a turn, at any time: answers go in as they land."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from panvox.curation.centre import most_central, words
from panvox.curation.extract import extract
from panvox.curation.grouping import Grouping
from panvox.curation.rules import Method, Rules
from panvox.curation.tally import Tally
from panvox.curation.weights import TaskWeights
from panvox.messages import Identity, Outcome
from panvox.verdicts import Group, Outlook, Verdict

EXCERPT = 120
"""Characters of a text that stand for it where no final answer could be read."""

CENTRE_OF = 300
"""Free texts of which the centre is found at most, taken evenly: the centre of more moves little."""


class _Gathering:
    """A group that grows."""

    def __init__(self, *, key: str | None) -> None:
        self.shown: Counter[str] = Counter()
        self.key = key or ""
        self.extracted = key is not None
        self.members: list[Outcome] = []
        self.lineages: set[str] = set()

    def add(self, outcome: Outcome, shown: str) -> None:
        self.members.append(outcome)
        self.shown[shown] += 1
        self.lineages.add(lineage_of(outcome.speaker))


def lineage_of(member: Identity) -> str:
    """The weights behind a member; one whose weights are unknown is a lineage of its own."""
    return member.lineage or member.name


class Curator:
    """Extracts, groups and counts answers as they land; names the groups, the best and the fastest."""

    def __init__(self, question: str, members: Sequence[Identity], rules: Rules | None = None) -> None:
        self._question = question
        self._rules = rules or Rules()
        self._asked = len(members)
        self._grouping = Grouping()
        self._groups: dict[int, _Gathering] = {}
        self._free_texts: dict[str, str] = {}
        self._fastest: Outcome | None = None
        self._open = {member.name: lineage_of(member) for member in members}
        lineages = set(self._open.values())
        self._tally = Tally(lineages, _weights(self._rules))
        self.lineages_asked = len(lineages)
        self.answered = 0

    def add(self, outcome: Outcome) -> bool:
        """Take an outcome; whether it changed the verdict (only answers do)."""
        self._open.pop(outcome.member.name, None)
        if not outcome.answered:
            return False
        self.answered += 1
        if self._fastest is None or _arrival(outcome) < _arrival(self._fastest):
            self._fastest = outcome
        self._place(outcome)
        return True

    def _place(self, outcome: Outcome) -> None:
        found = extract(outcome.text, self._question)
        if found is None:
            self._free_texts[outcome.member.name] = outcome.text
        number = self._grouping.place(outcome.text, found)
        group = self._groups.setdefault(number, _Gathering(key=found.key if found else None))
        group.add(outcome, found.shown if found else _excerpt(outcome))
        self._tally.add(lineage_of(outcome.speaker), number)

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        return max((self._tally.votes(number) for number in self._groups), default=0.0)

    def outlook(self, *, risk: float = 0.05) -> Outlook:
        """What members that have not ended could change; "likely" where at most by `risk`."""
        return self._tally.outlook(self._open.values(), risk=risk)

    def verdict(self, *, provisional: bool = False) -> Verdict:
        """The verdict on what has been added so far.

        A `provisional` one does without the centre of free texts, which costs a pass over all of them; it
        names who was first instead.
        """
        groups = self._ranked()
        leading = groups[0] if groups else None
        agreed = leading is not None and leading.share > 0.5 and len(leading.members) > 1
        return Verdict(
            asked=self._asked,
            answered=self.answered,
            lineages=self._tally.voters,
            groups=groups,
            consensus=leading.answer if leading and agreed else None,
            best=self._first(groups) if provisional else self._best(groups),
            fastest=self._fastest.member.name if self._fastest else None,
        )

    def _ranked(self) -> tuple[Group, ...]:
        counted = [self._count(number, group) for number, group in self._groups.items()]
        # Where votes are level, an answer that could be read stands before a text that only resembles itself.
        return tuple(sorted(counted, key=lambda g: (-g.votes, -len(g.members), not g.extracted)))

    def _count(self, number: int, group: _Gathering) -> Group:
        votes = round(self._tally.votes(number), 9)  # thirds added and taken away must not tip a tie
        return Group(
            answer=group.shown.most_common(1)[0][0],
            extracted=group.extracted,
            members=tuple(outcome.member.name for outcome in group.members),
            votes=votes,
            share=votes / self._tally.total,
            representative=min(group.members, key=_arrival).member.name,
            lineages=len(group.lineages),
            key=group.key,
        )

    def _first(self, groups: Sequence[Group]) -> str | None:
        return groups[0].representative if groups else None

    def _best(self, groups: Sequence[Group]) -> str | None:
        """The most central text where most are free texts, else whoever was first in the leading group."""
        names = list(self._free_texts)
        if len(names) < 3 or len(names) <= self.answered / 2:
            return self._first(groups)
        step = -(-len(names) // CENTRE_OF)
        names = names[::step]
        return names[most_central([words(self._free_texts[name]) for name in names])]


def _weights(rules: Rules) -> TaskWeights | None:
    """What was learnt for the kind of answer that is expected, where the method heeds it."""
    if rules.expect is None or rules.method is Method.MAJORITY:
        return None
    return rules.weights.of(rules.expect)


def _arrival(outcome: Outcome) -> float:
    return outcome.started + outcome.duration


def _excerpt(outcome: Outcome) -> str:
    if not outcome.text:
        calls = outcome.answer.tool_calls if outcome.answer else ()
        return ", ".join(f"{call.name}({call.arguments})" for call in calls)[:EXCERPT]
    line = " ".join(outcome.text[: 4 * EXCERPT].split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
