"""Faults in which the provider declines the call, properly, in the words of its dialect."""

from __future__ import annotations

from panvox.errors import Category
from panvox.simulator.exchange import Complaint, Reason
from panvox.simulator.faults.acts import Fault, Refuse
from panvox.simulator.limits import DAY, Excess, Kind


def _reason(name: str, expects: Category, summary: str, reason: Reason | Excess) -> Fault:
    return Fault(name, expects, summary, Refuse(Complaint(reason=reason)))


REFUSALS = (
    _reason("bad-request", Category.INVALID_REQUEST, "400", Reason.INVALID),
    _reason(
        "context-exceeded", Category.TOO_LARGE, "400: the prompt exceeds the model's context", Reason.CONTEXT
    ),
    _reason("unauthorised", Category.UNAUTHORISED, "401: the key is wrong", Reason.UNAUTHORISED),
    _reason("payment-required", Category.OUT_OF_MONEY, "402: the credits are spent", Reason.PAYMENT),
    _reason("forbidden", Category.FORBIDDEN, "403: not in this region", Reason.FORBIDDEN),
    _reason("unknown-model", Category.UNKNOWN_MODEL, "404: listed, but gone", Reason.UNKNOWN_MODEL),
    _reason("request-too-large", Category.TOO_LARGE, "413", Reason.TOO_LARGE),
    _reason("unprocessable", Category.INVALID_REQUEST, "422", Reason.UNPROCESSABLE),
    _reason(
        "rate-limited",
        Category.RATE_LIMITED,
        "429: requests a minute, with retry-after",
        Excess(kind=Kind.REQUESTS, unit="requests", limit=20, used=20, requested=1, seconds=60.0, wait=20.0),
    ),
    _reason(
        "token-rate-limited",
        Category.RATE_LIMITED,
        "429: tokens a minute, with retry-after",
        Excess(
            kind=Kind.TOKENS, unit="tokens", limit=10_000, used=9_500, requested=900, seconds=60.0, wait=2.4
        ),
    ),
    _reason(
        "too-many-at-once",
        Category.RATE_LIMITED,
        "429: calls at the same time",
        Excess(kind=Kind.CONCURRENCY, unit="requests", limit=2, used=2, requested=1),
    ),
    _reason(
        "too-sudden",
        Category.RATE_LIMITED,
        "429: calls increase too fast",
        Excess(kind=Kind.BURST, unit="requests", limit=1, used=0, requested=1, wait=1.0),
    ),
    _reason(
        "daily-quota",
        Category.OUT_OF_QUOTA,
        "429: requests a day",
        Excess(
            kind=Kind.QUOTA, unit="requests", limit=200, used=200, requested=1, seconds=DAY, wait=25_932.0
        ),
    ),
    _reason(
        "insufficient-quota",
        Category.OUT_OF_MONEY,
        "429: the balance is spent",
        Excess(kind=Kind.MONEY, unit="tokens", limit=0, used=0, requested=1),
    ),
    _reason(
        "too-large-for-limit",
        Category.TOO_LARGE,
        "429: more tokens requested than the limit ever lets in",
        Excess(kind=Kind.TOO_LARGE, unit="tokens", limit=10_000, used=0, requested=12_000, seconds=60.0),
    ),
    _reason("server-error", Category.OVERLOADED, "500", Reason.SERVER_ERROR),
    _reason("bad-gateway", Category.OVERLOADED, "502: a relay's upstream failed", Reason.BAD_GATEWAY),
    _reason("unavailable", Category.OVERLOADED, "503", Reason.UNAVAILABLE),
    _reason("overloaded", Category.OVERLOADED, "529", Reason.OVERLOADED),
)
