"""How good one answer made of many is, on recorded answers of real models to prompts nobody learnt from.

    PANVOX_DATA=… python -m benchmarks.aggregation            every set in that folder
    python -m benchmarks.aggregation --data FOLDER --quick    one split, and only the whole pool
    python -m benchmarks.aggregation --write BENCHMARKS.md    and write the section there

The prompts of each set fall in two halves by a hash of their ids; one teaches, the other is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from benchmarks import pages
from panvox.curation import Expect, Method
from panvox.evaluation import pools, report
from panvox.evaluation.datasets import Dataset, Recorded, Response, halves, read
from panvox.evaluation.evaluate import Plan, decide, lessons_of, teach
from panvox.evaluation.learning import Lesson
from panvox.evaluation.report import Report
from panvox.recorded import FILES, file_of
from panvox.settings.places import environment

NAME = "aggregation"
SEEDS = 3
FEW = 25
"""Labels of the row that has few of them."""

COPIES, LIARS = 15, 10


@dataclass(frozen=True)
class Half:
    """A set with its two halves and what the first teaches."""

    learn: Dataset
    measure: Dataset
    lessons: Sequence[Lesson]
    seed: int

    @classmethod
    def of(cls, dataset: Dataset, seed: int, score: str | None = None) -> Half:
        first, second = halves((question.prompt_id for question in dataset.questions), seed=seed)
        learn = dataset.part(first)
        lessons = lessons_of(learn, Plan(seed=seed, score=score))
        return cls(learn, dataset.part(second), lessons, seed)

    def tested(self, plan: Plan) -> Report:
        plan = replace(plan, seed=self.seed)
        known = teach(self.measure, self.lessons, plan)
        by_prompt = dict.fromkeys((question.prompt_id for question in self.measure.questions), known)
        return report.report(list(decide(self.measure, plan, by_prompt)), [known], seed=self.seed)

    @property
    def ranked(self) -> Sequence[str]:
        """The models, the strongest on the learning half first."""
        return teach(self.measure, self.lessons, Plan(seed=self.seed)).ranked


# --- pools that are not in the set -----------------------------------------------------------------


def weak_half(dataset: Dataset, ranked: Sequence[str]) -> Dataset:
    """The weaker half of the models and the two strongest."""
    return only(dataset, {*ranked[:2], *ranked[len(ranked) // 2 :]})


def with_copies(dataset: Dataset, ranked: Sequence[str]) -> Dataset:
    """Fifteen more models that say what a weak one says; nothing but that gives them away."""
    weak = ranked[3 * len(ranked) // 4]
    names = [f"copy-{number}" for number in range(COPIES)]
    return joined(
        dataset, names, lambda said: next((each.text for each in said if each.model == weak), None) or ""
    )


def with_liars(dataset: Dataset, ranked: Sequence[str]) -> Dataset:
    """Ten more models that answer A, or 2, whatever is asked."""
    del ranked
    choice = dataset.questions[0].expect is Expect.CHOICE
    text = "The answer is (A)." if choice else "The answer is 2."
    return joined(dataset, [f"constant-{number}" for number in range(LIARS)], lambda _: text)


def only(dataset: Dataset, models: set[str]) -> Dataset:
    return replace(
        dataset,
        models={name: each for name, each in dataset.models.items() if name in models},
        responses={
            prompt: tuple(each for each in said if each.model in models)
            for prompt, said in dataset.responses.items()
        },
    )


def joined(dataset: Dataset, names: Sequence[str], text: Callable[[Sequence[Response]], str]) -> Dataset:
    """The set with more models, all of which say what `text` makes of the others' responses."""
    more = {name: Recorded(model=name, canonical=name) for name in names}
    return replace(
        dataset,
        models={**dataset.models, **more},
        responses={
            prompt: (*said, *(Response(prompt_id=prompt, model=name, text=text(said)) for name in names))
            for prompt, said in dataset.responses.items()
        },
    )


COPIED = f"all and {COPIES} copies of a weak model"
ALTERED: Mapping[str, Callable[[Dataset, Sequence[str]], Dataset]] = {
    "the weak half and the two strongest": weak_half,
    COPIED: with_copies,
    f"all and {LIARS} that always say the same": with_liars,
}
WITHOUT_BEST, TEN = "without-best:3", "random:10"

# --- the tables ------------------------------------------------------------------------------------

WHOLE = {
    f"panvox, {FEW} labels": Plan(labels=FEW),
    "panvox, no labels": Plan(labels=0),
    "panvox": Plan(stop="certain"),
}

Found = dict[str, float]
"""Figures by the name of the goal that they are held against; shares in percent."""


def mean_of(reports: Sequence[Report], name: str) -> float:
    return fmean(each.accuracy[name].value for each in reports)


def closed_table(sets: Mapping[str, Sequence[Half]], goals: Found) -> Iterator[str]:
    """All models, set by set."""
    found = {
        name: {row: [half.tested(plan) for half in several] for row, plan in WHOLE.items()}
        for name, several in sets.items()
    }
    names = [f"{name} ({len(several[0].measure.models)})" for name, several in sets.items()]
    yield f"| all models | {' | '.join(names)} | mean |"
    yield "|---|" + "---|" * (len(sets) + 1)
    rows = {
        "best single": ("panvox", "single"),
        "best single, else the next best": ("panvox", "fallback"),
        "majority": ("panvox", "majority"),
        **{f"**{row}**": (row, "panvox") for row in WHOLE},
        "oracle": ("panvox", "oracle"),
    }
    values = {
        title: [100 * mean_of(found[each][row], name) for each in sets] for title, (row, name) in rows.items()
    }
    for title, each in values.items():
        yield line(title, [*each, fmean(each)], "{:.1f}")
    ours = [found[each]["panvox"] for each in sets]
    measures: dict[str, Callable[[Report], float | None]] = {
        "calibration error": lambda each: each.calibration_error,
        "grouping, adjusted Rand index": lambda each: each.grouping,
        "share of answers waited for until certain": lambda each: each.waited,
        "right answers lost by stopping": lambda each: each.changed,
    }
    shown = {
        title: [_mean([of(each) for each in several]) for several in ours] for title, of in measures.items()
    }
    for title, known in shown.items():
        yield line(title, [*known, _mean(known)], "{:.3f}")
    goals |= _closed_goals(values, shown)
    goals[FIRST_SPLIT] = 100 * mean_of([several[0] for several in ours], "panvox")


def _closed_goals(
    shares: Mapping[str, Sequence[float]], measures: Mapping[str, Sequence[float | None]]
) -> Found:
    learnt, single = shares["**panvox**"], shares["best single"]
    even, majority = shares["**panvox, no labels**"], shares["majority"]
    found = {
        ALL: fmean(learnt),
        LOSS: max(best - each for best, each in zip(single, learnt, strict=True)),
        NO_LABELS: fmean(even),
        OVER_MAJORITY: min(each - other for each, other in zip(even, majority, strict=True)),
    }
    for title, name, made in (
        ("calibration error", ERROR, fmean),
        ("calibration error", WORST_ERROR, max),
        ("grouping, adjusted Rand index", GROUPING, fmean),
        ("share of answers waited for until certain", WAITED, lambda shares: 100 * fmean(shares)),
        ("right answers lost by stopping", LOST, fmean),
    ):
        if known := [value for value in measures[title] if value is not None]:
            found[name] = made(known)
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def line(title: str, values: Sequence[float | None], form: str) -> str:
    cells = ("not known" if value is None else form.format(value) for value in values)
    return f"| {title} | {' | '.join(cells)} |"


def pool_table(
    sets: Mapping[str, Sequence[Half]], whole: Mapping[str, Dataset], goals: Found
) -> Iterator[str]:
    """Other pools, the mean over all sets: random ones of all splits, those that cost more of the first."""
    yield "| pool, mean over sets | best single | majority | panvox, no labels | **panvox** |"
    yield "|---|---|---|---|---|"
    for word, halves_of, goal in ((WITHOUT_BEST, 1, BUT_BEST), (TEN, None, RANDOM)):
        pool = pools.parse(word)
        tested = [
            (half.tested(Plan(pool=pool, labels=0)), half.tested(Plan(pool=pool)))
            for several in sets.values()
            for half in several[:halves_of]
        ]
        goals[goal] = 100 * mean_of([each for _, each in tested], "panvox")
        yield _pool_row(word, tested)
    for title, alter in ALTERED.items():
        tested = []
        for name, several in sets.items():
            half = several[0]
            altered = Half.of(alter(whole[name], half.ranked), half.seed)
            tested.append((altered.tested(Plan(labels=0)), altered.tested(Plan())))
        if title == COPIED:
            goals[HARM] = goals[FIRST_SPLIT] - 100 * mean_of([each for _, each in tested], "panvox")
        yield _pool_row(title, tested)


def _pool_row(title: str, tested: Sequence[tuple[Report, Report]]) -> str:
    unlabelled, labelled = [each for each, _ in tested], [each for _, each in tested]
    values = [
        mean_of(labelled, "single"),
        mean_of(labelled, "majority"),
        mean_of(unlabelled, "panvox"),
        mean_of(labelled, "panvox"),
    ]
    print(f"  {title}", file=sys.stderr)
    return line(title, [100 * value for value in values], "{:.1f}")


PICKS, JUDGED, PUBLISHED_TEN = (
    "all, labels",
    "all, labels and a simulated judge, right in 75 % of pairs",
    "ten strongest by published results, no labels",
)
TEXTS = {
    PICKS: Plan(),
    JUDGED: Plan(method=Method.JUDGE),
    "ten strongest, labels": Plan(pool=pools.Pool("strongest", 10)),
    PUBLISHED_TEN: Plan(pool=pools.Pool("strongest", 10), labels=0),
}


def text_table(name: str, score: str, several: Sequence[Half], goals: Found, *, quick: bool) -> Iterator[str]:
    """Free texts: the mean label of what is picked."""
    columns = ("**panvox**", "at equal length", "best single", "random", "oracle", "adversarial picks")
    yield f"| {name}, label {score} | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|---|"
    for title, plan in list(TEXTS.items())[: 1 if quick else None]:
        found = [half.tested(replace(plan, score=score)) for half in several]
        labels = [
            100 * fmean(each.labels[row].value for each in found)
            for row in ("panvox", "single", "random", "oracle")
        ]
        equal = 100 * fmean(each.length_controlled["panvox"] for each in found)
        picks = sum(each.adversarial_picks or 0 for each in found)
        goals[ADVERSARIAL] = goals.get(ADVERSARIAL, 0) + picks
        if (score, title) in TEXT_GOALS:
            goals[TEXT_GOALS[score, title]] = labels[0]
        if (score, title) == ("ae2", PICKS):
            goals[EQUAL_LENGTH] = equal
        cells = line(title, [labels[0], equal, *labels[1:]], "{:.1f}")
        yield f"{cells} {picks} |"
        print(f"  {name} {score}: {title}", file=sys.stderr)


# --- the goals -------------------------------------------------------------------------------------

ALL, BUT_BEST, RANDOM = "all models, learnt", "all but the best 3, learnt", "10 random models, learnt"
LOSS = "loss against the best single model, worst set"
HARM = f"loss by {COPIES} copies of a weak model"
NO_LABELS, OVER_MAJORITY = "no labels at all", "no labels, lead over the majority, worst set"
ERROR, WORST_ERROR = "calibration error, mean", "calibration error, worst set"
WAITED, LOST = "answers waited for until certain, %", "right answers lost by stopping"
GROUPING = "grouping, adjusted Rand index"
PICK, WITH_JUDGE, EQUAL_LENGTH = "ae2 pick", "ae2 pick with the simulated judge", "ae2 pick, at equal length"
CENTRAL = "ae1 pick, ten strongest, no labels"
ADVERSARIAL = "adversarial picks"

FIRST_SPLIT = "all models, learnt, of the first split alone"
"""No goal: what copies are compared with."""

TEXT_GOALS = {("ae2", PICKS): PICK, ("ae2", JUDGED): WITH_JUDGE, ("ae1", PUBLISHED_TEN): CENTRAL}

AT_LEAST: Found = {
    ALL: 87,
    BUT_BEST: 78,
    RANDOM: 78.5,
    NO_LABELS: 80,
    OVER_MAJORITY: 0,
    GROUPING: 0.95,
    PICK: 72,
    WITH_JUDGE: 76,
    EQUAL_LENGTH: 70,
    CENTRAL: 96,
}
AT_MOST: Found = {
    LOSS: 1,
    HARM: 0.5,
    ERROR: 0.05,
    WORST_ERROR: 0.1,
    WAITED: 55,
    LOST: 0,
    ADVERSARIAL: 0,
}


_SHARES = {GROUPING, ERROR, WORST_ERROR}


def goals_table(found: Found) -> Iterator[str]:
    """What was measured beside what is wanted of it."""
    yield "| figure | measured | goal | |"
    yield "|---|---|---|---|"
    for word, wanted in (("at least", AT_LEAST), ("at most", AT_MOST)):
        for name, goal in wanted.items():
            if name not in found:
                continue
            value = found[name]
            met = value >= goal if wanted is AT_LEAST else value <= goal
            form = (
                "{:.3f}"
                if abs(goal) < 1 and name not in {HARM, OVER_MAJORITY, LOST, ADVERSARIAL}
                else "{:.1f}"
            )
            yield f"| {name} | {form.format(value)} | {word} {goal:g} | {'met' if met else 'missed'} |"


# --- the report ------------------------------------------------------------------------------------

CAVEATS = """
Caveats first. The answers were recorded by others, to prompts of public benchmarks that some of these
models may have seen. Each figure is the mean over splits of a set in halves by a hash of prompt ids, here
{seeds}; of pools that are neither whole nor random it is the first split. The splits share prompts, and an
accuracy on n prompts has a standard error of up to 0.5/sqrt(n): 4.5 points on 125. The kind of answer is what
the set records. All is learnt on one half and measured on the other; the best single model is chosen on the
first half as well. Copies have names of their own, so that only their answers give them away. Labels of free
texts are of a GPT-4 judge, which prefers long texts; a pick of a model that games it counts nothing. A judge
is simulated: it knows the labels, prefers the better of two texts in 75 % of pairs, and holds the knock-out
that judges hold, 16 comparisons at most, over the best eight texts. Its mistakes are independent of each
other, which those of real judges are not. Goals are meant for the mean of more and other sets than these.
"""


def sections(data: Path, *, seeds: int, quick: bool) -> Iterator[str]:
    """The parts of the report, as they are measured."""
    yield pages.filled(" ".join(CAVEATS.format(seeds=seeds).split()))
    found = {each.name: read(each) for each in sorted(data.iterdir()) if file_of(each, FILES[-1])}
    closed = {name: each for name, each in found.items() if any(q.truth is not None for q in each.questions)}
    goals: Found = {}
    if closed:
        sets = {name: [Half.of(each, seed) for seed in range(seeds)] for name, each in closed.items()}
        yield "\n".join(closed_table(sets, goals))
        if not quick:
            yield "\n".join(pool_table(sets, closed, goals))
    for name, each in found.items():
        for score in each.prefers:
            several = [Half.of(each, seed, score) for seed in range(seeds)]
            yield "\n".join(text_table(name, score, several, goals, quick=quick))
    yield "\n".join(goals_table(goals))


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    named = environment().get("PANVOX_DATA")
    parser.add_argument("--data", type=Path, default=Path(named) if named else None, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="one split, and only the whole pool")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.data is None or not options.data.is_dir():
        print("no recorded answers, nothing is measured: name their folder in PANVOX_DATA or --data")
        return
    parts = list(sections(options.data, seeds=1 if options.quick else SEEDS, quick=options.quick))
    section = "\n\n".join(parts)
    print(section)
    if options.write:
        pages.write(options.write, NAME, section)


if __name__ == "__main__":
    main()
