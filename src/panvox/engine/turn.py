"""One turn: everybody is asked, every event passes here, everybody is booked.

    drive ─► waves ─► money ─► one task a member ─► book ─► verdict ─► is it decided?

The reader's side is the first half of `Turn`, the work the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from msgspec.structs import replace

from panvox.curation import Curator, Expect, Rules
from panvox.deadline import narrow
from panvox.engine.conversation import Past
from panvox.engine.ledger import Ledger, Record
from panvox.engine.mailbox import Lane, Mailbox
from panvox.engine.stopping import DECIDED, FREE_TEXT, LIKELY, Spared, saved
from panvox.engine.waves import Cascade, Means, tiers
from panvox.errors import Failure, Fault, Internal, TimedOut, Truncated
from panvox.messages import (
    AttemptBegan,
    AttemptEnded,
    Event,
    Identity,
    MemberEnded,
    MemberRestarted,
    MemberStarted,
    MemberWaiting,
    Note,
    Outcome,
    Prompt,
    Reasoning,
    Restarted,
    RunEnded,
    RunEvent,
    RunStarted,
    State,
    Text,
    ToolCallDelta,
    Waiting,
    WaitMet,
)
from panvox.protocols import Journal, Model, Want
from panvox.verdicts import Verdict
from panvox.waiting import Stop, Wait

WAVE = 16
"""Members that start in one round of the loop; in the next it reads what has arrived. If all started in one,
the first answer would be read when the last request is written."""


@dataclass(frozen=True, slots=True)
class Member:
    """A model in a panel; `deadline` is in seconds from the member's own start.

    `cost` tells how many USD it is expected to cost to ask it a prompt; None where asking it costs nothing.
    `latency` is how many seconds its answers take, as far as that is known. `declined` is why it is not to be
    asked at all, as a sentence; empty for all others.
    """

    identity: Identity
    model: Model
    deadline: float | None = None
    cost: Callable[[Prompt], Decimal] | None = None
    latency: float | None = None
    declined: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one turn is asked; see `Run.turn`."""

    wait: Wait
    stop: Stop
    deadline: float | None
    rules: Rules
    landed: Sequence[Outcome] = ()


class Turn:
    """One prompt on its way to all members: iterate it for the events of the run, the last is `RunEnded`."""

    def __init__(
        self,
        run: str,
        number: int,
        prompt: Prompt,
        members: Sequence[Member],
        manner: Manner,
        *,
        prompt_for: Callable[[str, Prompt], Prompt],
        latency: Callable[[Member], float | None],
        journal: Journal,
        means: Means,
    ) -> None:
        self.run = run
        self.number = number
        self.ended: RunEnded | None = None
        self._prompt = prompt
        self._prompt_for = prompt_for
        self._latency = latency
        self._wait = manner.wait
        self._wait_over = False
        self._stop_rule = manner.stop
        self._deadline = manner.deadline
        self._landed = {outcome.member.name: outcome for outcome in manner.landed}
        self._journal = journal
        self._means = means
        self._members = {member.identity.name: member for member in members}
        self._identities = tuple(member.identity for member in members)
        self._ledger = Ledger(self._identities)
        self._curator = Curator(prompt.question, self._identities, manner.rules)
        self._mailbox = Mailbox(
            members=len(members), verdict=partial(self._curator.verdict, provisional=True)
        )
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._tasks: list[asyncio.Task[None]] = []
        self._costs: dict[str, Decimal] = {}
        self._stopped = ""
        self._spared: list[Spared] = []
        self._noted: set[str] = set()
        self._unwritten: asyncio.Queue[Outcome | None] = asyncio.Queue(len(members) + 1)

    # --- for the reader ---

    def __aiter__(self) -> AsyncIterator[RunEvent]:
        return self

    async def __anext__(self) -> RunEvent:
        event = self._mailbox.take_nowait() or await self._mailbox.take()
        if event is None:
            raise StopAsyncIteration
        return event

    async def wait_ended(self) -> RunEnded:
        """Pass over the events that are left; the last one."""
        async for _ in self:
            pass
        if self.ended is None:
            raise RuntimeError("the turn was cut short before it could end")
        return self.ended

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes so far, in the order of the panel."""
        return self._ledger.outcomes

    @property
    def states(self) -> dict[State, int]:
        """Members by state, now; the values sum to the members asked."""
        return self._ledger.states

    @property
    def verdict(self) -> Verdict:
        """The verdict on what has arrived."""
        return self._curator.verdict()

    @property
    def elapsed(self) -> float:
        """Seconds since the turn began."""
        return self._now()

    @property
    def open(self) -> int:
        """Members that have not ended."""
        return self._ledger.open

    @property
    def answered(self) -> int:
        """Members that have answered."""
        return self._curator.answered

    @property
    def leading_votes(self) -> float:
        """Votes of the largest group."""
        return self._curator.leading_votes

    @property
    def votes(self) -> float:
        """Votes of all who were asked."""
        return self._curator.votes_asked

    def stop(self, why: str = "stopped") -> None:
        """End the turn and keep what has arrived: open members are cancelled and booked with the reason."""
        if self._stopped or self._ledger.open == 0:
            return
        self._stopped = why
        for task in self._tasks:
            task.cancel()

    def note(self, text: str) -> None:
        """Tell the reader something beside the matter, once."""
        if text not in self._noted:
            self._noted.add(text)
            self._mailbox.put(Note(text))

    def leave(self) -> None:
        """The reader goes: whoever is still open ends now."""
        self.stop("wait" if self._wait_over else "stopped")

    def past(self) -> Past:
        """This turn as the next one will look back on it."""
        answers = {o.member.name: o.text for o in self.outcomes if o.answered}
        verdict = self.ended.verdict if self.ended else self.verdict
        return Past(prompt=self._prompt, answers=answers, chosen=answers.get(verdict.best or "", ""))

    # --- the work ---

    async def drive(self) -> None:
        """Ask everybody, wait until all have ended, write it down, end the stream of events."""
        narrow(self._deadline)
        alarms = [
            self._at(self._deadline, lambda: self.stop("deadline")),
            self._at(self._wait.alarm, self._look),
        ]
        try:
            await self._journal.begin(self.run, self.number, self._prompt, self._identities)
            async with asyncio.TaskGroup() as work:
                work.create_task(self._write())
                await self._ask_all()
                self._unwritten.put_nowait(None)
            await self._finish()
        finally:
            for alarm in alarms:
                alarm()
            self._mailbox.close()

    def _at(self, seconds: float | None, action: Callable[[], None]) -> Callable[[], None]:
        return self._loop.call_later(seconds, action).cancel if seconds is not None else lambda: None

    async def _ask_all(self) -> None:
        self._mailbox.put(
            RunStarted(
                run=self.run,
                turn=self.number,
                question=self._prompt.question,
                members=self._identities,
            )
        )
        if self._stop_rule.kind != "never" and self._curator.kind is Expect.TEXT:
            self.note(FREE_TEXT)
        self._means.purse.begin(run=self.run, turn=self.number, tag=self._means.tag)
        self._book_unasked()
        async with asyncio.TaskGroup() as tasks:
            await self._ask_in_waves(tasks)
        for record in self._ledger.records():
            if record.state.open:  # cancelled before its task took a first step
                self._book_cancelled(record, asked=False)

    async def _ask_in_waves(self, tasks: asyncio.TaskGroup) -> None:
        """Free members first, then those that cost money; under a cascade only as long as they are needed."""
        left = {record.identity.name: record for record in self._ledger.records() if record.state.open}
        cascade = self._means.cascade
        for wave in self._waves():
            if cascade is not None and await self._is_enough(cascade):
                for record in left.values():
                    self._book(record, State.SKIPPED, reason=cascade.reason, spared=True)
                return
            await self._begin(await self._affordable([left.pop(name) for name in wave]), tasks)

    def _waves(self) -> Iterator[Sequence[str]]:
        """Who is asked after whom. What members may cost is worked out when the free ones have started."""
        asked = {
            r.identity.name: self._members[r.identity.name] for r in self._ledger.records() if r.state.open
        }
        free = [name for name, member in asked.items() if member.cost is None]
        if free:
            yield free
        for name, member in asked.items():
            if member.cost is not None:
                self._costs[name] = member.cost(self._prompt_for(name, self._prompt))
        if self._means.cascade is not None and self._means.cascade.tiers:
            yield from tiers(self._costs)
        elif self._costs:
            yield list(self._costs)

    async def _is_enough(self, cascade: Cascade) -> bool:
        """Wait for those who were asked; whether nobody else has to be. Never before anybody was."""
        if not self._tasks:
            return False
        await asyncio.wait(self._tasks)
        await self._unwritten.join()  # what was set aside and not spent is there for the next ones
        if self._stopped:
            return False
        asked = {task.get_name() for task in self._tasks}
        members = [identity for identity in self._identities if identity.name in asked]
        return cascade.is_enough(self._curator.verdict(provisional=True), members)

    async def _begin(self, asked: Iterable[Record], tasks: asyncio.TaskGroup) -> None:
        for record in asked:
            if len(self._tasks) % WAVE == 0:
                await asyncio.sleep(0)
            if self._stopped:
                break
            name = record.identity.name
            self._tasks.append(tasks.create_task(self._ask(self._members[name], record), name=name))

    async def _affordable(self, asked: Sequence[Record]) -> Sequence[Record]:
        """Those whose money is set aside; the others are booked with the reason."""
        costs = self._costs
        wants = [
            Want(each.identity, costs[each.identity.name]) for each in asked if each.identity.name in costs
        ]
        if self._stopped or not wants:
            return asked
        refused = await self._means.purse.reserve(wants)
        for record in asked:
            if refusal := refused.get(record.identity.name):
                self._book(record, State.SKIPPED, reason=f"budget: {refusal.reason}")
        return [record for record in asked if record.identity.name not in refused]

    async def _ask(self, member: Member, record: Record) -> None:
        """Ask one member, listen to its end, book how it ended; every event of every member passes here."""
        name = record.identity.name
        self._ledger.begin(record, self._now())
        self._mailbox.put(MemberStarted(name, record.started))
        narrow(member.deadline)
        lane = self._mailbox.lane(name)
        add = record.fold.add
        limit = asyncio.timeout(member.deadline)
        fault: Fault | None = None
        try:
            async with limit, member.model.stream(self._prompt_for(name, self._prompt)) as events:
                async for event in events:
                    add(event)
                    if isinstance(event, Text):
                        lane.put_text(event.text)
                    elif isinstance(event, Reasoning):
                        lane.put_reasoning(event.text)
                    elif not isinstance(event, ToolCallDelta):
                        lane = self._note(record, lane, event)
                        continue
                    if record.first_token is None:
                        record.first_token = self._now() - record.started
        except asyncio.CancelledError:
            lane.close()
            self._book_cancelled(record, asked=True)
            raise
        except Failure as failure:
            fault = failure.fault
        except TimeoutError as error:
            fault = _timed_out(member, error, expired=limit.expired())
        except Exception as error:  # noqa: BLE001 - a defect in one model must not end the others
            fault = Internal(f"{type(error).__name__} in {member.model.name}: {error}").fault
        lane.close()
        if fault is None and not record.fold.ended:
            fault = Truncated("the model stopped without an end").fault
        self._book(record, State(fault.category.value) if fault else State.ANSWERED, fault=fault)

    def _note(self, record: Record, lane: Lane, event: Event) -> Lane:
        """What is told on the way to an answer; the lane for what follows."""
        name, now = record.identity.name, self._now()
        match event:
            case Waiting():
                self._ledger.hold(record, event.reason, now)
                self._mailbox.put(MemberWaiting(name, now, event.reason, event.seconds))
            case AttemptBegan():
                again = record.tells
                self._ledger.begin_attempt(record, event, now)
                if again:
                    self._mailbox.put(MemberStarted(name, now))
            case AttemptEnded():
                self._ledger.end_attempt(record, event, now)
            case Restarted():
                record.first_token = None
                lane.drop()
                self._mailbox.put(MemberRestarted(name, event.reason))
                return self._mailbox.lane(name)
            case _:
                pass  # the fold has it
        return lane

    def _book_cancelled(self, record: Record, *, asked: bool) -> None:
        match self._stopped:
            case "deadline":
                fault = _too_late(record, f"no end within the run's deadline of {self._deadline:g} s")
                self._book(record, State.TIMED_OUT, fault=fault)
            case "interrupted":
                self._book(record, State.INTERRUPTED, reason="interrupted before this model had ended")
            case "wait":
                reason = "the wait policy was met before this model had ended"
                self._book(record, State.CANCELLED, reason=reason, spared=True)
            case "decided":
                state = State.CANCELLED if asked else State.SKIPPED
                reason = DECIDED if self._stop_rule.kind == "certain" else LIKELY
                self._book(record, state, reason=reason, spared=True)
            case _:
                self._book(record, State.CANCELLED, reason="the run was stopped before this model had ended")

    def _book_unasked(self) -> None:
        """Who ended earlier stands as it did; who is not to be asked is booked with the reason."""
        for record in self._ledger.records():
            name = record.identity.name
            if outcome := self._landed.get(name):
                self._ledger.keep(record, outcome)
                self._tell(outcome)
            elif reason := self._members[name].declined:
                self._book(record, State.SKIPPED, reason=reason)

    def _book(
        self,
        record: Record,
        state: State,
        *,
        fault: Fault | None = None,
        reason: str = "",
        spared: bool = False,
    ) -> None:
        outcome = self._ledger.end(record, state, self._now(), fault=fault, reason=reason)
        if spared:
            name = outcome.member.name
            reserved, seconds = self._costs.get(name, Decimal(0)), self._latency(self._members[name])
            self._spared.append(Spared(outcome=outcome, reserved=reserved, seconds=seconds))
        self._tell(outcome, spared=spared)

    def _tell(self, outcome: Outcome, *, spared: bool = False) -> None:
        """A member has ended: the books, the verdict and the reader hear of it."""
        self._unwritten.put_nowait(outcome)
        if self._curator.add(outcome, spared=spared):
            self._mailbox.verdict_changed()
        self._mailbox.put(MemberEnded(outcome))
        self._look()
        self._decide()

    def _decide(self) -> None:
        """Ask the rule for stopping whether the rest has to be waited for."""
        if self._stopped or self._stop_rule.kind == "never" or not self._ledger.open:
            return
        rule, curator = self._stop_rule, self._curator
        if rule.met(curator.outlook(risk=rule.risk)):
            curator.settle()  # groups that become one may have more votes than the one that leads
            if rule.met(curator.outlook(risk=rule.risk)):
                self.stop("decided")

    def _look(self) -> None:
        """Ask the wait policy; under all but `fast`, being met ends the turn."""
        if self._wait_over or not self._ledger.open or not self._wait.met(self):
            return
        self._wait_over = True
        self._mailbox.put(WaitMet(self._curator.verdict(), self._ledger.open))
        if not self._wait.lingers:
            self.stop("wait")

    def _now(self) -> float:
        return self._loop.time() - self._start

    # --- the books ---

    async def _write(self) -> None:
        """Write down who has ended, and settle what that cost, as many at a time as there are."""
        last = False
        while not last:
            group = [await self._unwritten.get()]
            while not self._unwritten.empty():
                group.append(self._unwritten.get_nowait())
            ended = [outcome for outcome in group if outcome is not None]
            last = len(ended) < len(group)
            for outcome in ended:
                await self._journal.outcome(self.run, self.number, outcome)
            await self._means.purse.settle(ended)
            for _ in group:
                self._unwritten.task_done()

    async def _finish(self) -> None:
        if self._curator.has_close_calls:
            await asyncio.to_thread(self._curator.settle, closely=True)
        verdict = self._curator.verdict()
        self.ended = RunEnded(
            run=self.run,
            turn=self.number,
            verdict=replace(verdict, saved=saved(self._spared)) if self._spared else verdict,
            states={state.value: count for state, count in self._ledger.states.items()},
            duration=self._now(),
            stopped=self._stopped,
        )
        await self._journal.finish(self.ended)
        self._mailbox.put(self.ended)


def _too_late(record: Record, message: str) -> Fault:
    """Of a member that has not ended within the turn: whether it was slow, or had to wait."""
    if record.held_since is None:
        return TimedOut(message).fault
    hint = "It was held back and not slow; raise --deadline, or ask fewer models of this provider at once."
    return TimedOut(f"{message}, when it waited for {record.held_for}", hint=hint).fault


def _timed_out(member: Member, error: TimeoutError, *, expired: bool) -> Fault:
    if expired:
        return TimedOut(f"no end within the {member.deadline:g} s given to this model").fault
    return Internal(f"{member.model.name}: {error!r}").fault
