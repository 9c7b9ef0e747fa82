"""A panel for a review: each member is asked what fits it, pays for all its calls, or is not asked at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from panvox.catalog.entries import Entry
from panvox.engine import Member
from panvox.messages import Prompt
from panvox.review.fitting import Fit, Fitting, Oversize, room_of
from panvox.review.piecewise import Piecewise

Tokens = Callable[[str, Prompt], int]
"""Tokens of a prompt, as the model of this name will count them."""


def members_fitted(
    members: Sequence[Member], entries: Mapping[str, Entry], fitting: Fitting, tokens: Tokens
) -> tuple[list[Member], dict[str, Fit]]:
    """Members that are asked what fits them, and how it was made to fit, by name.

    `entries` has what is known of each, by name; who is not there is asked the whole.
    """
    fits = dict(_fits(members, entries, fitting, tokens))
    return [_fitted(member, fits[member.identity.name], fitting) for member in members], fits


def _fits(
    members: Sequence[Member], entries: Mapping[str, Entry], fitting: Fitting, tokens: Tokens
) -> Iterator[tuple[str, Fit]]:
    for member in members:
        name = member.identity.name
        entry = entries.get(name)
        room = room_of(entry, fitting.max_tokens) if entry is not None else None
        yield name, fitting.fit(room, partial(tokens, name))


def _fitted(member: Member, fit: Fit, fitting: Fitting) -> Member:
    if member.declined:
        return member
    if not fit.prompts:
        return replace(member, declined=fit.note)
    if fitting.oversize is Oversize.SKIP:
        return member
    cost = None if member.cost is None else partial(cost_of_all, fit, member.cost)
    latency = None if member.latency is None else member.latency * fit.calls
    return replace(member, model=Piecewise(member.model, fit, fitting), cost=cost, latency=latency)


def cost_of_all(fit: Fit, cost: Callable[[Prompt], Decimal], _asked: Prompt | None = None) -> Decimal:
    """USD that all calls under `fit` may cost, where `cost` tells it of one.

    A call that reads notes is taken for as dear as the dearest that makes some. What the engine asks is left
    aside.
    """
    costs = [cost(prompt) for prompt in fit.prompts]
    return sum(costs, Decimal(0)) + fit.more * max(costs, default=Decimal(0))
