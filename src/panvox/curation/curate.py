"""The verdict on a turn, at any time: answers go in as they land."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from panvox.curation.centre import most_central, words
from panvox.curation.extract import extract
from panvox.messages import Group, Identity, Outcome, Verdict

EXCERPT = 120
"""Characters of a text that stand for it where no final answer could be read."""


CENTRE_OF = 300
"""Free texts of which the centre is found at most, taken evenly: the centre of more moves little."""


class _Gathering:
    """A group that grows."""

    def __init__(self, shown: str, *, extracted: bool) -> None:
        self.shown = Counter({shown: 0})
        self.extracted = extracted
        self.members: list[Outcome] = []
        self.votes = 0.0

    def add(self, outcome: Outcome, shown: str) -> None:
        self.members.append(outcome)
        self.shown[shown] += 1


def lineage_of(member: Identity) -> str:
    """The weights behind a member; one whose weights are unknown is a lineage of its own."""
    return member.lineage or member.name


class Curator:
    """Groups equal answers, counts one vote a lineage, and names the groups, the best and the fastest."""

    def __init__(self, question: str, members: Sequence[Identity]) -> None:
        self._question = question
        self._asked = len(members)
        self._groups: dict[str, _Gathering] = {}
        self._answers_of: dict[str, list[_Gathering]] = {}
        self._free_texts: dict[str, str] = {}
        self._fastest: Outcome | None = None
        self.lineages_asked = len({lineage_of(member) for member in members})
        self.answered = 0

    def add(self, outcome: Outcome) -> bool:
        """Take an outcome; whether it changed the verdict (only answers do)."""
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
        shown = found.shown if found else _excerpt(outcome)
        key = f"={found.key}" if found else f"~{' '.join(outcome.text.split())}"
        if key not in self._groups:
            self._groups[key] = _Gathering(shown, extracted=found is not None)
        self._groups[key].add(outcome, shown)
        self._vote(lineage_of(outcome.speaker), self._groups[key])

    def _vote(self, lineage: str, group: _Gathering) -> None:
        """The lineage's one vote is divided anew among the groups of all its answers."""
        answers = self._answers_of.setdefault(lineage, [])
        for earlier in answers:
            earlier.votes -= 1 / len(answers)
        answers.append(group)
        for each in answers:
            each.votes += 1 / len(answers)

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        return max((group.votes for group in self._groups.values()), default=0.0)

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
            lineages=len(self._answers_of),
            groups=groups,
            consensus=leading.answer if leading and agreed else None,
            best=self._first(groups) if provisional else self._best(groups),
            fastest=self._fastest.member.name if self._fastest else None,
        )

    def _ranked(self) -> tuple[Group, ...]:
        counted = [self._count(group) for group in self._groups.values()]
        # Where votes are level, an answer that could be read stands before a text that only resembles itself.
        return tuple(sorted(counted, key=lambda g: (-g.votes, -len(g.members), not g.extracted)))

    def _count(self, group: _Gathering) -> Group:
        votes = round(group.votes, 9)  # thirds that were added and taken away again must not tip a tie
        return Group(
            answer=group.shown.most_common(1)[0][0],
            extracted=group.extracted,
            members=tuple(outcome.member.name for outcome in group.members),
            votes=votes,
            share=votes / len(self._answers_of),
            representative=min(group.members, key=_arrival).member.name,
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


def _arrival(outcome: Outcome) -> float:
    return outcome.started + outcome.duration


def _excerpt(outcome: Outcome) -> str:
    if not outcome.text:
        calls = outcome.answer.tool_calls if outcome.answer else ()
        return ", ".join(f"{call.name}({call.arguments})" for call in calls)[:EXCERPT]
    line = " ".join(outcome.text[: 4 * EXCERPT].split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"
