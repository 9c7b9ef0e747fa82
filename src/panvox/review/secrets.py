"""What looks like a secret in the texts that would go out: found, named by place, masked or allowed.

No value of a secret is kept in what this module gives back, so that none can be shown.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from panvox.review.detecting.detect import WHOLE, mask, replaced, spans
from panvox.review.detecting.secret_files import secret_file
from panvox.review.detecting.spans import Span, merged
from panvox.review.material import InputFile, LeftOut, Material

if TYPE_CHECKING:  # its name at run time is private
    from hashlib import _Hash as HASH

ALLOWING = ("panvox: allow secret", "pragma: allowlist secret", "pragma: whitelist secret", "gitleaks:allow")
"""What a line says where its secrets may go out; all but the first are of other tools."""
_ALLOWING_THE_NEXT = "pragma: allowlist nextline secret"
_SHOWN = 20
_ROUNDS = 5
_LINE_END = re.compile("\n")
_BYTES = ("utf-8", "surrogatepass")


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A place that looks like a secret: the file, its line (from 1; 0 for the file as a whole), the kind.

    `mark` names the finding in `--allow-secret` without telling it: six hexadecimal digits of a hash over the
    path, the kind, what stands before the secret on its line, and eight bits of a hash of the value. So the
    mark stays when the line moves and changes when the secret does (but for 1 in 256), and whoever guesses at
    the value has no more than these eight bits to compare with.
    """

    path: str
    line: int
    kind: str
    mark: str

    @property
    def names(self) -> tuple[str, ...]:
        """What allows it: its mark, its place, its file."""
        return self.mark, f"{self.path}:{self.line}", self.path


def find_secrets(material: Material, *, allowed: Collection[str] = ()) -> tuple[Secret, ...]:
    """What looks like a secret, in the order of files and lines, without what is `allowed`.

    `allowed` has marks, and places such as `src/a.py:12` or `src/a.py`.
    """
    words = _words(allowed)
    found = (secret for file in material.files for secret, _ in _found(file))
    return tuple(secret for secret in found if words.isdisjoint(secret.names))


def masked(material: Material, *, allowed: Collection[str] = ()) -> Material:
    """`material` with every secret replaced by a word that tells its kind; no file that is one as a whole.

    Lines stay where they are, and nothing is found in it again. Without secrets it is the same object.
    """
    words = _words(allowed)
    kept, left_out = [], list(material.left_out)
    for file in material.files:
        if _is_whole(file) and words.isdisjoint(_whole(file).names):
            left_out.append(LeftOut(file.path, f"a {WHOLE}"))
        else:
            kept.append(_masked(file, words))
    if len(kept) == len(material.files) and all(
        new is old for new, old in zip(kept, material.files, strict=True)
    ):
        return material
    return msgspec.structs.replace(material, files=tuple(kept), left_out=tuple(left_out))


def unused_allowances(material: Material, allowed: Collection[str]) -> tuple[str, ...]:
    """What of `allowed` allows nothing, since no secret is there: it may be misspelt."""
    if not allowed:
        return ()
    used = {name for file in material.files for secret, _ in _found(file) for name in secret.names}
    return tuple(word for word in dict.fromkeys(allowed) if used.isdisjoint(_words((word,))))


def refusal(secrets: Sequence[Secret]) -> str:
    """Why nothing was sent, with the places and what to do, as people read it."""
    rows = [(_place(secret), secret.kind, secret.mark) for secret in secrets[:_SHOWN]]
    wide, kinds = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = [f"  {place:<{wide}}  {kind:<{kinds}}  {mark}" for place, kind, mark in rows]
    if more := len(secrets) - len(rows):
        lines.append(f"  and {more:,} more")
    one = len(secrets) == 1
    told = "one place looks like a secret" if one else f"{len(secrets):,} places look like secrets"
    return "\n".join((f"{told}, and nothing was sent:", *lines, *_WAYS_OUT))


_WAYS_OUT = (
    "What can be done:",
    "  --mask-secrets                      send the files with the secrets replaced",
    "  --allow-secret MARK|PATH[:LINE]     send this one, if it is none (may be repeated)",
    "  --allow-secrets                     send all of them",
    "  `panvox: allow secret` on its line  allow it from now on",
    "  a line in .panvoxignore             leave the file out",
)


def _place(secret: Secret) -> str:
    path = "".join(c if c.isprintable() else "?" for c in secret.path)
    return f"{path}:{secret.line}" if secret.line else path


def _words(allowed: Collection[str]) -> frozenset[str]:
    return frozenset(word.strip().removeprefix("./") for word in allowed)


# --- one file ----------------------------------------------------------------------------------------


def _is_whole(file: InputFile) -> bool:
    return file.kind == "file" and secret_file(file.path, file.text)


def _whole(file: InputFile) -> Secret:
    return Secret(
        path=file.path, line=0, kind=WHOLE, mark=_mark(sha256(file.path.encode(*_BYTES)), WHOLE, file.text)
    )


def _found(file: InputFile) -> Iterator[tuple[Secret, Span]]:
    """The secrets of a file and where they are, without those that their own line allows."""
    if _is_whole(file):
        yield _whole(file), Span(0, len(file.text), WHOLE)
    elif found := spans(file.path, file.text, file.kind):
        yield from _named(file, found)


def _named(file: InputFile, found: Sequence[Span]) -> Iterator[tuple[Secret, Span]]:
    """Each span with its name, as long as its line does not allow it; linear, also where all is one line."""
    text = file.text
    starts = [0, *(each.end() for each in _LINE_END.finditer(text))]
    line, told, allowed = 0, 0, False
    before = sha256()
    for span in found:
        number = bisect_right(starts, span.start)
        if number != line:
            line, told = number, max(told, starts[number - 1])
            allowed = _allows(text, starts, number)
            before = sha256(f"{file.path}\0".encode(*_BYTES))
        before.update(text[told : span.start].lstrip().encode(*_BYTES))
        if not allowed:
            mark = _mark(before, span.kind, text[span.start : span.stop])
            yield Secret(path=file.path, line=number, kind=span.kind, mark=mark), span
        before.update(mask(span.kind).encode())
        told = span.stop


def _allows(text: str, starts: Sequence[int], number: int) -> bool:
    """Whether a line, or the one before it, says that its secrets may go out."""
    bounds = (*starts[max(0, number - 2) : number + 1], len(text))
    if number == 1:
        bounds = (0, *bounds)
    before, line = text[bounds[0] : bounds[1]].lower(), text[bounds[1] : bounds[2]].lower()
    return any(word in line for word in ALLOWING) or _ALLOWING_THE_NEXT in before


def _mark(before: HASH, kind: str, value: str) -> str:
    digest = before.copy()
    digest.update(f"\0{kind}\0".encode())
    digest.update(sha256(value.encode(*_BYTES)).digest()[:1])
    return digest.hexdigest()[:6]


def _masked(file: InputFile, words: frozenset[str]) -> InputFile:
    text, count = file.text, 0
    for _ in range(_ROUNDS):
        meant = _meant(file, text, words)
        if not meant:
            break
        text, count = _with_masks(text, meant), count + len(meant)
    else:
        # Masks made what stands around them look like secrets, again and again: the lines go.
        meant = _meant(file, text, words)
        text, count = _with_masks(text, _whole_lines(text, meant)), count + len(meant)
    return msgspec.structs.replace(file, text=text, masked=file.masked + count) if count else file


def _meant(file: InputFile, text: str, words: frozenset[str]) -> list[Span]:
    """What is masked of `text`, which `file` has become."""
    if _is_whole(file):  # allowed as it is
        return []
    now = msgspec.structs.replace(file, text=text)
    return [span for secret, span in _found(now) if words.isdisjoint(secret.names)]


def _with_masks(text: str, meant: Sequence[Span]) -> str:
    pieces: list[str] = []
    told = 0
    for span in meant:
        pieces += text[told : span.start], replaced(text, span)
        told = span.stop
    return "".join((*pieces, text[told:]))


def _whole_lines(text: str, meant: Sequence[Span]) -> list[Span]:
    ends = [-1, *(each.start() for each in _LINE_END.finditer(text)), len(text)]
    lines = (
        Span(ends[bisect_right(ends, span.start - 1) - 1] + 1, ends[bisect_left(ends, span.stop)], span.kind)
        for span in meant
    )
    return merged(lines)
