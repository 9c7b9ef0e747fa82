"""How strong a model is at a kind of task, before it has answered: a prior for the selection and for votes.

Benchmarks have scales of their own. They are put on one by straight lines: the benchmark with the most models
gives the scale, and each further one is laid over it so that the models that both measured have the same mean
and the same spread. A model's place is the mean of its places; its strength is the share of a bell curve over
all measured models that lies below it. So within one benchmark more points are never less strength, and a
benchmark that shares too few models with the others says nothing.

A model that nobody measured has no strength: a name is not evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from statistics import NormalDist, fmean, pstdev

import msgspec

from panvox.catalog.entries import Claim
from panvox.catalog.lineage import kin, lineage
from panvox.catalog.measurements import Measurement, TaskKind, published

# What was not measured itself ranks behind what was. Where both were measured, kin differ by 0.08 on average,
# and strength at code or mathematics is 0.77 of that in general: see docs/lineage.md.
AS_KIN = 0.9
AS_GENERAL = 0.8
FEWEST_SHARED = 4  # models that two benchmarks must share; a line through fewer is mostly noise


class Strength(msgspec.Struct, frozen=True, kw_only=True):
    """How strong a model is at a `kind` of task: `value` is 0 to 1, and 0.5 the middle of what was measured.

    `source` names the benchmarks or the settings, `date` the newest of them; `via` says in words what it was
    concluded from where the model itself was not measured at this.
    """

    value: float
    kind: TaskKind
    source: str
    date: str = ""
    via: str = ""


class Strengths:
    """Strengths by lineage: from the user's own results, else the published ones.

    `own` results replace the published ones of the same model and kind, and are laid over the published scale
    without changing it. `unplaced` are benchmarks that share too few models with it, so that their results
    could not be used.
    """

    def __init__(
        self,
        *,
        own: Iterable[Measurement] = (),
        results: Iterable[Measurement] | None = None,
    ) -> None:
        self._measured: dict[tuple[str, TaskKind], Strength] = {}
        self._kin: dict[tuple[str, TaskKind], list[str]] = defaultdict(list)
        self.unplaced: tuple[str, ...] = ()
        theirs, mine = tuple(published() if results is None else results), tuple(own)
        for kind in TaskKind:
            self._measure(kind, [_of(theirs, kind), _of(mine, kind)])
        for word, kind in self._measured:
            self._kin[kin(word), kind].append(word)

    def of(self, model: str, kind: TaskKind = TaskKind.GENERAL) -> Strength | None:
        """The strength of a model or lineage, or None if neither it nor its kin were ever measured.

        Looked for are, in this order: the model at this kind, its kin at this kind (their mean, times
        `AS_KIN`), and the same for tasks in general (times `AS_GENERAL`).
        """
        word = lineage(model)
        if found := self._measured_or_kin(word, kind):
            return found
        general = self._measured_or_kin(word, TaskKind.GENERAL)
        if general is None:
            return None
        via = f"general; {general.via}" if general.via else "general"
        return msgspec.structs.replace(general, value=AS_GENERAL * general.value, kind=kind, via=via)

    def claims(self, lineage_word: str) -> dict[str, Claim]:
        """The strengths of a lineage by kind, as far as there are any, with what they were concluded from."""
        found = ((kind, self.of(lineage_word, kind)) for kind in TaskKind)
        return {kind.value: _claim(strength) for kind, strength in found if strength is not None}

    def __repr__(self) -> str:
        counts = ", ".join(f"{kind}: {sum(k == kind for _, k in self._measured)}" for kind in TaskKind)
        return f"Strengths({counts})"

    def _measure(self, kind: TaskKind, layers: list[list[Measurement]]) -> None:
        scale = Scale(layers[0])
        for layer in layers:
            scale.lay(layer)
            for word, results in _by_lineage(layer).items():
                benchmarks = [result for result in results if scale.knows(result.benchmark)]
                if benchmarks:
                    self._measured[word, kind] = _strength(scale, benchmarks, kind)
            self.unplaced += tuple(sorted({result.benchmark for result in layer} - scale.benchmarks))

    def _measured_or_kin(self, word: str, kind: TaskKind) -> Strength | None:
        if found := self._measured.get((word, kind)):
            return found
        family = kin(word)
        relatives = [self._measured[relative, kind] for relative in self._kin.get((family, kind), ())]
        if not relatives:
            return None
        return Strength(
            value=AS_KIN * fmean(relative.value for relative in relatives),
            kind=kind,
            source="; ".join(sorted({relative.source for relative in relatives})),
            date=max(relative.date for relative in relatives),
            via=f"kin of {family}",
        )


class Scale:
    """One scale for the benchmarks of a kind: a straight line that rises for each, and a curve over all."""

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._lines: dict[str, tuple[float, float]] = {}
        self._places: dict[str, list[float]] = defaultdict(list)
        self._curve = NormalDist()
        table = _by_benchmark(results)
        if table:
            first = max(sorted(table), key=lambda benchmark: len(table[benchmark]))
            self._place(first, table[first], _standard(table[first]))
        self._lay(table)
        if len(self._places) > 1:
            places = [fmean(found) for found in self._places.values()]
            self._curve = NormalDist(fmean(places), pstdev(places) or 1.0)

    @property
    def benchmarks(self) -> set[str]:
        """Those that could be placed."""
        return set(self._lines)

    def knows(self, benchmark: str) -> bool:
        """Whether it could be placed."""
        return benchmark in self._lines

    def lay(self, results: Iterable[Measurement]) -> None:
        """Place further benchmarks by the models that they share; what is placed already keeps its line."""
        self._lay(_by_benchmark(results))

    def value(self, results: Iterable[Measurement]) -> float:
        """Where the mean of some results of one model lies, from 0 to 1. Their benchmarks must be known."""
        best = {benchmark: max(scores.values()) for benchmark, scores in _by_benchmark(results).items()}
        return self._curve.cdf(fmean(self._on_scale(name, score) for name, score in best.items()))

    def _lay(self, table: dict[str, dict[str, float]]) -> None:
        """The benchmark that shares the most models with those placed comes first: it errs the least."""
        while waiting := [name for name in sorted(table) if name not in self._lines]:
            name = max(waiting, key=lambda each: len(self._shared(table[each])))
            line = self._line(table[name])
            if line is None:
                return
            self._place(name, table[name], line)

    def _shared(self, scores: dict[str, float]) -> list[str]:
        return [word for word in scores if word in self._places]

    def _line(self, scores: dict[str, float]) -> tuple[float, float] | None:
        """Slope and shift that give the shared models the mean and the spread that they have on the scale."""
        shared = self._shared(scores)
        if len(shared) < FEWEST_SHARED:
            return None
        there = [fmean(self._places[word]) for word in shared]
        here = [scores[word] for word in shared]
        if not (spread := pstdev(here)) or not pstdev(there):
            return None
        slope = pstdev(there) / spread
        return slope, fmean(there) - slope * fmean(here)

    def _place(self, name: str, scores: dict[str, float], line: tuple[float, float]) -> None:
        self._lines[name] = line
        for word, score in scores.items():
            self._places[word].append(self._on_scale(name, score))

    def _on_scale(self, benchmark: str, score: float) -> float:
        slope, shift = self._lines[benchmark]
        return slope * score + shift


def _claim(strength: Strength) -> Claim:
    via = f", as {strength.via}" if strength.via else ""
    since = f", {strength.date}" if strength.date else ""
    return Claim(round(strength.value, 4), "measured", None, f"{strength.source}{since}{via}")


def strength(model: str, kind: TaskKind = TaskKind.GENERAL) -> Strength | None:
    """The strength of a model or lineage by published results alone; see `Strengths` for one's own."""
    return _published().of(model, kind)


@cache
def _published() -> Strengths:
    return Strengths()


def _of(results: Iterable[Measurement], kind: TaskKind) -> list[Measurement]:
    return [result for result in results if result.kind is kind]


def _by_lineage(results: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    table: dict[str, list[Measurement]] = defaultdict(list)
    for result in results:
        table[result.lineage].append(result)
    return table


def _by_benchmark(results: Iterable[Measurement]) -> dict[str, dict[str, float]]:
    """Score by benchmark and lineage: the best where one tried several ways to ask the same weights."""
    table: dict[str, dict[str, float]] = defaultdict(dict)
    for result in results:
        scores = table[result.benchmark]
        scores[result.lineage] = max(result.score, scores.get(result.lineage, result.score))
    return table


def _standard(scores: dict[str, float]) -> tuple[float, float]:
    spread = pstdev(scores.values()) or 1.0
    return 1 / spread, -fmean(scores.values()) / spread


def _strength(scale: Scale, results: list[Measurement], kind: TaskKind) -> Strength:
    return Strength(
        value=scale.value(results),
        kind=kind,
        source="; ".join(sorted({result.benchmark for result in results})),
        date=max(result.date for result in results),
    )
