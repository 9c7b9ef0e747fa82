"""Which weights stand behind a model's name: one set of weights has one voice, whoever hosts it.

Three things decide, the later over the earlier: the rules of spelling, the table `data/lineages.csv` for what
no rule can know (each row with its reason), and what a list tells or the user's settings say.

Where it is not known whether two names are the same weights, they are kept apart: what they have in common is
then their `kin`.
"""

from __future__ import annotations

import csv
import re
from fnmatch import translate
from functools import cache, lru_cache
from importlib.resources import files

import msgspec

from panvox.catalog.spelling import spelled

_MOST_NAMES = 1 << 15  # of a catalogue of every provider at once, twice over

_DATE = re.compile(
    r"-(?:20\d\d-?[01]\d-?[0-3]\d|[01]\d-20\d\d|[01]\d-[0-3]\d|2[3-9][01]\d(?:[0-3]\d)?|[01]\d[0-3]\d)$"
)
# Words at the end of a name that tell how a base was tuned or served, not which base it is.
_TUNED = re.compile(
    r"^(.*\d.*)-(?:preview|exp|beta|latest|base|pt|instruct|it|thinking|think|reasoning|sft|dpo"
    r"|abliterated|uncensored|heretic|derestricted)$"
    r"|^(.*\db(?:-instruct)?)-(?:turbo|lite)$"
    r"|^(.*\db)-chat$"
    r"|^(.*-(?:instruct|it|chat|abliterated))-v\d(?:-\d)?$"
)
_SIZE = r"\d+(?:x\d+)?b"
# A base that is named within the name of what was made of it: hermes-3-llama-3-1-70b, l3-3-70b-euryale-v2-3.
_BASE = re.compile(
    rf"(?:^|-)(?:l(?:lama-?)?([123](?:-\d)?)-({_SIZE})"
    rf"|((?:qwen\d(?:-\d)?|gemma-\d)-{_SIZE}(?:-a\d+b)?|(?:mistral-7|mixtral-8x(?:7|22)|yi-34)b))(?=-|$)"
)
_LLAMA_APART_FROM_ITS_SIZE = re.compile(
    rf"^l(?:lama-)?(?P<after>[123](?:-\d)?)-[a-z].*?-(?P<size>{_SIZE})(?:-|$)"
    rf"|(?:^|-)(?P<size_before>{_SIZE})-(?:.*-)?llama-?(?P<before>[123](?:-\d)?)$"
)


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table: `lineage` and `kin` are empty where the rules are right; `moving` is an alias."""

    lineage: str = ""
    kin: str = ""
    moving: bool = False


class _Table(msgspec.Struct, frozen=True):
    """The rows by name, and those whose name is a glob behind one pattern for all."""

    exact: dict[str, _Row]
    globs: tuple[_Row, ...]
    pattern: re.Pattern[str]

    def row(self, word: str) -> _Row:
        if found := self.exact.get(word):
            return found
        if matched := self.pattern.match(word):
            return self.globs[int((matched.lastgroup or "r0")[1:])]
        return _NO_ROW


_NO_ROW = _Row()


def lineage(model: str, *, told: str = "") -> str:
    """The weights behind `model`, as one word that is equal wherever the same weights are hosted.

    `told` is what a list says that the name stands for (OpenRouter's `canonical_slug`, `hugging_face_id` or
    alias target, Ollama's `remote_model`, Cherry Studio's `provider_model_id`). It wins over the name, unless
    it only adds a date to a name that has never moved: hosts date the same weights differently.

    Never empty, unless `model` is.
    """
    word = _word(model)
    if not told.strip():
        return word
    target = _word(told)
    if _moves(target):
        return word
    return word if not _moves(word) and _word(_DATE.sub("", target)) == word else target


def kin(lineage: str) -> str:
    """The family whose weights `lineage` descends from, itself where nothing is known.

    Kin are an instruct model and its base, a fine-tune, merge or distillation and what it was made of, dated
    snapshots and previews of one model, and versions of it that were trained on for a purpose. Not kin are
    sizes, generations, and siblings such as `-mini` or `-flash`. It is a word to compare, not a model to ask.
    """
    return _kin(_word(lineage))


def _moves(word: str) -> bool:
    """Whether a name is known to stand for other weights from time to time."""
    return word.endswith("-latest") or _table().row(word).moving


@lru_cache(_MOST_NAMES)
def _word(model: str) -> str:
    table = _table().exact
    if named := table.get(model.strip().lower().rpartition("/")[2]):
        return named.lineage or spelled(model)
    word = spelled(model)
    seen = {word}
    while (row := table.get(word)) and row.lineage and row.lineage not in seen:
        word = row.lineage
        seen.add(word)
    return word or model


@lru_cache(_MOST_NAMES)
def _kin(word: str) -> str:
    seen = {word}
    while (parent := _parent(word)) not in seen:
        seen.add(parent)
        word = parent
    top = _word(parent)
    return parent if top in seen or _parent(top) in seen else _kin(top)


def _parent(word: str) -> str:
    """One step up; `word` itself at the top."""
    if known := _table().row(word).kin:
        return known
    if found := _BASE.search(word):
        return found[3] or f"llama-{found[1]}-{found[2]}"
    if found := _LLAMA_APART_FROM_ITS_SIZE.search(word):
        return f"llama-{found['after'] or found['before']}-{found['size'] or found['size_before']}"
    undated = _DATE.sub("", word)
    if undated != word and any(letter.isdigit() for letter in undated):
        return undated
    tuned = _TUNED.match(word)
    return tuned[tuned.lastindex or 0] if tuned else word


@cache
def _table() -> _Table:
    exact: dict[str, _Row] = {}
    globs: dict[str, _Row] = {}
    text = files("panvox.catalog").joinpath("data/lineages.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        row = _Row(lineage=line["lineage"], kin=line["kin"], moving=line["moving"] == "yes")
        (globs if "*" in line["name"] else exact)[line["name"]] = row
    pattern = "|".join(f"(?P<r{place}>{translate(glob)})" for place, glob in enumerate(globs))
    return _Table(exact, tuple(globs.values()), re.compile(pattern))
