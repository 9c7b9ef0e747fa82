"""What refusals of the messages dialect mean: category, wait, words and hints.

The sentences were collected from public reports of users; the codes are those of the official client.
"""

from __future__ import annotations

import json

import pytest

from panvox.dialects import refusals
from panvox.dialects.anthropic import Anthropic
from panvox.errors import Category, Fault, Retry

NOW = 1_795_233_500.0  # 2026-11-21T03:58:20Z


def said(kind: str, message: str = "m", code: str | None = None) -> dict[str, object]:
    error = {"type": kind, "message": message, **({"details": {"error_code": code}} if code else {})}
    return {"type": "error", "error": error, "request_id": "req_1"}


def fault(status: int, body: object = b"", /, **headers: str) -> Fault:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusals.failure(status, spelled, data, now=NOW).fault


MINUTE = (
    "This request would exceed your organization's rate limit of {} per minute (org: o, model: m). For "
    "details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for "
    "current usage. Please reduce the prompt length or the maximum tokens requested, or try again later. You "
    "may also contact sales to discuss your options for a rate limit increase."
)
GROWS = (
    "This request would exceed your organization's maximum usage increase rate for input tokens per minute."
)
CONCURRENT = "Number of concurrent connections has exceeded your rate limit. Please try again later."
DAILY = "Number of request tokens has exceeded your daily rate limit; see the response headers."

LIMITS: dict[str, tuple[object, dict[str, str], Category, str, float | None]] = {
    "requests": (
        said("rate_limit_error", MINUTE.format("50 requests")),
        {"retry_after": "12"},
        Category.RATE_LIMITED,
        "requests",
        12.0,
    ),
    "requests, said by the headers alone": (
        said("rate_limit_error", "This request would exceed your account's rate limit."),
        {
            "anthropic_ratelimit_requests_remaining": "0",
            "anthropic_ratelimit_requests_reset": "2026-11-21T03:59:20Z",
            "anthropic_ratelimit_tokens_remaining": "9000",
            "anthropic_ratelimit_tokens_reset": "2026-11-21T04:59:20Z",
        },
        Category.RATE_LIMITED,
        "requests",
        60.0,
    ),
    "tokens": (
        said("rate_limit_error", MINUTE.format("30,000 input tokens")),
        {"retry_after": "7"},
        Category.RATE_LIMITED,
        "tokens",
        7.0,
    ),
    "tokens, said by the headers alone": (
        said("rate_limit_error", "Rate limited"),
        {
            "anthropic_ratelimit_input_tokens_remaining": "0",
            "anthropic_ratelimit_input_tokens_reset": "2026-11-21T03:58:30Z",
        },
        Category.RATE_LIMITED,
        "tokens",
        10.0,
    ),
    "concurrency": (said("rate_limit_error", CONCURRENT), {}, Category.RATE_LIMITED, "concurrency", None),
    "burst": (said("rate_limit_error", GROWS), {"retry_after": "3"}, Category.RATE_LIMITED, "burst", 3.0),
    "burst, by its code": (
        said("rate_limit_error", "Slow down.", "ramp_limit_exceeded"),
        {},
        Category.RATE_LIMITED,
        "burst",
        None,
    ),
    "daily quota": (said("rate_limit_error", DAILY), {}, Category.OUT_OF_QUOTA, "rate_limit_error", None),
    "a limit that stays for hours": (
        said("rate_limit_error"),
        {"retry_after": "86400"},
        Category.OUT_OF_QUOTA,
        "rate_limit_error",
        86400.0,
    ),
    "money": (
        said("rate_limit_error", "m", "enforced_spend_limit_reached"),
        {},
        Category.OUT_OF_MONEY,
        "enforced_spend_limit_reached",
        None,
    ),
    "money for long contexts": (
        said("rate_limit_error", "Extra usage is required for long context requests."),
        {},
        Category.OUT_OF_MONEY,
        "rate_limit_error",
        None,
    ),
    "too large": (
        said(
            "rate_limit_error", "Request too large: Limit 10,000, Requested 12,000 input tokens per minute."
        ),
        {},
        Category.TOO_LARGE,
        "rate_limit_error",
        None,
    ),
    "no access": (
        said("rate_limit_error", MINUTE.format("0 input tokens")),
        {"retry_after": "5"},
        Category.FORBIDDEN,
        "rate_limit_error",
        5.0,
    ),
}


@pytest.mark.parametrize("kind", LIMITS)
def test_the_kinds_of_429_are_told_apart(kind: str) -> None:
    body, headers, category, code, wait = LIMITS[kind]
    found = fault(429, body, **headers)
    assert (found.category, found.code, found.status) == (category, code, 429)
    assert found.wait == (pytest.approx(wait) if wait is not None else None)
    assert (found.retry is Retry.LATER) is (category is Category.RATE_LIMITED)


CREDIT = (
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
)
MONTHLY = (
    "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
)
CONTEXT = "input length and `max_tokens` exceed context limit: 199000 + 21333 > 200000, decrease input length"
OUTPUT = (
    "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5"
)

OTHERS: list[tuple[int, object, Category]] = [
    (
        400,
        said("invalid_request_error", "messages: at least one message is required"),
        Category.INVALID_REQUEST,
    ),
    (
        400,
        said("invalid_request_error", "`temperature` is deprecated for this model."),
        Category.INVALID_REQUEST,
    ),
    (
        400,
        said("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
        Category.TOO_LARGE,
    ),
    (400, said("invalid_request_error", CONTEXT), Category.TOO_LARGE),
    (400, said("invalid_request_error", OUTPUT), Category.TOO_LARGE),
    (400, said("invalid_request_error", CREDIT), Category.OUT_OF_MONEY),
    (400, said("invalid_request_error", MONTHLY), Category.OUT_OF_QUOTA),
    (400, said("invalid_request_error", "Output blocked by content filtering policy"), Category.REFUSED),
    (400, said("invalid_request_error", "This organization has been disabled."), Category.FORBIDDEN),
    (400, said("invalid_request_error", "m", "organization_on_hold"), Category.FORBIDDEN),
    (400, said("invalid_request_error", "m", "a_code_of_tomorrow"), Category.INVALID_REQUEST),
    (401, said("authentication_error", "invalid x-api-key"), Category.UNAUTHORISED),
    (402, said("billing_error", "Your credit balance is too low"), Category.OUT_OF_MONEY),
    (
        403,
        said("permission_error", "Your API key does not have permission to use the model"),
        Category.FORBIDDEN,
    ),
    (404, said("not_found_error", "model: claude-9"), Category.UNKNOWN_MODEL),
    (409, said("conflict_error"), Category.INVALID_REQUEST),
    (413, said("request_too_large", "Request exceeds the maximum size"), Category.TOO_LARGE),
    (500, said("api_error", "Internal server error"), Category.OVERLOADED),
    (503, b"upstream connect error", Category.OVERLOADED),
    (504, said("timeout_error", "Request timed out"), Category.OVERLOADED),
    (529, said("overloaded_error", "Overloaded"), Category.OVERLOADED),
    (529, b"", Category.OVERLOADED),
]


@pytest.mark.parametrize(("status", "body", "category"), OTHERS)
def test_every_other_refusal_has_its_category(status: int, body: object, category: Category) -> None:
    found = fault(status, body)
    assert (found.category, found.status) == (category, status), found
    assert found.message
    assert found.hint


def test_a_spent_month_tells_the_day_of_its_return() -> None:
    found = fault(400, said("invalid_request_error", MONTHLY))
    assert found.wait == 10 * 86400 - (3 * 3600 + 58 * 60 + 20)


def test_a_refusal_is_told_in_the_providers_words_with_the_name_of_the_request() -> None:
    failure = Anthropic().failure(
        529, {"Request-Id": "req_2"}, json.dumps(said("overloaded_error", "Overloaded")).encode()
    )
    assert (failure.fault.message, failure.fault.code, failure.fault.request_id) == (
        "Overloaded",
        "overloaded_error",
        "req_2",
    )
    assert failure.fault.retry is Retry.LATER
    assert fault(529, said("overloaded_error")).request_id == "req_1"
