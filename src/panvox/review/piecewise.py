"""A model that is asked piece by piece, and answers like one that was asked once.

steps       what is asked, one call after the other
Together    the events of all calls → those of one
Piecewise   a Model around a Model, of both
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal

from panvox.errors import Category, Failure, Truncated, failure_from
from panvox.messages import End, Event, Finish, Prompt, Reasoning, Restarted, Text, Usage, UsageReport
from panvox.policies.policy import Policy
from panvox.protocols import Model
from panvox.review.digesting import digest
from panvox.review.fitting import Fit, Fitting, Oversize

HALVINGS = 1
"""How often a model that finds its prompt too large is asked half as much at once."""

HALVINGS_UNKNOWN = 4
"""The same where nobody knows its context: down to a sixteenth of the material."""

_WORST_FIRST = (Finish.FILTERED, Finish.LENGTH, Finish.OTHER, Finish.TOOL_CALLS, Finish.STOP)


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `heading` stands above what comes of it, `aside` if that is no part of the answer.

    `where` names the call to people, empty for one that is all there is.
    """

    prompt: Prompt
    heading: str = ""
    where: str = ""
    aside: bool = False


def steps(fit: Fit, fitting: Fitting, together: Together) -> Iterator[Step]:
    """What is asked under `fit`; what came of a call is taken from `together` when the next is wanted."""
    count = len(fit.prompts)
    if count == 1 and fit.how != Oversize.SUMMARISE.value:
        yield Step(fit.prompts[0])
        return
    summed = fit.how == Oversize.SUMMARISE.value
    notes: list[str] = []
    for number, (prompt, title) in enumerate(zip(fit.prompts, fit.titles, strict=True), 1):
        what = "Notes on part" if summed else "Part"
        heading = f"## {what} {number} of {count}: {_one_line(title)}\n\n"
        yield Step(prompt, heading, f"part {number} of {count}", aside=summed)
        notes.append(together.text)
    while summed:
        prompts = digest(fitting.instructions, notes, space=fit.space or 0, max_tokens=fitting.max_tokens)
        notes, summed, count = [], len(prompts) > 1, len(prompts)
        for number, prompt in enumerate(prompts, 1):
            heading = f"## Notes on notes {number} of {count}\n\n" if summed else ""
            yield Step(prompt, heading, "the review of the notes on all parts", aside=summed)
            notes.append(together.text)


class Together:
    """Events of several calls, one after the other, as those of one.

    Texts stand under their headings, those that are aside as reasoning; usage is the sum; a call that begins
    anew leaves the earlier ones as they were.
    """

    def __init__(self, spent: Usage | None = None) -> None:
        """`spent` is what calls before these took, whose texts count for nothing."""
        self._kept: list[Text | Reasoning] = []
        self._spent = spent
        self._finishes: list[Finish] = []
        self._model = ""
        self._lead, self._aside = "", False
        self._clear()

    def _clear(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._usage: Usage | None = None
        self._ended = False

    @property
    def text(self) -> str:
        """What the last call said, without its heading."""
        return "".join(self._texts)

    @property
    def spent(self) -> Usage | None:
        """What all calls took so far, as far as it was told."""
        return _sum(self._spent, self._usage)

    @property
    def end(self) -> End:
        """The end of all: the worst that any has come to."""
        return End(min(self._finishes, key=_WORST_FIRST.index), self._model)

    def check_ended(self, step: Step) -> None:
        """Raise `Truncated` for a call that is over and has told no end."""
        if not self._ended:
            raise _named(Truncated("the model stopped without an end"), step.where)

    def begin(self, step: Step) -> None:
        """Another call begins; the one before has ended."""
        said = Reasoning if self._aside else Text
        if self._thoughts:
            self._kept.append(Reasoning("".join(self._thoughts)))
        if self._texts:
            self._kept.append(said(self._lead + "".join(self._texts)))
        self._spent = self.spent
        self._lead = ("\n\n" if self._kept and step.heading else "") + step.heading
        self._aside = step.aside
        self._clear()

    def told(self, event: Event) -> Iterator[Event]:
        """What is told of an event of the call."""
        match event:
            case Text(text):
                lead = "" if self._texts else self._lead
                self._texts.append(text)
                yield Reasoning(lead + text) if self._aside else (Text(lead + text) if lead else event)
            case Reasoning(text):
                self._thoughts.append(text)
                yield event
            case UsageReport(usage):
                self._usage = usage
                yield UsageReport(_sum(self._spent, usage) or usage)
            case End(finish, model):
                self._ended = True
                self._finishes.append(finish)
                self._model = model
            case Restarted():
                self._clear()
                yield event
                yield from self._replay()
            case _:
                yield event

    def _replay(self) -> Iterator[Event]:
        """All that has come of calls that have ended."""
        yield from self._kept
        if self._spent is not None:
            yield UsageReport(self._spent)


class Piecewise(Policy):
    """A `Model` that asks another one the prompts of `fit`, whatever prompt it is given itself.

    Its text is that of all parts; where it sums up, that of the last call, and the notes come as reasoning.
    Each call tells of its attempts, and usage is that of all. If one part fails all fail, with a message that
    names the part: a review that misses a part is none, and what has come before stays in the outcome. A
    model that finds a prompt too large is asked anew in smaller parts, a few times at most.
    """

    def __init__(self, model: Model, fit: Fit, fitting: Fitting) -> None:
        """`fit` is one of `fitting`, and has prompts."""
        self.name = model.name
        self._model = model
        self._fit = fit
        self._fitting = fitting

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        fit, together = self._fit, Together()
        halvings = HALVINGS_UNKNOWN if fit.room is None else HALVINGS
        way = steps(fit, self._fitting, together)
        while (step := next(way, None)) is not None:
            together.begin(step)
            call = await stack.enter_async_context(AsyncExitStack())
            smaller: Fit | None = None
            try:
                events = await call.enter_async_context(self._model.stream(step.prompt))
                async for event in events:
                    for told in together.told(event):
                        yield told
            except Failure as failure:
                smaller = self._smaller(fit, failure) if halvings else None
                if smaller is None:
                    raise _named(failure, step.where) from failure
            await call.aclose()
            if smaller is None:
                together.check_ended(step)
                continue
            yield Restarted(
                f"{self.name} found the prompt too large; next: {smaller.note.partition(': ')[2]}"
            )
            if together.spent is not None:
                yield UsageReport(together.spent)
            fit, halvings, together = smaller, halvings - 1, Together(together.spent)
            way = steps(fit, self._fitting, together)
        yield together.end

    def _smaller(self, fit: Fit, failure: Failure) -> Fit | None:
        """What is asked in place of `fit`, which was too large."""
        return self._fitting.smaller(fit) if failure.category is Category.TOO_LARGE else None


def _named(failure: Failure, where: str) -> Failure:
    fault = failure.fault
    return failure_from(fault, f"{where}: {fault.message}" if where else None)


def _one_line(title: str) -> str:
    if title.isprintable():
        return title
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in title)


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    costs = [each.cost for each in (one, other) if each.cost is not None]
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        cost=sum(costs, Decimal(0)) if costs else None,
    )
