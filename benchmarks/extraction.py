"""How well final answers are read: `python -m benchmarks.extraction [DATA]`, a line for each recorded set.

Our keys against the recorded extraction (`norm`) and the truth, the groups by key against those by `norm`,
the same for answers that were said otherwise to prompts without their format, and the CPU time of reading.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

from tests.test_extract import adjusted_rand, regrouped, rows, without_format

from panvox.curation import Expect
from panvox.curation.expect import asked
from panvox.curation.extract import read, truth_key

SETS = {
    "mmlu_pro": Expect.CHOICE,
    "gsm8k": Expect.NUMBER,
    "math_l5": Expect.NUMBER,
    "lawbench_case": Expect.CHOICE,
}
PROMPTS = 150
"""Prompts of each set whose answers are said otherwise."""


def measured(folder: Path, expect: Expect) -> str:
    prompts = {row["prompt_id"]: row for row in rows(folder / "prompts.jsonl.zst")}
    questions = {name: asked(row["prompt"]) for name, row in prompts.items()}
    truths = {name: truth_key(row["truth"], expect) for name, row in prompts.items()}
    answers = list(rows(folder / "responses.jsonl.zst"))
    begun = time.process_time()
    readings = [read(row["text"], questions[row["prompt_id"]]) for row in answers]
    spent = (time.process_time() - begun) / len(answers)
    keys = [reading.answer.key if reading.answer else None for reading in readings]
    groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row, key in zip(answers, keys, strict=True):
        if row["norm"] is not None:
            groups[row["prompt_id"]].append((row["norm"], key or f"unread {row['model']}"))
    pairs = [pair for found in groups.values() for pair in found]
    otherwise = [
        regrouped(
            without_format(prompts[name]["prompt"]), [norm for norm, _ in groups[name] if norm[:2] != "S:"]
        )
        for name in sorted(groups)[:PROMPTS]
    ]
    figures = {
        "agreement": sum(norm == key for norm, key in pairs) / len(pairs),
        "right": sum(key == truths[row["prompt_id"]] for row, key in zip(answers, keys, strict=True))
        / len(answers),
        "recorded": sum(bool(row["correct"]) for row in answers) / len(answers),
        "index": sum(map(adjusted_rand, groups.values())) / len(groups),
        "otherwise": sum(otherwise) / len(otherwise),
    }
    size = sum(len(row["text"]) for row in answers) / len(answers)
    shown = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
    return (
        f"{len(answers):6} answers  {shown}  {spent * 300e3:.1f} ms for 300 answers of {size:.0f} characters"
    )


if __name__ == "__main__":
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    for name, expect in SETS.items():
        print(f"{name:14}{measured(data / name, expect)}")
