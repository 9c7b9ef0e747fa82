"""One record for every member asked; each ends in exactly one state, and the states sum to the members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from panvox.errors import Fault
from panvox.messages import Attempt, AttemptBegan, AttemptEnded, Fold, Identity, Outcome, State


class _Call:
    """A call that is on its way."""

    __slots__ = ("in_flight", "key", "model", "started", "waited")

    def __init__(self, began: AttemptBegan | None, *, started: float, in_flight: int, waited: float) -> None:
        self.model = began.model if began else None
        self.key = began.key if began else ""
        self.started = started
        self.in_flight = in_flight
        self.waited = waited


class Record:
    """What is known of one member on its way. Times in seconds from the start of the turn.

    A model that tells nothing of its attempts makes one, from its beginning to its end.
    """

    __slots__ = (
        "attempts",
        "call",
        "first_token",
        "fold",
        "held_for",
        "held_since",
        "identity",
        "outcome",
        "stand_in",
        "started",
        "state",
        "tells",
    )

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.state = State.WAITING
        self.fold = Fold()
        self.started = 0.0
        self.held_since: float | None = None
        self.held_for = ""
        self.call: _Call | None = None
        self.attempts: list[Attempt] = []
        self.tells = False
        self.stand_in: Identity | None = None
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
        record.call = _Call(None, started=now, in_flight=self._states[State.STREAMING], waited=0.0)

    def hold(self, record: Record, reason: str, now: float) -> None:
        """Nothing of it is on its way: it waits."""
        record.tells, record.call, record.held_for = True, None, reason
        if record.held_since is None:
            record.held_since = now
        self._move(record, State.WAITING)

    def begin_attempt(self, record: Record, began: AttemptBegan, now: float) -> None:
        """A call of it goes out."""
        first, record.tells = not record.tells, True
        idle_since = record.started if first and record.held_since is None else record.held_since
        waited = 0.0 if idle_since is None else now - idle_since
        record.held_since = None
        self._move(record, State.STREAMING)
        in_flight = self._states[State.STREAMING]
        record.call = _Call(began, started=now, in_flight=in_flight, waited=waited if waited > 0 else 0.0)

    def end_attempt(self, record: Record, ended: AttemptEnded, now: float) -> None:
        """Its call is over."""
        call, record.call = record.call, None
        record.held_since = now
        if call is None:
            return
        state = State(ended.fault.category.value) if ended.fault else State.ANSWERED
        record.attempts.append(_attempt(record, call, state, now, ended=ended))
        answered_by = call.model if ended.fault is None else None
        record.stand_in = answered_by if answered_by != record.identity else None

    def end(self, record: Record, state: State, now: float, *, fault: Fault | None, reason: str) -> Outcome:
        """The member has reached its final state; what had arrived is kept."""
        began = not (record.state is State.WAITING and record.held_since is None)
        call, record.call = record.call, None
        if began and call is not None and (call.model is not None or not record.tells):
            ended = AttemptEnded(fault=fault)
            record.attempts.append(_attempt(record, call, state, now, ended=ended))
        record.outcome = Outcome(
            member=record.identity,
            state=state,
            answer=record.fold.answer,
            fault=fault,
            reason=reason,
            attempts=tuple(record.attempts),
            started=record.started,
            first_token=record.first_token,
            duration=now - record.started if began else 0.0,
            stand_in=record.stand_in if state is State.ANSWERED else None,
        )
        record.fold = Fold()
        self._move(record, state)
        return record.outcome

    def keep(self, record: Record, outcome: Outcome) -> None:
        """The member ended earlier, and is not asked again."""
        record.outcome = outcome
        self._move(record, outcome.state)

    def _move(self, record: Record, state: State) -> None:
        self._states[record.state] -= 1
        self._states[state] += 1
        record.state = state


def _attempt(record: Record, call: _Call, state: State, now: float, *, ended: AttemptEnded) -> Attempt:
    fault = ended.fault
    name = call.model.name if call.model else record.identity.name
    return Attempt(
        started=call.started,
        duration=now - call.started,
        state=state,
        status=fault.status if fault else (200 if state is State.ANSWERED else None),
        message=fault.message if fault else ended.message,
        wait=fault.wait if fault else None,
        in_flight=call.in_flight,
        request_id=fault.request_id if fault else "",
        model="" if name == record.identity.name else name,
        key=call.key,
        cost=ended.cost,
        waited=call.waited,
        cached=ended.cached,
    )
