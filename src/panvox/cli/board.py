"""Where a turn stands, folded from its events one by one: what the live view shows and the report sums up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import assert_never

from panvox.cli.text import one_line
from panvox.figures import seconds
from panvox.messages import (
    MemberDelta,
    MemberEnded,
    MemberRestarted,
    MemberStarted,
    MemberWaiting,
    Note,
    Outcome,
    RunEnded,
    RunEvent,
    RunStarted,
    State,
    VerdictChanged,
    WaitMet,
)
from panvox.verdicts import Verdict

TAIL = 600
"""Characters of an answer that are kept to be shown: two of the widest windows."""

CHARACTERS_PER_TOKEN = 4
"""The usual estimate while the provider has not counted."""


@dataclass(slots=True, eq=False)
class Row:
    """One member. Times in seconds: `started` from the start of the turn, `first_token` from there.

    `held` is what it waits for, if it does, `held_until` when that is expected to end, on the reader's clock.
    """

    name: str
    state: State = State.WAITING
    started: float = 0.0
    first_token: float | None = None
    characters: int = 0
    tail: str = ""
    thinks: bool = False
    held: str = ""
    held_until: float | None = None
    outcome: Outcome | None = None

    @property
    def word(self) -> str:
        """The state in a word for people; a member that streams has been asked, thinks or writes."""
        if self.state is not State.STREAMING:
            return self.state.value.replace("_", " ")
        if self.first_token is None:
            return "asked"
        return "thinking" if self.thinks else "streaming"

    @property
    def tokens(self) -> tuple[int, bool] | None:
        """Tokens of the answer, and whether the provider counted them; None before there is one."""
        usage = self.outcome.answer.usage if self.outcome and self.outcome.answer else None
        if usage and usage.completion_tokens:
            return usage.completion_tokens, True
        return (-(-self.characters // CHARACTERS_PER_TOKEN), False) if self.characters else None

    @property
    def cost(self) -> Decimal | None:
        """USD, where the provider told."""
        return self.outcome.cost if self.outcome else None

    @property
    def said(self) -> str:
        """What to show of it on one line: the end of its text, or why there is no answer."""
        if self.outcome and not self.outcome.answered:
            fault = self.outcome.fault
            return one_line(fault.message if fault else self.outcome.reason)
        return one_line(self.tail)

    def holding(self, now: float) -> str:
        """What it waits for and for how long still; empty if it does not."""
        if not self.held:
            return ""
        left = None if self.held_until is None else self.held_until - now
        return f"waits for {one_line(self.held)}{'' if left is None else f', {seconds(max(0.0, left))}'}"


@dataclass(slots=True)
class Board:
    """All members of a turn. `version` grows with every change that can be seen.

    `votes` is whether its answers are counted against each other; reviews are not.
    """

    votes: bool = True
    run: str = ""
    turn: int = 0
    question: str = ""
    rows: dict[str, Row] = field(default_factory=dict)
    verdict: Verdict | None = None
    met: WaitMet | None = None
    ended: RunEnded | None = None
    answered: int = 0
    failed: int = 0
    priced: bool = False
    version: int = 0
    _waiting: dict[str, Row] = field(default_factory=dict)
    _streaming: dict[str, Row] = field(default_factory=dict)
    _finished: list[Row] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many members were asked."""
        return len(self.rows)

    @property
    def open(self) -> int:
        """How many have not ended."""
        return len(self._waiting) + len(self._streaming)

    @property
    def streaming(self) -> int:
        """How many are being listened to."""
        return len(self._streaming)

    @property
    def finished(self) -> list[Row]:
        """The members that have ended, in the order in which they did."""
        return self._finished

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes so far, in the order of the panel."""
        return tuple(row.outcome for row in self.rows.values() if row.outcome)

    def add(self, event: RunEvent, *, now: float) -> None:
        """Take the next event; `now` is in seconds from the start of the turn, on the reader's clock."""
        self.version += 1
        match event:
            case RunStarted():
                self._begin(event)
            case MemberStarted():
                self._start(self.rows[event.member], event.at)
            case MemberWaiting():
                self._hold(self.rows[event.member], event, now)
            case MemberRestarted():
                self._restart(self.rows[event.member])
            case MemberDelta():
                self._grow(self.rows[event.member], event, now)
            case MemberEnded():
                self._end(self.rows[event.outcome.member.name], event.outcome)
            case VerdictChanged():
                self.verdict = event.verdict
            case Note():
                pass  # the view shows it when it comes
            case WaitMet():
                self.met, self.verdict = event, event.verdict
            case RunEnded():
                self.ended, self.verdict = event, event.verdict
            case _:
                assert_never(event)

    def _begin(self, event: RunStarted) -> None:
        self.run, self.turn, self.question = event.run, event.turn, event.question
        self.rows = {member.name: Row(member.name) for member in event.members}
        self._waiting = dict(self.rows)

    def _start(self, row: Row, at: float) -> None:
        row.state, row.started = State.STREAMING, at
        row.held, row.held_until = "", None
        self._waiting.pop(row.name, None)
        self._streaming[row.name] = row

    def _hold(self, row: Row, event: MemberWaiting, now: float) -> None:
        row.state, row.held = State.WAITING, event.reason
        row.held_until = None if event.seconds is None else now + event.seconds
        self._streaming.pop(row.name, None)
        self._waiting[row.name] = row

    def _restart(self, row: Row) -> None:
        row.tail, row.thinks, row.characters, row.first_token = "", False, 0, None

    def _grow(self, row: Row, event: MemberDelta, now: float) -> None:
        if row.first_token is None:
            row.first_token = max(0.0, now - row.started)
        if event.text and row.thinks:
            row.tail, row.thinks = "", False
        elif event.reasoning and not event.text and (row.thinks or not row.tail):
            row.thinks = True
        more = event.reasoning if row.thinks else event.text
        row.characters += len(event.text) + len(event.reasoning)
        row.tail = (row.tail + more[-TAIL:])[-TAIL:]

    def _end(self, row: Row, outcome: Outcome) -> None:
        row.outcome, row.state, row.held = outcome, outcome.state, ""
        row.first_token = outcome.first_token
        row.tail = outcome.text[-TAIL:]
        self._waiting.pop(row.name, None)
        self._streaming.pop(row.name, None)
        self._finished.append(row)
        self.answered += outcome.answered
        self.failed += outcome.fault is not None
        self.priced = self.priced or bool(outcome.cost)

    def holds(self, now: float) -> list[tuple[str, int, float | None]]:
        """What members wait for: reason, how many, and seconds until the first may go, most of them first."""
        counts: Counter[str] = Counter()
        first: dict[str, float] = {}
        for row in self._waiting.values():
            if row.held:
                counts[row.held] += 1
                if row.held_until is not None:
                    first[row.held] = min(first.get(row.held, row.held_until), row.held_until)
        return [
            (one_line(reason), count, max(0.0, first[reason] - now) if reason in first else None)
            for reason, count in counts.most_common()
        ]

    def visible(self, count: int) -> list[Row]:
        """The `count` rows most worth seeing.

        If all fit, they stay where they are. Else those that stream come first, then those that ended
        last, then those that wait; a third of the room is kept for those that ended.
        """
        if self.asked <= count:
            return list(self.rows.values())
        kept = min(len(self._finished), count // 3)
        rows = list(islice(self._streaming.values(), count - kept))
        rows += islice(reversed(self._finished), count - len(rows))
        rows += islice(self._waiting.values(), count - len(rows))
        return rows

    def hidden(self, shown: list[Row]) -> Iterator[tuple[str, int]]:
        """What is not among `shown`: words and numbers, such as `("waiting", 120)`."""
        streaming = sum(row.state is State.STREAMING for row in shown)
        waiting = sum(row.state is State.WAITING for row in shown)
        yield "streaming", len(self._streaming) - streaming
        yield "ended", len(self._finished) - (len(shown) - streaming - waiting)
        yield "waiting", len(self._waiting) - waiting
