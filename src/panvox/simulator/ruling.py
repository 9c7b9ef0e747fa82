"""What virtual models reply when panvox has them judge answers, or write one text of them.

It knows the wording of those prompts from what goes over the wire, as a real model would, and shares no code
with what writes them: a fence around each text, a code that the reply repeats, labels such as `[S3]`.
"""

from __future__ import annotations

import json
import re
from random import Random

_CODE = re.compile(r'"code": "([0-9a-f]{8})"')
_ANSWER = re.compile(r"<<<([0-9a-f]{16}) ANSWER ([AB])\n(.*?)\n\1>>>", re.DOTALL)
_QUESTION = re.compile(r"<<<([0-9a-f]{16}) QUESTION\n(.*?)\n\1>>>", re.DOTALL)
_MATERIAL = re.compile(r"<<<([0-9a-f]{16}) ANSWERS\n(.*)\n\1>>>", re.DOTALL)
_PIECE = re.compile(
    r"^\[(S\d+(?: S\d+)*)\] ?(?:from \d+ models:\n)?(.*?)(?=^\[S\d|\Z)", re.MULTILINE | re.DOTALL
)
_NUMBER = re.compile(r"-?\d+")
_MOST = 8
"""Sentences of a text at most."""


def asked_of(prompt: str) -> str | None:
    """The question behind a prompt to a judge or a writer; None where it is no such prompt."""
    code, question = _CODE.search(prompt), _QUESTION.search(prompt)
    return question[2] if code and question else None


def ruled(prompt: str, *, result: int | None, right: bool, random: Random) -> str:
    """The reply to a prompt of `asked_of`: a ruling, or a text with its sources.

    Where the `result` of the question is known, the answer that holds it wins, unless the model is not
    `right`; else chance decides.
    """
    code = _CODE.findall(prompt)[-1]
    answers = {letter: text for _, letter, text in _ANSWER.findall(prompt)}
    if len(answers) == 2:
        return json.dumps({"code": code, **_ruling(answers, result, right=right, random=random)})
    found = _MATERIAL.search(prompt)
    pieces = [(labels.split(), text) for labels, text in _PIECE.findall(found[2])] if found else []
    return json.dumps({"code": code, "sentences": _sentences(pieces)}, ensure_ascii=False)


def _ruling(answers: dict[str, str], result: int | None, *, right: bool, random: Random) -> dict[str, object]:
    if result is None:
        winner = random.choice("AB")
        reason = "It says more of what was asked."
    else:
        holding = [letter for letter, text in answers.items() if str(result) in _NUMBER.findall(text)]
        if len(holding) != 1:
            return {"winner": "tie", "reason": "Both say the same.", "confidence": 0.5}
        winner = holding[0] if right else "AB".replace(holding[0], "")
        reason = "Its result is right."
    other = answers["AB".replace(winner, "")]
    return {
        "winner": winner,
        "reason": reason,
        "evidence": _last_line(answers[winner]),
        "error": _last_line(other),
        "confidence": 0.9,
    }


def _sentences(pieces: list[tuple[list[str], str]]) -> list[dict[str, object]]:
    """The last line of each piece, told once however many say it; other numbers contradict it."""
    said: dict[str, list[str]] = {}
    for labels, text in pieces:
        said.setdefault(_last_line(text), []).extend(labels)
    return [
        {
            "text": line,
            "support": labels,
            "against": [
                label
                for other, those in said.items()
                if _NUMBER.findall(other) != _NUMBER.findall(line)
                for label in those
            ],
        }
        for line, labels in list(said.items())[:_MOST]
    ]


def _last_line(text: str) -> str:
    """The last line that says anything; of a paragraph its last sentence."""
    line = next((line for line in reversed(text.split("\n")) if line.strip()), "")
    return re.split(r"(?<=[.!?])\s+", line.strip())[-1]
