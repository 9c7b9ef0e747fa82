"""What virtual models reply when files are put before them: a list of findings, made up and yet about them.

What there is to find is worked out once a prompt by simple rules, one line at a time. A strong model finds
most of it, a weak one less and in other words; every model adds remarks of its own. It knows files by what
goes over the wire: a heading with a path, and a fence around the text. Nothing is shared with what writes
such prompts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from random import Random

from panvox.simulator.chance import seeded
from panvox.simulator.ruling import asked_of

_HEADING = re.compile(r"## (\S.{0,400})")
_FENCE = re.compile(r"(`{3,})[^\s`]{0,40}|<<<([0-9a-f]{16})")
_LINE = 2_000
"""Characters of a line that are looked at."""
_EACH, _MOST = 6, 40
"""Findings of one kind, and of all kinds together, that a prompt has at most."""
_LONG = 60
"""Lines after which a function is long."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding: the lines that have it, and how models put it."""

    severity: str
    pattern: re.Pattern[str]
    titles: tuple[str, str]
    advice: str


@dataclass(frozen=True, slots=True)
class Issue:
    """Something to find, at a line that counts from 1."""

    path: str
    line: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class Matter:
    """What is under review: paths with their numbers of lines, what there is to find, and a digest of all."""

    files: tuple[tuple[str, int], ...]
    issues: tuple[Issue, ...]
    digest: str


def _rule(severity: str, pattern: str, title: str, other: str, advice: str) -> Rule:
    return Rule(severity, re.compile(pattern), (title, other), advice)


_LONG_FUNCTION = _rule(
    "low", r"\s{0,40}(?:async )?(?:def|fn|func|function) \w", "Long function", "This does too much at once",
    "Split it into steps that have names",
)  # fmt: skip
_RULES = (
    _rule(
        "critical", r"(?i)\b(?:password|passwd|secret|api_?key)\"?\s?[=:]\s?[\"'][^\"'\s]{4}",
        "Hard-coded password", "A credential stands in the code", "Read it from the environment",
    ),
    _rule(
        "critical", r"\bshell\s?=\s?True\b", "Command injection through the shell",
        "A shell interprets the command", "Pass a list of arguments and no shell",
    ),
    _rule(
        "high", r"(?<![\w.])(?:eval|exec)\(", "Code is evaluated from a string",
        "Whoever controls this text runs code", "Parse what is expected instead",
    ),
    _rule(
        "high", r"\bpickle\.loads?\(|\byaml\.load\(", "Unsafe deserialisation",
        "Loading this data can run code", "Use a format that holds data alone",
    ),
    _rule(
        "high", r"\bverify\s?=\s?False\b", "Certificate checks are switched off",
        "TLS is not verified", "Leave the checks on",
    ),
    _rule(
        "medium", r"^\s{0,40}except\s?:", "Bare except hides errors",
        "Every exception is swallowed here", "Name the exceptions that are expected",
    ),
    _rule(
        "medium", r"^\s{0,40}(?:async )?def \w+\(.{0,300}=\s?(?:\[\]|\{\}|set\(\))",
        "Mutable default argument",
        "The default value is shared between calls", "Use None and make it inside",
    ),
    _rule(
        "medium", r"(?<![=!])== ?None\b", "Comparison with None by equality",
        "None is compared with ==", "Use `is None`",
    ),
    _rule(
        "low", r"\b(?:TODO|FIXME|XXX)\b", "Unfinished work is left in the code",
        "A TODO has been forgotten", "Do it, or write down why not",
    ),
)  # fmt: skip
_REMARKS = (
    ("low", "Names could say more", "Call things by what they are for"),
    ("low", "Missing documentation", "Say what it returns and what it raises"),
    ("info", "Tests for the edges would help", "Try the empty and the largest input"),
    ("low", "Repeated code", "Give it one place"),
    ("medium", "Errors are not told apart", "Let the caller know what happened"),
    ("info", "The order of the parts is unusual", "Put what is read first at the top"),
)


# --- what there is to find -------------------------------------------------------------------------


@lru_cache(maxsize=16)
def matter_of(prompt: str) -> Matter | None:
    """What a prompt puts under review; None where it holds no file, or asks to judge what others said of it.

    Linear in its length. Hundreds of models are asked the same: it is remembered for the last prompts.
    """
    if "\n## " not in prompt or asked_of(prompt) is not None:
        return None
    files: list[tuple[str, int]] = []
    issues: list[Issue] = []
    kinds = Counter[str]()
    for path, lines in _files(prompt):
        files.append((path, len(lines)))
        for issue in _issues(path, lines):
            kinds[issue.rule.titles[0]] += 1
            if kinds[issue.rule.titles[0]] <= _EACH and len(issues) < _MOST:
                issues.append(issue)
    if not files:
        return None
    digest = blake2b(prompt.encode(errors="replace"), digest_size=16).hexdigest()
    return Matter(tuple(files), tuple(issues), digest)


def _files(prompt: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Paths and the lines in their fences; a fence that nothing closes ends with the prompt."""
    path, fence = "", ""
    lines: list[str] = []
    for line in prompt.split("\n"):
        if fence:
            if line != fence:
                lines.append(line[:_LINE])
                continue
            yield path, lines
            path, fence, lines = "", "", []
        elif path and (opening := _FENCE.fullmatch(line)) is not None:
            fence = opening[1] or f"{opening[2]}>>>"
        elif (found := _HEADING.fullmatch(line)) is not None:
            path = found[1].strip()
        elif line:
            path = ""
    if fence:
        yield path, lines


def _issues(path: str, lines: Sequence[str]) -> Iterator[Issue]:
    began: int | None = None
    for number, line in enumerate(lines, 1):
        if _LONG_FUNCTION.pattern.match(line):
            began = number
        elif began is not None and number - began == _LONG:
            yield Issue(path, began, _LONG_FUNCTION)
        for rule in _RULES:
            if rule.pattern.search(line):
                yield Issue(path, number, rule)


# --- what a model makes of it ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Finding:
    severity: str
    path: str
    line: int
    title: str
    more: str


def reviewed(matter: Matter, *, model: str, accuracy: float, seed: int = 0) -> str:
    """The review of `model`: the same for the same seed, model and matter."""
    random = seeded(seed, "review", model, matter.digest)
    findings = [_told(issue, accuracy, random) for issue in matter.issues if random.random() < accuracy]
    for severity, title, more in random.sample(_REMARKS, k=random.randint(0, 2)):
        path, lines = random.choice(matter.files)
        findings.append(_Finding(severity, path, random.randint(1, max(1, lines)), title, more))
    layout = random.choices(_LAYOUTS, weights=(7, 1, 1, 1))[0]
    head = f"A simulated review of {len(matter.files)} files by {model}."
    return "\n".join((head, "", *layout(findings))) if findings else f"{head}\n\nNo findings."


def _told(issue: Issue, accuracy: float, random: Random) -> _Finding:
    """As a model puts it: a weak one in other words, and one line beside the place, more often."""
    weak = random.random() > accuracy
    rule = issue.rule
    line = issue.line + (1 if weak and random.random() < 0.3 else 0)
    return _Finding(rule.severity, issue.path, line, rule.titles[weak], rule.advice)


def _bullets(findings: Sequence[_Finding]) -> Iterator[str]:
    """The form that is usually asked for."""
    return (f"- [{f.severity}] {f.path}:{f.line}: {f.title}. {f.more}." for f in findings)


def _numbered(findings: Sequence[_Finding]) -> Iterator[str]:
    return (
        f"{number}. **{f.title}** (`{f.path}:{f.line}`, {f.severity}): {f.more}."
        for number, f in enumerate(findings, 1)
    )


def _headings(findings: Sequence[_Finding]) -> Iterator[str]:
    return (
        f"### {f.title}\n\nFile: `{f.path}`, line {f.line}\nSeverity: {f.severity}\n\n{f.more}.\n"
        for f in findings
    )


def _table(findings: Sequence[_Finding]) -> Iterator[str]:
    yield "| Severity | Location | Finding |\n|---|---|---|"
    yield from (f"| {f.severity} | {f.path}:{f.line} | {f.title}. {f.more}. |" for f in findings)


_LAYOUTS = (_bullets, _numbered, _headings, _table)
