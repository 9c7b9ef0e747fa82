"""The values that travel: prompts down, events up, answers and outcomes.

Everything here is frozen, typed and can be written as JSON by msgspec. Nothing here waits, reads or writes.

    Prompt ──► Model ──► Text · Reasoning · ToolCallDelta · UsageReport · End ──► Fold ──► Answer ──► Outcome
               on the way:  Waiting · AttemptBegan · ReplyBegan · AttemptEnded · Restarted
    a run:  RunStarted · MemberStarted · MemberWaiting · MemberDelta · MemberRestarted · MemberEnded
            VerdictChanged · WaitMet · Note · RunEnded
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal, assert_never

import msgspec

from panvox.errors import Category, Fault
from panvox.verdicts import Verdict

# --- prompts ---------------------------------------------------------------------------------------


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """A piece of text in a message."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag="image"):
    """An image in a message: an address (`https:` or `data:`) that the model can read."""

    url: str


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call that a model wants made; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What came of a tool call."""

    call_id: str
    text: str


Part = TextPart | ImagePart | ToolCall | ToolResult
Role = Literal["system", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Tool(msgspec.Struct, frozen=True):
    """A tool that a model may call; `schema` is the JSON Schema of its arguments, as JSON text."""

    name: str
    description: str
    schema: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the conversation so far, and the options that every vendor knows.

    A prompt is hashable and is encoded once for all members that speak one dialect. `schema` asks for an
    answer that fits a JSON Schema (as JSON text). `None` leaves an option to the provider.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: str | None = None

    @classmethod
    def of(cls, text: str, *, system: str | None = None, max_tokens: int | None = None) -> Prompt:
        """A prompt of one user message, with an optional system message before it."""
        messages = [Message("system", (TextPart(system),))] if system else []
        messages.append(Message("user", (TextPart(text),)))
        return cls(messages=tuple(messages), max_tokens=max_tokens)

    @property
    def question(self) -> str:
        """The text of the last user message."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    def then(self, answer: str, question: str) -> Prompt:
        """The conversation went on: `answer` was given, now comes `question`.

        Without an answer both questions become one user message, since many vendors refuse two in a row.
        """
        if answer:
            more = (Message("assistant", (TextPart(answer),)), Message("user", (TextPart(question),)))
            return msgspec.structs.replace(self, messages=self.messages + more)
        *before, last = self.messages
        merged = Message("user", (*last.parts, TextPart("\n\n" + question)))
        return msgspec.structs.replace(self, messages=(*before, merged))


# --- events of one model ---------------------------------------------------------------------------


class Finish(StrEnum):
    """Why a model stopped; every vendor's word maps to one of these."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    FILTERED = "filtered"
    OTHER = "other"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call as the provider counted them; `cost` in USD where it was told.

    `prompt_tokens` includes `cached_tokens`; `completion_tokens` includes `reasoning_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost: Decimal | None = None


class Text(msgspec.Struct, frozen=True, tag="text", gc=False):
    """The next piece of the answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning", gc=False):
    """The next piece of the model's thinking; never part of the answer."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call", gc=False):
    """The next piece of a tool call; pieces with one `index` belong together."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class UsageReport(msgspec.Struct, frozen=True, tag="usage"):
    """Running totals of tokens; a later report replaces an earlier one."""

    usage: Usage


class End(msgspec.Struct, frozen=True, tag="end"):
    """The model has finished; nothing follows. `model` is the name that the provider says answered."""

    finish: Finish
    model: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a member is. `name` is unique in its panel; members of one `lineage` share weights."""

    name: str
    provider: str = ""
    model: str = ""
    lineage: str = ""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How one limit stands, as a provider tells it.

    `window` is the length of its window in seconds, `reset` the seconds until it is whole again; None where
    neither the provider nor its row tells.
    """

    unit: Literal["requests", "tokens", "input_tokens", "output_tokens"]
    window: float | None = None
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


class Waiting(msgspec.Struct, frozen=True, tag="waiting"):
    """Nothing is on its way: the call waits for `reason`, such as "openrouter requests".

    `seconds` is about how long; None where nobody can tell. What comes next ends the wait.
    """

    reason: str
    seconds: float | None = None


class AttemptBegan(msgspec.Struct, frozen=True, tag="attempt_began"):
    """A call goes out to `model` with the key of this label."""

    model: Identity
    key: str = ""


class ReplyBegan(msgspec.Struct, frozen=True, tag="reply_began"):
    """The head of the reply is here: what it tells of limits, and whether the provider took the call on.

    `sent` is when the request had been written, by the clock of the loop; None where nobody knows.
    """

    rates: tuple[Rate, ...] = ()
    accepted: bool = True
    sent: float | None = None


class AttemptEnded(msgspec.Struct, frozen=True, tag="attempt_ended"):
    """The call that began last is over, with an answer where there is no fault; `cost` is in USD.

    `cached`: it never went out, since its answer was known; `message` tells where from, if not from the same
    prompt.
    """

    fault: Fault | None = None
    cost: Decimal | None = None
    cached: bool = False
    message: str = ""


class Restarted(msgspec.Struct, frozen=True, tag="restarted"):
    """What has come counts for nothing: the answer begins anew. `reason` is a sentence."""

    reason: str = ""


Event = (
    Text
    | Reasoning
    | ToolCallDelta
    | UsageReport
    | End
    | Waiting
    | AttemptBegan
    | ReplyBegan
    | AttemptEnded
    | Restarted
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one call amount to; `finish` is None while no end was seen."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish | None = None
    usage: Usage | None = None
    model: str = ""


class Fold:
    """Events in, an answer out, at any time."""

    __slots__ = ("_calls", "_end", "_reasoning", "_text", "_usage")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._usage: Usage | None = None
        self._end: End | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Text():
                self._text.append(event.text)
            case Reasoning():
                self._reasoning.append(event.text)
            case ToolCallDelta():
                self._add_call(event)
            case UsageReport():
                self._usage = event.usage
            case End():
                self._end = event
            case Restarted():
                self._clear()
            case Waiting() | AttemptBegan() | ReplyBegan() | AttemptEnded():
                pass
            case _:
                assert_never(event)

    def _add_call(self, event: ToolCallDelta) -> None:
        call = self._calls.setdefault(event.index, ["", "", ""])
        call[0] = call[0] or event.id
        call[1] = call[1] or event.name
        call[2] += event.arguments

    @property
    def ended(self) -> bool:
        """Whether the end was seen."""
        return self._end is not None

    @property
    def answer(self) -> Answer:
        """The answer so far."""
        end = self._end
        return Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(ToolCall(*self._calls[index]) for index in sorted(self._calls)),
            finish=end.finish if end else None,
            usage=self._usage,
            model=end.model if end else "",
        )


# --- outcomes --------------------------------------------------------------------------------------


class State(StrEnum):
    """Where a member stands. The first two are passing; every member ends in exactly one of the others."""

    WAITING = "waiting"
    STREAMING = "streaming"

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"

    UNAUTHORISED = Category.UNAUTHORISED.value
    FORBIDDEN = Category.FORBIDDEN.value
    OUT_OF_MONEY = Category.OUT_OF_MONEY.value
    OUT_OF_QUOTA = Category.OUT_OF_QUOTA.value
    RATE_LIMITED = Category.RATE_LIMITED.value
    TOO_LARGE = Category.TOO_LARGE.value
    UNKNOWN_MODEL = Category.UNKNOWN_MODEL.value
    INVALID_REQUEST = Category.INVALID_REQUEST.value
    REFUSED = Category.REFUSED.value
    EMPTY = Category.EMPTY.value
    TRUNCATED = Category.TRUNCATED.value
    MALFORMED = Category.MALFORMED.value
    TIMED_OUT = Category.TIMED_OUT.value
    OVERLOADED = Category.OVERLOADED.value
    UNREACHABLE = Category.UNREACHABLE.value
    CIRCUIT_OPEN = Category.CIRCUIT_OPEN.value
    LOCAL_UNAVAILABLE = Category.LOCAL_UNAVAILABLE.value
    INTERNAL = Category.INTERNAL.value

    @property
    def open(self) -> bool:
        """Whether the member is still on its way."""
        return self in _OPEN


_OPEN = frozenset({State.WAITING, State.STREAMING})


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call over the wire. Times in seconds; `started` counts from the start of the run.

    `in_flight` is how many calls of the run were on their way when this one began; `wait` is what the
    provider asked for; `message` is its own wording. `model` is the name of the model that was asked, where
    it is not the member itself, `key` the label of the key, `cost` USD; `waited` is how long the call was
    held back before it went out. A `cached` attempt never went out.
    """

    started: float
    duration: float
    state: State
    status: int | None = None
    message: str = ""
    wait: float | None = None
    in_flight: int = 0
    request_id: str = ""
    model: str = ""
    key: str = ""
    cost: Decimal | None = None
    waited: float = 0.0
    cached: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one member ended. Times in seconds: `started` from the start of the run, the others from there.

    `answer` holds what had arrived, also where the member failed; `fault` is None only for answered,
    cancelled, interrupted and skipped members, whose `reason` is then a sentence (empty when answered).
    `stand_in` is the model that answered in place of the member, where another did.
    """

    member: Identity
    state: State
    answer: Answer | None = None
    fault: Fault | None = None
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    started: float = 0.0
    first_token: float | None = None
    duration: float = 0.0
    stand_in: Identity | None = None

    @property
    def speaker(self) -> Identity:
        """Whose answer it is: the member's, or that of the model that stood in for it."""
        return self.stand_in or self.member

    @property
    def cached(self) -> bool:
        """Whether the answer was known before, and cost nothing."""
        return bool(self.attempts) and self.attempts[-1].cached

    @property
    def answered(self) -> bool:
        """Whether this outcome counts as an answer."""
        return self.state is State.ANSWERED

    @property
    def text(self) -> str:
        """The text that arrived, if any."""
        return self.answer.text if self.answer else ""

    @property
    def cost(self) -> Decimal | None:
        """USD that all attempts cost together; where none is known, what the provider says, if it does."""
        known = [attempt.cost for attempt in self.attempts if attempt.cost is not None]
        if known:
            return sum(known, Decimal(0))
        usage = self.answer.usage if self.answer else None
        return usage.cost if usage else None


# --- events of a run -------------------------------------------------------------------------------


class RunStarted(msgspec.Struct, frozen=True, tag="run_started", kw_only=True):
    """A turn of a run begins. `turn` counts from 0."""

    run: str
    turn: int
    question: str
    members: tuple[Identity, ...]


class MemberStarted(msgspec.Struct, frozen=True, tag="member_started"):
    """A member was asked, `at` seconds after the start of the turn; again for each further attempt."""

    member: str
    at: float


class MemberWaiting(msgspec.Struct, frozen=True, tag="member_waiting"):
    """A member is held back `at` seconds after the start of the turn, by `reason`, for about `seconds`."""

    member: str
    at: float
    reason: str
    seconds: float | None = None


class MemberRestarted(msgspec.Struct, frozen=True, tag="member_restarted"):
    """What a member has said counts for nothing: its answer begins anew."""

    member: str
    reason: str = ""


class MemberDelta(msgspec.Struct, frozen=True, tag="member_delta", omit_defaults=True):
    """More of a member's answer. A slow reader gets fewer and longer ones; no text is lost."""

    member: str
    text: str = ""
    reasoning: str = ""


class MemberEnded(msgspec.Struct, frozen=True, tag="member_ended"):
    """A member has reached its final state."""

    outcome: Outcome


class VerdictChanged(msgspec.Struct, frozen=True, tag="verdict_changed"):
    """The provisional verdict, as answers land."""

    verdict: Verdict


class WaitMet(msgspec.Struct, frozen=True, tag="wait_met"):
    """The wait policy is met: `verdict` is the answer to show now.

    Under the policy `fast` the `open` members go on and a reader that stays sees them end; under every
    other policy they are cancelled and the run ends.
    """

    verdict: Verdict
    open: int


class Note(msgspec.Struct, frozen=True, tag="note"):
    """Something that people should know now: who stands in for whom, which limit is lost. A sentence."""

    text: str


class RunEnded(msgspec.Struct, frozen=True, tag="run_ended", kw_only=True):
    """The turn is over. `states` counts members by final state and sums to the members asked.

    `stopped` tells why before all had ended: "" (all ended), "wait" (the wait policy was met), "decided"
    (the rest was not needed, see `panvox.waiting.Stop`), "deadline", "interrupted" or "stopped".
    """

    run: str
    turn: int
    verdict: Verdict
    states: dict[str, int]
    duration: float
    stopped: str = ""


RunEvent = (
    RunStarted
    | MemberStarted
    | MemberWaiting
    | MemberDelta
    | MemberRestarted
    | MemberEnded
    | VerdictChanged
    | WaitMet
    | Note
    | RunEnded
)
