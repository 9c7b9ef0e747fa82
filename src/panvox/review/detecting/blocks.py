r"""Private keys that span lines, or stand in one with `\n` between their parts."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from panvox.review.detecting.spans import Span

PRIVATE_KEY = "private key"
_LONGEST = 32_768  # characters; RSA keys of 16,384 bits take 13,000
_BEGIN = re.compile(
    r"-----?[ ]?BEGIN (?:[A-Z0-9]{1,12}+ ){0,3}?PRIVATE KEY(?: BLOCK)?[ ]?-----?|PuTTY-User-Key-File-[23]:"
)
_END = re.compile(r"-----?[ ]?END (?:[A-Z0-9]{1,12}+ ){0,3}?PRIVATE KEY|^Private-MAC:", re.MULTILINE)
_BODY_LINE = re.compile(r"(?:\n|\\n|\\r|\r)[ \t+\-#*|>\"']*+[A-Za-z0-9+/=]{16,}+[\"',+\\ \t]*+")
_MATERIAL = re.compile(r"[A-Za-z0-9+/]{16,}+")


def private_keys(text: str) -> Iterator[Span]:
    """What stands between the first and the last line of a private key, where it is key material.

    A key that was cut off goes as far as lines of base64 follow.
    """
    begins = [found.end() for found in _BEGIN.finditer(text)]
    ends = [found.start() for found in _END.finditer(text)] if begins else []
    for index, begin in enumerate(begins):
        at = bisect_right(ends, begin - 1)
        end = ends[at] if at < len(ends) else len(text) + 1
        after = begins[index + 1] if index + 1 < len(begins) else len(text)
        if end > after or end - begin > _LONGEST:
            end = _body_end(text, begin)
        if any(map(_is_material, _MATERIAL.findall(text, begin, end))):
            yield Span(begin, end, PRIVATE_KEY, 0)


def _body_end(text: str, begin: int) -> int:
    end = begin
    while (line := _BODY_LINE.match(text, end)) is not None:
        end = line.end()
    return end


def _is_material(run: str) -> bool:
    return any(c.isupper() for c in run) and any(c.isdigit() or c in "+/" for c in run)
