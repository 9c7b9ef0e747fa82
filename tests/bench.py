"""Judges and writers that follow rules, for tests: as functions, as models, as a simulated fleet."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

from panvox.messages import End, Event, Finish, Prompt, Text

_CODE = re.compile(r'"code": "([0-9a-f]{8})"')
_ANSWER = re.compile(r"<<<([0-9a-f]{16}) ANSWER ([AB])\n(.*?)\n\1>>>", re.DOTALL)
_LABELS = re.compile(r"^\[(S\d+)\]", re.MULTILINE)


def is_sheet(question: str) -> bool:
    return question.startswith("You compare two answers")


def is_parcel(question: str) -> bool:
    return question.startswith("Many models answered one question")


def preferring(word: str, sheet: str) -> str:
    """A judge's reply: the answer that holds `word`, which it quotes; a tie where both or none do."""
    texts = {letter: text for _, letter, text in _ANSWER.findall(sheet)}
    assert len(texts) == 2
    holding = [letter for letter, text in texts.items() if word in text]
    winner = holding[0] if len(holding) == 1 else "tie"
    said = {
        "code": _CODE.findall(sheet)[-1],
        "winner": winner,
        "reason": f"it holds {word}",
        "confidence": 0.9,
    }
    return json.dumps({**said, "evidence": texts.get(winner, ""), "error": ""})


def written(text: str, parcel: str) -> str:
    """A writer's reply: one sentence that names all sources it sees."""
    support = _LABELS.findall(parcel) or re.findall(r"\bS\d+\b", parcel.split("ANSWERS", 1)[1])
    sentences = [{"text": text, "support": support, "against": []}]
    return json.dumps({"code": _CODE.findall(parcel)[-1], "sentences": sentences})


class Court:
    """The answers of a fleet: models say what `says` has for them, `word` wins before judges among them."""

    def __init__(self, says: dict[str, str], *, word: str = "42", text: str = "It is 42 in the end.") -> None:
        self.sheets: list[str] = []
        self.parcels: list[str] = []
        self._says = says
        self._word = word
        self._text = text

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        """See `Answers`."""
        if is_sheet(question):
            self.sheets.append(question)
            return "I would rather not say." if model == "mute" else preferring(self._word, question)
        if is_parcel(question):
            self.parcels.append(question)
            return written(self._text, question)
        return self._says.get(model, "The answer is 41.")


class Replying:
    """A model whose reply a function makes, after so many seconds."""

    def __init__(self, name: str, reply: Callable[[str], str], *, after: float = 1.0) -> None:
        self.name = name
        self.asked = 0
        self.listening = 0
        self.most = 0
        self._reply = reply
        self._after = after

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """See `Model`."""
        self.asked += 1
        self.listening += 1
        self.most = max(self.most, self.listening)
        events = self._events(prompt)
        try:
            yield events
        finally:
            self.listening -= 1
            await events.aclose()

    async def _events(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        await asyncio.sleep(self._after)
        yield Text(self._reply(prompt.question))
        yield End(Finish.STOP)
