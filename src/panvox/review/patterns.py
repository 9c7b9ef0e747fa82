"""Patterns as git reads them in a `.gitignore`, in time linear in their length and the name's. Pure.

They work on bytes, as git does. A pattern is met by an entry itself, never by what lies above it: whoever
walks folders does not walk into one that is ignored, and so asks for each entry once. Every star but the
last is atomic, for the leftmost place where the rest of its part fits is as good as any other; so no pattern
makes matching slow, however many stars a stranger wrote into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_SPECIAL = re.compile(rb"[*?\[\\]")
_CLASSES = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[!-~]",
    b"lower": rb"[a-z]",
    b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t\n\r\f\v]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}
_STAR, _FOLDERS, _ANYTHING = b"*", b"**/", b"**"
_Token = tuple[bytes, bytes]
"""A kind and its expression: stars are themselves, `(b"", expression)` is one character."""


class _Never(Exception):
    """The pattern is broken and matches nothing."""


class Rule(NamedTuple):
    """One line of patterns. `whole` compares the path, else the name alone; a negated one takes back."""

    expression: bytes
    whole: bool
    negated: bool
    folders_only: bool


class Patterns:
    """The lines of one file of patterns, compiled once; the last one that is met decides."""

    def __init__(self, text: bytes) -> None:
        self._rules = [*rules_of(text)][::-1]
        self._compiled: dict[bytes, re.Pattern[bytes]] = {}
        self._names = _any_of(rule for rule in self._rules if not rule.whole)
        self._paths = _any_of(rule for rule in self._rules if rule.whole)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, path: bytes, name: bytes, *, folder: bool) -> bool | None:
        """True where the entry is ignored, False where that is taken back, None where no line speaks of it.

        `path` is relative to the folder of the patterns, `name` its last part.
        """
        named = self._names is not None and self._names.fullmatch(name) is not None
        if not named and (self._paths is None or self._paths.fullmatch(path) is None):
            return None
        for rule in self._rules:
            if rule.folders_only and not folder:
                continue
            if self._expression(rule).fullmatch(path if rule.whole else name) is not None:
                return not rule.negated
        return None

    def _expression(self, rule: Rule) -> re.Pattern[bytes]:
        """Compiled when it is first needed: most lines of most files never are."""
        found = self._compiled.get(rule.expression)
        if found is None:
            found = self._compiled[rule.expression] = re.compile(rule.expression, re.DOTALL)
        return found


def _any_of(rules: Iterable[Rule]) -> re.Pattern[bytes] | None:
    """One expression for all, which most names do not meet, so that their lines need not be tried."""
    expressions = dict.fromkeys(rule.expression for rule in rules)
    return re.compile(b"|".join(b"(?:%b)" % each for each in expressions), re.DOTALL) if expressions else None


def rules_of(text: bytes) -> Iterator[Rule]:
    """The rules in the lines of a `.gitignore`; comments, empty lines and broken patterns are none."""
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if line.startswith(b"#"):
            continue
        pattern = _trimmed(line.removesuffix(b"\r").partition(b"\0")[0])
        negated = pattern.startswith(b"!")
        pattern = pattern[negated:]
        folders_only = pattern.endswith(b"/")
        pattern = pattern[: len(pattern) - folders_only]
        if not pattern:
            continue
        whole = b"/" in pattern
        try:
            expression = translated(pattern.removeprefix(b"/"), whole=whole)
        except _Never:
            continue
        yield Rule(expression, whole, negated, folders_only)


def _trimmed(line: bytes) -> bytes:
    """`line` without the spaces at its end, but for those behind a backslash."""
    kept = line.rstrip(b" ")
    backslashes = len(kept) - len(kept.rstrip(b"\\"))
    return line[: len(kept) + 1] if backslashes % 2 and len(kept) < len(line) else kept


def glob(pattern: bytes) -> re.Pattern[bytes]:
    """A whole path as a pattern: `src/**/*.py`. One that is broken matches nothing."""
    try:
        return re.compile(translated(pattern, whole=True), re.DOTALL)
    except _Never:
        return re.compile(rb"(?!)")


def is_glob(text: str) -> bool:
    """Whether there are signs in `text` that stand for others."""
    return any(sign in text for sign in "*?[")


def translated(pattern: bytes, *, whole: bool) -> bytes:
    """The regular expression for a pattern; `whole` where `/` counts. Raises `_Never` for a broken one.

    As in git, the part before the first special sign is compared by itself, and what follows is a pattern
    of its own: a `**` there stands at its beginning.
    """
    special = _SPECIAL.search(pattern)
    if special is None:
        return re.escape(pattern)
    prefix, rest = pattern[: special.start()], pattern[special.start() :]
    chunks: list[list[_Token]] = [[]]
    between = []
    for token in _tokens(rest, whole=whole):
        if token[0] in {_FOLDERS, _ANYTHING}:
            between.append(token[0])
            chunks.append([])
        else:
            chunks[-1].append(token)
    parts = [re.escape(prefix), _chunk(chunks[0], last=not between)]
    for number, (kind, chunk) in enumerate(zip(between, chunks[1:], strict=True), 1):
        body = _chunk(chunk, last=number == len(between))
        if number == len(between):
            parts.append((b"(?:.*/)?" if kind == _FOLDERS else b".*") + body)
        else:
            parts.append(b"(?>%b%b)" % (b"(?:.*?/)??" if kind == _FOLDERS else b".*?", body))
    return b"".join(parts)


def _chunk(tokens: list[_Token], *, last: bool) -> bytes:
    """What stands between two `**`: signs with single stars among them."""
    runs: list[bytes] = [b""]
    for kind, expression in tokens:
        if kind == _STAR:
            runs.append(b"")
        else:
            runs[-1] += expression
    first, *starred = runs
    if not starred:
        return first
    end = b"[^/]*" + starred.pop() if last else b""
    return first + b"".join(b"(?>[^/]*?%b)" % run for run in starred) + end


def _tokens(pattern: bytes, *, whole: bool) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        sign = pattern[at : at + 1]
        if sign == b"*":
            after = at + len(pattern[at:]) - len(pattern[at:].lstrip(b"*"))
            kind = _stars(pattern, at, after, whole=whole)
            yield kind, b""
            at = after + (kind == _FOLDERS)
        elif sign == b"?":
            yield b"", b"[^/]"
            at += 1
        elif sign == b"[":
            expression, at = _bracket(pattern, at + 1)
            yield b"", expression
        else:
            at += sign == b"\\"
            if at == len(pattern):
                raise _Never
            yield b"", re.escape(pattern[at : at + 1])
            at += 1


def _stars(pattern: bytes, at: int, after: int, *, whole: bool) -> bytes:
    """What stars stand for: within one name, unless two or more of them are a whole part of the path."""
    if not whole or after - at < 2 or not (at == 0 or pattern[at - 1 : at] == b"/"):
        return _STAR
    rest = pattern[after:]
    if rest.startswith(b"/"):
        return _FOLDERS
    return _ANYTHING if not rest or rest.startswith(b"\\/") else _STAR


def _bracket(pattern: bytes, at: int) -> tuple[bytes, int]:
    """The set that begins behind `[`, as an expression, and where the pattern goes on."""
    negated = pattern[at : at + 1] in {b"!", b"^"}
    at += negated
    members: set[int] = set()
    before: int | None = None
    first = True
    while first or pattern[at : at + 1] != b"]":
        first = False
        before, at = _member(pattern, at, before, members)
    found = (set(range(256)) - members if negated else members) - {ord("/")}
    if not found:
        raise _Never
    return b"[%b]" % b"".join(b"\\x%02x" % each for each in sorted(found)), at + 1


def _member(pattern: bytes, at: int, before: int | None, members: set[int]) -> tuple[int | None, int]:
    """Put one part of a set into `members`: the sign that could begin a range, and where it goes on."""
    sign, following = pattern[at : at + 1], pattern[at + 1 : at + 2]
    if sign == b"-" and before is not None and following not in {b"", b"]"}:
        last, after = _literal(pattern, at + 1)
        members.update(range(before, last + 1))
        return None, after
    if sign == b"[" and following == b":":
        end = pattern.find(b"]", at + 2)
        if end < 0:
            raise _Never
        if end > at + 2 and pattern[end - 1 : end] == b":":
            members.update(_class(pattern[at + 2 : end - 1]))
            return None, end + 1
        members.add(ord("["))
        return ord("["), at + 1
    code, after = _literal(pattern, at)
    members.add(code)
    return code, after


def _literal(pattern: bytes, at: int) -> tuple[int, int]:
    at += pattern[at : at + 1] == b"\\"
    if at >= len(pattern):
        raise _Never
    return pattern[at], at + 1


def _class(name: bytes) -> Iterator[int]:
    if name not in _CLASSES:
        raise _Never
    expression = re.compile(_CLASSES[name])
    return (code for code in range(256) if expression.match(bytes([code])))
