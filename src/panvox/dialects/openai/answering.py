"""The state of one answer: chunks in, events out, and what its end amounts to."""

from __future__ import annotations

from collections.abc import Mapping

from panvox.dialects.foreign import excerpt
from panvox.dialects.openai.chunks import Call, Choice, Chunk, Delta, Function, reasoning_of, stray, text_of
from panvox.dialects.openai.errors import stream_failure
from panvox.dialects.openai.usage import merge, usage_of
from panvox.dialects.think_tags import ThinkTags
from panvox.errors import Empty, Failure, Overloaded, Owner, Refused, Retry, Truncated
from panvox.messages import End, Event, Finish, Reasoning, Text, ToolCallDelta, Usage, UsageReport

_FINISH_WORDS: Mapping[Finish, str] = {
    Finish.STOP: "stop complete completed end_turn stop_sequence eos eos_token end finished done",
    Finish.LENGTH: """
        length max_length max_output_tokens max_tokens model_context_window_exceeded model_length token_limit
    """,
    Finish.TOOL_CALLS: "tool_calls tool_call tool_use function_call",
    Finish.FILTERED: """
        blocklist content_filter content_filtered prohibited_content recitation refusal safety sensitive spii
    """,
}
_FINISHES = {word: finish for finish, words in _FINISH_WORDS.items() for word in words.split()}
_BROKEN_OFF = frozenset(
    {"abort", "aborted", "error", "failed", "insufficient_system_resource", "network_error"}
)
_LONGEST_REFUSAL = 4096  # characters kept; more than is ever quoted


class Answering:
    """Takes the chunks of one answer in order; the end is held back until no more can come."""

    __slots__ = ("_calls", "_finish", "_model", "_refusal", "_said", "_tags", "_thought", "_usage")

    def __init__(self) -> None:
        self._model = ""
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._refusal = ""
        self._tags = ThinkTags()
        self._calls = _Calls()
        self._said = False  # whether there was text other than blanks
        self._thought = False

    def take(self, chunk: Chunk, data: bytes, events: list[Event]) -> None:
        """Add the events of `chunk`, which was read from `data`; raises the `Failure` that it tells of."""
        if chunk.model and not self._model:
            self._model = chunk.model
        ended: Choice | None = None
        for choice in chunk.choices or ():
            if choice.index:
                continue  # panvox asks for one answer
            delta = choice.delta or self._whole_message(choice)
            if delta is not None:
                self._take_delta(delta, events)
            if choice.finish_reason or choice.error:
                ended = choice
        if chunk.usage is not None or chunk.x_groq is not None or chunk.cost is not None:
            self._take_usage(chunk, events)
        if chunk.error or chunk.x_groq is not None or chunk.choices is None:
            _raise_error(chunk, data)
        if ended is not None:
            self._take_end(ended)

    def end(self, events: list[Event], *, complete: bool) -> None:
        """Nothing follows. `complete` if the reply said so itself, and did not just stop.

        Adds the last events; raises `Truncated`, `Refused` or `Empty` for an end that is no answer.
        """
        self._add(self._tags.close(), events)
        if self._refusal:
            raise Refused(excerpt(self._refusal))
        if self._finish is None and not complete:
            raise Truncated("The stream closed without saying that the answer is complete.")
        if not self._said and not self._calls.named:
            raise self._nothing()
        events.append(End(self._finish or Finish.OTHER, self._model))

    def _whole_message(self, choice: Choice) -> Delta | None:
        """The message of a whole reply; None at the end of a stream, where it repeats the deltas."""
        return None if self._said or self._thought or self._calls.named else choice.message

    def _take_end(self, choice: Choice) -> None:
        if choice.error:
            raise stream_failure(choice.error)
        word = (choice.finish_reason or "").lower()
        if word in _BROKEN_OFF:
            raise Overloaded(f"The provider broke the answer off ({word}).", code=word)
        if self._finish is None:
            self._finish = _FINISHES.get(word, Finish.OTHER)

    def _take_delta(self, delta: Delta, events: list[Event]) -> None:
        if reasoning := reasoning_of(delta):
            self._thought = True
            events.append(Reasoning(reasoning))
        content = delta.content
        if text := content if isinstance(content, str) else text_of(content):
            if not self._tags.passed:
                self._add(self._tags.feed(text), events)
            else:
                self._said = self._said or not text.isspace()
                events.append(Text(text))
        if delta.refusal:
            self._refusal = (self._refusal + delta.refusal)[:_LONGEST_REFUSAL]
        if delta.tool_calls:
            events.extend(self._calls.piece(call) for call in delta.tool_calls)
        if delta.function_call is not None:
            events.append(self._calls.piece(Call(index=0, function=delta.function_call)))

    def _add(self, pieces: list[Text | Reasoning], events: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, Reasoning):
                self._thought = True
            elif not piece.text.isspace():
                self._said = True
        events.extend(pieces)

    def _take_usage(self, chunk: Chunk, events: list[Event]) -> None:
        found = usage_of(chunk)
        if found is None:
            return
        usage = merge(self._usage, found)
        if usage != self._usage:
            self._usage = usage
            events.append(UsageReport(usage))

    def _nothing(self) -> Failure:
        """Why there is an end without an answer."""
        spent = self._usage.completion_tokens if self._usage else 0
        where = f"{spent:,} tokens" if spent else "all its tokens"
        match self._finish:
            case Finish.FILTERED:
                return Refused("The provider's filter withheld the whole answer.")
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
            case _:
                return Empty("The reply ended without text and without a tool call.")


class _Calls:
    """Which pieces of tool calls belong together, where a provider leaves that to guessing."""

    __slots__ = ("_ids", "_places", "named")

    def __init__(self) -> None:
        self.named = False  # whether a tool was named
        self._ids: list[str] = []  # of each call so far
        self._places: dict[int, int] = {}  # the provider's index → ours

    def piece(self, call: Call) -> ToolCallDelta:
        """The event for the next piece."""
        function = call.function or Function()
        self.named = self.named or bool(function.name)
        place = self._place(call.index, call.id or "", bool(function.name))
        return ToolCallDelta(place, call.id or "", function.name or "", function.arguments or "")

    def _place(self, index: int | None, identity: str, named: bool) -> int:
        """The call that the piece belongs to.

        An index decides, unless it comes with another id and another name: some give every call index 0.
        Without an index (Mistral, Together) a new id or a name begins a call.
        """
        place = self._places.get(index) if index is not None else self._latest(identity, named)
        if place is not None:
            known = self._ids[place]
            if not (named and identity and known and identity != known):
                self._ids[place] = known or identity
                return place
        self._ids.append(identity)
        place = len(self._ids) - 1
        if index is not None:
            self._places[index] = place
        return place

    def _latest(self, identity: str, named: bool) -> int | None:
        if identity in self._ids and identity:
            return self._ids.index(identity)
        return None if identity or named or not self._ids else len(self._ids) - 1


def _raise_error(chunk: Chunk, data: bytes) -> None:
    """Raise the `Failure` that a chunk tells of, if it does."""
    if chunk.error:
        raise stream_failure(chunk.error)
    if isinstance(chunk.x_groq, dict) and chunk.x_groq.get("error"):
        raise stream_failure(chunk.x_groq["error"])
    if chunk.choices is None and chunk.usage is None:
        fields = stray(data)  # perhaps an error without its wrapper, as vLLM's
        named = fields.get("message") and (fields.get("code") or fields.get("type"))
        if named or fields.get("object") == "error":
            raise stream_failure(fields)
