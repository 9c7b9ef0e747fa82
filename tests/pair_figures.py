"""How well findings are grouped: precision and recall of pairs, on issues that are written by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from panvox.review.findings import Finding, grouped
from panvox.review.findings.closeness import Needed
from tests.finding_issues import CHOSEN_ON, MEASURED_ON, Files


class Figures(NamedTuple):
    """Pairs of findings of one issue, of one group, and of both."""

    same: int
    together: int
    right: int

    @property
    def precision(self) -> float:
        """How many of the pairs that are put together belong together."""
        return self.right / max(1, self.together)

    @property
    def recall(self) -> float:
        """How many of the pairs that belong together are put together."""
        return self.right / max(1, self.same)


def findings_of(files: Files) -> dict[Finding, int]:
    """All findings of `files`, each by a model of its own within its issue, with the number of their issue."""
    found, number = {}, 0
    for path, issues in files.items():
        for issue in issues:
            number += 1
            for model, words in enumerate(issue):
                finding = Finding(
                    model=f"model-{model}",
                    lineage=f"lineage-{model}",
                    title=words.title,
                    text=words.text,
                    path="" if words.placeless else path,
                    line=words.line,
                )
                found[finding] = number
    return found


def crowd_of(files: Files, models: int, seed: int) -> dict[Finding, int]:
    """Reviews of many models, each of which tells about half of the issues, in one of the ways; no lineage twice."""
    draw = random.Random(seed)  # noqa: S311 - only to be varied, and the same each time
    issues: dict[int, list[Finding]] = {}
    for finding, number in findings_of(files).items():
        issues.setdefault(number, []).append(finding)
    return {
        replace(draw.choice(issues[number]), model=f"model-{model}", lineage=f"lineage-{model}"): number
        for model in range(models)
        for number in sorted(draw.sample(sorted(issues), len(issues) // 2))
    }


def figures(issues: Mapping[Finding, int], needed: Needed | None = None) -> Figures:
    """Group findings and compare all pairs with the issues that they belong to."""
    told: dict[str, list[Finding]] = {}
    for finding in issues:
        told.setdefault(finding.model, []).append(finding)
    result = grouped(told, {each.model: each.lineage for each in issues}, needed=needed)
    both = Counter(
        (issues[each], number) for number, issue in enumerate(result.issues) for each in issue.findings
    )
    return Figures(
        same=_pairs(Counter(issues.values())),
        together=_pairs(
            Counter(number for number, issue in enumerate(result.issues) for _ in issue.findings)
        ),
        right=_pairs(both),
    )


def _pairs(counts: Mapping[object, int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


if __name__ == "__main__":
    for name, files in (("chosen on", CHOSEN_ON), ("measured on", MEASURED_ON)):
        for who, issues in (("few", findings_of(files)), ("crowd", crowd_of(files, 100, 1))):
            found = figures(issues)
            print(f"{name}, {who}: {found} {found.precision:.3f} {found.recall:.3f}")  # noqa: T201
