"""A recorded set, read once and checked where it enters: prompts, models, and who said what.

A set is held in memory: a hundred thousand answers of 1,600 characters take about 300 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from panvox import recorded
from panvox.curation.expect import Expect
from panvox.errors import UsageError
from panvox.messages import Identity

PREFERENCES = {"ae2": ("ae2", "ae2_cot", "ae2_fn"), "ae1": ("ae1",)}
"""Kinds of labels of free texts, each with the fields that hold one: the first that is there counts."""

_KINDS = {
    "mcq": Expect.CHOICE,
    "number": Expect.NUMBER,
    "literal": Expect.LITERAL,
    "freeform": Expect.TEXT,
} | {kind.value: kind for kind in Expect}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt of a set; `truth` is the right answer where there is one, `kind` what it asks for."""

    prompt_id: str
    prompt: str
    kind: str = ""
    category: str = ""
    truth: Any = None

    @property
    def expect(self) -> Expect | None:
        """What it asks for, None where the set does not say; an unknown word is no kind."""
        return _KINDS.get(self.kind)

    @property
    def right(self) -> str | None:
        """The right answer as a model might have written it."""
        if self.truth is None or isinstance(self.truth, str):
            return self.truth
        return msgspec.json.encode(self.truth).decode()


class Published(msgspec.Struct, frozen=True):
    """What a leaderboard says of a model; `win_rate` in percent."""

    win_rate: float


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a set. `canonical` is the same for the same weights under several names.

    `adversarial` models game the judge of the labels; `baseline_of` names the kind of labels that compare
    with its answers.
    """

    model: str
    canonical: str = ""
    adversarial: bool = False
    baseline_of: str = ""
    leaderboard_ae2: Published | None = None
    leaderboard_ae1: Published | None = None

    @property
    def identity(self) -> Identity:
        """As a member of a panel."""
        return Identity(name=self.model, model=self.model, lineage=self.canonical or self.model)


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What a model said to a prompt.

    `norm` is its answer in the set's own canonical form, by which groupings are compared and nothing else;
    `labels` are probabilities that the text beats that of a baseline; `chars` is its whole length.
    """

    prompt_id: str
    model: str
    text: str | None = None
    norm: str | None = None
    labels: Mapping[str, float | None] = {}
    chars: int | None = None

    def label(self, kind: str) -> float | None:
        """Its label of a kind of `PREFERENCES`."""
        found = (self.labels.get(field) for field in PREFERENCES[kind])
        return next((label for label in found if label is not None), None)

    @property
    def length(self) -> int:
        """Characters, before any cut."""
        return len(self.text or "") if self.chars is None else self.chars


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A set: prompts in their order, models by name, and the responses to each prompt."""

    name: str
    questions: tuple[Question, ...]
    models: Mapping[str, Recorded]
    responses: Mapping[str, tuple[Response, ...]]

    def part(self, prompts: Container[str]) -> Dataset:
        """The same with only some of its prompts, named by their ids."""
        kept = tuple(question for question in self.questions if question.prompt_id in prompts)
        return Dataset(name=self.name, questions=kept, models=self.models, responses=self.responses)

    def said_to(self, question: Question) -> tuple[Response, ...]:
        """The responses to a prompt; none where nobody was asked."""
        return self.responses.get(question.prompt_id, ())

    @property
    def prefers(self) -> tuple[str, ...]:
        """The kinds of `PREFERENCES` of which there are labels."""
        every = [response for said in self.responses.values() for response in said if response.labels]
        return tuple(kind for kind in PREFERENCES if any(each.label(kind) is not None for each in every))


def read(folder: Path) -> Dataset:
    """Read and check the set in `folder`. Blocks.

    Raises `UsageError`, with file and line, for what is no set: a missing file, a row without what it needs,
    responses to unknown prompts or of unknown models, the same twice, and sets without prompts or models.
    """
    prompts, models, responses = (_file(folder, name) for name in recorded.FILES)
    questions = _by_key(prompts, Question, "prompt_id")
    names = _by_key(models, Recorded, "model")
    for path, found in ((prompts, questions), (models, names)):
        if not found:
            raise UsageError(f"{path} is empty: a set needs at least one line there")
    said: dict[str, dict[str, Response]] = {prompt: {} for prompt in questions}
    for number, row in recorded.rows(responses, Response):
        _check(row, said, names, f"{responses}, line {number}", prompts=prompts, models=models)
        said[row.prompt_id][row.model] = row
    return Dataset(
        name=folder.absolute().name,
        questions=tuple(questions.values()),
        models=names,
        responses={prompt: tuple(each.values()) for prompt, each in said.items()},
    )


def halves(prompts: Iterable[str], *, seed: int) -> tuple[frozenset[str], frozenset[str]]:
    """Prompts in two halves, by a hash of their ids: one to learn on, one to measure on."""
    first, second = folds(prompts, 2, seed=seed)
    return first, second


def folds(prompts: Iterable[str], count: int, *, seed: int) -> tuple[frozenset[str], ...]:
    """Prompts in `count` parts of equal size but for one, by a hash of their ids."""
    ordered = hashed(prompts, seed=seed)
    return tuple(frozenset(ordered[start::count]) for start in range(count))


def hashed(prompts: Iterable[str], *, seed: int) -> list[str]:
    """Prompts in an order that `seed` and their ids decide, whatever their order was."""
    return sorted(prompts, key=lambda prompt: (hashlib.sha256(f"{seed}/{prompt}".encode()).digest(), prompt))


def _file(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name one that holds a recorded set")
    path = recorded.file_of(folder, name)
    if path is not None:
        return path
    inside = sorted(each.name for each in folder.iterdir() if recorded.file_of(each, recorded.FILES[-1]))
    hint = f"; it holds several sets, name one: {', '.join(inside)}" if inside else ""
    names = " or ".join(f"{name}{end}" for end in recorded.ENDINGS)
    raise UsageError(f"{folder} is no recorded set: it has no {names}{hint}")


def _by_key(path: Path, kind: type[Any], field: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, row in recorded.rows(path, kind):
        key = getattr(row, field)
        if key in found:
            raise UsageError(f"{path}, line {number}: {field} {key!r} is there twice")
        found[key] = row
    return found


def _check(
    row: Response,
    said: Mapping[str, Container[str]],
    names: Container[str],
    place: str,
    *,
    prompts: Path,
    models: Path,
) -> None:
    if row.prompt_id not in said:
        what = "labels for" if row.labels else "a response to"
        raise UsageError(f"{place}: {what} the prompt {row.prompt_id!r}, which {prompts.name} does not have")
    if row.model not in names:
        raise UsageError(f"{place}: the model {row.model!r} is not in {models.name}")
    if row.model in said[row.prompt_id]:
        raise UsageError(f"{place}: a second response of {row.model!r} to the prompt {row.prompt_id!r}")
