"""The plan of a review, out of a session: who would be asked what, under the limits and prices in force.

Nothing is sent, and no money is set aside.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from panvox.catalog.entries import LOCAL, Entry, Probe
from panvox.compose.stack import identity_of
from panvox.errors import StoreError
from panvox.limits.projection import Call
from panvox.messages import Prompt
from panvox.protocols import Limits, Refusal, Scope, Want
from panvox.review.fitting import Fit
from panvox.review.material import Material
from panvox.review.planning import Candidate, Plan, plan_of, seconds_of

if TYPE_CHECKING:
    from panvox.compose.session import Session

_LOCAL_SCOPE = Scope("provider", LOCAL)


async def plan_review(
    session: Session,
    material: Material,
    entries: Sequence[Entry],
    fits: Mapping[str, Fit],
    *,
    instructions: str = "",
    declined: Mapping[str, str] | None = None,
    tag: str = "",
    deadline: float | None = None,
) -> Plan:
    """What a review of `material` by `entries` would send, cost and take.

    `fits` has what each is asked, by name; `declined` why some are not asked, by name.
    """
    probes = await session.probes()
    planner = _Planner(session, probes)
    candidates = await asyncio.to_thread(
        lambda: tuple(
            planner.candidate(entry, fits[entry.name], (declined or {}).get(entry.name, ""))
            for entry in entries
        )
    )
    refused, notes = await _refused(session, entries, candidates, tag)
    keeping, clock = session.keeping, time.time()
    return plan_of(
        material,
        candidates,
        planner.limits,
        instructions=instructions,
        refused=refused,
        used=keeping.limiter.entries(shortest=0.0),
        clock=clock,
        paused={each.scope: each.paused for each in keeping.limiter.standing() if each.paused},
        deadline=deadline,
        notes=notes,
    )


async def _refused(
    session: Session, entries: Sequence[Entry], candidates: Sequence[Candidate], tag: str
) -> tuple[Mapping[str, Refusal], tuple[str, ...]]:
    """Those for whom there is no money, and sentences on that; the cheapest come first, as when asked."""
    wants = [
        Want(identity_of(entry), candidate.most)
        for entry, candidate in zip(entries, candidates, strict=True)
        if not candidate.reason and candidate.most
    ]
    try:
        return (await session.till.refusals(wants, tag=tag) if wants else {}), ()
    except StoreError as error:
        return {}, (f"what was spent cannot be read, so that no limit on money is heeded here: {error}",)


class _Planner:
    """Calls and their price, model by model; keys of a provider take turns."""

    def __init__(self, session: Session, probes: Mapping[str, Probe]) -> None:
        self._session = session
        self._probes = probes
        self._turns: Counter[str] = Counter()

    def limits(self, scope: Scope) -> Limits:
        """What holds for a scope; the model on this machine has its places."""
        if scope == _LOCAL_SCOPE:
            return Limits(slots=self._session.settings.local.samples)
        return self._session.keeping.in_force(scope)

    def candidate(self, entry: Entry, fit: Fit, declined: str) -> Candidate:
        """One model, with its calls and what they cost."""
        till, prompts = self._session.till, _prompts(fit)
        expected = [till.expected(entry, prompt) for prompt in prompts]
        known = [each for each in expected if each is not None]
        return Candidate(
            model=entry.name,
            provider=entry.provider,
            fit=fit,
            calls=tuple(self._calls(entry, prompts)),
            free=entry.free or entry.provider == LOCAL,
            expected=sum(known, Decimal(0)) if len(known) == len(expected) else None,
            most=sum((till.cost(entry, prompt) for prompt in prompts), Decimal(0)),
            declined=declined,
        )

    def _calls(self, entry: Entry, prompts: Sequence[Prompt]) -> Iterator[Call]:
        probe = self._probes.get(entry.name)
        estimates = self._session.keeping.estimates
        for prompt in prompts:
            tokens, answer = estimates.of(entry.name, prompt)
            answer = answer if entry.max_output is None else min(answer, entry.max_output)
            yield Call(
                scopes=self._scopes(entry),
                model=entry.name,
                input_tokens=tokens,
                output_tokens=answer,
                seconds=seconds_of(answer, probe.latency if probe is not None else None),
                chain=entry.name,
            )

    def _scopes(self, entry: Entry) -> tuple[Scope, ...]:
        if entry.provider == LOCAL:
            return (_LOCAL_SCOPE,)
        ways = self._session.ways(entry)
        turn = self._turns[entry.provider]
        self._turns[entry.provider] += 1
        return ways[turn % len(ways)]


def _prompts(fit: Fit) -> tuple[Prompt, ...]:
    """What is asked; calls that read notes are taken for as long as the longest that makes some."""
    if not fit.prompts or not fit.more:
        return fit.prompts
    longest = max(fit.prompts, key=lambda prompt: len(prompt.question))
    return (*fit.prompts, *[longest] * fit.more)
