"""What each member is asked in a later turn: its own part of the conversation so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from panvox.messages import Message, Prompt, TextPart


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is over: its prompt, the answer of each member, and the one chosen for all.

    `prompt` holds only the messages that this turn added.
    """

    prompt: Prompt
    answers: Mapping[str, str]
    chosen: str = ""


def prompt_for(member: str, past: Sequence[Past], prompt: Prompt) -> Prompt:
    """The conversation as `member` saw it, ending with `prompt`, whose options hold.

    A member that did not answer an earlier turn is shown the answer chosen for all in its place, so that
    user and assistant alternate, as many vendors demand; without one, both questions become one message.
    A system message of a later turn replaces the earlier one.
    """
    if not past:
        return prompt
    asked = past[0].prompt
    for turn, following in zip(past, [*(p.prompt for p in past[1:]), prompt], strict=True):
        asked = asked.then(turn.answers.get(member) or turn.chosen, following.question)
    system = _system(prompt) or next(filter(None, map(_system, (p.prompt for p in reversed(past)))), "")
    return msgspec.structs.replace(prompt, messages=_under(system, asked.messages))


def _system(prompt: Prompt) -> str:
    return next((m.text for m in prompt.messages if m.role == "system"), "")


def _under(system: str, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    said = tuple(m for m in messages if m.role != "system")
    return (Message("system", (TextPart(system),)), *said) if system else said
