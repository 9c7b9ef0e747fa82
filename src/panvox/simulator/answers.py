"""What virtual models say when nothing is replayed.

A sum is worked out and an option is chosen, rightly as often as the model's accuracy says and else like one
of few common mistakes, so that answers form groups. Who is to judge answers, or to write one text of them,
replies in the form that is asked for; who gets files to review finds fault with them. To anything else a
model talks for a while.
"""

from __future__ import annotations

import re
from typing import Protocol

from panvox.simulator.chance import seeded
from panvox.simulator.reviewing import matter_of, reviewed
from panvox.simulator.ruling import asked_of, ruled

_SUM = re.compile(r"(?<![\d.])\d{1,6}(?:\s*[-+*x×·/]\s*\d{1,6}){1,5}(?![\d.])")
_TERM = re.compile(r"([-+*x×·/]?)\s*(\d+)")
_OPTION = re.compile(r"^\s*\(?([A-J])[).:]\s+\S", re.MULTILINE)
_MISTAKES = (1, -1, 10, -10)

_OPENINGS = (
    "That depends on what you need.",
    "There are a few things to say here.",
    "In short: yes, with care.",
)
_SENTENCES = (
    "Most people begin with the simplest way and change it when it no longer holds.",
    "What matters first is that the question is understood the same way by everyone.",
    "Look at the numbers before you look at the opinions.",
    "A second view costs little and often shows what the first one missed.",
    "If time is short, do the part that cannot be undone last.",
    "Experience says that small steps go further than one large one.",
    "Write down what you assumed, because it will be asked for.",
    "Some details vary from place to place, so check them where you are.",
    "When two sources differ, find out what each of them measured.",
    "None of this is certain, but it is a good place to start.",
)


class Answers(Protocol):
    """Where the words of a fleet come from."""

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        """What `model` says to `question`; the same again when asked again.

        Raises `Declined` where it has nothing to say.
        """
        ...


class Invented:
    """Answers that are made up; the same for the same `seed`, model and question, whoever hosts the model."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed

    def text(self, *, model: str, accuracy: float, question: str) -> str:
        """A result, an option, a review or a paragraph."""
        if (matter := matter_of(question)) is not None:
            return reviewed(matter, model=model, accuracy=accuracy, seed=self._seed)
        random = seeded(self._seed, "answer", model, question)
        right = random.random() < accuracy
        if (behind := asked_of(question)) is not None:
            return ruled(question, result=result_of(behind), right=right, random=random)
        if (result := result_of(question)) is not None:
            told = result if right else result + random.choice(_MISTAKES)
            return f"Let me work it out step by step.\n\nThe answer is {told}."
        options = sorted(set(_OPTION.findall(question)))
        if len(options) > 1:
            correct = seeded(self._seed, "option", question).choice(options)
            told = correct if right else random.choice(options)
            return f"I compared the options one by one.\n\nThe answer is ({told})."
        sentences = random.sample(_SENTENCES, k=random.randint(3, len(_SENTENCES)))
        return " ".join((random.choice(_OPENINGS), *sentences))


def result_of(question: str) -> int | None:
    """The result of the first sum in `question`; None where there is none, or it is no whole number."""
    found = _SUM.search(question)
    if found is None:
        return None
    total, product = 0, 0
    for operator, digits in _TERM.findall(found[0]):
        number = int(digits)
        match operator:
            case "" | "+":
                total, product = total + product, number
            case "-":
                total, product = total + product, -number
            case "/":
                if number == 0 or product % number:
                    return None
                product //= number
            case _:
                product *= number
    return total + product
