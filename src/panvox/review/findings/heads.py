"""What the first line of a finding says: severity, place, title. Pure."""

from __future__ import annotations

import re

import msgspec

from panvox.review.findings.findings import Severity
from panvox.review.findings.places import Place, Places
from panvox.review.findings.words import FILLING, LABELS, SEVERITIES, severity_of

TITLE = 300
TEXT = 4_000
"""Characters that are kept of a title and of a text."""
_LOOKED_AT = 2_000

_SEVERITY = "|".join(sorted(map(re.escape, SEVERITIES), key=lambda word: (-len(word), word)))
_NOUN = (
    r"(?:[\s-]{1,3}(?:severity|priority|risk|impact|issues?|bugs?|vulnerabilit(?:y|ies)|problems?"
    r"|concerns?)){0,2}"
)
_LEADING = re.compile(
    r"[\s*_`\[(【<]{0,8}(?:(?:severity|priority|schweregrad|priorität|gravité|gravedad|严重性"
    r"|级别)\s{0,3}[:：=]\s{0,3})?"
    rf"(?P<mark>[*_`\[(【<🔴🟠🟡🟢🔵⚠️\s]{{0,8}})(?P<word>{_SEVERITY})(?P<noun>{_NOUN})"
    r"(?P<end>\s{0,3}[\])】>*_`]{1,6}\s{0,3}[:：—–|,/-]{0,3}|\s{0,3}[:：]|\s{1,3}[—–|-]\s"
    r"|\s{0,3}$)[*_`]{0,4}",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"[\s*_`]{0,6}[\[(【]\s{0,3}[*_`]{0,3}(?:(?:severity|priority|risk)\s{0,3}[:：=]?\s{0,3})?[*_`]{0,3}"
    rf"(?:{_SEVERITY})(?P<noun>{_NOUN})[*_`\s]{{0,4}}[\])】][\s*_`.:：]{{0,6}}(?P<rest>.*)$"
    rf"|\s{{1,3}}[—–-]{{1,2}}\s{{1,3}}[*_`]{{0,3}}(?:{_SEVERITY})(?:{_NOUN})[*_`]{{0,3}}[.\s]{{0,3}}$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"\s{{0,3}}[,;·|–—-]\s{{0,3}}[*_`]{{0,3}}(?P<word>{_SEVERITY}){_NOUN}[*_`]{{0,3}}\s{{0,3}}[\])]",
    re.IGNORECASE,
)
_OPENING = re.compile(r"[(\[][`*]{0,3}$")
_BEFORE = re.compile(
    rf"[(\[][*_`]{{0,3}}(?P<word>{_SEVERITY}){_NOUN}[*_`]{{0,3}}\s{{0,3}}[,;·|–—-]\s{{0,3}}$", re.IGNORECASE
)
_EMOJI = re.compile(r"\s{0,3}([🔴🟠🟡🟢🔵])️?\s{0,3}")
_NUMBER = re.compile(
    r"[\s*_#]{0,6}(?:(?:issue|finding|problem|bug|item|problème|problema|befund"
    r"|问题)\s{0,3}#?)?\s{0,2}\d{1,4}\s{0,2}"
    r"(?:[.):：、—–-]{1,2}\s{0,3}|$)|[\s*_]{0,6}(?!L\d)[A-Z]{1,3}-?\d{1,4}[.:)]\s{0,3}",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"[\s*_`#-]{0,6}([^\W\d_]{1,20})(?:[ /&]{1,3}[^\W\d_]{1,20}){0,2}[*_`\s]{0,4}[:：][*_`\s]{0,4}"
)
_GENERAL = re.compile(
    r"[\s*_`\[(]{0,5}(?:general|allgemein|général|generale?|global|整体|总体)[\s*_`\])]{0,5}[:：]\s*",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\s*(?:\*\*|__)([^*\n]{3,300}?)(?:\*\*|__)\s*[:：.—–-]{0,2}\s*")
_SENTENCE = re.compile(r"(?<=[\w`)\]\"'”»*])[.!?](?=\s+[^\s\da-z])|(?<=[。！？])")
_DASH = re.compile(r"\s[—–]\s|\s-{1,2}\s")
_LEFT_OVER = re.compile(r"[\s*_`(\[—–:：,@-]{1,12}(?:\b(?:in|at|bei|dans|en)\s{0,3})?$")
_EDGE = " \t:：,;.–—-|/*_>)]【】"
_EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a first line says. `title` is empty where it is nothing but severity, place and filling words."""

    title: str
    rest: str = ""
    severity: Severity | None = None
    place: Place | None = None
    numbered: bool = False


def head_of(text: str, places: Places, *, within: str = "") -> Head:
    """Take a first line apart: of an item, a heading or a paragraph that stands below the file `within`."""
    looked, beyond = text[:_LOOKED_AT].strip(), text[_LOOKED_AT:]
    number = _NUMBER.match(looked)
    looked = looked[number.end() :] if number else looked
    severity, looked = _severity(looked)
    general = _GENERAL.match(looked)
    looked = looked[general.end() :] if general else looked
    place = None if general else _place(looked, places, within)
    if place is not None:
        beside, looked, place = _beside(looked, place)
        severity = severity or beside
        looked = _without(looked, place)
    if severity is None:
        severity, looked = _severity(looked)
    title, rest = _parted(looked)
    return Head(
        title=plain(title)[:TITLE],
        rest=(rest + beyond).strip()[:TEXT],
        severity=severity,
        place=place,
        numbered=number is not None,
    )


def label_of(text: str) -> tuple[str, str] | None:
    """The kind of a labelled line and what it tells, such as ("place", "src/a.py:12"); None for any other."""
    found = _LABEL.match(text[:200])
    kind = LABELS.get(found[1].lower()) if found else None
    return (kind, text[found.end() :]) if found and kind else None


def labels_only(title: str) -> bool:
    """Whether a heading is only a label, such as "Recommended fix" or "Impact:"."""
    words = re.findall(r"[^\W\d_]+", title[:60].lower())
    return 0 < len(words) <= 3 and LABELS.get(words[0]) == "text" and words[-1] not in ("issues", "problems")


def filling(title: str) -> bool:
    """Whether a title has no word of its own."""
    words = re.findall(r"[^\W\d_]+", title[:200].lower())
    return all(word in FILLING or word in SEVERITIES for word in words)


def plain(text: str) -> str:
    """On one line, without emphasis and without punctuation at its edges."""
    text = " ".join(_EMPHASIS.sub("", text).split())
    stripped = text.strip(_EDGE) if text.count("[") == text.count("]") == 0 else text.strip(" :：,;.–—-|/*_>")
    return stripped + ")" if stripped.count("(") > stripped.count(")") else stripped


def _severity(text: str) -> tuple[Severity | None, str]:
    emoji = _EMOJI.match(text)
    shown = SEVERITIES[emoji[1]] if emoji else None
    text = text[emoji.end() :] if emoji else text
    if found := _LEADING.match(text):
        end = text[found.end() :]
        bold = "**" if "**" in found[0] and found[0].count("**") % 2 else ""
        return SEVERITIES[
            found["word"].lower()
        ], bold + end.lstrip() if bold and "**" in end else end.lstrip()
    if found := _TRAILING.search(text[-_LOOKED_AT:]):
        told = severity_of(found[0][: len(found[0]) - len(found["rest"] or "")])
        rest = found["rest"] or ""
        return told or shown, text[: found.start()].rstrip() + (f". {rest}" if rest else "")
    return shown, text


def _place(text: str, places: Places, within: str) -> Place | None:
    found = places.find(text)
    if found is not None and (not within or found.line or found.path == within):
        return found
    if within:
        return places.within(within, text)
    return found


def _beside(text: str, place: Place) -> tuple[Severity | None, str, Place]:
    """The severity in the same brackets as a place, as in `(src/a.py:5, high)`, and the text without it."""
    after = _BEHIND.match(text, place.end)
    if after is not None and (opening := _OPENING.search(text[: place.start])):
        start = opening.start()
        cut = place._replace(start=start, end=start + 1)
        return SEVERITIES[after["word"].lower()], f"{text[:start]} {text[after.end() :]}", cut
    before = _BEFORE.search(text[: place.start]) if place.end else None
    if before is not None:
        text = text[: before.start() + 1] + text[place.start :]
        moved = place.start - before.start() - 1
        return (
            SEVERITIES[before["word"].lower()],
            text,
            place._replace(start=place.start - moved, end=place.end - moved),
        )
    return None, text, place


def _without(text: str, place: Place) -> str:
    """`text` without the place where that stands before or behind what it says; within, it stays."""
    before, after = text[: place.start], text[place.end :]
    if place.end and not before.strip(" *_`[(<-–—:@|>"):
        after = after.removeprefix("`")
        return after.lstrip(" \t" if after.lstrip().startswith("**") else " \t:：,;.–—-|/>])*_")
    if place.end and not after.strip(_EDGE + "`"):
        return _LEFT_OVER.sub("", before)
    return text


def _parted(text: str) -> tuple[str, str]:
    """The title and what is told behind it: what is bold, else the first sentence."""
    bold = _BOLD.match(text)
    if bold and not filling(bold[1]) and label_of(bold[1] + ":") is None:
        return bold[1], text[bold.end() :]
    if sentence := _SENTENCE.search(text):
        return text[: sentence.end()], text[sentence.end() :]
    return (text, "") if len(text) <= TITLE else (text[:TITLE], text[TITLE:])
