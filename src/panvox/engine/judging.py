"""Asks models to judge and to synthesise: bounded, within a deadline, paid like any call.

    Hearing                asks many questions of few models, books what each came to, settles their money
    judge, synthesise      the pure parts of curation, with somebody to ask

Nothing here raises for what a model does: a judgement or synthesis that failed says why, and the verdict
stands.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from panvox.curation.curate import lineage_of
from panvox.curation.judging import judge as court
from panvox.curation.judging import synthesis as writing
from panvox.curation.judging.tournament import Judge, Pairing, Tournament
from panvox.deadline import narrow
from panvox.engine.ledger import Ledger, Record
from panvox.engine.run import Member
from panvox.errors import Failure, Fault, Internal, TimedOut, Truncated
from panvox.messages import AttemptBegan, AttemptEnded, Event, Outcome, Prompt, Restarted, State, Waiting
from panvox.protocols import Purse, Want
from panvox.verdicts import Judgement, Synthesis, Verdict

TAG = "judge"
"""Under which the money of judges and synthesisers counts."""

AT_ONCE = 8
"""Questions on their way at once."""

PATIENCE = 2
"""Replies of a judge that may be missing or unreadable; after that it is not asked again."""


class Hearing:
    """Questions about one turn that is over, asked of models; after so many `seconds` it ends for all.

    Where it is left early, money of calls that were under way counts as spent once the purse is closed.
    `cost` is what all of it came to in USD, None while nobody told.
    """

    def __init__(self, purse: Purse, *, run: str, turn: int, seconds: float) -> None:
        self.cost: Decimal | None = None
        self._purse = purse
        self._turn = run, turn
        self._seconds = seconds
        self._until = asyncio.get_running_loop().time() + seconds
        self._start = asyncio.get_running_loop().time()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, questions: Sequence[tuple[Member, Prompt]]) -> list[Outcome]:
        """An outcome for each question, in their order: also for those that no money was set aside for."""
        refused = await self._refused(questions)
        ended: dict[int, Outcome] = {}
        async with asyncio.TaskGroup() as tasks:
            for number, (member, prompt) in enumerate(questions):
                if reason := refused.get(member.identity.name):
                    ended[number] = Outcome(member=member.identity, state=State.SKIPPED, reason=reason)
                else:
                    tasks.create_task(self._one(number, member, prompt, ended), name=member.identity.name)
        outcomes = [ended[number] for number in range(len(questions))]
        await self._settle([each for each in outcomes if each.state is not State.SKIPPED])
        return outcomes

    async def _refused(self, questions: Sequence[tuple[Member, Prompt]]) -> Mapping[str, str]:
        """Why models must not be asked; money is set aside for all questions of a model at once."""
        run, turn = self._turn
        self._purse.begin(run=run, turn=turn, tag=TAG)
        wanted: dict[str, Want] = {}
        for member, prompt in questions:
            if member.cost is not None:
                name = member.identity.name
                before = wanted[name].amount if name in wanted else Decimal(0)
                wanted[name] = Want(member.identity, before + member.cost(prompt))
        found = await self._purse.reserve(list(wanted.values())) if wanted else {}
        return {name: f"budget: {refusal.reason}" for name, refusal in found.items()}

    async def _one(self, number: int, member: Member, prompt: Prompt, ended: dict[int, Outcome]) -> None:
        async with self._slots:
            ended[number] = await self._listened(member, prompt)

    async def _listened(self, member: Member, prompt: Prompt) -> Outcome:
        ledger = Ledger((member.identity,))
        (record,) = ledger.records()
        ledger.begin(record, self._now())
        fault: Fault | None = None
        limit = asyncio.timeout_at(self._until)
        narrow(self._until - asyncio.get_running_loop().time())
        try:
            async with limit, member.model.stream(prompt) as events:
                async for event in events:
                    self._note(ledger, record, event)
        except Failure as failure:
            fault = failure.fault
        except TimeoutError as error:
            late = TimedOut(f"no end within the {self._seconds:g} s given to judging")
            fault = (late if limit.expired() else Internal(f"{member.model.name}: {error!r}")).fault
        except Exception as error:  # noqa: BLE001 - a defect in one model must not cost the verdict
            fault = Internal(f"{type(error).__name__} in {member.model.name}: {error}").fault
        if fault is None and not record.fold.ended:
            fault = Truncated("the model stopped without an end").fault
        state = State(fault.category.value) if fault else State.ANSWERED
        return ledger.end(record, state, self._now(), fault=fault, reason="")

    def _note(self, ledger: Ledger, record: Record, event: Event) -> None:
        record.fold.add(event)
        match event:
            case Waiting():
                ledger.hold(record, event.reason, self._now())
            case AttemptBegan():
                ledger.begin_attempt(record, event, self._now())
            case AttemptEnded():
                ledger.end_attempt(record, event, self._now())
            case Restarted():
                record.first_token = None
            case _:
                pass  # the fold has it

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._start

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        """What the questions cost, told member by member: its calls are attempts of one outcome."""
        by_member: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_member[outcome.member.name].append(outcome)
            if outcome.cost is not None:
                self.cost = (self.cost or Decimal(0)) + outcome.cost
        await self._purse.settle([_together(each) for each in by_member.values()])


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes of one member as one: all its attempts, and an answer where there is any."""
    kept = next((each for each in outcomes if each.answered), outcomes[-1])
    return replace(kept, attempts=tuple(attempt for each in outcomes for attempt in each.attempts))


# --- judging ---------------------------------------------------------------------------------------


async def judge(
    question: str,
    verdict: Verdict,
    outcomes: Sequence[Outcome],
    *,
    jury: Sequence[Member],
    hearing: Hearing,
    most: int,
    random: Random,
) -> Verdict:
    """The verdict after a `jury` has compared the answers that stand for it, `most` pairs at most."""
    entrants = court.candidates(verdict, outcomes, most=most, question=question)
    judges = tuple(member.identity.name for member in jury)
    if len(entrants) < 2:
        why = "there is only one answer" if entrants else "there is no answer"
        why += " that does not try to sway them" if len(verdict.groups) > len(entrants) else ""
        return replace(verdict, judgement=Judgement(judges=judges, failed=f"nobody was asked, since {why}"))
    leader = court.leader_of(verdict)
    tournament = Tournament(
        entrants,
        [Judge(member.identity.name, lineage_of(member.identity)) for member in jury],
        most=most,
        random=random,
        defended=leader is not None and entrants[0].member in leader.members,
    )
    session = _Session(question, outcomes, jury, hearing, random)
    while due := tournament.due:
        tournament.take(await session.rulings(due))
    judged = court.judged(verdict, tournament.finding(), session.sheets)
    told = judged.judgement
    assert told is not None  # noqa: S101 - for the type checker: `judged` always has one
    failed = session.explained(told.failed) if told.failed else ""
    return replace(judged, judgement=replace(told, cost=hearing.cost, failed=failed))


class _Session:
    """Sheets go out, rulings come back; who does not rule is not asked again."""

    def __init__(
        self,
        question: str,
        outcomes: Sequence[Outcome],
        jury: Sequence[Member],
        hearing: Hearing,
        random: Random,
    ) -> None:
        self.sheets: dict[Pairing, court.Sheet] = {}
        self._question = question
        self._answers = {outcome.member.name: outcome for outcome in outcomes}
        self._jury = {member.identity.name: member for member in jury}
        self._hearing = hearing
        self._random = random
        self._misses: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()

    async def rulings(self, due: Sequence[Pairing]) -> dict[Pairing, court.Ruling]:
        """What became of the pairings that were asked and could be read."""
        asked = [pairing for pairing in due if self._misses[pairing.judge] < PATIENCE]
        for pairing in asked:
            first, second = self._answers[pairing.first], self._answers[pairing.second]
            self.sheets[pairing] = court.sheet(self._question, first, second, self._random)
        questions = [(self._jury[pairing.judge], self.sheets[pairing].prompt) for pairing in asked]
        replies = await self._hearing.ask(questions)
        found: dict[Pairing, court.Ruling] = {}
        for pairing, outcome in zip(asked, replies, strict=True):
            said = self._read(pairing, outcome)
            if isinstance(said, court.Ruling):
                found[pairing] = said
            else:
                self._misses[pairing.judge] += 1
                self._troubles[f"{pairing.judge}: {said.reason}"] += 1
        return found

    def _read(self, pairing: Pairing, outcome: Outcome) -> court.Ruling | court.Unreadable:
        if outcome.answered:
            return court.ruling(outcome.text, self.sheets[pairing])
        return court.Unreadable(_why(outcome))

    def explained(self, failed: str) -> str:
        """Why the judgement failed, in the words of those who failed."""
        return _explained(failed, self._troubles)


def _why(outcome: Outcome) -> str:
    return outcome.fault.message if outcome.fault else outcome.reason


def _explained(failed: str, troubles: Counter[str]) -> str:
    named = "; ".join(text[:300] for text, _ in troubles.most_common(3))
    return f"{failed} ({named})" if named else failed


# --- synthesis -------------------------------------------------------------------------------------


async def synthesise(
    question: str,
    verdict: Verdict,
    outcomes: Sequence[Outcome],
    *,
    by: Member,
    room: writing.Room,
    hearing: Hearing,
    random: Random,
) -> Verdict:
    """The verdict with one text made of all answers, in as many levels as they take."""
    name = by.identity.name
    found = writing.sources(verdict, outcomes, question)
    if not found:
        nothing = Synthesis(by=name, failed="there is no answer to make a text of")
        return replace(verdict, synthesis=nothing)
    known = {source.label: source for source in found}
    parcels = writing.plan(found, room)
    calls = dropped = 0
    drafts: list[tuple[tuple[writing.Draft, ...], int]] = []
    troubles: Counter[str] = Counter()
    while parcels:
        asked = [writing.prompt_for(question, parcel, room, random) for parcel in parcels]
        replies = await hearing.ask([(by, prompt) for prompt, _ in asked])
        calls += len(asked)
        read = [_draft(outcome, code, known) for (_, code), outcome in zip(asked, replies, strict=True)]
        drafts = [each for each in read if not isinstance(each, str)]
        troubles.update(each for each in read if isinstance(each, str))
        dropped += sum(lost for _, lost in drafts)
        several = len(drafts) > 1
        parcels = writing.next_level([sentences for sentences, _ in drafts], room) if several else ()
    if drafts:
        text = writing.synthesis(name, drafts[0][0], found, dropped=dropped)
    else:
        text = Synthesis(by=name, failed=_explained("no draft came of it", troubles))
    return replace(verdict, synthesis=replace(text, calls=calls, cost=hearing.cost))


def _draft(
    outcome: Outcome, code: str, known: Mapping[str, writing.Source]
) -> tuple[tuple[writing.Draft, ...], int] | str:
    """What came of one parcel, or why nothing did."""
    if not outcome.answered:
        return _why(outcome)
    return writing.drafted(outcome.text, code, known) or "its reply is not the JSON it was asked for"
