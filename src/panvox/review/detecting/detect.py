"""All that looks like a secret in one text, and the words that take its place."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from panvox.review.detecting.assigned import KINDS as ASSIGNED
from panvox.review.detecting.assigned import assigned, random_literals
from panvox.review.detecting.blocks import PRIVATE_KEY, private_keys
from panvox.review.detecting.formats import KINDS as FORMATTED
from panvox.review.detecting.formats import formatted
from panvox.review.detecting.regions import Region, regions
from panvox.review.detecting.secret_files import lock_file, secret_file
from panvox.review.detecting.spans import Span, merged

WHOLE = "file of secrets"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_MASK = re.compile(
    rf"\[secret: (?:{'|'.join(map(re.escape, sorted({*FORMATTED, *ASSIGNED, PRIVATE_KEY, WHOLE})))})\]"
)
_CONTENT = re.compile(r"^[+\- ].*[^\W_]", re.MULTILINE)
_HUNKS = re.compile(r"^@@ ", re.MULTILINE)
_STAYS = re.compile(r"@@ [-+,\d ]*+@@|\\ No newline.*|[+\- ]?[ \t]*+")
"""What stays of a line of a block: the marks of a diff, and how far it is indented."""


def spans(path: str, text: str, kind: str) -> list[Span]:
    """What looks like a secret, in order, without overlaps; words of `mask` do not."""
    text = _MASK.sub(lambda found: " " * len(found[0]), text)
    lowered = text.lower()
    if len(lowered) != len(text):  # some letters become two
        lowered = text.translate(_LOWER)
    found = [*private_keys(text), *formatted(text, lowered)]
    for region in regions(path, text, kind):
        found += _of_region(text, lowered, region)
    return merged(found)


def _of_region(text: str, lowered: str, region: Region) -> Iterator[Span]:
    start, stop, name, in_diff = region
    if in_diff and (span := _file_in_diff(text, region)):
        yield span
    if name and lock_file(name):
        return
    yield from assigned(text, lowered, start, stop, quotes=region.code)
    yield from random_literals(text, lowered, start, stop)


def _file_in_diff(text: str, region: Region) -> Span | None:
    """The lines of a file that is a secret as a whole."""
    hunk = _HUNKS.search(text, region.start, region.stop)
    if hunk is None or not secret_file(region.name, text[hunk.start() : region.stop]):
        return None
    if _CONTENT.search(text, hunk.start(), region.stop) is None:
        return None
    return Span(text.index("\n", hunk.start(), region.stop) + 1, region.stop, WHOLE, -1)


def mask(kind: str) -> str:
    """The words that stand in the place of a secret."""
    return f"[secret: {kind}]"


def replaced(text: str, span: Span) -> str:
    """What stands in the place of `span`: a mask, or in a block one a line, so that lines stay."""
    value = text[span.start : span.stop]
    if "\n" not in value:
        return mask(span.kind)
    return "\n".join(_replaced_line(line, span.kind) for line in value.split("\n"))


def _replaced_line(line: str, kind: str) -> str:
    stays = _STAYS.match(line)
    start = stays.end() if stays else 0
    rest = line[start:].rstrip()
    if not any(c.isalnum() for c in _MASK.sub("", rest)):
        return line
    return line[:start] + mask(kind) + line[start + len(rest) :]
