"""Tokens and money of one call, in all the shapes that providers report them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from panvox.dialects.chunks import Chunk
from panvox.dialects.foreign import count, fields_at
from panvox.messages import Usage

_DEAREST = 1_000_000  # USD; what costs more is not a price


def usage_of(chunk: Chunk) -> Usage | None:
    """The tokens and the cost that `chunk` tells of; None if it tells of neither."""
    fields = chunk.usage
    if not fields and isinstance(chunk.x_groq, dict):
        fields = chunk.x_groq.get("usage")
    if not isinstance(fields, dict):
        fields = {}
    cost = _cost(fields.get("cost"), fields.get("estimated_cost"), chunk.cost)
    if not fields and cost is None:
        return None
    cached = _first(fields, "prompt_cache_hit_tokens", "cache_read_input_tokens")
    prompt = _first(fields, "prompt_tokens", "input_tokens")
    completion = _first(fields, "completion_tokens", "output_tokens")
    reasoning = _detail(fields, "completion_tokens_details", "output_tokens_details", name="reasoning_tokens")
    total = count(fields.get("total_tokens")) or 0
    if prompt and total - prompt - completion != cached:
        completion = max(completion, total - prompt)  # xAI counts thinking apart, Google in the total alone
    return Usage(
        prompt_tokens=prompt or cached + _first(fields, "prompt_cache_miss_tokens"),
        completion_tokens=completion,
        reasoning_tokens=reasoning,
        cached_tokens=_detail(fields, "prompt_tokens_details", "input_tokens_details", name="cached_tokens")
        or cached,
        cost=cost,
    )


def merge(earlier: Usage | None, later: Usage) -> Usage:
    """`later`; but a report of tokens alone, or of cost alone, leaves the other as it was."""
    if earlier is None:
        return later
    cost = earlier.cost if later.cost is None else later.cost
    newest = later if later.prompt_tokens or later.completion_tokens else earlier
    return msgspec.structs.replace(newest, cost=cost)


def _detail(fields: Mapping[str, object], *places: str, name: str) -> int:
    """A number of tokens that stands in one of `places`, or beside the others."""
    return next(
        filter(None, (_first(fields_at(fields, place), name) for place in places)), _first(fields, name)
    )


def _first(fields: Mapping[str, object], *names: str) -> int:
    """The number of tokens under the first of `names` that has one; otherwise 0."""
    found = (count(fields.get(name)) for name in names)
    return next((tokens for tokens in found if tokens is not None), 0)


def _cost(*places: object) -> Decimal | None:
    """USD: a number, its text, or an object with the total (Perplexity)."""
    for place in places:
        told = place.get("total_cost") if isinstance(place, dict) else place
        if isinstance(told, bool) or not isinstance(told, int | float | str):
            continue
        try:
            cost = Decimal(str(told)[:100])
        except InvalidOperation:
            continue
        if cost.is_finite() and 0 <= cost <= _DEAREST:
            return cost
    return None
