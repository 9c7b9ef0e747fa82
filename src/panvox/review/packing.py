"""Files packed into parts that have so much room each. Pure; linear in the length of the texts.

Whole files stay together and keep their order. What is too large alone is cut between lines, and a line that
is too long between characters; the name of each piece tells which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from panvox.review.material import InputFile
from panvox.review.prompting import LONGEST_FENCE, shown

LEAST_PIECE = 200
"""Characters of a text that are worth a piece; with less room than for these nothing is packed."""

_BETWEEN = 2  # characters between two files of a prompt
_PLACE = 110
"""Characters at most of what is written behind the name of a file, of which there is a piece."""


class Sized(msgspec.Struct, frozen=True, gc=False):
    """A file with the characters that it takes in a prompt, and those around each piece of it."""

    file: InputFile
    size: int
    frame: int


def sized(files: Sequence[InputFile]) -> tuple[Sized, ...]:
    """Measured once, for all the ways in which they may be packed."""
    return tuple(map(_sized, files))


def _sized(file: InputFile) -> Sized:
    size = len(shown(file)) + _BETWEEN
    named = len(shown(msgspec.structs.replace(file, text=""))) + _BETWEEN
    return Sized(file, size, named + 2 * LONGEST_FENCE + _PLACE)


def packed(files: Sequence[Sized], room: int, *, tight: bool = False) -> Iterator[tuple[InputFile, ...]]:
    """Parts that take at most `room` characters each, in order; together they hold every text once.

    If `tight`, a file is cut wherever a part is full, also where it would fit into the next one. Nothing
    comes where a file is so named that no piece of it has room.
    """
    if any(each.size > room and each.frame + LEAST_PIECE > room for each in files):
        return
    part: list[InputFile] = []
    left = room
    for each in files:
        if each.size > left and part and not _worth_cutting(each, room, left, tight=tight):
            yield tuple(part)
            part, left = [], room
        if each.size <= left:
            part.append(each.file)
            left -= each.size
            continue
        for piece in _pieces(each, left, room):
            if piece.size > left:
                yield tuple(part)
                part, left = [], room
            part.append(piece.file)
            left -= piece.size
    if part:
        yield tuple(part)


def _worth_cutting(each: Sized, room: int, left: int, *, tight: bool) -> bool:
    """Whether a file that does not fit into what is `left` of a part shall begin there all the same."""
    if not tight and (each.size <= room or left < room // 4):
        return False
    first = each.file.text.find("\n", 0, max(0, left - each.frame))
    return left >= each.frame + LEAST_PIECE and first >= 0


def _pieces(whole: Sized, left: int, room: int) -> Iterator[Sized]:
    """A file in pieces as long as they can be: the first takes what is `left`, the others `room`."""
    text, start, line, column = whole.file.text, 0, 1, 1
    space = left - whole.frame
    while start < len(text):
        end = start + space
        if end < len(text):
            end = text.rfind("\n", start, end) + 1 or end
        piece = text[start:end]
        newlines = piece.count("\n")
        after = column + len(piece) if newlines == 0 else len(piece) - piece.rfind("\n")
        place = _place(line, column, newlines, after, cut=end < len(text))
        yield Sized(_named(whole.file, place, piece), len(piece) + whole.frame, 0)
        start, line, column, space = end, line + newlines, after, room - whole.frame


def _place(line: int, column: int, newlines: int, after: int, *, cut: bool) -> str:
    """What a piece is of its file, from `line` and `column` to just before `after`; `cut` if more follows."""
    if newlines == 0 and (column > 1 or cut):
        return f"(line {line:,}, characters {column:,}\u2013{after - 1:,})"
    last = line + newlines - (1 if after == 1 else 0)
    begins = f", from character {column:,}" if column > 1 else ""
    if line == last:
        return f"(line {line:,}{begins})"
    return f"(lines {line:,}\u2013{last:,}{begins})"


def _named(file: InputFile, place: str, piece: str) -> InputFile:
    size = len(piece.encode("utf-8", "surrogatepass"))
    return msgspec.structs.replace(file, path=f"{file.path} {place}", text=piece, bytes=size)
