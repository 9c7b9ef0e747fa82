"""Notes that a model made on parts of the material, and how it comes to a review out of them. Pure.

Notes that do not fit into one prompt are noted down again, at least three at a time, so that few rounds are
enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from panvox.messages import Prompt
from panvox.review.instructions import Instructions
from panvox.review.material import InputFile
from panvox.review.packing import Sized, packed, sized
from panvox.review.prompting import Part, last_prompt_of, notes_prompt_of

MOST_WORDS = 400
"""Words that notes on a part shall have at most; fewer where the room is small."""

_TOGETHER = 3  # notes that fit into every prompt
_WORD = 8  # characters of a word with what is around it, on the upper side
_LEAST_WORDS = 20
_CUT = "\n[… cut]"
_MOST = Part(999, 999)


def note_room(instructions: Instructions, space: int) -> int:
    """Characters of files or notes that fit into a prompt of `space` characters that asks for notes."""
    around = notes_prompt_of(instructions, (), part=_MOST, words=MOST_WORDS)
    return space - max(len(around.question), len(last_prompt_of(instructions, ()).question))


def note_words(instructions: Instructions, space: int) -> int:
    """Words that notes may have, so that several of them fit into one prompt."""
    words = note_room(instructions, space) // _TOGETHER // _WORD
    return min(MOST_WORDS, max(_LEAST_WORDS, words))


def further_calls(parts: int, room: int, words: int) -> int:
    """Calls that follow the notes on so many parts, where they are as long as was asked for."""
    together = max(_TOGETHER, room // (words * _WORD))
    calls, notes = 1, parts
    while notes > together:
        notes = math.ceil(notes / together)
        calls += notes
    return calls


def digest(
    instructions: Instructions, notes: Sequence[str], *, space: int, max_tokens: int | None = None
) -> tuple[Prompt, ...]:
    """The prompt that reviews from `notes`; several where they take more than `space` characters.

    Several are fewer than there are notes. They ask for notes, and what comes of them is digested in turn.
    Notes that leave no room for two others are cut.
    """
    room = note_room(instructions, space)
    measured = _measured(notes, room // _TOGETHER)
    groups = list(packed(measured, room))
    if len(groups) == 1:
        return (last_prompt_of(instructions, groups[0], max_tokens=max_tokens),)
    words = note_words(instructions, space)
    return tuple(
        notes_prompt_of(
            instructions, group, part=Part(number, len(groups)), words=words, max_tokens=max_tokens
        )
        for number, group in enumerate(groups, 1)
    )


def _measured(notes: Sequence[str], most: int) -> tuple[Sized, ...]:
    whole = sized([_file(number, len(notes), text) for number, text in enumerate(notes, 1)])
    return tuple(each if each.size <= most else sized([_cut(each, most)])[0] for each in whole)


def _file(number: int, of: int, text: str) -> InputFile:
    return InputFile(path=f"Notes on part {number} of {of}", text=text, sha256="", bytes=0)


def _cut(each: Sized, most: int) -> InputFile:
    """A note that takes at most so many characters in a prompt, its name and fence included."""
    text = each.file.text
    around = each.size - len(text) + len(_CUT)
    return msgspec.structs.replace(each.file, text=text[: max(0, most - around)] + _CUT)
