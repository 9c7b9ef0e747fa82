r"""The form in which a prompt wants its answer: a field of JSON, a pair of tags, a template with a slot.

Learnt from the prompt, so that a form nobody has seen before is found in the answers: of a prompt that says
*End with "VERDICT >> X"*, the frame is what stands before and after the slot `X`.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Frame(NamedTuple):
    """What stands before and after the answer; `after` is empty where the line's end ends it."""

    before: str
    after: str


FIELDS = (
    "final_answer", "finalanswer", "final answer", "answer", "solution", "result", "output", "choice",
    "prediction", "antwort", "réponse", "respuesta", "答案", "最终答案", "答え", "정답", "ответ",
)  # fmt: skip
"""Names of the field that holds an answer, the clearest first."""

_KEY = re.compile(r'"([^"\n\\]{1,30})"\s*:')
_NAMED_FIELD = re.compile(
    r"[`\"'“]([\w-]{1,30})[`\"'”]\s+(?:field|key|property|attribute|feld|字段)|"
    r"(?:field|key|字段)\s*(?:named |called )?[`\"'“]([\w-]{1,30})[`\"'”]",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r'"([^"\n\\]{1,30})"\s*:\s*"?([^"\n,}]{1,80})')
_BLANK = re.compile(r"[\W_]*|<.*>|\[.*\]|\{.*|string|number|str|int", re.IGNORECASE)
_PAIR = re.compile(r"<([A-Za-z_][\w-]{0,20})>(?!\s*</?\w+>\s*<)([^<]{0,80})</\1>")
_BRACKETS = re.compile(
    r"(\[[^\[\]\n]{1,20}\]|【[^】\n]{1,20}】)\s{0,3}([^\s<\[【]{1,24})\s{0,3}(<\w{1,12}>|\[/[^\]\n]{1,20}\])"
)
_QUOTED = re.compile(
    r'"([^"\n]{3,80})"|“([^”\n]{3,80})”|`([^`\n]{3,80})`|\'([^\'\n]{3,80})\'|「([^」\n]{3,80})」'
)
_FORMAT_LINE = re.compile(
    r"(?:format|form|template|end with|finish with|conclude with|格式|形式|schluss|"
    r"suivant)[^\n:：]{0,60}[:：]\s*\n?\s*([^\n\"`“]{3,80})$",
    re.IGNORECASE | re.MULTILINE,
)
_AS = re.compile(
    r"\b(?:reply|respond|answer|end|finish|conclude|write|state|give|put|format|output)\b[^.\n]{0,40}?\b"
    r"(?:as|with|in the form(?:at)?(?: of)?|like(?: this)?|using|inside|within|"
    r"between)[: ]+(?=[^\w\s\"'`“])(\S{3,60}?)(?=[.:,;]?(?:\s|$))",
    re.IGNORECASE,
)
_SLOT = re.compile(
    r"\$\{?[A-Z_]{2,20}\}?|\{[\w ]{1,30}\}|<[A-Za-z][\w ]{0,30}>|\[[A-Za-z][\w ]{0,30}\]|_{2,}|\.{3}|…|"
    r"\bYOUR[_ ]ANSWER\b|\bLETTER\b|\bNUMBER\b|(?<![\w'])(?:X{1,3}|N|Y|\?)(?![\w'])"
)
_NEED = re.compile(r"\w|[#<=>→⇒@|~%&]")


def fields_of(prompt: str) -> tuple[str, ...]:
    """The JSON fields that the prompt names for its answer, the likeliest first."""
    named = [a or b for a, b in _NAMED_FIELD.findall(prompt)]
    keys = list(dict.fromkeys(_KEY.findall(prompt))) if "json" in prompt.casefold() else []
    known = [key for key in keys if key.casefold() in FIELDS]
    return tuple(dict.fromkeys([*named, *(known or keys[-1:])]))


def example_of(prompt: str) -> str:
    """The answer that the prompt shows as an example: `42` of `"answer": "42"`; empty where it shows none."""
    names = {name.casefold() for name in fields_of(prompt)}
    shown = (
        [value.strip() for key, value in _EXAMPLE.findall(prompt) if key.casefold() in names] if names else []
    )
    shown += [slot for _, slot, _ in _BRACKETS.findall(prompt)]
    return next((value for value in shown if not _BLANK.fullmatch(value)), "")


def frames_of(prompt: str) -> tuple[Frame, ...]:
    """The frames that the prompt shows, those with an end first. Linear in the length of the prompt."""
    found = [Frame(f"<{name}>", f"</{name}>") for name, _ in _PAIR.findall(prompt) if not _is_structure(name)]
    found += [Frame(before, after) for before, _, after in _BRACKETS.findall(prompt)]
    templates = [next(filter(None, quoted), "") for quoted in _QUOTED.findall(prompt)]
    templates += _FORMAT_LINE.findall(prompt) + _AS.findall(prompt)
    found += [frame for template in templates if (frame := _framed(template.strip()))]
    return tuple(dict.fromkeys(found))


def _is_structure(name: str) -> bool:
    """Whether a tag holds something other than the answer."""
    return name.casefold() in {
        "think",
        "thinking",
        "reasoning",
        "scratchpad",
        "example",
        "question",
        "context",
        "b",
        "i",
        "code",
    }


def _framed(template: str) -> Frame | None:
    slots = list(_SLOT.finditer(template))
    if not slots or "\n" in template:
        return None
    slot = slots[-1]
    before, after = template[: slot.start()], template[slot.end() :]
    if before.count('"') % 2 or '":' in before.replace(" ", ""):
        return None  # a field of JSON
    if before.endswith(slot[0][0]) and slot[0][0] in "<[{":  # as in <<<ANSWER>>>: the brackets are the frame
        before, after = before + slot[0][0], slot[0][-1] + after
    else:
        before = before.rstrip(" \t([{$*\"'")
    before = before[-40:].lstrip()
    if len(before) < 2 or not _NEED.search(before):
        return None
    after = after.strip(" \t.)$*\"'")
    return Frame(before, after if len(after) > 1 else "")
