"""Recorded answers as the words of a fleet: real models, real texts, no model called.

What a set consists of is told in `panvox.recorded`; its responses are sorted by prompt.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from itertools import groupby
from pathlib import Path

import msgspec
import zstandard

from panvox import recorded
from panvox.errors import UsageError
from panvox.simulator.chance import seeded
from panvox.simulator.exchange import Complaint, Declined, Reason

_BLOCKS_KEPT = 8  # prompts whose answers stay unpacked: as many as are asked at the same time, or so
_FAMILIES = tuple(
    (family, re.compile(pattern))
    for family, pattern in (
        ("gpt", r"gpt-?[34]|chatgpt|davinci|gpt35"),
        ("claude", r"^claude(?!2-alpaca)"),
        ("gemma", r"gemma|gemini"),
        ("qwen", r"qwen"),
        ("mistral", r"mi[sx]tral|zephyr"),
        ("yi", r"(^|[-_])yi([-_]|$)"),
        ("llama", r"llama|alpaca|vicuna|tulu|guanaco|wizardlm|xwinlm|ultralm|openchat|airoboros"),
    )
)
_OTHERS = 3


class _Prompt(msgspec.Struct):
    prompt_id: str
    prompt: str


class _Model(msgspec.Struct):
    model: str


class _Response(msgspec.Struct):
    model: str
    text: str


class _Key(msgspec.Struct):
    prompt_id: str


_key_of = msgspec.json.Decoder(_Key).decode
_responses_of = msgspec.json.Decoder(_Response).decode_lines


class Recording:
    """A recorded set. The answers to each prompt stay packed until somebody asks it.

    A quarter of the size of the texts is held in memory.
    """

    def __init__(
        self, *, name: str, models: tuple[str, ...], prompts: dict[str, str], answers: dict[str, bytes]
    ) -> None:
        self.name = name
        self.models = models
        self.prompts = tuple(prompts.values())
        self._ids = {text: prompt for prompt, text in reversed(prompts.items())}
        self._plain_ids = {plain(text): prompt for prompt, text in reversed(prompts.items())}
        self._answers = answers
        self._unpacked: OrderedDict[str, dict[str, str]] = OrderedDict()

    @classmethod
    def load(cls, folder: Path, *, name: str = "alpaca_eval") -> Recording:
        """Read the set `name` in `folder`. Blocks; takes about two seconds for a hundred thousand answers.

        Raises `UsageError` where there is no such set, or it cannot be read.
        """
        place = folder / name
        prompts, models, responses = (recorded.file_of(place, file) for file in recorded.FILES)
        if prompts is None or models is None or responses is None:
            raise UsageError(_missing(folder, name))
        return cls(
            name=name,
            models=tuple(row.model for _, row in recorded.rows(models, _Model)),
            prompts={row.prompt_id: row.prompt for _, row in recorded.rows(prompts, _Prompt)},
            answers=_packed(responses),
        )

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        """What `model` said, found by the exact prompt or by one that differs in white space only.

        Raises `Declined` (422) where it said nothing.
        """
        prompt = self._ids.get(question) or self._plain_ids.get(plain(question))
        if prompt is None:
            raise _nothing(
                f"The recorded set {self.name!r} has no such prompt; `panvox simulate --replay … "
                "--list-prompts 10` prints some that it has."
            )
        text = self._said_to(prompt).get(model)
        if text is None:
            raise _nothing(f"The recorded set {self.name!r} has no answer of {model!r} to this prompt.")
        return text

    def examples(self, count: int, *, longest: int = 200) -> list[str]:
        """Some prompts on one line each, spread over the set; those of up to `longest` characters first."""
        lines = sorted(map(plain, self.prompts), key=lambda line: len(line) > longest)
        suitable = [line for line in lines if len(line) <= longest]
        pool = suitable if len(suitable) >= count else lines
        step = max(1, len(pool) // max(1, count))
        return pool[::step][:count]

    def _said_to(self, prompt: str) -> dict[str, str]:
        if prompt in self._unpacked:
            self._unpacked.move_to_end(prompt)
            return self._unpacked[prompt]
        packed = self._answers.get(prompt)
        rows = _responses_of(zstandard.ZstdDecompressor().decompress(packed)) if packed else []
        self._unpacked[prompt] = {row.model: row.text for row in rows}
        if len(self._unpacked) > _BLOCKS_KEPT:
            self._unpacked.popitem(last=False)
        return self._unpacked[prompt]


def plain(text: str) -> str:
    """`text` on one line, with single spaces."""
    return " ".join(text.split())


def family(model: str) -> str:
    """The provider that a recorded model is put at: its family where the name tells, else one of a few."""
    name = model.lower()
    known = next((family for family, pattern in _FAMILIES if pattern.search(name)), None)
    return known or f"others-{seeded('family', model).randint(1, _OTHERS)}"


def _nothing(message: str) -> Declined:
    return Declined(Complaint(reason=Reason.UNPROCESSABLE, message=message))


def _missing(folder: Path, name: str) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}; --replay names the folder that holds the recorded sets"
    there = sorted(each.name for each in folder.iterdir() if recorded.file_of(each, recorded.FILES[-1]))
    found = f"it holds {', '.join(there)}" if there else "it holds no recorded set"
    return f"there is no recorded set {name!r} in {folder}; {found}"


def _packed(path: Path) -> dict[str, bytes]:
    """The lines that belong to each prompt, packed again."""
    packer = zstandard.ZstdCompressor(level=3)
    try:
        by_prompt = groupby(recorded.lines(path), key=lambda line: _key_of(line).prompt_id)
        return {prompt: packer.compress(b"".join(lines)) for prompt, lines in by_prompt}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
