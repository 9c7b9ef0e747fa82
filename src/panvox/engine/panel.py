"""A panel is a model: many are asked, one answer comes up."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from panvox.engine.run import Member, Run
from panvox.errors import Failure, Fault, Overloaded, failure_from
from panvox.messages import Answer, End, Event, Finish, Outcome, Prompt, Reasoning, Text, Usage, UsageReport
from panvox.protocols import Journal
from panvox.waiting import Wait


class Panel:
    """Members behind one name. Its events: the best answer's reasoning and text, the usage of all, an end."""

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        *,
        journal: Journal,
        wait: Wait | None = None,
        deadline: float | None = None,
    ) -> None:
        self.name = name
        self._members = tuple(members)
        self._journal = journal
        self._wait = wait
        self._deadline = deadline

    @asynccontextmanager
    async def stream(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Event]]:
        """Ask all members; see `Model`. Where nobody answers, the most common failure is raised."""
        run = Run(self._members, journal=self._journal)
        async with run.turn(prompt, wait=self._wait, deadline=self._deadline) as turn:

            async def events() -> AsyncIterator[Event]:
                ended = await turn.wait_ended()
                answers = {o.member.name: o.answer for o in turn.outcomes if o.answered and o.answer}
                best = answers.get(ended.verdict.best or "")
                if best is None:
                    raise common_failure(turn.outcomes)
                for event in _said(best, total_usage(turn.outcomes)):
                    yield event

            yield events()


def _said(answer: Answer, usage: Usage) -> Iterable[Event]:
    if answer.reasoning:
        yield Reasoning(answer.reasoning)
    if answer.text:
        yield Text(answer.text)
    yield UsageReport(usage)
    yield End(answer.finish or Finish.OTHER, answer.model)


def total_usage(outcomes: Iterable[Outcome]) -> Usage:
    """What all calls used together; the cost is None if nobody told one."""
    usages = [o.answer.usage for o in outcomes if o.answer and o.answer.usage]
    costs = [usage.cost for usage in usages if usage.cost is not None]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        cost=sum(costs, Decimal(0)) if costs else None,
    )


def common_failure(outcomes: Iterable[Outcome]) -> Failure:
    """The failure that most members share; its message tells how many."""
    faults = [outcome.fault for outcome in outcomes if outcome.fault]
    if not faults:
        return Overloaded("no member of the panel answered")
    counts: Counter[str] = Counter(fault.category.value for fault in faults)
    category, count = counts.most_common(1)[0]
    example: Fault = next(fault for fault in faults if fault.category.value == category)
    return failure_from(example, f"{count} of {len(faults)} members: {example.message}")
