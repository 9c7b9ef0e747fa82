"""How many tokens a call will take, before the provider has counted them.

A prompt is taken for its characters over 3.6, times what the model's own counts have taught; an answer for as
long as those that the model has given, but never more than was asked for. Estimates lean to the upper side by
two mean deviations, as round-trip times are estimated (RFC 6298): too much is given back when the call ends,
too little would break a limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import msgspec

from panvox.messages import Prompt, TextPart, ToolCall, ToolResult, Usage
from panvox.remembering import remembered

CHARACTERS_PER_TOKEN = 3.6
"""Of English prose and code with today's vocabularies, rounded down."""

TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1_000
ROOM = 2_000_000
"""Tokens of the prompts whose counts are remembered, beside a few long ones."""

UNKNOWN_ANSWER = 1_000
"""Tokens of an answer where neither a limit nor an earlier answer tells."""

_GAIN, _DEVIATIONS = 0.25, 2.0


@remembered(lambda tokens, _: tokens, most=1024, room=ROOM)
def count_tokens(prompt: Prompt) -> int:
    """Tokens of a prompt by its length alone."""
    total = 0.0
    for message in prompt.messages:
        total += TOKENS_PER_MESSAGE
        for part in message.parts:
            match part:
                case TextPart(text) | ToolResult(_, text):
                    total += len(text) / CHARACTERS_PER_TOKEN
                case ToolCall(_, name, arguments):
                    total += (len(name) + len(arguments)) / CHARACTERS_PER_TOKEN
                case _:
                    total += TOKENS_PER_IMAGE
    tools = sum(len(tool.name) + len(tool.description) + len(tool.schema) for tool in prompt.tools)
    return max(1, math.ceil(total + (tools + len(prompt.schema or "")) / CHARACTERS_PER_TOKEN))


class Course(msgspec.Struct, frozen=True):
    """What is known of a figure that was seen again and again: its mean and its mean deviation."""

    mean: float
    deviation: float

    def next(self, seen: float) -> Course:
        """The course once `seen` was seen, too."""
        away = abs(seen - self.mean)
        return Course(
            self.mean + _GAIN * (seen - self.mean), self.deviation + _GAIN * (away - self.deviation)
        )

    @property
    def upper(self) -> float:
        """What it will hardly pass."""
        return self.mean + _DEVIATIONS * self.deviation


class Known(msgspec.Struct, frozen=True):
    """What a model has taught: tokens of prompts over those counted by length, and tokens of answers.

    `at` is when it last did, in seconds since 1970.
    """

    factor: Course | None = None
    answer: Course | None = None
    at: float = 0.0


class Estimates:
    """What all models have taught; `known` is what is kept between runs. `clock` tells seconds since 1970."""

    def __init__(
        self, known: Mapping[str, Known] | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.known: dict[str, Known] = dict(known or {})
        self._clock = clock

    def of(self, model: str, prompt: Prompt) -> tuple[int, int]:
        """Tokens of the prompt and of the answer that `model` will count."""
        known = self.known.get(model, _NOTHING)
        factor = known.factor.upper if known.factor else 1.0
        answer = known.answer.upper if known.answer else UNKNOWN_ANSWER
        if prompt.max_tokens is not None:
            answer = min(answer, prompt.max_tokens) if known.answer else prompt.max_tokens
        return max(1, round(count_tokens(prompt) * factor)), max(1, round(answer))

    def learn(self, model: str, prompt: Prompt, usage: Usage) -> None:
        """Take what the provider counted; what it did not count teaches nothing."""
        known = self.known.get(model, _NOTHING)
        factor, answer = known.factor, known.answer
        if usage.prompt_tokens > 0:
            factor = _taught(factor, usage.prompt_tokens / count_tokens(prompt))
        if usage.completion_tokens > 0:
            answer = _taught(answer, float(usage.completion_tokens))
        self.known[model] = Known(factor, answer, self._clock())


def newest(*several: Mapping[str, Known]) -> dict[str, Known]:
    """What several have learnt, together: of two that know a model, what was learnt last."""
    found: dict[str, Known] = {}
    for known in several:
        for model, each in known.items():
            if model not in found or found[model].at <= each.at:
                found[model] = each
    return found


def _taught(course: Course | None, seen: float) -> Course:
    return Course(seen, seen / 4) if course is None else course.next(seen)


_NOTHING = Known()
