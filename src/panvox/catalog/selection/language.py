"""The selection language as text: patterns are read into terms.

    patterns   = term {"," term}                   united
    term       = (condition | picker) {" " …}      all conditions hold, then the pickers pick
    condition  = ["!" | "-"] (name | glob | "@" panel | word | attribute ":" glob | field operator value)
    picker     = "lineage:one" | "strongest" ["." task] ":" n | "cheapest:" n | "random:" n [":" seed]

Double quotes keep spaces and commas together. What a condition means for an entry is in `conditions`, which
entries a picker takes in `pickers`. Nothing here knows the catalogue, so that a selection in settings or in a
form can be checked before there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from panvox.catalog.selection.terms import (
    ATTRIBUTES,
    COUNTED,
    FIELDS,
    OPERATORS,
    TASKS,
    WORDS,
    Affirmed,
    Can,
    Cheapest,
    Compared,
    Condition,
    Drawn,
    InPanel,
    Named,
    Not,
    Of,
    OneVoice,
    Picker,
    Strongest,
    Term,
    in_turn,
)
from panvox.errors import SelectionError
from panvox.protocols import Capability

_QUOTED = r'"(?:[^"]|"")*+"'
# What takes away; then what is in quotes, an operator with the spaces around it, or any other letter.
_WORD = re.compile(rf'(?:[!-]\s*+)*+(?:{_QUOTED}|\s*+(?:[<>]=?+|!?+=)\s*+|[^\s,"])*+')
_SIGNS = re.compile(r"(?:[!-]\s*+)*+")
_SPACE = re.compile(r"\s*+")
_COMPARISON = re.compile(r"([a-z][\w.]*)?\s*(<=|>=|!=|<|>|=)\s*(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([km]?)", re.ASCII)
_AGE = re.compile(r"(\d+(?:\.\d*)?)([dwy]?)", re.ASCII)
_DATE = re.compile(r"(?:19|20)\d\d(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
_COUNT = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_SEED = re.compile(r"\d{1,18}", re.ASCII)
_TIMES = {"": 1, "k": 1000, "m": 1_000_000, "d": 1, "w": 7, "y": 365}
_PICKERS = (
    "lineage:one",
    "strongest:10",
    *(f"strongest.{task}:10" for task in TASKS),
    "cheapest:10",
    "random:10",
)


def parse(patterns: Sequence[str]) -> tuple[Term, ...]:
    """The terms of `patterns`.

    Raises `SelectionError` with a line for each thing that cannot be read. Whether there are such models,
    providers and panels is told by `select`, which knows them.
    """
    read = tuple(read_terms(patterns))
    if problems := [str(term) for term in read if isinstance(term, SelectionError)]:
        raise SelectionError("\n".join(problems))
    return tuple(term for term in read if isinstance(term, Term))


def read_terms(patterns: Sequence[str]) -> Iterator[Term | SelectionError]:
    """The terms of `patterns` one after the other, or in the place of one what is wrong with it.

    Raises `SelectionError` where there are none at all.
    """
    empty = True
    for pattern in patterns:
        for words in _split(pattern):
            empty = False
            yield words if isinstance(words, SelectionError) else _term(words)
    if empty:
        raise SelectionError("no models were selected; '*' means all")


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that `word` was probably meant to be, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for loading it

    return next(iter(get_close_matches(word.casefold(), list(words), n=1, cutoff=0.7)), "")


def _split(pattern: str) -> Iterator[list[str] | SelectionError]:
    """The words of each term; terms without words are left out."""
    words: list[str] = []
    at = _end(_SPACE, pattern, 0)
    while at < len(pattern):
        end = _end(_WORD, pattern, at)
        if end > at:
            words.append(pattern[at:end].strip())
        elif pattern[at] == '"':
            yield SelectionError(f"the quote before {pattern[at + 1 :]!r} is not closed")
            return
        else:  # a comma
            end = at + 1
            if words:
                yield words
            words = []
        at = _end(_SPACE, pattern, end)
    if words:
        yield words


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start


def _term(words: list[str]) -> Term | SelectionError:
    conditions: list[Condition] = []
    pickers: list[Picker] = []
    problems: list[str] = []
    for word in words:
        try:
            part = _part(word)
        except SelectionError as error:
            problems.append(str(error) if len(words) == 1 else f"in {' '.join(words)!r}: {error}")
        else:
            if isinstance(part, Picker):
                pickers.append(part)
            else:
                conditions.append(part)
    if problems:
        return SelectionError("\n".join(problems))
    return Term(tuple(dict.fromkeys(conditions)), in_turn(pickers))


def _part(word: str) -> Condition | Picker:
    """What one word means."""
    end = _end(_SIGNS, word, 0)
    bare, signs = word[end:], sum(map(word[:end].count, "!-"))
    if not bare:
        raise SelectionError(f"{word!r} does not say what to leave out; write '!openai/*'")
    part = _affirmed(bare)
    if signs and isinstance(part, Picker):
        raise SelectionError(f"{word!r}: what {part} picks cannot be left out; exclude by conditions")
    return Not(part) if signs % 2 and not isinstance(part, Picker) else part


def _affirmed(word: str) -> Affirmed | Picker:
    if word.startswith('"'):
        return Named(_value(word, word, "gpt-5"))
    if word.startswith("@"):
        return InPanel(_value(word[1:], word, "@fast"))
    if known := WORDS.get(word.casefold()):
        return known
    if word.casefold() == str(OneVoice()):
        return OneVoice()
    head, colon, rest = word.partition(":")
    head = head.casefold()
    if head.partition(".")[0] in COUNTED and (colon or head in COUNTED):
        return _counted(head, rest, word)
    return (_prefixed(head, rest, word) if colon else None) or _compared(word) or Named(word)


def _prefixed(prefix: str, rest: str, word: str) -> Affirmed | None:
    if prefix == "name":
        return Named(_value(rest, word, "name:gpt-5"))
    if prefix == "capability":
        return Can(_capability(_value(rest, word, "capability:code")))
    for attribute in ATTRIBUTES:
        if prefix == attribute:
            example = "provider:openai" if attribute == "provider" else f"{attribute}:llama-*"
            return Of(attribute, _value(rest, word, example))
    return None


def _value(text: str, word: str, example: str) -> str:
    """What is written, without its quotes."""
    value = text[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, text) else text
    if not value.strip():
        raise SelectionError(f"{word!r} does not say which; write for example {example!r}")
    return value


def _capability(word: str) -> Capability:
    try:
        return Capability(word.casefold().replace("_", "-"))
    except ValueError:
        raise _unknown("capability", word, [capability.value for capability in Capability]) from None


def _counted(head: str, rest: str, word: str) -> Picker:
    """A picker that says how many it takes."""
    kind, _, task = head.partition(".")
    if task and (kind != "strongest" or task not in TASKS):
        raise _unknown("picker", head, _PICKERS)
    count, again, seed = rest.partition(":") if kind == "random" else (rest, "", "")
    if not _COUNT.fullmatch(count) or (again and not _SEED.fullmatch(seed)):
        example = "random:10, or random:10:7 to repeat it" if kind == "random" else f"{head}:10"
        raise SelectionError(
            f"{word!r} does not say how many to take: write {example}; a model of this name is name:{word}"
        )
    if kind == "strongest":
        return Strongest(int(count), next((known for known in TASKS if known == task), "general"))
    return Cheapest(int(count)) if kind == "cheapest" else Drawn(int(count), int(seed) if again else None)


def _compared(word: str) -> Compared | None:
    found = _COMPARISON.fullmatch(word)
    if not found:
        return None
    written, sign, value = found.groups()
    if not written:
        raise SelectionError(f"{word!r} does not say what to compare; write for example 'price<1'")
    field = FIELDS.get(written.casefold())
    if not field:
        raise _unknown("field", written, dict.fromkeys(FIELDS.values()))
    operator = next(known for known in OPERATORS if known == sign)
    shown = value.replace("_", "").casefold()
    if field == "released":
        if not _DATE.fullmatch(shown):
            raise SelectionError(f"{word!r}: {value!r} is no date such as 2025, 2025-06 or 2025-06-30")
        return Compared(field, operator, 0, shown)
    kind, form, such = _AGED if field == "age" else _NUMBERED
    if not (number := form.fullmatch(shown)):
        raise SelectionError(f"{word!r}: {value!r} is no {kind} such as {such}")
    return Compared(field, operator, float(number[1]) * _TIMES[number[2]], shown)


_AGED = ("age", _AGE, "180d, 26w or 2y")
_NUMBERED = ("number", _NUMBER, "1, 0.25, 100k or 1m")


def _unknown(kind: str, word: str, known: Iterable[str]) -> SelectionError:
    there = ", ".join(known)
    near = nearest(word, known)
    if near:
        return SelectionError(f"there is no {kind} {word!r}; did you mean {near}? There are {there}")
    return SelectionError(f"there is no {kind} {word!r}; there are {there}")
