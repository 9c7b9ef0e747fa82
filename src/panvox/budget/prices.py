"""What a call costs: expected before it goes out, counted after it; exact decimals, pure."""

from __future__ import annotations

from decimal import Decimal

from panvox.messages import Outcome, State, Usage
from panvox.protocols import Prices

_MILLION = Decimal(1_000_000)
_NOTHING = Decimal(0)

_MAY_HAVE_COST = frozenset(
    {State.ANSWERED, State.CANCELLED, State.INTERRUPTED, State.TIMED_OUT, State.TRUNCATED}
)
"""Attempts that a provider may charge for: it was at work when they ended."""


def expected_cost(
    reserve: Prices, *, input_tokens: int, output_tokens: int, unknown_price: Decimal
) -> Decimal:
    """USD that a call may cost by the prices in `reserve`.

    All tokens of the answer count as thinking where that is dearer. A price that nobody tells is
    `unknown_price` per million tokens, or what is told of the other side if that is more.
    """
    written = max((price for price in (reserve.output, reserve.reasoning) if price is not None), default=None)
    ceiling = max(unknown_price, _exact(reserve.input), _exact(written))
    price_in = ceiling if reserve.input is None else _exact(reserve.input)
    price_out = ceiling if written is None else _exact(written)
    return (input_tokens * price_in + output_tokens * price_out) / _MILLION + _exact(reserve.request)


def is_priced(prices: Prices) -> bool:
    """Whether it is known what tokens cost on both sides."""
    return prices.input is not None and prices.output is not None


def cost_of(usage: Usage, prices: Prices, *, free: bool = False) -> Decimal | None:
    """USD that a call cost: what the provider says, else its tokens at these prices; else None."""
    if usage.cost is not None:
        return usage.cost
    if free:
        return _NOTHING
    if prices.input is None or prices.output is None:
        return None
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    thought = min(usage.reasoning_tokens, usage.completion_tokens)
    return (
        (usage.prompt_tokens - cached) * _exact(prices.input)
        + cached * _exact(prices.input if prices.cached is None else prices.cached)
        + (usage.completion_tokens - thought) * _exact(prices.output)
        + thought * _exact(prices.output if prices.reasoning is None else prices.reasoning)
    ) / _MILLION + _exact(prices.request)


def spent_on(outcome: Outcome) -> Decimal | None:
    """USD that a member came to; None where nobody can tell.

    An attempt that the provider refused costs nothing unless something else is known. One that was cut off
    while the provider was at work may have cost anything.
    """
    unknown = [attempt for attempt in outcome.attempts if attempt.cost is None and not attempt.cached]
    if any(attempt.state in _MAY_HAVE_COST for attempt in unknown):
        return outcome.cost if len(unknown) == len(outcome.attempts) else None
    return _NOTHING if outcome.cost is None else outcome.cost


def _exact(price: float | None) -> Decimal:
    """As people wrote it: 0.1 is a tenth."""
    return _NOTHING if price is None else Decimal(str(price))
