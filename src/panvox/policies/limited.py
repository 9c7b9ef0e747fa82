"""Calls go out when all limits allow it, and tell what they wait for."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack

from panvox.deadline import remaining
from panvox.errors import Failure, Owner, RateLimited, TooLarge
from panvox.limits.estimates import Estimates
from panvox.messages import End, Event, Prompt, ReplyBegan, Usage, UsageReport, Waiting
from panvox.policies.policy import Policy
from panvox.protocols import Demand, Hold, Limiter, Model, Permit, Scope

TOLD = 0.25
"""Seconds of a wait that is worth telling: nobody sees a shorter one."""


class Limited(Policy):
    """A model that is asked only with a permit for all of `scopes`, the narrowest first.

    Raises `TooLarge` for a prompt that no limit can ever let pass, and `RateLimited` as soon as it is certain
    that the limits leave no room for the call before its deadline: then nothing has gone out.
    """

    def __init__(
        self, model: Model, *, limiter: Limiter, scopes: Sequence[Scope], estimates: Estimates
    ) -> None:
        self.name = model.name
        self._model = model
        self._limiter = limiter
        self._scopes = tuple(scopes)
        self._estimates = estimates

    async def _events(self, prompt: Prompt, stack: AsyncExitStack) -> AsyncGenerator[Event, None]:
        call = _Call(self._limiter.permit(self._demand(prompt)))
        stack.callback(call.close)
        while (hold := await call.permit.wait()) is not None:
            self._check(hold)
            if hold.seconds is None or hold.seconds >= TOLD:
                yield Waiting(hold.reason, hold.seconds)
        call.out = True
        try:
            events = await stack.enter_async_context(self._model.stream(prompt))
            async for event in events:
                call.note(event)
                yield event
        except Failure as failure:
            call.over = True
            call.permit.failed(failure.fault)
            raise
        if call.usage is not None:
            self._estimates.learn(self.name, prompt, call.usage)

    def _demand(self, prompt: Prompt) -> Demand:
        asked, answered = self._estimates.of(self.name, prompt)
        return Demand(scopes=self._scopes, model=self.name, input_tokens=asked, output_tokens=answered)

    def _check(self, hold: Hold) -> None:
        """Raise for a wait that is of no use."""
        if not hold.certain or hold.seconds is None:
            return
        if math.isinf(hold.seconds):
            raise TooLarge(
                f"the call needs more {hold.what} than {hold.scope} may use within the time of its limit",
                hint="Shorten the prompt, lower --max-tokens, or raise the limit in the settings.",
            )
        if hold.seconds > remaining():
            raise RateLimited(
                f"not asked: {hold.scope} {_held(hold, hold.seconds)}, which is after the deadline",
                hint="It can be asked after that; until then leave it out, or raise --deadline."
                if hold.what == "pause"
                else "Raise --deadline, or ask fewer models of this provider at once.",
                owner=Owner.US,  # who asked has too little time; nothing is wrong with the key
                wait=hold.seconds,
                code=hold.what,
            )


def _held(hold: Hold, seconds: float) -> str:
    """What keeps a scope from being asked for so many `seconds`, as the end of a sentence."""
    if seconds < 120:
        span = f"{seconds:.0f} s"
    else:
        span = f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
    match hold.what:
        case "pause":
            return f"was refused and rests for another {span}"
        case "requests" | "tokens" | "slots":
            return f"has no {hold.what} left for another {span}"
        case _:
            return f"is not free for another {span}"


class _Call:
    """A call with its permit, from the line to its end."""

    def __init__(self, permit: Permit) -> None:
        self.permit = permit
        self.out = False
        self.over = False
        self.usage: Usage | None = None

    def note(self, event: Event) -> None:
        """What the call tells of itself."""
        if type(event) is ReplyBegan:
            self.permit.replied(event)
        elif type(event) is UsageReport:
            self.usage = event.usage
        elif type(event) is End:
            self.over = True
            if self.usage is not None:
                self.permit.used(self.usage)

    def close(self) -> None:
        """The provider may still be at a call that went out and has not ended."""
        self.permit.close(aborted=self.out and not self.over)
