"""Whether the material fits a model, and what is done where it does not. Pure.

| `--oversize` | a model whose context is too small |
|---|---|
| skip | is not asked; the ledger tells why |
| split | is asked about one part after the other; its review is all of them together |
| summarise | sums up the parts, then reviews what it noted |
| truncate | is asked about as much as fits, from the beginning; the review tells what was left out |

    room_of   what a model's context leaves for a prompt
    Fitting   the material, and its prompts for every room; models with about as much room share theirs
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import islice

import msgspec

from panvox.catalog.entries import Entry
from panvox.errors import UsageError
from panvox.limits.estimates import CHARACTERS_PER_TOKEN, TOKENS_PER_MESSAGE, count_tokens
from panvox.messages import Prompt
from panvox.review.digesting import further_calls, note_room, note_words
from panvox.review.instructions import Instructions
from panvox.review.material import InputFile
from panvox.review.packing import packed, sized
from panvox.review.prompting import Part, notes_prompt_of, prompt_of

USUAL_ANSWER = 4_096
"""Tokens that are kept for a review where nobody limits it; less where the context is small."""

SAFETY = 0.05
"""The part of a context that stays free: what servers add to a prompt, and what estimates miss."""

MOST_PARTS = 50
"""Parts of the material for one model. More would take hours, and be no review any more."""

STEP = 1.25
"""Rooms are rounded down to powers of this, so that hundreds of models share a dozen ways to split."""

_LEAST_ROOM = 600  # characters of material that are worth a prompt
_MOST = Part(MOST_PARTS, MOST_PARTS)


class Oversize(StrEnum):
    """What is done with what does not fit."""

    SKIP = "skip"
    SPLIT = "split"
    SUMMARISE = "summarise"
    TRUNCATE = "truncate"


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What one model is asked.

    `tokens` is what the whole prompt takes by its own estimate, `room` what it has for it, None where nobody
    knows its context. `how` is "whole" where it fits. `prompts` are asked one after the other, none where it
    is skipped; `titles` name the files in each. `note` tells in a sentence what was done, empty where the
    whole is asked. `space` is how many characters a prompt may have, None where that does not matter.
    `more` is how many further calls a model is expected to get, which reviews from notes.
    """

    tokens: int
    room: int | None
    how: str
    prompts: tuple[Prompt, ...]
    note: str = ""
    titles: tuple[str, ...] = ()
    space: int | None = None
    more: int = 0

    @property
    def calls(self) -> int:
        """How many calls the review takes, if none has to be repeated."""
        return len(self.prompts) + self.more


Count = Callable[[Prompt], int]
"""Tokens that a model will count, by its own estimate: in proportion to `limits.estimates.count_tokens`."""


def parse_oversize(word: str) -> Oversize:
    """Raises `UsageError` for another word."""
    try:
        return Oversize(word.strip().lower())
    except ValueError:
        raise UsageError(
            f"--oversize {word[:80]!r} is not one of {', '.join(each.value for each in Oversize)}"
        ) from None


def room_of(entry: Entry, max_tokens: int | None = None) -> int | None:
    """Tokens that the context of a model leaves for a prompt; None where nobody knows its context.

    `max_tokens` is what the prompt allows the answer to take.
    """
    if entry.context is None:
        return None
    usual = max_tokens if max_tokens is not None else min(USUAL_ANSWER, entry.context // 4)
    answer = usual if entry.max_output is None else min(usual, entry.max_output)
    return max(0, entry.context - answer - math.ceil(entry.context * SAFETY))


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked where there is so much space; `problem` is why nothing is."""

    prompts: tuple[Prompt, ...] = ()
    titles: tuple[str, ...] = ()
    told: str = ""
    more: int = 0
    problem: str = ""


class Fitting:
    """The material of one review, and how it is put to models of any size.

    Prompts are made once for all models with about the same room, and are the same whenever the material is.
    """

    def __init__(
        self,
        instructions: Instructions,
        files: Sequence[InputFile],
        *,
        oversize: Oversize = Oversize.SKIP,
        max_tokens: int | None = None,
        prompt: Prompt | None = None,
    ) -> None:
        """`prompt` is that of the whole, where it was made before."""
        self.oversize = oversize
        self.prompt = prompt or prompt_of(instructions, files, max_tokens=max_tokens)
        self._instructions = instructions
        self._files = tuple(files)
        self._sized = sized(files)
        self._max_tokens = max_tokens
        self._plans: dict[int, _Plan] = {}

    @property
    def instructions(self) -> Instructions:
        """What models are told to do."""
        return self._instructions

    @property
    def max_tokens(self) -> int | None:
        """Tokens that an answer may take, as the caller wants it."""
        return self._max_tokens

    def fit(self, room: int | None, count: Count) -> Fit:
        """What a model is asked that has `room` tokens for a prompt, as it counts them."""
        tokens = count(self.prompt)
        if room is None or tokens <= room:
            return Fit(tokens=tokens, room=room, how="whole", prompts=(self.prompt,))
        if self.oversize is Oversize.SKIP:
            return Fit(tokens=tokens, room=room, how="skip", prompts=(), note=_needs(tokens, room))
        return self._planned(tokens, room, _characters(room, tokens, self.prompt))

    def smaller(self, fit: Fit) -> Fit | None:
        """What a model is asked that refused this as too large: half as much at once; None for nothing."""
        before = len(self.prompt.question) if fit.space is None else fit.space
        if self.oversize is Oversize.SKIP or not fit.prompts:
            return None
        found = self._planned(fit.tokens, fit.room, before // 2)
        return found if found.prompts else None

    def _planned(self, tokens: int, room: int | None, characters: int) -> Fit:
        space = _rounded(characters)
        plan = self._plan(space)
        needs = _needs(tokens, room)
        if plan.problem:
            return Fit(tokens=tokens, room=room, how="skip", prompts=(), note=f"{needs}: {plan.problem}")
        return Fit(
            tokens=tokens,
            room=room,
            how=self.oversize.value,
            prompts=plan.prompts,
            note=f"{needs}: {plan.told}",
            titles=plan.titles,
            space=space,
            more=plan.more,
        )

    def _plan(self, space: int) -> _Plan:
        if space not in self._plans:
            self._plans[space] = self._make(space)
        return self._plans[space]

    def _make(self, space: int) -> _Plan:
        make = {
            Oversize.SPLIT: self._split,
            Oversize.SUMMARISE: self._summarised,
            Oversize.TRUNCATE: self._truncated,
        }[self.oversize]
        return make(space)

    def _split(self, space: int) -> _Plan:
        whole = prompt_of(self._instructions, (), part=_MOST)
        parts = self._parts(space - len(whole.question))
        if problem := self._problem(parts):
            return _Plan(problem=problem)
        prompts = tuple(
            prompt_of(self._instructions, part, part=Part(number, len(parts)), max_tokens=self._max_tokens)
            for number, part in enumerate(parts, 1)
        )
        return _Plan(prompts=prompts, titles=_titles(parts), told=f"asked in {_parts(len(parts))}")

    def _summarised(self, space: int) -> _Plan:
        room, words = note_room(self._instructions, space), note_words(self._instructions, space)
        parts = self._parts(room)
        if problem := self._problem(parts):
            return _Plan(problem=problem)
        prompts = tuple(
            notes_prompt_of(
                self._instructions,
                part,
                part=Part(number, len(parts)),
                words=words,
                max_tokens=self._max_tokens,
            )
            for number, part in enumerate(parts, 1)
        )
        told = f"asked for notes on {_parts(len(parts))}, then for the review"
        more = further_calls(len(parts), room, words)
        return _Plan(prompts=prompts, titles=_titles(parts), told=told, more=more)

    def _truncated(self, space: int) -> _Plan:
        whole = prompt_of(self._instructions, (), missing=_missing(len(self._files), 0, ""))
        longest = max((len(file.path) for file in self._files), default=0) + _PLACE
        parts = packed(self._sized, space - len(whole.question) - longest, tight=True)
        first = next(parts, ())
        if not first:
            return _Plan(problem=_NO_ROOM)
        told = self._left_out(first)
        prompt = prompt_of(self._instructions, first, missing=told, max_tokens=self._max_tokens)
        return _Plan(prompts=(prompt,), titles=_titles([first]), told=f"{told[:1].lower()}{told[1:-1]}")

    def _left_out(self, first: tuple[InputFile, ...]) -> str:
        """A sentence on what of the files is not in `first`, which may end with a piece of one."""
        here, last = len(first), first[-1]
        file = self._files[here - 1]
        if last.path == file.path:
            return _missing(len(self._files), here, "") if here < len(self._files) else ""
        line = file.text.count("\n", 0, len(last.text)) + 1
        return _missing(len(self._files), here - 1, f"{file.path} from line {line:,} on")

    def _parts(self, room: int) -> list[tuple[InputFile, ...]]:
        if room < _LEAST_ROOM:
            return []
        return list(islice(packed(self._sized, room), MOST_PARTS + 1))

    @staticmethod
    def _problem(parts: Sequence[object]) -> str:
        if not parts:
            return _NO_ROOM
        if len(parts) > MOST_PARTS:
            return f"that would be more than {MOST_PARTS} parts; name fewer files, or use --oversize truncate"
        return ""


def _characters(room: int, tokens: int, prompt: Prompt) -> int:
    """Characters of a prompt of `room` tokens, by one of whose tokens the estimate is known."""
    factor = (tokens + 1) / count_tokens(prompt)
    return max(0, math.floor((room / factor - TOKENS_PER_MESSAGE - 1) * CHARACTERS_PER_TOKEN))


def _rounded(characters: int) -> int:
    """Down to a power of `STEP`."""
    if characters < 1:
        return 0
    power = math.floor(math.log(characters, STEP))
    return min(characters, math.floor(STEP**power))


def _needs(tokens: int, room: int | None) -> str:
    if room is None or tokens <= room:
        return f"needs about {tokens:,} tokens, which were too many"
    return f"needs about {tokens:,} tokens, has room for {room:,}"


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def _titles(parts: Sequence[Sequence[InputFile]]) -> tuple[str, ...]:
    return tuple(
        part[0].path if len(part) == 1 else f"{part[0].path} \u2026 {part[-1].path}" for part in parts
    )


def _missing(files: int, here: int, cut: str) -> str:
    """What of so many files is left out, of which so many are whole."""
    gone = files - here - (1 if cut else 0)
    left = [f"{gone} of {files} files"] if gone else []
    left += [cut] if cut else []
    return f"Left out, since there is no room for it: {' and '.join(left)}."


_PLACE = 40  # characters around the name of the file that is cut
_NO_ROOM = "there is no room for the instructions and a piece of a file"
