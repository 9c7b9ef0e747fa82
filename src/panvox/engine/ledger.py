"""One record for every member asked; each ends in exactly one state, and the states sum to the members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from panvox.errors import Fault
from panvox.messages import Attempt, Fold, Identity, Outcome, State


class Record:
    """What is known of one member on its way. Times in seconds from the start of the turn."""

    __slots__ = ("first_token", "fold", "identity", "in_flight", "outcome", "started", "state")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.state = State.WAITING
        self.fold = Fold()
        self.started = 0.0
        self.in_flight = 0
        self.first_token: float | None = None
        self.outcome: Outcome | None = None


class Ledger:
    """The total account of a turn. Nothing is ever removed from it."""

    def __init__(self, members: Sequence[Identity]) -> None:
        self._records = {member.name: Record(member) for member in members}
        self._states: Counter[State] = Counter({State.WAITING: len(self._records)})

    @property
    def asked(self) -> int:
        """How many members were asked."""
        return len(self._records)

    @property
    def open(self) -> int:
        """How many have not ended."""
        return self._states[State.WAITING] + self._states[State.STREAMING]

    @property
    def states(self) -> dict[State, int]:
        """Members by state, those without members left out; the values sum to `asked`."""
        return {state: count for state, count in self._states.items() if count}

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes of members that have ended, in the order of the panel."""
        return tuple(record.outcome for record in self._records.values() if record.outcome)

    def records(self) -> Iterable[Record]:
        """Every record, in the order of the panel."""
        return self._records.values()

    def begin(self, record: Record, now: float) -> None:
        """The member is being asked."""
        record.started = now
        self._move(record, State.STREAMING)
        record.in_flight = self._states[State.STREAMING]

    def end(self, record: Record, state: State, now: float, *, fault: Fault | None, reason: str) -> Outcome:
        """The member has reached its final state; what had arrived is kept."""
        began = record.state is State.STREAMING
        answer = record.fold.answer
        duration = now - record.started if began else 0.0
        attempt = Attempt(
            started=record.started,
            duration=duration,
            state=state,
            status=fault.status if fault else (200 if state is State.ANSWERED else None),
            message=fault.message if fault else "",
            wait=fault.wait if fault else None,
            in_flight=record.in_flight,
            request_id=fault.request_id if fault else "",
        )
        record.outcome = Outcome(
            member=record.identity,
            state=state,
            answer=answer,
            fault=fault,
            reason=reason,
            attempts=(attempt,) if began else (),
            started=record.started,
            first_token=record.first_token,
            duration=duration,
        )
        record.fold = Fold()
        self._move(record, state)
        return record.outcome

    def _move(self, record: Record, state: State) -> None:
        self._states[record.state] -= 1
        self._states[state] += 1
        record.state = state
