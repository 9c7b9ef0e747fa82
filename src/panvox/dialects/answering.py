"""The state of one answer in whatever dialect: what was said so far, and what its end amounts to."""

from __future__ import annotations

from collections.abc import Mapping

from panvox.dialects.foreign import excerpt
from panvox.dialects.think_tags import ThinkTags
from panvox.errors import Empty, Failure, Overloaded, Owner, Refused, Retry, Truncated
from panvox.messages import End, Event, Finish, Reasoning, Text, ToolCallDelta, Usage, UsageReport

_FINISH_WORDS: Mapping[Finish, str] = {
    Finish.STOP: "stop complete completed end_turn stop_sequence eos eos_token end finished done",
    Finish.LENGTH: """
        continuation length max_length max_output_tokens max_tokens model_context_window_exceeded model_length
        token_limit
    """,
    Finish.TOOL_CALLS: "tool_calls tool_call tool_use function_call",
    Finish.FILTERED: """
        blocklist content_filter content_filtered escalation image_prohibited_content image_recitation
        image_safety language model_armor prohibited_content recitation refusal safety sensitive spii
    """,
}
_FINISHES = {word: finish for finish, words in _FINISH_WORDS.items() for word in words.split()}
_BROKEN_OFF = frozenset(
    {"abort", "aborted", "cancelled", "error", "failed", "insufficient_system_resource", "network_error"}
)
_LONGEST_REFUSAL = 4096  # characters kept; more than is ever quoted


class Answering:
    """Takes the parts of one answer in order; the end is held back until no more can come."""

    __slots__ = ("_called", "_reason", "_refusal", "_said", "_tags", "_thought", "finish", "model", "usage")

    def __init__(self) -> None:
        self.model = ""  # the name that the provider says answers
        self.finish: Finish | None = None
        self.usage: Usage | None = None
        self._reason = ""  # why it stops, in the provider's words
        self._refusal = ""
        self._tags = ThinkTags()
        self._said = False  # whether there was text other than blanks
        self._thought = False
        self._called = False  # whether a tool was named

    @property
    def begun(self) -> bool:
        """Whether anything of an answer was there."""
        return self._said or self._thought or self._called

    def text(self, text: str, events: list[Event]) -> None:
        """The next piece of text, which may hold thinking between tags."""
        if not self._tags.passed:
            self._add(self._tags.feed(text), events)
        else:
            self._said = self._said or not text.isspace()
            events.append(Text(text))

    def reasoning(self, text: str, events: list[Event]) -> None:
        """The next piece of thinking; empty where the provider does not show it."""
        self._thought = True
        if text:
            events.append(Reasoning(text))

    def call(self, piece: ToolCallDelta, events: list[Event]) -> None:
        """The next piece of a tool call."""
        self._called = self._called or bool(piece.name)
        events.append(piece)

    def refuse(self, text: str) -> None:
        """The next piece of a refusal."""
        self._refusal = (self._refusal + text)[:_LONGEST_REFUSAL]

    def count(self, usage: Usage, events: list[Event]) -> None:
        """Running totals, which replace the earlier ones."""
        if usage != self.usage:
            self.usage = usage
            events.append(UsageReport(usage))

    def finish_with(self, word: str, sentence: str = "") -> None:
        """The provider's word for why it stops, and what it says besides; the first word counts.

        Raises `Overloaded` for a breakdown.
        """
        self._reason = self._reason or excerpt(f"{word}: {sentence}" if sentence else word, limit=300)
        word = word.lower()
        if word in _BROKEN_OFF:
            raise Overloaded(f"The provider broke the answer off ({excerpt(word, limit=60)}).", code=word)
        if self.finish is None:
            self.finish = _FINISHES.get(word, Finish.OTHER)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows. `complete` if the reply said so itself, and did not just stop.

        Adds the last events; raises `Truncated`, `Refused` or `Empty` for an end that is no answer.
        """
        self._add(self._tags.close(), events)
        if self._refusal:
            raise Refused(excerpt(self._refusal))
        if self.finish is None and not complete:
            raise Truncated("The stream closed without saying that the answer is complete.")
        if not self._said and not self._called:
            raise self._nothing()
        events.append(End(self.finish or Finish.OTHER, self.model))

    def _add(self, pieces: list[Text | Reasoning], events: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, Reasoning):
                self._thought = True
            elif not piece.text.isspace():
                self._said = True
        events.extend(pieces)

    def _nothing(self) -> Failure:
        """Why there is an end without an answer."""
        spent = self.usage.completion_tokens if self.usage else 0
        where = f"{spent:,} tokens" if spent else "all its tokens"
        match self.finish:
            case Finish.FILTERED:
                return Refused(f"The provider's filter withheld the whole answer ({self._reason}).")
            case Finish.LENGTH if self._thought:
                message = f"The model spent {where} on reasoning and reached its limit before it answered."
                hint = "Raise --max-tokens, ask for less reasoning, or leave this model out."
                return Empty(message, hint=hint, owner=Owner.PROMPT, retry=Retry.NEVER)
            case Finish.LENGTH:
                message = "The model reached its limit of tokens without writing anything."
                hint = "Raise --max-tokens, or shorten the prompt."
                return Empty(message, hint=hint, owner=Owner.PROMPT, retry=Retry.NEVER)
            case _ if self._thought:
                message = f"The model spent {where} on reasoning and ended without an answer."
                return Empty(message, hint="The model only reasoned; ask again, or ask for less reasoning.")
            case Finish.OTHER:
                return Empty(f"The reply ended without text and without a tool call ({self._reason}).")
            case _:
                return Empty("The reply ended without text and without a tool call.")
