"""Fields of a JSON body in which prompt and vendor both have a say, and objects that a prompt has as text."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from panvox.errors import PromptError
from panvox.messages import ToolCall
from panvox.protocols import Quirks

Fields = dict[str, object]


def given(fields: Mapping[str, object]) -> Fields:
    """Those of `fields` that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def merged(assumed: Mapping[str, object], quirks: Quirks, asked: Mapping[str, object]) -> Fields:
    """What the dialect assumes, over it what the vendor wants, over it what the prompt asks for.

    Two objects under one name become one, so that a vendor can add to the options of a prompt.
    """
    wanted = {name: _value(text, f"of the vendor's field {name!r}") for name, text in quirks.body}
    body: Fields = {**assumed, **wanted}
    for name, value in given(asked).items():
        below = body.get(name)
        body[name] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    return body


def limit_of(prompt_limit: int | None, quirks: Quirks, usual_name: str) -> Fields:
    """The limit of an answer's tokens, under the vendor's name for it; None where nobody sets one."""
    return {quirks.max_tokens_name or usual_name: quirks.max_tokens if prompt_limit is None else prompt_limit}


def arguments_of(call: ToolCall) -> Fields:
    """The arguments of a call as the object that they must be; raises `PromptError`."""
    value = _value(call.arguments or "{}", f"of the arguments for {call.name!r}")
    if not isinstance(value, dict):
        raise PromptError(f"The arguments for {call.name!r} are not a JSON object: {call.arguments[:60]}")
    return value


def _value(text: str, whose: str) -> object:
    try:
        value: object = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"The JSON {whose} cannot be read: {error}.") from None
    return value
