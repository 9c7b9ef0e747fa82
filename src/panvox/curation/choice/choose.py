"""The best of many answers: a short list by strength and quality, then the most central where they are level.

    candidate ─► Choice.add ─► fit? ─► short list ─► worth ─► ranked

What would gain from being chosen is not asked: texts that speak to their judge, that are the same for every
question, that are not about this one or a fraction of its usual length come after all others, whatever the
strength of their model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from statistics import median

import msgspec

from panvox.curation.checks.factors import CONFIDENCE, LENGTH, STRENGTH
from panvox.curation.checks.quality import Quality, length_factor
from panvox.curation.choice.centre import Centre, words
from panvox.curation.choice.preferences import Labelled, Preferences
from panvox.curation.choice.style import Layout, layout
from panvox.curation.rules import Method

SHORT_LIST = 10
"""Answers among which the best is chosen, and which a judge would compare."""

SURE_LIST = 6
"""The same where strengths were learnt from labels; by cross-validation on half of recorded prompts."""

LATENCY = "latency"

MULTI_FACTOR = {STRENGTH: 0.4, CONFIDENCE: 0.2, LENGTH: 0.2, LATENCY: 0.2}
"""What counts under `--method multi-factor`: each factor runs from 0 to 1; unknown ones are left out."""

_OFF_TOPIC = 0.35
"""Nearness to the others, as a part of the median nearness, below which a text is not about the question."""

_STUB = (16, 200)
"""How many times longer the others are than a text that is only a beginning, and how long at least."""

_UNENDED_STUB = (4, 40)
"""The same for a text that stops without the end of a sentence."""

_CROWD = 5
"""Answers from which on it can be told that one is unlike the others."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that may be the best one.

    `voter` names the weights, so that copies count as one when the centre is found. `strength` runs from
    0 to 1, None where nothing is known of the model; `latency` is in seconds.
    """

    name: str
    voter: str
    words: Mapping[str, int]
    layout: Layout
    quality: Quality = Quality()
    strength: float | None = None
    latency: float | None = None


def candidate(
    name: str,
    text: str,
    *,
    voter: str = "",
    quality: Quality | None = None,
    strength: float | None = None,
    latency: float | None = None,
    counted: Mapping[str, int] | None = None,
) -> Candidate:
    """A candidate, its layout and (unless they are `counted`) its words read from its text."""
    return Candidate(
        name=name,
        voter=voter or name,
        words=words(text) if counted is None else counted,
        layout=layout(text),
        quality=quality or Quality(),
        strength=strength,
        latency=latency,
    )


class Choice:
    """Candidates, added as they land, and who is best; adding one costs as much as its words."""

    def __init__(
        self,
        *,
        method: Method = Method.WEIGHTED,
        preferences: Preferences | None = None,
    ) -> None:
        self._method = method
        self._preferences = preferences or Preferences()
        self._factors = self._preferences.factors
        self._centre = Centre()
        self._candidates: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        """Take a candidate; its words are not kept."""
        self._centre.add(candidate.words)
        self._candidates.append(msgspec.structs.replace(candidate, words={}))

    def off_topic(self) -> tuple[str, ...]:
        """The names of those whose text has next to nothing in common with the other answers.

        Only told of five candidates or more, and where the others have something in common.
        """
        return tuple(
            self._candidates[index].name for index in sorted(self._off_topic(range(len(self._candidates))))
        )

    def ranked(self, among: Container[str] | None = None, *, pardoned: bool = False) -> tuple[str, ...]:
        """All names (those in `among`, where it is given), the best first.

        First the short list by worth (the strongest of it first, where strengths were learnt), then other fit
        candidates, then those that are not fit, then those whose answer does not even vote; `pardoned`,
        failed checks are no matter, as all of them vote.
        """
        fit, unfit = self._parted(among, pardoned=pardoned)
        learnt = self._method is not Method.MULTI_FACTOR and bool(self._preferences.labels)
        order = list[int]()
        for size in (SURE_LIST, SHORT_LIST) if learnt else (SHORT_LIST,):
            short = [index for index in self._shortened(fit, size) if index not in order]
            order += self._by_worth(short)
        rest = [index for index in fit if index not in order]
        order = [*order, *self._by_worth(rest), *unfit]
        return tuple(self._candidates[index].name for index in order)

    def short_list(self, n: int = SHORT_LIST, among: Container[str] | None = None) -> tuple[str, ...]:
        """The names of at most `n` fit candidates of different weights, the best first, for a judge."""
        fit, _ = self._parted(among)
        by_worth = self._by_worth(self._shortened(fit, max(n, SHORT_LIST)))
        first = self._one_each(by_worth)
        rest = [index for index in by_worth if index not in set(first)]
        return tuple(self._candidates[index].name for index in (*first, *rest)[:n])

    def _parted(self, among: Container[str] | None, *, pardoned: bool = False) -> tuple[list[int], list[int]]:
        """Who may be the best one, and who may not, the better first."""
        everybody = self._candidates

        def fails(n: int) -> bool:
            return not pardoned and everybody[n].quality.failed is not None

        asked = [n for n, each in enumerate(everybody) if among is None or each.name in among]
        sound = [n for n in asked if not fails(n) and not everybody[n].quality.barred]
        strange = self._off_topic(sound)
        typical = median([everybody[n].layout.chars for n in sound if n not in strange] or [0])
        scores = {n: self._score(everybody[n], typical) for n in asked}
        sound = [n for n in sound if n not in strange and not is_stub(everybody[n].layout, typical)] or sound
        fit = [n for n in sound if scores[n] >= self._factors.threshold] or sound
        kept = set(fit)

        def standing(n: int) -> tuple[bool, bool, bool, float]:
            return everybody[n].quality.barred, fails(n), n in strange, -scores[n]

        return fit, sorted((n for n in asked if n not in kept), key=standing)

    def _score(self, each: Candidate, typical: float) -> float:
        """The score, now that it can be told how long the others are."""
        if not each.quality.factors:
            return each.quality.score
        factors = {**each.quality.factors, LENGTH: length_factor(each.layout.chars, typical)}
        return self._factors.score(factors)

    def _off_topic(self, indices: Sequence[int]) -> frozenset[int]:
        if len(indices) < _CROWD:
            return frozenset()
        near = self._centre.scores(indices, self._shares(indices))
        limit = _OFF_TOPIC * median(near)
        return frozenset(index for index, value in zip(indices, near, strict=True) if value < limit)

    def _shares(self, indices: Sequence[int]) -> list[float]:
        """One vote for each voter, divided among its candidates."""
        copies = Counter(self._candidates[index].voter for index in indices)
        return [1 / copies[self._candidates[index].voter] for index in indices]

    def _strengths(self, indices: Sequence[int]) -> list[float]:
        """What is known of the models; a model nobody knows stands at the lower quarter of those known."""
        if self._method in {Method.MAJORITY, Method.MEDOID}:
            return [0.5] * len(indices)
        learnt = self._preferences.strengths
        known = [learnt.get(each.voter, each.strength) for each in map(self._candidates.__getitem__, indices)]
        sure = sorted(value for value in known if value is not None)
        usual = sure[len(sure) // 4] if sure else 0.5
        return [usual if value is None else value for value in known]

    def _shortened(self, fit: Sequence[int], n: int) -> list[int]:
        """The candidates of the `n` strongest voters; all where strength is unknown or does not count."""
        strengths = dict(zip(fit, self._strengths(fit), strict=True))
        if len(set(strengths.values())) < 2:
            return list(fit)
        strongest = sorted(fit, key=lambda index: (-strengths[index], index))
        voters = list(dict.fromkeys(self._candidates[index].voter for index in strongest))[:n]
        return [index for index in strongest if self._candidates[index].voter in voters]

    def _by_worth(self, indices: Sequence[int]) -> list[int]:
        if len(indices) < 2:
            return list(indices)
        if self._method is Method.MULTI_FACTOR:
            worths = self._multi_factor(indices)
        else:
            everybody = [self._candidates[index] for index in indices]
            strengths = self._strengths(indices)
            central = centralities(self._centre, indices, [each.voter for each in everybody], strengths)
            if self._method is Method.MEDOID:
                worths = central
            else:
                features = self._preferences.features(
                    [each.voter for each in everybody],
                    strengths,
                    central,
                    [each.layout for each in everybody],
                )
                worths = [float(value) for value in self._preferences.worths(features)]
        return [index for _, index in sorted(zip((-worth for worth in worths), indices, strict=True))]

    def _multi_factor(self, indices: Sequence[int]) -> list[float]:
        everybody = [self._candidates[index] for index in indices]
        typical = median(each.layout.chars for each in everybody)
        quickest = min((each.latency for each in everybody if each.latency is not None), default=0.0)
        known = [
            {
                **{name: value for name, value in each.quality.factors.items() if name in MULTI_FACTOR},
                STRENGTH: strength,
                LENGTH: length_factor(each.layout.chars, typical),
            }
            | ({} if each.latency is None else {LATENCY: latency_factor(each.latency, quickest)})
            for each, strength in zip(everybody, self._strengths(indices), strict=True)
        ]
        return [multi_factor(factors) for factors in known]

    def _one_each(self, indices: Iterable[int]) -> list[int]:
        return list({self._candidates[index].voter: index for index in reversed(list(indices))}.values())[
            ::-1
        ]


def is_stub(text: Layout, typical: float) -> bool:
    """Whether a text is only the beginning of one, given the usual length of the others."""
    times, least = _STUB if text.ended else _UNENDED_STUB
    return typical >= least and text.chars * times < typical


def rank(
    candidates: Iterable[Candidate],
    *,
    method: Method = Method.WEIGHTED,
    preferences: Preferences | None = None,
) -> tuple[str, ...]:
    """The names of all candidates, the best first; see `Choice.ranked`."""
    choice = Choice(method=method, preferences=preferences)
    for each in candidates:
        choice.add(each)
    return choice.ranked()


def short_list(
    candidates: Iterable[Candidate], n: int = SHORT_LIST, *, preferences: Preferences | None = None
) -> tuple[str, ...]:
    """The names of at most `n` candidates that are worth a judge's time, the best first."""
    choice = Choice(preferences=preferences)
    for each in candidates:
        choice.add(each)
    return choice.short_list(n)


def centralities(
    centre: Centre, indices: Sequence[int], voters: Sequence[str], strengths: Sequence[float]
) -> list[float]:
    """How central texts are among each other, each counted by its strength squared, copies as one."""
    copies = Counter(voters)
    weights = [
        max(strength, 0.01) ** 2 / copies[voter] for strength, voter in zip(strengths, voters, strict=True)
    ]
    return centre.scores(indices, weights)


def labelled(candidates: Sequence[Candidate], labels: Mapping[str, float]) -> Labelled:
    """An example to learn preferences from: the candidates of one prompt and the labels, by name."""
    centre = Centre()
    for each in candidates:
        centre.add(each.words)
    voters = tuple(each.voter for each in candidates)

    def central(indices: Sequence[int], strengths: Sequence[float]) -> list[float]:
        return centralities(centre, indices, [voters[index] for index in indices], strengths)

    typical = median([each.layout.chars for each in candidates] or [0])
    return Labelled(
        voters=voters,
        labels=tuple(labels.get(each.name) for each in candidates),
        layouts=tuple(each.layout for each in candidates),
        centrality=central,
        factors=tuple(
            each.quality.factors | {LENGTH: length_factor(each.layout.chars, typical)} for each in candidates
        ),
    )


def multi_factor(factors: Mapping[str, float]) -> float:
    """The weighted mean, 0 to 1, of those factors of `MULTI_FACTOR` that are known; 1 where none is."""
    known = [(weight, factors[name]) for name, weight in MULTI_FACTOR.items() if name in factors]
    total = sum(weight for weight, _ in known)
    return sum(weight * value for weight, value in known) / total if total else 1.0


def latency_factor(seconds: float, quickest: float) -> float:
    """1 for the quickest, a half for one that took ten seconds longer."""
    return 10 / (10 + max(0.0, seconds - quickest))
