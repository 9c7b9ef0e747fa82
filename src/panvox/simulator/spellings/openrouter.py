"""How OpenRouter spells refusals: the status as the code, and a word for the kind of error beside it.

Source: its API reference. It tells of limits on its own 429 alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from panvox.simulator.exchange import Complaint, Page, Reason, page_of
from panvox.simulator.limits import DAY, Excess, Kind
from panvox.simulator.spelling import Standing
from panvox.simulator.spellings import openai
from panvox.simulator.wording import sentence


class _Spelling(NamedTuple):
    """Status, kind and usual sentence of an error; and the provider behind, where that one failed."""

    status: int
    kind: str
    message: str
    provider: str = ""


_CREDITS = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
_SPELLINGS: Mapping[Reason, _Spelling] = {
    Reason.INVALID: _Spelling(400, "invalid_request", "Invalid request."),
    Reason.CONTEXT: _Spelling(
        400,
        "context_length_exceeded",
        "This endpoint's maximum context length is {context} tokens. However, you requested about {tokens} "
        "tokens.",
    ),
    Reason.UNAUTHORISED: _Spelling(401, "authentication", "User not found."),
    Reason.NO_KEY: _Spelling(401, "authentication", "No auth credentials found"),
    Reason.PAYMENT: _Spelling(402, "payment_required", _CREDITS),
    Reason.FORBIDDEN: _Spelling(403, "permission_denied", "This model is not available in your region."),
    Reason.UNKNOWN_MODEL: _Spelling(404, "not_found", "No endpoints found for {model}."),
    Reason.UNKNOWN_PATH: _Spelling(404, "not_found", "Not Found"),
    Reason.TOO_LARGE: _Spelling(413, "payload_too_large", "Request body is too large."),
    Reason.UNPROCESSABLE: _Spelling(422, "unprocessable", "Input should be a valid list of messages."),
    Reason.SERVER_ERROR: _Spelling(500, "server", "Internal Server Error"),
    Reason.BAD_GATEWAY: _Spelling(502, "provider_unavailable", "Provider returned error", "Acme"),
    Reason.UNAVAILABLE: _Spelling(503, "provider_unavailable", "No instances available"),
    Reason.OVERLOADED: _Spelling(503, "provider_overloaded", "Provider returned error", "Acme"),
}


def complain(complaint: Complaint) -> Page:
    """A refusal as a reply."""
    if isinstance(complaint.reason, Excess):
        return _complain_of_excess(complaint.reason, complaint)
    spelling = _SPELLINGS[complaint.reason]
    usual = spelling.message.format(model=complaint.model, context=complaint.context, tokens=complaint.tokens)
    return _error(spelling._replace(message=complaint.message or usual))


def _error(spelling: _Spelling, headers: Mapping[str, str] | None = None) -> Page:
    behind = {"provider_name": spelling.provider} if spelling.provider else {}
    metadata = {"error_type": spelling.kind, **behind}
    body = {"code": spelling.status, "message": spelling.message, "metadata": metadata}
    return page_of({"error": body}, status=spelling.status, headers=headers)


def _complain_of_excess(excess: Excess, complaint: Complaint) -> Page:
    if excess.kind is Kind.MONEY:
        return _error(_SPELLINGS[Reason.PAYMENT])
    told = sentence(excess, where=f"for {complaint.model or 'this model'}")
    if excess.unit == "requests" and excess.seconds in {60.0, DAY}:
        word = "day" if excess.seconds == DAY else "min"
        told = f"Rate limit exceeded: free-models-per-{word}. {told}"
    headers = {"X-RateLimit-Limit": str(excess.limit), "X-RateLimit-Remaining": "0"}
    if excess.wait is not None:
        headers["Retry-After"] = str(math.ceil(excess.wait))
        headers["X-RateLimit-Reset"] = str(
            math.ceil((complaint.now + excess.wait) * 1000)
        )  # as clients read it
    return _error(_Spelling(429, "rate_limit_exceeded", told), headers)


def headers(standing: Standing) -> dict[str, str]:
    """The id of the request, and nothing about limits."""
    return {"x-request-id": standing.request}


VOICE = replace(openai.VOICE, complain=complain, headers=headers)
"""Chat completions, as OpenRouter relays them."""
