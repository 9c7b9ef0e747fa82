"""Small recorded sets, written where a test wants them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import zstandard

Rows = Iterable[Mapping[str, Any]]


def write_set(folder: Path, *, packed: bool = True, **files: Rows) -> Path:
    """A set of `prompts`, `models` and `responses`; what is left out has no file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        if packed:
            (folder / f"{name}.jsonl.zst").write_bytes(zstandard.compress(data))
        else:
            (folder / f"{name}.jsonl").write_bytes(data)
    return folder


def write_sums(
    folder: Path, *, answers: Mapping[str, list[str | None]], truths: list[str | None], first: int = 0
) -> Path:
    """A set that asks for numbers: by model, what it says to each prompt; None says nothing at all."""
    ids = [f"p{first + number}" for number in range(len(truths))]
    return write_set(
        folder,
        prompts=[
            {"prompt_id": name, "prompt": f"How many are {name}?", "kind": "number", "truth": truth}
            for name, truth in zip(ids, truths, strict=True)
        ],
        models=[{"model": model, "canonical": model} for model in answers],
        responses=[
            {"prompt_id": name, "model": model, "text": "" if said is None else f"The answer is {said}."}
            for number, name in enumerate(ids)
            for model, texts in answers.items()
            for said in [texts[number]]
        ],
    )
