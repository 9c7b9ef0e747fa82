"""Google's reasons to stop that are no end of an answer, and the failures that they mean.

The words, and what they stand for, are those of `FinishReason` and `BlockedReason` in Google's own client
(`google.genai.types`). The other reasons are words of `panvox.dialects.answering`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from panvox.dialects.foreign import excerpt
from panvox.errors import Failure, Forbidden, InvalidRequest, Malformed, Owner, Refused, Retry

UNSPECIFIED = frozenset({"", "BLOCKED_REASON_UNSPECIFIED", "FINISH_REASON_UNSPECIFIED"})
"""Words that say that nothing has ended, and nothing was blocked."""

UNCLEAR = frozenset({"OTHER"})
"""Words behind which a proxy hides its own fault, with the text of it where the answer should be."""
_WORD = re.compile(r"\w*", re.ASCII)
_FAULT_OF_PROXY = re.compile(r"upstream connect error\b|upstream request timeout\b|no healthy upstream\b")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What a reason to stop means, where it means a failure."""

    kind: type[Failure]
    message: str
    hint: str
    owner: Owner | None = None
    retry: Retry | None = None


_BROKEN_CALL = Ending(
    kind=Malformed,
    message="The model called a tool in a way that Google cannot read",
    hint="The model failed, not the connection: ask again, or leave the tools out.",
    retry=Retry.LATER,
)
_ENDINGS: Mapping[str, Ending] = {
    "MALFORMED_FUNCTION_CALL": _BROKEN_CALL,
    "MALFORMED_RESPONSE": Ending(
        kind=Malformed,
        message="The model wrote what Google cannot read",
        hint="The model failed, not the connection: ask again.",
        retry=Retry.LATER,
    ),
    "MISSING_THOUGHT_SIGNATURE": Ending(
        kind=InvalidRequest,
        message="The model wants its signature with a call of a tool that the prompt repeats",
        hint="Begin a new conversation with this model, or leave the tools out.",
    ),
    "PUP_LIMITED_DISABLED": Ending(
        kind=Forbidden,
        message="Google has limited this account for breaking its rules of use",
        hint="Google tells more in the account's console; until then leave its models out.",
    ),
    "TOO_MANY_TOOL_CALLS": Ending(
        kind=Malformed,
        message="The model called tools again and again and gave no answer",
        hint="The model failed, not the connection: ask again, or leave the tools out.",
        retry=Retry.LATER,
    ),
    "UNEXPECTED_TOOL_CALL": _BROKEN_CALL,
}


def is_word(reason: str) -> bool:
    """Whether a reason to stop is a word, in whatever case relays write it, and no sentence of a proxy."""
    return _WORD.fullmatch(reason) is not None


def is_fault_of_proxy(text: str) -> bool:
    """Whether `text` begins as Envoy's own replies do, which stands before Google's servers."""
    return _FAULT_OF_PROXY.match(text) is not None


def failure_of(reason: str, sentence: str) -> Failure | None:
    """The failure that a reason to stop means; None for the end of an answer, whole or filtered."""
    ending = _ENDINGS.get(reason)
    if ending is None:
        return None
    return ending.kind(
        _said(ending.message, reason, sentence),
        hint=ending.hint,
        owner=ending.owner,
        retry=ending.retry,
        code=reason,
    )


def blocked(reason: str, sentence: str) -> Failure:
    """The failure of a prompt that no model was shown."""
    word = excerpt(reason, limit=60)
    return Refused(_said("Google blocked the prompt before any model saw it", word, sentence), code=word)


def _said(message: str, reason: str, sentence: str) -> str:
    told = excerpt(sentence, limit=300)
    return f"{message} ({reason})" + (f": {told}" if told else ".")
