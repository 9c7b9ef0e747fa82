"""Groups of answers that grow, with their votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from panvox.curation.checks.quality import Quality
from panvox.curation.tally import Tally
from panvox.verdicts import Group, Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What is kept of an answer: everything that a verdict needs, so that its text is read once.

    `name` is the member that answered, `voter` the word for its weights, `quality` what its checks found.
    `shown` is the answer as people read it, or an excerpt where none could be read; `key` is its canonical
    form, None without one, and `guessed` tells that the text does not mark it. `factor` is what is made of
    the answer, `arrival` in seconds from the start of the turn.
    """

    name: str
    voter: str
    quality: Quality
    key: str | None
    shown: str
    factor: float
    arrival: float
    guessed: bool = False


@dataclass(slots=True)
class Gathering:
    """A group that grows: its members in the order of their answers, and who was first."""

    first: Landed
    members: list[str] = field(default_factory=list)
    lineages: set[str] = field(default_factory=set)
    key: str | None = None
    shown: str = ""
    _spellings: Counter[str] = field(default_factory=Counter)

    def add(self, landed: Landed) -> None:
        """One more answer; the group is shown in the spelling that most of its answers have."""
        self.members.append(landed.name)
        self.lineages.add(landed.voter)
        self.key = landed.key if self.key is None else self.key
        self._spellings[landed.shown] += 1
        if self._spellings[landed.shown] > self._spellings[self.shown]:
            self.shown = landed.shown
        if landed.arrival < self.first.arrival:
            self.first = landed

    @property
    def extracted(self) -> bool:
        """Whether a final answer could be read in any of its texts."""
        return self.key is not None


class Gatherings:
    """All groups of a turn, by number, and the tally of their votes."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.groups: dict[int, Gathering] = {}
        self.landed: list[tuple[Landed, int]] = []
        self._order: list[int] | None = None

    def add(self, landed: Landed, group: int) -> None:
        """An answer that belongs to the group of this number."""
        self._order = None
        if group not in self.groups:
            self.groups[group] = Gathering(landed)
        self.groups[group].add(landed)
        self.landed.append((landed, group))
        self.tally.add(landed.voter, group, factor=landed.factor)

    def merge(self, into: int, gone: int) -> None:
        """All of the group `gone` belongs to the group `into` from now on."""
        if self.groups.pop(gone, None) is None:
            return
        self._order = None
        self.tally.merge(into, gone)
        for place, (landed, group) in enumerate(self.landed):
            if group == gone:
                self.landed[place] = landed, into
                self.groups.setdefault(into, Gathering(landed)).add(landed)

    def ranked(self) -> Sequence[int]:
        """The numbers of the groups, the largest first.

        Where votes are level, an answer that could be read stands before a text that only resembles itself.
        """
        if self._order is None:
            self._order = sorted(self.groups, key=self._place)
        return self._order

    def leading(self, count: int) -> list[Gathering]:
        """So many of the largest groups, the largest first."""
        return [self.groups[number] for number in self.ranked()[:count]]

    def _place(self, number: int) -> tuple[float, int, bool]:
        group = self.groups[number]
        return -self._level(number), -len(group.members), not group.extracted

    def _level(self, number: int) -> float:
        return round(self.tally.votes(number), 9)  # thirds added and taken away must not tip a tie

    def told(self) -> tuple[Group, ...]:
        """The groups as a verdict tells them, the largest first."""
        total = self.tally.total
        return tuple(self._told(number, total) for number in self.ranked())

    def _told(self, number: int, total: float) -> Group:
        group, votes = self.groups[number], self._level(number)
        return Group(
            answer=group.shown,
            extracted=group.extracted,
            members=tuple(group.members),
            votes=votes,
            share=votes / total if total else 0.0,
            representative=group.first.name,
            lineages=len(group.lineages),
            key=group.key or "",
        )

    def votes(self) -> Iterator[Vote]:
        """What each answer counts; groups are told by their place in the verdict."""
        places = {number: place for place, number in enumerate(self.ranked())}
        for landed, number in self.landed:
            counted = self.tally.counted(landed.voter)
            yield Vote(
                member=landed.name,
                group=places[number],
                weight=counted.weight * landed.factor,
                strength=counted.strength,
                part=counted.part,
                quality=landed.quality.score,
                factor=landed.factor,
                guessed=landed.guessed,
            )
